use serde_json::json;

use super::super::super::AuthMethod;
use super::*;

fn auth(method: AuthMethod, config: serde_json::Value) -> AuthConfig {
    AuthConfig::read(method, Some(&config)).unwrap()
}

fn patterns(texts: &[&str]) -> Vec<HeaderPattern> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn headers(names: &[&str]) -> HeaderMap {
    let pairs = names.iter().map(|name| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_static("x"))
    });
    pairs.collect()
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_caller_sends_what_is_listed_and_nothing_else() {
    let allowed = patterns(&["X-Shopify-*", "notion-version"]);
    let auth = auth(
        AuthMethod::ApiKey,
        json!({"keyLocation": "header",
        "keyHeader": "X-Shopify-Access-Token"}),
    );
    let caller = CallerHeaders::new(&allowed, &auth);
    let sent = headers(&[
        "accept",
        "content-type",
        "notion-version",
        "x-shopify-access-token",
        "x-shopify-topic",
        "x-unknown",
    ]);
    assert_eq!(
        names(&caller.pass(&sent)),
        [
            "accept",
            "content-type",
            "notion-version",
            "x-shopify-topic"
        ]
    );
}

#[test]
fn what_frames_routes_or_authenticates_never_passes() {
    let names = NEVER
        .iter()
        .chain(&["proxy-authorization", "x-forwarded-for", "gatehouse-a"]);
    let beginnings = names.clone().filter_map(|name| name.get(..3));
    let allowed: Vec<_> = beginnings
        .filter_map(|beginning| format!("{beginning}*").parse().ok())
        .collect();
    assert!(allowed.len() > NEVER.len() / 2);
    let auth = auth(AuthMethod::BasicAuth, json!({}));
    let caller = CallerHeaders::new(&allowed, &auth);
    for name in names {
        assert!(!caller.may_pass(&HeaderName::from_static(name)), "{name}");
        assert_eq!(name.parse::<HeaderPattern>(), Err(HeaderPatternError));
    }
    assert!(caller.may_pass(&HeaderName::from_static("x-amz-meta-a")));
}

#[test]
fn what_the_authentication_sets_is_not_the_callers() {
    let all = patterns(&["x-a*", "x-m*", "x-s*", "api-key"]);
    let hmac = json!({"kind": "hmac", "algorithm": "sha256", "signed": "{body}", "encoding": "hex",
        "headers": {"X-Signature": "{signature}"}});
    let login = json!({"kind": "login", "path": "/login", "token": "token",
        "apply": {"X-Session": "{token}"}});
    for (config, taken) in [
        (
            json!({"kind": "headers", "headers": {"API-Key": "{a}"}}),
            "api-key",
        ),
        (
            json!({"kind": "sigv4", "service": "s3", "region": "r"}),
            "x-amz-date",
        ),
        (json!({"kind": "azure_shared_key"}), "x-ms-date"),
        (hmac, "x-signature"),
        (login, "x-session"),
    ] {
        let auth = auth(AuthMethod::Custom, config);
        let caller = CallerHeaders::new(&all, &auth);
        let taken: HeaderName = taken.parse().unwrap();
        assert!(!caller.may_pass(&taken), "{taken}");
        assert!(caller.may_pass(&HeaderName::from_static("x-amz-meta-a")));
    }
}

#[test]
fn what_connection_names_stays_with_the_connection() {
    let mut sent = headers(&["accept", "prefer"]);
    sent.insert("connection", HeaderValue::from_static("close, Prefer"));
    let auth = auth(AuthMethod::BasicAuth, json!({}));
    assert_eq!(
        names(&CallerHeaders::new(&[], &auth).pass(&sent)),
        ["accept"]
    );
    assert_eq!(
        names(&headers_to_caller(&sent, Passage::Reported)),
        ["accept"]
    );
}

#[test]
fn an_answers_own_business_does_not_reach_the_caller() {
    let mut answer = headers(&OF_THE_PROVIDER);
    answer.extend(headers(&[
        "proxy-authenticate",
        "access-control-allow-origin",
    ]));
    assert!(headers_to_caller(&answer, Passage::Reported).is_empty());
    answer.extend(headers(&["etag", "link", "cache-control", "x-request-id"]));
    assert_eq!(
        names(&headers_to_caller(&answer, Passage::Reported)),
        ["cache-control", "etag", "link", "x-request-id"]
    );
    let forwarded = headers_to_caller(&answer, Passage::Forwarded);
    assert_eq!(names(&forwarded), ["etag", "link"]);
}

#[test]
fn every_value_of_a_header_passes() {
    let mut answer = HeaderMap::new();
    answer.append("link", HeaderValue::from_static("a"));
    answer.append("link", HeaderValue::from_static("b"));
    let passed = headers_to_caller(&answer, Passage::Forwarded);
    assert_eq!(passed.get_all("link").iter().count(), 2);
}

#[test]
fn a_pattern_is_a_name_or_a_narrow_beginning() {
    for text in ["", "*", "x*", "x-*-y", "a b", "x-\u{e4}", "host", "x-a\n"] {
        assert_eq!(
            text.parse::<HeaderPattern>(),
            Err(HeaderPatternError),
            "{text:?}"
        );
    }
    assert_eq!(
        "X-Amz-Meta-*".parse::<HeaderPattern>().unwrap().to_string(),
        "x-amz-meta-*"
    );
}

#[test]
fn rules_replace_and_remove() {
    let rules: HeaderRules = serde_json::from_value(json!({
        "set": {"X-Version": "2"}, "remove": ["Prefer", "x-version", "authorization"]
    }))
    .unwrap();
    let mut sent = headers(&["prefer", "x-version", "authorization"]);
    rules.apply(&mut sent);
    assert_eq!(names(&sent), ["authorization", "x-version"]);
    assert_eq!(sent["x-version"], "2");
}

#[test]
fn a_wrong_rule_is_named() {
    for (rules, pointer) in [
        (
            json!({"set": {"Authorization": "x"}}),
            "/r/set/Authorization",
        ),
        (json!({"set": {"x-a": "a\nb"}}), "/r/set/x-a"),
        (json!({"set": {"a b": "x"}}), "/r/set/a b"),
        (json!({"remove": ["prefer", "host"]}), "/r/remove/1"),
    ] {
        let rules: HeaderRules = serde_json::from_value(rules).unwrap();
        assert_eq!(rules.check("/r").unwrap_err().pointer, pointer);
    }
}
