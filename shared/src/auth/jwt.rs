use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::AuthError;
use super::fields::Fields;
use crate::domain::{JwtAuth, Sources, ValueTemplate};
use crate::oauth::{expected_key, sign, signed};

/// Whether the key can sign.
pub(super) fn check(auth: &JwtAuth, fields: &Fields<'_>) -> Result<(), AuthError> {
    let signature = sign(auth.algorithm, fields.require(&auth.key_field)?, b"");
    signature.map(|_| ()).ok_or_else(|| unusable(auth))
}

/// Makes and signs an assertion (RFC 7515, RFC 7519).
pub(super) fn assertion(
    auth: &JwtAuth,
    fields: &Fields<'_>,
    sources: &Sources,
) -> Result<Zeroizing<String>, AuthError> {
    let mut header = Map::new();
    header.insert("alg".to_owned(), json!(auth.algorithm));
    header.insert("typ".to_owned(), json!("JWT"));
    if let Some(template) = &auth.key_id {
        let key_id = fields.fill(template)?;
        header.insert("kid".to_owned(), json!(*key_id));
    }
    let mut claims = Map::new();
    for (name, value) in &auth.claims {
        claims.insert(name.clone(), filled(value, fields)?);
    }
    let (issued, mut id) = (sources.now().as_second(), [0; 16]);
    sources.randomness.fill(&mut id);
    claims.insert("iat".to_owned(), json!(issued));
    let ends = issued.saturating_add(auth.lifetime_seconds.into());
    claims.insert("exp".to_owned(), json!(ends));
    claims.insert("jti".to_owned(), json!(hex::encode(id)));
    let key = fields.require(&auth.key_field)?;
    let sign = |text: &[u8]| sign(auth.algorithm, key, text);
    signed(header, claims, sign).ok_or_else(|| unusable(auth))
}

fn unusable(auth: &JwtAuth) -> AuthError {
    AuthError::UnusableField {
        field: auth.key_field.clone(),
        expected: expected_key(auth.algorithm),
    }
}

/// A claim, with its texts filled in.
fn filled(value: &Value, fields: &Fields<'_>) -> Result<Value, AuthError> {
    Ok(match value {
        Value::String(text) => {
            let template: ValueTemplate = text
                .parse()
                .map_err(|_| AuthError::Configuration("a claim is no template"))?;
            Value::String(fields.fill(&template)?.to_string())
        }
        Value::Array(values) => {
            let values = values.iter().map(|value| filled(value, fields));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| Ok((name.clone(), filled(value, fields)?)));
            Value::Object(members.collect::<Result<_, AuthError>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}
