//! Batches of SQS messages with partial failures.
//!
//! Each record ends in exactly one way, and one record's end never touches another's:
//! `ReportBatchItemFailures`, see
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.

use std::future::Future;
use std::time::Duration;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::future::join_all;

use super::telemetry::chain;
use crate::domain::Cause;

/// The longest wait of a message that met trouble of ours.
const LONGEST_WAIT: Duration = Duration::from_secs(900);

/// What becomes of a message.
#[derive(Debug)]
pub enum Outcome {
    /// Its work is done, now or earlier: the queue forgets it.
    Done,
    /// It is to come again when its visibility time-out ends.
    Retry(Cause),
    /// It can never succeed: it goes to the dead-letter queue at once, with the reason.
    Drop(&'static str),
}

/// A batch whose records cannot be told apart: all of it is to come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of the batch has no message id")]
pub struct NoMessageId;

/// Runs `handle` on every record at the same time and reports those that are to come again.
///
/// A record whose outcome is [`Outcome::Drop`] is handed to `bury`; if that fails, it comes again.
///
/// # Errors
///
/// [`NoMessageId`] before any record is handled, if one of them could not be reported.
pub async fn run<'a, H, B, HF, BF>(
    event: &'a SqsEvent,
    handle: H,
    bury: B,
) -> Result<SqsBatchResponse, NoMessageId>
where
    H: Fn(&'a SqsMessage) -> HF,
    HF: Future<Output = Outcome>,
    B: Fn(&'a SqsMessage, &'static str) -> BF,
    BF: Future<Output = Result<(), Cause>>,
{
    let mut records = Vec::with_capacity(event.records.len());
    for record in &event.records {
        match record.message_id.as_deref() {
            Some(id) if !id.is_empty() => records.push((id, record)),
            _ => return Err(NoMessageId),
        }
    }
    let (handle, bury) = (&handle, &bury);
    let ends = join_all(records.into_iter().map(|(id, record)| async move {
        let cause = match handle(record).await {
            Outcome::Done => return None,
            Outcome::Retry(cause) => cause,
            Outcome::Drop(reason) => match bury(record, reason).await {
                Ok(()) => {
                    tracing::error!(message.id = id, reason, "message {id} was buried: {reason}");
                    return None;
                }
                Err(cause) => cause,
            },
        };
        tracing::warn!(
            message.id = id,
            cause = chain(cause.as_ref()),
            "message {id} is to come again"
        );
        Some(failure(id))
    }))
    .await;
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = ends.into_iter().flatten().collect();
    Ok(response)
}

/// After how long a message comes again that met trouble of ours: `first` after its first receipt, twice as
/// long after each further one, at most 15 minutes. So it outlasts an outage, as the queue hands it out only
/// so often before it takes it for a dead letter.
#[must_use]
pub fn back_off(message: &SqsMessage, first: Duration) -> Duration {
    let receipts = message.attributes.get("ApproximateReceiveCount");
    let receipts: u32 = receipts.and_then(|text| text.parse().ok()).unwrap_or(1);
    let factor = 2_u32.saturating_pow(receipts.saturating_sub(1));
    first.saturating_mul(factor).min(LONGEST_WAIT)
}

fn failure(id: &str) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id.to_owned();
    failure
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn batch(ids: impl IntoIterator<Item = Option<String>>) -> SqsEvent {
        let mut event = SqsEvent::default();
        event.records = ids
            .into_iter()
            .map(|id| {
                let mut record = SqsMessage::default();
                record.message_id = id;
                record
            })
            .collect();
        event
    }

    async fn run_with(
        event: &SqsEvent,
        outcome: impl Fn(&str) -> Outcome,
        buries: bool,
    ) -> (Result<Vec<String>, NoMessageId>, Vec<String>) {
        let buried = Mutex::new(Vec::new());
        let response = run(
            event,
            |record| std::future::ready(outcome(record.message_id.as_deref().unwrap())),
            |record, _reason| {
                if buries {
                    buried
                        .lock()
                        .unwrap()
                        .push(record.message_id.clone().unwrap());
                }
                std::future::ready(if buries {
                    Ok(())
                } else {
                    Err("no queue".into())
                })
            },
        )
        .await
        .map(|response| {
            response
                .batch_item_failures
                .into_iter()
                .map(|f| f.item_identifier)
                .collect()
        });
        (response, buried.into_inner().unwrap())
    }

    #[test]
    fn the_wait_doubles_with_each_receipt_up_to_a_quarter_of_an_hour() {
        let mut message = SqsMessage::default();
        let first = Duration::from_secs(5);
        assert_eq!(back_off(&message, first), first);
        for (receipts, seconds) in [
            ("0", 5),
            ("1", 5),
            ("2", 10),
            ("8", 640),
            ("9", 900),
            ("100", 900),
            ("4294967295", 900),
            ("many", 5),
        ] {
            let receipts = ("ApproximateReceiveCount".to_owned(), receipts.to_owned());
            message.attributes = [receipts].into();
            assert_eq!(back_off(&message, first), Duration::from_secs(seconds));
        }
    }

    #[tokio::test]
    async fn exactly_the_failed_of_ten_are_reported_whichever_they_are() {
        let event = batch((0..10).map(|n| Some(n.to_string())));
        for mask in 0_u32..1024 {
            let fails = |id: &str| mask >> id.parse::<u32>().unwrap() & 1 == 1;
            let (failures, buried) = run_with(
                &event,
                |id| {
                    if fails(id) {
                        Outcome::Retry("later".into())
                    } else {
                        Outcome::Done
                    }
                },
                true,
            )
            .await;
            let expected: Vec<String> = (0..10)
                .map(|n: u32| n.to_string())
                .filter(|id| fails(id))
                .collect();
            assert_eq!(failures.unwrap(), expected, "mask {mask:010b}");
            assert!(buried.is_empty());
        }
    }

    #[tokio::test]
    async fn what_can_never_succeed_is_buried_and_not_reported() {
        let event = batch(["a", "b"].map(|id| Some(id.to_owned())));
        let outcome = |id: &str| {
            if id == "a" {
                Outcome::Drop("unreadable")
            } else {
                Outcome::Done
            }
        };
        let (failures, buried) = run_with(&event, outcome, true).await;
        assert_eq!(failures.unwrap(), Vec::<String>::new());
        assert_eq!(buried, ["a"]);
    }

    #[tokio::test]
    async fn what_cannot_be_buried_comes_again() {
        let event = batch([Some("a".to_owned())]);
        let (failures, _) = run_with(&event, |_| Outcome::Drop("unreadable"), false).await;
        assert_eq!(failures.unwrap(), ["a"]);
    }

    #[tokio::test]
    async fn a_record_without_an_id_fails_the_whole_batch() {
        for id in [None, Some(String::new())] {
            let event = batch([Some("a".to_owned()), id]);
            let (failures, _) = run_with(&event, |_| Outcome::Done, true).await;
            assert_eq!(failures, Err(NoMessageId));
        }
    }
}
