//! What is said of providers, beyond that it can be said.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::domain::{AuthConfig, AuthMethod, GrantType, Pagination, RotationMethod};

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
        "/rotation/keys/created",
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

/// Definitions of the schema, and where what they define stands in a file.
const PLACES: [(&str, &str); 10] = [
    ("", ""),
    ("variable", "/variables/*"),
    ("auth", "/auth"),
    ("field", "/auth/fields/*"),
    ("api", "/api"),
    ("rateLimits", "/api/rateLimits"),
    ("rateLimitHeaders", "/api/rateLimitHeaders"),
    ("retry", "/api/retry"),
    ("errors", "/api/errors"),
    ("entity", "/api/entities/*"),
];

#[test]
fn every_field_is_used_by_a_provider() {
    let mut found = BTreeSet::new();
    for (_, text) in FILES {
        let value: Value = toml::from_str(text).unwrap();
        keys("", &value, &mut found);
    }
    let schema: Value = serde_json::from_str(super::schema::SCHEMA).unwrap();
    for (definition, place) in PLACES {
        let defined = match definition {
            "" => &schema,
            name => &schema["$defs"][name],
        };
        for name in defined["properties"].as_object().unwrap().keys() {
            let field = format!("{place}/{name}");
            // No provider of these has a limit by the minute that is the same for all calls, or a
            // list that is asked for by POST.
            const UNUSED: [&str; 2] = ["/api/rateLimits/requestsPerMinute", "/api/entities/*/body"];
            let is_unused = UNUSED.contains(&field.as_str());
            assert_ne!(found.contains(&field), is_unused, "{field}: {found:?}");
        }
    }
    for name in schema["$defs"]["probe"]["properties"]
        .as_object()
        .unwrap()
        .keys()
    {
        let ends = |key: &String| key.ends_with(&format!("/{name}"));
        assert!(found.iter().any(ends), "{name}");
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
        let options = provider.auth.iter();
        let own = options.filter_map(|option| option.rotation.as_ref());
        let rotations = own.chain(provider.api.rotation.as_ref());
        seen.extend(rotations.map(|rotation| match rotation {
            RotationMethod::ProviderApi { .. } => "provider_api",
            RotationMethod::OperatorSupplied { .. } => "operator_supplied",
            RotationMethod::Asymmetric { .. } => "asymmetric",
            RotationMethod::OauthClientSecret { .. } => "oauth_client_secret",
        }));
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

/// What every way by OAuth 2.0 has to say for it to be used without a word of the integration's.
#[test]
fn every_way_by_oauth2_says_where_and_what_for() {
    let mut found = BTreeSet::new();
    for (slug, provider) in providers() {
        let values = provider.variables.iter();
        let values = values
            .map(|(name, variable)| (name.clone(), variable.example.clone()))
            .collect();
        for option in provider.auth_options(AuthMethod::Oauth2) {
            let config = option.config(&values);
            let auth = AuthConfig::read(option.method, config.as_ref());
            let AuthConfig::Oauth2(oauth2) = auth.unwrap() else {
                panic!("{slug}");
            };
            assert!(oauth2.is_configured(), "{slug}");
            if oauth2.grant_type == GrantType::AuthorizationCode {
                let asks = oauth2.issuer.is_some() || oauth2.authorization_endpoint.is_some();
                assert!(asks, "{slug}: nobody can consent");
            }
            assert!(oauth2.issuer.is_some() || !oauth2.is_openid(), "{slug}");
            found.insert(slug);
        }
    }
    let expected = [
        "auth0",
        "github",
        "google",
        "hubspot",
        "microsoft-entra-id",
        "okta",
        "openid-connect",
        "salesforce",
        "shopify",
        "slack",
    ];
    assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
}

/// Which way of replacing credentials holds for an integration that authenticates in a way.
#[test]
fn each_way_to_authenticate_is_replaced_in_its_own_way() {
    let mut found = BTreeSet::new();
    for (slug, provider) in providers() {
        for option in &provider.auth {
            let rotation = option.rotation.as_ref().or(provider.api.rotation.as_ref());
            assert!(
                rotation.is_some(),
                "{slug}: nobody knows how to replace {option:?}"
            );
            if rotation.is_some_and(|rotation| rotation.keys().is_some()) {
                found.insert(format!("{slug}: {}", option.title));
            }
        }
    }
    let expected = [
        "heroku: Token of an authorization",
        "microsoft-entra-id: App for itself",
        "okta: Web app, as an administrator",
        "sendgrid: API key",
        "twilio: Auth token",
        "vercel: Access token",
    ];
    assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
}
