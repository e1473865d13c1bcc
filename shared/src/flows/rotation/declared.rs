//! What is declared of an integration's rotations, what of credentials may be told by it, and
//! whether two sets of credentials are the same key.

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::calls::{self, Told};
use super::create::text;
use crate::catalog;
use crate::domain::rotation::{Rotation, RotationStrategy};
use crate::domain::{ApiProfile, AuthConfig, Integration, JwtAlgorithm, RotationMethod};
use crate::flows::outbound::{OpenIntegration, OutboundAnswer};
use crate::vault::CredentialSet;

/// What is declared of an integration's rotations.
pub(super) struct Declared {
    pub(super) profile: ApiProfile,
    /// The fields of the credentials that are no secrets.
    public: Vec<String>,
    /// Those that providers are told openly, besides.
    open: Vec<String>,
    /// The fields by whose values a key is known.
    secrets: Vec<String>,
    /// The field by which the provider knows a key, if it may be told.
    key_field: Option<String>,
    is_sound: bool,
    /// Whether the integration itself says how its keys are replaced.
    pub(super) is_own: bool,
}

impl Declared {
    pub(super) fn of(integration: &Integration) -> Self {
        let profile = catalog::profile_of(integration).into_owned();
        let mut public = OpenIntegration::public_fields_of(integration);
        let auth = AuthConfig::read(integration.auth_method, integration.auth_config.as_ref());
        let (fields, secret) = auth
            .as_ref()
            .map(|auth| (auth.fields(), auth.secret_fields()))
            .unwrap_or_default();
        let method = profile.rotation.as_ref();
        let named = method.and_then(RotationMethod::key_field);
        let is_secret = |name: &str| {
            let provider = integration.provider.as_deref();
            catalog::is_secret(provider, integration.auth_method, &secret, name)
        };
        let key_field = named.filter(|name| !is_secret(name)).map(str::to_owned);
        let is_sound = named.is_some() == key_field.is_some();
        let secrets = match (method, algorithm_of(integration)) {
            (Some(RotationMethod::Asymmetric { .. }), Some((_, field))) => vec![field],
            (method, _) => match method.and_then(RotationMethod::keys) {
                Some(keys) => {
                    let names = keys.created.keys();
                    let names = names.filter(|name| Some(*name) != key_field.as_ref());
                    names.cloned().collect()
                }
                None => {
                    let names = secret.iter().filter(|name| !public.contains(name));
                    names.cloned().collect()
                }
            },
        };
        let own = integration.api_profile.as_deref();
        public.extend(key_field.clone());
        Self {
            is_own: own.is_some_and(|own| own.rotation.is_some()),
            open: fields
                .into_iter()
                .filter(|name| !secret.contains(name))
                .collect(),
            profile,
            public,
            secrets,
            key_field,
            is_sound,
        }
    }

    pub(super) fn method(&self) -> Option<&RotationMethod> {
        self.profile.rotation.as_ref()
    }

    /// Whether it names no secret for what is told.
    pub(super) fn is_sound(&self) -> bool {
        self.is_sound
    }

    /// Whether each key that is made has an id by which the provider knows it.
    pub(super) fn has_key_id(&self) -> bool {
        self.key_field.is_some()
    }

    /// Whether the answer, whatever its status, has the code of an error where it is declared to be.
    pub(super) fn names_error(&self, answer: &OutboundAnswer) -> bool {
        let shape = self.profile.errors.as_ref();
        let Some(place) = shape.and_then(|shape| shape.code.as_ref()) else {
            return false;
        };
        let body = serde_json::from_slice::<Value>(&answer.body);
        body.is_ok_and(|body| text(place, &body).is_some())
    }

    /// By what the provider knows the key of these credentials, if it is none of their secrets.
    pub(super) fn key_id(&self, values: &CredentialSet) -> Option<String> {
        let name = self.key_field.as_ref()?;
        let told = calls::told(values, std::slice::from_ref(name));
        let told = told.into_values().next();
        told.filter(|told| !self.reveals(values, told))
    }

    /// What may be told of these credentials in calls about their key.
    pub(super) fn told(&self, values: &CredentialSet) -> Told {
        let mut told = calls::told(values, &self.public);
        told.retain(|_, told| !self.reveals(values, told));
        told
    }

    /// The same, with the key's id where the credentials do not have it.
    pub(super) fn told_of_key(&self, values: Option<&CredentialSet>, id: Option<&str>) -> Told {
        let mut told = values.map_or_else(Told::new, |values| self.told(values));
        if let (Some(name), Some(id)) = (&self.key_field, id) {
            told.insert(name.clone(), id.to_owned());
        }
        told
    }

    /// Whether `told` is a secret of these credentials, has one in it, or is most of one.
    #[expect(
        clippy::disallowed_methods,
        reason = "only whether one is in the other is looked at"
    )]
    fn reveals(&self, values: &CredentialSet, told: &str) -> bool {
        let is_open = |name: &String| self.public.contains(name) || self.open.contains(name);
        values
            .iter()
            .filter(|(name, _)| !is_open(name))
            .map(|(_, value)| value.expose_secret())
            .filter(|secret| !secret.is_empty())
            .any(|secret| {
                // SendGrid's keys have their own id in them.
                told.contains(secret) || secret.contains(told) && told.len() * 2 > secret.len()
            })
    }

    /// Whether these may be one key: a secret of it, or its id, is the same.
    pub(super) fn may_be_same(&self, one: &CredentialSet, other: &CredentialSet) -> bool {
        let ids = (self.key_id(one), self.key_id(other));
        let has_id = matches!(&ids, (Some(one), Some(other)) if one == other);
        has_id || self.names_of(one).any(|name| is_equal(one, other, name))
    }

    /// Whether no secret of `one` is another one in `other`.
    pub(super) fn is_unchanged(&self, one: &CredentialSet, other: &CredentialSet) -> bool {
        self.names_of(one).all(|name| is_equal(one, other, name))
    }

    /// The fields of a set by which its key is known.
    fn names_of<'a>(&'a self, values: &'a CredentialSet) -> impl Iterator<Item = &'a String> {
        let is_known = self.secrets.iter().any(|name| values.contains_key(name));
        values.keys().filter(move |name| match is_known {
            true => self.secrets.contains(name),
            false => !self.public.contains(name),
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "only whether they are the same is looked at"
)]
fn is_equal(one: &CredentialSet, other: &CredentialSet, name: &str) -> bool {
    let (one, other) = (one.get(name), other.get(name));
    one.map(|value| value.expose_secret()) == other.map(|value| value.expose_secret())
}

/// With what the integration signs, and which field of its credentials holds the key.
pub(super) fn algorithm_of(integration: &Integration) -> Option<(JwtAlgorithm, String)> {
    let auth = AuthConfig::read(integration.auth_method, integration.auth_config.as_ref()).ok()?;
    match auth {
        AuthConfig::Jwt(auth) => Some((auth.algorithm, auth.key_field)),
        AuthConfig::Oauth2(auth) => {
            let assertion = auth.assertion?;
            Some((assertion.algorithm, "privateKey".to_owned()))
        }
        _ => None,
    }
}

/// Whether a person has made the candidate.
pub(super) fn is_persons(rotation: &Rotation) -> bool {
    rotation.strategy == RotationStrategy::OperatorSupplied
}
