//! What is asked of a provider's TLS, and that nothing of a call reaches one that does not have it.

#[path = "../../../../../shared/tests/it/egress/authority.rs"]
#[expect(dead_code, reason = "the tests of the way out need more of it")]
mod authority;
mod checks;
#[path = "../../../../../shared/tests/it/egress/servers.rs"]
#[expect(dead_code, reason = "the tests of the way out need more of it")]
mod servers;

use std::future::{Future, ready};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;

use gatehouse::domain::SpkiPin;
use gatehouse::egress::{Egress, EgressPolicy, Resolve};
use rcgen::{CertificateParams, date_time_ymd};
use rustls::version;
use serde_json::{Value, json};

use crate::world::{KEY, World};

use authority::{Authority, BOTH, Leaf, TlsServer, config, pem};

const NAME: &str = "server.example";

/// Every name leads to this machine.
struct ToLoopback;

impl Resolve for ToLoopback {
    fn resolve(
        &self,
        _: String,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(ready(Ok(vec![Ipv4Addr::LOCALHOST.into()])))
    }
}

fn to_loopback() -> EgressPolicy {
    EgressPolicy {
        allowed: vec!["127.0.0.0/8".parse().unwrap()],
        ..EgressPolicy::default()
    }
}

/// A gateway that trusts `root` as it trusts the system's.
async fn trusting(root: &Authority) -> World {
    let egress = Egress::with_resolver(root.trusted(), Arc::new(ToLoopback));
    World::new().await.through(egress)
}

fn get() -> Value {
    json!({"method": "GET", "endpoint": "/a?q=canary-in-the-query"})
}

fn post() -> Value {
    json!({"method": "POST", "endpoint": "/a", "body": {"b": "canary-in-the-body"}})
}

/// What the server says was agreed on.
async fn agreed(world: &World, integration: &str) -> String {
    let answer = world.request(integration, get()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["body"].as_str().unwrap().to_owned()
}

/// Makes calls that fail for the reason `code`, and tells what the log says of the last.
async fn refused(world: &World, integration: &str, code: &str) -> Value {
    for body in [get(), post()] {
        let answer = world.request(integration, body).await;
        assert_eq!(answer.problem(), (502, "upstream_network".to_owned()));
        let upstream = &answer.json()["upstream"];
        assert_eq!(upstream["code"], code, "{upstream}");
        let log = world.log(integration).await.remove(0);
        assert_eq!(log["upstreamCode"], code);
        assert_eq!(log["attempts"], 1, "a person has to change something");
        let shown = answer.text() + &log.to_string();
        assert!(!shown.contains("canary") && !shown.contains(KEY), "{shown}");
    }
    let path = format!("{integration}/proxy/a");
    let answer = world.call(("GET", &path), &[], "").await;
    assert_eq!(answer.problem(), (502, "upstream_network".to_owned()));
    world.log(integration).await.remove(1)
}

#[tokio::test]
async fn tls_1_2_is_accepted_only_where_the_integration_says_so() {
    let root = Authority::new("root");
    let world = trusting(&root).await;
    let only_12 = config(&[&version::TLS12], &root.leaf(NAME), None);
    let server = TlsServer::start(only_12).await;
    let strict = world.integration(&server.url(), json!({})).await;
    let lenient = json!({"tlsConfig": {"minVersion": "1.2"}});
    let lenient = world.integration(&server.url(), lenient).await;
    for _ in 0..2 {
        refused(&world, &strict, "tls_version_not_supported").await;
        assert!(agreed(&world, &lenient).await.starts_with("TLSv1_2 "));
    }
    assert_eq!(server.requests(), 2, "those of the lenient one");
}

#[tokio::test]
async fn tls_1_3_is_agreed_on_with_who_has_it() {
    let root = Authority::new("root");
    let world = trusting(&root).await;
    for versions in [&BOTH[..], &[&version::TLS13]] {
        let server = TlsServer::start(config(versions, &root.leaf(NAME), None)).await;
        for fields in [json!({}), json!({"tlsConfig": {"minVersion": "1.2"}})] {
            let integration = world.integration(&server.url(), fields).await;
            let agreed = agreed(&world, &integration).await;
            assert!(agreed.starts_with("TLSv1_3 X25519MLKEM768 "), "{agreed}");
        }
    }
}

fn pins(pins: [SpkiPin; 2]) -> Value {
    json!({"tlsConfig": {"pins": pins}})
}

#[tokio::test]
async fn only_who_has_a_pinned_key_is_called() {
    let root = Authority::new("root");
    let world = trusting(&root).await;
    let leaf = root.leaf(NAME);
    let server = TlsServer::start(config(&BOTH, &leaf, None)).await;
    let [one, two] = [[1; 32], [2; 32]].map(SpkiPin::from_digest);
    for fitting in [[leaf.pin(), one], [one, leaf.pin()], [one, root.pin()]] {
        let integration = world.integration(&server.url(), pins(fitting)).await;
        agreed(&world, &integration).await;
    }
    let sent = server.requests();
    let integration = world.integration(&server.url(), pins([one, two])).await;
    let log = refused(&world, &integration, "tls_pin_mismatch").await;
    assert_eq!(log["status"], "failed");
    assert_eq!(server.requests(), sent, "nothing of the call has left");
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said_and_nothing_is_sent() {
    let (root, stranger) = (Authority::new("root"), Authority::new("stranger"));
    let world = trusting(&root).await;
    let mut expired = CertificateParams::new([NAME.to_owned()]).unwrap();
    expired.not_before = date_time_ymd(2001, 1, 1);
    expired.not_after = date_time_ymd(2002, 1, 1);
    for (leaf, code) in [
        (root.leaf("another.example"), "tls_certificate_wrong_name"),
        (stranger.leaf(NAME), "tls_certificate_untrusted"),
        (Leaf::self_signed(NAME), "tls_certificate_untrusted"),
        (root.leaf_of(expired), "tls_certificate_expired"),
    ] {
        let server = TlsServer::start(config(&BOTH, &leaf, None)).await;
        let integration = world.integration(&server.url(), json!({})).await;
        refused(&world, &integration, code).await;
        assert_eq!(server.requests(), 0, "{code}");
        assert_eq!(server.connections(), 3, "{code}");
    }
}

#[tokio::test]
async fn a_function_trusts_no_other_roots_than_the_systems() {
    let root = Authority::new("root");
    let server = TlsServer::start(config(&BOTH, &root.leaf("localhost"), None)).await;
    let world = World::new().await;
    let url = server.url().replace(NAME, "localhost");
    let integration = world.integration(&url, json!({})).await;
    refused(&world, &integration, "tls_certificate_untrusted").await;
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_provider_that_asks_who_calls_is_shown_the_certificate_of_the_credentials() {
    let (root, clients) = (Authority::new("root"), Authority::new("clients"));
    let world = trusting(&root).await;
    let client = clients.leaf("client");
    let stranger = Authority::new("stranger").leaf("client");
    let asks = config(&[&version::TLS13], &root.leaf(NAME), Some(&clients));
    let server = TlsServer::start(asks).await;
    let certificate = json!({"authMethod": "custom", "authConfig": {"kind": "client_certificate"}});
    let of = |leaf: &Leaf| {
        let chain: String = leaf.chain.iter().map(|der| pem(der)).collect();
        (chain, leaf.key_pem())
    };
    let (chain, key) = of(&client);
    let both = [("clientCertificate", &*chain), ("clientKey", &*key)];
    let with_key = [("apiKey", KEY), both[0], both[1]];
    for (fields, credentials) in [(certificate.clone(), &both[..]), (json!({}), &with_key[..])] {
        let url = server.url();
        let integration = world.integration_with(&url, fields, credentials).await;
        let agreed = agreed(&world, &integration).await;
        assert!(agreed.ends_with(&client.fingerprint()), "{agreed}");
    }
    let sent = server.requests();
    let integration = world.integration(&server.url(), json!({})).await;
    refused(&world, &integration, "tls_client_certificate_required").await;
    let (chain, key) = of(&stranger);
    let strange = [("clientCertificate", &*chain), ("clientKey", &*key)];
    let url = server.url();
    let integration = world.integration_with(&url, certificate, &strange).await;
    refused(&world, &integration, "tls_client_certificate_refused").await;
    assert_eq!(server.requests(), sent, "none of those was read");
}

#[tokio::test]
async fn credentials_that_are_to_hold_a_certificate_and_do_not_make_no_call() {
    let root = Authority::new("root");
    let world = trusting(&root).await;
    let server = TlsServer::start(config(&BOTH, &root.leaf(NAME), None)).await;
    let fields = json!({"authMethod": "custom", "authConfig": {"kind": "client_certificate"}});
    let broken = [
        ("clientCertificate", "canary-of-a-broken-one"),
        ("clientKey", "canary"),
    ];
    for credentials in [&[("apiKey", KEY)][..], &broken[..1], &broken] {
        let url = server.url();
        let integration = world.integration_with(&url, fields.clone(), credentials);
        let answer = world.request(&integration.await, get()).await;
        assert_eq!(answer.problem(), (409, "conflict".to_owned()));
        assert!(!answer.text().contains("canary"), "{}", answer.text());
    }
    assert_eq!(server.connections(), 0);
}
