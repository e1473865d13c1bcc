//! What a request holds is never taken for a part of the template.

use proptest::prelude::*;

use super::declarations::declare;
use super::{Case, NOW, hmac_sha256};

const VERIFICATION: &str = r#"
headers = [{ signature = "a-signature", timestamp = "a-time", id = "a-id" }]
grammar = { kind = "single" }
signed = "{id}:{method}:{path}:{header:a-extra}:{timestamp}:{body}:{body-sha256}"
tolerance = { unit = "seconds", seconds = 60 }
versions = [{ algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "hex" }]
"#;

fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "{body}",
        "{timestamp}",
        "{id}",
        "{url}",
        "{header:a-id}",
        "{",
        "}",
        "{{body}}",
        "$&",
        "$1",
        "%s",
        "\\0",
        "{body",
        "é",
    ]);
    prop_oneof![known.prop_map(str::to_owned), "[ -~]{0,8}"]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 1..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn each_placeholder_is_filled_in_once(id in text(), extra in text(), body in text()) {
        let ascii = |text: &str| text.replace('é', "e").trim().to_owned();
        let (id, extra) = (ascii(&id), ascii(&extra));
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes());
        let message = [
            &id, "POST", "/webhooks/a?b={body}", &extra, &NOW.to_string(), &body, &hex::encode(hash),
        ];
        let signature = hex::encode(hmac_sha256(b"secret", message.join(":").as_bytes()));
        let headers = [
            ("a-signature", signature.as_str()),
            ("a-time", &NOW.to_string()),
            ("a-id", &id),
            ("a-extra", &extra),
        ];
        let mut case = Case::new("secret", &headers, body.as_bytes());
        case.url = "https://example.com/webhooks/a?b={body}".to_owned();
        prop_assert!(case.by_scheme(&declare(VERIFICATION)).is_ok());
        case.body.push(b'}');
        prop_assert!(case.by_scheme(&declare(VERIFICATION)).is_err());
    }
}
