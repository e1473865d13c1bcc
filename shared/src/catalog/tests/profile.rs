use serde_json::json;

use super::*;
use crate::domain::{ApiProfile, Integration, RotationMethod};

fn integration(change: serde_json::Value) -> Integration {
    let mut body = json!({
        "id": "int_01K72Z5QSW0123456789ABCDEF",
        "organizationId": "org_01K72Z5QSW0123456789ABCDEF",
        "name": "a", "type": "identity_provider", "authMethod": "api_key", "status": "active",
        "baseUrl": "https://acme.okta.com/",
        "createdAt": "2026-11-25T00:00:00Z", "updatedAt": "2026-11-25T00:00:00Z",
    });
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    serde_json::from_value(body).unwrap()
}

#[test]
fn a_known_provider_is_called_as_the_catalogue_says_with_the_variables() {
    let variables = json!({"subdomain": "acme", "domain": "okta.com"});
    let okta = integration(json!({"provider": "okta", "variables": variables}));
    let profile = profile_of(&okta);
    assert_eq!(profile.hosts, ["acme.okta.com"]);
    // What an expression has in braces is none of the variables.
    let users = profile.entities.get("users").unwrap();
    let since = users.changed_since.as_ref().unwrap();
    assert_eq!(since.template, "lastUpdated gt \"{cursor}\"");
}

#[test]
fn an_integration_says_otherwise_but_not_where_credentials_go() {
    let own = json!({"hosts": ["evil.example"], "idempotencyHeader": "Own"});
    let stripe = integration(json!({"provider": "stripe", "apiProfile": own}));
    let profile = profile_of(&stripe);
    assert_eq!(profile.idempotency_header.as_deref(), Some("Own"));
    assert!(!profile.names_host("evil.example") && profile.names_host("api.stripe.com"));
    assert!(profile.entities.contains_key("customers"));
}

#[test]
fn credentials_are_replaced_as_the_way_to_authenticate_says() {
    let twilio = |user: &str, password: &str, fields: &[&str]| {
        let sid = "AC00000000000000000000000000000000";
        let config = json!({
            "usernameTemplate": user.replace("{accountSid}", sid), "passwordTemplate": password,
        });
        let credentials = json!({
            "version": "v", "fields": fields, "createdAt": "2026-11-25T00:00:00Z",
        });
        integration(json!({
            "provider": "twilio", "authMethod": "basic_auth", "authConfig": config,
            "variables": {"accountSid": sid}, "credentials": credentials,
        }))
    };
    let token = twilio("{accountSid}", "{authToken}", &["authToken"]);
    let Some(RotationMethod::ProviderApi { keys, .. }) = &profile_of(&token).rotation else {
        panic!("an auth token is replaced by calls");
    };
    assert_eq!(keys.create.host.as_deref(), Some("accounts.twilio.com"));
    let key = twilio(
        "{apiKeySid}",
        "{apiKeySecret}",
        &["apiKeySecret", "apiKeySid"],
    );
    let by_person = |it: &Integration| {
        matches!(
            profile_of(it).rotation,
            Some(RotationMethod::OperatorSupplied { .. })
        )
    };
    assert!(by_person(&key));
    // A configuration of its own: what it has tells.
    let mut own = twilio(
        "{apiKeySid}:x",
        "{apiKeySecret}",
        &["apiKeySecret", "apiKeySid"],
    );
    assert!(by_person(&own));
    // What the integration says comes first.
    let said = json!({"rotation": {"strategy": "operator_supplied", "remindAfterDays": 7}});
    own = integration(
        json!({"provider": "twilio", "authMethod": "basic_auth", "apiProfile": said,
        "authConfig": token.auth_config, "variables": token.variables}),
    );
    assert!(by_person(&own));
}

#[test]
fn an_unknown_provider_is_called_as_the_integration_says() {
    let own = json!({"hosts": ["files.example"], "idempotencyHeader": "Own"});
    for provider in [json!("unknown"), json!(null)] {
        let custom = integration(json!({"provider": provider, "apiProfile": own}));
        assert_eq!(*profile_of(&custom), **custom.api_profile.as_ref().unwrap());
    }
    assert_eq!(*profile_of(&integration(json!({}))), ApiProfile::default());
}

#[test]
fn the_variables_of_a_host_are_read_from_a_base_url() {
    let read = |slug: &str, url: &str| {
        let found = provider(slug).unwrap().read_host(&url.parse().unwrap());
        found.map(|values| json!(values))
    };
    let expected = json!({"subdomain": "acme", "domain": "oktapreview.com"});
    assert_eq!(
        read("okta", "https://acme.oktapreview.com/api"),
        Some(expected)
    );
    let expected = json!({"instance": "acme--uat.sandbox"});
    assert_eq!(
        read("salesforce", "https://acme--uat.sandbox.my.salesforce.com"),
        Some(expected)
    );
    assert_eq!(read("stripe", "https://api.stripe.com/v2"), Some(json!({})));
    for (slug, url) in [
        ("okta", "https://acme.okta.com.evil.example"),
        ("okta", "https://evil.example"),
        ("okta", "https://a.b.okta.com"),
        ("stripe", "https://apixstripe.com"),
        ("stripe", "https://127.0.0.1"),
    ] {
        assert_eq!(read(slug, url), None, "{url}");
    }
}

#[test]
fn a_default_is_used_where_nothing_is_given() {
    let okta = provider("okta").unwrap();
    let given: Values = [("subdomain".to_owned(), "acme".to_owned())].into();
    assert_eq!(okta.base_url(&given), None);
    let values = okta.with_defaults(given);
    assert_eq!(
        okta.base_url(&values).unwrap().as_str(),
        "https://acme.okta.com/"
    );
    let s3 = provider("aws-s3").unwrap();
    let values: Values = [("region".to_owned(), "eu-west-1".to_owned())].into();
    let config = s3.auth[0].config(&values).unwrap();
    assert_eq!(
        config,
        json!({"kind": "sigv4", "service": "s3", "region": "eu-west-1"})
    );
}

#[test]
fn limits_are_the_integrations_own_or_else_those_of_its_profile() {
    let profile: ApiProfile =
        serde_json::from_value(json!({"rateLimits": {"requestsPerSecond": 9}})).unwrap();
    let own = integration(json!({"rateLimits": {"requestsPerSecond": 2}}));
    let none = integration(json!({}));
    for (integration, profile, expected) in [
        (&own, &profile, Some(2)),
        (&none, &profile, Some(9)),
        (&none, &ApiProfile::default(), None),
    ] {
        let limits = limits_of(integration, profile);
        assert_eq!(limits.requests_per_second, expected);
    }
}
