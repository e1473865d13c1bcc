//! What comes in and goes out of API keys.

use std::collections::BTreeSet;

use gatehouse::domain::{
    Action, ApiKey, ApiKeyId, Error, FieldError, IntegrationId, MAX_KEY_LIFETIME, MAX_KEY_NETWORKS,
    Role, Sighting, Timestamp,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check_text;

const MAX_NAME: usize = 200;
/// The widest networks that a key may be bound to: it stands in for a second factor by them.
const WIDEST_V4: u8 = 16;
const WIDEST_V6: u8 = 32;

/// A new API key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewApiKey {
    #[schema(min_length = 1, max_length = 200)]
    pub(crate) name: String,
    /// None above the caller's own.
    #[schema(value_type = Vec<Role>, min_items = 1)]
    pub(crate) roles: BTreeSet<Role>,
    /// Of what the roles allow, only this.
    #[schema(value_type = Option<Vec<Action>>)]
    pub(crate) actions: Option<BTreeSet<Action>>,
    /// Only for these integrations.
    #[schema(value_type = Option<Vec<IntegrationId>>, min_items = 1, max_items = 25)]
    pub(crate) integrations: Option<BTreeSet<IntegrationId>>,
    /// Only from these networks, in CIDR form: /16 or narrower, /32 or narrower of IPv6.
    #[schema(value_type = Option<Vec<String>>, min_items = 1, max_items = 4)]
    pub(crate) networks: Option<Vec<IpNet>>,
    /// In a year at most.
    pub(crate) expires_at: Timestamp,
}

impl NewApiKey {
    /// What is wrong with it, but for the integrations, which only the table knows.
    pub(crate) fn wrong_fields(&self, now: Timestamp) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut wrong = |pointer: &str, message: &str| {
            errors.push(FieldError::new(pointer, message));
        };
        if self.roles.is_empty() {
            wrong("/roles", "expected at least one role");
        }
        if self.actions.as_ref().is_some_and(BTreeSet::is_empty) {
            wrong("/actions", "expected at least one action");
        }
        let networks = self.networks.as_deref();
        if networks.is_some_and(|list| !(1..=MAX_KEY_NETWORKS).contains(&list.len())) {
            wrong("/networks", "expected 1 to 4 networks");
        }
        for (index, network) in networks.into_iter().flatten().enumerate() {
            let widest = match network {
                IpNet::V4(_) => WIDEST_V4,
                IpNet::V6(_) => WIDEST_V6,
            };
            if network.prefix_len() < widest {
                let pointer = format!("/networks/{index}");
                wrong(
                    &pointer,
                    "expected /16 or narrower, /32 or narrower of IPv6",
                );
            }
        }
        if self.expires_at <= now || self.expires_at > now.plus(MAX_KEY_LIFETIME) {
            wrong("/expiresAt", "expected an instant within a year from now");
        }
        check_text("/name", &self.name, MAX_NAME, &mut errors);
        errors
    }

    pub(crate) fn networks(&self) -> Vec<IpNet> {
        let networks = self.networks.iter().flatten();
        networks.map(IpNet::trunc).collect()
    }
}

/// Whether a key is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ApiKeyState {
    Active,
    Expired,
    Revoked,
}

/// An API key, without the key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiKeyView {
    id: ApiKeyId,
    name: String,
    state: ApiKeyState,
    #[schema(value_type = Vec<Role>)]
    roles: gatehouse::domain::Roles,
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<BTreeSet<Action>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    integrations: Option<BTreeSet<IntegrationId>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    networks: Vec<IpNet>,
    created_by: String,
    created_at: Timestamp,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
    /// To five minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
}

impl ApiKeyView {
    pub(crate) fn new(key: ApiKey, used: Option<&Sighting>, now: Timestamp) -> Self {
        let state = match key.revoked_at {
            Some(_) => ApiKeyState::Revoked,
            None if key.is_valid(now) => ApiKeyState::Active,
            None => ApiKeyState::Expired,
        };
        Self {
            id: key.id,
            name: key.name,
            state,
            roles: key.roles,
            actions: key.actions,
            integrations: key.integrations,
            networks: key.networks,
            created_by: key.created_by,
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: used.map(|used| used.last_seen_at),
        }
    }
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssuedApiKey {
    /// For `Authorization: Bearer`. Shown this once.
    pub(crate) key: String,
    #[serde(flatten)]
    pub(crate) view: ApiKeyView,
}

/// What is wrong as an error, if anything is.
pub(crate) fn refuse(errors: Vec<FieldError>) -> Result<(), Error> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(errors))
    }
}
