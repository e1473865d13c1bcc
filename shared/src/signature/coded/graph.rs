//! Microsoft Graph repeats a token of ours in each notification and, where a notification holds a
//! resource, adds tokens of its own. Neither covers what is said.
//! <https://learn.microsoft.com/graph/change-notifications-delivery-webhooks>
//! <https://learn.microsoft.com/graph/change-notifications-with-resource-data>

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::Deserialize;
use serde_json::Value;

use super::{Call, Verdict, graph_content, text};
use crate::catalog::KeyForm;
use crate::jwt::Algorithm;
use crate::signature::batch::{Item, split_json};
use crate::signature::jws::{Jws, Lifetime};
use crate::signature::sample::{Sample, SampleError, Signer};
use crate::signature::{KeyLocation, PublishedKey, Refusal};

/// The application that Microsoft's notifications come from.
const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";
/// There is a token for each application and tenant; an endpoint is for one of each.
const MAX_TOKENS: usize = 10;
/// By how much Microsoft's clock and ours may differ, in seconds.
const LEEWAY: i64 = 60;

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    appid: String,
    #[serde(flatten)]
    lifetime: Lifetime,
}

/// The notifications of a request, of which there is at least one.
pub(super) fn items(call: &Call<'_>) -> Result<Vec<Item>, Refusal> {
    let items = split_json("/value", call.unverified_body()?)?;
    items
        .filter(|items| !items.is_empty())
        .ok_or(Refusal::BadForm)
}

pub(super) fn verify(call: &Call<'_>) -> Result<Verdict, Refusal> {
    let items = items(call)?;
    let mut newest = None;
    for item in &items {
        let item: Value = serde_json::from_slice(&item.item).map_err(|_| Refusal::BadForm)?;
        let state = text(&item, "clientState")?.as_bytes();
        newest = Some(call.find(|secret| {
            let key = secret.key(&KeyForm::Text);
            key.is_some_and(|key| verify_slices_are_equal(&key, state).is_ok())
        })?);
    }
    Ok(Verdict::Items(newest, items))
}

/// Puts the secret into each item of a sample.
pub(super) fn sign(sample: &mut Sample, signer: &Signer<'_>) -> Result<(), SampleError> {
    let key = signer.key()?;
    let state = std::str::from_utf8(&key).map_err(|_| SampleError::Unusable)?;
    let mut body = sample.json()?;
    let items = body.get_mut("value").and_then(Value::as_array_mut);
    for item in items.into_iter().flatten() {
        let place = item.get_mut("clientState");
        *place.ok_or(SampleError::NoSample)? = state.into();
    }
    sample.body = body.to_string().into_bytes();
    Ok(())
}

pub(super) fn verify_rich(call: &Call<'_>) -> Result<Verdict, Refusal> {
    let body = call.unverified_json()?;
    let tokens = body.get("validationTokens").and_then(Value::as_array);
    let tokens = tokens.ok_or(Refusal::MissingHeader)?;
    if !(1..=MAX_TOKENS).contains(&tokens.len()) {
        return Err(Refusal::BadForm);
    }
    for token in tokens {
        verify_token(call, token.as_str().ok_or(Refusal::BadForm)?)?;
    }
    let items = items(call)?;
    for item in &items {
        let item: Value = serde_json::from_slice(&item.item).map_err(|_| Refusal::BadForm)?;
        if call.settings.tenant_id.as_deref() != Some(text(&item, "tenantId")?) {
            return Err(Refusal::BadSignature);
        }
    }
    if call.secrets.is_empty() {
        return Ok(Verdict::Items(None, items));
    }
    graph_content::open(call)
}

fn verify_token(call: &Call<'_>, token: &str) -> Result<(), Refusal> {
    let token = Jws::parse(token)?;
    if !token.names(Algorithm::RS256) {
        return Err(Refusal::BadForm);
    }
    let location = token.key_id().and_then(KeyLocation::microsoft);
    let PublishedKey::Token(key) = call.key(location.ok_or(Refusal::BadForm)?)? else {
        return Err(Refusal::BadSignature);
    };
    if !token.is_signed(Algorithm::RS256, key) {
        return Err(Refusal::BadSignature);
    }
    let claims: Claims = token.claims()?;
    claims.lifetime.check(call.now, LEEWAY)?;
    let tenant = call.settings.tenant_id.as_deref().unwrap_or_default();
    let is_ours = call.settings.audience.as_deref() == Some(&claims.aud)
        && claims.iss == format!("https://sts.windows.net/{tenant}/")
        && claims.appid == PUBLISHER;
    if is_ours {
        Ok(())
    } else {
        Err(Refusal::BadSignature)
    }
}
