//! What the answers to changes may not bring.

use gatehouse::domain::sync::SyncType;
use serde_json::{Value, json};

use super::{Side, Stage, world};

/// An answer that shows the record with this number.
fn shows(number: &Value) -> (u16, Vec<(&'static str, String)>, String) {
    let record = json!({"id": "r1", "number": number, "updatedAt": "2036-01-01T00:00:00Z",
        "nested": {"odd": true}});
    (200, Vec::new(), record.to_string())
}

#[tokio::test]
async fn an_answer_that_shows_more_than_a_record_holds_is_not_taken() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let side = Side::of(&world);
    side.provider().put("r1");
    world.start(SyncType::Full).await;
    world.run().await;
    let deep = (0..70).fold(json!(1), |inner, _| json!([inner]));
    for (ours, shown) in [(70, json!("x".repeat(131_072))), (80, deep)] {
        // The change is answered so, and so is the call that then looks.
        side.provider().script = vec![shows(&shown); 2];
        side.patch("r1", json!({"number": ours})).await;
        world.run().await;
        let record = side.read("r1").await.unwrap();
        assert_eq!(record.body.content["number"], ours);
        assert!(!record.head.pending);
        assert!(side.provider().script.is_empty());
    }
}
