//! What the form of a rotation's declaration does not say of the provider that it is of.

use super::provider_check::{Checked, wrong};
use super::{AuthOption, Provider};
use crate::domain::{ApiProfile, FieldError, PUBLIC_KEY_NAMES, ROTATION_LABEL, RotationMethod};

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
