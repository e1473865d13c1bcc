use std::time::Duration;

use axum::{Json, Router};
use gatehouse::access::DevelopmentIssuer;
use gatehouse::domain::OrganizationId;
use gatehouse::lambda::system_sources;
use tokio::net::TcpListener;

const NAME: &str = "https://issuer.example";
const AUDIENCE: &str = "gatehouse";

/// Somebody who signs access tokens and shows the public key to whoever asks.
#[derive(Debug)]
pub(super) struct Issuer {
    issuer: DevelopmentIssuer,
    jwks_url: String,
}

impl Issuer {
    pub(super) async fn start() -> Self {
        let issuer = DevelopmentIssuer::generate(NAME.to_owned()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let jwks_url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let keys = Json(issuer.jwks());
        let router = Router::new().route("/jwks", axum::routing::get(async || keys));
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { issuer, jwks_url }
    }

    /// The template's parameters by which functions believe it.
    pub(super) fn parameters(&self) -> [(&'static str, &str); 3] {
        [
            ("Issuer", NAME),
            ("Audience", AUDIENCE),
            ("JwksUrl", &self.jwks_url),
        ]
    }

    /// A good token, for a new organization.
    pub(super) fn token(&self) -> String {
        let now = system_sources().now();
        self.token_from(now.as_second(), AUDIENCE)
    }

    /// A token for a new organization, from some time on.
    pub(super) fn token_from(&self, second: i64, audience: &str) -> String {
        let sources = system_sources();
        let organization = OrganizationId::generate(sources.now(), sources.randomness.as_ref());
        self.token_of(organization, second, audience, Duration::from_secs(600))
    }

    /// A token for an organization.
    pub(super) fn token_of(
        &self,
        organization: OrganizationId,
        second: i64,
        audience: &str,
        lifetime: Duration,
    ) -> String {
        let from = gatehouse::domain::Timestamp::from_second(second).unwrap();
        self.issuer
            .token(organization, "me", audience, from, lifetime)
    }

    /// A token that says of itself that nobody has signed it.
    pub(super) fn unsigned(&self) -> String {
        let good = self.token();
        let claims = good.split('.').nth(1).unwrap();
        // {"alg":"none"}
        format!("eyJhbGciOiJub25lIn0.{claims}.")
    }
}
