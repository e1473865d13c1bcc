//! What is seen of credentials before they are used.

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::json;

use super::*;

/// The field that is named; none, if they can be used.
fn unusable(method: AuthMethod, config: &Value, fields: &[(&str, &str)]) -> Option<String> {
    let config = AuthConfig::read(method, Some(config)).unwrap();
    let fields = fields.iter();
    let credentials = fields.map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let error = check(&config, &credentials).err()?;
    let told = format!("{error} {error:?}");
    assert!(!told.contains("canary"), "{told}");
    Some(match error {
        AuthError::MissingField(field) | AuthError::UnusableField { field, .. } => field,
        AuthError::ClientIdentity(_) => "clientCertificate".to_owned(),
        other => panic!("{other}"),
    })
}

#[test]
fn a_key_that_cannot_sign_is_named() {
    let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let ec = ec.serialize_pem();
    let long = "canary-".repeat(5);
    for (algorithm, key, is_usable) in [
        ("ES256", ec.as_str(), true),
        ("RS256", &ec, false),
        ("EdDSA", &ec, false),
        ("ES256", "canary", false),
        ("ES256", "", false),
        ("HS256", &long, true),
        ("HS256", "canary", false),
    ] {
        let config = json!({"algorithm": algorithm, "claims": {}, "use": {"kind": "bearer"}});
        let named = unusable(AuthMethod::Jwt, &config, &[("privateKey", key)]);
        let expected = (!is_usable).then_some("privateKey");
        assert_eq!(named.as_deref(), expected, "{algorithm}");
    }
}

#[test]
fn a_key_of_another_form_is_named() {
    for (form, key, is_usable) in [
        ("text", "canary", true),
        ("hex", "00ff", true),
        ("hex", "canary", false),
        ("base64", "AAAA", true),
        ("base64", "canary!", false),
    ] {
        let config = json!({
            "kind": "hmac", "algorithm": "sha256", "signed": "{body}", "encoding": "hex",
            "keyForm": form, "headers": {"X-Sign": "{signature}"},
        });
        let named = unusable(AuthMethod::Custom, &config, &[("secret", key)]);
        let expected = (!is_usable).then_some("secret");
        assert_eq!(named.as_deref(), expected, "{form}");
    }
    let azure = json!({"kind": "azure_shared_key"});
    for (key, expected) in [("AAAA", None), ("canary!", Some("accountKey"))] {
        let fields = [("accountName", "a"), ("accountKey", key)];
        let named = unusable(AuthMethod::Custom, &azure, &fields);
        assert_eq!(named.as_deref(), expected);
    }
}

#[test]
fn what_does_not_fit_into_its_place_is_named() {
    let header = json!({"keyLocation": "header", "keyHeader": "X-Key"});
    let headers = json!({"kind": "headers", "headers": {"A": "{a}", "B": "{b}"}});
    for (method, config, fields, expected) in [
        (
            AuthMethod::ApiKey,
            &header,
            [("apiKey", "k"), ("x", "y")],
            None,
        ),
        (
            AuthMethod::ApiKey,
            &header,
            [("apiKey", "canary\r\nx"), ("x", "y")],
            Some("apiKey"),
        ),
        (
            AuthMethod::ApiKey,
            &header,
            [("apiKey", "k"), ("clientKey", "canary")],
            Some("clientCertificate"),
        ),
        (
            AuthMethod::Custom,
            &json!({"kind": "client_certificate"}),
            [("clientCertificate", "canary"), ("clientKey", "canary")],
            Some("clientCertificate"),
        ),
        (
            AuthMethod::Custom,
            &headers,
            [("a", "x"), ("b", "canary\n")],
            Some("b"),
        ),
        (
            AuthMethod::BasicAuth,
            &json!({}),
            [("username", "canary:"), ("password", "p")],
            Some("username"),
        ),
    ] {
        let named = unusable(method, config, &fields);
        assert_eq!(named.as_deref(), expected, "{config}");
    }
}
