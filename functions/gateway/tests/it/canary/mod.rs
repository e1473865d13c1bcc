//! A credential goes to its provider, and nowhere else: not to another host, by whatever way one is
//! named, and neither into answers nor into what is kept and logged.

mod logs;
mod ways;

use serde_json::{Value, json};

use crate::provider::{Call, Provider, Reply};
use crate::world::{Answer, World};

use ways::{Way, ways};

/// A provider, a host that has no business with its credentials, and all that was answered.
struct Scene {
    world: World,
    provider: Provider,
    other: Provider,
    logs: logs::Logs,
    answers: Vec<String>,
}

impl Scene {
    async fn new() -> Self {
        Self {
            logs: logs::Logs::capture(),
            world: World::new().await,
            provider: Provider::start().await,
            other: Provider::start().await,
            answers: Vec::new(),
        }
    }

    /// The other host and its port.
    fn other_host(&self) -> String {
        self.other.url.strip_prefix("http://").unwrap().to_owned()
    }

    /// The provider's host and port.
    fn own_host(&self) -> String {
        self.provider
            .url
            .strip_prefix("http://")
            .unwrap()
            .to_owned()
    }

    fn took(&mut self, answer: Answer) -> Answer {
        let shown = format!("{:?} {}", answer.headers, answer.text());
        self.answers.push(shown);
        answer
    }

    async fn request(&mut self, integration: &str, body: Value) -> Answer {
        let answer = self.world.request(integration, body).await;
        self.took(answer)
    }

    async fn proxied(&mut self, integration: &str, method: &str, path: &str) -> Answer {
        let path = format!("{integration}/proxy{path}");
        let headers = [("content-type", "application/json")];
        let answer = self.world.call((method, &path), &headers, "{}").await;
        self.took(answer)
    }

    /// Begins with a way: the provider echoes what it got, and has given a token to who needs one.
    async fn begin(&mut self, way: &Way) -> String {
        self.provider.always(Reply::json(200, &way.echo()));
        let integration = way.integration(&self.world, &self.provider).await;
        let answer = self.request(&integration, post("/begin")).await;
        assert_eq!(answer.status, 200, "{}: {}", way.name, answer.text());
        assert_eq!(answer.json()["status"], 200, "{}", way.name);
        let calls = self.provider.calls();
        let last = calls.last().unwrap();
        assert!(holds_credentials(last), "{}: {last:?}", way.name);
        integration
    }

    /// Nothing of the credentials is anywhere but at the provider.
    async fn ends(&mut self, way: &Way, integration: &str) {
        let name = way.name;
        let at_other = self.other.calls();
        assert!(at_other.is_empty(), "{name}: {at_other:?}");
        for item in self.world.log(integration).await {
            let path = format!("{integration}/requests/{}", item["id"].as_str().unwrap());
            let entry = self.world.call(("GET", &path), &[], "").await;
            assert_eq!(entry.status, 200);
            self.took(entry);
        }
        let mut shown = std::mem::take(&mut self.answers);
        shown.push(self.world.stack.contents().await.unwrap());
        for needle in way.needles() {
            let found = shown.iter().find(|shown| shown.contains(&needle));
            assert_eq!(found, None, "{name}: {needle}");
        }
        for needle in way.needles().iter().filter(|needle| *needle != "canary") {
            let line = self.logs.line_with(needle);
            assert_eq!(line, None, "{name}: {needle}");
        }
    }
}

fn post(endpoint: &str) -> Value {
    json!({"method": "POST", "endpoint": endpoint, "body": {"a": 1}})
}

fn holds_credentials(call: &Call) -> bool {
    let shown = format!("{call:?}");
    ["canary", "\"authorization\"", "x-signature"]
        .iter()
        .any(|sign| shown.contains(sign))
}

#[tokio::test]
async fn no_redirect_takes_a_credential_along() {
    let mut scene = Scene::new().await;
    let (own, other) = (scene.own_host(), scene.other_host());
    for way in ways(&scene.provider) {
        let integration = scene.begin(&way).await;
        for status in [300, 301, 302, 303, 305, 307, 308] {
            for location in [
                format!("http://{other}/v1/a"),
                format!("//{other}/v1/a"),
                format!("http://{own}@{other}/v1/a"),
                format!("\\\\{other}/v1/a"),
                format!("https://{other}/v1/a"),
            ] {
                let reply = Reply::json(status, &way.echo()).with("location", location);
                scene.provider.next(reply.clone());
                let answer = scene.request(&integration, post("/a")).await;
                assert_eq!(answer.status, 200, "{}: {}", way.name, answer.text());
                assert_eq!(answer.json()["status"], status, "{}", way.name);
                scene.provider.next(reply);
                let method = if status == 303 { "PUT" } else { "POST" };
                let answer = scene.proxied(&integration, method, "/a").await;
                assert_eq!(answer.status, status, "{}", way.name);
            }
        }
        assert!(scene.provider.calls().iter().all(holds_credentials));
        scene.ends(&way, &integration).await;
    }
}

#[tokio::test]
async fn no_endpoint_takes_a_credential_to_another_host() {
    let mut scene = Scene::new().await;
    let (own, other) = (scene.own_host(), scene.other_host());
    for way in ways(&scene.provider) {
        let integration = scene.begin(&way).await;
        for endpoint in [
            format!("http://{other}/v1/a"),
            format!("https://{other}/v1/a"),
            format!("HTTP://{other}/v1/a"),
            format!("http:/{other}/v1/a"),
            format!("http:{other}/v1/a"),
            format!("//{other}/v1/a"),
            format!("///{other}/v1/a"),
            format!("/\\{other}/v1/a"),
            format!("\\\\{other}/v1/a"),
            format!("@{other}/v1/a"),
            format!(":80@{other}/v1/a"),
            format!("http://{own}@{other}/v1/a"),
            format!("http://{own}:x@{other}/v1/a"),
            format!("http://{own}%40{other}/v1/a"),
            format!("http://{other}#@{own}/v1/a"),
            format!("http://{other}\\@{own}/v1/a"),
            format!("http://user:pass@{own}/v1/a"),
            format!(" http://{other}/v1/a"),
            format!("/a\r\nHost: {other}"),
        ] {
            let answer = scene.request(&integration, post(&endpoint)).await;
            assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{endpoint}");
        }
        for path in [
            format!("//{other}/v1/a"),
            format!("/%2f{other}/../a"),
            format!("/..//{other}/a"),
            format!("/%5c%5c{other}/a"),
            format!("/http://{other}/v1/a"),
            format!("/@{other}//a"),
        ] {
            let answer = scene.proxied(&integration, "GET", &path).await;
            assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{path}");
        }
        assert!(scene.provider.calls().is_empty(), "{}", way.name);
        scene.ends(&way, &integration).await;
    }
}

/// A path or a parameter may well have a URL in it: it goes to the provider, as data.
#[tokio::test]
async fn a_url_that_is_data_leads_nowhere() {
    let mut scene = Scene::new().await;
    let other = scene.other_host();
    for way in ways(&scene.provider) {
        let integration = scene.begin(&way).await;
        let url = format!("http://{other}/v1/a");
        let body = json!({
            "method": "POST", "endpoint": "/fetch?callback=http://x@y", "body": {"url": url},
            "params": {"url": [url, format!("//{other}"), format!("@{other}")]},
            "headers": {"X-Url": url, "X-Host": other},
        });
        let answer = scene.request(&integration, body).await;
        assert_eq!(answer.json()["status"], 200, "{}", answer.text());
        let path = format!("/fetch/@{other}/{other}:80?url={url}&u=//{other}#x");
        let answer = scene
            .proxied(&integration, "POST", path.split('#').next().unwrap())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let calls = scene.provider.calls();
        assert_eq!(calls.len(), 2, "{}", way.name);
        assert!(
            calls
                .iter()
                .all(|call| call.header("host") == scene.own_host())
        );
        scene.ends(&way, &integration).await;
    }
}

/// As clients do that follow lists, whatever a provider puts there.
#[tokio::test]
async fn a_link_that_is_handed_back_leads_to_the_provider_only() {
    let mut scene = Scene::new().await;
    let (own, other) = (scene.own_host(), scene.other_host());
    for way in ways(&scene.provider) {
        let integration = scene.begin(&way).await;
        for (link, is_followed) in [
            (format!("http://{own}/v1/list?cursor=2"), true),
            ("/list?cursor=2".to_owned(), true),
            (format!("http://{other}/v1/list?cursor=2"), false),
            (format!("https://{own}/v1/list?cursor=2"), false),
            (
                format!(
                    "http://localhost:{}/v1/list",
                    own.split(':').next_back().unwrap()
                ),
                false,
            ),
            (format!("http://{own}/v2/list?cursor=2"), false),
            (format!("//{other}/v1/list?cursor=2"), false),
        ] {
            let mut body = way.echo();
            body["next"] = json!(link);
            let reply = Reply::json(200, &body).with("link", format!("<{link}>; rel=\"next\""));
            scene.provider.next(reply);
            let first = scene.request(&integration, post("/list")).await.json();
            let in_header = first["headers"]["link"].as_str().unwrap();
            let in_header = in_header.split(['<', '>']).nth(1).unwrap().to_owned();
            let in_body = first["body"]["next"].as_str().unwrap().to_owned();
            for next in [in_header, in_body] {
                assert_eq!(next, link);
                let answer = scene.request(&integration, post(&next)).await;
                if is_followed {
                    assert_eq!(answer.json()["status"], 200, "{link}: {}", answer.text());
                } else {
                    assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{link}");
                }
            }
        }
        scene.provider.calls();
        scene.ends(&way, &integration).await;
    }
}

#[tokio::test]
async fn a_link_does_not_lead_from_https_to_http() {
    let world = World::new().await;
    let hosts = json!({"apiProfile": {"hosts": ["api.example", "*.files.example"]}});
    let integration = world.integration("https://api.example/v1", hosts).await;
    for endpoint in [
        "http://api.example/v1/list?cursor=2",
        "http://api.example:443/v1/list",
        "http://a.files.example/list",
        "https://api.example:8443/v1/list",
        "https://a.files.example:8443/list",
        "https://files.example/list",
        "https://a.files.example.evil.example/list",
    ] {
        let answer = world.request(&integration, post(endpoint)).await;
        assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{endpoint}");
    }
    assert!(world.log(&integration).await.is_empty());
}

/// Where the token is obtained, the credentials themselves are in the body.
#[tokio::test]
async fn a_login_that_is_redirected_is_refused() {
    let mut scene = Scene::new().await;
    let other = scene.other_host();
    for way in ways(&scene.provider) {
        if !way.obtains_tokens() {
            continue;
        }
        for status in [301, 302, 303, 307, 308] {
            for location in [
                format!("http://{other}/session"),
                "/v1/elsewhere".to_owned(),
            ] {
                let integration = way.integration(&scene.world, &scene.provider).await;
                let reply = Reply::json(status, &way.echo()).with("location", location);
                scene.provider.next(reply);
                let answer = scene.request(&integration, post("/a")).await;
                let expected = (502, "upstream_authentication".to_owned());
                assert_eq!(answer.problem(), expected, "{}", answer.text());
                let said = &answer.json()["upstream"];
                assert_eq!(said["code"], "token_refused", "{said}");
                assert_eq!(said["outcomeUnknown"], false, "{said}");
                assert_eq!(
                    scene.provider.calls().len(),
                    1,
                    "{}: only the login",
                    way.name
                );
                scene.ends(&way, &integration).await;
            }
        }
    }
}
