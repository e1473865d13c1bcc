use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use reqwest::Response;
use serde_json::Value;

use crate::binaries::find;

/// How long it may take to end.
const DEADLINE: Duration = Duration::from_secs(60);

const ARGUMENTS: [&str; 6] = [
    "--json",
    "--port",
    "0",
    "--allow-egress",
    "127.0.0.0/8",
    "--data",
];

/// Runs the binary until it ends by itself.
pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(find("local"))
        .args(arguments)
        .output()
        .unwrap()
}

/// The local system, running.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) base_url: String,
    pub(crate) token: String,
    client: reqwest::Client,
}

impl Running {
    /// Starts it on a folder and any port.
    pub(crate) fn start(folder: &Path) -> Self {
        let mut command = Command::new(find("local"));
        command.args(ARGUMENTS).arg(folder);
        Self::start_by(command, folder)
    }

    /// Starts it on a file system of its own, of so many megabytes, that is mounted at `folder` for it
    /// alone. What is written there is gone with it.
    pub(crate) fn start_on_small_disk(folder: &Path, megabytes: usize) -> Self {
        let script = r#"mount -t tmpfs -o "size=$1m,mode=700" none "$2" && shift 2 && exec "$@""#;
        let mut command = Command::new("unshare");
        command
            .args([
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                script,
                "sh",
            ])
            .arg(megabytes.to_string())
            .arg(folder)
            .arg(find("local"))
            .args(ARGUMENTS)
            .arg(folder);
        Self::start_by(command, folder)
    }

    /// A path as it sees it, for everybody else.
    pub(crate) fn inside(&self, path: &Path) -> PathBuf {
        let root = format!("/proc/{}/root", self.id());
        Path::new(&root).join(path.strip_prefix("/").unwrap())
    }

    fn start_by(mut command: Command, folder: &Path) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let Ok(said) = serde_json::from_str::<Value>(&line) else {
            panic!("the local system did not start: {}", stop(&mut child));
        };
        // Nobody reads the log while it runs: a full pipe would stop it.
        let mut err = child.stderr.take().unwrap();
        let log = folder.join("log");
        std::thread::spawn(move || {
            let mut log = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(log)
                .unwrap();
            let _ = std::io::copy(&mut err, &mut log);
        });
        let text = |field: &str| said[field].as_str().unwrap().to_owned();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            child,
            base_url: text("baseUrl"),
            token: text("token"),
            client,
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let command = format!("kill -s {name} {}", self.id());
        let sent = Command::new("sh").args(["-c", &command]).status();
        assert!(sent.unwrap().success(), "{command}");
    }

    /// How it ends, which it has to do by itself.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let ended = async {
            loop {
                match self.child.try_wait().unwrap() {
                    Some(status) => return status,
                    None => tokio::task::yield_now().await,
                }
            }
        };
        let ended = tokio::time::timeout(DEADLINE, ended).await;
        ended.unwrap_or_else(|_| panic!("the local system does not end"))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let request = self
            .client
            .get(format!("{}{path}", self.base_url))
            .bearer_auth(&self.token);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    /// What is answered, whatever it is.
    pub(crate) async fn respond(&self, path: &str, body: &Value) -> Response {
        let request = self
            .client
            .post(format!("{}{path}", self.base_url))
            .bearer_auth(&self.token);
        request.json(body).send().await.unwrap()
    }

    /// What is answered to a request without a body.
    pub(crate) async fn request(&self, method: reqwest::Method, url: &str) -> Response {
        let request = self.client.request(method, url).bearer_auth(&self.token);
        request.send().await.unwrap()
    }

    /// The status of what is answered to JSON that is sent to a URL, over whatever version is there.
    pub(crate) async fn write(
        &self,
        method: reqwest::Method,
        url: reqwest::Url,
        body: &Value,
    ) -> u16 {
        let request = self.client.request(method, url).bearer_auth(&self.token);
        let request = request.header("if-match", "\"1\"").json(body);
        request.send().await.unwrap().status().as_u16()
    }

    /// A page, as a browser with this cookie gets it.
    pub(crate) async fn browse(&self, url: &str, cookie: &str) -> Response {
        let request = self.client.get(url).header("cookie", cookie);
        request.send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let response = self.respond(path, body).await;
        let (status, body) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Sends a webhook with these headers; the status of the answer.
    pub(crate) async fn deliver(
        &self,
        path: &str,
        headers: &serde_json::Map<String, Value>,
        body: String,
    ) -> u16 {
        let mut request = self
            .client
            .post(format!("{}{path}", self.base_url))
            .body(body);
        for (name, value) in headers {
            request = request.header(name, value.as_str().unwrap());
        }
        request.send().await.unwrap().status().as_u16()
    }

    /// Sends a webhook; whether it was accepted. A system that is killed meanwhile has not.
    pub(crate) async fn send(&self, (signature, body): (String, String)) -> bool {
        let request = self
            .client
            .post(format!("{}/webhooks/stripe", self.base_url));
        let sent = request
            .header("stripe-signature", signature)
            .body(body)
            .send()
            .await;
        sent.is_ok_and(|response| response.status() == 200)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stop(child: &mut Child) -> String {
    let _ = child.kill();
    let mut text = String::new();
    let _ = child.stderr.take().unwrap().read_to_string(&mut text);
    text
}
