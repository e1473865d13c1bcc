use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use utoipa::ToSchema;

use super::super::FieldError;
use super::super::object::only_objects;
use super::{ValueTemplate, check_name, check_unsent, names};

only_objects!(JwtAuth, JwtUse);

/// A signed assertion (RFC 7519), sent as it is or exchanged for an access token (RFC 7523).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct JwtAuth {
    /// How it is signed.
    pub algorithm: JwtAlgorithm,
    /// The field of the credentials that holds the key: PEM, or the shared secret of `HS256`.
    #[serde(default = "private_key")]
    pub key_field: String,
    /// The header's `kid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<ValueTemplate>,
    /// The claims besides `iat`, `exp` and `jti`. Texts in them are templates.
    #[schema(value_type = Object)]
    pub claims: BTreeMap<String, Value>,
    /// Its lifetime: at most an hour.
    #[serde(default = "five_minutes")]
    #[schema(minimum = 1, maximum = 3600)]
    pub lifetime_seconds: u32,
    /// What is done with it.
    #[serde(rename = "use")]
    pub purpose: JwtUse,
}

/// How an assertion is signed (RFC 7518, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum JwtAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// ECDSA with P-256 and SHA-256.
    ES256,
    /// HMAC with SHA-256.
    HS256,
    /// Ed25519.
    EdDSA,
}

/// What is done with an assertion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    deny_unknown_fields,
    remote = "Self"
)]
pub enum JwtUse {
    /// It is sent with the call, as `Authorization: Bearer`.
    Bearer,
    /// It is exchanged for an access token, which is then sent as `Authorization: Bearer`.
    #[serde(rename_all = "camelCase")]
    Exchange {
        /// Where.
        token_url: Url,
        /// The form besides the assertion. Texts are templates.
        #[serde(default = "jwt_bearer")]
        parameters: BTreeMap<String, ValueTemplate>,
        /// The form's field of the assertion.
        #[serde(default = "assertion")]
        assertion_parameter: String,
    },
}

const PRIVATE_KEY: &str = "privateKey";

fn private_key() -> String {
    PRIVATE_KEY.to_owned()
}

fn five_minutes() -> u32 {
    300
}

fn assertion() -> String {
    "assertion".to_owned()
}

fn jwt_bearer() -> BTreeMap<String, ValueTemplate> {
    let grant: Result<ValueTemplate, _> = "urn:ietf:params:oauth:grant-type:jwt-bearer".parse();
    let grant = grant.into_iter();
    grant
        .map(|grant| ("grant_type".to_owned(), grant))
        .collect()
}

impl JwtAuth {
    pub(super) fn fields(&self) -> Vec<String> {
        let mut fields = vec![self.key_field.clone()];
        fields.extend(names(&self.key_id));
        if let JwtUse::Exchange { parameters, .. } = &self.purpose {
            fields.extend(names(parameters.values()));
        }
        for template in self.claims.values().flat_map(texts) {
            fields.extend(
                template
                    .parse()
                    .map(|t: ValueTemplate| names([&t]))
                    .unwrap_or_default(),
            );
        }
        fields
    }

    /// The fields that hold keys. A private key is one also where another field signs.
    fn keys(&self) -> [&str; 2] {
        [&self.key_field, PRIVATE_KEY]
    }

    pub(super) fn check(&self) -> Result<(), FieldError> {
        if !(1..=3600).contains(&self.lifetime_seconds) {
            let message = "expected 1 to 3600 seconds";
            return Err(FieldError::new("/authConfig/lifetimeSeconds", message));
        }
        for (name, value) in &self.claims {
            let pointer = format!("/authConfig/claims/{name}");
            if ["iat", "exp", "jti"].contains(&name.as_str()) {
                return Err(FieldError::new(pointer, "is set for each assertion"));
            }
            for text in texts(value) {
                match text.parse::<ValueTemplate>() {
                    Ok(template) => check_unsent(&pointer, &template, self.keys())?,
                    Err(error) => return Err(FieldError::new(pointer, error.to_string())),
                }
            }
        }
        if let Some(template) = &self.key_id {
            check_unsent("/authConfig/keyId", template, self.keys())?;
        }
        if let JwtUse::Exchange {
            token_url,
            parameters,
            ..
        } = &self.purpose
        {
            for (name, template) in parameters {
                let name = FieldError::escaped(name);
                let pointer = format!("/authConfig/use/parameters/{name}");
                check_unsent(&pointer, template, self.keys())?;
            }
            let has_more = token_url.fragment().is_some()
                || !token_url.username().is_empty()
                || token_url.password().is_some();
            if has_more || !matches!(token_url.scheme(), "https" | "http") {
                let message = "expected an https URL without user information and fragment";
                return Err(FieldError::new("/authConfig/use/tokenUrl", message));
            }
        }
        check_name("/authConfig/keyField", &self.key_field)
    }
}

/// All texts of a JSON value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}
