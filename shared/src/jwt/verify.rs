use super::claims::{Claims, Expected};
use super::compact::Compact;
use super::{JwtError, KeyRing, KeySet, VerificationKey};
use crate::domain::Timestamp;

/// Verifies a token in compact form: its form, its signature by a key of `keys`, and what
/// `expected` says, at `now`.
///
/// # Errors
///
/// [`JwtError::Invalid`] if it is not accepted, [`JwtError::Unavailable`] if the keys cannot be had.
pub async fn verify(
    token: &str,
    keys: &KeySet,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Claims, JwtError> {
    if token.len() > expected.token_use.max_bytes() {
        return Err(JwtError::Invalid("length"));
    }
    let compact = Compact::read(token)?;
    if !expected.token_use.takes_type(compact.typ.as_deref()) {
        return Err(JwtError::Invalid("type"));
    }
    // Public keys are no secrets.
    if compact.algorithm.secret_bytes().is_some() {
        return Err(JwtError::Invalid("algorithm"));
    }
    if !expected.algorithms.is_empty() && !expected.algorithms.contains(&compact.algorithm) {
        return Err(JwtError::Invalid("algorithm"));
    }
    let key = keys.key(&compact, now).await?;
    if !compact.is_signed_by(&key) {
        // Where keys have no id, a new one does not show in any other way.
        let renewed = match compact.key_id {
            None => keys.renewed_key(&compact, now).await?,
            Some(_) => None,
        };
        if !renewed.is_some_and(|key| compact.is_signed_by(&key)) {
            return Err(JwtError::Invalid("signature"));
        }
    }
    let claims = Claims::read(&compact.payload, compact.algorithm)?;
    claims.check(expected, now)?;
    Ok(claims)
}

/// Verifies a signature in compact form by a key of `keys`, whatever is signed, and answers what.
///
/// # Errors
///
/// [`JwtError::Invalid`] if it does not hold.
pub fn verify_signature(token: &str, keys: &KeyRing) -> Result<Vec<u8>, JwtError> {
    let compact = Compact::read(token)?;
    let key = keys.find(compact.key_id.as_deref(), compact.algorithm)?;
    if compact.is_signed_by(key) {
        Ok(compact.payload)
    } else {
        Err(JwtError::Invalid("signature"))
    }
}

impl Compact<'_> {
    fn is_signed_by(&self, key: &VerificationKey) -> bool {
        key.has_signed(self.algorithm, self.signed.as_bytes(), &self.signature)
    }
}
