//! No integration is made of an address that only this machine or this network can reach.

#[path = "../../../../shared/tests/it/egress/spellings.rs"]
mod spellings;

use serde_json::{Value, json};

use crate::portal::{Portal, integration, with};

use spellings::{INSIDE, LOOPBACK};

fn points_at(answer: &Value, pointer: &str) -> bool {
    let errors = answer["errors"].as_array().unwrap();
    errors.iter().any(|error| error["pointer"] == pointer)
}

fn urls() -> impl Iterator<Item = String> {
    let hosts = LOOPBACK.iter().chain(&INSIDE);
    hosts.flat_map(|host| {
        [
            format!("https://{host}/"),
            format!("https://{host}:8443/v1"),
            format!("http://{host}/"),
        ]
    })
}

#[tokio::test]
async fn no_spelling_of_an_address_inside_becomes_a_base_url() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let made = portal.integration(&token).await;
    let kept = portal.get(&made, &token).await;
    let etag = kept.headers["etag"].to_str().unwrap();
    let own = with(integration(), "provider", Value::Null);
    for url in urls() {
        let body = with(own.clone(), "baseUrl", json!(url));
        let answer = portal.post("/portal/integrations", &token, body).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (400, "invalid"));
        assert!(points_at(&answer.json(), "/baseUrl"), "{url}: {answer:?}");
        let change = json!({"baseUrl": url});
        let headers = [("if-match", etag)];
        let answer = portal.call(("PATCH", &made), &token, &headers, change);
        let answer = answer.await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (400, "invalid"));
        assert!(points_at(&answer.json(), "/baseUrl"), "{url}: {answer:?}");
    }
    let list = portal.get("/portal/integrations", &token).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["baseUrl"], "https://api.stripe.com/");
}

#[tokio::test]
async fn no_spelling_of_an_address_inside_becomes_a_token_url() {
    let portal = Portal::new().await;
    let token = portal.organization();
    for url in urls() {
        let mut body = with(integration(), "provider", Value::Null);
        body["authMethod"] = json!("jwt");
        body["authConfig"] = json!({
            "algorithm": "HS256", "claims": {},
            "use": {"kind": "exchange", "tokenUrl": url},
        });
        body["credentials"] = json!({"privateKey": "canary-0123456789-0123456789-0123456789"});
        let answer = portal.post("/portal/integrations", &token, body).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (400, "invalid"));
        let place = "/authConfig/use/tokenUrl";
        assert!(points_at(&answer.json(), place), "{url}: {answer:?}");
    }
    let list = portal.get("/portal/integrations", &token).await.json();
    assert_eq!(list, json!({"items": []}));
}
