use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{Algorithm, JwtError, strict_json};

/// A JSON Web Signature in compact form (RFC 7515 section 7.1), taken apart and not verified.
pub(crate) struct Compact<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    pub(crate) typ: Option<String>,
    /// What is signed: the header and the payload as they came.
    pub(crate) signed: &'a str,
    pub(crate) signature: Vec<u8>,
    /// Not to be looked at before the signature holds.
    pub(crate) payload: Vec<u8>,
}

impl<'a> Compact<'a> {
    pub(crate) fn read(token: &'a str) -> Result<Self, JwtError> {
        let form = JwtError::Invalid("form");
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(form);
        };
        let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
        let header = strict_json::object(&decode(header)?).ok_or(JwtError::Invalid("header"))?;
        // No extension is understood here, also none that is not called by its name.
        if ["crit", "b64"]
            .iter()
            .any(|name| header.contains_key(*name))
        {
            return Err(JwtError::Invalid("critical extension"));
        }
        let text = |name: &str| match header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(JwtError::Invalid("header")),
        };
        let algorithm = text("alg")?.ok_or(JwtError::Invalid("header"))?;
        Ok(Self {
            algorithm: algorithm.parse()?,
            key_id: text("kid")?,
            typ: text("typ")?,
            signed,
            signature: decode(signature)?,
            payload: decode(payload)?,
        })
    }
}

/// base64url without padding, other characters, and bits that are left over.
fn decode(part: &str) -> Result<Vec<u8>, JwtError> {
    let decoded = URL_SAFE_NO_PAD.decode(part);
    decoded.map_err(|_| JwtError::Invalid("form"))
}
