use std::time::Duration;

use gatehouse::domain::health::{
    Check, CheckKind, CheckState, CheckTrigger, Checked, RollUp, Watch, Width,
};
use gatehouse::domain::{IntegrationId, OrganizationId, Timestamp};
use gatehouse::lambda::system_sources;
use serde_json::{Value, json};

use crate::portal::{Portal, integration};

/// An integration of a new organization: its token, its path, and its ids.
async fn made(portal: &Portal) -> (String, String, OrganizationId, IntegrationId) {
    let organization = portal.organization_id();
    let token = portal.token(organization);
    let made = portal
        .post("/portal/integrations", &token, integration())
        .await;
    let id = made.id();
    let path = format!("/portal/integrations/{id}");
    (token, path, organization, id.parse().unwrap())
}

fn now() -> Timestamp {
    system_sources().now()
}

/// A minute some minutes ago, with 20 calls of which some failed.
fn minute(ago: u64, failed: u64) -> RollUp {
    let at = now().minus(Duration::from_secs(ago * 60));
    let mut roll_up = RollUp::new(Width::Minute, Width::Minute.start_of(at));
    let requests = &mut roll_up.requests;
    requests.total = 20;
    requests.failed = failed;
    requests.succeeded = 20 - failed;
    for took in 1..=20 {
        requests.durations.add(took * 10);
    }
    roll_up.webhooks.received = 3;
    roll_up.webhooks.delivered = 3;
    roll_up
}

async fn put(portal: &Portal, owned: (OrganizationId, IntegrationId), roll_up: &RollUp) {
    let putting = portal.store.put_roll_up(owned.0, owned.1, roll_up, now());
    putting.await.unwrap();
}

fn check(kind: CheckKind, state: CheckState) -> Check {
    let ulid = system_sources().randomness.ulid(now());
    Check {
        id: ulid.into(),
        checked_at: now(),
        trigger: CheckTrigger::Schedule,
        found: Checked::new(kind, state, "a_code", "a message"),
    }
}

#[tokio::test]
async fn metrics_say_what_was_measured_in_the_window() {
    let portal = Portal::new().await;
    let (token, path, organization, id) = made(&portal).await;
    for (ago, failed) in [(5, 1), (6, 3), (90, 20)] {
        put(&portal, (organization, id), &minute(ago, failed)).await;
    }
    let answer = portal.get(&format!("{path}/metrics"), &token).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let metrics = answer.json();
    assert_eq!(metrics["window"], "1h");
    assert_eq!(metrics["totalRequests"], 40);
    assert_eq!(metrics["successfulRequests"], 36);
    assert_eq!(metrics["failedRequests"], 4);
    assert_eq!(metrics["errorRate"], 0.1);
    assert_eq!(metrics["averageResponseTime"], 105.0);
    let p95 = metrics["p95ResponseTime"].as_f64().unwrap();
    assert!((p95 - 190.0).abs() <= 3.8, "{p95}");
    assert_eq!(metrics["webhooks"]["received"], 6);
    assert_eq!(metrics["sync"]["jobs"], 0);
    assert!(metrics["rateLimitHeadroom"]["limits"].is_array());
    let series = metrics["series"].as_array().unwrap();
    assert_eq!(series.len(), 2);
    assert_eq!(
        (&series[1]["seconds"], &series[1]["failedRequests"]),
        (&json!(60), &json!(1))
    );
    // Each window has its own.
    let quarter = portal
        .get(&format!("{path}/metrics?window=15m"), &token)
        .await;
    assert_eq!(quarter.json()["totalRequests"], 40);
    for wrong in ["window=2h", "window=", "windows=1h"] {
        let answer = portal.get(&format!("{path}/metrics?{wrong}"), &token).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "malformed"),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn without_calls_there_is_no_rate_and_no_time() {
    let portal = Portal::new().await;
    let (token, path, ..) = made(&portal).await;
    for window in ["15m", "1h", "24h", "7d", "30d"] {
        let answer = portal
            .get(&format!("{path}/metrics?window={window}"), &token)
            .await;
        let metrics = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &metrics["totalRequests"]),
            (200, &json!(0))
        );
        for absent in [
            "errorRate",
            "averageResponseTime",
            "p95ResponseTime",
            "lastError",
        ] {
            assert_eq!(metrics[absent], Value::Null, "{absent}");
        }
    }
}

#[tokio::test]
async fn the_status_has_the_last_hour_and_what_the_last_checks_found() {
    let portal = Portal::new().await;
    let (token, path, organization, id) = made(&portal).await;
    put(&portal, (organization, id), &minute(5, 2)).await;
    let status = portal.get(&format!("{path}/status"), &token).await.json();
    assert_eq!(status["status"], "active");
    assert_eq!(
        (&status["health"], &status["checks"]),
        (&Value::Null, &json!([]))
    );
    assert_eq!(status["metrics"]["failedRequests"], 2);
    for (state, shown, health) in [
        (CheckState::Failed, "error", "failed"),
        (CheckState::Warned, "active", "warned"),
        (CheckState::Passed, "active", "passed"),
    ] {
        let checks = vec![
            check(CheckKind::Dns, CheckState::Passed),
            check(CheckKind::Verification, state),
        ];
        let change = |watch: &Watch| watch.checked(checks.clone(), now(), 0.5);
        let noted = portal.store.update_watch(organization, id, change);
        noted.await.unwrap().unwrap();
        let status = portal.get(&format!("{path}/status"), &token).await.json();
        assert_eq!(
            (&status["status"], &status["health"]),
            (&json!(shown), &json!(health))
        );
        assert_eq!(status["checks"][1]["kind"], "verification");
    }
}

#[tokio::test]
async fn checks_are_listed_newest_first_in_pages() {
    let portal = Portal::new().await;
    let (token, path, organization, id) = made(&portal).await;
    let checks: Vec<Check> = CheckKind::ALL
        .into_iter()
        .map(|kind| check(kind, CheckState::Passed))
        .collect();
    let added = portal.store.add_checks(organization, id, &checks);
    added.await.unwrap();
    let path = format!("{path}/checks");
    let whole = portal.get(&path, &token).await.json();
    assert_eq!(whole["items"].as_array().unwrap().len(), 6);
    assert_eq!(whole["nextCursor"], Value::Null);
    let first = portal.get(&format!("{path}?limit=4"), &token).await.json();
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = portal
        .get(&format!("{path}?limit=4&cursor={cursor}"), &token)
        .await;
    let rest = rest.json()["items"].as_array().unwrap().clone();
    let mut items = first["items"].as_array().unwrap().clone();
    items.extend(rest);
    assert_eq!(json!(items), whole["items"]);
    for wrong in ["limit=0", "limit=101", "cursor=x", "kind=dns"] {
        let answer = portal.get(&format!("{path}?{wrong}"), &token).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn another_organization_learns_nothing() {
    let portal = Portal::new().await;
    let (_, path, organization, id) = made(&portal).await;
    put(&portal, (organization, id), &minute(5, 2)).await;
    let stranger = portal.organization();
    for of in ["metrics", "checks", "status"] {
        let answer = portal.get(&format!("{path}/{of}"), &stranger).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (404, "not_found"),
            "{of}"
        );
    }
}
