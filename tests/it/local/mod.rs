//! The system as `cargo run` starts it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod abuse;
mod consents;
mod full_disk;
mod libraries;
mod naughty;
mod readme;
mod records;
mod restart;
mod running;
mod secrets;
mod set_up;
mod start;
mod stop;
mod synchronized;

use serde_json::Value;

use self::running::Running;
use self::set_up::{SetUp, stripe};

/// All events of an integration: the provider's id and the status of each.
async fn listed(system: &Running, set_up: &SetUp) -> Vec<(String, String)> {
    let mut events = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = system
            .get(&set_up.path(&format!("/webhooks/logs?limit=200{cursor}")))
            .await;
        for event in page["items"].as_array().unwrap() {
            let text = |field: &str| event[field].as_str().unwrap().to_owned();
            events.push((text("providerEventId"), text("status")));
        }
        match &page["nextCursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => return events,
        }
    }
}
