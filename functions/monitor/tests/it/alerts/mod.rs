//! Alerts, from what happens to who is told of it.

mod channels;
mod deaths;
mod kinds;
mod owed;
mod rules;
mod silences;
mod slow;
mod traces;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use gatehouse::domain::alert::{
    Alert, AlertChannel, AlertEvent, AlertKind, AlertMatcher, AlertSetup, ChannelTarget,
};
use gatehouse::domain::{ChannelId, IntegrationId, Randomness as _};
use gatehouse::store::AlertQuery;
use serde_json::{Value, json};

use super::world::{MINUTE, World};

/// What a place was sent: path and body.
type Sent = Arc<Mutex<Vec<(String, Value)>>>;

/// Something like Slack, which answers what it is told to.
#[derive(Clone)]
struct Messenger {
    url: String,
    sent: Sent,
    answer: Arc<Mutex<(u16, &'static str)>>,
}

impl Messenger {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let messenger = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            sent: Sent::default(),
            answer: Arc::new(Mutex::new((200, r#"{"ok": true}"#))),
        };
        let router = Router::new().fallback(take).with_state(messenger.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        messenger
    }

    fn answers(&self, status: u16, body: &'static str) {
        *self.answer.lock().unwrap() = (status, body);
    }

    /// What it was told since, a line each.
    fn lines(&self) -> Vec<String> {
        let sent = self.sent();
        let texts = sent.iter().map(|(_, body)| body["text"].as_str().unwrap());
        texts
            .flat_map(|text| text.lines().map(str::to_owned))
            .collect()
    }

    fn sent(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }
}

async fn take(
    State(messenger): State<Messenger>,
    uri: Uri,
    body: String,
) -> (axum::http::StatusCode, &'static str) {
    // Whether it is there is asked by checks.
    if let Ok(body) = serde_json::from_str(&body) {
        let path = uri.path().to_owned();
        messenger.sent.lock().unwrap().push((path, body));
    }
    let (status, answer) = *messenger.answer.lock().unwrap();
    (status.try_into().unwrap(), answer)
}

/// An organization that has its alerts sent to a messenger, and an integration to be watched.
struct Scene {
    world: World,
    watched: IntegrationId,
    messenger: Messenger,
    slack: IntegrationId,
    channel: ChannelId,
}

impl Scene {
    async fn new(seed: u64) -> Self {
        Self::of(World::new(seed).await, Messenger::start().await).await
    }

    async fn of(world: World, messenger: Messenger) -> Self {
        let watched = world.integration(json!({"name": "CRM"})).await;
        let fields = json!({"name": "Slack", "baseUrl": messenger.url, "apiProfile": {}});
        let slack = world.integration(fields).await;
        let channel = ChannelId::from(world.dice().ulid(world.now()));
        let scene = Self {
            world,
            watched,
            messenger,
            slack,
            channel,
        };
        let target = ChannelTarget::Slack {
            integration_id: slack,
            channel: "#ops".to_owned(),
        };
        scene
            .set_up(|setup| setup.channels.push(scene.channel(target)))
            .await;
        scene
    }

    fn channel(&self, target: ChannelTarget) -> AlertChannel {
        AlertChannel {
            id: self.channel,
            name: "on call".to_owned(),
            target,
            enabled: true,
            matcher: AlertMatcher {
                integrations: [self.watched].into(),
                ..AlertMatcher::default()
            },
            send_resolved: true,
            created_at: self.world.now(),
            updated_at: self.world.now(),
            version: 1,
        }
    }

    async fn set_up(&self, change: impl FnOnce(&mut AlertSetup)) {
        let (store, organization) = (&self.world.store, self.world.organization);
        let mut found = store.alert_setup(organization).await.unwrap();
        change(&mut found.item);
        store
            .replace_alert_setup(organization, &found.item, found.version)
            .await
            .unwrap();
    }

    /// Minutes of eight calls each, that end like this.
    async fn minutes(&self, minutes: u32, fails: bool) {
        for _ in 0..minutes {
            self.calls(fails).await;
            self.world.pass(MINUTE);
            self.world.run().await;
        }
    }

    async fn calls(&self, fails: bool) {
        self.world.provider.answers(if fails { 500 } else { 200 });
        for _ in 0..8 {
            let call = if fails {
                json!({"status": "failed", "error": "upstream_network", "responseStatus": 500})
            } else {
                json!({})
            };
            self.world.call(self.watched, call).await;
        }
    }

    async fn alerts(&self, open: bool) -> Vec<Alert> {
        let query = AlertQuery {
            open,
            state: None,
            integration: Some(self.watched),
            kind: None,
            min_severity: None,
            limit: 50,
            after: None,
            now: self.world.now(),
        };
        let found = self.world.store.alerts(self.world.organization, &query);
        let items = found.await.unwrap().items;
        items.into_iter().map(|stored| stored.item).collect()
    }

    /// The kinds of alerts that are not over.
    async fn open(&self) -> Vec<AlertKind> {
        let mut kinds: Vec<_> = self.alerts(true).await.iter().map(|one| one.kind).collect();
        kinds.sort_unstable();
        kinds
    }

    /// What the messenger was told, a line each.
    fn told(&self) -> Vec<String> {
        self.messenger.lines()
    }
}

fn events(alert: &Alert) -> Vec<AlertEvent> {
    alert.timeline.iter().map(|moment| moment.event).collect()
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}
