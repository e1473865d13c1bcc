use std::sync::Arc;

use gatehouse::egress::{Egress, EgressError, EgressPolicy, Redirects, TlsVersion};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion, version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::servers::{Server, listen, ok};
use super::{Answers, request, to_loopback};

/// A TLS server, and a policy that trusts it. It answers what it is told, or says which key
/// exchange was agreed on.
async fn server(
    versions: &[&'static SupportedProtocolVersion],
    answer: Option<String>,
) -> (u16, EgressPolicy) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["server.example".to_owned()]).unwrap();
    let root = cert.der().to_vec();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(root.clone())], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, port) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let group = stream.get_ref().1.negotiated_key_exchange_group();
                let answer = answer.unwrap_or_else(|| ok(&format!("{:?}", group.unwrap().name())));
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (
        port,
        EgressPolicy {
            extra_roots: vec![root],
            ..to_loopback()
        },
    )
}

#[tokio::test]
async fn tls_1_2_is_accepted_only_where_that_is_said() {
    let (port, policy) = server(&[&version::TLS12], Some(ok("over tls"))).await;
    let egress = Egress::with_resolver(policy, Answers::new(&[&["127.0.0.1"]]));
    let mut request = request(&format!("https://server.example:{port}/"));
    let error = egress.send(request.clone()).await.unwrap_err();
    assert!(matches!(error, EgressError::Tls(_)), "{error:?}");
    request.min_tls = TlsVersion::Tls12;
    assert_eq!(egress.send(request).await.unwrap().body, "over tls");
}

#[tokio::test]
async fn tls_1_3_with_a_post_quantum_key_exchange_is_agreed_on() {
    let (port, policy) = server(&[&version::TLS13], None).await;
    let egress = Egress::with_resolver(policy, Answers::new(&[&["127.0.0.1"]]));
    let request = request(&format!("https://server.example:{port}/"));
    assert_eq!(egress.send(request).await.unwrap().body, "X25519MLKEM768");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_or_of_another_name_is_refused() {
    let (port, policy) = server(&[&version::TLS13], None).await;
    let stranger = Egress::with_resolver(to_loopback(), Answers::new(&[&["127.0.0.1"]]));
    let trusting = Egress::with_resolver(policy, Answers::new(&[&["127.0.0.1"]]));
    for (egress, host) in [(stranger, "server.example"), (trusting, "other.example")] {
        let error = egress
            .send(request(&format!("https://{host}:{port}/")))
            .await
            .unwrap_err();
        assert!(matches!(error, EgressError::Tls(_)), "{host}: {error:?}");
    }
}

#[tokio::test]
async fn a_redirect_does_not_lead_from_https_to_http() {
    let plain = Server::raw(ok("plain")).await;
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        plain.url("/")
    );
    let (port, policy) = server(&[&version::TLS13], Some(redirect)).await;
    let egress = Egress::with_resolver(policy, Answers::new(&[&["127.0.0.1"]]));
    let mut request = request(&format!("https://server.example:{port}/"));
    request.redirects = Redirects::Follow(3);
    let error = egress.send(request).await.unwrap_err();
    assert!(matches!(error, EgressError::ForbiddenUrl(_)), "{error:?}");
    assert_eq!(plain.connections(), 0);
}
