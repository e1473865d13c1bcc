use std::fmt;

use secrecy::ExposeSecret as _;
use url::Url;

use crate::domain::{GrantType, Integration, IntegrationId, Oauth2Auth, OrganizationId};
use crate::egress::TlsSettings;
use crate::store::Digest;
use crate::vault::CredentialSet;

/// An integration whose tokens are meant, with all that obtaining them takes.
#[derive(Clone, Copy, Debug)]
pub struct GrantContext<'a> {
    /// Who owns the integration.
    pub organization: OrganizationId,
    /// The integration.
    pub integration: IntegrationId,
    /// Its base URL.
    pub base_url: &'a Url,
    /// The hosts that its own `apiProfile` adds to those of the catalogue.
    pub own_hosts: &'a [String],
    /// How it authenticates.
    pub config: &'a Oauth2Auth,
    /// With what.
    pub credentials: &'a CredentialSet,
    /// Their version.
    pub credential_version: &'a str,
    /// What is asked of TLS.
    pub tls: &'a TlsSettings,
}

impl<'a> GrantContext<'a> {
    /// That of `integration`, which authenticates as `config` says, with `credentials`.
    #[must_use]
    pub fn of(
        integration: &'a Integration,
        config: &'a Oauth2Auth,
        credentials: &'a CredentialSet,
        tls: &'a TlsSettings,
    ) -> Self {
        let profile = integration.api_profile.as_deref();
        let version = integration.credentials.as_ref();
        Self {
            organization: integration.organization_id,
            integration: integration.id,
            base_url: &integration.base_url,
            own_hosts: profile.map_or(&[], |profile| &profile.hosts),
            config,
            credentials,
            credential_version: version.map_or("", |info| &info.version),
            tls,
        }
    }

    /// The digest of what tokens may be used with: those of another set-up are not.
    ///
    /// A person has consented that a client gets tokens from an issuer, for an API: where one of
    /// these changes, or where tokens are revoked, tokens must not follow, or whoever may change an
    /// integration could have them sent to himself. What is obtained without a person is obtained anew
    /// after any change.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the client's id goes into a digest only"
    )]
    pub fn basis(&self) -> String {
        let client = self.credentials.get("clientId");
        let client = client.map_or("", |id| id.expose_secret());
        let url = |url: &Option<Url>| url.as_ref().map_or(String::new(), Url::to_string);
        let mut hosts = self.own_hosts.to_vec();
        hosts.sort_unstable();
        let mut parts = vec![
            self.base_url.origin().ascii_serialization(),
            hosts.join(" "),
            client.to_owned(),
            url(&self.config.issuer),
            url(&self.config.token_endpoint),
        ];
        if self.config.grant_type != GrantType::AuthorizationCode {
            parts.push(self.credential_version.to_owned());
            parts.push(serde_json::to_string(self.config).unwrap_or_default());
        } else if let Some(revocation) = &self.config.revocation_endpoint {
            parts.push(revocation.to_string());
        }
        let parts: Vec<&[u8]> = parts.iter().map(String::as_bytes).collect();
        Digest::of_parts(&parts).to_string()
    }
}

/// The same, for a task that outlives its caller.
#[derive(Clone)]
pub(super) struct Owned {
    pub(super) organization: OrganizationId,
    pub(super) integration: IntegrationId,
    pub(super) config: Oauth2Auth,
    pub(super) credentials: CredentialSet,
    pub(super) tls: TlsSettings,
    pub(super) basis: String,
}

impl Owned {
    pub(super) fn of(context: &GrantContext<'_>, basis: String) -> Self {
        Self {
            organization: context.organization,
            integration: context.integration,
            config: context.config.clone(),
            credentials: context.credentials.clone(),
            tls: context.tls.clone(),
            basis,
        }
    }
}

impl fmt::Debug for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owned")
            .field("integration", &self.integration)
            .finish_non_exhaustive()
    }
}
