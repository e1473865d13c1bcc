use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{RequestId, Timestamp};

/// For how long a provider is taken to recognise the key of a create that was begun. The shortest
/// that is documented by any of the catalogue is a day.
const RECOGNISED: Duration = Duration::from_secs(12 * 60 * 60);

/// What is kept of sending one record's changes: only while something is to be sent, or could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RecordPush {
    /// Until when nobody but the one who wrote it calls the provider for this record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leased_until: Option<Timestamp>,
    /// A create that was begun, and of which it is not known whether the provider has done it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create: Option<StartedCreate>,
    /// How often sending has failed, one after the other, by what passes.
    pub failures: u16,
    /// How often the provider has refused because the record was another there.
    pub clashes: u16,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<PushError>,
}

/// A create that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartedCreate {
    /// The version of the record that was sent: it is sent again as it was, under the same key.
    pub version: u64,
    /// When it was first sent.
    pub started_at: Timestamp,
    /// Whether the provider recognises that it is the same.
    pub recognised: bool,
}

impl StartedCreate {
    /// Whether it can be made again without making two.
    #[must_use]
    pub fn can_be_repeated(&self, now: Timestamp) -> bool {
        self.recognised && now.since(self.started_at) < RECOGNISED
    }
}

/// Why changes of a record are not at the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushError {
    /// A stable code: that of the provider, or `outcome_unknown`, `not_writable`, `no_call`,
    /// `unmappable`, `changed_there`, `too_large`, `refused`, `unavailable`.
    pub code: String,
    /// The status of the provider's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The call, as it stands in the log of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// The version of the record that it is about.
    pub version: u64,
    /// When it was found.
    pub at: Timestamp,
    /// Whether it is tried again by itself. If not, it is when the record is changed, or somebody asks.
    pub retrying: bool,
}

/// How a push failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushFailure {
    /// By what passes: it is to be tried again.
    Passes(Option<Duration>),
    /// For good, unless the record is changed, or somebody asks.
    Stays,
    /// It may have been done.
    Unknown,
}

impl RecordPush {
    /// How long sending is tried again while it fails by what passes.
    pub const GIVEN_UP_AFTER: Duration = Duration::from_secs(3 * 24 * 60 * 60);

    /// Whether another holds the lease at `now`.
    #[must_use]
    pub fn is_leased(&self, now: Timestamp) -> bool {
        self.leased_until.is_some_and(|until| now < until)
    }

    /// Whether this version of the record has failed for good.
    #[must_use]
    pub fn has_given_up(&self, version: u64) -> bool {
        let error = self.error.as_ref();
        error.is_some_and(|error| !error.retrying && error.version == version)
    }

    /// After a failure; whether it is to be tried again.
    #[must_use]
    pub fn failed(mut self, error: PushError, failure: &PushFailure) -> (Self, bool) {
        let now = error.at;
        let since = self.failing_since.unwrap_or(now);
        let again =
            matches!(failure, PushFailure::Passes(_)) && now.since(since) < Self::GIVEN_UP_AFTER;
        self.leased_until = None;
        if again {
            self.failures = self.failures.saturating_add(1);
            self.failing_since = Some(since);
        } else {
            self.failures = 0;
            self.failing_since = None;
        }
        if matches!(failure, PushFailure::Stays) {
            // The provider has said that it did not.
            self.create = None;
        }
        self.error = Some(PushError {
            retrying: again,
            ..error
        });
        (self, again)
    }

    /// After somebody has asked that it be tried again. A create that may have been done is begun
    /// anew: who asks has looked.
    #[must_use]
    pub fn asked(mut self) -> Self {
        self.error = None;
        self.failures = 0;
        self.clashes = 0;
        self.failing_since = None;
        self.create = self.create.filter(|create| create.recognised);
        self
    }
}
