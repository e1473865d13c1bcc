//! Netlify signs a token that holds the body's hash.
//! <https://docs.netlify.com/deploy/deploy-notifications/#payload-signature>

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;

use super::Call;
use crate::catalog::KeyForm;
use crate::domain::SecretId;
use crate::signature::Refusal;
use crate::signature::jws::Jws;

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sha256: String,
}

pub(super) fn verify(call: &Call<'_>) -> Result<SecretId, Refusal> {
    let token = Jws::parse(call.header("x-webhook-signature")?)?;
    let by = call.find(|secret| {
        let key = secret.key(&KeyForm::Text);
        key.is_some_and(|key| token.is_signed_hs256(&key))
    })?;
    let claims: Claims = token.claims()?;
    let hash = hex::encode(digest(&SHA256, call.request.body));
    if claims.iss == "netlify" && claims.sha256 == hash {
        Ok(by)
    } else {
        Err(Refusal::BadSignature)
    }
}
