use serde_json::json;

use super::*;

fn wrong(method: AuthMethod, value: Value) -> (String, String) {
    let error = AuthConfig::read(method, Some(&value)).unwrap_err();
    (error.pointer, error.message)
}

#[test]
fn what_is_not_said_has_a_default() {
    let bearer = AuthConfig::read(AuthMethod::ApiKey, None).unwrap();
    assert_eq!(bearer.fields(), ["apiKey"]);
    assert_eq!(
        serde_json::to_value(&bearer).unwrap(),
        json!({"keyLocation": "header", "keyHeader": "Authorization",
               "valueTemplate": "Bearer {apiKey}"})
    );
    let basic = AuthConfig::read(AuthMethod::BasicAuth, None).unwrap();
    assert_eq!(basic.fields(), ["password", "username"]);
    let (pointer, _) = {
        let error = AuthConfig::read(AuthMethod::Jwt, None).unwrap_err();
        (error.pointer, error.message)
    };
    assert_eq!(pointer, "/authConfig");
}

#[test]
fn where_an_api_key_goes_is_said_completely() {
    let method = AuthMethod::ApiKey;
    let query = json!({"keyLocation": "query", "keyParam": "k", "valueTemplate": "{key}"});
    let query = AuthConfig::read(method, Some(&query)).unwrap();
    assert_eq!(query.fields(), ["apiKey"]);
    for value in [
        json!({}),
        json!({"keyLocation": "cookie"}),
        json!({"keyLocation": "header"}),
        json!({"keyLocation": "query", "keyHeader": "X"}),
        json!({"keyLocation": "header", "keyHeader": "Host"}),
        json!({"keyLocation": "header", "keyHeader": "a b"}),
        json!({"keyLocation": "body", "keyField": ""}),
        json!({"keyLocation": "body", "keyField": "k", "valueTemplate": "{"}),
    ] {
        let (pointer, _) = wrong(method, value.clone());
        assert!(pointer.starts_with("/authConfig"), "{value}: {pointer}");
    }
}

#[test]
fn an_assertions_fields_are_those_of_all_its_templates() {
    let config = json!({
        "algorithm": "RS256",
        "keyId": "{keyId}",
        "claims": {"iss": "{clientEmail}", "aud": ["https://example.com"], "sub": "{user}"},
        "use": {"kind": "exchange", "tokenUrl": "https://example.com/token",
                "parameters": {"client_secret": "{clientSecret}"}},
    });
    let config = AuthConfig::read(AuthMethod::Jwt, Some(&config)).unwrap();
    let fields = ["clientEmail", "clientSecret", "keyId", "privateKey", "user"];
    assert_eq!(config.fields(), fields);
}

#[test]
fn an_assertion_sets_its_own_times() {
    let base = json!({"algorithm": "ES256", "claims": {}, "use": {"kind": "bearer"}});
    let with = |field: &str, value: Value| {
        let mut config = base.clone();
        config[field] = value;
        wrong(AuthMethod::Jwt, config).0
    };
    assert_eq!(with("claims", json!({"exp": 1})), "/authConfig/claims/exp");
    assert_eq!(with("claims", json!({"x": "{"})), "/authConfig/claims/x");
    assert_eq!(
        with("lifetimeSeconds", json!(0)),
        "/authConfig/lifetimeSeconds"
    );
    assert_eq!(
        with("lifetimeSeconds", json!(3601)),
        "/authConfig/lifetimeSeconds"
    );
    assert_eq!(with("algorithm", json!("none")), "/authConfig/algorithm");
}

#[test]
fn request_signing_needs_the_credentials_fields_and_not_the_requests() {
    let config = json!({
        "kind": "hmac", "algorithm": "sha256", "signed": "{timestamp}{method}{path}{body}",
        "encoding": "hex",
        "headers": {"X-Key": "{keyId}", "X-Sign": "{signature}", "X-Time": "{timestamp}"},
    });
    let config = AuthConfig::read(AuthMethod::Custom, Some(&config)).unwrap();
    assert_eq!(config.fields(), ["keyId", "secret"]);
}

#[test]
fn every_custom_kind_is_read_and_written_alike() {
    let kinds = [
        json!({"kind": "headers", "headers": {"X-A": "{a}"}, "parameters": {"b": "{b}"}}),
        json!({"kind": "sigv4", "service": "s3", "region": "eu-west-1"}),
        json!({"kind": "azure_shared_key", "version": "2021-12-02"}),
        json!({"kind": "client_certificate"}),
    ];
    for kind in kinds {
        let config = AuthConfig::read(AuthMethod::Custom, Some(&kind)).unwrap();
        assert_eq!(serde_json::to_value(&config).unwrap(), kind);
    }
    let login = json!({"kind": "login", "path": "/session", "token": "data.token",
        "body": {"json": {"user": "{username}", "password": "{password}"}}});
    let login = AuthConfig::read(AuthMethod::Custom, Some(&login)).unwrap();
    assert_eq!(login.fields(), ["password", "username"]);
}

#[test]
fn what_is_wrong_with_a_custom_kind_is_said_with_its_place() {
    let pointer = |value: Value| wrong(AuthMethod::Custom, value).0;
    assert_eq!(pointer(json!({"kind": "magic"})), "/authConfig/kind");
    assert_eq!(pointer(json!({"kind": "headers"})), "/authConfig");
    let login = json!({"kind": "login", "path": "session", "token": "t"});
    assert_eq!(pointer(login), "/authConfig/path");
    let login = json!({"kind": "login", "path": "/s", "token": "t", "apply": {"Host": "{token}"}});
    assert_eq!(pointer(login), "/authConfig/apply/Host");
    let login = json!({"kind": "login", "path": "/s", "token": "t", "apply": {"X-Key": "{key}"}});
    assert_eq!(pointer(login), "/authConfig/apply");
    for version in ["", "2014-02-14", "2021-12-2", "2021/12/02", "latest"] {
        let azure = json!({"kind": "azure_shared_key", "version": version});
        assert_eq!(pointer(azure), "/authConfig/version", "{version}");
    }
}

#[test]
fn a_signature_covers_what_is_there_and_is_sent() {
    let hmac = |signed: &str, header: &str| {
        json!({"kind": "hmac", "algorithm": "sha256", "signed": signed, "encoding": "hex",
               "headers": {"X-Sign": header}})
    };
    let pointer = |value: Value| wrong(AuthMethod::Custom, value).0;
    let in_itself = hmac("{signature}", "{signature}");
    assert_eq!(pointer(in_itself), "/authConfig/signed");
    assert_eq!(pointer(hmac("{body}", "{nonce}")), "/authConfig/headers");
    let with_body = hmac("{body}", "{signature}{body}");
    assert_eq!(pointer(with_body), "/authConfig/headers");
}

#[test]
fn a_token_url_holds_no_credentials() {
    for url in [
        "https://user@a.example/token",
        "https://:x@a.example/token",
        "https://a.example/token#x",
        "ftp://a.example/token",
        "data:text/plain,x",
    ] {
        let config = json!({"algorithm": "ES256", "claims": {},
                            "use": {"kind": "exchange", "tokenUrl": url}});
        let (pointer, _) = wrong(AuthMethod::Jwt, config);
        assert_eq!(pointer, "/authConfig/use/tokenUrl", "{url}");
    }
}
