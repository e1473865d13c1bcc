use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use super::*;
use crate::domain::{Clock, Randomness, Timestamp};

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        "2026-11-24T12:00:00Z".parse().unwrap()
    }
}

impl Randomness for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn fixed() -> Sources {
    Sources {
        clock: Arc::new(Fixed),
        randomness: Arc::new(Fixed),
    }
}

fn proof(of: ProofOf<'_>) -> (DpopKey, String) {
    let key = DpopKey::read(&DpopKey::generate().unwrap()).unwrap();
    let proof = key.proof(of, &fixed()).unwrap();
    (key, proof)
}

/// RFC 9449 section 4.2.
#[test]
fn a_proof_is_for_one_request_with_one_token() {
    let url = "https://a.example/token?x=1#y".parse().unwrap();
    let (key, proof) = proof(ProofOf {
        method: &Method::POST,
        url: &url,
        access_token: Some("token"),
        nonce: Some("n"),
    });
    let header = decode_header(&proof).unwrap();
    assert_eq!(header.typ.as_deref(), Some("dpop+jwt"));
    let public: Jwk = header.jwk.unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let public_key = DecodingKey::from_jwk(&public).unwrap();
    let claims = decode::<Value>(&proof, &public_key, &validation)
        .unwrap()
        .claims;
    assert_eq!(claims["htm"], "POST");
    assert_eq!(claims["htu"], "https://a.example/token");
    assert_eq!(claims["nonce"], "n");
    let hash = URL_SAFE_NO_PAD.encode(Sha256::digest("token"));
    assert_eq!(claims["ath"], hash);
    assert!(claims["jti"].as_str().unwrap().len() >= 22);
    let text = serde_json::to_value(&public).unwrap();
    let canonical = format!(
        r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#,
        text["x"], text["y"]
    );
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical));
    assert_eq!(key.thumbprint(), thumbprint);
}

#[test]
fn what_is_no_key_is_not_read() {
    for bytes in [&b""[..], b"x", &[0; 64]] {
        let error = DpopKey::read(bytes).unwrap_err();
        assert!(matches!(error, OauthError::Configuration(_)));
    }
}

#[test]
fn a_nonce_is_for_the_origin_that_said_it() {
    let nonces = DpopNonces::default();
    let [a, b]: [Url; 2] =
        ["https://a.example/x", "https://b.example/x"].map(|u| u.parse().unwrap());
    let mut headers = HeaderMap::new();
    assert!(!nonces.keep(&a, &headers));
    headers.insert("dpop-nonce", HeaderValue::from_static("n1"));
    assert!(nonces.keep(&a, &headers));
    assert_eq!(nonces.get(&a).as_deref(), Some("n1"));
    assert_eq!(
        nonces
            .get(&"https://a.example/y".parse().unwrap())
            .as_deref(),
        Some("n1")
    );
    assert_eq!(nonces.get(&b), None);
    headers.insert(
        "dpop-nonce",
        HeaderValue::from_str(&"n".repeat(1025)).unwrap(),
    );
    assert!(!nonces.keep(&b, &headers));
}
