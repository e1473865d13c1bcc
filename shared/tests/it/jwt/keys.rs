//! Keys of every kind, with signatures that the library for signing makes.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse::jwt::{Algorithm, KeyRing, VerificationKey, verify_signature};
use serde_json::{Value, json};

fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn signed(algorithm: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let header = json!({"alg": algorithm}).to_string();
    let text = format!("{}.{}", part(header), part("payload"));
    let signature = sign(text.as_bytes());
    format!("{text}.{}", part(signature))
}

fn holds(token: &str, jwk: &Value) -> bool {
    let keys = KeyRing::from_jwk_set(&json!({"keys": [jwk]})).unwrap();
    verify_signature(token, &keys).is_ok()
}

/// Every algorithm of public keys, a key for it, and what that key signs.
fn pairs() -> Vec<(&'static str, Value, String)> {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let n = part(&rsa.public_key().as_ref()[9..265]);
    let mut pairs = Vec::new();
    let encodings: [(&str, &'static dyn RsaEncoding); 6] = [
        ("RS256", &RSA_PKCS1_SHA256),
        ("RS384", &RSA_PKCS1_SHA384),
        ("RS512", &RSA_PKCS1_SHA512),
        ("PS256", &RSA_PSS_SHA256),
        ("PS384", &RSA_PSS_SHA384),
        ("PS512", &RSA_PSS_SHA512),
    ];
    for (name, encoding) in encodings {
        let token = signed(name, |text| {
            let mut signature = vec![0; rsa.public_modulus_len()];
            let random = SystemRandom::new();
            rsa.sign(encoding, &random, text, &mut signature).unwrap();
            signature
        });
        pairs.push((name, json!({"kty": "RSA", "n": n, "e": "AQAB"}), token));
    }
    let curves: [(&str, &str, &'static EcdsaSigningAlgorithm); 3] = [
        ("ES256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING),
        ("ES384", "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING),
        ("ES512", "P-521", &ECDSA_P521_SHA512_FIXED_SIGNING),
    ];
    for (name, curve, algorithm) in curves {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        let jwk = json!({"kty": "EC", "crv": curve, "x": part(x), "y": part(y)});
        let sign = |text: &[u8]| pair.sign(&SystemRandom::new(), text).unwrap();
        let token = signed(name, |text| sign(text).as_ref().to_vec());
        pairs.push((name, jwk, token));
    }
    let pair = Ed25519KeyPair::generate().unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": part(pair.public_key())});
    let token = signed("EdDSA", |text| pair.sign(text).as_ref().to_vec());
    pairs.push(("EdDSA", jwk, token));
    pairs
}

#[test]
fn each_algorithm_is_verified_with_its_own_key_alone() {
    let pairs = pairs();
    for (algorithm, _, token) in &pairs {
        for (named, jwk, _) in &pairs {
            let mut pinned = jwk.clone();
            pinned["alg"] = json!(named);
            assert_eq!(
                holds(token, &pinned),
                algorithm == named,
                "{algorithm} {named}"
            );
        }
    }
    for (algorithm, jwk, token) in &pairs {
        assert!(holds(token, jwk), "{algorithm} without `alg`");
    }
}

#[test]
fn a_key_that_is_not_whole_or_not_for_this_is_left_out() {
    for (algorithm, jwk, token) in pairs() {
        assert!(holds(&token, &jwk));
        for (name, value) in [
            ("use", json!("enc")),
            ("use", json!("")),
            ("use", json!(["sig"])),
            ("key_ops", json!([])),
            ("key_ops", json!(["sign"])),
            ("key_ops", json!("verify")),
            ("alg", json!("none")),
            ("alg", json!("HS256")),
            ("alg", json!("RSA-OAEP")),
            ("alg", json!("ECDH-ES")),
            ("alg", json!(7)),
            ("kid", json!(7)),
            ("kty", json!("oct")),
            ("kty", json!("AKP")),
            ("kty", json!("rsa")),
            ("d", json!("AQAB")),
            ("x", json!("AQAB=")),
            ("n", json!("AQAB=")),
        ] {
            let mut changed = jwk.clone();
            changed[name] = value.clone();
            // A member of keys of another kind means nothing.
            let is_of_kind = !matches!(name, "x" | "n") || jwk.get(name).is_some();
            assert_eq!(
                !holds(&token, &changed),
                is_of_kind,
                "{algorithm} {name}: {value}"
            );
        }
    }
}

#[test]
fn a_point_that_is_not_on_its_curve_is_left_out() {
    let pairs = pairs();
    for (algorithm, jwk, _) in pairs.iter().filter(|(name, ..)| name.starts_with("ES")) {
        let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
        for (y, what) in [
            (x.clone(), "another y"),
            (vec![0; x.len()], "zero"),
            (vec![0xff; x.len()], "not in the field"),
            (x[1..].to_vec(), "too short"),
            ([&[0], x.as_slice()].concat(), "too long"),
        ] {
            let mut changed = jwk.clone();
            changed["y"] = json!(part(y));
            let key = VerificationKey::from_jwk(&changed);
            assert!(key.is_none(), "{algorithm} {what}");
        }
    }
}

#[test]
fn an_exponent_that_proves_nothing_is_left_out() {
    let (_, jwk, _) = pairs().remove(0);
    for (e, is_taken) in [("AQAB", true), ("AAEAAQ", true), ("Aw", true)] {
        let mut changed = jwk.clone();
        changed["e"] = json!(e);
        assert_eq!(
            VerificationKey::from_jwk(&changed).is_some(),
            is_taken,
            "{e}"
        );
    }
    for e in ["", "AA", "AQ", "Ag", "AQAA"] {
        let mut changed = jwk.clone();
        changed["e"] = json!(e);
        assert!(VerificationKey::from_jwk(&changed).is_none(), "{e}");
    }
}

#[test]
fn a_secret_is_as_long_as_the_hash_and_for_one_algorithm() {
    for (algorithm, bytes) in [
        (Algorithm::HS256, 32),
        (Algorithm::HS384, 48),
        (Algorithm::HS512, 64),
    ] {
        let make = |length| VerificationKey::secret(None, algorithm, &vec![7; length]);
        assert!(make(bytes).is_some());
        assert!(make(bytes - 1).is_none());
        assert!(make(0).is_none());
        let shown = format!("{:?}", make(bytes).unwrap());
        assert!(!shown.contains('7'), "{shown}");
    }
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        assert!(VerificationKey::secret(None, algorithm, &[7; 64]).is_none());
    }
}
