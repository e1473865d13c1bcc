use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// Access tokens that are not accepted any more, though they are in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revocation {
    /// Which.
    pub revoked: Revoked,
    /// When that was said.
    pub revoked_at: Timestamp,
    /// By whom.
    pub revoked_by: String,
}

/// Which tokens are revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Revoked {
    /// The one with this `jti`.
    #[serde(rename_all = "camelCase")]
    Token {
        /// The `jti`.
        token_id: String,
        /// When it has expired.
        expires_at: Timestamp,
    },
    /// All of somebody's that were issued before an instant.
    #[serde(rename_all = "camelCase")]
    Subject {
        /// The `sub`.
        subject: String,
        /// Those with an earlier `iat`.
        issued_before: Timestamp,
    },
}

/// Tokens that are good for longer are not accepted, so that what is revoked need not be
/// remembered forever.
pub const MAX_TOKEN_LIFETIME: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// Longer than clocks differ, and than tokens are accepted after their end.
const SLACK: Duration = Duration::from_secs(10 * 60);

impl Revoked {
    /// When none of these tokens can be accepted any more.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        match self {
            Self::Token { expires_at, .. } => expires_at.plus(SLACK),
            Self::Subject { issued_before, .. } => {
                issued_before.plus(MAX_TOKEN_LIFETIME).plus(SLACK)
            }
        }
    }
}

/// What is known of the tokens like one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether the one with its `jti` is revoked.
    pub is_revoked: bool,
    /// Those of its subject that were issued before are.
    pub issued_before: Option<Timestamp>,
}

impl Standing {
    /// Whether a token that was issued at `issued_at` is revoked. Tokens name whole seconds, so one
    /// that was issued in the second in which its subject's were revoked is revoked with them.
    #[must_use]
    pub fn revokes(&self, issued_at: Timestamp) -> bool {
        self.is_revoked || self.issued_before.is_some_and(|before| issued_at < before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_revoked_by_its_id_or_by_when_it_was_issued() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let before = Standing {
            is_revoked: false,
            issued_before: Some(at("2026-11-24T12:00:00.500Z")),
        };
        assert!(before.revokes(at("2026-11-24T11:59:59Z")));
        assert!(before.revokes(at("2026-11-24T12:00:00Z")));
        assert!(!before.revokes(at("2026-11-24T12:00:01Z")));
        assert!(!Standing::default().revokes(at("1970-01-01T00:00:00Z")));
        let by_id = Standing {
            is_revoked: true,
            issued_before: None,
        };
        assert!(by_id.revokes(at("2026-11-24T12:00:01Z")));
    }

    #[test]
    fn a_revocation_outlives_its_tokens() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let token = Revoked::Token {
            token_id: "j".to_owned(),
            expires_at: now,
        };
        assert!(token.ends_at() > now);
        let subject = Revoked::Subject {
            subject: "s".to_owned(),
            issued_before: now,
        };
        assert!(subject.ends_at() > now.plus(MAX_TOKEN_LIFETIME));
    }
}
