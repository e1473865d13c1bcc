//! What is wrong with a file is said with the line.

use super::*;

/// What is wrong with [`SMALL`] when `from` is `to`.
fn problem(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    let changed = SMALL.replacen(from, to, 1);
    parse("payment/x.toml", &changed).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_with_the_form_is_said_with_the_line() {
    let error = parse("payment/x.toml", "name = \"X\"\ncolour = 1\n")
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("payment/x.toml: "), "{error}");
    assert!(
        error.contains("line 2") && error.contains("colour"),
        "{error}"
    );
    let error = problem("hosts = [\"{shop}", "hosts = [7, \"{shop}");
    assert!(error.contains("line 23"), "{error}");
    let error = problem("path = \"/me\"", "path = \"/me\"\nsuccess = \"a ==\"");
    assert!(
        error.contains("line 27") && error.contains("JMESPath"),
        "{error}"
    );
    let error = problem("pattern = \"[a-z]+\"", "pattern = \"[a-z+\"");
    assert!(error.contains("line 9"), "{error}");
}

const FIELD: &str = "[auth.fields.apiKey]\ntitle = \"Key\"\n";

/// What is changed in [`SMALL`] into what, and where that is told.
const WRONG: &[(&str, &str, usize, &str)] = &[
    (
        "read = \"2026-11-25\"",
        "read = \"lately\"",
        4,
        "/sources/0/read",
    ),
    ("type = \"payment\"\n", "", 1, "/type"),
    ("baseUrl = \"https://", "baseUrl = \"http://", 5, "/baseUrl"),
    ("x.example/v1", "y.example/v1", 5, "/baseUrl"),
    ("x.example/v1", "x.example/v1/", 5, "/baseUrl"),
    ("x.example/v1", "x.example:444/v1", 5, "/baseUrl"),
    ("x.example/v1", "x.example/{tenant}", 5, "/baseUrl"),
    ("[variables.shop]", "[variables.Shop]", 7, "/variables/Shop"),
    (
        "example = \"acme\"",
        "example = \"A\"",
        10,
        "/variables/shop/example",
    ),
    (
        "example = \"acme\"",
        "example = \"acme\"\ndefault = \"A\"",
        11,
        "/variables/shop/default",
    ),
    (
        "keyHeader = \"X-Key\"",
        "keyHeader = \"Host\"",
        16,
        "/auth/0/config/keyHeader",
    ),
    (
        "keyLocation = \"header\"",
        "keyLocation = \"cookie\"",
        16,
        "/auth/0/config/keyLocation",
    ),
    ("\"{apiKey}\"", "\"{token}{apiKey}\"", 18, "/auth/0/fields"),
    (
        FIELD,
        "[auth.fields.apiKey]\ntitle = \"Key\"\nsecret = false\n",
        18,
        "/auth/0/fields",
    ),
    (
        FIELD,
        "[auth.fields.apiKey]\ntitle = \"Key\"\nrequired = false\n",
        20,
        "/auth/0/fields/apiKey/required",
    ),
    (
        "path = \"/me\"",
        "path = \"me\"",
        26,
        "/api/verification/path",
    ),
    (
        "path = \"/me\"",
        "path = \"/{user}\"",
        26,
        "/api/verification/path",
    ),
    (
        "path = \"/me\"",
        "path = \"/\"\nmethod = \"FETCH\"",
        27,
        "/api/verification/method",
    ),
    (
        "hosts = [\"{shop}.x.example\"]",
        "hosts = [\"*\"]",
        23,
        "/api/hosts/0",
    ),
    (
        "[api.verification]",
        "[api.healthCheck]",
        22,
        "/api/verification",
    ),
    (
        "title = \"X\"\nverification",
        "title = \"X\"\nmethods = []\nverification",
        28,
        "/webhooks/x",
    ),
];

#[test]
fn what_the_form_does_not_say_is_checked_too() {
    for (from, to, line, place) in WRONG {
        let error = problem(from, to);
        let expected = format!("payment/x.toml: line {line}, {place}: ");
        assert!(
            error.starts_with(&expected),
            "{from} → {to}\n{expected}\n{error}"
        );
    }
}

#[test]
fn a_variable_is_used_and_is_no_field() {
    let unused = "[variables.other]\ntitle = \"O\"\npattern = \"a\"\nexample = \"a\"\nhelp = \"H\"\n\n[[auth]]";
    let error = problem("[[auth]]", unused);
    assert!(
        error.contains("line 13, /variables/other: is not used"),
        "{error}"
    );
    let changed = SMALL.replace("shop", "apiKey");
    let error = parse("payment/x.toml", &changed).unwrap_err().to_string();
    assert!(
        error.contains("/auth/0/fields: none is a secret")
            || error.contains("field of the credentials"),
        "{error}"
    );
}

#[test]
fn no_value_of_a_variable_leaves_its_place() {
    let anything = SMALL.replace("[a-z]+", "(?s).*");
    let provider = parse("payment/x.toml", &anything).unwrap();
    let shop = provider.variables.get("shop").unwrap();
    for value in ["a", "a-b.c_d~1"] {
        assert!(shop.accepts(value), "{value}");
    }
    let long = "a".repeat(254);
    for value in [
        "", "a/b", "a?b", "a#b", "a@b", "a:b", "a\\b", "{a}", "a b", "a\n", "ä", "%2f", &long,
    ] {
        assert!(!shop.accepts(value), "{value:?}");
    }
}

#[test]
fn a_rotation_renews_the_secrets_of_one_way_to_authenticate() {
    let rotation = "[api.rotation]\nstrategy = \"provider_api\"\n\n[api.rotation.keys]\n\
        created = { other = \"a\" }\ncreate = { path = \"/keys\", method = \"POST\" }\n\
        revoke = [{ method = \"DELETE\", path = \"/keys/{keyId}\" }]\n\n[webhooks.x]";
    let key_id = "[auth.fields.keyId]\ntitle = \"Id\"\nrequired = false\nsecret = false\n\
        help = \"The settings.\"\n\n[api]";
    let file = |rotation: &str, key_id: &str| {
        let file = SMALL.replace("[webhooks.x]", rotation);
        file.replacen("[api]", key_id, 1)
    };
    let error = |file: String| parse("payment/x.toml", &file).unwrap_err().to_string();
    let told = error(file(rotation, key_id));
    assert!(told.contains("/api/rotation/keys/created"), "{told}");
    let good = rotation.replace("other", "apiKey");
    assert!(parse("payment/x.toml", &file(&good, key_id)).is_ok());
    // Neither a secret nor what is no field may stand in a path.
    let told = error(file(
        &good,
        &key_id.replace("secret = false", "secret = true"),
    ));
    assert!(told.contains("/api/rotation/keys/revoke/0/path"), "{told}");
    let told = error(file(&good, "[api]"));
    assert!(told.contains("/api/rotation/keys/revoke/0/path"), "{told}");
    // The label is for the key that is made, and for nothing else.
    let labelled = good.replace("{keyId}", "{rotation}");
    let told = error(file(&labelled, key_id));
    assert!(told.contains("/api/rotation/keys/revoke/0/path"), "{told}");
    let told = error(file(
        &good.replacen("created", "keyId = \"apiKey\"\ncreated", 1),
        key_id,
    ));
    assert!(told.contains("/api/rotation/keys/keyId"), "{told}");
}

#[test]
fn a_way_to_authenticate_is_replaced_as_it_says_itself() {
    let good = "[auth.fields.keyId]\ntitle = \"Id\"\nrequired = false\nsecret = false\n\
        help = \"The settings.\"\n\n[auth.rotation]\nstrategy = \"provider_api\"\n\n\
        [auth.rotation.keys]\ncreated = { apiKey = \"a\", keyId = \"b\" }\nkeyId = \"keyId\"\n\
        create = { path = \"/keys/{rotation}\", method = \"POST\", host = \"{shop}.x.example\" }\n\
        revoke = [{ method = \"DELETE\", path = \"/keys/{keyId}\" }]\n\n[api]";
    let file = |rotation: &str| SMALL.replacen("[api]", rotation, 1);
    assert!(parse("payment/x.toml", &file(good)).is_ok());
    for (right, wrong, place) in [
        (
            "{ apiKey = \"a\",",
            "{ other = \"a\",",
            "/auth/0/rotation/keys/created",
        ),
        ("{ apiKey = \"a\",", "{", "/auth/0/rotation/keys/created"),
        (
            "keyId = \"keyId\"",
            "keyId = \"apiKey\"",
            "/auth/0/rotation/keys/keyId",
        ),
        (
            "/keys/{keyId}",
            "/keys/{apiKey}",
            "/auth/0/rotation/keys/revoke/0/path",
        ),
        (
            "/keys/{keyId}",
            "/keys/{rotation}",
            "/auth/0/rotation/keys/revoke/0/path",
        ),
        (
            "/keys/{keyId}",
            "keys",
            "/auth/0/rotation/keys/revoke/0/path",
        ),
        (
            "{shop}.x.example",
            "evil.example",
            "/auth/0/rotation/keys/create/host",
        ),
    ] {
        let file = file(&good.replacen(right, wrong, 1));
        let told = parse("payment/x.toml", &file).unwrap_err().to_string();
        assert!(told.contains(place), "{wrong}: {told}");
    }
}

#[test]
fn a_token_comes_from_a_host_that_is_named() {
    let config = "config = { algorithm = \"RS256\", claims = {}, use = { kind = \"exchange\", tokenUrl = \"https://HOST/token\" } }";
    let jwt = |host: &str| {
        SMALL
            .replace("method = \"api_key\"", "method = \"jwt\"")
            .replace("apiKey]", "privateKey]")
            .replace(
                "config = { keyLocation = \"header\", keyHeader = \"X-Key\", valueTemplate = \"{apiKey}\" }",
                &config.replace("HOST", host),
            )
    };
    assert!(parse("payment/x.toml", &jwt("{shop}.x.example")).is_ok());
    let error = parse("payment/x.toml", &jwt("evil.example"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("line 16, /auth/0/config: its host"),
        "{error}"
    );
}

#[test]
fn credentials_of_an_app_go_to_hosts_that_are_named_and_people_anywhere() {
    let oauth2 = |endpoints: &str| {
        SMALL
            .replace("method = \"api_key\"", "method = \"oauth2\"")
            .replace(
                "config = { keyLocation = \"header\", keyHeader = \"X-Key\", valueTemplate = \"{apiKey}\" }",
                &format!("config = {{ {endpoints} }}"),
            )
            .replace(
                "[auth.fields.apiKey]",
                "[auth.fields.clientId]\ntitle = \"Id\"\nsecret = false\nhelp = \"There.\"\n\n[auth.fields.clientSecret]",
            )
    };
    let ours = "tokenEndpoint = \"https://{shop}.x.example/token\"";
    let good = format!("{ours}, authorizationEndpoint = \"https://login.example/authorize\"");
    assert!(parse("payment/x.toml", &oauth2(&good)).is_ok());
    for name in [
        "issuer",
        "revocationEndpoint",
        "pushedAuthorizationRequestEndpoint",
    ] {
        let file = oauth2(&format!("{ours}, {name} = \"https://evil.example/\""));
        let error = parse("payment/x.toml", &file).unwrap_err().to_string();
        assert!(
            error.contains(&format!("/auth/0/config/{name}: its host")),
            "{error}"
        );
    }
    let signed = format!(
        "{ours}, clientAuthentication = \"private_key_jwt\", assertion = {{ algorithm = \"ES256\" }}"
    );
    let error = parse("payment/x.toml", &oauth2(&signed))
        .unwrap_err()
        .to_string();
    assert!(error.contains("`privateKey` is not declared"), "{error}");
    let open = oauth2(ours).replace(
        "help = \"The settings.\"",
        "secret = false\nhelp = \"The settings.\"",
    );
    assert!(parse("payment/x.toml", &open).is_err());
}

#[test]
fn a_generic_file_is_about_schemes_alone() {
    let error = parse("generic/x.toml", SMALL).unwrap_err().to_string();
    assert!(error.contains("webhook schemes alone"), "{error}");
}
