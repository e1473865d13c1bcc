//! A gateway that may call public addresses only, however an address is written.

#[path = "../../../../shared/tests/it/egress/spellings.rs"]
mod spellings;

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use gatehouse::egress::{Egress, EgressPolicy, Resolve};
use serde_json::json;
use tokio::net::TcpListener;

use crate::provider::{Provider, Reply};
use crate::world::World;

use spellings::{INSIDE, LOOPBACK};

/// A gateway as it is deployed.
async fn world() -> World {
    let public_only = Egress::new(EgressPolicy::default());
    World::new().await.through(public_only)
}

/// How often somebody has connected.
async fn connections(listener: &TcpListener) -> usize {
    let mut count = 0;
    let soon = std::time::Duration::from_millis(20);
    while tokio::time::timeout(soon, listener.accept()).await.is_ok() {
        count += 1;
    }
    count
}

#[tokio::test]
async fn a_base_url_that_leads_inside_is_not_called_though_it_was_stored() {
    let world = world().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in LOOPBACK.iter().chain(&INSIDE) {
        for base in [
            format!("https://{host}:{port}/"),
            format!("http://{host}:{port}/v1"),
        ] {
            let integration = world.integration(&base, json!({})).await;
            let get = json!({"method": "GET", "endpoint": "/a"});
            let answer = world.request(&integration, get).await;
            assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{base}");
            assert!(!answer.text().contains(&port.to_string()), "{base}");
            let path = format!("{integration}/proxy/a");
            let answer = world.call(("GET", &path), &[], "").await;
            assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{base}");
            let answer = world
                .call(("POST", &format!("{integration}/test")), &[], "")
                .await;
            assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{base}");
            assert!(world.log(&integration).await.is_empty(), "{base}");
        }
    }
    assert_eq!(connections(&listener).await, 0);
}

/// Names that a provider's operator, or an attacker, has lead inside.
struct Inside(&'static str);

impl Resolve for Inside {
    fn resolve(
        &self,
        _: String,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        let address = self.0.parse().unwrap();
        Box::pin(std::future::ready(Ok(vec![address])))
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_called() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for address in [
        "127.0.0.1",
        "169.254.169.254",
        "::ffff:127.0.0.1",
        "10.0.0.1",
    ] {
        let egress = Egress::with_resolver(EgressPolicy::default(), Arc::new(Inside(address)));
        let world = world.through(egress);
        let base = format!("https://api.example:{port}/");
        let integration = world.integration(&base, json!({})).await;
        let post = json!({"method": "POST", "endpoint": "/a"});
        let answer = world.request(&integration, post).await;
        assert_eq!(answer.problem(), (502, "upstream_network".to_owned()));
        let upstream = &answer.json()["upstream"];
        assert_eq!(upstream["code"], "forbidden_address", "{address}");
        assert_eq!(upstream["outcomeUnknown"], false, "{address}");
        let log = world.log(&integration).await.remove(0);
        assert_eq!(log["attempts"], 1, "{address}");
        assert!(!answer.text().contains(address), "{}", answer.text());
    }
    assert_eq!(connections(&listener).await, 0);
}

/// The base URL is in order; what is asked for, or handed back as the next page, is not.
#[tokio::test]
async fn an_endpoint_or_a_link_that_leads_inside_is_refused() {
    let world = world().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let anything = json!({"apiProfile": {"hosts": ["127.0.0.1", "localhost", "*.localhost"]}});
    for fields in [json!({}), anything] {
        let base = "https://api.example/v1";
        let integration = world.integration(base, fields).await;
        for host in LOOPBACK.iter().chain(&INSIDE) {
            for endpoint in [
                format!("https://{host}:{port}/v1/a?cursor=2"),
                format!("http://{host}:{port}/v1/a"),
                format!("https://{host}/v1/a"),
                format!("//{host}:{port}/v1/a"),
                format!("@{host}:{port}/a"),
                format!("/../..//{host}:{port}/a"),
                format!("\\\\{host}:{port}/a"),
                format!("https://api.example@{host}:{port}/v1/a"),
                format!("https://{host}:{port}#@api.example/v1"),
            ] {
                let body = json!({"method": "GET", "endpoint": endpoint});
                let answer = world.request(&integration, body).await;
                assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{endpoint}");
            }
        }
        assert!(world.log(&integration).await.is_empty());
    }
    assert_eq!(connections(&listener).await, 0);
}

/// The provider may be called, and sends us to what may not.
#[tokio::test]
async fn a_redirect_to_what_may_not_be_called_is_not_followed() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    for host in LOOPBACK
        .iter()
        .chain(&INSIDE)
        .filter(|host| host.is_ascii())
    {
        provider.next(Reply::new(307).with("location", format!("http://{host}:9/a")));
        let body = json!({"method": "POST", "endpoint": "/a"});
        let answer = world.request(&integration, body).await;
        assert_eq!(answer.status, 200, "{host}: {}", answer.text());
        assert_eq!(answer.json()["status"], 307, "{host}");
        assert_eq!(provider.calls().len(), 1, "{host}");
    }
}
