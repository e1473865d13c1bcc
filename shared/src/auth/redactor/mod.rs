use std::fmt;
use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use self::search::{Search, Spans};
use crate::egress::OutboundRequest;
use crate::vault::CredentialSet;

mod escapes;
mod forms;
mod search;

#[cfg(test)]
mod tests;

/// What stands in a secret's place.
const BLOT: &str = "[redacted]";

/// Blots credentials out of what comes back from a provider: an error that quotes the key, an echo.
///
/// Each value is looked for, wherever it stands,
///
/// - as it is;
/// - with any of its characters escaped as JSON, percent-encoding or HTML do it, in any mixture, and
///   that once more (an escaped `%2B`, a JSON text in a JSON text);
/// - in base64 (so in `Basic` credentials too), in either alphabet, of it or of what it is a part of;
/// - in hexadecimal, in small or in capital letters.
///
/// It is not found in other writings: UTF-16, backwards, in pieces, in base64 with line breaks or in
/// base64 of anything but its bytes, encrypted or hashed, in a body that is still compressed.
///
/// Values of less than 6 characters are not looked for. They are no secrets that could be kept, they
/// occur by chance in every answer, and a blot in so many places would tell what they are.
///
/// Has to see a text before it is cut: a half of a secret is not found.
pub struct Redactor {
    forms: Vec<Zeroizing<String>>,
    /// Made when it is first needed: many requests get no answer.
    search: OnceLock<Option<Search>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// Blots out the values of those `credentials` of whose names `is_secret` says so.
    #[must_use]
    pub fn new(credentials: &CredentialSet, is_secret: impl Fn(&str) -> bool) -> Self {
        let redactor = Self {
            forms: Vec::new(),
            search: OnceLock::new(),
        };
        let secrets = credentials.iter().filter(|(name, _)| is_secret(name));
        secrets.fold(redactor, |redactor, (_, secret)| redactor.and(secret))
    }

    /// Blots out `secret` too, such as a token that was obtained.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "what is to be found has to be known"
    )]
    pub fn and(self, secret: &SecretString) -> Self {
        self.and_text(secret.expose_secret())
    }

    /// Blots out the sensitive headers of a request too, and what follows the scheme in them.
    #[must_use]
    pub fn and_request(mut self, request: &OutboundRequest) -> Self {
        for value in request
            .headers
            .values()
            .filter(|value| value.is_sensitive())
        {
            let Ok(text) = value.to_str() else { continue };
            self = self.and_text(text);
            if let Some((_, credentials)) = text.split_once(' ') {
                self = self.and_text(credentials);
            }
        }
        self
    }

    fn and_text(mut self, text: &str) -> Self {
        for form in forms::forms(text.trim()) {
            if !self.forms.contains(&form) {
                self.forms.push(form);
            }
        }
        self.search = OnceLock::new();
        self
    }

    /// The text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        match self.blotted(text.as_bytes()) {
            Some(blotted) => String::from_utf8_lossy(&blotted).into_owned(),
            None => text.to_owned(),
        }
    }

    /// The bytes without secrets. What has none is not copied.
    #[must_use]
    pub fn bytes(&self, bytes: &Bytes) -> Bytes {
        self.blotted(bytes).unwrap_or_else(|| bytes.clone())
    }

    /// Blots secrets out of the values, and drops what has one in its name.
    pub fn headers(&self, headers: &mut HeaderMap) {
        let names = headers.keys().filter(|name| self.is_in(name));
        let names: Vec<HeaderName> = names.cloned().collect();
        for name in names {
            headers.remove(name);
        }
        for value in headers.values_mut() {
            if let Some(blotted) = self.blotted(value.as_bytes()) {
                let blotted = HeaderValue::from_maybe_shared(blotted);
                *value = blotted.unwrap_or(const { HeaderValue::from_static(BLOT) });
            }
        }
    }

    /// Names come in small letters, whatever the secret's are.
    fn is_in(&self, name: &HeaderName) -> bool {
        let name = name.as_str().as_bytes();
        self.forms.iter().any(|form| {
            let mut parts = name.windows(form.len());
            parts.any(|part| part.eq_ignore_ascii_case(form.as_bytes()))
        })
    }

    /// `None`, if there is nothing to blot out.
    fn blotted(&self, text: &[u8]) -> Option<Bytes> {
        let spans = self.spans(text);
        if spans.is_empty() {
            return None;
        }
        let mut blotted = BytesMut::with_capacity(text.len());
        let mut from = 0;
        for span in spans.iter() {
            blotted.extend_from_slice(text.get(from..span.start).unwrap_or_default());
            blotted.extend_from_slice(BLOT.as_bytes());
            from = span.end;
        }
        blotted.extend_from_slice(text.get(from..).unwrap_or_default());
        Some(blotted.freeze())
    }

    /// Where secrets are. If they cannot be looked for, they may be anywhere.
    fn spans(&self, text: &[u8]) -> Spans {
        if self.forms.is_empty() || text.is_empty() {
            return Spans::default();
        }
        let forms = || self.forms.iter().map(|form| form.as_str());
        let search = self.search.get_or_init(|| Search::new(forms()));
        match search {
            Some(search) => search.spans(text),
            None => Spans::all(text.len()),
        }
    }
}
