//! The local system under load for long, or with a neighbour who wants too much.
//!
//! - `neighbours SECONDS`: what nine organizations notice of a tenth that sends a hundred times as much.
//! - `soak SECONDS FILE`: mixed traffic, with the memory and the file handles of the system each ten
//!   seconds, written to a file. `scripts/soak` runs it.
//! - `deliveries EVENTS [SVIX_SERVER DATABASE]`: how many events are accepted and delivered for a second of a
//!   processor, by the local system and by svix-server. `scripts/compare-deliveries` runs it.
//!
//! The load's generator, the provider and the receiver share the machine with what is measured.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "figures are printed, and what goes wrong ends the measuring"
)]

#[path = "../../it/binaries.rs"]
mod binaries;
#[path = "../figures/clock.rs"]
mod clock;
mod deliveries;
mod neighbours;
#[path = "../figures/process.rs"]
#[expect(dead_code, reason = "the comparison needs more of it")]
mod process;
#[path = "../records/provider.rs"]
mod provider;
mod receiver;
#[path = "../../it/local/running.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod running;
mod soak;
#[path = "../../it/stripe.rs"]
mod stripe;
mod svix;
mod tenant;
mod traffic;

use std::path::Path;
use std::time::Duration;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let seconds = |text: &str| Duration::from_secs(text.parse().unwrap());
    match words.as_slice() {
        ["soak", length, file, ..] => soak::run(seconds(length), Path::new(file)).await,
        ["neighbours", length, ..] => neighbours::run(seconds(length)).await,
        ["deliveries", events, svix @ ..] => {
            let svix = match svix {
                [binary, database, ..] => Some((Path::new(*binary), Path::new(*database))),
                _ => None,
            };
            deliveries::run(events.parse().unwrap(), svix).await;
        }
        _ => panic!("expected `neighbours`, `soak` or `deliveries`, and what each needs"),
    }
}
