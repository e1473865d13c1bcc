//! What is said of providers, beyond that it can be said.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::domain::{AuthMethod, ErrorShape, Pagination, Probe, RetryHints, Rotation};

#[test]
fn every_file_can_be_read() {
    for (file, text) in FILES {
        if let Err(error) = parse(file, text) {
            panic!("{error}");
        }
    }
    assert!(parse("payment/x.toml", SMALL).is_ok());
}

/// The keys of tables in `value`, with the names that a file gives itself as `*`.
fn keys(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    const OPEN: [&str; 9] = [
        "/variables",
        "/auth/fields",
        "/auth/config",
        "/webhooks",
        "/api/entities",
        "/api/rotation/created",
        "/headers",
        "/body",
        "/api/entities/*/pagination",
    ];
    let open = OPEN.iter().any(|open| path.ends_with(open));
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = format!("{path}/{}", if open { "*" } else { name });
                found.insert(path.clone());
                if !path.contains("/webhooks/") && !path.contains("/body/") {
                    keys(&path, field, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(path, item, found)),
        _ => {}
    }
}

/// Fields by the places that the types do not tell.
const FIELDS: &[&str] = &[
    "type",
    "baseUrl",
    "variables",
    "auth",
    "webhooks",
    "variables/*/default",
    "auth/config",
    "auth/fields/*/pattern",
    "auth/fields/*/secret",
    "auth/fields/*/required",
    "api/hosts",
    "api/verification",
    "api/healthCheck",
    "api/pagination",
    "api/rateLimits",
    "api/rateLimits/requestsPerSecond",
    "api/rateLimits/requestsPerHour",
    "api/rateLimits/concurrentRequests",
    "api/rateLimitHeaders/limit",
    "api/rateLimitHeaders/remaining",
    "api/rateLimitHeaders/used",
    "api/rateLimitHeaders/reset",
    "api/rateLimitHeaders/resetForm",
    "api/rateLimitHeaders/windowSeconds",
    "api/idempotencyHeader",
    "api/rotation",
    "api/revocation",
    "api/entities/*/method",
    "api/entities/*/cursorField",
    "api/entities/*/changedSince/parameter",
    "api/entities/*/changedSince/template",
    "api/entities/*/deleted",
    "api/entities/*/pagination",
];

/// Every field of a profile, and of what is in it.
fn all_fields() -> Vec<String> {
    let fields = |path: &str, value: Value| {
        let names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        names
            .into_iter()
            .map(move |name| format!("{path}/{name}"))
            .collect::<Vec<_>>()
    };
    let probe: Probe = serde_json::from_value(json!({
        "path": "/", "headers": {"a": "b"}, "body": {}, "success": "ok",
    }))
    .unwrap();
    let errors = ErrorShape {
        when: Some("a".parse().unwrap()),
        code: Some("a".parse().unwrap()),
        code_header: Some(String::new()),
        message: Some("a".parse().unwrap()),
        request_id_header: Some(String::new()),
        ..ErrorShape::default()
    };
    let mut all = fields("/api/errors", json!(errors));
    all.extend(fields("/api/retry", json!(RetryHints::default())));
    for name in json!(probe).as_object().unwrap().keys() {
        all.push(format!("/{name}"));
    }
    for name in FIELDS {
        all.push(format!("/{name}"));
    }
    all
}

#[test]
fn every_field_is_used_by_a_provider() {
    let mut found = BTreeSet::new();
    for (_, text) in FILES {
        let value: Value = toml::from_str(text).unwrap();
        keys("", &value, &mut found);
    }
    for field in all_fields() {
        assert!(
            found.iter().any(|key| key.ends_with(&field)),
            "{field}: {found:?}"
        );
    }
}

#[test]
fn every_way_to_page_rotate_and_authenticate_is_used_by_a_provider() {
    let all = providers();
    let mut seen = BTreeSet::new();
    for provider in all.values() {
        let own = provider.api.pagination.iter();
        let entities = provider.api.entities.values();
        for pagination in own.chain(entities.filter_map(|entity| entity.pagination.as_ref())) {
            seen.insert(match pagination {
                Pagination::Cursor { .. } => "cursor",
                Pagination::Link { .. } => "link",
                Pagination::Offset { .. } => "offset",
                Pagination::Page { .. } => "page",
                Pagination::None {} => "none",
            });
        }
        seen.extend(
            provider
                .api
                .rotation
                .as_ref()
                .map(|rotation| match rotation {
                    Rotation::ProviderApi { .. } => "provider_api",
                    Rotation::OperatorSupplied { .. } => "operator_supplied",
                    Rotation::Asymmetric {} => "asymmetric",
                    Rotation::OauthClientSecret {} => "oauth_client_secret",
                }),
        );
        seen.extend(provider.auth.iter().map(|option| match option.method {
            AuthMethod::ApiKey => "api_key",
            AuthMethod::Oauth2 => "oauth2",
            AuthMethod::Jwt => "jwt",
            AuthMethod::BasicAuth => "basic_auth",
            AuthMethod::Custom => "custom",
        }));
    }
    assert_eq!(seen.len(), 5 + 4 + 5, "{seen:?}");
}

#[test]
fn what_differs_from_most_providers_is_said() {
    let api = |slug: &str| &provider(slug).unwrap().api;
    let page = json!({"data": [{"id": "a"}, {"id": "b"}], "has_more": true});
    let Some(Pagination::Cursor { next, more, .. }) = &api("stripe").pagination else {
        panic!("Stripe has cursors");
    };
    assert_eq!(next.evaluate(&page).unwrap(), json!("b"));
    assert!(more.as_ref().unwrap().accepts(&page));
    let Some(Pagination::Cursor { more, .. }) = &api("slack").pagination else {
        panic!("Slack has cursors");
    };
    let last = json!({"response_metadata": {"next_cursor": ""}});
    assert!(!more.as_ref().unwrap().accepts(&last));
    let refused = json!({"ok": false, "error": "invalid_auth"});
    assert!(
        api("slack")
            .errors
            .as_ref()
            .unwrap()
            .when
            .as_ref()
            .unwrap()
            .accepts(&refused)
    );
    let refused = json!([{"message": "gone", "errorCode": "INVALID_SESSION_ID"}]);
    let code = api("salesforce")
        .errors
        .as_ref()
        .unwrap()
        .code
        .as_ref()
        .unwrap();
    assert_eq!(
        code.evaluate(&refused).unwrap(),
        json!("INVALID_SESSION_ID")
    );
}

#[test]
fn the_example_in_the_documentation_is_a_file() {
    let page = include_str!("../../../../docs/adding-a-provider.md");
    let blocks: Vec<&str> = page.split("```toml\n").skip(1).collect();
    let examples: Vec<&str> = blocks
        .iter()
        .filter_map(|block| Some(block.split_once("```")?.0))
        .collect();
    let file = examples.join("\n");
    if let Err(error) = parse("payment/example.toml", &file) {
        panic!("{error}");
    }
}
