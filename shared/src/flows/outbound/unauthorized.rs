//! What is done about a 401.

use http::StatusCode;

use super::attempts::{Attempt, Running};
use crate::auth::CarriedToken;
use crate::egress::TlsSettings;
use crate::flows::Permit;
use crate::vault::CredentialSet;

/// What can be done, once, about a 401.
pub(super) struct Remedies {
    /// Proofs can hold the nonce that the provider wants to see.
    tell_nonce: bool,
    /// Another token can be obtained.
    renew_token: bool,
}

impl Default for Remedies {
    fn default() -> Self {
        Self {
            tell_nonce: true,
            renew_token: true,
        }
    }
}

impl Running<'_> {
    /// A permit for another try of a call that was answered with 401, where one can help that was
    /// not made yet.
    pub(super) async fn permit_after_401(
        &self,
        attempt: &Attempt,
        carried: Option<CarriedToken>,
        may: &mut Remedies,
        (credentials, tls): (&CredentialSet, &TlsSettings),
    ) -> Option<Permit> {
        if self.wants_nonce(attempt) && std::mem::take(&mut may.tell_nonce) {
            return self.permit().await.ok();
        }
        let token = carried
            .filter(|_| attempt.is_unauthorized() && std::mem::take(&mut may.renew_token))?;
        let context = self.context(credentials, tls);
        let authenticator = &self.inner.authenticator;
        let refused = authenticator.refused(&context, &token, self.left());
        if Box::pin(refused).await {
            self.permit().await.ok()
        } else {
            None
        }
    }

    /// Whether the call was refused only because its proof of a key lacks a nonce.
    fn wants_nonce(&self, attempt: &Attempt) -> bool {
        let Attempt::Answered(received) = attempt else {
            return false;
        };
        let (url, headers) = (self.call.target.url(), &received.response.headers);
        self.inner.authenticator.wants_nonce(url, headers) && attempt.is_unauthorized()
    }
}

impl Attempt {
    fn is_unauthorized(&self) -> bool {
        match self {
            Self::Answered(received) => received.response.status == StatusCode::UNAUTHORIZED,
            Self::Failed(_) => false,
        }
    }
}
