use super::rule::AlertRule;
use super::volume::VolumeSlot;
use super::{AlertKind, Bounds};
use crate::domain::Timestamp;

const SECONDS_A_DAY: f64 = 86_400.0;
/// What stands for never: a hundred years.
const NEVER_DAYS: f64 = 36_500.0;

/// What is known of an integration at an instant. What is not known is absent: a rule that needs it
/// says nothing then, neither that it is bad nor that it is good.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Of when this is. One instant is one observation: it counts once, however often it is looked at.
    pub at: Timestamp,
    /// The calls of the last minutes.
    pub calls: Option<CallWindow>,
    /// Whether the circuit breaker holds calls back.
    pub is_barred: bool,
    /// How many of the probes of the last health check say that it does not work.
    pub failed_checks: Option<u32>,
    /// Of when these are: they are made seldom, and seen often.
    pub checked_at: Option<Timestamp>,
    /// The calls of the last whole hour.
    pub volume: Option<HourVolume>,
    /// Which share of the scarcest quota is left, from 0 to 1.
    pub quota_left: Option<f64>,
    /// When the credential stops being valid.
    pub credential_expires_at: Expiry,
    /// When the certificate of the provider's host stops being valid.
    pub certificate_expires_at: Expiry,
    /// How the last rotation ended.
    pub last_rotation: Option<RotationEnd>,
    /// Of when that is: a rotation is made seldom, and seen often.
    pub rotated_at: Option<Timestamp>,
    /// Webhooks of the last minutes.
    pub webhooks: Option<WebhookWindow>,
    /// Events that were given up and wait for a person.
    pub dead_letters: Option<u64>,
    /// Conflicts that wait for a person.
    pub conflicts_waiting: Option<u64>,
}

/// When something stops being valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// Nobody knows.
    #[default]
    Unknown,
    /// Never.
    Never,
    /// Then.
    At(Timestamp),
}

/// Calls in a window of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallWindow {
    /// How many ended.
    pub total: u64,
    /// How many of these were made, and took their time: what a cache answered or a limit refused was not.
    pub timed: u64,
    /// How many of these failed.
    pub failed: u64,
    /// The 95th percentile of how long they took, in milliseconds.
    pub p95_ms: Option<f64>,
}

/// The calls of one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourVolume {
    /// When it began: a whole hour, in UTC.
    pub hour: Timestamp,
    /// How many calls it had.
    pub requests: u64,
}

/// Webhooks in a window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookWindow {
    /// How many came in.
    pub received: u64,
    /// How many could not be delivered, or not the first time. What is refused at the door is not among them.
    pub failed: u64,
    /// Whether an endpoint is silent that usually receives.
    pub is_silent: bool,
}

/// How a rotation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationEnd {
    /// The new credential is in use.
    Succeeded,
    /// It is not; the old one still is.
    Failed,
}

/// The number that a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Of when: what was read of this instant counts once.
    pub at: Timestamp,
    /// The number.
    pub value: f64,
}

impl Observation {
    /// Of an integration of which nothing is known.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self {
            at,
            calls: None,
            is_barred: false,
            failed_checks: None,
            checked_at: None,
            volume: None,
            quota_left: None,
            credential_expires_at: Expiry::Unknown,
            certificate_expires_at: Expiry::Unknown,
            last_rotation: None,
            rotated_at: None,
            webhooks: None,
            dead_letters: None,
            conflicts_waiting: None,
        }
    }

    /// The number that the rule of `kind` looks at, if there is one. `usual` is what is known of the hour of
    /// the week that `volume` is of.
    #[must_use]
    pub fn reading(
        &self,
        kind: AlertKind,
        rule: &AlertRule,
        usual: Option<&VolumeSlot>,
    ) -> Option<Reading> {
        let mut at = match (kind, self.volume) {
            (AlertKind::UnusualVolume, Some(volume)) => volume.hour,
            (AlertKind::RotationFailed, _) => self.rotated_at.unwrap_or(self.at),
            _ => self.at,
        };
        let value = match kind {
            AlertKind::IntegrationFailure => {
                let (of, value) = self.failure(rule)?;
                at = of;
                Some(value)
            }
            AlertKind::ErrorRate => self.enough_calls(rule).map(CallWindow::error_rate),
            AlertKind::Slow => self
                .enough_calls(rule)
                .filter(|calls| calls.timed >= rule.min_requests)
                .and_then(|calls| calls.p95_ms),
            AlertKind::QuotaNearlyExhausted => self.quota_left.map(|left| 1.0 - left),
            AlertKind::CredentialExpiring => self.credential_expires_at.days_left(self.at),
            AlertKind::CertificateExpiring => self.certificate_expires_at.days_left(self.at),
            AlertKind::RotationFailed => {
                let failed = |end| f64::from(u8::from(end == RotationEnd::Failed));
                self.last_rotation.map(failed)
            }
            AlertKind::WebhookFailures => self.webhooks.map(|webhooks| {
                let failed = number(webhooks.failed);
                // Webhooks that do not come fail, too; how many, nobody knows.
                match webhooks.is_silent {
                    true => failed.max(rule.threshold),
                    false => failed,
                }
            }),
            AlertKind::DeadLetters => self.dead_letters.map(number),
            AlertKind::ConflictsWaiting => self.conflicts_waiting.map(number),
            AlertKind::UnusualVolume => {
                let volume = self.volume?;
                usual?.score(volume.requests)
            }
        };
        let value = value.filter(|value| !value.is_nan())?;
        debug_assert!(kind.bounds() == Bounds::BadBelow || value >= 0.0);
        Some(Reading { at, value })
    }

    /// 1, if something says that nothing works; 0, if something says that it does. What says nothing (no
    /// call was made) is no sign of health. With it, of when that is: one check counts once.
    fn failure(&self, rule: &AlertRule) -> Option<(Timestamp, f64)> {
        let calls = self.enough_calls(rule);
        let all_fail = calls.is_some_and(|calls| calls.failed >= calls.total);
        let some_succeed = self.calls.is_some_and(|calls| calls.failed < calls.total);
        let checks_fail = self.failed_checks.is_some_and(|failed| failed > 0);
        let checks_pass = self.failed_checks == Some(0);
        // Checks are made once an hour: calls that succeed know better.
        if self.is_barred || all_fail {
            return Some((self.at, 1.0));
        }
        if some_succeed {
            return Some((self.at, 0.0));
        }
        let checked_at = self.checked_at.unwrap_or(self.at);
        match (checks_fail, checks_pass) {
            (true, _) => Some((checked_at, 1.0)),
            (false, true) => Some((checked_at, 0.0)),
            (false, false) => None,
        }
    }

    fn enough_calls(&self, rule: &AlertRule) -> Option<CallWindow> {
        self.calls
            .filter(|calls| calls.total > 0 && calls.total >= rule.min_requests)
    }
}

impl CallWindow {
    /// The share of the calls that failed.
    #[must_use]
    pub fn error_rate(self) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        number(self.failed.min(self.total)) / number(self.total)
    }
}

impl Expiry {
    /// How many days are left at `now`; fewer than none, if it is over.
    fn days_left(self, now: Timestamp) -> Option<f64> {
        match self {
            Self::Unknown => None,
            Self::Never => Some(NEVER_DAYS),
            Self::At(end) if end >= now => Some(end.since(now).as_secs_f64() / SECONDS_A_DAY),
            Self::At(end) => Some(-now.since(end).as_secs_f64() / SECONDS_A_DAY),
        }
    }
}

/// Exact up to 2^53, which no count reaches.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}
