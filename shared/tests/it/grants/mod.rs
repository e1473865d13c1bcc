//! Grants over several processes that share one table.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers in these files are tests to people, not to the lint; their tokens are no secrets"
)]

mod behaviour;
mod provider;
mod simulation;
mod wire;

use gatehouse::domain::{IntegrationId, Oauth2Auth, OrganizationId};
use gatehouse::egress::TlsSettings;
use gatehouse::flows::grants::GrantContext;
use gatehouse::vault::CredentialSet;
use ulid::Ulid;
use url::Url;

/// An integration that uses OAuth 2.0.
struct SetUp {
    number: u64,
    base_url: Url,
    config: Oauth2Auth,
    credentials: CredentialSet,
    tls: TlsSettings,
}

impl SetUp {
    fn new(number: u64) -> Self {
        Self {
            number,
            base_url: "https://api.example.com/".parse().unwrap(),
            config: Oauth2Auth {
                token_endpoint: Some("https://id.example.com/token".parse().unwrap()),
                ..Oauth2Auth::default()
            },
            credentials: CredentialSet::from([("clientId".to_owned(), "client".into())]),
            tls: TlsSettings::default(),
        }
    }

    fn ids(&self) -> (OrganizationId, IntegrationId) {
        let ulid = Ulid::from(u128::from(self.number) + 1);
        (ulid.into(), ulid.into())
    }

    fn context(&self) -> GrantContext<'_> {
        let (organization, integration) = self.ids();
        GrantContext {
            organization,
            integration,
            base_url: &self.base_url,
            own_hosts: &[],
            config: &self.config,
            credentials: &self.credentials,
            credential_version: "1",
            tls: &self.tls,
        }
    }
}
