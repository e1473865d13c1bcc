//! What the form of a rotation's declaration does not say.

use super::check::{check_method, check_path, wrong};
use super::rotation::{
    KeyCalls, KeyList, PUBLIC_KEY_NAMES, PublicKeyCalls, ROTATION_LABEL, RotationCall,
    RotationMethod,
};
use super::{ApiProfile, FieldError};
use crate::domain::gateway::check_settable;

const MAX_GRACE_SECONDS: u32 = 30 * 24 * 60 * 60;
const MAX_REMINDER_DAYS: u32 = 3650;
/// How many calls may be needed to delete a key.
const MAX_CALLS: usize = 3;
const MAX_TEXT: usize = 2048;
const MAX_FIELDS: usize = 20;

type Checked = Result<(), FieldError>;

const POINTER: &str = "/apiProfile/rotation";

impl ApiProfile {
    /// # Errors
    ///
    /// The first field of the rotation that is wrong.
    pub(super) fn check_rotation(&self) -> Checked {
        let Some(rotation) = &self.rotation else {
            return Ok(());
        };
        if rotation.grace_seconds() > MAX_GRACE_SECONDS {
            return wrong(
                format!("{POINTER}/graceSeconds"),
                "must be from 0 to 2592000",
            );
        }
        match rotation {
            RotationMethod::ProviderApi { keys, .. } => self.check_keys(keys),
            RotationMethod::OauthClientSecret { keys, .. } => {
                keys.iter().try_for_each(|keys| self.check_keys(keys))
            }
            RotationMethod::Asymmetric { keys, .. } => keys
                .iter()
                .try_for_each(|keys| self.check_public_keys(keys)),
            RotationMethod::OperatorSupplied {
                remind_after_days,
                revoke,
                ..
            } => {
                if !(1..=MAX_REMINDER_DAYS).contains(remind_after_days) {
                    let pointer = format!("{POINTER}/remindAfterDays");
                    return wrong(pointer, "must be from 1 to 3650");
                }
                self.check_calls(&format!("{POINTER}/revoke"), revoke)
            }
        }
    }

    fn check_keys(&self, keys: &KeyCalls) -> Checked {
        let at = |name: &str| format!("{POINTER}/keys/{name}");
        self.check_call(&at("create"), &keys.create)?;
        if keys.created.is_empty() || keys.created.len() > MAX_FIELDS {
            return wrong(at("created"), "expected 1 to 20 fields");
        }
        if let Some(name) = keys
            .key_id
            .as_ref()
            .filter(|name| !keys.created.contains_key(*name))
        {
            return wrong(
                at("keyId"),
                format!("`created` does not say where `{name}` is"),
            );
        }
        if let Some(call) = &keys.set {
            self.check_call(&at("set"), call)?;
        }
        if keys.revoke.is_empty() {
            return wrong(at("revoke"), "expected 1 to 3 calls");
        }
        self.check_calls(&at("revoke"), &keys.revoke)?;
        self.check_calls(&at("discard"), &keys.discard)?;
        if keys.max_keys.is_some_and(|most| most < 2) {
            return wrong(
                at("maxKeys"),
                "must be at least 2: two are valid for a while",
            );
        }
        match &keys.list {
            Some(_) if keys.key_id.is_none() => wrong(at("keyId"), "is required with `list`"),
            Some(list) => self.check_list(&at("list"), list, &keys.create),
            None if keys.max_keys.is_some() => wrong(at("list"), "is required with `maxKeys`"),
            None => Ok(()),
        }
    }

    fn check_public_keys(&self, keys: &PublicKeyCalls) -> Checked {
        let at = |name: &str| format!("{POINTER}/keys/{name}");
        self.check_call(&at("publish"), &keys.publish)?;
        if !PUBLIC_KEY_NAMES.iter().any(|name| keys.publish.says(name)) {
            let message = "publishes nothing: expected `{publicKeyPem}`, `{publicKeyDer}` or \
                           `{publicKeyJwk}` in it";
            return wrong(at("publish"), message);
        }
        if keys.id.is_some() && keys.list.is_none() {
            return wrong(at("list"), "is required with `id`");
        }
        if keys.revoke.is_empty() {
            return wrong(at("revoke"), "expected 1 to 3 calls");
        }
        self.check_calls(&at("revoke"), &keys.revoke)?;
        let mut list = keys.list.iter();
        list.try_for_each(|list| self.check_list(&at("list"), list, &keys.publish))
    }

    fn check_list(&self, pointer: &str, list: &KeyList, create: &RotationCall) -> Checked {
        self.check_call(&format!("{pointer}/call"), &list.call)?;
        if list.call.says(ROTATION_LABEL) {
            return wrong(format!("{pointer}/call"), "does not know `rotation`");
        }
        if create.says(ROTATION_LABEL) {
            return Ok(());
        }
        wrong(
            pointer,
            "finds nothing: the key is made without `{rotation}`",
        )
    }

    fn check_calls(&self, pointer: &str, calls: &[RotationCall]) -> Checked {
        if calls.len() > MAX_CALLS {
            return wrong(pointer, "expected 1 to 3 calls");
        }
        let mut calls = calls.iter().enumerate();
        calls.try_for_each(|(n, call)| self.check_call(&format!("{pointer}/{n}"), call))
    }

    fn check_call(&self, pointer: &str, call: &RotationCall) -> Checked {
        check_method(pointer, &call.method)?;
        check_path(&format!("{pointer}/path"), &call.path)?;
        if let Some(host) = &call.host
            && !self.names_host(host)
        {
            return wrong(format!("{pointer}/host"), "is not one of `hosts`");
        }
        for (name, value) in &call.headers {
            let at = format!("{pointer}/headers/{}", FieldError::escaped(name));
            check_settable(&at, name)?;
            if value.len() > MAX_TEXT || value.chars().any(char::is_control) {
                return wrong(
                    at,
                    "expected at most 2048 characters, and none that control",
                );
            }
        }
        let has_form = !call.form.is_empty();
        if call.body.is_some() && has_form {
            return wrong(format!("{pointer}/form"), "there is a `body` already");
        }
        let takes_none = ["GET", "HEAD"].contains(&call.method.as_str());
        if takes_none && (call.body.is_some() || has_form) {
            let name = if has_form { "form" } else { "body" };
            return wrong(format!("{pointer}/{name}"), "goes with another method only");
        }
        let is_odd = |status: &&u16| !(300..=599).contains(*status);
        if call.done_statuses.iter().any(|status| is_odd(&status)) {
            return wrong(format!("{pointer}/doneStatuses"), "must be from 300 to 599");
        }
        Ok(())
    }
}

impl RotationCall {
    /// Whether `{name}` stands anywhere in it.
    fn says(&self, name: &str) -> bool {
        let wanted = format!("{{{name}}}");
        let in_body = self
            .body
            .as_ref()
            .is_some_and(|body| body.to_string().contains(&wanted));
        self.path.contains(&wanted)
            || in_body
            || self.form.values().any(|value| value.contains(&wanted))
            || self.headers.values().any(|value| value.contains(&wanted))
    }
}
