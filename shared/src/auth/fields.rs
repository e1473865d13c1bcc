use http::HeaderValue;
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::AuthError;
use crate::domain::{API_KEY, ValueTemplate};
use crate::vault::CredentialSet;

/// The values that templates can name: the credentials' fields, and what a call adds to them.
pub(super) struct Fields<'a> {
    credentials: &'a CredentialSet,
    added: Vec<(&'static str, &'a str)>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(credentials: &'a CredentialSet) -> Self {
        Self {
            credentials,
            added: Vec::new(),
        }
    }

    /// The same with one value more, which is found before a field of that name.
    pub(super) fn with(mut self, name: &'static str, value: &'a str) -> Self {
        self.added.push((name, value));
        self
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the value goes into the request that it authenticates"
    )]
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        if let Some((_, value)) = self.added.iter().find(|(added, _)| *added == name) {
            return Some(value);
        }
        let name = if name == "key" { API_KEY } else { name };
        let value = self.credentials.get(name)?;
        Some(value.expose_secret())
    }

    /// The value of a field that has to be there, and hold something.
    pub(super) fn require(&self, name: &str) -> Result<&'a str, AuthError> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| AuthError::MissingField(name.to_owned()))
    }

    pub(super) fn fill(&self, template: &ValueTemplate) -> Result<Zeroizing<String>, AuthError> {
        let mut text = Zeroizing::new(String::new());
        template
            .fill(|name| self.get(name), |piece| text.push_str(piece))
            .map_err(|name| AuthError::MissingField(name.to_owned()))?;
        Ok(text)
    }

    /// A template's value for a header.
    pub(super) fn header(&self, template: &ValueTemplate) -> Result<HeaderValue, AuthError> {
        let text = self.fill(template)?;
        sensitive(&text).ok_or_else(|| self.unfit(template))
    }

    /// The field because of which a template's value fits into no header.
    fn unfit(&self, template: &ValueTemplate) -> AuthError {
        let is_unfit = |name: &&str| self.get(name).is_some_and(|v| v.contains(char::is_control));
        let field = template.fields().find(is_unfit);
        AuthError::UnusableField {
            field: field.unwrap_or_default().to_owned(),
            expected: "a text without line feeds or other control characters",
        }
    }
}

/// A header value that is not shown and does not leave the origin.
pub(super) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
