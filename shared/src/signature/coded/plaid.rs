//! Plaid signs a token that holds the body's hash, with a key that it gives out by its id.
//! <https://plaid.com/docs/api/webhooks/webhook-verification/>
//!
//! The key is asked for with the credentials of the integration, which this function cannot read:
//! it is configured as the endpoint's secret, and a new one as a further secret.

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;

use super::Call;
use crate::catalog::KeyForm;
use crate::domain::SecretId;
use crate::jwt::{Algorithm, VerificationKey};
use crate::signature::jws::Jws;
use crate::signature::{Refusal, SigningSecret};

#[derive(Deserialize)]
struct Claims {
    iat: u64,
    request_body_sha256: String,
}

pub(super) fn verify(call: &Call<'_>) -> Result<SecretId, Refusal> {
    let token = Jws::parse(call.header("plaid-verification")?)?;
    let id = token.key_id().ok_or(Refusal::BadForm)?;
    let by = call.find(|secret| {
        let key = key_of(secret).filter(|key| key.id() == Some(id));
        key.is_some_and(|key| token.is_signed(Algorithm::ES256, &key))
    })?;
    let claims: Claims = token.claims()?;
    call.check_time(&claims.iat.to_string())?;
    let hash = hex::encode(digest(&SHA256, call.request.body));
    if claims.request_body_sha256 == hash {
        Ok(by)
    } else {
        Err(Refusal::BadSignature)
    }
}

/// The key that a JSON Web Key describes. Plaid's have members of its own beside.
pub(super) fn key_of(secret: &SigningSecret) -> Option<VerificationKey> {
    let text = secret.key(&KeyForm::Text)?;
    let jwk = serde_json::from_slice(&text).ok()?;
    let key = VerificationKey::from_jwk(&jwk)?;
    key.is_for(Algorithm::ES256).then_some(key)
}
