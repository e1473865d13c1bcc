//! Machines call by keys of their own.

use std::time::Duration;

use axum::body::Body;
use gatehouse::access::IssuedKey;
use gatehouse::domain::{ApiKey, OrganizationId, Role, Roles};
use gatehouse::lambda::system_sources;
use http::Request;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::portal::{Portal, with};

const KEYS: &str = "/portal/access/keys";
const LIST: &str = "/portal/integrations";

fn in_days(days: u64) -> String {
    let now = system_sources().now();
    now.plus(Duration::from_secs(days * 24 * 60 * 60))
        .to_string()
}

fn body(roles: &[&str]) -> Value {
    json!({"name": "CI", "roles": roles, "expiresAt": in_days(30)})
}

/// Makes a key: the key and its id.
async fn make(portal: &Portal, token: &str, body: Value) -> (String, String) {
    let made = portal.post(KEYS, token, body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("key"), text("id"))
}

#[tokio::test]
async fn a_key_is_shown_once_and_works() {
    let portal = Portal::new().await;
    let owner = portal.organization();
    let integration = portal.integration(&owner).await;
    let (key, id) = make(&portal, &owner, body(&["viewer"])).await;
    assert!(
        !portal
            .stack
            .contents()
            .await
            .unwrap()
            .contains(key.split_at(30).1)
    );
    let list = portal.get(KEYS, &owner).await;
    assert!(!list.text.contains(key.split_at(30).1), "{}", list.text);
    assert_eq!(list.json()["items"][0]["id"], id.as_str());
    assert_eq!(list.json()["items"][0]["state"], "active");
    assert!(list.json()["items"][0]["lastUsedAt"].is_null());
    assert_eq!(portal.get(&integration, &key).await.status, 200);
    assert_eq!(portal.delete(&integration, &key).await.status, 403);
    let list = portal.get(KEYS, &owner).await.json();
    assert!(list["items"][0]["lastUsedAt"].is_string(), "{list}");
}

#[tokio::test]
async fn a_key_reaches_its_own_organization_only() {
    let portal = Portal::new().await;
    let (ours, theirs) = (portal.organization(), portal.organization());
    let integration = portal.integration(&ours).await;
    let (key, _) = make(&portal, &theirs, body(&["admin"])).await;
    assert_eq!(portal.get(&integration, &key).await.status, 404);
    assert_eq!(portal.get(LIST, &key).await.json(), json!({"items": []}));
}

#[tokio::test]
async fn a_key_that_is_wrong_or_revoked_is_refused() {
    let portal = Portal::new().await;
    let owner = portal.organization();
    let (key, id) = make(&portal, &owner, body(&["viewer"])).await;
    let (other, _) = make(&portal, &owner, body(&["viewer"])).await;
    // The id of one with the secret of the other.
    let ((id_part, secret), (_, other_secret)) = (key.split_at(29), other.split_at(29));
    let swapped = format!("{id_part}{other_secret}");
    let last = if key.ends_with('A') { "Q" } else { "A" };
    let changed = format!("{}{last}", key.split_at(key.len() - 1).0);
    let unknown = format!("gh_01K72Z5QSW0123456789ABCDEF{secret}");
    for bad in [&swapped, &changed, &unknown, &key.split_at(40).0.to_owned()] {
        let answer = portal.get(LIST, bad).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (401, "unauthenticated")
        );
    }
    assert_eq!(portal.get(LIST, &key).await.status, 200);
    let path = format!("{KEYS}/{id}");
    assert_eq!(portal.delete(&path, &owner).await.status, 204);
    assert_eq!(portal.get(LIST, &key).await.status, 401);
    assert_eq!(portal.get(LIST, &other).await.status, 200);
    assert_eq!(portal.delete(&path, &owner).await.status, 204);
    let list = portal.get(KEYS, &owner).await.json();
    assert_eq!(list["items"][1]["state"], "revoked");
}

#[expect(clippy::disallowed_methods, reason = "a test makes a key by hand")]
async fn ended(portal: &Portal, organization: OrganizationId) -> String {
    let sources = system_sources();
    let (now, randomness) = (sources.now(), sources.randomness.as_ref());
    let issued = IssuedKey::generate(now, randomness);
    let key = ApiKey {
        id: issued.id,
        organization_id: organization,
        name: "ended".to_owned(),
        roles: Roles::NONE.with(Role::Viewer),
        actions: None,
        integrations: None,
        networks: Vec::new(),
        digest: issued.digest.clone(),
        created_by: "me".to_owned(),
        created_at: now,
        expires_at: now,
        revoked_at: None,
    };
    portal.store.create_api_key(&key).await.unwrap();
    issued.text.expose_secret().to_owned()
}

#[tokio::test]
async fn a_key_ends_by_itself() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    let key = ended(&portal, organization).await;
    assert_eq!(portal.get(LIST, &key).await.status, 401);
    let list = portal.get(KEYS, &portal.token(organization)).await.json();
    assert_eq!(list["items"][0]["state"], "expired");
}

#[tokio::test]
async fn a_key_does_what_it_is_for_from_where_it_belongs() {
    let portal = Portal::new().await;
    let owner = portal.organization();
    let (one, two) = (
        portal.integration(&owner).await,
        portal.integration(&owner).await,
    );
    let id = one.rsplit('/').next().unwrap();
    let scoped = with(body(&["admin"]), "actions", json!(["readIntegration"]));
    let (scoped, _) = make(&portal, &owner, scoped).await;
    assert_eq!(portal.get(&one, &scoped).await.status, 200);
    assert_eq!(portal.get(LIST, &scoped).await.status, 403);
    let (narrow, _) = make(
        &portal,
        &owner,
        with(body(&["admin"]), "integrations", json!([id])),
    )
    .await;
    assert_eq!(portal.get(&one, &narrow).await.status, 200);
    assert_eq!(portal.get(&two, &narrow).await.status, 403);
    assert_eq!(portal.get(LIST, &narrow).await.status, 403);
    let bound = with(
        body(&["admin"]),
        "networks",
        json!(["192.0.2.0/24", "2001:db8::/48"]),
    );
    let (bound, _) = make(&portal, &owner, bound).await;
    let from = async |address: Option<&str>| {
        let mut request = Request::get(&one).header("authorization", format!("Bearer {bound}"));
        if let Some(address) = address {
            let mut context = ApiGatewayV2httpRequestContext::default();
            context.http.source_ip = Some(address.to_owned());
            request = request.extension(RequestContext::ApiGatewayV2(context));
        }
        portal
            .send(request.body(Body::empty()).unwrap())
            .await
            .status
            .as_u16()
    };
    assert_eq!(from(Some("192.0.2.9")).await, 200);
    assert_eq!(from(Some("2001:db8::9")).await, 200);
    assert_eq!(from(Some("192.0.3.9")).await, 403);
    assert_eq!(from(None).await, 403);
}

#[tokio::test]
async fn nobody_makes_a_key_that_is_more_than_himself() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    let owner = portal.token(organization);
    let admin = portal.token_as(organization, "a", &["admin"]);
    let plain = portal.signed(
        organization,
        "p",
        json!({"roles": ["owner"], "amr": ["pwd"]}),
    );
    let (machine, _) = make(&portal, &owner, body(&["owner"])).await;
    let before = portal.get(KEYS, &owner).await.json();
    for (token, roles) in [(&admin, "owner"), (&plain, "viewer"), (&machine, "viewer")] {
        let answer = portal.post(KEYS, token, body(&[roles])).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (403, "forbidden")
        );
    }
    assert_eq!(
        portal.get(KEYS, &owner).await.json()["items"][1],
        before["items"][1]
    );
    make(&portal, &admin, body(&["admin", "auditor"])).await;
    // Nor does he take an owner's away.
    let path = format!("{KEYS}/{}", before["items"][0]["id"].as_str().unwrap());
    assert_eq!(portal.delete(&path, &admin).await.status, 403);
    assert_eq!(portal.get(LIST, &machine).await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_wrong_makes_no_key() {
    let portal = Portal::new().await;
    let (owner, theirs) = (portal.organization(), portal.organization());
    let foreign = portal.integration(&theirs).await;
    let foreign = foreign.rsplit('/').next().unwrap();
    for (field, value, pointer) in [
        ("name", json!(" "), "/name"),
        ("name", json!("n".repeat(201)), "/name"),
        ("roles", json!([]), "/roles"),
        ("roles", json!(["root"]), "/roles/0"),
        ("actions", json!([]), "/actions"),
        ("actions", json!(["everything"]), "/actions/0"),
        ("integrations", json!([]), "/integrations"),
        ("integrations", json!(["int_x"]), "/integrations/0"),
        ("integrations", json!([foreign]), "/integrations/0"),
        ("networks", json!([]), "/networks"),
        ("networks", json!(["10.0.0.0/8"]), "/networks/0"),
        ("networks", json!(["2001:db8::/16"]), "/networks/0"),
        ("networks", json!(vec!["10.0.0.0/24"; 5]), "/networks"),
        ("expiresAt", json!(in_days(400)), "/expiresAt"),
        ("expiresAt", json!("2020-01-01T00:00:00Z"), "/expiresAt"),
        ("expiresAt", Value::Null, "/expiresAt"),
        ("secret", json!("mine"), "/secret"),
    ] {
        let answer = portal
            .post(KEYS, &owner, with(body(&["viewer"]), field, value.clone()))
            .await;
        assert_eq!(answer.status, 400, "{field} {value}: {answer:?}");
        assert_eq!(
            answer.json()["errors"][0]["pointer"],
            pointer,
            "{value}: {answer:?}"
        );
    }
    assert_eq!(portal.get(KEYS, &owner).await.json(), json!({"items": []}));
}

#[tokio::test]
async fn a_key_is_not_shown_again_to_who_repeats_the_request() {
    let portal = Portal::new().await;
    let owner = portal.organization();
    let headers = [("idempotency-key", "once")];
    let make = async || {
        portal
            .call(("POST", KEYS), &owner, &headers, body(&["viewer"]))
            .await
    };
    let (first, second) = (make().await.json(), make().await.json());
    assert_ne!(first["key"], second["key"]);
}
