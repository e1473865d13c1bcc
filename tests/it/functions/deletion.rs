use super::samples::{Answer, sample};
use super::world::{World, webhook};
use crate::receiver::Receiver;

#[tokio::test]
async fn what_was_accepted_can_be_seen_after_its_integration_has_been_deleted() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let set_up = world.set_up(&receiver).await;
    // Accepted before, as by a function that still remembers the endpoint.
    let mut accepted = Vec::new();
    for id in ["evt_1", "evt_2"] {
        let answer = world.send(&webhook(id)).await;
        assert_eq!(answer.status, 200);
        accepted.push(answer.headers["gatehouse-event-id"].clone());
    }
    let integration = set_up.integration.as_str();
    let fillings = [("{integrationId}", integration), ("{token}", &world.token)];
    let delete = sample("integrations/delete-integration", &fillings);
    let deleted = Answer::of(&world.integrations, &delete).await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
    assert!(deleted.json()["webhooksAcceptedUntil"].is_string());
    world.process().await;
    assert!(receiver.received().is_empty());
    let failed = accepted.into_iter().map(|id| (id, "failed".to_owned()));
    let failed: Vec<_> = failed.rev().collect();
    let mut listed = world.listed(&set_up).await;
    listed.sort_by(|a, b| b.cmp(a));
    assert_eq!(listed, failed);
    let logs = world.logs(integration, &world.token).await.json();
    assert_eq!(logs["items"][0]["error"], "integration_deleted");
    let others = world.deployment.issuer.token();
    assert_eq!(world.logs(integration, &others).await.status, 404);
}
