//! Checks of integrations that somebody asks for.

use std::future::{Future, ready};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::egress::{Egress, Resolve};
use rcgen::{CertificateParams, date_time_ymd};
use rustls::version;
use serde_json::{Value, json};

use super::authority::{Authority, BOTH, TlsServer, config};
use super::{NAME, to_loopback, trusting};
use crate::provider::{Provider, Reply};
use crate::world::{KEY, World};

/// A name leads nowhere, or to an address that may not be called.
struct Leads(Option<IpAddr>);

impl Resolve for Leads {
    fn resolve(
        &self,
        _: String,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(ready(Ok(self.0.into_iter().collect())))
    }
}

/// What the checks of an integration find, by kind.
async fn checked(world: &World, integration: &str) -> Value {
    let path = format!("{integration}/checks/run");
    let answer = world.call(("POST", &path), &[], "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(!answer.text().contains(KEY), "{}", answer.text());
    let mut found = json!({});
    for check in answer.json()["items"].as_array().unwrap() {
        assert_eq!(check["trigger"], "manual");
        found[check["kind"].as_str().unwrap()] = check.clone();
    }
    found
}

fn states(found: &Value) -> Vec<(&str, &str, &str)> {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned().leak() as &str;
    let found = found.as_object().unwrap().values();
    found
        .map(|check| {
            (
                text(check, "kind"),
                text(check, "state"),
                text(check, "code"),
            )
        })
        .collect()
}

/// The day so many days from now, as `rcgen` wants it.
fn day(world: &World, days: u64) -> (i32, u8, u8) {
    let at = world.sources.now().plus(Duration::from_secs(days * 86_400));
    let text = at.to_string();
    let mut parts = text.split(['-', 'T']);
    let mut part = || parts.next().unwrap();
    let year = part().parse().unwrap();
    (year, part().parse().unwrap(), part().parse().unwrap())
}

#[tokio::test]
async fn everything_in_order_is_said_with_the_protocol_and_the_end_of_the_certificate() {
    let root = Authority::new("root");
    let world = trusting(&root).await;
    let mut params = CertificateParams::new([NAME.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2026, 1, 1);
    let (year, month, date) = day(&world, 300);
    params.not_after = date_time_ymd(year, month, date);
    let server = TlsServer::start(config(&BOTH, &root.leaf_of(params), None)).await;
    let integration = world.integration(&server.url(), json!({})).await;
    let found = checked(&world, &integration).await;
    assert_eq!(
        states(&found),
        [
            ("credential", "passed", "credential_valid"),
            ("dns", "passed", "name_resolved"),
            ("tls", "passed", "tls_certificate_valid"),
            ("verification", "passed", "provider_answers"),
        ]
    );
    assert_eq!(found["tls"]["protocol"], "TLS 1.3");
    let end = format!("{year:04}-{month:02}-{date:02}T00:00:00.000Z");
    assert_eq!(found["tls"]["expiresAt"], end);
    // Only the verifying call is one.
    assert_eq!(server.requests(), 1);
    let call = world.log(&integration).await.remove(0);
    assert_eq!(found["verification"]["requestId"], call["id"]);
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_warned_of_and_an_old_protocol_named() {
    let root = Authority::new("root");
    let world = trusting(&root).await;
    let mut params = CertificateParams::new([NAME.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2026, 1, 1);
    let (year, month, date) = day(&world, 10);
    params.not_after = date_time_ymd(year, month, date);
    let leaf = root.leaf_of(params);
    let server = TlsServer::start(config(&[&version::TLS12], &leaf, None)).await;
    let lenient = json!({"tlsConfig": {"minVersion": "1.2"}});
    let lenient = world.integration(&server.url(), lenient).await;
    let found = checked(&world, &lenient).await;
    assert_eq!(found["tls"]["code"], "tls_certificate_expiring");
    assert_eq!(found["tls"]["state"], "warned");
    assert_eq!(found["tls"]["protocol"], "TLS 1.2");
    // One that asks for more than the server has cannot be called.
    let strict = world.integration(&server.url(), json!({})).await;
    let found = checked(&world, &strict).await;
    assert_eq!(found["tls"]["code"], "tls_version_not_supported");
    assert_eq!(found["verification"]["state"], "failed");
}

#[tokio::test]
async fn a_host_whose_name_does_not_resolve_or_leads_inside_is_asked_nothing() {
    let inside = IpAddr::from(Ipv4Addr::new(169, 254, 169, 254));
    for (leads, code) in [
        (None, "name_not_resolved"),
        (Some(inside), "forbidden_address"),
    ] {
        let egress = Egress::with_resolver(to_loopback(), Arc::new(Leads(leads)));
        let world = World::new().await.through(egress);
        let integration = world
            .integration("https://server.example/", json!({}))
            .await;
        let found = checked(&world, &integration).await;
        assert_eq!(
            states(&found),
            [
                ("credential", "passed", "credential_valid"),
                ("dns", "failed", code)
            ]
        );
        assert!(world.log(&integration).await.is_empty());
    }
}

#[tokio::test]
async fn a_check_uses_the_credentials_at_their_own_host_only_and_records_it() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let other = Provider::start().await;
    let profile = json!({"apiProfile": {"verification": {"path": "/me"}}});
    let integration = world.integration(&provider.url, profile).await;
    let moved = Reply::new(302).with("location", format!("{}/me", other.url));
    provider.always(moved);
    let found = checked(&world, &integration).await;
    assert_eq!(found["verification"]["state"], "failed", "{found}");
    assert!(other.calls().is_empty());
    let call = provider.calls().remove(0);
    assert_eq!(call.header("authorization"), format!("Bearer {KEY}"));
    let contents = world.stack.contents().await.unwrap();
    assert!(contents.contains("check.run") && contents.contains("credential.use"));
    assert!(!contents.contains(KEY));
}

#[tokio::test]
async fn checks_are_budgeted_and_nobody_elses_are_made() {
    let world = World::new().await;
    let off = json!({"status": "inactive"});
    let integration = world.integration("https://server.example/", off).await;
    assert_eq!(checked(&world, &integration).await, json!({}));
    let path = format!("{integration}/checks/run");
    let mut refused = None;
    for _ in 0..60 {
        let answer = world.call(("POST", &path), &[], "").await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.unwrap();
    assert_eq!(refused.problem(), (429, "rate_limited".to_owned()));
    assert!(refused.headers.contains_key("retry-after"));
    let token = world.token_of(
        gatehouse::domain::OrganizationId::generate(
            world.sources.now(),
            world.sources.randomness.as_ref(),
        ),
        "me",
    );
    let strange = world.call_as(&token, ("POST", &path), Value::Null).await;
    assert_eq!(strange.problem(), (404, "not_found".to_owned()));
}
