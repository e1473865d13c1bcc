use gatehouse::domain::{SpkiPin, TlsVersion};
use gatehouse::egress::{Egress, EgressError, OutboundRequest};
use http::{HeaderValue, Method};

use super::authority::{Authority, BOTH, TlsServer, config};
use super::{Answers, request};

fn pinned(url: &str, pins: &[SpkiPin]) -> OutboundRequest {
    let mut request = request(url);
    request.tls.pins = pins.to_vec();
    request
}

fn egress(authority: &Authority) -> Egress {
    Egress::with_resolver(authority.trusted(), Answers::new(&[&["127.0.0.1"]]))
}

fn stranger() -> SpkiPin {
    SpkiPin::from_digest([7; 32])
}

#[tokio::test]
async fn a_pinned_key_may_be_anywhere_in_the_chain() {
    let root = Authority::new("root");
    let intermediate = root.intermediate("intermediate");
    let leaf = intermediate.leaf("server.example");
    let server = TlsServer::start(config(&BOTH, &leaf, None)).await;
    let egress = egress(&root);
    for pins in [
        [leaf.pin(), stranger()],
        // The second is the backup.
        [stranger(), leaf.pin()],
        [stranger(), intermediate.pin()],
        [stranger(), root.pin()],
    ] {
        let response = egress.send(pinned(&server.url(), &pins)).await;
        assert!(response.is_ok(), "{pins:?}: {response:?}");
    }
}

#[tokio::test]
async fn without_a_pinned_key_nothing_is_sent() {
    let root = Authority::new("root");
    let leaf = root.leaf("server.example");
    let server = TlsServer::start(config(&BOTH, &leaf, None)).await;
    let egress = egress(&root);
    // An open connection without pins is none for who has some.
    egress.send(request(&server.url())).await.unwrap();
    for min_version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let mut request = pinned(&server.url(), &[stranger()]);
        request.method = Method::POST;
        request.body = "canary".into();
        request.tls.min_version = min_version;
        let value = HeaderValue::from_static("canary");
        request.headers.insert("x-key", value);
        let error = egress.send(request).await.unwrap_err();
        assert!(matches!(error, EgressError::PinMismatch), "{error:?}");
        assert_eq!(error.code(), "tls_pin_mismatch");
        assert!(!error.may_have_been_sent() && !error.is_retryable());
        assert!(error.to_string().contains("pinned keys"), "{error}");
    }
    assert_eq!((server.requests(), server.connections()), (1, 3));
}

/// The certificates of others are public: whoever has one of its own that is trusted could send
/// them along.
#[tokio::test]
async fn a_pinned_certificate_that_is_only_sent_along_does_not_count() {
    let root = Authority::new("root");
    let (pinned_leaf, pinned_issuer) = (root.leaf("server.example"), root.intermediate("pinned"));
    let mut leaf = root.leaf("server.example");
    leaf.chain.extend(pinned_leaf.chain.clone());
    let below_issuer = pinned_issuer.leaf("x").chain;
    leaf.chain.extend(below_issuer.into_iter().skip(1));
    let server = TlsServer::start(config(&BOTH, &leaf, None)).await;
    let egress = egress(&root);
    for pin in [pinned_leaf.pin(), pinned_issuer.pin()] {
        let error = egress.send(pinned(&server.url(), &[pin])).await;
        assert!(matches!(error, Err(EgressError::PinMismatch)), "{error:?}");
    }
    assert_eq!(server.requests(), 0);
    let response = egress.send(pinned(&server.url(), &[leaf.pin()])).await;
    assert!(response.is_ok(), "{response:?}");
}

#[tokio::test]
async fn a_pin_vouches_for_nothing() {
    let (root, stranger) = (Authority::new("root"), Authority::new("stranger"));
    let untrusted = stranger.leaf("server.example");
    let other_name = root.leaf("other.example");
    for leaf in [untrusted, other_name] {
        let server = TlsServer::start(config(&BOTH, &leaf, None)).await;
        let request = pinned(&server.url(), &[leaf.pin()]);
        let error = egress(&root).send(request).await.unwrap_err();
        assert!(matches!(error, EgressError::Tls(..)), "{error:?}");
        assert_eq!(server.requests(), 0);
    }
}

/// More than clients are kept, so that those used least recently are gone.
#[tokio::test]
async fn connections_of_settings_that_are_not_used_are_given_up() {
    let root = Authority::new("root");
    let leaf = root.leaf("server.example");
    let server = TlsServer::start(config(&BOTH, &leaf, None)).await;
    let egress = egress(&root);
    let send = async |backup: u8| {
        let pins = [leaf.pin(), SpkiPin::from_digest([backup; 32])];
        egress.send(pinned(&server.url(), &pins)).await.unwrap();
        server.connections()
    };
    for backup in 0..=64 {
        assert_eq!(send(backup).await, usize::from(backup) + 1);
    }
    assert_eq!(send(1).await, 65, "still open");
    assert_eq!(send(0).await, 66, "given up, and made anew");
}

#[tokio::test]
async fn pins_in_another_order_share_connections() {
    let root = Authority::new("root");
    let leaf = root.leaf("server.example");
    let server = TlsServer::start(config(&BOTH, &leaf, None)).await;
    let egress = egress(&root);
    for pins in [[leaf.pin(), stranger()], [stranger(), leaf.pin()]] {
        let sent = egress.send(pinned(&server.url(), &pins)).await;
        sent.unwrap();
    }
    assert_eq!((server.requests(), server.connections()), (2, 1));
}
