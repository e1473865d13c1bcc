//! Two organizations: what one is given to go on with, or names in a body, is worth nothing to the
//! other. What the paths name is tested in `access`.

use serde_json::{Value, json};

use crate::portal::{Portal, integration, with};

/// Everything of one organization that has an id or a cursor.
struct Estate {
    token: String,
    integration: String,
    destination: String,
}

impl Estate {
    async fn new(portal: &Portal) -> Self {
        let id = portal.organization_id();
        let token = portal.token(id);
        let integration = portal.integration(&token).await;
        portal.integration(&token).await;
        let secret = json!({"secret": "s"});
        portal
            .post(&format!("{integration}/webhooks"), &token, secret)
            .await
            .id();
        let mut destination = String::new();
        for _ in 0..2 {
            let body = json!({"type": "http", "url": "https://example.com/"});
            let made = portal
                .post(&format!("{integration}/destinations"), &token, body)
                .await;
            destination = made.id();
            let elevation = json!({"role": "admin", "reason": "r", "durationMinutes": 5});
            portal
                .post("/portal/access/elevations", &token, elevation)
                .await
                .id();
            let key = json!({"name": "CI", "roles": ["viewer"], "expiresAt": in_an_hour()});
            portal.post("/portal/access/keys", &token, key).await.id();
            let another = portal.token_as(id, &destination, &["viewer"]);
            portal.get("/portal/integrations", &another).await;
        }
        Self {
            token,
            integration,
            destination,
        }
    }

    fn id(&self) -> &str {
        self.integration.rsplit('/').next().unwrap()
    }
}

fn in_an_hour() -> Value {
    let now = gatehouse::lambda::system_sources().now();
    json!(now.plus(std::time::Duration::from_secs(3600)))
}

#[tokio::test]
async fn a_cursor_of_another_organization_leads_to_ones_own() {
    let portal = Portal::new().await;
    let (ours, theirs) = (Estate::new(&portal).await, Estate::new(&portal).await);
    for list in [
        "/portal/integrations",
        "/portal/access/keys",
        "/portal/access/elevations",
        "/portal/access/review",
    ] {
        let first = portal
            .get(&format!("{list}?limit=1"), &ours.token)
            .await
            .json();
        let cursor = first["nextCursor"]
            .as_str()
            .unwrap_or_else(|| panic!("{list}: {first}"));
        let own = portal
            .get(&format!("{list}?limit=200"), &theirs.token)
            .await;
        let led = portal
            .get(&format!("{list}?limit=200&cursor={cursor}"), &theirs.token)
            .await;
        assert_eq!(led.status, 200, "{list}: {led:?}");
        let own = own.json()["items"].as_array().unwrap().clone();
        for item in led.json()["items"].as_array().unwrap() {
            assert!(own.contains(item), "{list}: {item} is not theirs");
        }
    }
    // Lists of an integration begin with its id.
    for list in [
        "webhooks",
        "webhooks/logs",
        "destinations",
        "sync/jobs",
        "sync/entities",
        "conflicts",
        "records?entity=contacts",
        "records/export?entity=contacts",
    ] {
        let path = format!("{}/{list}", ours.integration);
        assert_eq!(portal.get(&path, &theirs.token).await.status, 404, "{list}");
    }
}

#[tokio::test]
async fn an_idempotency_key_is_its_organizations_own() {
    let portal = Portal::new().await;
    let (ours, theirs) = (Estate::new(&portal).await, Estate::new(&portal).await);
    let headers = [("idempotency-key", "the-same")];
    let make = async |token: &str, body: Value| {
        portal
            .call(("POST", "/portal/integrations"), token, &headers, body)
            .await
    };
    let first = make(&ours.token, integration()).await;
    let other = make(&theirs.token, integration()).await;
    assert_eq!(
        (first.status, other.status),
        (other.status, http::StatusCode::CREATED)
    );
    assert_ne!(first.id(), other.id());
    assert_ne!(
        first.json()["organizationId"],
        other.json()["organizationId"]
    );
    assert_eq!(make(&ours.token, integration()).await.id(), first.id());
    // Nor does another body of theirs collide with ours.
    let changed = with(integration(), "name", json!("another"));
    assert_eq!(make(&ours.token, changed).await.status, 422);
}

#[tokio::test]
async fn an_id_in_a_body_is_looked_for_in_ones_own_organization() {
    let portal = Portal::new().await;
    let (ours, theirs) = (Estate::new(&portal).await, Estate::new(&portal).await);
    let before = portal.contents().await;
    let bulk = json!({"operations": [
        {"op": "update", "id": ours.id(), "version": 2, "body": {"name": "taken"}},
        {"op": "delete", "id": ours.id()},
    ]});
    let answer = portal
        .post("/portal/integrations:bulk", &theirs.token, bulk)
        .await
        .json();
    for result in answer["results"].as_array().unwrap() {
        assert_eq!(
            (&result["status"], &result["problem"]["code"]),
            (&json!(404), &json!("not_found"))
        );
    }
    for (path, body) in [
        (
            "/portal/access/keys",
            json!({"name": "CI", "roles": ["viewer"], "expiresAt": in_an_hour()}),
        ),
        (
            "/portal/access/elevations",
            json!({"role": "admin", "reason": "r", "durationMinutes": 5}),
        ),
    ] {
        let body = with(body, "integrations", json!([theirs.id(), ours.id()]));
        let answer = portal.post(path, &theirs.token, body).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        let errors = answer.json()["errors"].clone();
        assert_eq!(errors.as_array().unwrap().len(), 1);
        assert_eq!(errors[0]["message"], "there is no such integration");
    }
    let retry = json!({"destinations": [ours.destination]});
    let event = "evt_01K72Z5QSW0123456789ABCDEF";
    let path = format!("{}/webhooks/events/{event}/retry", theirs.integration);
    assert_eq!(portal.post(&path, &theirs.token, retry).await.status, 404);
    assert_eq!(portal.contents().await, before, "something was changed");
}
