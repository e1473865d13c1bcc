//! Project Wycheproof's vectors for what signs tokens: the message stands for header and payload.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;

const ES256: &str =
    include_str!("../../../tests/vectors/wycheproof/ecdsa_secp256r1_sha256_p1363_test.json");
const RS256: &str =
    include_str!("../../../tests/vectors/wycheproof/rsa_signature_2048_sha256_test.json");

fn hex(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

/// A coordinate as JWK writes it: 32 bytes, whatever stood before them.
fn coordinate(value: &Value) -> String {
    let bytes = hex(value);
    let zeros = vec![0; 32_usize.saturating_sub(bytes.len())];
    let padded = [zeros, bytes].concat();
    URL_SAFE_NO_PAD.encode(&padded[padded.len() - 32..])
}

fn ec_key(group: &Value) -> Value {
    let key = &group["publicKey"];
    json!({"kty": "EC", "crv": "P-256", "x": coordinate(&key["wx"]), "y": coordinate(&key["wy"])})
}

fn rsa_key(group: &Value) -> Value {
    let mut key = group["keyJwk"].clone();
    key.as_object_mut().unwrap().remove("kid");
    key
}

/// How many were accepted, and the numbers of good ones that were refused.
fn run(text: &str, algorithm: Algorithm, key: fn(&Value) -> Value) -> (usize, Vec<i64>) {
    let file: Value = serde_json::from_str(text).unwrap();
    let (mut accepted, mut refused) = (0, Vec::new());
    for group in file["testGroups"].as_array().unwrap() {
        let key = VerificationKey::from_jwk(&key(group)).unwrap();
        for test in group["tests"].as_array().unwrap() {
            // Header and payload are text; a vector whose message is not is none for tokens.
            let Ok(message) = String::from_utf8(hex(&test["msg"])) else {
                continue;
            };
            let token = Jws(Compact {
                algorithm,
                key_id: None,
                typ: None,
                signed: &message,
                signature: hex(&test["sig"]),
                payload: Vec::new(),
            });
            let is_accepted = token.is_signed(algorithm, &key);
            accepted += usize::from(is_accepted);
            let number = test["tcId"].as_i64().unwrap();
            match (test["result"].as_str().unwrap(), is_accepted) {
                ("valid", false) => refused.push(number),
                ("invalid", true) => panic!("a false accept: {test}"),
                _ => {}
            }
        }
    }
    (accepted, refused)
}

#[test]
fn ecdsa_signatures_of_tokens_are_accepted_only_when_right() {
    let (accepted, refused) = run(ES256, Algorithm::ES256, ec_key);
    assert!(accepted > 150, "{accepted}");
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn rsa_signatures_of_tokens_are_accepted_only_when_right() {
    let (accepted, refused) = run(RS256, Algorithm::RS256, rsa_key);
    assert!(accepted >= 7, "{accepted}");
    assert!(refused.is_empty(), "{refused:?}");
}
