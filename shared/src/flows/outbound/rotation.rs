//! The calls of a rotation: with credentials that it names, and by none of the rules that an
//! integration has for its callers. Their answers may hold secrets, so nothing of them is kept.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::json;

use super::attempts::{Purpose, Running};
use super::behalf::Behalf;
use super::verification::{Verified, call_of, verified};
use super::{OpenIntegration, Outbound, OutboundAnswer, OutboundCall, prepare};
use crate::domain::{Error, Integration, Origin};
use crate::vault::CredentialSet;

/// Credentials that a call is made with.
#[derive(Clone, Debug)]
pub struct NamedCredentials {
    /// Their version, if the integration has, or had, them in use; those that are only tested have
    /// none.
    pub version: Option<String>,
    /// What they are.
    pub values: Arc<CredentialSet>,
}

impl OpenIntegration {
    /// `integration` without the rules that it has for its callers; `headers` pass.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`], if it says what is not understood.
    pub fn for_rotation(mut integration: Integration, headers: &HeaderMap) -> Result<Self, Error> {
        let headers: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
        integration.gateway_config = Some(json!({
            "retry": {"maxAttempts": 1},
            "allowedHeaders": headers,
        }));
        Self::new(integration)
    }
}

impl Outbound {
    /// Makes a call of a rotation for `function`, once.
    ///
    /// # Errors
    ///
    /// As [`Outbound::execute_request`].
    pub async fn execute_for_rotation(
        &self,
        function: &'static str,
        integration: &Integration,
        call: OutboundCall,
        credentials: NamedCredentials,
    ) -> Result<OutboundAnswer, Error> {
        // Also of one that is switched off: its credentials are valid all the same.
        let open = OpenIntegration::for_rotation(integration.clone(), &call.headers)?;
        let prepared = prepare::prepare(&open, call, &self.0.services)?;
        let behalf = Behalf::of_system(integration.organization_id, function);
        let purpose = Purpose::Rotation(credentials);
        let running = Running::new(&self.0, behalf, &open, prepared, purpose);
        Box::pin(running.run()).await
    }

    /// As [`Outbound::verify_credentials`], for `function`, of an integration as it was read just
    /// now.
    ///
    /// # Errors
    ///
    /// If no call can be made.
    pub async fn verify_for_rotation(
        &self,
        function: &'static str,
        integration: &Integration,
        candidate: Arc<CredentialSet>,
    ) -> Result<Verified, Error> {
        let known = OpenIntegration::new(integration.clone())?;
        let call = call_of(&known, known.profile.verification.as_ref())?;
        let open = OpenIntegration::for_rotation(integration.clone(), &call.headers)?;
        let behalf = Behalf::of_system(integration.organization_id, function);
        let purpose = Purpose::Verification(Some(candidate));
        verified(&self.0, &open, (behalf, Origin::default()), purpose).await
    }
}

impl Running<'_> {
    /// The credentials of a rotation, if this is a call of one.
    pub(super) fn of_rotation(&self) -> Option<&NamedCredentials> {
        match &self.purpose {
            Purpose::Rotation(credentials) => Some(credentials),
            Purpose::Answer | Purpose::System | Purpose::Verification(_) => None,
        }
    }
}
