//! How a provider's credentials are replaced, as its file in the catalogue declares it.
//!
//! Texts of calls may have names in braces: fields of the credentials that are no secrets, and
//! [`ROTATION_LABEL`]. Which credentials they are taken from stands beside each call. No secret is
//! ever filled in: it goes onto a call as the integration authenticates, or not at all.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::Expression;
use crate::domain::object::only_objects;

only_objects!(
    RotationMethod,
    KeyCalls,
    KeyList,
    PublicKeyCalls,
    RotationCall
);

/// The name that stands for what a rotation calls the key that it makes: unique, so that a key can
/// be found again of which nothing else is known.
pub const ROTATION_LABEL: &str = "rotation";
/// The names that stand for the public part of a new key pair.
pub const PUBLIC_KEY_NAMES: [&str; 3] = ["publicKeyPem", "publicKeyDer", "publicKeyJwk"];

/// How credentials are replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    tag = "strategy",
    rename_all = "snake_case",
    deny_unknown_fields,
    remote = "Self"
)]
pub enum RotationMethod {
    /// The provider's API makes a new credential beside the old one, and deletes the old one.
    #[serde(rename_all = "camelCase")]
    ProviderApi {
        /// The calls.
        keys: Box<KeyCalls>,
        /// How long the old one stays valid after the new one is in use, in seconds.
        #[serde(default = "a_day")]
        grace_seconds: u32,
    },
    /// The provider has no API for it: a person makes a new one and hands it in.
    #[serde(rename_all = "camelCase")]
    OperatorSupplied {
        /// After how many days a person is reminded.
        remind_after_days: u32,
        /// The calls that make the old one worthless, with fields of the old credentials in
        /// braces; made with the new credentials. Without any, a person is told to do it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        revoke: Vec<RotationCall>,
        /// How long the old one stays valid after the new one is in use, in seconds.
        #[serde(default = "a_day")]
        grace_seconds: u32,
    },
    /// A new key pair is made, and its public part made known to the provider.
    #[serde(rename_all = "camelCase")]
    Asymmetric {
        /// The calls; without them a person publishes the public key, and the new pair is in use
        /// once the provider accepts it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keys: Option<Box<PublicKeyCalls>>,
        /// How long the old key stays published after the new one is in use, in seconds.
        #[serde(default = "a_day")]
        grace_seconds: u32,
    },
    /// The client secret of an OAuth client.
    #[serde(rename_all = "camelCase")]
    OauthClientSecret {
        /// The calls; without them a person makes a new one and hands it in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keys: Option<Box<KeyCalls>>,
        /// How long the old one stays valid after the new one is in use, in seconds.
        #[serde(default = "a_day")]
        grace_seconds: u32,
    },
}

impl RotationMethod {
    /// How long the old one stays valid, in seconds.
    #[must_use]
    pub fn grace_seconds(&self) -> u32 {
        match self {
            Self::ProviderApi { grace_seconds, .. }
            | Self::OperatorSupplied { grace_seconds, .. }
            | Self::Asymmetric { grace_seconds, .. }
            | Self::OauthClientSecret { grace_seconds, .. } => *grace_seconds,
        }
    }

    /// The field of the credentials by which the provider knows a key, if one is named.
    #[must_use]
    pub fn key_field(&self) -> Option<&str> {
        match self {
            Self::Asymmetric { keys, .. } => keys.as_ref().map(|keys| keys.key_id.as_str()),
            method => method.keys()?.key_id.as_deref(),
        }
    }

    /// The calls that make new credentials, if there are any.
    #[must_use]
    pub fn keys(&self) -> Option<&KeyCalls> {
        match self {
            Self::ProviderApi { keys, .. } => Some(keys),
            Self::OauthClientSecret { keys, .. } => keys.as_deref(),
            Self::OperatorSupplied { .. } | Self::Asymmetric { .. } => None,
        }
    }

    /// After how long a person is to be reminded to hand in new credentials, if that is declared.
    #[must_use]
    pub fn remind_after(&self) -> Option<Duration> {
        match self {
            Self::OperatorSupplied {
                remind_after_days, ..
            } => Some(Duration::from_secs(u64::from(*remind_after_days) * 86_400)),
            _ => None,
        }
    }
}

/// The calls by which a provider's API replaces keys that are valid beside each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct KeyCalls {
    /// The call that makes a key, with fields of the old credentials in braces; made with the old
    /// credentials.
    pub create: RotationCall,
    /// Where its answer has the values, by the credentials' field.
    pub created: BTreeMap<String, Expression>,
    /// The field of the credentials, no secret, by which the provider knows the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Where the answer says when the key stops being valid: RFC 3339, or seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Expression>,
    /// A call that has to be made before the new key works, with its fields in braces; made with
    /// the old credentials. It may be made twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<RotationCall>,
    /// How the keys that there are can be seen: a key whose making was not answered is found by
    /// it, and deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<KeyList>,
    /// The most keys that the provider has at a time. None is made if there are as many: `list`
    /// shows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_keys: Option<u16>,
    /// The calls that delete the old key, in this order, with its fields in braces; made with the
    /// new credentials, after the grace. Each may be made twice.
    pub revoke: Vec<RotationCall>,
    /// The calls that delete a new key that is not taken into use, with its fields in braces; made
    /// with the old credentials. `revoke`, if not given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discard: Vec<RotationCall>,
}

impl KeyCalls {
    /// The calls that delete a new key that is not taken into use.
    #[must_use]
    pub fn discarding(&self) -> &[RotationCall] {
        if self.discard.is_empty() {
            &self.revoke
        } else {
            &self.discard
        }
    }
}

/// How the keys that there are can be seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct KeyList {
    /// The call that lists them, all on one page; made with the old credentials.
    pub call: RotationCall,
    /// Where its answer has the keys.
    pub items: Expression,
    /// Where a key has its id.
    pub id: Expression,
    /// Where a key has the text that `create` gave it, with `{rotation}` in it.
    pub label: Expression,
}

/// The calls by which the public part of a key pair is made known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct PublicKeyCalls {
    /// The call that publishes it, with `{publicKeyPem}`, `{publicKeyDer}` (its base64) or
    /// `{publicKeyJwk}` in it; made with the old credentials.
    pub publish: RotationCall,
    /// Where its answer has the id that the provider has given the key. Without, the key has the id
    /// `{rotation}`, and publishing it twice is the same as once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Expression>,
    /// How the keys that there are can be seen: one that was published, without its answer having
    /// come back, is found by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<KeyList>,
    /// The field of the credentials, no secret, that holds the key's id.
    pub key_id: String,
    /// The calls that take a key back, with its fields in braces: the old one after the grace, or
    /// a new one that is not taken into use.
    pub revoke: Vec<RotationCall>,
}

/// A call of a rotation. Its answer may hold a secret: it is neither kept nor shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct RotationCall {
    /// The method.
    pub method: String,
    /// The host, if it is not the base URL's: one of `hosts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The path, with its query: under the base URL, or from the root of `host`.
    pub path: String,
    /// Headers by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The fields of a body that is a form (`application/x-www-form-urlencoded`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub form: BTreeMap<String, String>,
    /// What the JSON of the answer has to satisfy besides a status of 2xx.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<Expression>,
    /// Statuses by which the provider says that it was done before, besides 404 and 410, for calls
    /// that delete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done_statuses: Vec<u16>,
}

fn a_day() -> u32 {
    24 * 60 * 60
}
