use std::time::Duration;

use super::super::{GrantType, Oauth2Auth, Timestamp};
use super::{DEFAULT_TOKEN_LIFETIME, Grant, GrantEnd, RefreshLease, Trouble};

/// An access token is renewed when a tenth of its lifetime is left, and not earlier than this
/// before its end.
const MAX_AHEAD: Duration = Duration::from_secs(60);
/// No access token is believed to last longer.
const LONGEST_LIFETIME: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// A refresh token that nobody uses is used when a quarter of its lifetime is left, and not earlier
/// than this before its end.
const MAX_REFRESH_AHEAD: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A grant of whose refresh token nothing says how long it lasts is looked at this often: the
/// configuration may say it by then.
const UNKNOWN: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The wait after a first failure; doubled with each that follows.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);
/// The wait after a failure that will not pass without a change on this side.
const LASTING_WAIT: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is to be done for somebody who wants an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The access token is good.
    Use,
    /// Whoever gets the lease asks the authorization server. The others, and it, too, if that
    /// fails in passing, go on with the access token if it is still good.
    Refresh {
        /// Whether it is.
        is_usable: bool,
    },
    /// Somebody is asking. What comes of it is in the table by this instant.
    Wait(Timestamp),
    /// The authorization server is left alone until this instant.
    Later(Timestamp),
    /// A person has to consent.
    Ended(GrantEnd),
}

/// What `rotation` does with a grant that it looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visit {
    /// It is renewed now.
    Refresh,
    /// It is looked at again then.
    Later(Timestamp),
    /// It is not looked at any more.
    Drop,
}

/// What a successful answer says, without its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantReply {
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// How long the access token lasts, if it says so.
    pub expires_in: Option<Duration>,
    /// Whether it brings a refresh token.
    pub has_refresh_token: bool,
    /// How long the refresh token lasts, if it says so.
    pub refresh_token_expires_in: Option<Duration>,
    /// The scopes, if it says so.
    pub scopes: Option<Vec<String>>,
}

/// Why the authorization server gave no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshFailure {
    /// The refresh token is not valid any more (`invalid_grant`).
    Refused,
    /// It may pass by itself.
    Transient(&'static str),
    /// It will not, without a change on this side: a wrong secret, a wrong configuration.
    Lasting(&'static str),
}

/// When a refresh token from `since` that lapses at `end` is used, if nobody has used it before.
pub(super) fn refresh_ahead(since: Timestamp, end: Timestamp) -> Timestamp {
    end.minus((end.since(since) / 4).min(MAX_REFRESH_AHEAD))
}

impl Grant {
    /// A grant that has no tokens yet.
    #[must_use]
    pub fn new(grant_type: GrantType, basis: String, now: Timestamp) -> Self {
        Self {
            grant_type,
            scopes_asked: Vec::new(),
            scopes_granted: Vec::new(),
            obtained_at: now,
            last_refreshed_at: None,
            expires_at: now,
            renew_at: now,
            has_refresh_token: false,
            refresh_expires_at: None,
            identity: None,
            basis,
            tokens_version: 0,
            end: None,
            trouble: None,
            lease: None,
            look_at: None,
        }
    }

    /// What is to be done for somebody who wants an access token for the set-up `basis`, and whom
    /// the provider has refused the tokens of the version `refused`.
    #[must_use]
    pub fn next(&self, basis: &str, refused: Option<u64>, now: Timestamp) -> Next {
        if let Some(end) = self.over(basis, now) {
            return Next::Ended(end);
        }
        let is_usable = self.has_tokens()
            && self.end.is_none()
            && self.basis == basis
            && refused != Some(self.tokens_version)
            && now < self.expires_at;
        if is_usable && (now < self.renew_at || !self.is_renewable()) {
            return Next::Use;
        }
        if !self.is_renewable() {
            // Refused, not ended, and not to be replaced.
            return Next::Use;
        }
        let leased = self.lease.as_ref().map(|lease| lease.until);
        if let Some(until) = leased.filter(|until| now < *until) {
            return if is_usable {
                Next::Use
            } else {
                Next::Wait(until)
            };
        }
        let trouble = self.trouble.as_ref().map(|trouble| trouble.retry_at);
        if let Some(until) = trouble.filter(|until| now < *until && self.basis == basis) {
            return if is_usable {
                Next::Use
            } else {
                Next::Later(until)
            };
        }
        Next::Refresh { is_usable }
    }

    /// Why a person has to consent. What renews itself needs nobody's consent.
    fn over(&self, basis: &str, now: Timestamp) -> Option<GrantEnd> {
        if self.renews_itself() {
            return None;
        }
        let changed = (self.basis != basis).then_some(GrantEnd::SetUpChanged);
        self.ended(now).or(changed)
    }

    fn is_renewable(&self) -> bool {
        self.renews_itself() || self.has_refresh_token
    }

    /// The same, while `owner` asks for tokens.
    #[must_use]
    pub fn leased(&self, owner: String, now: Timestamp, lasts: Duration) -> Self {
        Self {
            lease: Some(RefreshLease {
                owner,
                began_at: now,
                until: now.plus(lasts),
            }),
            ..self.clone()
        }
    }

    /// The same with the tokens of an answer, for the set-up `basis` of `config`.
    #[must_use]
    pub fn renewed(&self, reply: &GrantReply, config: &Oauth2Auth, basis: &str) -> Self {
        let asked_at = reply.asked_at;
        let default = config
            .lifetime_seconds
            .map_or(DEFAULT_TOKEN_LIFETIME, |seconds| {
                Duration::from_secs(seconds.into())
            });
        let lifetime = reply.expires_in.unwrap_or(default).min(LONGEST_LIFETIME);
        let ahead = (lifetime / 10).min(MAX_AHEAD);
        let is_first = self.tokens_version == 0;
        let mut renewed = Self {
            expires_at: asked_at.plus(lifetime),
            renew_at: asked_at.plus(lifetime.saturating_sub(ahead)),
            obtained_at: if is_first { asked_at } else { self.obtained_at },
            last_refreshed_at: (!is_first).then_some(asked_at),
            has_refresh_token: self.has_refresh_token || reply.has_refresh_token,
            refresh_expires_at: self.lapse(reply, config),
            basis: basis.to_owned(),
            tokens_version: self.tokens_version.saturating_add(1),
            end: None,
            trouble: None,
            lease: None,
            ..self.clone()
        };
        if self.renews_itself() {
            renewed.scopes_asked.clone_from(&config.scopes);
            renewed.scopes_granted.clone_from(&config.scopes);
        }
        if let Some(scopes) = &reply.scopes {
            renewed.scopes_granted.clone_from(scopes);
        }
        renewed
    }

    /// A grant that a person has consented to, by an answer for the set-up `basis` of `config`,
    /// after an earlier one whose tokens had the version `before` (0: none).
    #[must_use]
    pub fn connected(reply: &GrantReply, config: &Oauth2Auth, basis: &str, before: u64) -> Self {
        let grant_type = config.grant_type;
        let first = Self::new(grant_type, basis.to_owned(), reply.asked_at);
        Self {
            tokens_version: before.saturating_add(1),
            ..first.renewed(reply, config, basis)
        }
    }

    /// When the refresh token lapses: as the answer says, or else the configuration; or else as
    /// before, if it is the one from before.
    fn lapse(&self, reply: &GrantReply, config: &Oauth2Auth) -> Option<Timestamp> {
        if !(self.has_refresh_token || reply.has_refresh_token) {
            return None;
        }
        let days = config.refresh_token_days.map(|days| DAY * days);
        let stated = reply.refresh_token_expires_in.or(days);
        let known = self.refresh_expires_at.filter(|_| !reply.has_refresh_token);
        stated.map(|lasts| reply.asked_at.plus(lasts)).or(known)
    }

    /// The same after a failure. `invalid_grant` ends it only if it needs a person's consent: for
    /// other grants it says that the credentials are wrong (RFC 7523 section 3.1).
    #[must_use]
    pub fn failed(&self, failure: RefreshFailure, now: Timestamp) -> Self {
        let failures = self.trouble.as_ref().map_or(0, |trouble| trouble.failures);
        let doubled = FIRST_WAIT.saturating_mul(1 << failures.min(16));
        let (code, is_transient, wait) = match failure {
            RefreshFailure::Refused if !self.renews_itself() => {
                return Self {
                    end: Some(GrantEnd::Refused),
                    trouble: None,
                    lease: None,
                    ..self.clone()
                };
            }
            RefreshFailure::Refused => ("invalid_grant", false, doubled.max(LASTING_WAIT)),
            RefreshFailure::Lasting(code) => (code, false, doubled.max(LASTING_WAIT)),
            RefreshFailure::Transient(code) => (code, true, doubled),
        };
        Self {
            trouble: Some(Trouble {
                failures: failures.saturating_add(1),
                code: code.to_owned(),
                is_transient,
                retry_at: now.plus(wait.min(LONGEST_WAIT)),
            }),
            lease: None,
            ..self.clone()
        }
    }

    /// The same, over.
    #[must_use]
    pub fn ended_by(&self, end: GrantEnd) -> Self {
        Self {
            end: Some(end),
            trouble: None,
            lease: None,
            // Who is renewing it has nothing to put its answer in the place of.
            tokens_version: self.tokens_version.saturating_add(1),
            ..self.clone()
        }
    }

    /// When `rotation` has to look at it: before its refresh token lapses, or, if that is not
    /// known, after a while. Never, if there is nothing to renew.
    ///
    /// Where refreshing does not put the end off, the time that is left is halved each time.
    #[must_use]
    pub fn look_next(&self, now: Timestamp) -> Option<Timestamp> {
        if self.renews_itself() || !self.has_refresh_token || self.end.is_some() {
            return None;
        }
        let Some(end) = self.refresh_expires_at else {
            return Some(now.plus(UNKNOWN));
        };
        let halfway = now.plus(end.since(now) / 2);
        Some(refresh_ahead(self.tokens_since(), end).max(halfway))
    }

    /// What `rotation` does with it at `now`, for the set-up `basis`.
    #[must_use]
    pub fn visit(&self, config: &Oauth2Auth, basis: &str, now: Timestamp) -> Visit {
        if self.over(basis, now).is_some() || self.renews_itself() || !self.has_refresh_token {
            return Visit::Drop;
        }
        // The configuration may have come to say it after the tokens did not.
        let since = self.tokens_since();
        let days = config.refresh_token_days.map(|days| since.plus(DAY * days));
        let Some(end) = self.refresh_expires_at.or(days) else {
            return Visit::Later(now.plus(UNKNOWN));
        };
        let due = refresh_ahead(since, end);
        if now < due {
            return Visit::Later(due);
        }
        match self.next(basis, None, now) {
            Next::Wait(until) | Next::Later(until) => Visit::Later(until),
            _ => match &self.trouble {
                Some(trouble) if now < trouble.retry_at => Visit::Later(trouble.retry_at),
                _ => Visit::Refresh,
            },
        }
    }
}
