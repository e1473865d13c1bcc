//! `processor`: each event once — claim, route, transform, deliver, retry or give up.
//!
//! What it guarantees:
//! - An event is stored once and started once, however often the provider or the queue repeats
//!   it: the first to claim it wins, and nobody else works on it while the claim is leased.
//! - A message leaves the queue only after everything that follows from it is durable: the event
//!   with its deliveries in the table, and a message for each delivery that is to be tried again.
//! - An event with one destination costs two table writes: the claim, and the event.
//!
//! What it does not: a destination whose answer was lost is called again. It sees the same
//! `webhook-id` every time.

mod attempt;
mod breaker;
mod excerpt;
mod filter;
mod http_target;
mod receive;
mod record;
mod redeliver;
mod routes;
mod sqs_target;
mod standard_webhooks;
mod state;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use gatehouse::lambda::batch::{self, NoMessageId};

pub use state::State;

/// Handles one batch. Each record ends done, to come again, or buried.
///
/// # Errors
///
/// If a record has no message id: then all of the batch comes again.
pub async fn handle(state: &State, event: SqsEvent) -> Result<SqsBatchResponse, NoMessageId> {
    batch::run(
        &event,
        |message| record::handle(state, message),
        |message, reason| record::bury(state, message, reason),
    )
    .await
}
