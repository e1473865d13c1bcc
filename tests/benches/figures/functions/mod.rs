//! Each function's binary, driven as Lambda drives it.

#[path = "../../../it/functions/deployment.rs"]
mod deployment;
#[path = "../../../it/functions/issuer.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod issuer;
#[path = "../../../it/functions/samples.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod samples;
#[path = "../../../it/functions/world.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod world;

use std::time::Duration;

use serde_json::Value;

use self::samples::sample;
use self::world::{SetUp, World, batch, webhook};
use crate::binaries::find;
use crate::clock::now;
use crate::process::resident_kilobytes;
use crate::receiver::Receiver;

/// So often is each function started.
const STARTS: usize = 15;
/// After so many calls its memory is read.
const CALLS: usize = 50;

const FUNCTIONS: [&str; 8] = [
    "webhooks",
    "processor",
    "integrations",
    "gateway",
    "connect",
    "rotation",
    "sync",
    "monitor",
];

/// Prints a row for each function.
pub(crate) async fn measure() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let set_up = world.set_up(&receiver).await;
    println!("| Function | Binary | Start to first response | Memory after {CALLS} calls |");
    println!("|---|---|---|---|");
    for name in FUNCTIONS {
        let bytes = std::fs::metadata(find(name)).unwrap().len();
        let start = start_to_first_response(&world, &set_up, name).await;
        let memory = memory_after_calls(&world, &set_up, name).await;
        println!(
            "| `{name}` | {}.{:02} MB | {} ms | {}.{} MB |",
            bytes / 1_000_000,
            bytes % 1_000_000 / 10_000,
            start.as_millis(),
            memory / 1_000,
            memory % 1_000 / 100,
        );
    }
}

/// The median of fresh starts, from before the process is made until the answer is there.
async fn start_to_first_response(world: &World, set_up: &SetUp, name: &str) -> Duration {
    let mut times = Vec::new();
    for number in 0..STARTS {
        let event = event(world, set_up, name, &format!("start_{number}")).await;
        let began = now();
        let function = world.deployment.start(name).await;
        function.invoke(&event).await.unwrap();
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times[STARTS / 2]
}

/// Resident memory in KB.
async fn memory_after_calls(world: &World, set_up: &SetUp, name: &str) -> u64 {
    let function = world.deployment.start(name).await;
    for number in 0..CALLS {
        let event = event(world, set_up, name, &format!("call_{number}")).await;
        function.invoke(&event).await.unwrap();
    }
    resident_kilobytes(function.process_id())
}

/// What the function has most to do with: a webhook, a message, a page of events, a run with nothing to do.
async fn event(world: &World, set_up: &SetUp, name: &str, id: &str) -> Value {
    match name {
        "webhooks" => webhook(&format!("evt_webhooks_{id}")),
        "processor" => {
            let sent = world.send(&webhook(&format!("evt_processor_{id}"))).await;
            assert_eq!(sent.status, 200, "{sent:?}");
            // What is left of other measurements is handled too, and is not lost by that.
            let messages = world.receive(&world.queue_url).await;
            batch(&messages)
        }
        // No integration is needed for all that comes before a call: the token, the table.
        "gateway" => sample(
            "gateway/list-requests",
            &[
                ("{integrationId}", &set_up.integration),
                ("{token}", &world.token),
            ],
        ),
        "connect" => sample(
            "connect/read-grant",
            &[
                ("{integrationId}", &set_up.integration),
                ("{token}", &world.token),
            ],
        ),
        "rotation" | "sync" | "monitor" => sample(&format!("{name}/scheduled"), &[]),
        _ => sample(
            "integrations/list-webhook-logs",
            &[
                ("{integrationId}", &set_up.integration),
                ("{token}", &world.token),
            ],
        ),
    }
}
