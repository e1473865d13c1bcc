//! Each use of a credential is in the audit trail before anything is sent.

use std::time::Duration;

use futures::future::join_all;
use gatehouse::audit::{AuditQuery, Trail, VerifyRange};
use gatehouse::domain::{AuditEntry, AuditOutcome};
use serde_json::{Value, json};

use crate::provider::{Provider, Reply};
use crate::world::{KEY, World};

/// What stands for the trail in a request to the table.
const PAGES: &str = "\"audit_page\"";

impl World {
    fn reader(&self) -> Trail {
        let retention = Duration::from_secs(24 * 60 * 60);
        Trail::new(self.store.clone(), self.sources.clone(), "test", retention)
    }

    /// Entries with this action, the oldest first. The trail is whole.
    async fn recorded(&self, action: &str) -> Vec<AuditEntry> {
        let trail = self.reader();
        let checked = trail.check(self.organization, VerifyRange::default()).await;
        assert_eq!(checked.unwrap().report.findings, []);
        let query = AuditQuery {
            action: Some(action.to_owned()),
            limit: 200,
            ..AuditQuery::default()
        };
        let page = trail.entries(self.organization, &query).await.unwrap();
        page.items.into_iter().rev().collect()
    }
}

fn get() -> Value {
    json!({"method": "GET", "endpoint": "/a"})
}

#[tokio::test]
async fn each_call_is_in_the_trail_with_who_made_it_and_with_what() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    let answer = world.request(&integration, get()).await;
    let uses = world.recorded("credential.use").await;
    assert_eq!(uses.len(), 1);
    let entry = &uses[0];
    assert_eq!(entry.actor.id, "me");
    assert_eq!(entry.outcome, AuditOutcome::Started);
    let subject = entry.subject.clone().unwrap();
    let id = integration.rsplit('/').next().unwrap();
    assert_eq!(
        (subject.kind.as_str(), subject.id.as_str()),
        ("integration", id)
    );
    let request = answer.headers["x-request-id"].to_str().unwrap();
    assert_eq!(entry.request_id.as_deref(), Some(request));
    let detail = entry.detail.clone().unwrap();
    let call = answer.json()["id"].as_str().unwrap().to_owned();
    assert!(
        detail.contains(&call) && detail.contains("version gatehouse-"),
        "{detail}"
    );
    // By whatever way it is made.
    let proxied = format!("{integration}/proxy/a");
    world.call(("GET", &proxied), &[], "").await;
    let batch = json!({"requests": [get(), get(), get()]});
    world
        .post(&format!("{integration}/requests:batch"), &[], batch)
        .await;
    world
        .call(("POST", &format!("{integration}/test")), &[], "")
        .await;
    assert_eq!(world.recorded("credential.use").await.len(), 6);
    let candidate = json!({"credentials": {"apiKey": "canary-of-a-candidate"}});
    world
        .post(&format!("{integration}/test"), &[], candidate)
        .await;
    let tests = world.recorded("credential.test").await;
    assert_eq!((tests.len(), tests[0].outcome), (1, AuditOutcome::Started));
    let contents = world.stack.contents().await.unwrap();
    let trail = contents
        .lines()
        .filter(|line| line.contains("item_type=audit_"));
    for line in trail {
        assert!(!line.contains(KEY) && !line.contains("canary"), "{line}");
    }
}

#[tokio::test]
async fn what_is_refused_or_was_kept_uses_no_credential() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({"gatewayConfig": {"cache": {"ttlSeconds": 60}}});
    let integration = world.integration(&provider.url, fields).await;
    provider.always(Reply::json(200, &json!({})).with("cache-control", "max-age=60"));
    for _ in 0..3 {
        assert_eq!(world.request(&integration, get()).await.status, 200);
    }
    assert_eq!(provider.calls().len(), 1);
    let refused = json!({"method": "GET", "endpoint": "https://elsewhere.example/"});
    assert_eq!(world.request(&integration, refused).await.status, 400);
    assert_eq!(world.recorded("credential.use").await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_called() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    assert_eq!(world.request(&integration, get()).await.status, 200);
    provider.calls();
    world.stack.refuse(Some(PAGES));
    for _ in 0..2 {
        let answer = world.request(&integration, get()).await;
        assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
    }
    let candidate = json!({"credentials": {"apiKey": "another"}});
    let answer = world
        .post(&format!("{integration}/test"), &[], candidate)
        .await;
    assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
    assert!(provider.calls().is_empty());
    world.stack.refuse(None);
    let log = world.log(&integration).await;
    for call in &log[..3] {
        assert_eq!(
            (&call["status"], &call["attempts"], &call["error"]),
            (&json!("failed"), &json!(0), &json!("unavailable")),
            "{log:?}"
        );
    }
    assert_eq!(world.request(&integration, get()).await.status, 200);
    assert_eq!(world.recorded("credential.use").await.len(), 2);
}

#[tokio::test]
async fn no_token_is_obtained_unrecorded() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({
        "authMethod": "custom",
        "authConfig": {
            "kind": "login", "path": "/session", "token": "access_token",
            "body": {"json": {"password": "{apiKey}"}},
        },
    });
    let integration = world.integration(&provider.url, fields).await;
    world
        .call(("GET", &format!("{integration}/requests")), &[], "")
        .await;
    world.stack.refuse(Some(PAGES));
    let answer = world.request(&integration, get()).await;
    assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
    assert!(provider.calls().is_empty());
    world.stack.refuse(None);
    provider.next(Reply::json(200, &json!({"access_token": "a-token"})));
    assert_eq!(world.request(&integration, get()).await.status, 200);
    // One use: of the login, and of the call that it was for.
    assert_eq!(provider.calls().len(), 2);
    assert_eq!(world.recorded("credential.use").await.len(), 1);
    assert_eq!(world.request(&integration, get()).await.status, 200);
    assert_eq!(world.recorded("credential.use").await.len(), 2);
}

#[tokio::test]
async fn calls_at_the_same_time_share_writes() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    let other = world.another_function();
    let both = [&world, &other];
    let calls = (0..60).map(|call| both[call % 2].request(&integration, get()));
    let answers = join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(world.recorded("credential.use").await.len(), 60);
    let lanes: std::collections::BTreeSet<_> = world
        .recorded("credential.use")
        .await
        .iter()
        .map(|entry| entry.lane)
        .collect();
    assert_eq!(lanes.len(), 2);
}
