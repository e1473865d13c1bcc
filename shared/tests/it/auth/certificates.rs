//! Client certificates out of the credentials, on calls and on logins.

use gatehouse::auth::{AuthError, client_identity};
use gatehouse::domain::AuthMethod;
use gatehouse::egress::{Egress, EgressError};
use http::Method;
use rustls::version;
use serde_json::{Value, json};

use super::{Caller, shown};
use crate::egress::Answers;
use crate::egress::authority::{Authority, TlsServer, config, pem};

struct Mutual {
    root: Authority,
    clients: Authority,
    server: TlsServer,
}

impl Mutual {
    async fn start() -> Self {
        let (root, clients) = (Authority::new("root"), Authority::new("clients"));
        let leaf = root.leaf("server.example");
        let config = config(&[&version::TLS13], &leaf, Some(&clients));
        let server = TlsServer::start(config).await;
        Self {
            root,
            clients,
            server,
        }
    }

    /// Whose credentials hold a certificate, and the certificate's fingerprint.
    fn caller(&self, method: AuthMethod, config: &Value) -> (Caller, String) {
        let client = self.clients.leaf("client");
        let chain: String = client.chain.iter().map(|der| pem(der)).collect();
        let fields = [
            ("apiKey", "k-1"),
            ("clientCertificate", chain.as_str()),
            ("clientKey", &client.key_pem()),
        ];
        let base_url = self.server.url();
        let resolver = Answers::new(&[&["127.0.0.1"]]);
        let egress = Egress::with_resolver(self.root.trusted(), resolver);
        let caller = Caller::new(method, config, &fields, &base_url).through(egress);
        (caller, client.fingerprint())
    }
}

#[tokio::test]
async fn a_certificate_is_shown_whatever_the_method() {
    let mutual = Mutual::start().await;
    for (method, config) in [
        (AuthMethod::Custom, json!({"kind": "client_certificate"})),
        (
            AuthMethod::ApiKey,
            json!({"keyLocation": "query", "keyParam": "k"}),
        ),
    ] {
        let (mut caller, fingerprint) = mutual.caller(method, &config);
        let (status, body) = caller.send(caller.request(Method::GET, "/")).await;
        assert_eq!(status, 200);
        assert!(body.ends_with(&fingerprint), "{body}");
        // The one that was made for the integration is used, if there is one.
        caller.tls.client_identity = client_identity(&caller.credentials).unwrap();
        caller.credentials.remove("clientKey");
        let (status, _) = caller.send(caller.request(Method::GET, "/")).await;
        assert_eq!(status, 200);
    }
}

#[tokio::test]
async fn a_certificate_is_shown_at_the_login() {
    let mutual = Mutual::start().await;
    let login = json!({"kind": "login", "path": "/session", "token": "t"});
    let (mut caller, _) = mutual.caller(AuthMethod::Custom, &login);
    let error = caller.authorization().await.unwrap_err();
    // That server talks to those it knows, and knows no tokens.
    assert!(matches!(error, AuthError::TokenUnreadable(_)), "{error}");
    caller.credentials.clear();
    let error = caller.authorization().await.unwrap_err();
    let AuthError::TokenCall(cause) = &error else {
        panic!("{error}")
    };
    assert!(matches!(**cause, EgressError::Tls(..)), "{}", shown(&error));
    assert!(!error.is_transient());
}
