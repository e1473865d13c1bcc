//! How an integration authenticates its outbound calls: what `authConfig` says for each
//! `authMethod`. Nothing here is secret; the values are in the credentials, by field.

mod custom;
mod jwt;
mod oauth2;
mod value_template;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::object::only_objects;
use super::{AuthMethod, FieldError};

pub use custom::{
    CustomAuth, HmacAlgorithm, HmacEncoding, HmacKeyForm, HmacSigning, Login, LoginBody, SigV4,
    TimestampForm,
};
pub use jwt::{JwtAlgorithm, JwtAuth, JwtUse};
pub use oauth2::{
    ACCESS_TOKEN, AccessTokenPlace, Assertion, ClientAuthentication, GrantType, Oauth2Auth, Offer,
    check_scope,
};
pub use value_template::{TemplatePiece, ValueTemplate, ValueTemplateError};

only_objects!(ApiKeyAuth, BasicAuth);

/// How outbound calls authenticate.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum AuthConfig {
    /// `api_key`.
    ApiKey(ApiKeyAuth),
    /// `basic_auth`.
    BasicAuth(BasicAuth),
    /// `jwt`.
    Jwt(Box<JwtAuth>),
    /// `oauth2`.
    Oauth2(Box<Oauth2Auth>),
    /// `custom`.
    Custom(Box<CustomAuth>),
}

/// Where an API key goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    tag = "keyLocation",
    rename_all = "snake_case",
    deny_unknown_fields,
    remote = "Self"
)]
pub enum ApiKeyAuth {
    /// Into a header.
    #[serde(rename_all = "camelCase")]
    Header {
        /// Its name, such as `Authorization`.
        key_header: String,
        /// Its value; the key alone, if not given.
        #[serde(default = "the_key")]
        value_template: ValueTemplate,
    },
    /// Into the query.
    #[serde(rename_all = "camelCase")]
    Query {
        /// The parameter's name.
        key_param: String,
        /// Its value; the key alone, if not given.
        #[serde(default = "the_key")]
        value_template: ValueTemplate,
    },
    /// Into the body, which has to be a JSON object or a form.
    #[serde(rename_all = "camelCase")]
    Body {
        /// The field's name.
        key_field: String,
        /// Its value; the key alone, if not given.
        #[serde(default = "the_key")]
        value_template: ValueTemplate,
    },
}

/// The field of an API key in the credentials. Templates may call it `{key}` too.
pub const API_KEY: &str = "apiKey";

fn the_key() -> ValueTemplate {
    ValueTemplate::field(API_KEY)
}

impl Default for ApiKeyAuth {
    /// `Authorization: Bearer {apiKey}`.
    fn default() -> Self {
        Self::Header {
            key_header: "Authorization".to_owned(),
            value_template: "Bearer {apiKey}".parse().unwrap_or_else(|_| the_key()),
        }
    }
}

/// RFC 7617.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct BasicAuth {
    /// The user name.
    #[serde(default = "the_username")]
    pub username_template: ValueTemplate,
    /// The password.
    #[serde(default = "the_password")]
    pub password_template: ValueTemplate,
}

fn the_username() -> ValueTemplate {
    ValueTemplate::field("username")
}

fn the_password() -> ValueTemplate {
    ValueTemplate::field("password")
}

impl Default for BasicAuth {
    fn default() -> Self {
        Self {
            username_template: the_username(),
            password_template: the_password(),
        }
    }
}

impl AuthConfig {
    /// Reads `authConfig` for `method`.
    ///
    /// # Errors
    ///
    /// What is wrong, with its place in the request's body.
    pub fn read(method: AuthMethod, value: Option<&Value>) -> Result<Self, FieldError> {
        let config = match method {
            AuthMethod::ApiKey => Self::ApiKey(read_or_default(value)?),
            AuthMethod::BasicAuth => Self::BasicAuth(read_or_default(value)?),
            AuthMethod::Oauth2 => Self::Oauth2(Box::new(read_or_default(value)?)),
            AuthMethod::Jwt => Self::Jwt(Box::new(required(value)?)),
            AuthMethod::Custom => Self::Custom(Box::new(required(value)?)),
        };
        config.check()?;
        Ok(config)
    }

    /// The names of the credentials' fields without which nothing can be sent.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        let mut fields: Vec<String> = match self {
            Self::ApiKey(auth) => names([auth.value_template()]),
            Self::BasicAuth(auth) => names([&auth.username_template, &auth.password_template]),
            Self::Oauth2(auth) => auth.fields(),
            Self::Jwt(auth) => auth.fields(),
            Self::Custom(auth) => auth.fields(),
        };
        for name in &mut fields {
            if name == "key" {
                API_KEY.clone_into(name);
            }
        }
        fields.sort();
        fields.dedup();
        fields
    }

    /// Those of [`AuthConfig::fields`] that are secrets: all but what providers are told openly, such
    /// as a client's id.
    #[must_use]
    pub fn secret_fields(&self) -> Vec<String> {
        let open: Vec<String> = match self {
            Self::ApiKey(_) => Vec::new(),
            // A user name without a password beside it is the secret itself.
            Self::BasicAuth(auth) => match names([&auth.password_template]) {
                secrets if secrets.is_empty() => Vec::new(),
                secrets => names([&auth.username_template])
                    .into_iter()
                    .filter(|name| !secrets.contains(name))
                    .collect(),
            },
            Self::Oauth2(auth) => {
                let mut open = auth.fields();
                open.retain(|name| name != "clientSecret" && name != "privateKey");
                open
            }
            Self::Jwt(auth) => names(&auth.key_id)
                .into_iter()
                .filter(|name| *name != auth.key_field)
                .collect(),
            Self::Custom(auth) => auth.open_fields(),
        };
        let mut fields = self.fields();
        fields.retain(|name| !open.contains(name));
        fields
    }

    fn check(&self) -> Result<(), FieldError> {
        match self {
            Self::ApiKey(ApiKeyAuth::Header { key_header, .. }) => {
                check_header("/authConfig/keyHeader", key_header)
            }
            Self::ApiKey(ApiKeyAuth::Query { key_param, .. }) => {
                check_name("/authConfig/keyParam", key_param)
            }
            Self::ApiKey(ApiKeyAuth::Body { key_field, .. }) => {
                check_name("/authConfig/keyField", key_field)
            }
            Self::BasicAuth(_) => Ok(()),
            Self::Oauth2(auth) => auth.check(),
            Self::Jwt(auth) => auth.check(),
            Self::Custom(auth) => auth.check(),
        }
    }
}

impl ApiKeyAuth {
    /// What is sent in the key's place.
    #[must_use]
    pub fn value_template(&self) -> &ValueTemplate {
        match self {
            Self::Header { value_template, .. }
            | Self::Query { value_template, .. }
            | Self::Body { value_template, .. } => value_template,
        }
    }
}

/// The field of the credentials that templates call `name`.
fn field_of(name: &str) -> &str {
    if name == "key" { API_KEY } else { name }
}

/// Refuses a template that names one of `keys`, which are to sign with, or to be sent elsewhere.
fn check_unsent<'k>(
    pointer: &str,
    template: &ValueTemplate,
    keys: impl IntoIterator<Item = &'k str>,
) -> Result<(), FieldError> {
    let is_named = |key: &&str| {
        template
            .fields()
            .any(|name| field_of(name) == field_of(key))
    };
    match keys.into_iter().find(is_named) {
        Some(key) => {
            let message = format!("names `{key}`, which must not be sent there");
            Err(FieldError::new(pointer, message))
        }
        None => Ok(()),
    }
}

fn names<'t>(templates: impl IntoIterator<Item = &'t ValueTemplate>) -> Vec<String> {
    let names = templates.into_iter().flat_map(ValueTemplate::fields);
    names.map(str::to_owned).collect()
}

fn read_or_default<T>(value: Option<&Value>) -> Result<T, FieldError>
where
    T: Default + serde::de::DeserializeOwned,
{
    value.map_or_else(|| Ok(T::default()), |value| read(value))
}

fn required<T: serde::de::DeserializeOwned>(value: Option<&Value>) -> Result<T, FieldError> {
    read(value.ok_or_else(|| FieldError::new("/authConfig", "is required"))?)
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = FieldError::pointer("/authConfig", error.path());
        FieldError::described(&pointer, error.inner())
    })
}

/// Headers that say how a message is framed or where it goes are not the integration's to set.
const NOT_SETTABLE: [&str; 9] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn check_header(pointer: &str, name: &str) -> Result<(), FieldError> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let is_name = (1..=128).contains(&name.len()) && name.bytes().all(is_token);
    if !is_name || NOT_SETTABLE.contains(&name.to_ascii_lowercase().as_str()) {
        let message = "expected the name of a header that may be set";
        return Err(FieldError::new(pointer, message));
    }
    Ok(())
}

fn check_name(pointer: &str, name: &str) -> Result<(), FieldError> {
    let fits = (1..=128).contains(&name.len()) && !name.chars().any(char::is_control);
    fits.then_some(())
        .ok_or_else(|| FieldError::new(pointer, "expected 1 to 128 printable characters"))
}

#[cfg(test)]
mod tests;
