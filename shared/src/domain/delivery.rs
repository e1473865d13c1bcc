use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{DeliveryId, DestinationId, Timestamp};

/// How much of a destination's answer is kept, in bytes.
pub const RESPONSE_EXCERPT_BYTES: usize = 4096;

/// Getting one event to one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Where the event goes.
    pub destination_id: DestinationId,
    /// How it stands.
    pub status: DeliveryStatus,
    /// How many attempts have been made.
    pub attempts: u16,
    /// How many of them belong to earlier rounds: a replay starts counting anew.
    #[serde(default)]
    pub earlier_attempts: u16,
    /// When the present round began: the event's receipt, or the last replay.
    pub started_at: Timestamp,
    /// When the next attempt is due, while it is retried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// While a running function makes an attempt: until when nobody else may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub leased_until: Option<Timestamp>,
    /// Why it waits or was given up without an attempt, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The newest attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempt: Option<Attempt>,
}

impl Delivery {
    /// The error of a delivery whose destination's filter failed on the event, so that nobody can
    /// tell whether the destination wants it.
    pub const FILTER_FAILED: &str = "filter_failed";
    /// The error of a delivery whose destination's filter failed at first, and does not want the
    /// event now that it is asked again.
    pub const NOT_WANTED: &str = "not_wanted";

    /// Whether its destination's filter has yet to say that it wants the event.
    #[must_use]
    pub fn awaits_filter(&self) -> bool {
        matches!(
            self.error.as_deref(),
            Some(Self::FILTER_FAILED | Self::NOT_WANTED)
        )
    }
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// The destination has taken it.
    Delivered,
    /// It will be tried (again) at `nextAttemptAt`.
    Retrying,
    /// The last try is over; it can be replayed.
    Failed,
}

/// One try of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Counted from 1.
    pub number: u16,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// The HTTP status, if there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_status: Option<u16>,
    /// The first 4 KiB of the answer's body, credentials blotted out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_body: Option<String>,
    /// What went wrong, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// Taken: any 2xx.
    Delivered,
    /// Not taken; another try may succeed.
    Retryable,
    /// Not taken; no try can succeed until a person changes something.
    Permanent,
}
