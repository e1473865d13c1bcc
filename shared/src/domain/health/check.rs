use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{CheckId, CredentialInfo, EndpointId, Grant, GrantState, RequestId, Timestamp};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What expires earlier than so long from now is to be replaced.
const CREDENTIAL_AHEAD: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// Credentials that are older are worth replacing, though nothing says that they expire.
const OLD: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// A certificate that has less left is late to be replaced; of one that is valid for a shorter time,
/// a quarter of that time.
const CERTIFICATE_AHEAD: Duration = Duration::from_secs(21 * 24 * 60 * 60);

/// One health probe of an integration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Its id.
    pub id: CheckId,
    /// When it was made.
    pub checked_at: Timestamp,
    /// What it was made for.
    pub trigger: CheckTrigger,
    /// What was found.
    #[serde(flatten)]
    pub found: Checked,
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// What was looked at.
    pub kind: CheckKind,
    /// How it stands.
    pub state: CheckState,
    /// Why, as a stable code.
    pub code: String,
    /// Why, for a person: no secret, no address.
    pub message: String,
    /// How long the probe took, if it called somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// When what was looked at stops being valid, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The version of TLS that was agreed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The provider's status, if it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The call, as it stands in the log of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// The endpoint, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<EndpointId>,
}

/// What a probe looks at.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Whether the name of the base URL's host resolves to addresses that may be called.
    Dns,
    /// The certificate of the base URL's host, and its version of TLS.
    Tls,
    /// Whether the provider accepts the credentials.
    Verification,
    /// The age and the end of the credentials.
    Credential,
    /// Whether the consent holds, of an integration that uses OAuth 2.0.
    Grant,
    /// Whether an endpoint that usually receives webhooks still does.
    Webhooks,
}

/// How something stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// In order.
    Passed,
    /// It could not be looked at: nobody knows.
    Unknown,
    /// It works, and will not for much longer.
    Warned,
    /// It does not work.
    Failed,
}

/// What a probe was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckTrigger {
    /// It was time.
    Schedule,
    /// A request.
    Manual,
}

impl CheckKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Dns,
        Self::Tls,
        Self::Verification,
        Self::Credential,
        Self::Grant,
        Self::Webhooks,
    ];

    /// Its name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Verification => "verification",
            Self::Credential => "credential",
            Self::Grant => "grant",
            Self::Webhooks => "webhooks",
        }
    }
}

impl Checked {
    /// That something stands so.
    #[must_use]
    pub fn new(kind: CheckKind, state: CheckState, code: &str, message: impl Into<String>) -> Self {
        Self {
            kind,
            state,
            code: code.to_owned(),
            message: message.into(),
            duration_ms: None,
            expires_at: None,
            protocol: None,
            status: None,
            request_id: None,
            endpoint_id: None,
        }
    }

    /// That something could not be looked at, for a reason of our own: no detail of it is shown.
    #[must_use]
    pub fn unknown(kind: CheckKind) -> Self {
        let message = "it could not be checked, for a reason that is not the provider's";
        Self::new(kind, CheckState::Unknown, "not_checked", message)
    }

    /// Whether it says something of whether calls work. Some probes say that they will not for much longer.
    #[must_use]
    pub fn is_of_calls(&self) -> bool {
        matches!(
            self.kind,
            CheckKind::Dns | CheckKind::Tls | CheckKind::Verification | CheckKind::Grant
        )
    }
}

/// What is to be said of credentials by what is known of them: with `remind_after`, those that are
/// older are to be replaced by a person.
#[must_use]
pub fn credential_checked(
    credential: &CredentialInfo,
    remind_after: Option<Duration>,
    now: Timestamp,
) -> Checked {
    let age = now.since(credential.created_at);
    let days = age.as_secs() / DAY.as_secs();
    let (state, code, message) = match credential.expires_at {
        Some(end) if end <= now => (
            CheckState::Failed,
            "credential_expired",
            "the credentials have expired".to_owned(),
        ),
        Some(end) if end.since(now) <= CREDENTIAL_AHEAD => (
            CheckState::Warned,
            "credential_expiring",
            format!("the credentials expire in {}", in_days(end.since(now))),
        ),
        _ if remind_after.is_some_and(|after| age > after) => (
            CheckState::Warned,
            "credential_old",
            format!("the credentials are {days} days old, and are to be replaced"),
        ),
        None if remind_after.is_none() && age > OLD => (
            CheckState::Warned,
            "credential_old",
            format!("the credentials are {days} days old, and nothing says when they expire"),
        ),
        _ => (
            CheckState::Passed,
            "credential_valid",
            format!("the credentials are {days} days old"),
        ),
    };
    Checked {
        expires_at: credential.expires_at,
        ..Checked::new(CheckKind::Credential, state, code, message)
    }
}

/// What is to be said of a certificate that was verified.
#[must_use]
pub fn certificate_checked(not_before: Timestamp, not_after: Timestamp, now: Timestamp) -> Checked {
    let lifetime = not_after.since(not_before);
    let left = not_after.since(now);
    let (state, code, message) = if left.is_zero() {
        (
            CheckState::Failed,
            "tls_certificate_expired",
            "the server's certificate has expired".to_owned(),
        )
    } else if left <= CERTIFICATE_AHEAD.min(lifetime / 4) {
        (
            CheckState::Warned,
            "tls_certificate_expiring",
            format!("the server's certificate expires in {}", in_days(left)),
        )
    } else {
        (
            CheckState::Passed,
            "tls_certificate_valid",
            format!("the server's certificate expires in {}", in_days(left)),
        )
    };
    Checked {
        expires_at: Some(not_after),
        ..Checked::new(CheckKind::Tls, state, code, message)
    }
}

/// What is to be said of a grant; none, if nobody has consented yet.
#[must_use]
pub fn grant_checked(grant: Option<&Grant>, now: Timestamp) -> Checked {
    let said = |state, code, message: &str| Checked::new(CheckKind::Grant, state, code, message);
    let Some(grant) = grant else {
        return said(CheckState::Failed, "grant_missing", "nobody has consented");
    };
    let checked = match grant.state(now) {
        GrantState::Connected => said(CheckState::Passed, "grant_connected", "the grant holds"),
        GrantState::Expiring => {
            let message = "the grant ends soon, or cannot be renewed at present";
            said(CheckState::Warned, "grant_expiring", message)
        }
        GrantState::NeedsConsent => {
            let end = grant.ended(now).map(crate::domain::GrantEnd::reason);
            let message = end.unwrap_or("a person has to consent again");
            said(CheckState::Failed, "grant_needs_consent", message)
        }
        GrantState::Revoked => said(CheckState::Failed, "grant_revoked", "the grant was revoked"),
    };
    Checked {
        expires_at: grant.refresh_expires_at,
        ..checked
    }
}

fn in_days(left: Duration) -> String {
    match left.as_secs() / DAY.as_secs() {
        0 => format!("{} hours", left.as_secs() / 3_600),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
