use serde_json::{Value, json};

use crate::portal::Portal;

fn slugs(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["slug"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn providers_are_listed_by_slug_and_by_type() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let list = portal.get("/portal/providers", &token).await.json();
    let all = slugs(&list);
    assert!(all.len() >= 12 && all.is_sorted(), "{all:?}");
    for slug in [
        "stripe",
        "github",
        "slack",
        "sendgrid",
        "twilio",
        "hubspot",
        "salesforce",
    ] {
        assert!(all.contains(&slug), "{slug}");
    }
    for slug in ["okta", "aws-s3", "azure-blob", "shopify", "astrologyapi"] {
        assert!(all.contains(&slug), "{slug}");
    }
    let list = portal
        .get("/portal/providers?type=cloud_storage", &token)
        .await
        .json();
    assert_eq!(slugs(&list), ["aws-s3", "azure-blob", "box", "dropbox"]);
    assert_eq!(list["items"][0]["authMethods"], json!(["custom"]));
    for query in ["type=pets", "type=", "colour=red"] {
        let answer = portal
            .get(&format!("/portal/providers?{query}"), &token)
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "malformed"),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_provider_is_shown_with_what_its_integrations_need() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let okta = portal.get("/portal/providers/okta", &token).await.json();
    assert_eq!(okta["name"], "Okta");
    assert_eq!(okta["type"], "identity_provider");
    assert_eq!(okta["baseUrl"], "https://{subdomain}.{domain}");
    assert_eq!(okta["variables"]["domain"]["default"], "okta.com");
    assert_eq!(okta["auth"][0]["method"], "api_key");
    assert_eq!(okta["auth"][0]["fields"]["apiKey"]["secret"], true);
    assert_eq!(okta["entities"]["users"]["listPath"], "/api/v1/users");
    let strategies = okta["auth"].as_array().unwrap().iter();
    let strategies: Vec<_> = strategies
        .map(|option| &option["rotation"]["strategy"])
        .collect();
    assert_eq!(
        strategies,
        ["operator_supplied", "asymmetric", "oauth_client_secret"]
    );
    let twilio = portal.get("/portal/providers/twilio", &token).await.json();
    let scheme = &twilio["webhookSchemes"][0];
    assert_eq!(
        (&scheme["slug"], &scheme["title"]),
        (&json!("twilio"), &json!("Twilio (auth token)"))
    );
    assert_eq!(scheme["bodyAuthenticated"], true);
    assert!(scheme["secret"].as_str().unwrap().contains("auth token"));
    let stripe = portal.get("/portal/providers/stripe", &token).await.json();
    assert_eq!(stripe["rateLimits"], json!({"requestsPerSecond": 25}));
}

#[tokio::test]
async fn a_provider_of_which_only_the_webhooks_are_known_is_shown_too() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let crowdstrike = portal.get("/portal/providers/crowdstrike", &token).await;
    let crowdstrike = crowdstrike.json();
    assert_eq!(crowdstrike["type"], "security");
    assert_eq!(crowdstrike["baseUrl"], Value::Null);
    assert_eq!(crowdstrike["auth"], json!([]));
    let scheme = &crowdstrike["webhookSchemes"][0];
    assert_eq!(scheme["slug"], "crowdstrike");
    assert!(!scheme["uncertain"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_no_provider_is_not_found() {
    let portal = Portal::new().await;
    let token = portal.organization();
    for slug in [
        "unknown",
        "hmac",
        "Stripe",
        "payment%2Fstripe",
        "..%2Fstripe",
    ] {
        let answer = portal
            .get(&format!("/portal/providers/{slug}"), &token)
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (404, "not_found"),
            "{slug}"
        );
    }
}
