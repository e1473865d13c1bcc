//! Assertions, checked with the public key by a library that did not make them.

use jsonwebtoken::{Algorithm, DecodingKey, TokenData, Validation, decode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use serde_json::json;

use super::*;

fn call(algorithm: &str, key: &str) -> Call {
    let config = json!({
        "algorithm": algorithm, "keyId": "{keyId}", "lifetimeSeconds": 120,
        "claims": {"iss": "{clientEmail}", "aud": ["https://a.example", "{user}"],
                   "sub_ids": {"email": "{user}"}, "level": 3},
        "use": {"kind": "bearer"},
    });
    let fields = [
        ("privateKey", key),
        ("keyId", "k1"),
        ("clientEmail", "bot@a.example"),
        ("user", "{not} a template"),
    ];
    Call::new(AuthMethod::Jwt, config, &fields, "https://a.example/")
}

fn verified(
    request: &OutboundRequest,
    algorithm: Algorithm,
    key: &DecodingKey,
) -> TokenData<Value> {
    let token = secret(request, "authorization")
        .strip_prefix("Bearer ")
        .unwrap();
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.set_audience(&["https://a.example"]);
    decode(token, key, &validation).unwrap()
}

/// An RSA key pair in PEM. Made by aws-lc-rs, which rcgen does not have for RSA in this build.
mod rsa_key {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::KeyPair as _;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    pub(super) struct Pair {
        pub(super) pem: String,
        pub(super) public: Vec<u8>,
    }

    pub(super) fn generate() -> Pair {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let base64 = STANDARD.encode(der.as_ref());
        Pair {
            pem: format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n"),
            public: pair.public_key().as_ref().to_vec(),
        }
    }
}

#[tokio::test]
async fn every_algorithm_is_verified_with_its_public_key() {
    let rsa = rsa_key::generate();
    let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let ed = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let shared = "0123456789abcdef0123456789abcdef";
    for (name, algorithm, key, public) in [
        (
            "RS256",
            Algorithm::RS256,
            rsa.pem.clone(),
            DecodingKey::from_rsa_der(&rsa.public),
        ),
        (
            "RS256",
            Algorithm::RS256,
            rsa.pem.replace('\n', "\\n"),
            DecodingKey::from_rsa_der(&rsa.public),
        ),
        (
            "ES256",
            Algorithm::ES256,
            ec.serialize_pem(),
            DecodingKey::from_ec_der(ec.public_key_raw()),
        ),
        (
            "EdDSA",
            Algorithm::EdDSA,
            ed.serialize_pem(),
            DecodingKey::from_ed_der(ed.public_key_raw()),
        ),
        (
            "HS256",
            Algorithm::HS256,
            shared.to_owned(),
            DecodingKey::from_secret(shared.as_bytes()),
        ),
    ] {
        let request = call(name, &key).sent().await.unwrap();
        let token = verified(&request, algorithm, &public);
        assert_eq!(token.header.kid.as_deref(), Some("k1"));
        assert_eq!(token.header.typ.as_deref(), Some("JWT"));
        let expected = json!({
            "iss": "bot@a.example", "aud": ["https://a.example", "{not} a template"],
            "sub_ids": {"email": "{not} a template"}, "level": 3,
            "iat": 1_795_521_600, "exp": 1_795_521_720, "jti": "07".repeat(16),
        });
        assert_eq!(token.claims, expected, "{name}");
    }
}

#[tokio::test]
async fn a_key_of_the_wrong_kind_or_size_is_named_and_not_shown() {
    let rsa = rsa_key::generate().pem;
    let small = include_str!("rsa_1024.pem");
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)
        .unwrap()
        .serialize_pem();
    let ed = KeyPair::generate_for(&PKCS_ED25519)
        .unwrap()
        .serialize_pem();
    for (algorithm, key) in [
        ("RS256", small),
        ("RS256", &ed),
        ("RS256", "canary"),
        ("ES256", &p384),
        ("ES256", &rsa),
        ("EdDSA", &rsa),
        ("HS256", "31 bytes are too few for HS256."),
    ] {
        let error = call(algorithm, key).sent().await.unwrap_err();
        let AuthError::UnusableField { field, .. } = &error else {
            panic!("{algorithm}: {error}")
        };
        assert_eq!(field, "privateKey");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("canary") && !shown.contains(key), "{shown}");
    }
}
