use std::sync::Arc;

use futures::future::join_all;
use gatehouse::domain::TlsVersion;
use gatehouse::egress::{
    ClientIdentity, Egress, EgressError, OutboundRequest, Redirects, TlsFault,
};
use rustls::{SupportedProtocolVersion, version};

use super::authority::{Authority, BOTH, TlsServer, config};
use super::{Answers, request};

const EACH: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

fn egress(authority: &Authority) -> Egress {
    Egress::with_resolver(authority.trusted(), Answers::new(&[&["127.0.0.1"]]))
}

fn showing(url: &str, identity: Option<&Arc<ClientIdentity>>) -> OutboundRequest {
    let mut request = request(url);
    request.tls.min_version = TlsVersion::Tls12;
    request.tls.client_identity = identity.cloned();
    request
}

#[tokio::test]
async fn a_server_that_asks_who_calls_is_told() {
    let (root, clients) = (Authority::new("root"), Authority::new("clients"));
    let (leaf, client) = (root.leaf("server.example"), clients.leaf("client"));
    for version in EACH {
        let server = TlsServer::start(config(&[version], &leaf, Some(&clients))).await;
        let request = showing(&server.url(), Some(&client.identity()));
        let response = egress(&root).send(request).await.unwrap();
        let body = String::from_utf8(response.body.to_vec()).unwrap();
        assert!(body.ends_with(&client.fingerprint()), "{body}");
    }
}

#[tokio::test]
async fn a_server_that_asks_who_calls_refuses_others() {
    let (root, clients) = (Authority::new("root"), Authority::new("clients"));
    let stranger = Authority::new("stranger").leaf("client").identity();
    let leaf = root.leaf("server.example");
    for version in EACH {
        let server = TlsServer::start(config(&[version], &leaf, Some(&clients))).await;
        for (identity, expected) in [
            (None, TlsFault::ClientCertificateRequired),
            (Some(&stranger), TlsFault::ClientCertificateRefused),
        ] {
            let request = showing(&server.url(), identity);
            let error = egress(&root).send(request).await.unwrap_err();
            let EgressError::Tls(fault, _) = &error else {
                panic!("{version:?}: {error:?}");
            };
            assert_eq!(*fault, expected, "{version:?}: {error:?}");
            assert!(!error.is_transient());
        }
        assert_eq!(server.requests(), 0);
    }
}

#[tokio::test]
async fn who_shows_another_identity_never_shares_a_connection() {
    let (root, clients) = (Authority::new("root"), Authority::new("clients"));
    let server = TlsServer::start(config(
        &[&version::TLS13],
        &root.leaf("server.example"),
        Some(&clients),
    ))
    .await;
    let leaves = [clients.leaf("a"), clients.leaf("b")];
    let egress = egress(&root);
    for _ in 0..3 {
        let sent = join_all(leaves.iter().map(|leaf| {
            // Each time parsed anew, as from the vault.
            egress.send(showing(&server.url(), Some(&leaf.identity())))
        }));
        for (leaf, response) in leaves.iter().zip(sent.await) {
            let response = response.unwrap();
            let body = String::from_utf8(response.body.to_vec()).unwrap();
            assert!(body.ends_with(&leaf.fingerprint()), "{body}");
        }
    }
    assert_eq!(server.connections(), 2, "one for each, and kept open");
    assert!(egress.send(showing(&server.url(), None)).await.is_err());
}

#[tokio::test]
async fn an_identity_is_not_shown_where_a_redirect_leads() {
    let (root, clients) = (Authority::new("root"), Authority::new("clients"));
    let (leaf, client) = (root.leaf("server.example"), clients.leaf("client"));
    let second = TlsServer::start(config(&BOTH, &leaf, Some(&clients))).await;
    let redirect = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        second.url()
    );
    let first = config(&BOTH, &leaf, Some(&clients));
    let first = TlsServer::answering(first, Some(redirect)).await;
    let mut request = showing(&first.url(), Some(&client.identity()));
    request.redirects = Redirects::Follow(1);
    let error = egress(&root).send(request).await.unwrap_err();
    assert_eq!(error.code(), "tls_client_certificate_required", "{error:?}");
    assert!(matches!(error, EgressError::AfterRedirect(_)), "{error:?}");
    assert_eq!((first.requests(), second.requests()), (1, 0));
}
