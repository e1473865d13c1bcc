//! Netlify signs a token that holds the body's hash.
//! <https://docs.netlify.com/deploy/deploy-notifications/#payload-signature>

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::json;

use super::Call;
use crate::catalog::KeyForm;
use crate::domain::SecretId;
use crate::signature::Refusal;
use crate::signature::jws::{Jws, signed_hs256};
use crate::signature::sample::{Sample, SampleError, Signer};

const SIGNATURE: &str = "x-webhook-signature";
const ISSUER: &str = "netlify";

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sha256: String,
}

pub(super) fn verify(call: &Call<'_>) -> Result<SecretId, Refusal> {
    let token = Jws::parse(call.header(SIGNATURE)?)?;
    let by = call.find(|secret| {
        let key = secret.key(&KeyForm::Text);
        key.is_some_and(|key| token.is_signed_hs256(&key))
    })?;
    let claims: Claims = token.claims()?;
    let hash = hex::encode(digest(&SHA256, call.request.body));
    if claims.iss == ISSUER && claims.sha256 == hash {
        Ok(by)
    } else {
        Err(Refusal::BadSignature)
    }
}

/// Signs a sample.
pub(super) fn sign(sample: &mut Sample, signer: &Signer<'_>) -> Result<(), SampleError> {
    let hash = hex::encode(digest(&SHA256, &sample.body));
    let claims = json!({"iss": ISSUER, "sha256": hash});
    let token = signed_hs256(&signer.key()?, &claims);
    sample.bear(SIGNATURE, &token);
    Ok(())
}
