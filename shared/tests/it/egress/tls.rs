use gatehouse::domain::TlsVersion;
use gatehouse::egress::{Egress, EgressError, OutboundRequest, Redirects, TlsFault};
use rcgen::{CertificateParams, date_time_ymd};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::version;

use super::authority::{Authority, BOTH, Leaf, TlsServer, config, config_with};
use super::servers::{Server, ok};
use super::{Answers, request, to_loopback};

fn egress(authority: &Authority) -> Egress {
    Egress::with_resolver(authority.trusted(), Answers::new(&[&["127.0.0.1"]]))
}

fn lenient(url: &str) -> OutboundRequest {
    let mut request = request(url);
    request.tls.min_version = TlsVersion::Tls12;
    request
}

fn fault(error: &EgressError) -> Option<TlsFault> {
    match error {
        EgressError::Tls(fault, _) => Some(*fault),
        _ => None,
    }
}

#[tokio::test]
async fn tls_1_2_is_accepted_only_where_that_is_said() {
    let authority = Authority::new("root");
    let leaf = authority.leaf("server.example");
    let server = TlsServer::start(config(&[&version::TLS12], &leaf, None)).await;
    let egress = egress(&authority);
    let error = egress.send(request(&server.url())).await.unwrap_err();
    assert_eq!(
        fault(&error),
        Some(TlsFault::VersionNotSupported),
        "{error:?}"
    );
    assert!(!error.may_have_been_sent() && !error.is_transient());
    assert_eq!(server.requests(), 0);
    let response = egress.send(lenient(&server.url())).await.unwrap();
    let body = String::from_utf8(response.body.to_vec()).unwrap();
    assert!(body.starts_with("TLSv1_2 "), "{body}");
    // To have accepted it once is not to accept it.
    assert!(egress.send(request(&server.url())).await.is_err());
}

#[tokio::test]
async fn tls_1_3_with_a_post_quantum_key_exchange_is_agreed_on() {
    let authority = Authority::new("root");
    let leaf = authority.leaf("server.example");
    for request in [request, lenient] {
        let server = TlsServer::start(config(&BOTH, &leaf, None)).await;
        let response = egress(&authority).send(request(&server.url())).await;
        let body = String::from_utf8(response.unwrap().body.to_vec()).unwrap();
        let expected = "TLSv1_3 X25519MLKEM768 TLS13_AES_256_GCM_SHA384 http/1.1 -";
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn a_server_without_post_quantum_cryptography_gets_x25519() {
    let authority = Authority::new("root");
    let leaf = authority.leaf("server.example");
    let provider = CryptoProvider {
        kx_groups: vec![kx_group::X25519, kx_group::SECP256R1],
        ..default_provider()
    };
    let config = config_with(provider, &[&version::TLS13], &leaf, None);
    let server = TlsServer::start(config).await;
    let response = egress(&authority).send(request(&server.url())).await;
    let body = String::from_utf8(response.unwrap().body.to_vec()).unwrap();
    assert!(body.starts_with("TLSv1_3 X25519 "), "{body}");
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_has_it() {
    let authority = Authority::new("root");
    let leaf = authority.leaf("server.example");
    let mut config = config(&[&version::TLS13], &leaf, None);
    config.alpn_protocols = vec![b"h2".to_vec()];
    // It answers in HTTP/1.1, which is not what was agreed on.
    let server = TlsServer::answering(config, Some(ok("x"))).await;
    let error = egress(&authority).send(request(&server.url())).await;
    let error = error.unwrap_err();
    assert!(server.requests() > 0 && error.may_have_been_sent());
    assert!(matches!(error, EgressError::Disconnected(_)), "{error:?}");
}

fn valid(from: i32, until: i32) -> CertificateParams {
    let mut params = CertificateParams::new(["server.example".to_owned()]).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    params
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told() {
    let (authority, stranger) = (Authority::new("root"), Authority::new("stranger"));
    let self_signed = Leaf::self_signed("server.example");
    for (leaf, expected) in [
        (authority.leaf("a.example"), TlsFault::CertificateWrongName),
        (
            stranger.leaf("server.example"),
            TlsFault::CertificateUntrusted,
        ),
        (self_signed, TlsFault::CertificateUntrusted),
        (
            authority.leaf_of(valid(2001, 2002)),
            TlsFault::CertificateExpired,
        ),
        (
            authority.leaf_of(valid(2998, 2999)),
            TlsFault::CertificateNotYetValid,
        ),
    ] {
        let server = TlsServer::start(config(&BOTH, &leaf, None)).await;
        for request in [request, lenient] {
            let error = egress(&authority).send(request(&server.url())).await;
            let error = error.unwrap_err();
            assert_eq!(fault(&error), Some(expected), "{error:?}");
            assert!(error.is_retryable() && !error.is_transient());
            assert!(!error.may_have_been_sent());
            let text = format!("{error:?} {}", gatehouse::lambda::telemetry::chain(&error));
            assert!(!text.contains("example"), "{text}");
        }
        assert_eq!(server.requests(), 0);
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused() {
    let server = Server::raw(ok("plain")).await;
    let egress = Egress::with_resolver(to_loopback(), Answers::new(&[&["127.0.0.1"]]));
    let url = format!("https://server.example:{}/", server.port);
    let error = egress.send(request(&url)).await.unwrap_err();
    assert_eq!(fault(&error), Some(TlsFault::Other), "{error:?}");
    assert!(error.is_transient() && !error.may_have_been_sent());
}

#[tokio::test]
async fn a_redirect_does_not_lead_from_https_to_http() {
    let plain = Server::raw(ok("plain")).await;
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        plain.url("/")
    );
    let authority = Authority::new("root");
    let leaf = authority.leaf("server.example");
    let server = TlsServer::answering(config(&BOTH, &leaf, None), Some(redirect)).await;
    let mut request = request(&server.url());
    request.redirects = Redirects::Follow(3);
    let error = egress(&authority).send(request).await.unwrap_err();
    let refused = matches!(error.of_last_hop(), EgressError::ForbiddenUrl(_));
    assert!(refused, "{error:?}");
    assert!(error.may_have_been_sent(), "the first server has it");
    assert_eq!(plain.connections(), 0);
}
