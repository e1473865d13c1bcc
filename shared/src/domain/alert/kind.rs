use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rule::{AlertRule, Bounds};

/// What a rule watches. Each integration has one rule of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// Nothing works: the circuit breaker is open, checks fail, or no call succeeds. Counts 1 or 0.
    IntegrationFailure,
    /// The share of calls that fail, from 0 to 1.
    ErrorRate,
    /// The 95th percentile of how long calls take, in milliseconds.
    Slow,
    /// The share of a quota that is used up, from 0 to 1.
    QuotaNearlyExhausted,
    /// Days until the credential stops being valid.
    CredentialExpiring,
    /// Days until the certificate of the provider's host stops being valid.
    CertificateExpiring,
    /// The last rotation of the credential failed. Counts 1 or 0.
    RotationFailed,
    /// How many webhooks were not delivered, or not the first time, in the window that is looked at; no fewer
    /// than the threshold, while an endpoint is silent that usually receives.
    WebhookFailures,
    /// How many events were given up, and wait for a person.
    DeadLetters,
    /// How many conflicts of records wait for a person.
    ConflictsWaiting,
    /// How far the calls of an hour are from what is usual for that hour of the week: in robust
    /// standard deviations, either way.
    UnusualVolume,
}

/// How bad it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AlertSeverity {
    /// Good to know.
    Info,
    /// Will be a failure if nobody does anything.
    Warning,
    /// Is a failure.
    Critical,
}

/// A text is no kind of alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a kind of alert, such as `error_rate`")]
pub struct AlertKindError;

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::IntegrationFailure,
        Self::ErrorRate,
        Self::Slow,
        Self::QuotaNearlyExhausted,
        Self::CredentialExpiring,
        Self::CertificateExpiring,
        Self::RotationFailed,
        Self::WebhookFailures,
        Self::DeadLetters,
        Self::ConflictsWaiting,
        Self::UnusualVolume,
    ];

    /// Its stable word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IntegrationFailure => "integration_failure",
            Self::ErrorRate => "error_rate",
            Self::Slow => "slow",
            Self::QuotaNearlyExhausted => "quota_nearly_exhausted",
            Self::CredentialExpiring => "credential_expiring",
            Self::CertificateExpiring => "certificate_expiring",
            Self::RotationFailed => "rotation_failed",
            Self::WebhookFailures => "webhook_failures",
            Self::DeadLetters => "dead_letters",
            Self::ConflictsWaiting => "conflicts_waiting",
            Self::UnusualVolume => "unusual_volume",
        }
    }

    /// On which side of its bound the number is bad.
    #[must_use]
    pub fn bounds(self) -> Bounds {
        match self {
            Self::CredentialExpiring | Self::CertificateExpiring => Bounds::BadBelow,
            _ => Bounds::BadAbove,
        }
    }

    /// The most that a threshold may be.
    #[must_use]
    pub fn largest_threshold(self) -> f64 {
        match self {
            Self::ErrorRate
            | Self::QuotaNearlyExhausted
            | Self::IntegrationFailure
            | Self::RotationFailed => 1.0,
            Self::Slow => 600_000.0,
            Self::CredentialExpiring | Self::CertificateExpiring => 3_650.0,
            Self::WebhookFailures | Self::DeadLetters | Self::ConflictsWaiting => 1e9,
            Self::UnusualVolume => 1_000.0,
        }
    }

    /// The rule that holds where nobody has said otherwise.
    #[must_use]
    pub fn defaults(self) -> AlertRule {
        let rule =
            |severity, (threshold, resolve_threshold), (fire_after, resolve_after)| AlertRule {
                enabled: true,
                severity,
                threshold,
                resolve_threshold,
                fire_after,
                resolve_after,
                min_requests: 20,
            };
        match self {
            Self::IntegrationFailure => AlertRule {
                min_requests: 5,
                ..rule(AlertSeverity::Critical, (1.0, 1.0), (2, 3))
            },
            Self::ErrorRate => rule(AlertSeverity::Warning, (0.1, 0.05), (3, 5)),
            Self::Slow => rule(AlertSeverity::Warning, (5_000.0, 3_000.0), (3, 5)),
            Self::QuotaNearlyExhausted => rule(AlertSeverity::Warning, (0.9, 0.75), (2, 3)),
            Self::CredentialExpiring => rule(AlertSeverity::Warning, (14.0, 15.0), (1, 1)),
            Self::CertificateExpiring => rule(AlertSeverity::Warning, (14.0, 15.0), (1, 1)),
            Self::RotationFailed => rule(AlertSeverity::Critical, (1.0, 1.0), (1, 1)),
            Self::WebhookFailures => rule(AlertSeverity::Warning, (5.0, 1.0), (2, 3)),
            Self::DeadLetters => rule(AlertSeverity::Critical, (1.0, 1.0), (1, 1)),
            Self::ConflictsWaiting => rule(AlertSeverity::Info, (10.0, 5.0), (3, 3)),
            Self::UnusualVolume => rule(AlertSeverity::Info, (6.0, 3.0), (1, 1)),
        }
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// From a text, also where it is the name of a member: so what is wrong below it can be told where.
impl<'de> Deserialize<'de> for AlertKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for AlertKind {
    type Err = AlertKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name() == text).ok_or(AlertKindError)
    }
}

impl AlertSeverity {
    /// Its stable word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}
