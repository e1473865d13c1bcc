//! Which algorithms a token may be signed with: those of the key, whatever the token says.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};

use super::*;

/// The modulus of an RSA key of 1024 bits, and a token that it has signed.
const WEAK_MODULUS: &str = concat!(
    "zM36_Sp7YKYo2FYASTfduXywwm5w5yIr4V2SFal1YPehP-6jMaTQkA7nRW1-KO3DUGNeoNbjn8qj2ozNb_k-bSB0",
    "FOYAn4Q89YVfyTtZlh-OtfZuLRU5LNuiil9luM3WJgmM3sI7UvTYy63DFkRRFXdmImjOhhhalChMtaPy9YE",
);
const WEAK_TOKEN: &str = concat!(
    "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6IndlYWsifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlc",
    "i5leGFtcGxlIiwiYXVkIjoiZ2F0ZWhvdXNlIiwic3ViIjoibWUiLCJvcmdfaWQiOiJvcmdfMDFLNzJaNVFTVzAxM",
    "jM0NTY3ODlBQkNERUYiLCJpYXQiOjE3NjAwMDAwMDAsImV4cCI6MTc2MDAwMDMwMH0.LbmwoAoro6qT7FCcS6O_V",
    "_JQqX6EaQ0sDDKko6gCoXU5Q2j7o5FPu0WTqLvrtYX8ft8alBP24SXAC7viIouCT0imBcJdzNZ74jcRj1nbd-3w2",
    "JPcNIQK8-R5Ry--52shuPpG0Ls_dauqD6LcYMCDzlfTm1oyGWXSeQkJs5JEq_0",
);

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn signed(algorithm: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let text = unsigned(&json!({"alg": algorithm, "kid": "key"}), &claims());
    let signature = URL_SAFE_NO_PAD.encode(sign(text.as_bytes()));
    format!("{text}.{signature}")
}

struct Rsa(RsaKeyPair);

impl Rsa {
    fn generate() -> Self {
        Self(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    /// An `RSAPublicKey` (RFC 8017) of 2048 bits holds its modulus at a fixed place.
    fn jwk(&self) -> Value {
        let modulus = &self.0.public_key().as_ref()[9..265];
        json!({"kty": "RSA", "kid": "key", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode(modulus)})
    }

    fn token(&self, algorithm: &str, encoding: &'static dyn RsaEncoding) -> String {
        signed(algorithm, |text| {
            let mut signature = vec![0; self.0.public_modulus_len()];
            let random = SystemRandom::new();
            self.0
                .sign(encoding, &random, text, &mut signature)
                .unwrap();
            signature
        })
    }
}

struct Ec(EcdsaKeyPair);

impl Ec {
    fn generate() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "kid": "key",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]),
            "y": URL_SAFE_NO_PAD.encode(&point[33..]),
        })
    }

    fn token(&self) -> String {
        signed("ES256", |text| {
            let signature = self.0.sign(&SystemRandom::new(), text).unwrap();
            signature.as_ref().to_vec()
        })
    }
}

/// What becomes of `token` if the issuer has the one key `jwk`.
async fn with_key(jwk: Value, token: &str) -> Result<OrganizationId, String> {
    verdict(&verifier(site(json!({"keys": [jwk]}))), token).await
}

#[tokio::test]
async fn each_kind_of_key_verifies_with_its_own_algorithms() {
    let (rsa, ec, ed) = (Rsa::generate(), Ec::generate(), issuer());
    let rs256 = rsa.token("RS256", &RSA_PKCS1_SHA256);
    let ps256 = rsa.token("PS256", &RSA_PSS_SHA256);
    let rs384 = rsa.token("RS384", &RSA_PKCS1_SHA384);
    let eddsa = ed.sign(&with(header(), "kid", json!("key")), &claims());
    let ed = with(ed.jwks()["keys"][0].clone(), "kid", json!("key"));
    for (name, jwk, token, expected) in [
        ("RSA, RS256", rsa.jwk(), &rs256, Ok(organization())),
        ("RSA, PS256", rsa.jwk(), &ps256, Ok(organization())),
        ("RSA, RS384", rsa.jwk(), &rs384, Ok(organization())),
        ("EC, ES256", ec.jwk(), &ec.token(), Ok(organization())),
        ("Ed, EdDSA", ed.clone(), &eddsa, Ok(organization())),
        ("EC, RS256", ec.jwk(), &rs256, refused("algorithm")),
        ("Ed, ES256", ed, &ec.token(), refused("algorithm")),
        ("RSA, EdDSA", rsa.jwk(), &eddsa, refused("algorithm")),
    ] {
        assert_eq!(with_key(jwk, token).await, expected, "{name}");
    }
}

#[tokio::test]
async fn what_a_key_says_it_is_for_is_respected() {
    let (rsa, ec) = (Rsa::generate(), Ec::generate());
    let rs256 = rsa.token("RS256", &RSA_PKCS1_SHA256);
    let es256 = ec.token();
    for (jwk, field, value, token, expected) in [
        (rsa.jwk(), "alg", json!("RS256"), &rs256, Ok(organization())),
        (
            rsa.jwk(),
            "alg",
            json!("PS256"),
            &rs256,
            refused("algorithm"),
        ),
        (
            rsa.jwk(),
            "alg",
            json!("RS512"),
            &rs256,
            refused("algorithm"),
        ),
        (rsa.jwk(), "alg", json!("RSA-OAEP"), &rs256, refused("key")),
        (ec.jwk(), "alg", json!("ES256"), &es256, Ok(organization())),
        (ec.jwk(), "alg", json!("ES384"), &es256, refused("key")),
        (ec.jwk(), "alg", json!("ECDH-ES"), &es256, refused("key")),
        (ec.jwk(), "use", json!("sig"), &es256, Ok(organization())),
        (ec.jwk(), "use", json!("enc"), &es256, refused("key")),
        (
            ec.jwk(),
            "key_ops",
            json!(["verify"]),
            &es256,
            Ok(organization()),
        ),
        (
            ec.jwk(),
            "key_ops",
            json!(["deriveKey"]),
            &es256,
            refused("key"),
        ),
        (ec.jwk(), "crv", json!("P-384"), &es256, refused("key")),
    ] {
        let verdict = with_key(with(jwk, field, value.clone()), token).await;
        assert_eq!(verdict, expected, "{field}: {value}");
    }
}

#[tokio::test]
async fn a_token_that_says_it_needs_no_signature_is_refused() {
    let issuer = issuer();
    let site = site(issuer.jwks());
    let verifier = verifier(Arc::clone(&site));
    for spelling in ["none", "None", "NONE", "nOnE", "none ", "", "null"] {
        let header = with(header(), "alg", json!(spelling));
        let text = unsigned(&header, &claims());
        let signed = issuer.sign(&header, &claims());
        for token in [format!("{text}."), signed] {
            assert_eq!(verdict(&verifier, &token).await, refused("algorithm"));
        }
    }
    assert_eq!(site.fetches(), 0);
}

#[tokio::test]
async fn a_public_key_is_not_taken_for_a_shared_secret() {
    let rsa = Rsa::generate();
    let der = rsa.0.public_key().as_ref();
    let pem = format!(
        "-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n",
        STANDARD.encode(der)
    );
    let modulus = rsa.jwk()["n"].as_str().unwrap().to_owned();
    let modulus = URL_SAFE_NO_PAD.decode(modulus).unwrap();
    for secret in [pem.as_bytes(), pem.trim().as_bytes(), der, &modulus] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let mut header = Header::new(algorithm);
            header.kid = Some("key".to_owned());
            let secret = EncodingKey::from_secret(secret);
            let token = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
            assert_eq!(with_key(rsa.jwk(), &token).await, refused("algorithm"));
        }
    }
}

#[tokio::test]
async fn a_shared_secret_in_the_key_set_is_left_out() {
    let secret = b"a secret that should not be in public, of 48 bytes";
    let jwk =
        json!({"kty": "oct", "kid": "key", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(secret)});
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("key".to_owned());
    let token = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(secret));
    let token = token.unwrap();
    assert_eq!(with_key(jwk.clone(), &token).await, refused("algorithm"));
    // It is not only the algorithm that is refused.
    assert!(crate::jwt::VerificationKey::from_jwk(&jwk).is_none());
}

#[tokio::test]
async fn an_rsa_key_of_less_than_2048_bits_is_left_out() {
    let modulus = URL_SAFE_NO_PAD.decode(WEAK_MODULUS).unwrap();
    let padded = [vec![0; 128], modulus.clone()].concat();
    for modulus in [modulus, padded, vec![0; 256], Vec::new()] {
        let n = URL_SAFE_NO_PAD.encode(modulus);
        let weak = json!({"kty": "RSA", "kid": "weak", "e": "AQAB", "n": n});
        assert_eq!(with_key(weak, WEAK_TOKEN).await, refused("key"));
    }
}
