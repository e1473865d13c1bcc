//! Whether credentials have the fields that their use needs. What they hold is never told.

use gatehouse::auth::{self, AuthError};
use gatehouse::catalog::{AuthOption, CredentialField};
use gatehouse::domain::{AuthConfig, AuthMethod, FieldError};
use gatehouse::egress::ClientIdentityError;
use gatehouse::vault::CredentialSet;
use secrecy::ExposeSecret;

use crate::setup::Asked;

const MAX_FIELDS: usize = 20;
/// What every method may use besides its own fields.
const CERTIFICATE: [&str; 2] = ["clientCertificate", "clientKey"];

/// What credentials are for.
pub(crate) struct Expected<'a> {
    pub(crate) auth: AuthConfig,
    /// The catalogue's way to authenticate, if the provider is in it.
    pub(crate) option: Option<&'a AuthOption>,
    /// Whether the configuration is the catalogue's too.
    pub(crate) is_catalogues: bool,
}

impl Expected<'_> {
    /// The fields without which nothing can be sent.
    fn needed(&self) -> Vec<String> {
        let mut needed = match &self.auth {
            AuthConfig::Oauth2(auth) if !auth.is_configured() => {
                vec!["clientId".to_owned(), "clientSecret".to_owned()]
            }
            auth => auth.fields(),
        };
        let declared = self.option.filter(|_| self.is_catalogues).into_iter();
        let declared = declared.flat_map(|option| &option.fields);
        needed.extend(
            declared
                .filter(|(_, field)| field.required)
                .map(|(name, _)| name.clone()),
        );
        needed.sort();
        needed.dedup();
        needed
    }

    fn declared(&self, name: &str) -> Option<&CredentialField> {
        self.option?.fields.get(name)
    }

    /// What is told of a field that is missing: where the catalogue says it is found, too.
    fn missing(&self, name: &str) -> String {
        match self.declared(name) {
            Some(field) => format!("is required: {}", field.help),
            None => "is required".to_owned(),
        }
    }
}

/// Checks the credentials that are asked for, or those that stay.
pub(crate) fn check(
    asked: &Asked<'_>,
    expected: Option<&Expected<'_>>,
    errors: &mut Vec<FieldError>,
) {
    match (asked.credentials, asked.current) {
        (Some(given), _) => check_given(given, expected, errors),
        (None, Some(current)) if current.auth_method != asked.auth_method => {
            let message = "is required where `authMethod` changes";
            errors.push(FieldError::new("/credentials", message));
        }
        (None, Some(current)) => {
            let (Some(expected), Some(stored)) = (expected, &current.credentials) else {
                return;
            };
            for name in expected.needed() {
                if !stored.fields.contains(&name) {
                    let message = format!("needs `{name}` for what is asked for");
                    errors.push(FieldError::new("/credentials", message));
                }
            }
        }
        // Until somebody gives consent, there are none.
        (None, None) if asked.auth_method == AuthMethod::Oauth2 => {}
        (None, None) => errors.push(FieldError::new("/credentials", "is required")),
    }
}

fn check_given(
    credentials: &CredentialSet,
    expected: Option<&Expected<'_>>,
    errors: &mut Vec<FieldError>,
) {
    if credentials.len() > MAX_FIELDS {
        errors.push(FieldError::new(
            "/credentials",
            "expected at most 20 fields",
        ));
        return;
    }
    let needed = expected.map(Expected::needed).unwrap_or_default();
    for name in needed
        .iter()
        .filter(|name| !credentials.contains_key(*name))
    {
        let message = expected.map_or_else(String::new, |expected| expected.missing(name));
        errors.push(FieldError::new(format!("/credentials/{name}"), message));
    }
    if credentials.is_empty() && needed.is_empty() {
        errors.push(FieldError::new("/credentials", "expected 1 to 20 fields"));
    }
    let before = errors.len();
    for name in credentials.keys() {
        check_field(credentials, name, &needed, expected, errors);
    }
    if let (Some(expected), true) = (expected, errors.len() == before) {
        let unusable = auth::check(&expected.auth, credentials).err();
        errors.extend(unusable.and_then(|error| told(&error)));
    }
}

/// What is told of credentials that cannot be used. Fields that are missing are told of all at once.
fn told(error: &AuthError) -> Option<FieldError> {
    let (field, message) = match error {
        AuthError::UnusableField { field, expected } => {
            (field.as_str(), format!("expected {expected}"))
        }
        AuthError::ClientIdentity(ClientIdentityError::Certificates) => (
            "clientCertificate",
            ClientIdentityError::Certificates.to_string(),
        ),
        AuthError::ClientIdentity(error) => ("clientKey", error.to_string()),
        AuthError::MissingField(field) if CERTIFICATE.contains(&field.as_str()) => {
            (field.as_str(), "is required".to_owned())
        }
        AuthError::MissingField(_) => return None,
        other => return Some(FieldError::new("/credentials", other.to_string())),
    };
    Some(FieldError::new(format!("/credentials/{field}"), message))
}

#[expect(
    clippy::disallowed_methods,
    reason = "only whether a value is empty and of the declared form is looked at"
)]
fn check_field(
    credentials: &CredentialSet,
    name: &str,
    needed: &[String],
    expected: Option<&Expected<'_>>,
    errors: &mut Vec<FieldError>,
) {
    let is_name = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let mut wrong =
        |pointer: String, message: String| errors.push(FieldError::new(pointer, message));
    if !is_name {
        let message = "names are 1 to 64 letters, digits and `_`";
        return wrong("/credentials".to_owned(), message.to_owned());
    }
    let pointer = format!("/credentials/{name}");
    let value = credentials
        .get(name)
        .map(ExposeSecret::expose_secret)
        .unwrap_or_default();
    if value.is_empty() {
        return wrong(pointer, "must not be empty".to_owned());
    }
    let Some((expected, option)) = expected.and_then(|expected| Some((expected, expected.option?)))
    else {
        return;
    };
    let known =
        |name: &str| needed.iter().any(|needed| needed == name) || CERTIFICATE.contains(&name);
    match expected.declared(name) {
        Some(CredentialField {
            pattern: Some(pattern),
            help,
            ..
        }) if !pattern.fits(value) => {
            wrong(
                pointer,
                format!("does not have the provider's form: {help}"),
            );
        }
        None if !known(name) => {
            let fields: Vec<_> = option.fields.keys().map(String::as_str).collect();
            wrong(
                pointer,
                format!("is not known; expected: {}", fields.join(", ")),
            );
        }
        _ => {}
    }
}
