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
fn what_signs_is_not_sent() {
    let jwt = |more: Value| {
        let mut config = json!({"algorithm": "RS256", "claims": {}, "use": {"kind": "bearer"}});
        for (name, value) in more.as_object().unwrap() {
            config[name] = value.clone();
        }
        (AuthMethod::Jwt, config)
    };
    let exchange = json!({"kind": "exchange", "tokenUrl": "https://a.example/token",
                          "parameters": {"a/b": "{privateKey}"}});
    let hmac = |more: Value| {
        let mut config = json!({"kind": "hmac", "algorithm": "sha256", "signed": "{secret}{body}",
            "encoding": "hex", "headers": {"X-Sign": "{signature}"}});
        for (name, value) in more.as_object().unwrap() {
            config[name] = value.clone();
        }
        (AuthMethod::Custom, config)
    };
    let assertion = |name: &str, field: &str| {
        let config = json!({"issuer": "https://a.example", "grantType": "jwt_bearer",
            "assertion": {"algorithm": "RS256", name: format!("x{{{field}}}")}});
        (AuthMethod::Oauth2, config)
    };
    let signed = json!({"X-Sign": "{signature}", "X-Key": "{secret}"});
    for ((method, config), place) in [
        (jwt(json!({"claims": {"x": ["{privateKey}"]}})), "claims/x"),
        (
            jwt(json!({"keyField": "own", "claims": {"x": "a{own}"}})),
            "claims/x",
        ),
        (
            jwt(json!({"keyField": "own", "claims": {"x": "{privateKey}"}})),
            "claims/x",
        ),
        (
            jwt(json!({"keyField": "apiKey", "keyId": "{key}"})),
            "keyId",
        ),
        (jwt(json!({"keyId": "{privateKey}"})), "keyId"),
        (jwt(json!({"use": exchange})), "use/parameters/a~1b"),
        (hmac(json!({"headers": signed})), "headers/X-Key"),
        (
            hmac(json!({"keyField": "own", "parameters": {"k": "{own}"}})),
            "parameters/k",
        ),
        (assertion("issuer", "clientSecret"), "assertion/issuer"),
        (assertion("subject", "privateKey"), "assertion/subject"),
        (assertion("keyId", "privateKey"), "assertion/keyId"),
    ] {
        let (pointer, message) = wrong(method, config.clone());
        assert_eq!(pointer, format!("/authConfig/{place}"), "{config}");
        assert!(message.contains("must not be sent"), "{message}");
    }
    // What is signed is not sent.
    let (method, config) = hmac(json!({}));
    AuthConfig::read(method, Some(&config)).unwrap();
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

fn oauth(value: Value) -> AuthConfig {
    AuthConfig::read(AuthMethod::Oauth2, Some(&value)).unwrap()
}

#[test]
fn what_oauth_needs_of_the_credentials_depends_on_how_the_client_shows_itself() {
    let issuer = "https://a.example";
    assert!(oauth(json!({})).fields().is_empty());
    assert_eq!(
        oauth(json!({"issuer": issuer})).fields(),
        ["clientId", "clientSecret"]
    );
    let public = oauth(json!({"issuer": issuer, "clientAuthentication": "none"}));
    assert_eq!(public.fields(), ["clientId"]);
    let key = json!({"issuer": issuer, "clientAuthentication": "private_key_jwt",
                     "assertion": {"algorithm": "ES256", "keyId": "{keyId}"}});
    assert_eq!(oauth(key).fields(), ["clientId", "keyId", "privateKey"]);
    let bearer = json!({"tokenEndpoint": "https://a.example/t", "grantType": "jwt_bearer",
                        "assertion": {"algorithm": "RS256", "subject": "{user}"}});
    assert_eq!(oauth(bearer).fields(), ["clientId", "privateKey", "user"]);
}

#[test]
fn grants_that_are_refused_are_so_with_the_reason_and_the_alternative() {
    for (grant, section) in [("password", "2.4"), ("implicit", "2.1.2")] {
        let value = json!({"issuer": "https://a.example", "grantType": grant});
        let (pointer, message) = wrong(AuthMethod::Oauth2, value);
        assert_eq!(pointer, "/authConfig/grantType");
        for part in [grant, "is refused", section, "use `authorization_code`"] {
            assert!(message.contains(part), "{message}");
        }
    }
    let (_, message) = wrong(AuthMethod::Oauth2, json!({"grantType": "canary"}));
    assert!(message.contains("client_credentials") && !message.contains("canary"));
}

#[test]
fn what_is_wrong_with_oauth_is_said_with_its_place() {
    let issuer = "https://a.example";
    for (value, place) in [
        (json!({"issuer": "ftp://a.example"}), "issuer"),
        (json!({"issuer": "https://a.example?x=y"}), "issuer"),
        (json!({"issuer": "https://u@a.example"}), "issuer"),
        (
            json!({"tokenEndpoint": "https://a.example/#x"}),
            "tokenEndpoint",
        ),
        (
            json!({"issuer": issuer, "tokenEndpoint": "http://a.example/t"}),
            "tokenEndpoint",
        ),
        (
            json!({"issuer": issuer, "revocationEndpoint": "http://b.example"}),
            "revocationEndpoint",
        ),
        (
            json!({"tokenEndpoint": "https://a.example/t", "scopes": ["openid"]}),
            "issuer",
        ),
        (json!({"scopes": ["a", "b c"]}), "scopes/1"),
        (json!({"scopes": ["\""]}), "scopes/0"),
        (json!({"scopeSeparator": ""}), "scopeSeparator"),
        (json!({"scopeSeparator": "&"}), "scopeSeparator"),
        (
            json!({"authorizationParameters": {"state": "x"}}),
            "authorizationParameters/state",
        ),
        (
            json!({"tokenParameters": {"client_assertion": "x"}}),
            "tokenParameters/client_assertion",
        ),
        (json!({"tokenParameters": {"": "x"}}), "tokenParameters/"),
        (
            json!({"clientAuthentication": "private_key_jwt"}),
            "assertion",
        ),
        (json!({"grantType": "jwt_bearer"}), "assertion"),
        (
            json!({"assertion": {"algorithm": "none"}}),
            "assertion/algorithm",
        ),
        (
            json!({"accessToken": {"header": "Host"}}),
            "accessToken/header",
        ),
        (json!({"lifetimeSeconds": 59}), "lifetimeSeconds"),
        (json!({"refreshTokenDays": 0}), "refreshTokenDays"),
        (json!({"dpop": "yes"}), "dpop"),
        (json!({"tokenUrl": "https://a.example"}), "tokenUrl"),
    ] {
        let (pointer, _) = wrong(AuthMethod::Oauth2, value.clone());
        assert_eq!(pointer, format!("/authConfig/{place}"), "{value}");
    }
}
