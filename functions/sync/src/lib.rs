//! `sync`: keeps records in step with providers, one step of one job a message.
//!
//! It is invoked in two ways: with a batch of messages, each of which asks for the next step of a job,
//! and by a schedule, to start what is due and to wake what has not moved. What it guarantees, and
//! what not, is in `docs/sync.md`.

mod record;
mod state;

use aws_lambda_events::event::sqs::SqsEvent;
use gatehouse::domain::{Cause, Error};
use gatehouse::lambda::batch::{self, NoMessageId};
use serde_json::Value;

pub use state::State;

/// Handles a batch of messages, of which each ends done, to come again, or buried; or, for any other
/// event, starts what is due. The event of a schedule says nothing but that it is time.
///
/// # Errors
///
/// If a message has no id (then all of the batch comes again), or the index of what is due cannot be
/// read.
pub async fn handle(state: &State, event: Value) -> Result<Value, Error> {
    let internal = |error: serde_json::Error| Error::Internal(error.into());
    if event.get("Records").is_none() {
        let report = Box::pin(state.synchronizer.tick()).await?;
        return serde_json::to_value(report).map_err(internal);
    }
    let event: SqsEvent = serde_json::from_value(event).map_err(internal)?;
    let response = batch::run(
        &event,
        |message| record::handle(state, message),
        |message, reason| record::bury(state, message, reason),
    )
    .await
    .map_err(|error: NoMessageId| Error::Internal(Cause::from(error)))?;
    serde_json::to_value(response).map_err(internal)
}
