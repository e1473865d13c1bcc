use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(60);

/// svix-server (<https://github.com/svix/svix-webhooks>) with one application that has one endpoint: its queue
/// and its cache in its own memory, its messages in PostgreSQL.
#[derive(Debug)]
pub(crate) struct Svix {
    child: Child,
    database: u32,
    client: reqwest::Client,
    token: String,
    base_url: String,
    messages: String,
    sent: AtomicU64,
}

impl Svix {
    /// `database` is the folder of a PostgreSQL that is running, and trusts who comes from this machine.
    pub(crate) async fn start(binary: &Path, database: &Path, destination: &str) -> Self {
        let about = std::fs::read_to_string(database.join("postmaster.pid")).unwrap();
        let about: Vec<&str> = about.lines().collect();
        let (database, database_port) = (about[0].parse().unwrap(), about[3]);
        let address = free_address();
        let command = || {
            let mut command = Command::new(binary);
            command
                .env("SVIX_JWT_SECRET", "only for this measuring")
                .env("SVIX_LISTEN_ADDRESS", &address)
                .env(
                    "SVIX_DB_DSN",
                    format!("postgresql://postgres@127.0.0.1:{database_port}/postgres"),
                )
                .env("SVIX_QUEUE_TYPE", "memory")
                .env("SVIX_CACHE_TYPE", "memory")
                .env("SVIX_WHITELIST_SUBNETS", "[127.0.0.1/32]")
                .env("RUST_LOG", "error");
            command
        };
        let said = command().args(["jwt", "generate"]).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        let (_, token) = said.trim().rsplit_once(' ').unwrap();
        let mut running = command();
        running.arg("--run-migrations").stdout(Stdio::null());
        let mut svix = Self {
            child: running.spawn().unwrap(),
            database,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            token: token.to_owned(),
            base_url: format!("http://{address}/api/v1"),
            messages: String::new(),
            sent: AtomicU64::new(0),
        };
        svix.is_ready().await;
        let application = svix.post("/app/", &json!({"name": "One"})).await;
        let application = format!("/app/{}", application["id"].as_str().unwrap());
        svix.post(
            &format!("{application}/endpoint/"),
            &json!({"url": destination}),
        )
        .await;
        svix.messages = format!("{application}/msg/");
        svix
    }

    /// Itself, and its database.
    pub(crate) fn processes(&self) -> Vec<u32> {
        vec![self.child.id(), self.database]
    }

    /// Has it take a message of the same size as a webhook of a tenant; the status of the answer.
    pub(crate) async fn send(&self) -> Option<u16> {
        let id = format!("evt_0_{}", self.sent.fetch_add(1, Ordering::Relaxed));
        let payload = json!({"id": id, "type": "invoice.paid"});
        let message = json!({"eventType": "invoice.paid", "payload": payload});
        let answer = self.request(&self.messages, &message).send().await.ok()?;
        let status = answer.status().as_u16();
        answer.bytes().await.ok()?;
        Some(status)
    }

    async fn is_ready(&self) {
        let until = Instant::now() + PATIENCE;
        let health = format!("{}/health/", self.base_url);
        while !matches!(self.client.get(&health).send().await, Ok(answer) if answer.status().is_success())
        {
            assert!(Instant::now() < until, "svix-server does not start");
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.request(path, body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    fn request(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.base_url));
        request.bearer_auth(&self.token).json(body)
    }
}

impl Drop for Svix {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Where nobody listened a moment ago.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
