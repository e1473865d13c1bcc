//! Google Pub/Sub pushes with an OpenID Connect token of a service account. It covers no body, and
//! everybody with a project can have one made for our audience: the account is what counts.
//! <https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions>

use serde::Deserialize;

use super::Call;
use crate::domain::SecretId;
use crate::jwt::Algorithm;
use crate::signature::jws::{Jws, Lifetime};
use crate::signature::{KeyLocation, PublishedKey, Refusal};

const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// By how much Google's clock and ours may differ, in seconds, as its libraries have it.
const LEEWAY: i64 = 300;

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    email: String,
    email_verified: bool,
    #[serde(flatten)]
    lifetime: Lifetime,
}

pub(super) fn verify(call: &Call<'_>) -> Result<Option<SecretId>, Refusal> {
    let value = call.header("authorization")?;
    let token = value.strip_prefix("Bearer ").ok_or(Refusal::BadForm)?;
    let token = Jws::parse(token)?;
    if !token.names(Algorithm::RS256) {
        return Err(Refusal::BadForm);
    }
    let location = token.key_id().and_then(KeyLocation::google);
    let PublishedKey::Token(key) = call.key(location.ok_or(Refusal::BadForm)?)? else {
        return Err(Refusal::BadSignature);
    };
    if !token.is_signed(Algorithm::RS256, key) {
        return Err(Refusal::BadSignature);
    }
    let claims: Claims = token.claims()?;
    claims.lifetime.check(call.now, LEEWAY)?;
    let settings = call.settings;
    let is_ours = ISSUERS.contains(&claims.iss.as_str())
        && settings.audience.as_deref() == Some(&claims.aud)
        && settings.service_account.as_deref() == Some(&claims.email)
        && claims.email_verified;
    if is_ours {
        Ok(None)
    } else {
        Err(Refusal::BadSignature)
    }
}
