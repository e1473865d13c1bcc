//! What the form of a rotation in a provider's file does not say.

use super::{AuthOption, Provider};
use crate::domain::{FieldError, PUBLIC_KEY_NAMES, ROTATION_LABEL, RotationMethod};

type Checked = Result<(), FieldError>;

fn wrong(pointer: impl Into<String>, message: impl Into<String>) -> Checked {
    Err(FieldError::new(pointer, message))
}

impl Provider {
    /// What a rotation makes are fields of one way to authenticate, and all secrets of it.
    pub(super) fn check_rotation(&self) -> Checked {
        let (created, key_id, place) = match &self.api.rotation {
            Some(RotationMethod::Asymmetric {
                keys: Some(keys), ..
            }) => {
                if self.is_public_field(&keys.key_id) {
                    return Ok(());
                }
                let message = "is no field of the credentials that may be told";
                return wrong("/api/rotation/keys/keyId", message);
            }
            Some(method) => match method.keys() {
                Some(keys) => (&keys.created, &keys.key_id, "/api/rotation/keys"),
                None => return Ok(()),
            },
            None => return Ok(()),
        };
        if key_id
            .as_ref()
            .is_some_and(|name| !self.is_public_field(name))
        {
            let message = "is no field of the credentials that may be told";
            return wrong(format!("{place}/keyId"), message);
        }
        let renews = |option: &AuthOption| {
            created.keys().all(|name| option.fields.contains_key(name))
                && option
                    .fields
                    .iter()
                    .all(|(name, field)| !field.secret || created.contains_key(name))
        };
        if self.auth.iter().any(renews) {
            return Ok(());
        }
        wrong(
            format!("{place}/created"),
            "are not the secrets of one way to authenticate",
        )
    }

    fn is_public_field(&self, name: &str) -> bool {
        let fields = self.auth.iter().filter_map(|one| one.fields.get(name));
        let secret: Vec<bool> = fields.map(|field| field.secret).collect();
        !secret.is_empty() && secret.iter().all(|secret| !secret)
    }
}

/// Whether the text at `pointer` is of a call about one key, so that fields that are no secrets may
/// stand in it.
pub(super) fn may_tell(pointer: &str) -> bool {
    pointer == "/api/revocation/path" || pointer.starts_with("/api/rotation/")
}

/// Whether `name` is what a rotation fills in at `pointer` besides fields.
pub(super) fn is_of_rotation(pointer: &str, name: &str) -> bool {
    let is_in = |call: &str| pointer.starts_with(&format!("/api/rotation/keys/{call}/"));
    match name {
        ROTATION_LABEL => is_in("create") || is_in("publish"),
        name => PUBLIC_KEY_NAMES.contains(&name) && is_in("publish"),
    }
}
