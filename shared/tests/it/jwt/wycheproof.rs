//! Project Wycheproof's vectors for JSON Web Signatures and Keys, every one: what it calls invalid
//! is refused, and what it calls valid is accepted but for those listed here with the reason.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use gatehouse::jwt::{KeyRing, VerificationKey, verify_signature};
use serde_json::Value;

const SIGNATURES: &str = include_str!("../../vectors/wycheproof/json_web_signature_test.json");
const KEYS: &str = include_str!("../../vectors/wycheproof/json_web_key_test.json");

/// Valid signatures that are refused all the same.
const REFUSED: [(u64, &str); 6] = [
    (346, "the key's `alg` is PS256, and the signature's PS384"),
    (347, "the key's `alg` is ES521, which is no algorithm"),
    (350, "the key's `alg` is PS256, and the signature's PS384"),
    (351, "the key's `alg` is ES521, which is no algorithm"),
    (372, "the header's base64url holds another character"),
    (373, "the payload's base64url holds another character"),
];

/// The vectors contradict themselves: these are called invalid, and are, to the letter and under the
/// same key, the text that 357 calls valid. The padding that they are named after is not there.
const SAME_AS_357: [u64; 2] = [367, 370];

/// What the keys of a group are to whoever verifies: public ones as an issuer publishes them,
/// secrets as they are configured, each for one algorithm.
fn key_ring(group: &Value) -> KeyRing {
    if let Some(public) = group.get("public") {
        let set = match public.get("keys") {
            Some(_) => public.clone(),
            None => serde_json::json!({"keys": [public]}),
        };
        return KeyRing::from_jwk_set(&set).unwrap();
    }
    let private = &group["private"];
    let keys = match private["keys"].as_array() {
        Some(keys) => keys.clone(),
        None => vec![private.clone()],
    };
    // Secrets are never in one set with other keys.
    if keys.iter().any(|key| key["kty"] != "oct") {
        return KeyRing::from_jwk_set(&serde_json::json!({"keys": keys})).unwrap();
    }
    KeyRing::new(keys.iter().filter_map(secret).collect())
}

fn secret(jwk: &Value) -> Option<VerificationKey> {
    // One of the secrets has bits left over. That is not what its test is about.
    let lenient = GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));
    let secret = lenient.decode(jwk["k"].as_str()?).unwrap();
    let algorithm = jwk["alg"].as_str()?.parse().ok()?;
    let id = jwk["kid"].as_str().map(str::to_owned);
    VerificationKey::secret(id, algorithm, &secret)
}

/// How many of each result there are, and the valid ones that are refused.
fn run(file: &str) -> (usize, usize, Vec<u64>) {
    let is_signatures = file == SIGNATURES;
    let file: Value = serde_json::from_str(file).unwrap();
    let (mut valid, mut invalid, mut refused) = (0, 0, Vec::new());
    for group in file["testGroups"].as_array().unwrap() {
        let keys = key_ring(group);
        let tests = group["tests"].as_array().unwrap();
        let text_357 = tests.iter().find(|test| test["tcId"] == 357);
        let text_357 = text_357.map(|test| &test["jws"]);
        for test in tests {
            let id = test["tcId"].as_u64().unwrap();
            let text = match &test["jws"] {
                Value::String(compact) => compact.clone(),
                object => object.to_string(),
            };
            let is_accepted = verify_signature(&text, &keys).is_ok();
            match test["result"].as_str().unwrap() {
                "valid" => {
                    valid += 1;
                    if !is_accepted {
                        refused.push(id);
                    }
                }
                "invalid" if is_signatures && SAME_AS_357.contains(&id) => {
                    invalid += 1;
                    assert_eq!(Some(&test["jws"]), text_357);
                    assert!(is_accepted);
                }
                "invalid" => {
                    invalid += 1;
                    let comment = &test["comment"];
                    assert!(!is_accepted, "{id} ({comment}) is accepted: {text}");
                }
                other => panic!("an unknown result: {other}"),
            }
        }
    }
    assert_eq!(Some(valid + invalid), number(&file["numberOfTests"]));
    (valid, invalid, refused)
}

fn number(value: &Value) -> Option<usize> {
    value.as_u64()?.try_into().ok()
}

#[test]
fn signatures_are_told_apart() {
    let listed: Vec<u64> = REFUSED.iter().map(|(id, _)| *id).collect();
    assert_eq!(run(SIGNATURES), (46, 355, listed));
}

#[test]
fn keys_are_told_apart() {
    assert_eq!(run(KEYS), (5, 21, Vec::new()));
}
