//! Proxy variables are not looked at. They can only be set for another process, so this test runs
//! itself once more.

use std::process::Command;

use gatehouse::egress::Egress;

use super::servers::{Server, ok};
use super::{get, to_loopback};

const CHILD: &str = "GATEHOUSE_TEST_URL";

#[tokio::test(flavor = "multi_thread")]
async fn proxy_variables_are_not_looked_at() {
    let proxy = Server::raw(ok("proxy")).await;
    let server = Server::raw(ok("server")).await;
    let test = std::env::current_exe().unwrap();
    let mut child = Command::new(test);
    child.args([
        "--exact",
        "egress::proxies::the_child_calls_the_url_it_is_given",
        "--nocapture",
    ]);
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        child.env(name, proxy.url("/"));
    }
    // These would except this machine, and prove nothing.
    for name in ["NO_PROXY", "no_proxy"] {
        child.env_remove(name);
    }
    child.env(CHILD, server.url("/"));
    let output = tokio::task::spawn_blocking(move || child.output())
        .await
        .unwrap()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert_eq!((server.connections(), proxy.connections()), (1, 0));
}

#[tokio::test]
async fn the_child_calls_the_url_it_is_given() {
    #[expect(
        clippy::disallowed_methods,
        reason = "this test's parent says so by a variable"
    )]
    let Ok(url) = std::env::var(CHILD) else {
        return;
    };
    assert_eq!(
        get(&Egress::new(to_loopback()), &url).await.unwrap().body,
        "server"
    );
}
