//! Changes that are made here, at another integration, or that events bring; and who is told of them.

mod answers;
mod configured;
mod events;
mod feed;
mod link;
mod purge;
mod push;
mod targets;
mod watched;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::domain::sync::{
    EntityName, Fields, LocalWrite, RecordPush, Standing, record_digest,
};
use gatehouse::domain::{Clock as _, Integration};
use gatehouse::flows::sync::{EntitySettings, Hints, Kind, LocalRecords, Records};
use gatehouse::queue::SyncQueue;
use gatehouse::store::RecordRef;
use serde_json::{Value, json};

use crate::world::{Dice, Handled, Kill, Life, Paging, Provider, Stage, World};

static SEED: AtomicU64 = AtomicU64::new(1);

/// How records are written at the provider.
fn calls() -> Value {
    json!({"create": {"method": "POST", "path": "/things", "result": "@"},
        "update": {"method": "PATCH", "path": "/things/{id}", "result": "@"},
        "delete": {"method": "DELETE", "path": "/things/{id}"},
        "read": {"method": "GET", "path": "/one/{id}"}})
}

fn fields(value: Value) -> Fields {
    value.as_object().unwrap().clone()
}

async fn world(stage: &Stage, rules: Value) -> World {
    let mut all = json!({"calls": calls()});
    for (name, value) in rules.as_object().unwrap() {
        all[name] = value.clone();
    }
    // Worlds of one stage share a table: each has ids of its own.
    let seed = SEED.fetch_add(1, Ordering::SeqCst);
    World::new(stage, seed, Paging::Cursor, all).await
}

/// One side of a world, as people see it.
struct Side<'a> {
    world: &'a World,
    integration: Integration,
    provider: Arc<Mutex<Provider>>,
}

impl Side<'_> {
    fn of(world: &World) -> Side<'_> {
        Side {
            world,
            integration: world.integration.clone(),
            provider: Arc::clone(&world.provider),
        }
    }

    fn provider(&self) -> std::sync::MutexGuard<'_, Provider> {
        self.provider.lock().unwrap()
    }

    fn at(&self, id: &str) -> RecordRef {
        RecordRef {
            organization: self.integration.organization_id,
            integration: self.integration.id,
            entity: self.world.entity.digest(),
            record: record_digest(id),
        }
    }

    fn local(&self) -> LocalRecords {
        let world = self.world;
        let config = world.stage.aws.config(&world.lucky.life);
        let sqs = aws_sdk_sqs::Client::new(&config);
        let queue = SyncQueue::new(sqs, "https://queue/sync".to_owned());
        let sources = world.sources();
        let (store, keys) = (world.store.clone(), world.keys.clone());
        let kept = Duration::from_secs(30 * 86_400);
        let hints = Hints::new(store.clone(), queue.clone(), sources.clone());
        let records = Records::new(store.clone(), keys.clone(), sources.clone(), kept);
        LocalRecords::new(records.with_hints(hints), (store, keys), queue, sources)
    }

    async fn with_kind<T>(&self, then: impl AsyncFnOnce(Kind<'_>) -> T) -> T {
        let entity: &EntityName = &self.world.entity;
        let (organization, id) = (self.integration.organization_id, self.integration.id);
        let found = self.world.store.integration(organization, id).await;
        let found = found.unwrap().unwrap();
        let rules = EntitySettings::rules(&found.item, entity).unwrap();
        then(Kind {
            organization,
            integration: id,
            entity,
            rules: &rules,
        })
        .await
    }

    async fn create(&self, id: &str, content: Value) {
        let local = self.local();
        let made =
            self.with_kind(async |kind| local.create(kind, id.to_owned(), fields(content)).await);
        made.await.unwrap();
    }

    async fn read(&self, id: &str) -> Option<Standing> {
        let local = self.local();
        let read = self.with_kind(async |kind| local.read(kind, record_digest(id)).await);
        read.await.unwrap()
    }

    async fn patch(&self, id: &str, content: Value) {
        self.write(id, LocalWrite::Patch(fields(content))).await;
    }

    async fn write(&self, id: &str, write: LocalWrite) {
        let version = self.read(id).await.unwrap().head.version;
        let local = self.local();
        let written = self
            .with_kind(async |kind| local.write(kind, record_digest(id), (version, write)).await);
        written.await.unwrap();
    }

    /// How sending a record's changes stands.
    async fn push(&self, id: &str) -> RecordPush {
        let push = self.world.store.record_push(self.at(id)).await;
        push.unwrap().item
    }

    fn writes(&self) -> Vec<(String, String, Option<u64>)> {
        self.provider().writes.clone()
    }
}

/// Has everything that is to be done done, by a process that dies with its call `call`; what it leaves is
/// done by one that nothing happens to. Whether it died.
async fn run_killed(world: &World, call: usize, has_effect: bool) -> bool {
    let kill = Kill { call, has_effect };
    let doomed = world.process(Life::killed(Dice::new(1), kill));
    let mut died = false;
    for _ in 0..200 {
        let Some(letter) = world.take() else {
            match world.next_letter_at() {
                Some(at) => world.clock.go_to(at),
                None => break,
            }
            continue;
        };
        if world.deliver(&doomed, &letter).await == Handled::Killed {
            died = true;
            break;
        }
    }
    world.run().await;
    let now = world.clock.now();
    world.clock.go_to(now.plus(Duration::from_secs(1)));
    died
}
