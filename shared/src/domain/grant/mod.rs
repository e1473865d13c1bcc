//! A grant: what was obtained through OAuth 2.0 for an integration, without the tokens themselves,
//! and every decision about it. The tokens are sealed, beside it (`store::grants`).

mod decide;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{GrantType, Timestamp};

pub use decide::{GrantReply, Next, RefreshFailure, Visit};

/// How long an access token is used whose answer does not say (`lifetimeSeconds`).
pub const DEFAULT_TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// What is known of the tokens of one integration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// How its tokens are obtained.
    pub grant_type: GrantType,
    /// The scopes that were asked for.
    #[serde(default)]
    pub scopes_asked: Vec<String>,
    /// The scopes that were granted, last.
    #[serde(default)]
    pub scopes_granted: Vec<String>,
    /// When a person consented; for other grants, when the first token was obtained.
    pub obtained_at: Timestamp,
    /// When the tokens were last renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_refreshed_at: Option<Timestamp>,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// When it is renewed, ahead of that.
    pub renew_at: Timestamp,
    /// Whether there is a refresh token.
    #[serde(default)]
    pub has_refresh_token: bool,
    /// When the refresh token lapses that is not used, if anything says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_expires_at: Option<Timestamp>,
    /// Who consented, as the ID token says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<GrantIdentity>,
    /// The digest of what the tokens may be used with: the set-up that they were obtained for.
    pub basis: String,
    /// Counted up with each set of tokens, also over a reconnection. What is sealed opens only
    /// with its number; and only who has read the current one may replace it.
    #[serde(default)]
    pub tokens_version: u64,
    /// Why it is over, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<GrantEnd>,
    /// That it could not be renewed, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// Who is renewing it. Written before the authorization server is called: what is left of one
    /// who was killed says that the refresh token may have been used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<RefreshLease>,
    /// When `rotation` looks at it next: its place in the index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<Timestamp>,
}

/// How a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// Calls can be made, and it renews itself.
    Connected,
    /// Calls can be made, but it may end soon: it cannot be renewed, renewing it fails, or its
    /// refresh token is about to lapse.
    Expiring,
    /// A person has to consent again.
    NeedsConsent,
    /// It was revoked here.
    Revoked,
}

/// Why a grant is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantEnd {
    /// The authorization server says that it is not valid any more (`invalid_grant`).
    Refused,
    /// The access token has ended, and there is no refresh token.
    Lapsed,
    /// The integration's set-up was changed: its tokens must not go where it leads now.
    SetUpChanged,
    /// The person has logged out at the provider (OpenID Connect Back-Channel Logout 1.0).
    LoggedOut,
    /// It was revoked here.
    Revoked,
}

impl GrantEnd {
    /// What that means, for a person.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Refused => "the provider says that the grant is not valid any more",
            Self::Lapsed => "the access token has ended, and the provider gave no refresh token",
            Self::SetUpChanged => "the integration was changed after the grant was obtained",
            Self::LoggedOut => "the person who consented has logged out at the provider",
            Self::Revoked => "the grant was revoked",
        }
    }
}

/// Who consented (OpenID Connect Core 1.0 section 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrantIdentity {
    /// The issuer.
    pub issuer: String,
    /// The subject.
    pub subject: String,
    /// The session at the provider, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

/// That the authorization server was asked in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// How often in a row.
    pub failures: u32,
    /// A fixed word for what went wrong.
    pub code: String,
    /// Whether it may pass by itself.
    pub is_transient: bool,
    /// It is not asked again before this instant.
    pub retry_at: Timestamp,
}

/// Who renews a grant. Nobody else does before `until`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefreshLease {
    /// A number that is drawn for each try.
    pub owner: String,
    /// When the try began.
    pub began_at: Timestamp,
    /// When another may try: longer than a call and the writing of its answer take.
    pub until: Timestamp,
}

impl Grant {
    /// How it stands at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> GrantState {
        match self.ended(now) {
            Some(GrantEnd::Revoked) => return GrantState::Revoked,
            Some(_) => return GrantState::NeedsConsent,
            None => {}
        }
        let is_renewable = self.renews_itself() || self.has_refresh_token;
        let is_failing = self.trouble.is_some() && now >= self.renew_at;
        let lapses_soon = self
            .refresh_expires_at
            .is_some_and(|end| now >= decide::refresh_ahead(self.tokens_since(), end));
        if !is_renewable || is_failing || lapses_soon {
            GrantState::Expiring
        } else {
            GrantState::Connected
        }
    }

    /// Why it is over at `now`, if it is.
    #[must_use]
    pub fn ended(&self, now: Timestamp) -> Option<GrantEnd> {
        let is_renewable = self.renews_itself() || self.has_refresh_token;
        let has_lapsed = !is_renewable && now >= self.expires_at;
        self.end.or(has_lapsed.then_some(GrantEnd::Lapsed))
    }

    /// Whether new tokens are to be had without a person and without a refresh token.
    #[must_use]
    pub fn renews_itself(&self) -> bool {
        self.grant_type != GrantType::AuthorizationCode
    }

    /// Whether it has tokens at all: it is kept before the first ones are obtained, and after the
    /// last ones are forgotten.
    #[must_use]
    pub fn has_tokens(&self) -> bool {
        self.tokens_version > 0 && self.end != Some(GrantEnd::Revoked)
    }

    /// When the tokens were obtained.
    #[must_use]
    pub fn tokens_since(&self) -> Timestamp {
        self.last_refreshed_at.unwrap_or(self.obtained_at)
    }
}
