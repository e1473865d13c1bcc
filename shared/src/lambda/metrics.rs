//! Metrics in CloudWatch's embedded metric format: a log line that CloudWatch also counts.
//!
//! Format: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use crate::domain::Timestamp;

/// The CloudWatch namespace of all metrics.
pub const NAMESPACE: &str = "Gatehouse";

macro_rules! metrics {
    ($($(#[$doc:meta])+ $variant:ident,)+) => {
        /// Everything that is counted or measured. One name, one unit, everywhere.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric {
            $($(#[$doc])+ $variant,)+
        }

        impl Metric {
            /// Everything.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name in CloudWatch.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }
        }
    };
}

metrics! {
    /// Webhooks answered with 2xx and enqueued.
    EventsAccepted,
    /// Webhooks not accepted, by reason.
    RequestsRefused,
    /// Handshakes answered.
    HandshakesAnswered,
    /// Events stored.
    EventsProcessed,
    /// Events that had been stored before.
    EventsRepeated,
    /// Deliveries that a destination has taken.
    DeliveriesMade,
    /// Attempts that failed and will be followed by another.
    DeliveriesRetried,
    /// Deliveries given up.
    DeliveriesFailed,
    /// Messages moved to the dead-letter queue, by reason.
    MessagesBuried,
    /// Circuit breakers that opened.
    BreakersOpened,
    /// Requests that ended in a provider's success, from the cache or not.
    RequestsSucceeded,
    /// Requests that did not, by the code of the problem.
    RequestsFailed,
    /// Requests that the cache answered.
    RequestsCached,
    /// Grants whose tokens were renewed, or obtained anew.
    GrantsRefreshed,
    /// Grants that nobody used, and that could not be renewed either.
    GrantsAtRisk,
    /// Tries of that which failed, by reason.
    RefreshesFailed,
    /// Jobs of synchronization that did all that they had to.
    SyncJobsCompleted,
    /// Those that stopped, and that a person has to look at.
    SyncJobsFailed,
    /// Those that had not moved for minutes, each time that this is seen.
    SyncJobsLate,
    /// Steps of theirs that failed and are tried again, by reason.
    SyncStepsRetried,
    /// Records that were created, updated or deleted, or purged with their integration, by the one or the
    /// other.
    RecordsChanged,
    /// Conflicts that wait for a person.
    ConflictsOpened,
    /// Changes that were made here and are not sent to the provider any more, by reason, and all.
    PushesFailed,
    /// Records that could not be handed on to the integration that they are linked to, by reason, and all.
    LinksFailed,
    /// Fields of providers' records that are new, have vanished, or have another type.
    FieldsDrifted,
    /// Alerts that fired, by kind.
    AlertsFired,
    /// Notices of alerts that reached everybody who wants them.
    AlertNoticesSent,
    /// Tries to send them that failed, by reason.
    AlertNoticesRetried,
    /// Those that were tried for a day and given up, by channel.
    AlertNoticesLost,
    /// Probes of integrations that were made, by their kind.
    ChecksMade,
    /// Those of them that found something that does not work, by their kind.
    ChecksFailed,
    /// For how long the integration has waited that `monitor` should have looked at first.
    MonitorLag,
    /// Rotations of credentials that did all that they had to.
    RotationsCompleted,
    /// Those that did not, or left something for a person to clean up, by reason, and all.
    RotationsFailed,
    /// Those that wait for a person to hand in credentials, each time that one begins to.
    RotationsDue,
    /// Signing secrets that wait for a person to be shown them, or to replace them, when they begin to
    /// and each day.
    SecretsDue,
    /// Data keys of organizations that were replaced by the schedule.
    DataKeysRotated,
    /// Data keys that KMS has wrapped anew.
    DataKeysRewrapped,
    /// Organizations whose data keys could not be gone on with, each time that it was tried.
    DataKeysFailed,
    /// From a request's beginning to its end.
    RequestLatency,
    /// From an event's receipt to its delivery.
    EndToEndLatency,
}

impl Metric {
    fn unit(self) -> &'static str {
        match self {
            Self::EndToEndLatency | Self::RequestLatency | Self::MonitorLag => "Milliseconds",
            _ => "Count",
        }
    }

    /// Whether it is counted without its reason as well: an alarm watches all of it.
    fn has_total(self) -> bool {
        matches!(
            self,
            Self::PushesFailed
                | Self::LinksFailed
                | Self::RotationsFailed
                | Self::ChecksMade
                | Self::ChecksFailed
        )
    }
}

/// Writes metrics of one function.
#[derive(Clone)]
pub struct Metrics {
    function: &'static str,
    writer: Arc<Mutex<dyn Write + Send>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("function", &self.function)
            .finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics of `function`, to standard error beside its log.
    #[must_use]
    pub fn new(function: &'static str) -> Self {
        Self::with_writer(function, std::io::stderr())
    }

    /// Metrics of `function`, to `writer`.
    #[must_use]
    pub fn with_writer(function: &'static str, writer: impl Write + Send + 'static) -> Self {
        Self {
            function,
            writer: Arc::new(Mutex::new(writer)),
        }
    }

    /// One more of `metric`.
    pub fn count(&self, metric: Metric, now: Timestamp) {
        self.record(metric, 1, None, now);
    }

    /// One more of `metric`, for `reason`: a fixed word, never a caller's text, since every
    /// distinct one is a metric that CloudWatch charges for.
    pub fn count_for(&self, metric: Metric, reason: &'static str, now: Timestamp) {
        self.record(metric, 1, Some(reason), now);
    }

    /// `times` more of `metric`, for `reason`, in one line.
    pub fn count_many(&self, metric: Metric, times: u64, reason: &'static str, now: Timestamp) {
        self.record(metric, times, Some(reason), now);
    }

    /// A measurement, in the unit of `metric`.
    pub fn measure(&self, metric: Metric, value: u64, now: Timestamp) {
        self.record(metric, value, None, now);
    }

    fn record(&self, metric: Metric, value: u64, reason: Option<&'static str>, now: Timestamp) {
        let dimensions = match reason {
            Some(_) if metric.has_total() => json!([["function"], ["function", "reason"]]),
            Some(_) => json!([["function", "reason"]]),
            None => json!([["function"]]),
        };
        let mut line = Map::new();
        line.insert(
            "_aws".into(),
            json!({
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": dimensions,
                    "Metrics": [{"Name": metric.name(), "Unit": metric.unit()}],
                }],
            }),
        );
        line.insert("function".into(), self.function.into());
        if let Some(reason) = reason {
            line.insert("reason".into(), reason.into());
        }
        line.insert(metric.name().into(), value.into());
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writer.write_all(text.as_bytes()) {
            tracing::debug!(%error, "a metric could not be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer that can be read afterwards.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_what_the_format_asks_for() {
        let lines = Lines::default();
        let metrics = Metrics::with_writer("webhooks", lines.clone());
        let now = Timestamp::from_second(1_760_000_000).unwrap();
        metrics.count_for(Metric::RequestsRefused, "bad_signature", now);
        let line: Value = serde_json::from_slice(&lines.0.lock().unwrap()).unwrap();
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1_760_000_000_000_u64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Gatehouse",
                        "Dimensions": [["function", "reason"]],
                        "Metrics": [{"Name": "RequestsRefused", "Unit": "Count"}],
                    }],
                },
                "function": "webhooks",
                "reason": "bad_signature",
                "RequestsRefused": 1,
            })
        );
    }

    #[test]
    fn what_an_alarm_watches_is_counted_without_its_reason_too() {
        let lines = Lines::default();
        let metrics = Metrics::with_writer("sync", lines.clone());
        metrics.count_for(Metric::PushesFailed, "refused", Timestamp::UNIX_EPOCH);
        let line: Value = serde_json::from_slice(&lines.0.lock().unwrap()).unwrap();
        let dimensions = &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
        assert_eq!(*dimensions, json!([["function"], ["function", "reason"]]));
    }
}
