//! Playbooks and their runs, as people make, start and approve them.

use gatehouse::domain::OrganizationId;
use serde_json::{Value, json};

use crate::portal::{Answer, Portal, with};

const PLAYBOOKS: &str = "/portal/playbooks";
const RUNS: &str = "/portal/playbook-runs";

fn body() -> Value {
    json!({
        "name": "Suspend",
        "steps": [
            {"action": "open_breaker", "minutes": 30, "approval": "automatic"},
            {"action": "suspend_integration"},
        ],
    })
}

struct Scene {
    portal: Portal,
    organization: OrganizationId,
    path: String,
    integration: String,
    admin: String,
    operator: String,
    developer: String,
}

impl Scene {
    async fn new() -> Self {
        let portal = Portal::new().await;
        let organization = portal.organization_id();
        let admin = portal.token_as(organization, "admin", &["admin"]);
        let path = portal.integration(&admin).await;
        Self {
            integration: path.rsplit('/').next().unwrap().to_owned(),
            path,
            operator: portal.token_as(organization, "operator", &["operator"]),
            developer: portal.token_as(organization, "developer", &["developer"]),
            admin,
            portal,
            organization,
        }
    }

    async fn make(&self, body: Value) -> String {
        let made = self.portal.post(PLAYBOOKS, &self.admin, body).await;
        format!("{PLAYBOOKS}/{}", made.id())
    }

    fn on(&self) -> Value {
        json!({"integrationId": self.integration})
    }

    async fn start(&self, playbook: &str, token: &str, body: Value) -> Answer {
        self.portal
            .post(&format!("{playbook}/runs"), token, body)
            .await
    }

    async fn decide(&self, run: &str, verb: &str, token: &str, step: u8) -> Answer {
        let path = format!("{RUNS}/{run}/{verb}");
        self.portal.post(&path, token, json!({"step": step})).await
    }

    async fn status(&self) -> String {
        let read = self.portal.get(&self.path, &self.admin).await.json();
        read["status"].as_str().unwrap().to_owned()
    }
}

fn states(run: &Value) -> Vec<&str> {
    let steps = run["steps"].as_array().unwrap();
    steps
        .iter()
        .map(|step| step["state"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_playbook_is_made_listed_replaced_and_deleted() {
    let scene = Scene::new().await;
    let path = scene.make(body()).await;
    let read = scene.portal.get(&path, &scene.developer).await;
    let view = read.json();
    assert_eq!(
        (view["builtIn"].clone(), &view["name"]),
        (json!(false), &json!("Suspend"))
    );
    assert_eq!(view["steps"][1]["approval"], "required");
    assert_eq!(view["approvalMinutes"], 60);
    let list = scene.portal.get(PLAYBOOKS, &scene.developer).await.json();
    let ids: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert_eq!(ids[0], &view["id"]);
    assert_eq!(
        ids[1..],
        [
            "contain-integration",
            "hostile-webhooks",
            "leaked-credential",
            "provider-down"
        ]
    );
    let built_in = scene
        .portal
        .get(&format!("{PLAYBOOKS}/provider-down"), &scene.developer)
        .await;
    assert_eq!(built_in.json()["builtIn"], true);
    let version = read.headers["etag"].to_str().unwrap();
    let headers = [("if-match", version)];
    let other = with(body(), "name", json!("Other"));
    let put = |body| {
        scene
            .portal
            .call(("PUT", &path), &scene.admin, &headers, body)
    };
    assert_eq!(put(other.clone()).await.json()["name"], "Other");
    assert_eq!(put(other).await.status, 412);
    assert_eq!(scene.portal.delete(&path, &scene.admin).await.status, 204);
    assert_eq!(scene.portal.get(&path, &scene.admin).await.status, 404);
    for (method, path) in [
        ("PUT", "provider-down"),
        ("DELETE", "provider-down"),
        ("GET", "x"),
    ] {
        let path = format!("{PLAYBOOKS}/{path}");
        let call = scene
            .portal
            .call((method, &path), &scene.admin, &headers, body());
        assert_eq!(call.await.status, 404, "{method} {path}");
    }
}

#[tokio::test]
async fn a_playbook_that_is_not_understood_is_refused_with_the_place() {
    let scene = Scene::new().await;
    let before = scene.portal.contents().await;
    for (body, pointer) in not_understood() {
        let answer = scene
            .portal
            .post(PLAYBOOKS, &scene.admin, body.clone())
            .await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        let errors = answer.json()["errors"].clone();
        let found = errors[0]["pointer"].as_str().unwrap();
        assert!(found.starts_with(pointer), "{body}: {errors}");
    }
    assert_eq!(scene.portal.contents().await, before);
}

/// Bodies, and what of them is wrong.
fn not_understood() -> Vec<(Value, &'static str)> {
    let step = |step: Value| with(body(), "steps", json!([step]));
    let trigger = |trigger: Value| with(body(), "trigger", trigger);
    let unknown = "int_01K72Z5QSW0123456789ABCDEF";
    vec![
        (with(body(), "name", json!("")), "/name"),
        (with(body(), "steps", json!([])), "/steps"),
        (
            with(body(), "approvalMinutes", json!(1441)),
            "/approvalMinutes",
        ),
        (with(body(), "approver", json!("nobody")), "/approver"),
        (with(body(), "code", json!("x")), ""),
        (step(json!({"action": "drop_table"})), "/steps/0/action"),
        (step(json!({"action": "open_breaker"})), "/steps/0/minutes"),
        (
            step(json!({"action": "suspend_integration", "minutes": 5})),
            "/steps/0/minutes",
        ),
        (
            step(json!({"action": "revoke_grant", "network": "192.0.2.0/24"})),
            "/steps/0/network",
        ),
        (
            step(json!({"action": "block_source_network", "network": "0.0.0.0/0"})),
            "/steps/0/network",
        ),
        (
            step(json!({"action": "revoke_grant", "approval": "never"})),
            "/steps/0/approval",
        ),
        (step(json!(["revoke_grant"])), "/steps/0"),
        (
            step(json!({"action": "revoke_grant", "emergency": true})),
            "/steps/0/emergency",
        ),
        (
            step(json!({"action": "rotate_credential", "emergency": "yes"})),
            "/steps/0/emergency",
        ),
        (
            trigger(json!({"alertKinds": ["weather"]})),
            "/trigger/alertKinds/0",
        ),
        (
            trigger(json!({"start": "automatic"})),
            "/trigger/integrations",
        ),
        (
            trigger(json!({"integrations": [unknown]})),
            "/trigger/integrations/0",
        ),
    ]
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_a_run_does_it_with_approval() {
    let scene = Scene::new().await;
    let playbook = scene.make(body()).await;
    let before = scene.portal.contents().await;
    let dry = with(scene.on(), "dryRun", json!(true));
    let dry = scene.start(&playbook, &scene.operator, dry).await;
    assert_eq!(dry.status, 200, "{dry:?}");
    let steps = dry.json()["steps"].clone();
    assert_eq!(
        (&steps[0]["would"], &steps[1]["would"]),
        (&json!("change"), &json!("change"))
    );
    assert_eq!(steps[1]["present"], "the integration's status is `active`");
    assert_eq!(scene.portal.contents().await, before);

    let started = scene.start(&playbook, &scene.operator, scene.on()).await;
    let run = started.id();
    assert_eq!(
        started.headers["location"],
        format!("{RUNS}/{run}").as_str()
    );
    assert_eq!(states(&started.json()), ["done", "waiting"]);
    // An operator may hold calls back, and not switch an integration off.
    let denied = scene.decide(&run, "approve", &scene.operator, 2).await;
    assert_eq!(
        (denied.status.as_u16(), denied.code()),
        (403, "forbidden".to_owned())
    );
    for step in [0, 1, 3, 255] {
        let wrong = scene.decide(&run, "approve", &scene.admin, step).await;
        assert!(
            [400, 409].contains(&wrong.status.as_u16()),
            "{step}: {wrong:?}"
        );
    }
    assert_eq!(scene.status().await, "active");
    let approved = scene.decide(&run, "approve", &scene.admin, 2).await.json();
    assert_eq!(approved["status"], "succeeded");
    assert_eq!(scene.status().await, "inactive");
    assert_eq!(
        scene.decide(&run, "approve", &scene.admin, 2).await.status,
        409
    );

    let undo = format!("{RUNS}/{run}/undo");
    assert_eq!(
        scene
            .portal
            .post(&undo, &scene.operator, Value::Null)
            .await
            .status,
        403
    );
    let undone = scene
        .portal
        .post(&undo, &scene.admin, Value::Null)
        .await
        .json();
    assert_eq!(states(&undone), ["undone", "undone"]);
    assert_eq!(scene.status().await, "active");
    let list = scene.portal.get(RUNS, &scene.developer).await.json();
    assert_eq!(list["items"][0], undone);
}

#[tokio::test]
async fn a_machine_approves_nothing() {
    let scene = Scene::new().await;
    let owner = scene.portal.token(scene.organization);
    let expires = gatehouse::lambda::system_sources().now();
    let expires = expires.plus(std::time::Duration::from_secs(3_600));
    let key = json!({"name": "m", "roles": ["admin"], "expiresAt": expires});
    let key = scene
        .portal
        .post("/portal/access/keys", &owner, key)
        .await
        .json();
    let machine = key["key"].as_str().unwrap();
    let playbook = scene.make(body()).await;
    let run = scene.start(&playbook, machine, scene.on()).await.id();
    for verb in ["approve", "reject"] {
        assert_eq!(scene.decide(&run, verb, machine, 2).await.status, 403);
    }
    let cancelled = scene
        .portal
        .post(&format!("{RUNS}/{run}/cancel"), machine, Value::Null)
        .await;
    assert_eq!(cancelled.json()["status"], "cancelled");
    assert_eq!(scene.status().await, "active");
}

#[tokio::test]
async fn what_is_automatic_needs_the_right_to_do_it() {
    let scene = Scene::new().await;
    let automatic = json!([{"action": "suspend_integration", "approval": "automatic"}]);
    let playbook = scene.make(with(body(), "steps", automatic)).await;
    let before = scene.portal.contents().await;
    for token in [&scene.operator, &scene.developer] {
        let denied = scene.start(&playbook, token, scene.on()).await;
        assert_eq!(denied.status, 403, "{denied:?}");
    }
    assert_eq!(scene.portal.contents().await, before);
    let run = scene
        .start(&playbook, &scene.admin, scene.on())
        .await
        .json();
    assert_eq!(run["status"], "succeeded");
    assert_eq!(scene.status().await, "inactive");
}

#[tokio::test]
async fn credentials_are_replaced_for_who_may_do_that() {
    let scene = Scene::new().await;
    let steps =
        json!([{"action": "rotate_credential", "emergency": true, "approval": "automatic"}]);
    let playbook = scene.make(with(body(), "steps", steps)).await;
    let path = format!("{}/rotations", scene.path);
    let rotations = async || {
        let list = scene.portal.get(&path, &scene.admin).await.json();
        list["items"].as_array().unwrap().clone()
    };
    let denied = scene.start(&playbook, &scene.operator, scene.on()).await;
    assert_eq!(denied.status, 403, "{denied:?}");
    assert_eq!(rotations().await, Vec::<Value>::new());
    let run = scene.start(&playbook, &scene.admin, scene.on()).await;
    assert_eq!(states(&run.json()), ["done"], "{run:?}");
    let begun = rotations().await;
    assert_eq!((begun.len(), &begun[0]["emergency"]), (1, &json!(true)));
}

#[tokio::test]
async fn who_has_started_a_run_does_not_approve_it_where_the_playbook_says_so() {
    let scene = Scene::new().await;
    let playbook = scene.make(with(body(), "approver", json!("other"))).await;
    let run = scene.start(&playbook, &scene.admin, scene.on()).await.id();
    let own = scene.decide(&run, "approve", &scene.admin, 2).await;
    assert_eq!(
        (own.status.as_u16(), own.code()),
        (409, "conflict".to_owned())
    );
    let other = scene
        .portal
        .token_as(scene.organization, "other", &["admin"]);
    let approved = scene.decide(&run, "approve", &other, 2).await.json();
    assert_eq!(approved["steps"][1]["decided"]["by"]["id"], "other");
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told whole")]
async fn a_network_is_blocked_where_who_starts_it_says() {
    let scene = Scene::new().await;
    let endpoint = json!({"scheme": "stripe", "events": [], "secret": "whsec_canary"});
    let made = scene
        .portal
        .post(&format!("{}/webhooks", scene.path), &scene.admin, endpoint)
        .await;
    let endpoint = made.id();
    let playbook = format!("{PLAYBOOKS}/hostile-webhooks");
    let good = with(scene.on(), "endpointId", json!(endpoint));
    let good = with(good, "network", json!("192.0.2.0/24"));
    let before = scene.portal.contents().await;
    let stranger = "whk_01K72Z5QSW0123456789ABCDEF";
    let incident = "inc_01K72Z5QSW0123456789ABCDEF";
    for (body, pointer) in [
        (with(good.clone(), "endpointId", Value::Null), "/endpointId"),
        (with(good.clone(), "network", Value::Null), "/network"),
        (
            with(good.clone(), "network", json!("192.0.2.0/7")),
            "/network",
        ),
        (
            with(good.clone(), "network", json!("everywhere")),
            "/network",
        ),
        (
            with(good.clone(), "endpointId", json!(stranger)),
            "/endpointId",
        ),
        (
            with(good.clone(), "incidentId", json!(incident)),
            "/incidentId",
        ),
        (
            with(
                good.clone(),
                "integrationId",
                json!("int_01K72Z5QSW0123456789ABCDEF"),
            ),
            "/integrationId",
        ),
        (with(good.clone(), "force", json!(true)), ""),
    ] {
        let answer = scene.start(&playbook, &scene.operator, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        let errors = answer.json()["errors"].clone();
        assert!(
            errors[0]["pointer"].as_str().unwrap().starts_with(pointer),
            "{errors}"
        );
    }
    assert_eq!(scene.portal.contents().await, before);
    let run = scene.start(&playbook, &scene.operator, good).await.id();
    let approved = scene.decide(&run, "approve", &scene.admin, 1).await.json();
    assert_eq!(states(&approved), ["done"], "{approved}");
    let path = format!("{}/webhooks/{endpoint}", scene.path);
    let read = scene.portal.get(&path, &scene.admin).await.json();
    assert_eq!(read["blockedNetworks"], json!(["192.0.2.0/24"]));
    // Something else has no use for a network.
    let other = with(scene.on(), "network", json!("192.0.2.0/24"));
    let other = scene
        .start(
            &format!("{PLAYBOOKS}/provider-down"),
            &scene.operator,
            other,
        )
        .await;
    assert_eq!(other.json()["errors"][0]["pointer"], "/network");
}

#[tokio::test]
async fn a_run_tells_its_incident_and_nobody_elses() {
    let scene = Scene::new().await;
    let incident = json!({"title": "x", "type": "availability", "severity": "low",
        "integrationId": scene.integration});
    let incident = scene
        .portal
        .post("/portal/incidents", &scene.operator, incident)
        .await
        .id();
    let body = with(scene.on(), "incidentId", json!(incident));
    let playbook = format!("{PLAYBOOKS}/provider-down");
    let run = scene
        .start(&playbook, &scene.operator, body.clone())
        .await
        .id();
    let path = format!("/portal/incidents/{incident}");
    let timeline = scene
        .portal
        .get(&format!("{path}/timeline"), &scene.operator)
        .await
        .json();
    let newest = &timeline["items"][0];
    assert_eq!(
        (&newest["event"], &newest["subject"]),
        (&json!("run_ended"), &json!(run))
    );
    let of = scene
        .portal
        .get(&format!("{RUNS}?incident={incident}"), &scene.operator)
        .await;
    assert_eq!(of.json()["items"][0]["id"], run.as_str());
    let other = scene.portal.integration(&scene.admin).await;
    let other = with(
        body.clone(),
        "integrationId",
        json!(other.rsplit('/').next().unwrap()),
    );
    let refused = scene.start(&playbook, &scene.operator, other).await.json();
    assert_eq!(refused["errors"][0]["pointer"], "/incidentId");
    scene
        .portal
        .post(&format!("{path}/resolve"), &scene.operator, Value::Null)
        .await;
    let over = scene.start(&playbook, &scene.operator, body).await.json();
    assert_eq!(over["errors"][0]["pointer"], "/incidentId");
    let theirs = scene.portal.organization();
    for path in [
        format!("{RUNS}/{run}"),
        format!("{RUNS}?incident={incident}"),
    ] {
        assert_eq!(scene.portal.get(&path, &theirs).await.status, 404, "{path}");
    }
}
