//! The cookie that binds a consent to one browser.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use gatehouse::oauth::random_secret;
use gatehouse::store::Digest;
use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret as _, SecretString};

use crate::State;

/// As long as the consent waits, in seconds.
const MAX_AGE: u64 = super::consent::LIFETIME.as_secs();

/// What a browser is given.
#[derive(Debug)]
pub(crate) struct Binding {
    name: String,
    secret: SecretString,
    is_https: bool,
}

impl Binding {
    /// A new one for the consent of that state.
    pub(crate) fn new(state: &State, consent: Digest) -> Self {
        let is_https = state.addresses.is_https();
        Self {
            name: name(consent, is_https),
            secret: random_secret(state.sources.randomness.as_ref()),
            is_https,
        }
    }

    /// What is kept of it.
    #[expect(clippy::disallowed_methods, reason = "only its digest is kept")]
    pub(crate) fn digest(&self) -> String {
        Digest::of(self.secret.expose_secret().as_bytes()).to_string()
    }

    /// `Set-Cookie`: for this host only, not for scripts, and not for requests that another site
    /// makes in the background (RFC 6265bis section 4.1.3).
    #[expect(clippy::disallowed_methods, reason = "the browser is given it")]
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let (name, secret) = (&self.name, self.secret.expose_secret());
        let value = format!(
            "{name}={secret}; Max-Age={MAX_AGE}{}",
            attributes(self.is_https)
        );
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// `Set-Cookie` that takes the cookie of a consent away.
pub(crate) fn expired(state: &State, consent: Digest) -> Option<HeaderValue> {
    let is_https = state.addresses.is_https();
    let name = name(consent, is_https);
    HeaderValue::from_str(&format!("{name}=; Max-Age=0{}", attributes(is_https))).ok()
}

/// Whether a request comes from the browser that a consent is bound to.
pub(crate) fn is_bound(state: &State, headers: &HeaderMap, consent: Digest, browser: &str) -> bool {
    let name = name(consent, state.addresses.is_https());
    let values = headers.get_all(header::COOKIE).iter();
    let pairs = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    let mut found = pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(given, _)| *given == name)
        .map(|(_, value)| Digest::of(value.as_bytes()).to_string());
    found.any(|given| verify_slices_are_equal(given.as_bytes(), browser.as_bytes()).is_ok())
}

/// Each consent has a cookie of its own, so that two can wait in one browser.
fn name(consent: Digest, is_https: bool) -> String {
    let prefix = if is_https { "__Host-" } else { "" };
    let [a, b, c, d, ..] = consent.as_bytes();
    format!(
        "{prefix}gatehouse-consent-{}",
        hex::encode([a, b, c, d].map(|byte| *byte))
    )
}

fn attributes(is_https: bool) -> &'static str {
    if is_https {
        "; Path=/; HttpOnly; SameSite=Lax; Secure"
    } else {
        "; Path=/; HttpOnly; SameSite=Lax"
    }
}
