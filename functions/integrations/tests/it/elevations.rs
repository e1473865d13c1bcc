//! A role for a time: asked for by one, allowed by another.

use std::time::Duration;

use gatehouse::domain::{Elevation, ElevationId, OrganizationId, Role};
use gatehouse::lambda::system_sources;
use serde_json::{Value, json};

use crate::portal::{Portal, with};

const ELEVATIONS: &str = "/portal/access/elevations";

fn body(role: &str) -> Value {
    json!({"role": role, "reason": "an incident", "durationMinutes": 30})
}

/// An organization with one integration, and those who act in it.
struct Scene {
    portal: Portal,
    organization: OrganizationId,
    integration: String,
    owner: String,
    admin: String,
    viewer: String,
}

impl Scene {
    async fn new() -> Self {
        let portal = Portal::new().await;
        let organization = portal.organization_id();
        let owner = portal.token(organization);
        Self {
            integration: portal.integration(&owner).await,
            admin: portal.token_as(organization, "admin", &["admin"]),
            viewer: portal.token_as(organization, "viewer", &["viewer"]),
            portal,
            organization,
            owner,
        }
    }

    /// Has the viewer ask; the path of what he asks for.
    async fn ask(&self, body: Value) -> String {
        let made = self.portal.post(ELEVATIONS, &self.viewer, body).await;
        assert_eq!(made.json()["state"], "pending", "{made:?}");
        format!("{ELEVATIONS}/{}", made.id())
    }

    async fn post(&self, path: &str, token: &str) -> (u16, Value) {
        let answer = self.portal.post(path, token, Value::Null).await;
        (answer.status.as_u16(), answer.json())
    }

    /// What comes of the viewer's try to do what an operator may.
    async fn try_it(&self, integration: &str) -> u16 {
        let path = format!("{integration}/webhooks/events/evt_01K72Z5QSW0123456789ABCDEF/retry");
        let answer = self.portal.post(&path, &self.viewer, Value::Null).await;
        answer.status.as_u16()
    }
}

#[tokio::test]
async fn an_elevation_that_is_allowed_adds_a_role_until_it_is_ended() {
    let scene = Scene::new().await;
    assert_eq!(scene.try_it(&scene.integration).await, 403);
    let path = scene.ask(body("operator")).await;
    assert_eq!(scene.try_it(&scene.integration).await, 403);
    let (status, view) = scene.post(&format!("{path}/approve"), &scene.admin).await;
    assert_eq!((status, &view["state"]), (200, &json!("active")), "{view}");
    assert_eq!(view["decision"]["by"], "admin");
    // The event does not exist, which is for those to be told who may look.
    assert_eq!(scene.try_it(&scene.integration).await, 404);
    let ended = scene.portal.delete(&path, &scene.viewer).await;
    assert_eq!(ended.json()["state"], "ended", "{ended:?}");
    assert_eq!(scene.try_it(&scene.integration).await, 403);
    for verb in ["approve", "deny"] {
        let (status, problem) = scene.post(&format!("{path}/{verb}"), &scene.admin).await;
        assert_eq!((status, &problem["code"]), (409, &json!("conflict")));
    }
}

#[tokio::test]
async fn an_elevation_counts_for_its_integrations_only() {
    let scene = Scene::new().await;
    let other = scene.portal.integration(&scene.owner).await;
    let id = scene.integration.rsplit('/').next().unwrap();
    let path = scene
        .ask(with(body("operator"), "integrations", json!([id])))
        .await;
    scene.post(&format!("{path}/approve"), &scene.owner).await;
    assert_eq!(scene.try_it(&scene.integration).await, 404);
    assert_eq!(scene.try_it(&other).await, 403);
}

#[tokio::test]
async fn nobody_decides_about_himself_or_without_the_right_to() {
    let scene = Scene::new().await;
    let made = scene
        .portal
        .post(ELEVATIONS, &scene.admin, body("owner"))
        .await;
    let path = format!("{ELEVATIONS}/{}/approve", made.id());
    let other_admin = scene
        .portal
        .token_as(scene.organization, "other", &["admin"]);
    let machine = json!({"name": "m", "roles": ["owner"], "expiresAt":
        system_sources().now().plus(Duration::from_secs(3600))});
    let machine = scene
        .portal
        .post("/portal/access/keys", &scene.owner, machine)
        .await;
    let machine = machine.json()["key"].as_str().unwrap().to_owned();
    for token in [&scene.admin, &other_admin, &scene.viewer, &machine] {
        let (status, problem) = scene.post(&path, token).await;
        assert_eq!((status, &problem["code"]), (403, &json!("forbidden")));
    }
    let theirs = scene.portal.organization();
    assert_eq!(scene.post(&path, &theirs).await.0, 404);
    assert_eq!(scene.post(&path, &scene.owner).await.0, 200);
    // Who is an owner for a time gives no rights, not even to others.
    let asked = scene.ask(body("operator")).await;
    let raised = scene
        .portal
        .post(ELEVATIONS, &scene.viewer, body("owner"))
        .await;
    let raised = format!("{ELEVATIONS}/{}/approve", raised.id());
    assert_eq!(scene.post(&raised, &scene.owner).await.0, 200);
    assert_eq!(
        scene
            .post(&format!("{asked}/approve"), &scene.viewer)
            .await
            .0,
        403
    );
    let key = json!({"name": "m", "roles": ["viewer"], "expiresAt":
        system_sources().now().plus(Duration::from_secs(3600))});
    let key = scene
        .portal
        .post("/portal/access/keys", &scene.viewer, key)
        .await;
    assert_eq!(key.status, 403);
}

#[tokio::test]
async fn an_elevation_that_is_refused_adds_nothing() {
    let scene = Scene::new().await;
    let path = scene.ask(body("operator")).await;
    let (status, view) = scene.post(&format!("{path}/deny"), &scene.admin).await;
    assert_eq!((status, &view["state"]), (200, &json!("denied")));
    assert_eq!(scene.try_it(&scene.integration).await, 403);
    assert_eq!(
        scene.post(&format!("{path}/approve"), &scene.admin).await.0,
        409
    );
    assert_eq!(scene.portal.delete(&path, &scene.viewer).await.status, 409);
}

/// An elevation of the viewer's, as old as this, that was allowed for a minute.
fn allowed_ago(scene: &Scene, age: Duration, decided: bool) -> Elevation {
    let sources = system_sources();
    let then = sources.now().minus(age);
    let asked = Elevation {
        id: ElevationId::generate(then, sources.randomness.as_ref()),
        organization_id: scene.organization,
        requested_by: "viewer".to_owned(),
        role: Role::Operator,
        integrations: None,
        reason: "an incident".to_owned(),
        duration_minutes: 1,
        requested_at: then,
        decision: None,
        ends_at: None,
        ended_by: None,
    };
    if decided {
        asked.approved("admin".to_owned(), then)
    } else {
        asked
    }
}

#[tokio::test]
async fn an_elevation_ends_by_itself() {
    let scene = Scene::new().await;
    let store = &scene.portal.store;
    let minute = Duration::from_secs(60);
    let elevation = allowed_ago(&scene, minute, true);
    store.create_elevation(&elevation).await.unwrap();
    // Written as it was when it was allowed, so that it is among those that are remembered.
    let then = elevation.requested_at;
    store.settle_elevation(&elevation, 1, then).await.unwrap();
    assert_eq!(
        store
            .elevated(scene.organization, "viewer")
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(scene.try_it(&scene.integration).await, 403);
    let list = scene.portal.get(ELEVATIONS, &scene.viewer).await.json();
    assert_eq!(list["items"][0]["state"], "expired");
}

#[tokio::test]
async fn what_nobody_decides_for_a_day_lapses() {
    let scene = Scene::new().await;
    let elevation = allowed_ago(&scene, Elevation::DECIDABLE, false);
    scene
        .portal
        .store
        .create_elevation(&elevation)
        .await
        .unwrap();
    let path = format!("{ELEVATIONS}/{}/approve", elevation.id);
    assert_eq!(scene.post(&path, &scene.admin).await.0, 409);
    let list = scene.portal.get(ELEVATIONS, &scene.admin).await.json();
    assert_eq!(list["items"][0]["state"], "lapsed");
}

#[tokio::test]
async fn everybody_sees_his_own_and_who_reviews_sees_all() {
    let scene = Scene::new().await;
    scene.ask(body("operator")).await;
    let other = scene
        .portal
        .token_as(scene.organization, "other", &["viewer"]);
    scene.portal.post(ELEVATIONS, &other, body("admin")).await;
    let auditor = scene
        .portal
        .token_as(scene.organization, "auditor", &["auditor"]);
    for (token, expected) in [
        (&scene.viewer, 1),
        (&other, 1),
        (&auditor, 2),
        (&scene.owner, 2),
    ] {
        let list = scene.portal.get(ELEVATIONS, token).await.json();
        assert_eq!(list["items"].as_array().unwrap().len(), expected, "{list}");
    }
}

#[tokio::test]
async fn a_body_that_is_wrong_asks_for_nothing() {
    let scene = Scene::new().await;
    let theirs = scene.portal.organization();
    let foreign = scene.portal.integration(&theirs).await;
    let foreign = foreign.rsplit('/').next().unwrap();
    for (field, value, pointer) in [
        ("role", json!("root"), "/role"),
        ("reason", json!(" "), "/reason"),
        ("reason", json!("r".repeat(1001)), "/reason"),
        ("durationMinutes", json!(0), "/durationMinutes"),
        ("durationMinutes", json!(481), "/durationMinutes"),
        ("integrations", json!([]), "/integrations"),
        ("integrations", json!([foreign]), "/integrations/0"),
        ("approved", json!(true), "/approved"),
    ] {
        let body = with(body("operator"), field, value.clone());
        let answer = scene.portal.post(ELEVATIONS, &scene.viewer, body).await;
        assert_eq!(answer.status, 400, "{field} {value}: {answer:?}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{answer:?}");
    }
    let list = scene.portal.get(ELEVATIONS, &scene.owner).await.json();
    assert_eq!(list, json!({"items": []}));
}
