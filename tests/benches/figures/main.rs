//! The figures of docs/benchmarks.md that need the real binaries. `scripts/bench` runs it; with the word
//! `functions`, only what they are each, which needs no local system.
//!
//! The load's generator, its receiver and all that is measured share this machine, so rates are of
//! use for comparing two versions on one machine, and for nothing else.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "figures are printed, and what goes wrong ends the measuring"
)]

#[path = "../../it/binaries.rs"]
mod binaries;
mod clock;
mod functions;
mod gateway;
mod local;
#[expect(dead_code, reason = "other benches need more of it")]
mod process;
#[path = "../../it/receiver.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod receiver;
#[path = "../../it/stripe.rs"]
mod stripe;

#[tokio::main]
async fn main() {
    functions::measure().await;
    if std::env::args().any(|word| word == "functions") {
        return;
    }
    println!();
    local::measure().await;
    println!();
    gateway::measure().await;
}
