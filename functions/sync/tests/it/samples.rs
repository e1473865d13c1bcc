//! The samples of `events/sync` are what the function takes.

use serde_json::{Value, json};
use sync::handle;

use crate::world::{Paging, Stage, World};

#[tokio::test]
async fn every_sample_is_understood() {
    let world = World::new(&Stage::new().await, 1, Paging::Cursor, json!({})).await;
    // What they name is not there, so there is nothing to do; and none is buried as unreadable.
    for sample in [
        include_str!("../../../../events/sync/step.json"),
        include_str!("../../../../events/sync/push.json"),
        include_str!("../../../../events/sync/event.json"),
        include_str!("../../../../events/sync/purge.json"),
        include_str!("../../../../events/sync/configured.json"),
    ] {
        let event: Value = serde_json::from_str(sample).unwrap();
        let answer = handle(&world.lucky.state, event).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}), "{sample}");
    }
    assert!(world.stage.aws.buried.lock().unwrap().is_empty());
    let tick = include_str!("../../../../events/sync/scheduled.json");
    let report = handle(
        &world.lucky.state,
        serde_json::from_str::<Value>(tick).unwrap(),
    );
    assert_eq!(report.await.unwrap()["started"], 0);
}
