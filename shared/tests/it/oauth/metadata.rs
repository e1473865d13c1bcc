//! Discovery: OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3.

use std::sync::Arc;
use std::time::Duration;

use gatehouse::domain::TlsVersion;
use gatehouse::egress::TlsSettings;
use gatehouse::oauth::{Metadata, MetadataCache, OauthError};
use serde_json::{Value, json};

use super::server::Server;
use super::{Hands, egress};

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

struct World {
    server: Server,
    clock: Hands,
    cache: MetadataCache,
}

impl World {
    async fn new() -> Self {
        let clock = Hands::new();
        Self {
            server: Server::new().await,
            cache: MetadataCache::new(egress(), clock.sources()),
            clock,
        }
    }

    fn document(&self, path: &str) -> Value {
        json!({"issuer": self.server.url(path), "token_endpoint": self.server.url("/token")})
    }

    async fn get(&self, path: &str) -> Result<Arc<Metadata>, OauthError> {
        self.get_with(path, &TlsSettings::default()).await
    }

    async fn get_with(&self, path: &str, tls: &TlsSettings) -> Result<Arc<Metadata>, OauthError> {
        let issuer = self.server.url(path).parse().unwrap();
        self.cache.get(&issuer, tls, Duration::from_secs(10)).await
    }
}

#[tokio::test]
async fn a_document_is_found_at_either_place() {
    let world = World::new().await;
    world.server.json(OPENID, &world.document(""));
    world
        .server
        .json(&format!("{OAUTH}/t"), &world.document("/t"));
    assert_eq!(world.get("").await.unwrap().issuer, world.server.url(""));
    assert_eq!(
        world.get("/t").await.unwrap().issuer,
        world.server.url("/t")
    );
    // A page for people in place of the first is passed over.
    let page = b"<!doctype html>".to_vec();
    let first = format!("/spa{OPENID}");
    world.server.answer(&first, 200, "text/html", page);
    assert!(matches!(
        world.get("/spa").await,
        Err(OauthError::Unreadable(_))
    ));
    world.clock.pass(10);
    world
        .server
        .json(&format!("{OAUTH}/spa"), &world.document("/spa"));
    assert!(world.get("/spa").await.is_ok());
}

#[tokio::test]
async fn a_document_of_another_issuer_is_refused_and_the_next_place_not_asked() {
    let world = World::new().await;
    let other = json!({"issuer": "https://evil.example"});
    world.server.json(OPENID, &other);
    world.server.json(OAUTH, &world.document(""));
    let refused = world.get("").await;
    assert!(
        matches!(refused, Err(OauthError::WrongIssuer)),
        "{refused:?}"
    );
    assert_eq!(world.server.calls(OAUTH), 0);
}

#[tokio::test]
async fn a_document_is_kept_for_an_hour_and_used_for_a_day_while_the_server_fails() {
    let world = World::new().await;
    world.server.json(OPENID, &world.document(""));
    for (seconds, calls) in [(0, 1), (3599, 1), (1, 2), (3599, 2)] {
        world.clock.pass(seconds);
        assert!(world.get("").await.is_ok());
        assert_eq!(world.server.calls(OPENID), calls);
    }
    world.server.answer(OPENID, 503, "text/plain", Vec::new());
    world.clock.pass(1);
    assert!(world.get("").await.is_ok());
    // It is left alone for a while.
    assert!(world.get("").await.is_ok());
    assert_eq!(world.server.calls(OPENID), 3);
    world.clock.pass(23 * 3600);
    let failed = world.get("").await;
    let is_503 = matches!(failed, Err(OauthError::Refused { status: 503, .. }));
    assert!(is_503, "{failed:?}");
}

#[tokio::test]
async fn what_an_issuer_takes_back_is_not_used_on() {
    let world = World::new().await;
    world.server.json(OPENID, &world.document(""));
    assert!(world.get("").await.is_ok());
    world.clock.pass(3600);
    world
        .server
        .json(OPENID, &json!({"issuer": "https://evil.example"}));
    assert!(matches!(world.get("").await, Err(OauthError::WrongIssuer)));
    world.clock.pass(10);
    world.server.answer(OPENID, 503, "text/plain", Vec::new());
    let failed = world.get("").await;
    assert!(
        matches!(failed, Err(OauthError::Refused { .. })),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_server_that_fails_is_asked_again_after_ten_seconds() {
    let world = World::new().await;
    for (seconds, calls) in [(0, 1), (9, 1), (1, 2)] {
        world.clock.pass(seconds);
        let missing = world.get("").await;
        let is_404 = matches!(missing, Err(OauthError::Refused { status: 404, .. }));
        assert!(is_404, "{missing:?}");
        assert_eq!(world.server.calls(OPENID), calls);
    }
    world.server.json(OPENID, &world.document(""));
    world.clock.pass(10);
    assert!(world.get("").await.is_ok());
}

#[tokio::test]
async fn those_who_want_it_at_the_same_time_wait_for_one_fetch() {
    let world = World::new().await;
    world.server.json(OPENID, &world.document(""));
    let all = futures::future::join_all((0..50).map(|_| world.get(""))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(world.server.calls(OPENID), 1);
    // They wait for one failure, too.
    let all = futures::future::join_all((0..50).map(|_| world.get("/none"))).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(world.server.calls(&format!("/none{OPENID}")), 1);
}

#[tokio::test]
async fn what_weaker_demands_on_tls_brought_is_not_for_stronger_ones() {
    let world = World::new().await;
    world.server.json(OPENID, &world.document(""));
    let weaker = TlsSettings {
        min_version: TlsVersion::Tls12,
        ..TlsSettings::default()
    };
    let pinned = TlsSettings {
        pins: vec![gatehouse::domain::SpkiPin::from_digest([0; 32])],
        ..TlsSettings::default()
    };
    for (tls, calls) in [(&weaker, 1), (&TlsSettings::default(), 2), (&pinned, 3)] {
        for _ in 0..2 {
            assert!(world.get_with("", tls).await.is_ok());
        }
        assert_eq!(world.server.calls(OPENID), calls);
    }
}

#[tokio::test]
async fn a_document_of_more_than_256_kib_is_not_read() {
    let world = World::new().await;
    let mut document = world.document("");
    document["x"] = json!("x".repeat(300_000));
    world.server.json(OPENID, &document);
    let refused = world.get("").await;
    assert!(
        matches!(refused, Err(OauthError::Unreadable(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn only_so_many_issuers_are_remembered() {
    let world = World::new().await;
    for number in 0..201 {
        let path = format!("/{number}");
        world
            .server
            .json(&format!("{path}{OPENID}"), &world.document(&path));
        assert!(world.get(&path).await.is_ok());
    }
    assert!(world.get("/200").await.is_ok());
    assert!(world.get("/0").await.is_ok());
    assert_eq!(world.server.calls(&format!("/200{OPENID}")), 1);
    assert_eq!(world.server.calls(&format!("/0{OPENID}")), 2);
}

#[tokio::test]
async fn one_server_has_one_set_of_keys() {
    let world = World::new().await;
    let mut document = world.document("");
    world.server.json(OPENID, &document);
    let metadata = world.get("").await.unwrap();
    let tls = TlsSettings::default();
    let missing = world.cache.keys(&metadata, &tls).await;
    assert!(matches!(missing, Err(OauthError::Unreadable(_))));
    document["jwks_uri"] = json!(world.server.url("/keys"));
    world.server.json(OPENID, &document);
    world.clock.pass(3600);
    let metadata = world.get("").await.unwrap();
    let keys = world.cache.keys(&metadata, &tls).await.unwrap();
    let again = world.cache.keys(&metadata, &tls).await.unwrap();
    assert!(Arc::ptr_eq(&keys, &again));
}
