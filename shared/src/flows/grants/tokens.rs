use std::fmt;

use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::oauth::TokenReply;

/// The tokens of a grant.
pub struct GrantTokens {
    /// The access token.
    pub access_token: SecretString,
    /// Whether it is bound to `dpop_key` (RFC 9449).
    pub is_dpop: bool,
    /// The refresh token.
    pub refresh_token: Option<SecretString>,
    /// The last ID token: a hint when the person logs out (OpenID Connect RP-Initiated Logout 1.0).
    pub id_token: Option<SecretString>,
    /// The key that tokens are bound to, as PKCS #8.
    pub dpop_key: Option<SecretSlice<u8>>,
}

impl fmt::Debug for GrantTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantTokens")
            .field("is_dpop", &self.is_dpop)
            .field("has_refresh_token", &self.refresh_token.is_some())
            .finish_non_exhaustive()
    }
}

/// What is sealed. Wiped when it is dropped.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(rename_all = "camelCase")]
struct Written {
    access_token: String,
    #[serde(default)]
    is_dpop: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    /// In hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dpop_key: Option<String>,
}

impl GrantTokens {
    /// The tokens of an answer, with what it leaves as it was: an answer without a refresh token
    /// leaves the old one good (RFC 6749 section 6).
    pub(super) fn of(
        reply: TokenReply,
        before: Option<&Self>,
        dpop_key: Option<SecretSlice<u8>>,
    ) -> Self {
        let before = before.map(|tokens| {
            let (refresh, id) = (tokens.refresh_token.clone(), tokens.id_token.clone());
            (refresh, id, tokens.dpop_key.clone())
        });
        let (refresh_token, id_token, old_key) = before.unwrap_or_default();
        Self {
            access_token: reply.access_token,
            is_dpop: reply.is_dpop,
            refresh_token: reply.refresh_token.or(refresh_token),
            id_token: reply.id_token.or(id_token),
            dpop_key: dpop_key.or(old_key),
        }
    }

    /// The tokens as bytes, to be sealed. They are wiped when they are dropped.
    #[expect(
        clippy::disallowed_methods,
        reason = "the tokens are written only to be sealed"
    )]
    pub(super) fn write(&self) -> Option<Zeroizing<Vec<u8>>> {
        let text = |token: &SecretString| token.expose_secret().to_owned();
        let written = Written {
            access_token: text(&self.access_token),
            is_dpop: self.is_dpop,
            refresh_token: self.refresh_token.as_ref().map(text),
            id_token: self.id_token.as_ref().map(text),
            dpop_key: self
                .dpop_key
                .as_ref()
                .map(|key| hex::encode(key.expose_secret())),
        };
        serde_json::to_vec(&written).ok().map(Zeroizing::new)
    }

    /// Reads what [`GrantTokens::write`] wrote.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut written: Written = serde_json::from_slice(bytes).ok()?;
        let dpop_key = match &written.dpop_key {
            Some(key) => Some(SecretSlice::from(hex::decode(key).ok()?)),
            None => None,
        };
        Some(Self {
            access_token: std::mem::take(&mut written.access_token).into(),
            is_dpop: written.is_dpop,
            refresh_token: written.refresh_token.take().map(SecretString::from),
            id_token: written.id_token.take().map(SecretString::from),
            dpop_key,
        })
    }
}
