use http::HeaderValue;
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::AuthError;
use crate::domain::{API_KEY, ValueTemplate};
use crate::vault::CredentialSet;

/// The values that templates can name: the credentials' fields, and what a call adds to them.
pub(super) struct Fields<'a> {
    credentials: &'a CredentialSet,
    public: Vec<(&'static str, &'a str)>,
    secret: Option<(&'static str, &'a str)>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(credentials: &'a CredentialSet) -> Self {
        Self {
            credentials,
            public: Vec::new(),
            secret: None,
        }
    }

    /// The same with one value more, which is no secret, and is found before a field of that name.
    pub(super) fn with(mut self, name: &'static str, value: &'a str) -> Self {
        self.public.push((name, value));
        self
    }

    /// The same with what was obtained or made by the credentials.
    pub(super) fn with_secret(mut self, name: &'static str, value: &'a str) -> Self {
        self.secret = Some((name, value));
        self
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the value goes into the request that it authenticates"
    )]
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let mut added = self.public.iter().chain(&self.secret);
        if let Some((_, value)) = added.find(|(added, _)| *added == name) {
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

    /// A template's value for a header. It is sensitive if anything in it is secret: a version of
    /// the API, or the time, must not be blotted out of answers.
    pub(super) fn header(&self, template: &ValueTemplate) -> Result<HeaderValue, AuthError> {
        let text = self.fill(template)?;
        let mut value = sensitive(&text).ok_or_else(|| self.unfit(template))?;
        let is_public = |name: &str| self.public.iter().any(|(public, _)| *public == name);
        value.set_sensitive(!template.fields().all(is_public));
        Ok(value)
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
