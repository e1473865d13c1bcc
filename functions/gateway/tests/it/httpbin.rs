//! A server of HTTP that others test their clients with: Python's `httpbin`. These run if
//! `GATEHOUSE_PEERS` is set.

use std::process::Command;

use serde_json::{Value, json};

use crate::peers::{self, Peer};
use crate::provider::Provider;
use crate::world::{Answer, KEY, World};

/// The server, and an integration of it whose calls are made once.
struct Httpbin {
    peer: Peer,
    world: World,
    integration: String,
}

impl Httpbin {
    async fn start() -> Option<Self> {
        let python = peers::folder()?.join("venv/bin/python");
        let mut command = Command::new(python);
        command.args(["-m", "httpbin.core", "--host", "127.0.0.1", "--port", "0"]);
        let peer = Peer::start(&mut command);
        let world = World::new().await;
        let once = json!({"gatewayConfig": {"retry": {"maxAttempts": 1}}});
        let integration = world.integration(&peer.url("/"), once).await;
        Some(Self {
            peer,
            world,
            integration,
        })
    }

    async fn request(&self, method: &str, endpoint: &str) -> Answer {
        let body = json!({"method": method, "endpoint": endpoint});
        self.world.request(&self.integration, body).await
    }

    /// The provider's answer, which is no error.
    async fn get(&self, endpoint: &str) -> Value {
        let answer = self.request("GET", endpoint).await;
        assert_eq!(answer.status, 200, "{endpoint}: {}", answer.text());
        answer.json()
    }

    async fn proxied(&self, method: &str, path: &str) -> Answer {
        let path = format!("{}/proxy{path}", self.integration);
        self.world.call((method, &path), &[], "").await
    }

    async fn with_login(&self, username: &str, password: &str) -> String {
        let fields = json!({"authMethod": "basic_auth"});
        let credentials = [("username", username), ("password", password)];
        let url = self.peer.url("/");
        self.world
            .integration_with(&url, fields, &credentials)
            .await
    }
}

#[tokio::test]
async fn each_method_arrives_with_query_body_and_headers_and_no_credential_comes_back() {
    let Some(httpbin) = Httpbin::start().await else {
        return;
    };
    let (world, integration) = (&httpbin.world, &httpbin.integration);
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let body = json!({
            "method": method, "endpoint": "/anything/a%20b?x=1", "params": {"y": ["2", "ä&"]},
            "headers": {"Accept-Language": "de", "Cookie": "a=b"}, "body": {"n": 1.50},
        });
        let answer = world.request(integration, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(!answer.text().contains(KEY), "{}", answer.text());
        let echo = &answer.json()["body"];
        assert_eq!(echo["method"], method);
        assert_eq!(echo["args"], json!({"x": "1", "y": ["2", "ä&"]}));
        assert_eq!(echo["data"], r#"{"n":1.5}"#);
        let headers = &echo["headers"];
        assert_eq!(headers["Authorization"], "[redacted]", "{headers}");
        assert_eq!(headers["Accept-Language"], "de");
        assert_eq!(headers["Accept-Encoding"], "identity");
        assert!(
            headers["User-Agent"]
                .as_str()
                .unwrap()
                .starts_with("Gatehouse/")
        );
        assert_eq!(headers["Cookie"], Value::Null);
        let path = format!("{integration}/proxy/anything/a%20b?x=1");
        let answer = world
            .call((method, &path), &[("content-type", "text/csv")], "a;b")
            .await;
        assert_eq!(answer.status, 200);
        let echo = answer.json();
        assert_eq!(
            (&echo["method"], &echo["data"]),
            (&json!(method), &json!("a;b"))
        );
        assert_eq!(echo["headers"]["Authorization"], "[redacted]");
    }
    for method in ["HEAD", "OPTIONS"] {
        let answer = httpbin.request(method, "/get").await;
        assert_eq!(answer.json()["status"], 200, "{}", answer.text());
        assert_eq!(httpbin.proxied(method, "/get").await.status, 200);
    }
    let body = json!({
        "method": "POST", "endpoint": "/post", "body": {"a": {"b": "ä"}, "c": [1, 2]},
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    });
    let answer = world.request(integration, body).await.json();
    assert_eq!(
        answer["body"]["form"],
        json!({"a[b]": "ä", "c[]": ["1", "2"]})
    );
}

/// As the gateway's table says it; each status is tried by an integration that is in order.
#[tokio::test]
async fn each_status_comes_back_in_both_ways() {
    let Some(httpbin) = Httpbin::start().await else {
        return;
    };
    for status in 200..=599_u16 {
        // A 429 has all calls wait, so each has an integration of its own.
        let once = json!({"gatewayConfig": {"retry": {"maxAttempts": 1}}});
        let url = httpbin.peer.url("/");
        let integration = httpbin.world.integration(&url, once).await;
        let endpoint = format!("/status/{status}");
        let body = json!({"method": "GET", "endpoint": endpoint});
        let answer = httpbin.world.request(&integration, body).await;
        // It sends these to a page of its own.
        let followed = [301, 302, 303, 307].contains(&status);
        let expected = if followed { 200 } else { status };
        if status < 400 {
            assert_eq!(answer.status, 200, "{status}: {}", answer.text());
            assert_eq!(answer.json()["status"], expected, "{status}");
        } else {
            let said = answer.json();
            assert_eq!(said["upstream"]["status"], status, "{said}");
            let problem = match status {
                401 | 403 => (502, "upstream_authentication"),
                429 => (429, "upstream_rate_limit"),
                408 | 421 | 425 | 500.. => (502, "upstream_network"),
                400 | 406 | 411 | 413..=417 | 422 | 428 | 431 => (422, "upstream_data"),
                _ => (422, "upstream_business"),
            };
            assert_eq!(
                answer.problem(),
                (problem.0, problem.1.to_owned()),
                "{status}"
            );
        }
        if status == 429 {
            continue;
        }
        let path = format!("{integration}/proxy{endpoint}");
        let answer = httpbin.world.call(("GET", &path), &[], "").await;
        assert_eq!(answer.status.as_u16(), expected, "{}", answer.text());
    }
}

#[tokio::test]
async fn what_is_packed_unasked_is_unpacked_or_refused() {
    let Some(httpbin) = Httpbin::start().await else {
        return;
    };
    for (endpoint, flag) in [("/gzip", "gzipped"), ("/deflate", "deflated")] {
        let answer = httpbin.get(endpoint).await;
        assert_eq!(answer["body"][flag], true, "{answer}");
        assert_eq!(answer["body"]["headers"]["Authorization"], "[redacted]");
        assert_eq!(answer["headers"]["content-encoding"], Value::Null);
        let answer = httpbin.proxied("GET", endpoint).await;
        assert_eq!(answer.json()[flag], true);
        assert!(!answer.text().contains(KEY));
    }
    for answer in [
        httpbin.request("GET", "/brotli").await,
        httpbin.proxied("GET", "/brotli").await,
    ] {
        assert_eq!(answer.problem(), (422, "upstream_data".to_owned()));
        assert_eq!(answer.json()["upstream"]["code"], "answer_compressed");
    }
}

#[tokio::test]
async fn redirects_are_followed_within_the_origin_and_to_a_limit() {
    let Some(httpbin) = Httpbin::start().await else {
        return;
    };
    for kind in ["redirect", "relative-redirect", "absolute-redirect"] {
        let answer = httpbin.get(&format!("/{kind}/3")).await;
        assert_eq!(answer["status"], 200);
        assert!(
            answer["body"]["url"].as_str().unwrap().ends_with("/get"),
            "{answer}"
        );
        assert_eq!(answer["body"]["headers"]["Authorization"], "[redacted]");
        let answer = httpbin.request("GET", &format!("/{kind}/4")).await;
        assert_eq!(answer.problem(), (502, "upstream_network".to_owned()));
        assert_eq!(answer.json()["upstream"]["code"], "too_many_redirects");
    }
    let other = Provider::start().await;
    for status in [301, 302, 303, 307, 308] {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let to = |url: &str| format!("/redirect-to?url={url}&status_code={status}");
            let out = httpbin
                .request(method, &to(&format!("{}/a", other.url)))
                .await;
            assert_eq!(out.json()["status"], status, "{}", out.text());
            assert_eq!(
                out.json()["headers"]["location"],
                format!("{}/a", other.url)
            );
            let path = to(&other.url);
            assert_eq!(httpbin.proxied(method, &path).await.status, status);
            let within = httpbin.request(method, &to("/anything")).await.json();
            let changed = status == 303 || (status < 303 && method == "POST");
            let expected = if changed { "GET" } else { method };
            assert_eq!(
                within["body"]["method"], expected,
                "{status} {method}: {within}"
            );
        }
    }
    assert!(other.calls().is_empty());
}

#[tokio::test]
async fn what_comes_in_pieces_comes_whole_or_in_time_not_at_all() {
    let Some(httpbin) = Httpbin::start().await else {
        return;
    };
    let lines = httpbin.get("/stream/5").await;
    let lines: Vec<_> = lines["body"].as_str().unwrap().lines().collect();
    assert_eq!(lines.len(), 5);
    assert!(lines.iter().all(|line| !line.contains(KEY)));
    let answer = httpbin
        .proxied("GET", "/stream-bytes/5000?chunk_size=7&seed=1")
        .await;
    assert_eq!((answer.status.as_u16(), answer.bytes.len()), (200, 5_000));
    let answer = httpbin.get("/drip?duration=0.3&numbytes=6&delay=0").await;
    assert_eq!(answer["body"], "******");
    let path = format!("{}/proxy/range/100", httpbin.integration);
    let range = [("range", "bytes=10-19")];
    let answer = httpbin.world.call(("GET", &path), &range, "").await;
    assert_eq!(
        (answer.status.as_u16(), &*answer.text()),
        (206, "klmnopqrst")
    );
    for endpoint in ["/delay/5", "/drip?duration=10&numbytes=10&delay=0"] {
        let body = json!({"method": "GET", "endpoint": endpoint, "timeout": 400});
        let answer = httpbin.world.request(&httpbin.integration, body).await;
        assert_eq!(
            answer.problem(),
            (504, "upstream_timeout".to_owned()),
            "{endpoint}"
        );
    }
}

#[tokio::test]
async fn bodies_of_all_kinds_come_as_they_are() {
    let Some(httpbin) = Httpbin::start().await else {
        return;
    };
    let answer = httpbin.get("/bytes/16?seed=1").await;
    assert_eq!(answer["bodyEncoding"], "base64", "{answer}");
    assert_eq!(answer["body"].as_str().unwrap().len(), 24);
    for (path, media_type, beginning) in [
        ("/image/png", "image/png", &b"\x89PNG"[..]),
        ("/xml", "application/xml", b"<?xml"),
        ("/html", "text/html; charset=utf-8", b"<!DOCTYPE"),
        ("/json", "application/json", b"{"),
        ("/robots.txt", "text/plain", b"User-agent"),
    ] {
        let answer = httpbin.proxied("GET", path).await;
        assert_eq!(answer.headers["content-type"], media_type, "{path}");
        assert!(answer.bytes.starts_with(beginning), "{path}");
    }
    let answer = httpbin.get("/encoding/utf8").await;
    assert!(answer["body"].as_str().unwrap().contains("∮ E⋅da = Q"));
}

#[tokio::test]
async fn cookies_are_neither_kept_nor_passed_on() {
    let Some(httpbin) = Httpbin::start().await else {
        return;
    };
    let answer = httpbin.get("/cookies/set?session=canary-of-a-cookie").await;
    // It was sent on to the page that shows what came back.
    assert_eq!(answer["body"], json!({"cookies": {}}));
    assert_eq!(answer["headers"]["set-cookie"], Value::Null);
    assert_eq!(
        httpbin.get("/cookies").await["body"],
        json!({"cookies": {}})
    );
    let path = "/response-headers?set-cookie=a%3Dcanary-of-a-cookie&x-other=1";
    let answer = httpbin.proxied("GET", path).await;
    assert_eq!(answer.headers["x-other"], "1");
    assert!(!answer.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn logins_are_accepted_and_refused() {
    let Some(httpbin) = Httpbin::start().await else {
        return;
    };
    let world = &httpbin.world;
    let get = |endpoint: &str| json!({"method": "GET", "endpoint": endpoint});
    let good = httpbin.with_login("canary-user", "canary-password").await;
    let endpoint = "/basic-auth/canary-user/canary-password";
    let answer = world.request(&good, get(endpoint)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["body"]["authenticated"], true);
    assert!(!answer.text().contains("canary"), "{}", answer.text());
    let wrong = httpbin.with_login("canary-user", "canary-of-another").await;
    // Digest is no method of ours: its challenge is answered by nobody, and shown to nobody.
    for (integration, endpoint) in [
        (&wrong, endpoint),
        (&good, "/digest-auth/auth/canary-user/canary-password"),
        (&good, "/bearer"),
    ] {
        let answer = world.request(integration, get(endpoint)).await;
        let expected = (502, "upstream_authentication".to_owned());
        assert_eq!(answer.problem(), expected, "{endpoint}");
        assert_eq!(answer.json()["upstream"]["status"], 401);
        let path = format!("{integration}/proxy{endpoint}");
        let answer = world.call(("GET", &path), &[], "").await;
        assert_eq!(answer.status, 401);
        for name in ["www-authenticate", "set-cookie"] {
            assert!(!answer.headers.contains_key(name), "{endpoint}: {name}");
        }
    }
    let answer = httpbin.get("/bearer").await;
    assert_eq!(
        answer["body"],
        json!({"authenticated": true, "token": "[redacted]"})
    );
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let Some(httpbin) = Httpbin::start().await else {
        return;
    };
    let path = format!("{}/proxy/etag/v1", httpbin.integration);
    let world = &httpbin.world;
    let answer = world.call(("GET", &path), &[], "").await;
    let etag = answer.headers["etag"].to_str().unwrap().to_owned();
    let condition = [("if-none-match", etag.as_str())];
    let answer = world.call(("GET", &path), &condition, "").await;
    assert_eq!((answer.status.as_u16(), answer.bytes.len()), (304, 0));
    let other = [("if-match", "\"v2\"")];
    assert_eq!(world.call(("GET", &path), &other, "").await.status, 412);
    let cached = json!({"gatewayConfig": {"cache": {"ttlSeconds": 60}}});
    let integration = world.integration(&httpbin.peer.url("/"), cached).await;
    let kept = "/response-headers?Cache-Control=max-age%3D60&X-Other=1";
    // What would have to be masked is not kept: its echo of `Authorization`.
    for (endpoint, expected) in [
        (kept, "miss"),
        (kept, "hit"),
        ("/cache/60", "miss"),
        ("/cache/60", "miss"),
    ] {
        let get = json!({"method": "GET", "endpoint": endpoint});
        let answer = world.request(&integration, get).await.json();
        assert_eq!(
            (&answer["cache"], &answer["status"]),
            (&json!(expected), &json!(200))
        );
    }
}
