//! What a declaration can say, shown by declarations in a text, each judged by the provider's vectors.
//! No Rust is written for any. The catalogue has many more, each with its vectors.

use gatehouse::catalog::{self, Scheme};
use gatehouse::signature::vectors::{Vector, Verdict, check_by};
use serde_json::{Value, json};

use super::vectors;

/// A set of vectors, and how it is verified.
const DECLARATIONS: &[(&str, &str)] = &[
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
        "linkedin/hmacsha256-prefixed-content",
        r#"
headers = [{ signature = "x-li-signature" }]
grammar = { kind = "single" }
signed = "hmacsha256={body}"
versions = [{ algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "hex" }]
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

/// The blocks of a kind in the page about adding a provider.
fn blocks(kind: &str) -> Vec<&'static str> {
    let page = include_str!("../../../../docs/adding-a-provider.md");
    let start = format!("```{kind}\n");
    let blocks = page.split(start.as_str()).skip(1);
    blocks
        .filter_map(|block| Some(block.split_once("```")?.0))
        .collect()
}

#[test]
fn a_file_and_a_vector_are_all_that_a_provider_takes() {
    let provider = catalog::parse("payment/example.toml", &blocks("toml").join("\n")).unwrap();
    let scheme = &provider.webhooks["example"];
    let vector: Value = serde_json::from_str(blocks("json")[0]).unwrap();
    let verdict = |vector: &Value| {
        let vector: Vector = serde_json::from_value(vector.clone()).unwrap();
        check_by(scheme, &vector)
    };
    assert_eq!(verdict(&vector), Verdict::Agrees);
    let wrong = [
        ("/body", json!("{}")),
        ("/secret", json!("another")),
        ("/now", json!(1_760_000_301)),
        ("/now", json!(1_759_999_699)),
        ("/headers/Example-Id", json!("evt_2")),
        ("/headers/Example-Time", json!("1760000001")),
        ("/headers/Example-Signature", json!("v1=00")),
    ];
    for (pointer, value) in wrong {
        let mut changed = vector.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert_ne!(verdict(&changed), Verdict::Agrees, "{pointer}");
        changed["valid"] = json!(false);
        assert_eq!(verdict(&changed), Verdict::Agrees, "{pointer}");
    }
}

#[test]
fn a_file_may_be_about_webhooks_alone() {
    let webhooks = blocks("toml").pop().unwrap();
    let with = |rest: &str| {
        let head = "name = \"X\"\ndocumentation = \"https://x.example/\"\nsources = []\n";
        catalog::parse("payment/x.toml", &format!("{head}{rest}\n{webhooks}"))
    };
    let provider = with("type = \"payment\"").unwrap();
    assert!(!provider.has_api());
    assert_eq!(provider.webhooks.len(), 1);
    assert!(with("").is_err(), "it has no type");
    // Half of what is known of an API is an error, not a file about webhooks.
    let error = with("type = \"payment\"\nbaseUrl = \"https://x.example\"");
    assert!(error.unwrap_err().to_string().contains("/api/verification"));
    let nothing =
        "name = \"X\"\ntype = \"payment\"\ndocumentation = \"https://x.example/\"\nsources = []\n";
    assert!(catalog::parse("payment/x.toml", nothing).is_err());
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
        &with("signed = \"{body}\"").replace("kind = \"text\"", "kind = \"rsa-spki\""),
        "`rsa-spki` goes with",
    );
    refused(
        &with("signed = \"{body}\"").replace("\"a\"", "\"X-A\""),
        "`X-A` is not a header in lower case",
    );
}

#[test]
fn a_token_that_is_nowhere_is_refused() {
    for (token, expected) in [
        (
            "at = { header = \"X-A\" }",
            "`X-A` is not a header in lower case",
        ),
        ("at = { query = \"\" }", "the parameter has no name"),
        (
            "at = \"basic\", prefix = \"a\"",
            "only a header has a prefix",
        ),
        ("at = \"body\"", "unknown variant"),
        ("prefix = \"a\"", "missing field `at`"),
    ] {
        let text = format!("title = \"New\"\nverification = {{ kind = \"token\", {token} }}");
        let error = Scheme::from_toml(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let text = "title = \"New\"\nevent_id = [{ join = [] }]\nverification = { kind = \"none\" }";
    let error = Scheme::from_toml(text).unwrap_err().to_string();
    assert!(error.contains("nothing is joined"), "{error}");
}
