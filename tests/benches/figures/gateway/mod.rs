//! A call through the gateway beside the same call made directly, in one run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use futures::future::join_all;
use serde_json::json;
use tokio::net::TcpListener;

use crate::clock::now;
use crate::local::running::Running;

const CALLS: usize = 2_000;
const CALLERS: [usize; 3] = [1, 16, 64];
/// What the provider answers with.
const BODY: &str = r#"{"object":"list","data":[{"id":"cus_1","email":null}],"has_more":false}"#;

/// What calls took, sorted, and all of them together.
struct Times {
    each: Vec<Duration>,
    all: Duration,
}

impl Times {
    fn percentile(&self, percent: usize) -> Duration {
        self.each[(self.each.len() * percent / 100).min(self.each.len() - 1)]
    }

    fn rate(&self) -> u128 {
        let calls = u128::try_from(self.each.len()).unwrap_or_default();
        calls * 1_000_000 / self.all.as_micros()
    }
}

/// Prints a row for each number of callers.
pub(crate) async fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let provider = provider().await;
    let integration = json!({
        "name": "A provider", "type": "payment", "baseUrl": provider,
        "authMethod": "api_key", "credentials": {"apiKey": "k"},
    });
    let made = system.post("/portal/integrations", &integration).await;
    let id = made["id"].as_str().unwrap();
    let proxied = format!(
        "{}/portal/integrations/{id}/proxy/v1/customers",
        system.base_url
    );
    let direct = format!("{provider}/v1/customers");
    println!(
        "| Callers | Direct: calls a second, p50, p99 | Through the gateway | Ratio of calls a second | Added at p50 |"
    );
    println!("|---|---|---|---|---|");
    for callers in CALLERS {
        let direct = time(&direct, &system.token, callers).await;
        let proxied = time(&proxied, &system.token, callers).await;
        println!(
            "| {callers} | {} | {} | 1 : {}.{} | {} µs |",
            shown(&direct),
            shown(&proxied),
            direct.rate() / proxied.rate().max(1),
            direct.rate() * 10 / proxied.rate().max(1) % 10,
            proxied
                .percentile(50)
                .saturating_sub(direct.percentile(50))
                .as_micros(),
        );
    }
}

fn shown(times: &Times) -> String {
    let (p50, p99) = (times.percentile(50), times.percentile(99));
    format!(
        "{}, {} µs, {} µs",
        times.rate(),
        p50.as_micros(),
        p99.as_micros()
    )
}

async fn provider() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = || async { ([(CONTENT_TYPE, "application/json")], BODY) };
    let router = Router::new().fallback(answer);
    tokio::spawn(async { axum::serve(listener, router).await });
    url
}

async fn time(url: &str, token: &str, callers: usize) -> Times {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let next = Arc::new(AtomicUsize::new(0));
    let began = now();
    let callers = (0..callers).map(|_| {
        let (client, next) = (client.clone(), Arc::clone(&next));
        let (url, token) = (url.to_owned(), token.to_owned());
        tokio::spawn(async move {
            let mut times = Vec::new();
            while next.fetch_add(1, Ordering::Relaxed) < CALLS {
                let began = now();
                let response = client.get(&url).bearer_auth(&token).send().await.unwrap();
                assert_eq!(response.status(), 200);
                assert_eq!(response.text().await.unwrap(), BODY);
                times.push(began.elapsed());
            }
            times
        })
    });
    let times = join_all(callers).await.into_iter().map(Result::unwrap);
    let mut each: Vec<Duration> = times.flatten().collect();
    each.sort_unstable();
    Times {
        each,
        all: began.elapsed(),
    }
}
