use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{RequestId, Timestamp};

/// For how long a provider is taken to recognise the key of a create that was begun. The shortest
/// that is documented by any of the catalogue is a day.
const RECOGNISED: Duration = Duration::from_secs(12 * 60 * 60);
/// How long it is kept how sending stands, should nothing more become of it.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// By so much a message that tries again may come before its instant, as clocks differ.
const EARLY: Duration = Duration::from_secs(1);
/// The codes of errors that are not a provider's.
const OWN_CODES: [&str; 9] = [
    "outcome_unknown",
    "no_id",
    "no_call",
    "unmappable",
    "changed_there",
    "unreadable",
    "too_large",
    "unavailable",
    "integration_unusable",
];

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
    /// How often the provider has answered that it does not do it: another try is another, to those that
    /// keep their answers by keys.
    pub refusals: u16,
    /// Since when sending fails by what passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// When it is tried again by itself: a message is on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
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

impl PushError {
    /// Its code as a word of few: a provider's own are `refused`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        let own = OWN_CODES.iter().find(|own| **own == self.code);
        own.copied().unwrap_or("refused")
    }
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

    /// After how long this version of the record is tried again, by a message that is on its way; nothing, if
    /// it is to be tried now.
    #[must_use]
    pub fn tried_in(&self, version: u64, now: Timestamp) -> Option<Duration> {
        let is_of_it = (self.error.as_ref()).is_some_and(|error| error.version == version);
        let waits = |at: &Timestamp| is_of_it && now.plus(EARLY) < *at;
        self.retry_at.filter(waits).map(|at| at.since(now))
    }

    /// Until when this is kept, as of `now`; for good, while it says that a create may have been done:
    /// else it would be made twice.
    #[must_use]
    pub fn kept_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.create.is_none().then(|| now.plus(KEPT))
    }

    /// After a failure; whether it is to be tried again.
    #[must_use]
    pub fn failed(mut self, error: PushError, failure: &PushFailure) -> (Self, bool) {
        let now = error.at;
        let since = self.failing_since.unwrap_or(now);
        let again =
            matches!(failure, PushFailure::Passes(_)) && now.since(since) < Self::GIVEN_UP_AFTER;
        self.leased_until = None;
        self.retry_at = None;
        if again {
            self.failures = self.failures.saturating_add(1);
            self.failing_since = Some(since);
        } else {
            self.failures = 0;
            self.failing_since = None;
        }
        self.create = self.create.filter(|create| match failure {
            // The provider has said that it did not, or was not called.
            PushFailure::Stays => false,
            // Of one that is not recognised, all that may have been done is unknown.
            PushFailure::Passes(_) => create.recognised,
            PushFailure::Unknown => true,
        });
        if matches!(failure, PushFailure::Stays) && error.status.is_some() {
            self.refusals = self.refusals.saturating_add(1);
        }
        self.error = Some(PushError {
            retrying: again,
            ..error
        });
        (self, again)
    }

    /// After somebody has asked at `now` that it be tried again. A create that may have been done, and
    /// is not recognised (any more), is begun anew: who asks has looked.
    #[must_use]
    pub fn asked(mut self, now: Timestamp) -> Self {
        self.error = None;
        self.retry_at = None;
        self.failures = 0;
        self.clashes = 0;
        self.failing_since = None;
        self.create = self.create.filter(|create| create.can_be_repeated(now));
        self
    }
}
