use aws_lambda_events::event::sqs::SqsMessage;
use gatehouse::domain::Cause;
use gatehouse::flows::sync::{StepDue, StepEnd};
use gatehouse::lambda::batch::Outcome;
use gatehouse::lambda::metrics::Metric;
use gatehouse::queue::SyncMessage;

use crate::State;

/// Handles one message of the queue.
pub(crate) async fn handle(state: &State, message: &SqsMessage) -> Outcome {
    let opened = match state.queue.open(message) {
        Ok(opened) => opened,
        Err(reason) => return Outcome::Drop(reason.code()),
    };
    let end = match opened {
        SyncMessage::Step {
            organization,
            integration,
            job,
            step,
        } => {
            let due = StepDue {
                organization,
                integration,
                job,
                step,
            };
            Box::pin(state.synchronizer.step(due)).await
        }
        SyncMessage::Push { .. } | SyncMessage::Event { .. } => {
            return Outcome::Drop("unknown_version");
        }
    };
    match end {
        StepEnd::Done => Outcome::Done,
        StepEnd::Again(after, cause) => {
            // One that cannot be postponed comes again at its own time.
            if let Err(error) = state.queue.postpone(message, after).await {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "a message was not postponed"
                );
            }
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
    state.metrics.count_for(Metric::MessagesBuried, reason, now);
    Ok(())
}
