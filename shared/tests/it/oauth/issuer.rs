use std::sync::Arc;

use gatehouse::access::DevelopmentIssuer;
use gatehouse::domain::Timestamp;
use gatehouse::egress::{Egress, TlsSettings};
use gatehouse::jwt::KeySet;
use gatehouse::oauth::{
    IdToken, IdTokenCheck, IdentityError, LogoutToken, Metadata, MetadataCache, verify_id_token,
    verify_logout_token,
};
use serde_json::{Value, json};

use super::server::Server;
use super::{Hands, egress};

/// An OpenID provider on this machine, and a client `us` of it.
pub(super) struct Issuer {
    pub(super) server: Server,
    pub(super) signer: DevelopmentIssuer,
    pub(super) clock: Hands,
    pub(super) egress: Egress,
    pub(super) metadata: Metadata,
    pub(super) keys: Arc<KeySet>,
}

impl Issuer {
    pub(super) async fn new() -> Self {
        let (server, clock, egress) = (Server::new().await, Hands::new(), egress());
        let signer = DevelopmentIssuer::generate(server.url("")).unwrap();
        let metadata: Metadata = serde_json::from_value(json!({
            "issuer": server.url(""), "jwks_uri": server.url("/keys"),
            "userinfo_endpoint": server.url("/userinfo"),
        }))
        .unwrap();
        server.json("/keys", &signer.jwks());
        let cache = MetadataCache::new(egress.clone(), clock.sources());
        let keys = cache.keys(&metadata, &TlsSettings::default()).await;
        Self {
            server,
            signer,
            clock,
            egress,
            metadata,
            keys: keys.unwrap(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.sources().now()
    }

    pub(super) fn id_claims(&self) -> Value {
        let now = self.now().as_second();
        json!({
            "iss": self.server.url(""), "sub": "somebody", "aud": "us", "nonce": "n-1",
            "iat": now, "exp": now + 300,
        })
    }

    pub(super) fn check(&self) -> IdTokenCheck<'_> {
        IdTokenCheck {
            metadata: &self.metadata,
            client_id: "us",
            nonce: Some("n-1"),
            max_age: None,
            access_token: None,
            subject: None,
        }
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        self.signer.sign(&header(), claims)
    }

    pub(super) async fn verify(&self, token: &str) -> Result<IdToken, IdentityError> {
        self.verify_as(token, &self.check()).await
    }

    pub(super) async fn verify_as(
        &self,
        token: &str,
        check: &IdTokenCheck<'_>,
    ) -> Result<IdToken, IdentityError> {
        verify_id_token(&token.into(), &self.keys, check, self.now()).await
    }

    pub(super) fn logout_claims(&self) -> Value {
        let now = self.now().as_second();
        json!({
            "iss": self.server.url(""), "sub": "somebody", "sid": "s-1", "aud": "us",
            "iat": now, "exp": now + 120, "jti": "j-1",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        })
    }

    pub(super) async fn verify_logout(&self, token: &str) -> Result<LogoutToken, IdentityError> {
        verify_logout_token(token, &self.keys, &self.metadata, "us", self.now()).await
    }
}

pub(super) fn header() -> Value {
    json!({"alg": "EdDSA", "kid": "development"})
}

/// The same with another member; without it, for `null`.
pub(super) fn with(mut value: Value, name: &str, member: Value) -> Value {
    let object = value.as_object_mut().unwrap();
    match member {
        Value::Null => object.remove(name),
        member => object.insert(name.to_owned(), member),
    };
    value
}

/// What is wrong, in a word or two; nothing if it is accepted.
pub(super) fn why<T>(result: Result<T, IdentityError>) -> Option<&'static str> {
    match result {
        Ok(_) => None,
        Err(IdentityError::Refused { why, .. }) => Some(why),
        Err(error) => panic!("{error:?}"),
    }
}
