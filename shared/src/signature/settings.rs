use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::InboundRequest;
use super::coded::check_secret as check_coded_secret;
use super::engine::effective_versions;
use super::keys::{SecretError, SigningSecret, describe, fits, is_sound};
use crate::catalog::{Encoding, KeyForm, Location, Scheme, TokenPlace, Verification, Version};
use crate::domain::object::only_objects;

only_objects!(SchemeSettings);

/// What an endpoint says of its scheme besides the secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    remote = "Self"
)]
pub struct SchemeSettings {
    /// The header with the signature or token. For `hmac-sha256`, `hmac-sha1` and schemes of tokens in
    /// a header of one's own choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What comes before the signature or token in the header. For the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The parameter of the URL's query with the token. For `static-query`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// How the signature is written: `hex` (the default), `base64` or `base64url`. For
    /// `hmac-sha256` and `hmac-sha1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// How the secret is written: `text` (the default), `hex` or `base64`. For `hmac-sha256` and
    /// `hmac-sha1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_encoding: Option<String>,
    /// Where the provider's id of an event is. For generic schemes; without
    /// it, every request is an event of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Location>,
    /// Where the provider's name for what happened is. For generic schemes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<Location>,
    /// The URL as the provider calls it, if that is not the endpoint's own. For schemes that sign
    /// it, such as `twilio`. What the provider adds to its query need not be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The ARN of the topic. For `aws-sns`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_arn: Option<String>,
    /// The id that PayPal has given to the webhook. For `paypal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_id: Option<String>,
    /// Whom the provider's tokens are for. For `google-pubsub`, and for
    /// `microsoft-graph-rich`, where it is the application's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// The e-mail address of the service account that pushes. For `google-pubsub`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// The tenant that is watched. For `microsoft-graph-rich`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The public key beside the private key that is the secret. For `braintree`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// What is entered as verify token at Meta. It opens nothing: events are signed with the app's
    /// secret. For `meta`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_token: Option<String>,
    /// The id of the organization at Salesforce, of 18 characters. For `salesforce-outbound`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// The app's base URL, if it is not the host alone. For `atlassian-connect`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// How far a signed timestamp may be from now, in seconds; the endpoint's `toleranceSeconds`.
    #[serde(skip)]
    pub tolerance_seconds: Option<u32>,
}

/// What is wrong with an endpoint's settings or secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The scheme needs it.
    #[error("`{0}` is required by this scheme")]
    Missing(&'static str),
    /// The scheme has no use for it.
    #[error("`{0}` has no meaning for this scheme")]
    Unused(&'static str),
    /// It is something else than it must be.
    #[error("`{field}` must be {expected}")]
    Invalid {
        /// The setting.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
}

impl SettingsError {
    /// The setting that is wrong.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Missing(field) | Self::Unused(field) | Self::Invalid { field, .. } => field,
        }
    }
}

impl SchemeSettings {
    /// Checks the settings against a scheme.
    ///
    /// # Errors
    ///
    /// The first that is wrong.
    pub fn check(&self, scheme: &Scheme) -> Result<(), SettingsError> {
        let is_hmac =
            scheme.generic && matches!(scheme.verification, Verification::Signature { .. });
        let token = match &scheme.verification {
            Verification::Token { at, .. } if scheme.generic => Some(at),
            _ => None,
        };
        let in_header = is_hmac || matches!(token, Some(TokenPlace::Header(_)));
        let in_query = matches!(token, Some(TokenPlace::Query(_)));
        let uses = [
            ("header", self.header.is_some(), in_header),
            ("prefix", self.prefix.is_some(), in_header),
            ("parameter", self.parameter.is_some(), in_query),
            ("encoding", self.encoding.is_some(), is_hmac),
            ("keyEncoding", self.key_encoding.is_some(), is_hmac),
            ("eventId", self.event_id.is_some(), scheme.generic),
            ("eventType", self.event_type.is_some(), scheme.generic),
            ("url", self.url.is_some(), scheme.signs_url()),
        ];
        if let Some((field, ..)) = uses.iter().find(|(_, is_set, is_used)| *is_set && !is_used) {
            return Err(SettingsError::Unused(field));
        }
        self.check_coded(scheme)?;
        match self.header.as_deref() {
            Some(name) => check_header("header", name)?,
            None if is_hmac => return Err(SettingsError::Missing("header")),
            None => {}
        }
        if self.parameter.as_deref() == Some("") {
            return Err(SettingsError::Invalid {
                field: "parameter",
                expected: "the name of a parameter",
            });
        }
        for (field, location) in [("eventId", &self.event_id), ("eventType", &self.event_type)] {
            location
                .iter()
                .try_for_each(|place| check_location(field, place, true))?;
        }
        self.signature_encoding()?;
        self.key_form()?;
        if self
            .url
            .as_ref()
            .is_some_and(|url| url.parse::<url::Url>().is_err())
        {
            return Err(SettingsError::Invalid {
                field: "url",
                expected: "an absolute URL",
            });
        }
        Ok(())
    }

    /// Checks the settings that are for single schemes.
    fn check_coded(&self, scheme: &Scheme) -> Result<(), SettingsError> {
        let given = [
            ("topicArn", &self.topic_arn),
            ("webhookId", &self.webhook_id),
            ("audience", &self.audience),
            ("serviceAccount", &self.service_account),
            ("tenantId", &self.tenant_id),
            ("publicKey", &self.public_key),
            ("verifyToken", &self.verify_token),
            ("organizationId", &self.organization_id),
            ("baseUrl", &self.base_url),
        ];
        let used = scheme.coded_settings();
        for (name, value) in given {
            let used = used.iter().find(|setting| setting.name == name);
            match (used, value.as_deref()) {
                (None, Some(_)) => return Err(SettingsError::Unused(name)),
                (Some(setting), None) if setting.required => {
                    return Err(SettingsError::Missing(name));
                }
                (Some(_), Some(text)) if !is_setting(text) => {
                    return Err(SettingsError::Invalid {
                        field: name,
                        expected: "a text of 1 to 512 characters without spaces around",
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The URL as the provider called it. Of a request, only the query can differ from what is
    /// configured: some providers put a hash or a nonce into it.
    pub(super) fn url_of<'a>(&'a self, request: &InboundRequest<'a>) -> Cow<'a, str> {
        self.url_for(request.url)
    }

    /// The same, of a request to `url`.
    pub(super) fn url_for<'a>(&'a self, url: &'a str) -> Cow<'a, str> {
        let Some(configured) = &self.url else {
            return Cow::Borrowed(url);
        };
        match url.split_once('?') {
            Some((_, query)) => {
                let base = configured.split('?').next().unwrap_or_default();
                Cow::Owned(format!("{base}?{query}"))
            }
            None => Cow::Borrowed(configured),
        }
    }

    pub(super) fn signature_encoding(&self) -> Result<Option<Encoding>, SettingsError> {
        let expected = "`hex`, `base64` or `base64url`";
        match self.encoding.as_deref() {
            None => Ok(None),
            Some("hex") => Ok(Some(Encoding::Hex)),
            Some("base64") => Ok(Some(Encoding::Base64)),
            Some("base64url") => Ok(Some(Encoding::Base64url)),
            Some(_) => Err(SettingsError::Invalid {
                field: "encoding",
                expected,
            }),
        }
    }

    pub(super) fn key_form(&self) -> Result<Option<KeyForm>, SettingsError> {
        let expected = "`text`, `hex` or `base64`";
        match self.key_encoding.as_deref() {
            None => Ok(None),
            Some("text") => Ok(Some(KeyForm::Text)),
            Some("hex") => Ok(Some(KeyForm::Hex)),
            Some("base64") => Ok(Some(KeyForm::Base64 {
                prefix: String::new(),
                optional: false,
            })),
            Some(_) => Err(SettingsError::Invalid {
                field: "keyEncoding",
                expected,
            }),
        }
    }
}

fn is_setting(text: &str) -> bool {
    (1..=512).contains(&text.len()) && text.trim() == text && !text.chars().any(char::is_control)
}

/// One that joins others joins no more than eight, and none that joins in turn.
fn check_location(
    field: &'static str,
    place: &Location,
    may_join: bool,
) -> Result<(), SettingsError> {
    match place {
        Location::Header(name) => check_header(field, name),
        Location::Body(pointer) => check_pointer(field, pointer),
        Location::FormJson(place) => check_pointer(field, &place.pointer),
        Location::Join(places) if may_join && (1..=8).contains(&places.len()) => places
            .iter()
            .try_for_each(|place| check_location(field, place, false)),
        Location::Join(_) => Err(SettingsError::Invalid {
            field,
            expected: "one place, or up to eight of them joined",
        }),
        Location::Form(_) | Location::Digest(_) | Location::MemberBesides(_) => Ok(()),
    }
}

fn check_pointer(field: &'static str, pointer: &str) -> Result<(), SettingsError> {
    if pointer.starts_with('/') {
        Ok(())
    } else {
        Err(SettingsError::Invalid {
            field,
            expected: "a JSON Pointer",
        })
    }
}

fn check_header(field: &'static str, name: &str) -> Result<(), SettingsError> {
    match name.parse::<http::HeaderName>() {
        Ok(_) => Ok(()),
        Err(_) => Err(SettingsError::Invalid {
            field,
            expected: "the name of a header",
        }),
    }
}

impl SigningSecret {
    /// Checks that the secret can be one of `scheme`'s.
    ///
    /// # Errors
    ///
    /// If it is empty, too long, or cannot be decoded as the scheme says.
    pub fn check(&self, scheme: &Scheme, settings: &SchemeSettings) -> Result<(), SecretError> {
        self.check_length()?;
        let versions = match &scheme.verification {
            Verification::None => return Ok(()),
            Verification::Token { at, .. } => return self.check_token(at),
            Verification::Twilio { .. } => return self.check_text(),
            Verification::Code { module, .. } => {
                self.check_text()?;
                return check_coded_secret(*module, self);
            }
            Verification::Signature { versions, .. } => versions,
        };
        self.check_text()?;
        let versions = effective_versions(versions, settings);
        let is_of = |version: &Version| {
            let key = self.key(&version.key);
            key.is_some_and(|key| {
                fits(version.algorithm, &key) && is_sound(version.algorithm, &key)
            })
        };
        if versions.iter().any(is_of) {
            return Ok(());
        }
        let expected: Vec<_> = versions.iter().map(|one| describe(&one.key)).collect();
        Err(SecretError::Form(expected.join(", or ")))
    }

    fn check_token(&self, at: &TokenPlace) -> Result<(), SecretError> {
        self.check_text()?;
        match at {
            TokenPlace::Basic if !self.is_user_and_password() => Err(SecretError::Form(
                "a user name and a password with a colon between".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}
