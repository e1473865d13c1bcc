//! A consent that is asked for: made, kept, and opened again.

use std::time::Duration;

use gatehouse::domain::{Error, PendingConsent};
use gatehouse::oauth::{AuthorizationRequest, DpopKey, random_secret};
use gatehouse::store::Digest;
use gatehouse::vault::SealContext;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::State;
use crate::connection::Connection;

/// How long a consent waits for its answer.
pub(crate) const LIFETIME: Duration = Duration::from_secs(600);

/// What is secret of a consent, besides its state.
pub(crate) struct Secrets {
    pub(crate) verifier: SecretString,
    pub(crate) nonce: Option<SecretString>,
    pub(crate) dpop_key: Option<Zeroizing<Vec<u8>>>,
}

/// The same as it is sealed. Wiped when it is dropped.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(rename_all = "camelCase")]
struct Written {
    verifier: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    /// In hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dpop_key: Option<String>,
}

impl Secrets {
    /// New ones.
    pub(crate) fn new(state: &State, is_openid: bool, wants_dpop: bool) -> Result<Self, Error> {
        let random = || random_secret(state.sources.randomness.as_ref());
        let dpop_key = wants_dpop.then(DpopKey::generate).transpose();
        Ok(Self {
            verifier: random(),
            nonce: is_openid.then(random),
            dpop_key: dpop_key.map_err(|error| Error::Internal(error.into()))?,
        })
    }

    #[expect(clippy::disallowed_methods, reason = "they are written to be sealed")]
    fn write(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let written = Written {
            verifier: self.verifier.expose_secret().to_owned(),
            nonce: (self.nonce.as_ref()).map(|nonce| nonce.expose_secret().to_owned()),
            dpop_key: self.dpop_key.as_ref().map(|key| hex::encode(&**key)),
        };
        let bytes = serde_json::to_vec(&written);
        let bytes = bytes.map_err(|error| Error::Internal(error.into()))?;
        Ok(Zeroizing::new(bytes))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut written: Written = serde_json::from_slice(bytes).ok()?;
        let dpop_key = match &written.dpop_key {
            Some(key) => Some(Zeroizing::new(hex::decode(key).ok()?)),
            None => None,
        };
        Some(Self {
            verifier: std::mem::take(&mut written.verifier).into(),
            nonce: written.nonce.take().map(SecretString::from),
            dpop_key,
        })
    }

    pub(crate) fn dpop_key(&self) -> Option<&[u8]> {
        self.dpop_key.as_ref().map(|key| key.as_slice())
    }

    /// Seals them for the consent of that state.
    pub(crate) async fn seal(
        &self,
        state: &State,
        connection: &Connection,
        consent: Digest,
    ) -> Result<gatehouse::domain::Sealed, Error> {
        let organization = connection.integration.organization_id;
        state.keys.ensure(organization).await?;
        let context = SealContext::PendingConsent { state: consent };
        let bytes = self.write()?;
        Ok(state.keys.seal(organization, &context, &bytes).await?)
    }

    /// Opens those of a consent.
    pub(crate) async fn open(
        state: &State,
        consent: Digest,
        pending: &PendingConsent,
    ) -> Result<Self, Error> {
        let context = SealContext::PendingConsent { state: consent };
        let (organization, sealed) = (pending.organization_id, &pending.sealed);
        let bytes = state.keys.open(organization, &context, sealed).await?;
        Self::read(&bytes).ok_or_else(|| Error::Internal("a consent cannot be read".into()))
    }

    /// Where the browser is sent.
    pub(crate) async fn url(
        &self,
        state: &State,
        connection: &Connection,
        (secret, scopes): (&SecretString, &[String]),
    ) -> Result<Url, gatehouse::oauth::OauthError> {
        let client = connection.client(self.dpop_key());
        let server = state.client.server(&client).await?;
        let request = AuthorizationRequest {
            state: secret,
            verifier: &self.verifier,
            nonce: self.nonce.as_ref(),
            redirect_uri: &state.addresses.callback,
            scopes,
        };
        state
            .client
            .authorization_url(&client, &server, request)
            .await
    }
}

/// The digest under which something is kept that only its holder knows.
#[expect(clippy::disallowed_methods, reason = "only its digest is kept")]
pub(crate) fn digest(secret: &SecretString) -> Digest {
    Digest::of(secret.expose_secret().as_bytes())
}
