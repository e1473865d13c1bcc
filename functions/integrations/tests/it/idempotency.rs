use serde_json::json;

use crate::portal::{Portal, integration, with};

const PATH: &str = "/portal/integrations";

#[tokio::test]
async fn a_repeated_post_has_one_effect_and_the_same_answer() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let key = [("idempotency-key", "first")];
    let first = portal
        .call(("POST", PATH), &token, &key, integration())
        .await;
    let again = portal
        .call(("POST", PATH), &token, &key, integration())
        .await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.text, again.text);
    assert_eq!(again.headers["etag"], first.headers["etag"]);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let list = portal.get(PATH, &token).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_repeated_problem_names_the_request_that_it_answers() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = "/portal/integrations/int_01K72Z5QSW0123456789ABCDEF/destinations";
    let key = [("idempotency-key", "first")];
    let body = json!({"type": "http", "url": "https://example.com/"});
    for replayed in [false, true] {
        let answer = portal
            .call(("POST", path), &token, &key, body.clone())
            .await;
        assert_eq!(answer.code(), "not_found");
        let is_replayed = answer.headers.contains_key("idempotency-replayed");
        assert_eq!(is_replayed, replayed);
        let id = answer.headers["x-request-id"].to_str().unwrap();
        let instance = format!("urn:gatehouse:request:{id}");
        assert_eq!(answer.json()["instance"], instance);
    }
}

#[tokio::test]
async fn a_secret_that_is_shown_once_is_shown_to_the_repetition_and_kept_sealed() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = format!("{}/destinations", portal.integration(&token).await);
    let key = [("idempotency-key", "first")];
    let body = json!({"type": "http", "url": "https://example.com/"});
    let first = portal
        .call(("POST", &path), &token, &key, body.clone())
        .await;
    let again = portal.call(("POST", &path), &token, &key, body).await;
    assert_eq!(first.json()["signingSecret"], again.json()["signingSecret"]);
    let secret = first.json()["signingSecret"].as_str().unwrap().to_owned();
    assert!(!portal.stack.contents().await.unwrap().contains(&secret));
}

#[tokio::test]
async fn a_key_is_good_for_one_request_of_one_organization() {
    let portal = Portal::new().await;
    let (token, other) = (portal.organization(), portal.organization());
    let key = [("idempotency-key", "first")];
    portal
        .call(("POST", PATH), &token, &key, integration())
        .await
        .id();
    let changed = with(integration(), "name", json!("Other"));
    let reused = portal.call(("POST", PATH), &token, &key, changed).await;
    assert_eq!(
        (reused.status.as_u16(), reused.code().as_str()),
        (422, "idempotency_key_reused")
    );
    let theirs = portal
        .call(("POST", PATH), &other, &key, integration())
        .await;
    assert!(!theirs.headers.contains_key("idempotency-replayed"));
    assert_eq!(theirs.status, 201);
}

/// Nobody is answered what another was told.
#[tokio::test]
async fn a_key_is_its_callers() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    let owner = portal.token(organization);
    let path = format!("{}/destinations", portal.integration(&owner).await);
    let machine = json!({
        "name": "CI", "roles": ["admin"],
        "expiresAt": gatehouse::lambda::system_sources().now().plus(std::time::Duration::from_secs(3600)),
    });
    let made = portal.post("/portal/access/keys", &owner, machine).await;
    let (machine, id) = (made.json()["key"].clone(), made.json()["id"].clone());
    // One of whom says that it is the machine.
    let callers = [
        owner,
        portal.token_as(organization, "another", &["owner"]),
        machine.as_str().unwrap().to_owned(),
        portal.token_as(organization, id.as_str().unwrap(), &["owner"]),
    ];
    let key = [("idempotency-key", "first")];
    let body = json!({"type": "http", "url": "https://example.com/"});
    let mut secrets = std::collections::BTreeSet::new();
    for caller in &callers {
        let answer = portal
            .call(("POST", &path), caller, &key, body.clone())
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert!(!answer.headers.contains_key("idempotency-replayed"));
        secrets.insert(answer.json()["signingSecret"].to_string());
    }
    assert_eq!(secrets.len(), callers.len());
    for caller in &callers {
        let again = portal
            .call(("POST", &path), caller, &key, body.clone())
            .await;
        assert_eq!(again.headers["idempotency-replayed"], "true");
    }
}

#[tokio::test]
async fn a_key_that_is_not_well_formed_is_refused() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let long = "x".repeat(256);
    for key in ["", long.as_str()] {
        let key = [("idempotency-key", key)];
        let answer = portal
            .call(("POST", PATH), &token, &key, integration())
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "malformed")
        );
    }
}
