use std::time::Duration;

use serde_json::{Map, Value};

use super::{Algorithm, JwtError, TokenUse, strict_json};
use crate::domain::Timestamp;

/// By how much the signer's clock and ours may differ, where nothing else is said.
pub const LEEWAY: Duration = Duration::from_secs(30);

/// What a token has to say to be accepted.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// What it is used for.
    pub token_use: TokenUse,
    /// Its `iss`, to the letter.
    pub issuer: &'a str,
    /// What is, or is among, its `aud`.
    pub audience: &'a str,
    /// What it may be signed with; all that its key is for, if none is named.
    pub algorithms: &'a [Algorithm],
    /// By how much the clocks may differ.
    pub leeway: Duration,
}

/// The claims of a token whose signature holds (RFC 7519 section 4).
#[derive(Clone, PartialEq)]
pub struct Claims {
    members: Map<String, Value>,
    algorithm: Algorithm,
}

impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Claims are personal data.
        f.debug_list().entries(self.members.keys()).finish()
    }
}

impl Claims {
    pub(super) fn read(payload: &[u8], algorithm: Algorithm) -> Result<Self, JwtError> {
        let members = strict_json::object(payload).ok_or(JwtError::Invalid("claims"))?;
        Ok(Self { members, algorithm })
    }

    /// What they were signed with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// A claim.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// All of them.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        self.members
    }

    /// A claim that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }

    /// A claim that is a NumericDate (RFC 7519 section 2), in seconds, rounded down.
    ///
    /// # Errors
    ///
    /// If it is there and no number.
    pub fn second(&self, name: &str) -> Result<Option<i64>, JwtError> {
        let Some(value) = self.members.get(name) else {
            return Ok(None);
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturates, which is what is wanted"
        )]
        let fraction = || value.as_f64().map(|seconds| seconds.floor() as i64);
        let second = value.as_i64().or_else(fraction);
        second.map(Some).ok_or(JwtError::Invalid("time"))
    }

    /// The audiences; none if `aud` is neither a text nor an array of texts.
    #[must_use]
    pub fn audiences(&self) -> Vec<&str> {
        match self.members.get("aud") {
            Some(Value::String(audience)) => vec![audience],
            Some(Value::Array(audiences)) => {
                let texts: Option<Vec<_>> = audiences.iter().map(Value::as_str).collect();
                texts.unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// Checks what is asked of every token.
    pub(super) fn check(&self, expected: &Expected<'_>, now: Timestamp) -> Result<(), JwtError> {
        if self.text("iss") != Some(expected.issuer) {
            return Err(JwtError::Invalid("issuer"));
        }
        if !self.audiences().contains(&expected.audience) {
            return Err(JwtError::Invalid("audience"));
        }
        if self.members.contains_key("events") && !expected.token_use.may_have_events() {
            return Err(JwtError::Invalid("type"));
        }
        self.check_times(expected, now.as_second())
    }

    fn check_times(&self, expected: &Expected<'_>, now: i64) -> Result<(), JwtError> {
        let leeway = i64::try_from(expected.leeway.as_secs()).unwrap_or(i64::MAX);
        let (expires, issued) = (self.second("exp")?, self.second("iat")?);
        if expires.is_none() && expected.token_use.needs_expiry() {
            return Err(JwtError::Invalid("no expiry"));
        }
        if issued.is_none() && expected.token_use.needs_issued_at() {
            return Err(JwtError::Invalid("no time of issue"));
        }
        if expires.is_some_and(|at| at.saturating_add(leeway) <= now) {
            return Err(JwtError::Invalid("expired"));
        }
        let starts = [self.second("nbf")?, issued];
        if starts
            .iter()
            .flatten()
            .any(|at| at.saturating_sub(leeway) > now)
        {
            return Err(JwtError::Invalid("not valid yet"));
        }
        Ok(())
    }
}
