use std::time::Duration;

use aws_lambda_events::event::sqs::SqsMessage;
use gatehouse::domain::Cause;
use gatehouse::lambda::batch::{Outcome, back_off};
use gatehouse::queue::{Message, OpenError};

use crate::State;

/// After how long a message comes again that met trouble of ours for the first time.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// Handles one message of the queue.
pub(crate) async fn handle(state: &State, message: &SqsMessage) -> Outcome {
    let end = match state.queue.open(message).await {
        Ok(Message::Event(event, trace)) => crate::receive::receive(state, *event, trace).await,
        Ok(Message::Delivery(due)) => crate::redeliver::redeliver(state, due).await,
        Err(OpenError::Unreadable(reason)) => return Outcome::Drop(reason.code()),
        Err(OpenError::Unavailable(cause)) => Err(Again { after: None, cause }),
    };
    match end {
        Ok(()) => Outcome::Done,
        Err(Again { after, cause }) => {
            let after = after.unwrap_or_else(|| back_off(message, FIRST_WAIT));
            postpone(state, message, after).await;
            Outcome::Retry(cause)
        }
    }
}

/// Moves a message that can never succeed to the dead-letter queue.
pub(crate) async fn bury(
    state: &State,
    message: &SqsMessage,
    reason: &'static str,
) -> Result<(), Cause> {
    state.queue.bury(message, reason).await?;
    let now = state.sources.now();
    state.metrics.count_for(
        gatehouse::lambda::metrics::Metric::MessagesBuried,
        reason,
        now,
    );
    Ok(())
}

/// Why a message is to come again, and when, if that is known; else it is later each time.
#[derive(Debug)]
pub(crate) struct Again {
    after: Option<Duration>,
    cause: Cause,
}

impl Again {
    pub(crate) fn after(wait: Duration, cause: impl Into<Cause>) -> Self {
        Self {
            after: Some(wait),
            cause: cause.into(),
        }
    }
}

impl<E: Into<gatehouse::domain::Error>> From<E> for Again {
    fn from(error: E) -> Self {
        Self {
            after: None,
            cause: error.into().into(),
        }
    }
}

/// A message that cannot be postponed comes again at its own time, so a failure is only noted.
async fn postpone(state: &State, message: &SqsMessage, after: Duration) {
    if let Err(error) = state.queue.postpone(message, after).await {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a message was not postponed"
        );
    }
}
