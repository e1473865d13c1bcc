//! What the form of a rotation's declaration does not say of the provider that it is of.

use super::provider_check::{Checked, wrong};
use super::{AuthOption, Provider};
use crate::domain::{
    ApiProfile, AuthMethod, FieldError, PUBLIC_KEY_NAMES, ROTATION_LABEL, RotationMethod,
};

const OF_ALL: &str = "/api/rotation";

impl Provider {
    /// Each way to authenticate is replaced as itself says, or else as `api` says for all; what is
    /// made are fields of it, and all of its secrets.
    pub(super) fn check_rotations(&self, api: &ApiProfile) -> Checked {
        for (n, option) in self.auth.iter().enumerate() {
            let own = format!("/auth/{n}/rotation");
            let (place, method) = match (&option.rotation, &self.api.rotation) {
                (Some(method), _) => {
                    self.check_form(&own, option, api)?;
                    (own.as_str(), method)
                }
                (None, Some(method)) => (OF_ALL, method),
                (None, None) => continue,
            };
            check_fields(place, method, option)?;
        }
        Ok(())
    }

    fn check_form(&self, place: &str, option: &AuthOption, api: &ApiProfile) -> Checked {
        let alone = ApiProfile {
            hosts: api.hosts.clone(),
            rotation: option.rotation(&self.examples()),
            ..ApiProfile::default()
        };
        if alone.rotation.is_none() {
            return wrong(place, "is no rotation when its variables are filled in");
        }
        alone.check().map_err(|error| {
            let pointer = error.pointer.replacen("/apiProfile/rotation", place, 1);
            FieldError::new(pointer, error.message)
        })
    }
}

/// What is a secret whatever an integration says of how it authenticates.
const ALWAYS: [&str; 9] = [
    "accountKey",
    "apiKey",
    "clientKey",
    "clientSecret",
    "password",
    "privateKey",
    "secret",
    "secretAccessKey",
    "sessionToken",
];

/// Whether the catalogue says that a field of the credentials of an integration that authenticates by
/// `method` is a secret; none, if it does not know the field.
fn declared(provider: Option<&str>, method: AuthMethod, name: &str) -> Option<bool> {
    let options = provider.and_then(super::provider).into_iter();
    let options = options.flat_map(|provider| provider.auth_options(method));
    let known = options.filter_map(|option| option.fields.get(name));
    known
        .map(|field| field.secret)
        .reduce(|one, other| one || other)
}

/// Whether the catalogue says that such a field may be told.
#[must_use]
pub fn may_be_told(provider: Option<&str>, method: AuthMethod, name: &str) -> bool {
    declared(provider, method, name) == Some(false)
}

/// Whether a field of the credentials of an integration that authenticates by `method` is a secret:
/// the catalogue says so, or else it is one of `secrets`, those of the integration's own
/// configuration.
#[must_use]
pub fn is_secret(
    provider: Option<&str>,
    method: AuthMethod,
    secrets: &[String],
    name: &str,
) -> bool {
    declared(provider, method, name)
        .unwrap_or_else(|| ALWAYS.contains(&name) || secrets.iter().any(|secret| secret == name))
}

fn check_fields(place: &str, method: &RotationMethod, option: &AuthOption) -> Checked {
    let told = "is no field of the credentials that may be told";
    let is_told = |name: &String| option.fields.get(name).is_some_and(|field| !field.secret);
    if let RotationMethod::Asymmetric {
        keys: Some(keys), ..
    } = method
    {
        return if is_told(&keys.key_id) {
            Ok(())
        } else {
            wrong(format!("{place}/keys/keyId"), told)
        };
    }
    let Some(keys) = method.keys() else {
        return Ok(());
    };
    let has_all = keys
        .created
        .keys()
        .all(|name| option.fields.contains_key(name));
    let mut fields = option.fields.iter();
    let renews = fields.all(|(name, field)| !field.secret || keys.created.contains_key(name));
    if !has_all || !renews {
        return wrong(
            format!("{place}/keys/created"),
            format!("are not the secrets of `{}`", option.title),
        );
    }
    if keys.key_id.as_ref().is_some_and(|name| !is_told(name)) {
        return wrong(format!("{place}/keys/keyId"), told);
    }
    Ok(())
}

/// Where in a rotation `pointer` is, if it is in one.
fn in_rotation(pointer: &str) -> Option<&str> {
    if let Some(rest) = pointer.strip_prefix("/api/rotation/") {
        return Some(rest);
    }
    let (_, rest) = pointer.strip_prefix("/auth/")?.split_once('/')?;
    rest.strip_prefix("rotation/")
}

/// Whether the text at `pointer` is of a call about one key, so that fields that are no secrets may
/// stand in it.
pub(super) fn may_tell(pointer: &str) -> bool {
    pointer == "/api/revocation/path" || in_rotation(pointer).is_some()
}

/// Whether `name` is what a rotation fills in at `pointer` besides fields.
pub(super) fn is_of_rotation(pointer: &str, name: &str) -> bool {
    let call = in_rotation(pointer).and_then(|rest| rest.strip_prefix("keys/"));
    let call = call.and_then(|rest| Some(rest.split_once('/')?.0));
    match name {
        ROTATION_LABEL => matches!(call, Some("create" | "publish")),
        name => PUBLIC_KEY_NAMES.contains(&name) && call == Some("publish"),
    }
}
