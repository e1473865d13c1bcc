use aws_lambda_events::event::sqs::SqsMessage;
use std::time::Duration;

use gatehouse::domain::{Cause, Error};
use gatehouse::flows::sync::{EventDue, FeedDue, PurgeDue, RecordDue, StepDue, StepEnd};
use gatehouse::lambda::batch::{Outcome, back_off};
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
        SyncMessage::Purge {
            organization,
            integration,
            asked_at,
            gone_at,
        } => {
            let due = PurgeDue {
                organization,
                integration,
                asked_at,
                gone_at,
            };
            again(Box::pin(state.purger.purge(due)).await)
        }
        SyncMessage::Configured {
            organization,
            integration,
        } => {
            let jobs = state.synchronizer.jobs();
            again(Box::pin(jobs.configured(organization, integration)).await)
        }
        message => again(follow(state, message).await),
    };
    let (after, cause) = match end {
        StepEnd::Done => return Outcome::Done,
        StepEnd::Again(after, cause) => (after, cause),
        StepEnd::Failed(cause) => (back_off(message, FIRST_WAIT), cause),
    };
    // One that cannot be postponed comes again at its own time.
    if let Err(error) = state.queue.postpone(message, after).await {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a message was not postponed"
        );
    }
    Outcome::Retry(cause)
}

/// After how long a message comes again that met trouble of ours for the first time.
const FIRST_WAIT: Duration = Duration::from_secs(20);

/// Does what follows from changes, and from events.
async fn follow(state: &State, message: SyncMessage) -> Result<(), Error> {
    match message {
        SyncMessage::Push {
            organization,
            integration,
            entity,
            record,
        } => {
            let due = RecordDue {
                organization,
                integration,
                entity,
                record,
            };
            Box::pin(state.pusher.push(&due)).await
        }
        SyncMessage::Link {
            organization,
            integration,
            entity,
            record,
        } => {
            let due = RecordDue {
                organization,
                integration,
                entity,
                record,
            };
            Box::pin(state.linker.link(&due)).await
        }
        SyncMessage::Feed {
            organization,
            integration,
            entity,
        } => {
            let due = FeedDue {
                organization,
                integration,
                entity,
            };
            Box::pin(state.pump.run(&due)).await
        }
        SyncMessage::Event {
            organization,
            integration,
            event,
        } => {
            let due = EventDue {
                organization,
                integration,
                event,
            };
            Box::pin(state.events.apply(&due)).await
        }
        // These are done elsewhere.
        SyncMessage::Step { .. } | SyncMessage::Purge { .. } | SyncMessage::Configured { .. } => {
            Ok(())
        }
    }
}

fn again(end: Result<(), Error>) -> StepEnd {
    match end {
        Ok(()) => StepEnd::Done,
        Err(error) => StepEnd::Failed(error.into()),
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
