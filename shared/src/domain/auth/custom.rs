use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::object::only_objects;
use super::super::{Expression, FieldError};
use super::{ValueTemplate, check_header, check_name, check_unsent, names};

only_objects!(CustomAuth, SigV4, HmacSigning, Login);

/// What no other method says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    deny_unknown_fields,
    remote = "Self"
)]
pub enum CustomAuth {
    /// Several headers and query parameters at once.
    #[serde(rename_all = "camelCase")]
    Headers {
        /// Headers by name.
        #[serde(default)]
        headers: BTreeMap<String, ValueTemplate>,
        /// Query parameters by name.
        #[serde(default)]
        parameters: BTreeMap<String, ValueTemplate>,
    },
    /// AWS Signature Version 4, with `accessKeyId`, `secretAccessKey` and perhaps `sessionToken`.
    #[serde(rename = "sigv4")]
    SigV4(SigV4),
    /// Azure Storage Shared Key, with `accountName` and `accountKey` (base64).
    #[serde(rename_all = "camelCase")]
    AzureSharedKey {
        /// The `x-ms-version` of calls that do not name one.
        #[serde(default = "azure_version")]
        version: String,
    },
    /// Request signing with HMAC, as declared.
    Hmac(HmacSigning),
    /// The client certificate alone: `clientCertificate` and `clientKey` (PEM). Any other method
    /// uses them as well if the credentials hold them.
    ClientCertificate {},
    /// A call that answers a token, which is used until it ends.
    Login(Login),
}

/// AWS Signature Version 4.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct SigV4 {
    /// The service's signing name, such as `s3`.
    pub service: String,
    /// The region, such as `eu-west-1`.
    pub region: String,
}

/// How requests are signed with HMAC.
///
/// The template of what is signed, and those of headers and parameters, know besides the credentials'
/// fields: `{method}`, `{path}` (with the base URL's), `{query}` (without the question mark),
/// `{pathAndQuery}` (with one, if there is a query), `{host}` (with a port that is not the
/// scheme's), `{timestamp}`, `{nonce}`, `{bodyHash}` (SHA-256 in the encoding), in what is signed
/// `{body}` and, in headers and parameters, `{signature}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct HmacSigning {
    /// The hash function.
    pub algorithm: HmacAlgorithm,
    /// The field of the credentials that holds the key.
    #[serde(default = "secret")]
    pub key_field: String,
    /// How that field becomes the key.
    #[serde(default)]
    pub key_form: HmacKeyForm,
    /// What is signed. `\n` in it stands for a line feed.
    pub signed: ValueTemplate,
    /// How signature and body hash are written.
    pub encoding: HmacEncoding,
    /// How `{timestamp}` is written: in seconds, milliseconds, or as RFC 3339.
    #[serde(default)]
    pub timestamp: TimestampForm,
    /// The headers that are added.
    #[serde(default)]
    pub headers: BTreeMap<String, ValueTemplate>,
    /// The query parameters that are added. Those without `{signature}` are there before the query
    /// is signed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, ValueTemplate>,
}

/// A hash function for HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HmacAlgorithm {
    /// SHA-1, where a provider has nothing better.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How a field of the credentials becomes a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HmacKeyForm {
    /// Its characters are the key.
    #[default]
    Text,
    /// It is hexadecimal.
    Hex,
    /// It is base64.
    Base64,
}

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HmacEncoding {
    /// In small hexadecimal digits.
    Hex,
    /// In padded base64.
    Base64,
}

/// How an instant is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimestampForm {
    /// Seconds since 1970.
    #[default]
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// `2026-11-24T12:00:00Z`.
    Rfc3339,
}

/// A call that answers a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct Login {
    /// The method, `POST` if not given.
    #[serde(default = "post")]
    pub method: String,
    /// The path under the base URL.
    pub path: String,
    /// Headers of the call.
    #[serde(default)]
    pub headers: BTreeMap<String, ValueTemplate>,
    /// Its body.
    #[serde(default)]
    pub body: Option<LoginBody>,
    /// Where the answer has the token.
    pub token: Expression,
    /// Where the answer has the token's lifetime in seconds.
    #[serde(default)]
    pub expires_in: Option<Expression>,
    /// The token's lifetime, if the answer does not say.
    #[serde(default = "quarter_hour")]
    #[schema(minimum = 1, maximum = 86400)]
    pub lifetime_seconds: u32,
    /// The headers of calls, with `{token}`; `Authorization: Bearer {token}` if none is given.
    #[serde(default = "bearer_token")]
    pub apply: BTreeMap<String, ValueTemplate>,
}

/// The body of a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoginBody {
    /// A JSON object of texts.
    Json(BTreeMap<String, ValueTemplate>),
    /// A form.
    Form(BTreeMap<String, ValueTemplate>),
}

fn azure_version() -> String {
    "2021-12-02".to_owned()
}

fn secret() -> String {
    "secret".to_owned()
}

fn post() -> String {
    "POST".to_owned()
}

fn quarter_hour() -> u32 {
    900
}

fn bearer_token() -> BTreeMap<String, ValueTemplate> {
    let bearer: Result<ValueTemplate, _> = "Bearer {token}".parse();
    let bearer = bearer.into_iter();
    bearer
        .map(|value| ("Authorization".to_owned(), value))
        .collect()
}

/// What templates of request signing know besides the credentials' fields.
const OF_THE_REQUEST: [&str; 10] = [
    "method",
    "path",
    "query",
    "pathAndQuery",
    "host",
    "timestamp",
    "nonce",
    "body",
    "bodyHash",
    "signature",
];

impl CustomAuth {
    pub(super) fn fields(&self) -> Vec<String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        match self {
            Self::Headers {
                headers,
                parameters,
            } => names(headers.values().chain(parameters.values())),
            Self::SigV4(_) => owned(&["accessKeyId", "secretAccessKey"]),
            Self::AzureSharedKey { .. } => owned(&["accountName", "accountKey"]),
            Self::Hmac(signing) => {
                let mut fields = names(signing.added().chain([&signing.signed]));
                fields.retain(|name| !OF_THE_REQUEST.contains(&name.as_str()));
                fields.push(signing.key_field.clone());
                fields
            }
            Self::ClientCertificate {} => owned(&["clientCertificate", "clientKey"]),
            Self::Login(login) => {
                let mut fields = names(login.headers.values().chain(login.apply.values()));
                fields.retain(|name| name != "token");
                if let Some(LoginBody::Json(body) | LoginBody::Form(body)) = &login.body {
                    fields.extend(names(body.values()));
                }
                fields
            }
        }
    }

    /// Those of them that are no secrets.
    pub(super) fn open_fields(&self) -> Vec<String> {
        let open = match self {
            Self::SigV4(_) => "accessKeyId",
            Self::AzureSharedKey { .. } => "accountName",
            Self::ClientCertificate {} => "clientCertificate",
            Self::Headers { .. } | Self::Hmac(_) | Self::Login(_) => return Vec::new(),
        };
        vec![open.to_owned()]
    }

    pub(super) fn check(&self) -> Result<(), FieldError> {
        match self {
            Self::Headers {
                headers,
                parameters,
            } => {
                if headers.is_empty() && parameters.is_empty() {
                    return Err(FieldError::new("/authConfig", "names no header"));
                }
                check_headers("headers", headers)?;
                parameters
                    .keys()
                    .try_for_each(|name| check_name("/authConfig/parameters", name))
            }
            Self::SigV4(SigV4 { service, region }) => {
                check_name("/authConfig/service", service)?;
                check_name("/authConfig/region", region)
            }
            Self::AzureSharedKey { version } => check_azure_version(version),
            Self::Hmac(signing) => signing.check(),
            Self::Login(login) => login.check(),
            Self::ClientCertificate {} => Ok(()),
        }
    }
}

impl HmacSigning {
    /// The templates of what is added to the request.
    fn added(&self) -> impl Iterator<Item = &ValueTemplate> {
        self.headers.values().chain(self.parameters.values())
    }

    fn check(&self) -> Result<(), FieldError> {
        let names = |template: &ValueTemplate, name| template.fields().any(|field| field == name);
        if names(&self.signed, "signature") {
            let message = "the signature is not there yet when it is made";
            return Err(FieldError::new("/authConfig/signed", message));
        }
        if self.added().any(|value| names(value, "body")) {
            let message = "a header or parameter does not hold the body";
            return Err(FieldError::new("/authConfig/headers", message));
        }
        if !self.added().any(|value| names(value, "signature")) {
            let message = "expected a header or parameter with `{signature}`";
            return Err(FieldError::new("/authConfig/headers", message));
        }
        for name in self.parameters.keys() {
            check_name("/authConfig/parameters", name)?;
        }
        for (place, templates) in [("headers", &self.headers), ("parameters", &self.parameters)] {
            for (name, template) in templates {
                let pointer = format!("/authConfig/{place}/{}", FieldError::escaped(name));
                check_unsent(&pointer, template, [&*self.key_field])?;
            }
        }
        check_name("/authConfig/keyField", &self.key_field)?;
        check_headers("headers", &self.headers)
    }
}

/// Versions are dates. Before the first, other bytes were signed.
fn check_azure_version(version: &str) -> Result<(), FieldError> {
    let is_date = version.len() == 10
        && version.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    (is_date && version >= "2015-02-21")
        .then_some(())
        .ok_or_else(|| {
            let message = "expected a version such as `2021-12-02`, and not before `2015-02-21`";
            FieldError::new("/authConfig/version", message)
        })
}

impl Login {
    fn check(&self) -> Result<(), FieldError> {
        if !(1..=86_400).contains(&self.lifetime_seconds) {
            let message = "expected 1 to 86400 seconds";
            return Err(FieldError::new("/authConfig/lifetimeSeconds", message));
        }
        if !self.path.starts_with('/') {
            let message = "expected a path that starts with `/`";
            return Err(FieldError::new("/authConfig/path", message));
        }
        if !["GET", "POST", "PUT"].contains(&self.method.as_str()) {
            let message = "expected `GET`, `POST` or `PUT`";
            return Err(FieldError::new("/authConfig/method", message));
        }
        if !self
            .apply
            .values()
            .any(|header| header.fields().any(|field| field == "token"))
        {
            let message = "expected a header with `{token}`";
            return Err(FieldError::new("/authConfig/apply", message));
        }
        check_headers("headers", &self.headers)?;
        check_headers("apply", &self.apply)
    }
}

fn check_headers(field: &str, headers: &BTreeMap<String, ValueTemplate>) -> Result<(), FieldError> {
    headers
        .keys()
        .try_for_each(|name| check_header(&format!("/authConfig/{field}/{name}"), name))
}
