//! What all runs of one runtime share, because it takes long to make: the deployment's variables, the way
//! out, and the log.

use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use embedded_aws::template::Template;
use gatehouse::config::Environment;
use gatehouse::domain::{Cause, Sources};
use gatehouse::egress::{Egress, EgressPolicy};
use gatehouse::jwt::Fetch;
use gatehouse::lambda::metrics::Metrics;
use serde_json::Value;
use url::Url;

use super::dice::{Dice, VirtualClock};
use super::servers::Servers;

pub(super) const ISSUER: &str = "https://issuer.example";

/// The lines that processes have written: their log, and their metrics.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    pub(super) fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(bytes).unwrap()
    }

    pub(super) fn metrics(&self, function: &'static str) -> Metrics {
        Metrics::with_writer(function, self.clone())
    }
}

/// How often a metric was counted in lines that were taken.
pub(super) fn counted(lines: &str, metric: &str) -> u64 {
    let lines = lines.lines().filter(|line| line.contains(metric));
    let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| line[metric].as_u64()).sum()
}

pub(super) struct Stage {
    pub(super) environments: BTreeMap<&'static str, Environment>,
    pub(super) egress: Egress,
    pub(super) servers: Servers,
    pub(super) lines: Lines,
    _logging: tracing::subscriber::DefaultGuard,
}

impl Stage {
    /// For the thread that makes it.
    pub(super) fn new() -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");
        let template = Template::read(file.as_ref()).unwrap();
        let parameters = [
            ("PublicUrl", "https://gatehouse.example"),
            ("Issuer", ISSUER),
            ("Audience", "gatehouse"),
            ("JwksUrl", "https://issuer.example/jwks"),
        ];
        let environments = ["webhooks", "processor", "gateway"].map(|function| {
            let variables = template.environment(function, "https://aws.example", &parameters);
            (function, variables.unwrap().into_iter().collect())
        });
        let lines = Lines::default();
        let log = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::INFO)
            .with_writer(move || log.clone())
            .finish();
        let servers = Servers::default();
        let policy = EgressPolicy {
            allowed: vec!["127.0.0.0/8".parse().unwrap()],
            ..EgressPolicy::default()
        };
        Self {
            environments: environments.into(),
            egress: Egress::with_carrier(policy, Arc::new(servers.clone())),
            servers,
            lines,
            _logging: tracing::subscriber::set_default(subscriber),
        }
    }
}

/// Where a process has its time and its ids from.
pub(super) fn sources(clock: VirtualClock, dice: &Dice) -> Sources {
    Sources {
        clock: Arc::new(clock),
        randomness: Arc::new(dice.others()),
    }
}

/// What is published: the same, whoever asks.
#[derive(Debug)]
pub(super) struct Published(pub(super) Vec<u8>);

impl Fetch for Published {
    fn fetch<'a>(
        &'a self,
        _: &'a Url,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Cause>> + Send + 'a>> {
        Box::pin(ready(Ok(self.0.clone())))
    }
}

/// A runtime whose time passes when everybody waits.
pub(super) fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap()
}
