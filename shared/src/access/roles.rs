//! What a token's claims say of the caller's roles, and of how it has signed in.

use serde_json::Value;

use crate::config::AccessSettings;
use crate::domain::{Role, Roles};
use crate::jwt::Claims;

/// What in `amr` (RFC 8176 section 2) shows more than a password. A code by text message or call
/// does not: numbers are taken over too often.
const STRONG_METHODS: [&str; 9] = [
    "mfa", "otp", "hwk", "sc", "fpt", "face", "iris", "retina", "vbm",
];
/// What in `acr` says the same: OpenID Connect EAP ACR values, and PAPE.
const STRONG_CLASSES: [&str; 3] = [
    "phr",
    "phrh",
    "http://schemas.openid.net/pape/policies/2007/06/multi-factor",
];

/// The roles of a token: those that its claim names, a text or a list of texts; if there is no such
/// claim, the deployment's default. Names that are no roles count for nothing.
pub(super) fn roles(claims: &Claims, settings: &AccessSettings) -> Roles {
    match claims.get(&settings.roles_claim) {
        None => settings.default_roles,
        Some(Value::String(names)) => known(names.split([' ', ','])),
        Some(Value::Array(names)) => known(names.iter().filter_map(Value::as_str)),
        Some(_) => Roles::NONE,
    }
}

fn known<'a>(names: impl Iterator<Item = &'a str>) -> Roles {
    names.filter_map(|name| name.parse::<Role>().ok()).collect()
}

/// Whether the token says that its bearer has shown by more than a password who it is.
pub(super) fn has_mfa(claims: &Claims) -> bool {
    let methods = claims.get("amr").and_then(Value::as_array);
    let is_strong = |method: &Value| {
        let method = method.as_str();
        method.is_some_and(|method| STRONG_METHODS.contains(&method))
    };
    let class = claims.get("acr").and_then(Value::as_str);
    methods.is_some_and(|methods| methods.iter().any(is_strong))
        || class.is_some_and(|class| STRONG_CLASSES.contains(&class))
}
