//! What a declaration can say, shown by providers that the catalogue may not have: each is a
//! declaration in a text, and is judged by the provider's vectors. No Rust is written for any.

use gatehouse::catalog::Scheme;
use gatehouse::signature::vectors::{Verdict, check_by};

use super::vectors;

/// A set of vectors, and how it is verified.
const DECLARATIONS: &[(&str, &str)] = &[
    (
        "workos/v1-ms",
        r#"
headers = [{ signature = "workos-signature" }]
grammar = { kind = "labelled", separator = ", ", label_end = "=", timestamp = "t" }
signed = "{timestamp}.{body}"
tolerance = { unit = "milliseconds", seconds = 180, future = "any" }
versions = [{ label = "v1", algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "hex" }]
"#,
    ),
    (
        "twitch/id-ts-body",
        r#"
headers = [{ signature = "twitch-eventsub-message-signature", timestamp = "twitch-eventsub-message-timestamp", id = "twitch-eventsub-message-id" }]
grammar = { kind = "single", prefix = "sha256=" }
signed = "{id}{timestamp}{body}"
tolerance = { unit = "rfc3339", seconds = 600 }
versions = [{ algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "hex" }]
"#,
    ),
    (
        "paddle/h1",
        r#"
headers = [{ signature = "paddle-signature" }]
grammar = { kind = "labelled", separator = ";", label_end = "=", timestamp = "ts" }
signed = "{timestamp}:{body}"
tolerance = { unit = "seconds", seconds = 5 }
versions = [{ label = "h1", algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "hex" }]
"#,
    ),
    (
        "discord/ed25519",
        r#"
headers = [{ signature = "x-signature-ed25519", timestamp = "x-signature-timestamp" }]
grammar = { kind = "single" }
signed = "{timestamp}{body}"
tolerance = { unit = "seconds" }
versions = [{ algorithm = "ed25519", key = { kind = "hex" }, encoding = "hex" }]
"#,
    ),
    (
        "square/hmacsha256",
        r#"
headers = [{ signature = "x-square-hmacsha256-signature" }]
grammar = { kind = "single" }
signed = "{url}{body}"
versions = [{ algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "base64" }]
"#,
    ),
    (
        "pagerduty/v1-list",
        r#"
headers = [{ signature = "x-pagerduty-signature" }]
grammar = { kind = "labelled", separator = ",", label_end = "=" }
signed = "{body}"
versions = [{ label = "v1", algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "hex" }]
"#,
    ),
    (
        "linkedin/hmacsha256-prefixed-content",
        r#"
headers = [{ signature = "x-li-signature" }]
grammar = { kind = "single" }
signed = "hmacsha256={body}"
versions = [{ algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "hex" }]
"#,
    ),
    (
        "teams/hmac-base64",
        r#"
headers = [{ signature = "authorization" }]
grammar = { kind = "single", prefix = "HMAC " }
signed = "{body}"
versions = [{ algorithm = "hmac-sha256", key = { kind = "base64" }, encoding = "base64" }]
"#,
    ),
    (
        "x/sha256-base64",
        r#"
headers = [{ signature = "x-twitter-webhooks-signature" }]
grammar = { kind = "single", prefix = "sha256=" }
signed = "{body}"
versions = [{ algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "base64" }]
"#,
    ),
    (
        "segment/sha1-hex",
        r#"
headers = [{ signature = "x-signature" }]
grammar = { kind = "single" }
signed = "{body}"
versions = [{ algorithm = "hmac-sha1", key = { kind = "text" }, encoding = "hex" }]
"#,
    ),
    (
        "bamboohr/body-timestamp-hex",
        r#"
headers = [{ signature = "x-bamboohr-signature", timestamp = "x-bamboohr-timestamp" }]
grammar = { kind = "single" }
signed = "{body}{timestamp}"
tolerance = { unit = "seconds", seconds = 300 }
versions = [{ algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "hex" }]
"#,
    ),
    (
        "zoom/v0",
        r#"
headers = [{ signature = "x-zm-signature", timestamp = "x-zm-request-timestamp" }]
grammar = { kind = "single", prefix = "v0=" }
signed = "v0:{timestamp}:{body}"
tolerance = { unit = "seconds", seconds = 300 }
versions = [{ algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "hex" }]
"#,
    ),
    (
        "gitlab/signing-token-standard-webhooks",
        r#"
headers = [{ signature = "webhook-signature", timestamp = "webhook-timestamp", id = "webhook-id" }]
grammar = { kind = "labelled", separator = " ", label_end = "," }
signed = "{id}.{timestamp}.{body}"
tolerance = { unit = "seconds", seconds = 300 }
versions = [{ label = "v1", algorithm = "hmac-sha256", key = { kind = "base64", prefix = "whsec_" }, encoding = "base64" }]
"#,
    ),
    (
        "line/hmac-sha256-base64",
        r#"
headers = [{ signature = "x-line-signature" }]
grammar = { kind = "single" }
signed = "{body}"
versions = [{ algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "base64" }]
"#,
    ),
];

pub(super) fn declare(verification: &str) -> Scheme {
    let text = format!("title = \"New\"\n[verification]\nkind = \"signature\"\n{verification}");
    Scheme::from_toml(&text).unwrap()
}

#[test]
fn a_declaration_is_enough_for_a_provider() {
    let vectors = vectors();
    for (set, verification) in DECLARATIONS {
        let scheme = declare(verification);
        let of_set = |provider: &str, name: &str| format!("{provider}/{name}") == *set;
        let mut judged = 0;
        for vector in vectors
            .iter()
            .filter(|vector| of_set(&vector.provider, &vector.scheme))
        {
            judged += 1;
            match check_by(&scheme, vector) {
                Verdict::Agrees => {}
                Verdict::Differs(_) if vector.policy_dependent => {}
                verdict => panic!("{}: {verdict:?}", vector.id),
            }
        }
        assert!(judged >= 10, "{set}: {judged} vectors");
    }
}

#[test]
fn a_declaration_that_would_verify_nothing_is_refused() {
    let refused = |verification: &str, expected: &str| {
        let text = format!("title = \"New\"\n[verification]\nkind = \"signature\"\n{verification}");
        let error = Scheme::from_toml(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let version = r#"{ algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "hex" }"#;
    let single = "headers = [{ signature = \"a\" }]\ngrammar = { kind = \"single\" }\n";
    let with = |rest: &str| format!("{single}versions = [{version}]\n{rest}");
    refused(&with("signed = \"fixed\""), "the body is not signed");
    refused(&with("signed = \"{timestamp}{body}\""), "nothing holds it");
    refused(&with("signed = \"{id}{body}\""), "no header holds it");
    refused(
        &with("signed = \"{secret}{body}\""),
        "`{secret}` is not known",
    );
    refused(&with("signed = \"{body}\"\ncolour = 1"), "colour");
    refused(
        &with("signed = \"{body}\"\ntolerance = { unit = \"seconds\" }"),
        "a timestamp that is signed",
    );
    refused(
        &format!("{single}signed = \"{{body}}\"\nversions = []"),
        "no kind of signature",
    );
    refused(
        &format!(
            "{single}signed = \"{{body}}\"\nversions = [{{ algorithm = \"ecdsa-p256-sha256\", key = {{ kind = \"text\" }}, encoding = \"hex\" }}]"
        ),
        "`p256-spki` goes with",
    );
    refused(
        &with("signed = \"{body}\"").replace("\"a\"", "\"X-A\""),
        "`X-A` is not a header in lower case",
    );
}
