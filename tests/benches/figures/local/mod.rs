//! The local system under load.

#[path = "../../../it/local/running.rs"]
#[expect(dead_code, reason = "tests need more of it")]
pub(crate) mod running;
#[path = "../../../it/local/set_up.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod set_up;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use self::running::Running;
use self::set_up::{SetUp, stripe};
use crate::clock::now;
use crate::receiver::Receiver;

const WEBHOOKS: usize = 4_000;
const CLIENTS: usize = 16;
/// Long enough for any machine; without it, a lost event would be waited for for ever.
const PATIENCE: Duration = Duration::from_secs(300);

/// Prints how many webhooks are accepted, and delivered, in a second.
pub(crate) async fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let system = Arc::new(Running::start(folder.path()));
    let receiver = Receiver::start().await;
    SetUp::new(&system, &receiver).await;
    let webhooks: Arc<Vec<_>> = Arc::new((0..WEBHOOKS).map(|n| stripe(&format!("e{n}"))).collect());
    let next = Arc::new(AtomicUsize::new(0));
    let began = now();
    let clients = (0..CLIENTS).map(|_| {
        let (system, webhooks, next) = (
            Arc::clone(&system),
            Arc::clone(&webhooks),
            Arc::clone(&next),
        );
        tokio::spawn(async move {
            while let Some(webhook) = webhooks.get(next.fetch_add(1, Ordering::Relaxed)) {
                assert!(system.send(webhook.clone()).await, "a webhook was refused");
            }
        })
    });
    for client in futures::future::join_all(clients).await {
        client.unwrap();
    }
    let accepted = began.elapsed();
    while receiver.received().len() < WEBHOOKS {
        assert!(began.elapsed() < PATIENCE, "some events are not delivered");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let delivered = began.elapsed();
    println!("| Local system, {CLIENTS} clients, {WEBHOOKS} webhooks | A second |");
    println!("|---|---|");
    println!("| accepted | {} |", rate(accepted));
    println!(
        "| accepted, processed and delivered | {} |",
        rate(delivered)
    );
}

fn rate(time: Duration) -> u128 {
    let webhooks = u128::try_from(WEBHOOKS).unwrap_or_default();
    webhooks * 1_000_000 / time.as_micros()
}
