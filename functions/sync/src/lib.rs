//! `sync`: keeps records in step with providers, one step of one job a message.

mod state;

use gatehouse::domain::Error;
use serde_json::Value;

pub use state::State;

/// Handles a batch of messages, or starts what is due.
///
/// # Errors
///
/// If the table does not answer.
pub async fn handle(state: &State, event: Value) -> Result<Value, Error> {
    let _ = (&state.store, state.sources.now());
    Ok(event)
}
