//! What a provider sends a browser back with (RFC 6749 section 4.1.2, RFC 9207).

use secrecy::SecretString;
use zeroize::Zeroizing;

/// More than the longest answer of any known provider.
const MAX_QUERY_BYTES: usize = 8 * 1024;
const MAX_STATE_BYTES: usize = 512;

/// An answer that can be read.
pub(crate) struct Answer {
    pub(crate) state: SecretString,
    /// Who says that he answers.
    pub(crate) issuer: Option<String>,
    pub(crate) outcome: Outcome,
}

/// What became of the request.
pub(crate) enum Outcome {
    /// Somebody has consented.
    Code(SecretString),
    /// Nobody has.
    Error(Refusal),
}

/// Why nobody has, as the standards have it (RFC 6749 section 4.1.2.1, OpenID Connect Core 1.0
/// section 3.1.2.6). What a server says beyond that is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Denied,
    InvalidScope,
    Unavailable,
    Interaction,
    Misconfigured,
}

impl Refusal {
    fn of(code: &str) -> Self {
        match code {
            "access_denied" => Self::Denied,
            "invalid_scope" => Self::InvalidScope,
            "server_error" | "temporarily_unavailable" => Self::Unavailable,
            "login_required"
            | "interaction_required"
            | "consent_required"
            | "account_selection_required" => Self::Interaction,
            _ => Self::Misconfigured,
        }
    }
}

impl Answer {
    /// Reads a query. A parameter that counts and is there twice makes it unreadable (RFC 6749
    /// section 3.1): which of them holds would be a guess.
    pub(crate) fn read(query: &str) -> Option<Self> {
        if query.len() > MAX_QUERY_BYTES {
            return None;
        }
        let (mut state, mut code, mut error, mut issuer) = (None, None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match &*name {
                "state" => &mut state,
                "code" => &mut code,
                "error" => &mut error,
                "iss" => &mut issuer,
                _ => continue,
            };
            if slot.replace(Zeroizing::new(value.into_owned())).is_some() {
                return None;
            }
        }
        let is_text = |text: &Zeroizing<String>| {
            !text.is_empty() && text.bytes().all(|b| (b' '..=b'~').contains(&b))
        };
        let state = state.filter(|s| is_text(s) && s.len() <= MAX_STATE_BYTES)?;
        let outcome = match (code, error) {
            (Some(code), None) if is_text(&code) => Outcome::Code(code.as_str().into()),
            (None, Some(error)) => Outcome::Error(Refusal::of(&error)),
            _ => return None,
        };
        Some(Self {
            state: state.as_str().into(),
            issuer: issuer.map(|issuer| issuer.to_string()),
            outcome,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_code_or_an_error_with_a_state() {
        let read = |query: &str| Answer::read(query).map(|answer| answer.outcome);
        assert!(matches!(
            read("code=c&state=s&session_state=x&scope=a"),
            Some(Outcome::Code(_))
        ));
        for (code, refusal) in [
            ("access_denied", Refusal::Denied),
            ("invalid_scope", Refusal::InvalidScope),
            ("temporarily_unavailable", Refusal::Unavailable),
            ("login_required", Refusal::Interaction),
            ("unauthorized_client", Refusal::Misconfigured),
            ("<script>", Refusal::Misconfigured),
            ("", Refusal::Misconfigured),
        ] {
            let query = format!("error={code}&error_description=x&state=s");
            assert!(
                matches!(read(&query), Some(Outcome::Error(is)) if is == refusal),
                "{code}"
            );
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        let long_state = format!("code=c&state={}", "s".repeat(MAX_STATE_BYTES + 1));
        let long = format!("code=c&state=s&x={}", "x".repeat(MAX_QUERY_BYTES));
        for query in [
            "",
            "code=c",
            "state=s",
            "code=&state=s",
            "code=c&state=",
            "code=c&error=access_denied&state=s",
            "code=c&code=d&state=s",
            "code=c&state=s&state=t",
            "code=c&state=s&iss=a&iss=b",
            "error=a&error=b&state=s",
            "code=c%0d%0aX&state=s",
            "code=c&state=%00",
            "code=%ff&state=s",
            &long_state,
            &long,
        ] {
            assert!(Answer::read(query).is_none(), "{query}");
        }
    }
}
