//! What becomes of what a deleted integration leaves behind.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gatehouse::domain::sync::{EntitySync, SyncTrigger, SyncType, record_digest};
use gatehouse::domain::{Clock as _, Timestamp};
use gatehouse::flows::sync::{EntitySettings, Kind};
use gatehouse::queue::SyncMessage;
use gatehouse::store::SyncJobQuery;
use serde_json::{Value, json};

use super::link::{pair, sync};
use super::{Side, fields, run_killed, world};
use crate::world::{Dice, Handled, Letter, Life, Stage, World};

/// What expires by itself and has to do with records only by what it is about.
const STAYS: [&str; 4] = ["request", "quota", "cached_response", "event"];

/// An integration that leaves much behind, as seen from outside.
pub(super) struct Gone<'a> {
    pub(super) side: Side<'a>,
    /// Ids that stand in the keys of what is its own.
    ids: Vec<String>,
}

impl<'a> Gone<'a> {
    /// With its jobs, by which their pages are named.
    pub(super) async fn new(side: Side<'a>) -> Self {
        let query = SyncJobQuery {
            entity: None,
            status: None,
            limit: 100,
            after: None,
            now: side.world.clock.now(),
        };
        let (organization, id) = (side.integration.organization_id, side.integration.id);
        let store = &side.world.store;
        let jobs = store.sync_jobs(organization, id, &query).await;
        let jobs = jobs.unwrap().items.into_iter();
        let mut ids: Vec<String> = jobs.map(|job| job.item.id.to_string()).collect();
        ids.push(id.to_string());
        Self { side, ids }
    }

    pub(super) fn is_its(&self, key: &str) -> bool {
        self.ids.iter().any(|id| key.contains(id))
    }

    /// What is left of it.
    pub(super) fn left(&self) -> Vec<String> {
        let items = self.side.world.stage.aws.items().into_iter();
        let left = items.filter(|(key, item)| {
            let item_type = item["item_type"]["S"].as_str().unwrap();
            self.is_its(key) && !STAYS.contains(&item_type)
        });
        left.map(|(key, _)| key).collect()
    }

    /// What is left of it but what leads `monitor` there, which forgets it when it finds the integration gone.
    fn left_for_nobody(&self) -> Vec<String> {
        let mut left = self.left();
        left.retain(|key| !key.contains(" WATCH"));
        left
    }

    /// Whether it is a link of another's record that leads to its own.
    fn leads_here(&self, key: &str, item: &Value) -> bool {
        let is_link = item["item_type"]["S"] == "record_link";
        is_link && !self.is_its(key) && self.is_its(&item["data"].to_string())
    }

    /// All that is not its own, but what leads to it.
    fn others(&self) -> BTreeMap<String, Value> {
        let items = self.side.world.stage.aws.items().into_iter();
        let others = items.filter(|(key, item)| !self.is_its(key) && !self.leads_here(key, item));
        others.collect()
    }

    /// What of all that is not its own is not as it was.
    fn harmed(&self, before: &BTreeMap<String, Value>) -> Vec<String> {
        let after = self.others();
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let harmed = keys
            .into_iter()
            .filter(|key| before.get(*key) != after.get(*key));
        harmed.cloned().collect()
    }

    /// How many links lead to its records.
    fn leading_here(&self) -> usize {
        let items = self.side.world.stage.aws.items().into_iter();
        items
            .filter(|(key, item)| self.leads_here(key, item))
            .count()
    }

    /// Nothing is left of it, and nothing else was touched.
    fn check_purged(&self, others: &BTreeMap<String, Value>, said: &str) {
        assert_eq!(self.left_for_nobody(), Vec::<String>::new(), "{said}");
        assert_eq!(self.leading_here(), 0, "{said}");
        assert_eq!(self.harmed(others), Vec::<String>::new(), "{said}");
    }

    pub(super) async fn delete(&self) {
        let integration = &self.side.integration;
        let (organization, id) = (integration.organization_id, integration.id);
        let store = &self.side.world.store;
        let deleted = store.delete_integration(organization, id, None).await;
        deleted.unwrap();
    }

    /// Has it purged, as its deletion does.
    pub(super) async fn ask(&self) {
        let message = self.purge(self.side.world.clock.now(), None);
        self.side.world.send(&message).await;
    }

    fn purge(&self, asked_at: Timestamp, gone_at: Option<Timestamp>) -> SyncMessage {
        SyncMessage::Purge {
            organization: self.side.integration.organization_id,
            integration: self.side.integration.id,
            asked_at,
            gone_at,
        }
    }
}

/// Records, some of them deleted, linked, pending or in conflict; jobs that have ended, with what they have
/// seen and missed, and one that runs.
pub(super) async fn much(world: &World) -> (Gone<'_>, Side<'_>) {
    let (here, there) = pair(world, true, "source_wins").await;
    for id in ["r1", "r2", "r3"] {
        here.provider().put(id);
    }
    there.provider().put("x1");
    sync(&here).await;
    sync(&there).await;
    here.provider().delete("r3");
    sync(&here).await;
    let manual = |integration: &mut Value| {
        let things = &mut integration["syncConfig"]["entities"]["things"];
        things["conflicts"] = json!({"strategy": "manual"});
    };
    world.configure(here.integration.id, manual).await;
    here.provider().put("r1");
    here.provider().script = vec![(412, Vec::new(), String::new())];
    here.patch("r1", json!({"number": 70})).await;
    world.run().await;
    assert!(here.read("r1").await.unwrap().head.conflict.is_some());
    here.provider().script = vec![(422, Vec::new(), String::new())];
    here.patch("r2", json!({"number": 71})).await;
    world.run().await;
    assert!(here.push("r2").await.error.is_some());
    world.start(SyncType::Incremental).await;
    let (organization, id) = (here.integration.organization_id, here.integration.id);
    let gateway = world
        .store
        .replace_gateway_state(organization, id, Default::default(), 0);
    let _ = gateway.await.unwrap();
    let gone = Gone::new(here).await;
    assert!(gone.ids.len() > 3, "{:?}", gone.ids);
    (gone, there)
}

fn types(keys: &[String]) -> Vec<&'static str> {
    let parts = [
        "HEADS#",
        "#FEED",
        "#SYNC STATE#",
        "#SYNC CURSOR#",
        "#SYNC_JOBS JOB#",
        " SEEN#",
        " MISSING#",
        "CONFLICT#",
        " LINK#",
        " PUSH",
        "SYNC_DUE#",
        " GATEWAY",
    ];
    let there = parts
        .into_iter()
        .filter(|part| !keys.iter().any(|key| key.contains(part)));
    there.collect()
}

#[tokio::test]
async fn nothing_is_left_of_a_deleted_integration_and_nothing_else_is_touched() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let (gone, other) = Box::pin(much(&world)).await;
    assert_eq!(
        types(&gone.left_for_nobody()),
        Vec::<&str>::new(),
        "not there to begin with"
    );
    assert!(gone.leading_here() >= 3);
    let others = gone.others();
    gone.ask().await;
    gone.delete().await;
    world.run().await;
    gone.check_purged(&others, "");
    let purged = world.counted("RecordsChanged");
    assert!(purged.contains(&"purged".to_owned()), "{purged:?}");
    assert!(world.stage.aws.buried.lock().unwrap().is_empty());
    // The other goes on as before.
    other.provider().put("x2");
    sync(&other).await;
    assert!(other.read("x2").await.is_some());
    assert_eq!(gone.left_for_nobody(), Vec::<String>::new());
}

#[tokio::test]
async fn a_purge_that_dies_with_any_call_is_gone_on_with() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let (gone, _) = Box::pin(much(&world)).await;
    world.run().await;
    let (all, others) = (stage.aws.items(), gone.others());
    for has_effect in [false, true] {
        for call in 0.. {
            stage.aws.restore(&all);
            gone.ask().await;
            gone.delete().await;
            // For what has not been seen to be gone it would wait, with a call every few minutes.
            gone.monitored().await;
            let died = Box::pin(run_killed(&world, call, has_effect)).await;
            gone.check_purged(&others, &format!("{call} {has_effect}"));
            if !died {
                assert!(call > 8, "{call}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn two_at_a_time_throttled_and_without_answers_come_to_the_same() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let (gone, _) = Box::pin(much(&world)).await;
    world.run().await;
    let (all, others) = (stage.aws.items(), gone.others());
    for seed in 0..5 {
        stage.aws.restore(&all);
        gone.delete().await;
        let now = world.clock.now();
        let message = gone.purge(now, Some(now));
        world.clock.pass(Duration::from_secs(900));
        world.send(&message).await;
        world.send(&message).await;
        let process = |dice| world.process(Life::new(Dice::new(dice), None, 9, 9));
        let (one, two) = (process(seed), process(seed + 1_000));
        for _ in 0..30 {
            let letters = (world.take(), world.take());
            let (Some(first), Some(second)) = letters else {
                break;
            };
            tokio::join!(world.deliver(&one, &first), world.deliver(&two, &second));
        }
        world.run().await;
        gone.check_purged(&others, &seed.to_string());
    }
}

/// What is said of the integration's records.
async fn rules(side: &Side<'_>) -> EntitySync {
    let (organization, id) = (side.integration.organization_id, side.integration.id);
    let found = side.world.store.integration(organization, id).await;
    let found = found.unwrap().unwrap().item;
    EntitySettings::rules(&found, &side.world.entity).unwrap()
}

#[tokio::test]
async fn what_is_written_by_those_who_had_read_the_integration_before_goes_as_well() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let (gone, _) = Box::pin(much(&world)).await;
    let (side, rules) = (&gone.side, rules(&gone.side).await);
    let kind = Kind {
        organization: side.integration.organization_id,
        integration: side.integration.id,
        entity: &world.entity,
        rules: &rules,
    };
    let before = gone.left_for_nobody().len();
    gone.ask().await;
    gone.delete().await;
    // It is seen to be gone; not a thing is deleted yet.
    let gone_at = world.clock.now().plus(Duration::from_secs(61));
    while world.next_letter_at().is_some_and(|at| at <= gone_at) {
        world.clock.go_to(world.next_letter_at().unwrap());
        let letter = world.take().unwrap();
        world.deliver(&world.lucky, &letter).await;
    }
    assert!(
        gone.left_for_nobody().len() + 1 >= before,
        "an entry of what is due may be gone"
    );
    // A function that had read the integration before ends only now.
    let late = gone_at.plus(Duration::from_secs(240));
    world.clock.go_to(late);
    let local = side.local();
    let created = local.create(kind, "new_late".to_owned(), fields(json!({"number": 9})));
    created.await.unwrap();
    let integration = &side.integration;
    let trigger = SyncTrigger::Manual;
    let started = world
        .jobs()
        .start(integration, &world.entity, SyncType::Full, trigger);
    started.await.unwrap();
    assert!(gone.left_for_nobody().len() > before);
    world.run().await;
    assert!(world.clock.now() >= gone_at.plus(Duration::from_secs(839)));
    assert_eq!(gone.left_for_nobody(), Vec::<String>::new());
}

#[tokio::test]
async fn messages_that_come_after_the_purge_find_the_integration_gone_and_write_nothing() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let (gone, other) = Box::pin(much(&world)).await;
    let (organization, integration) = (
        gone.side.integration.organization_id,
        gone.side.integration.id,
    );
    let (entity, record) = (world.entity.clone(), record_digest("r1"));
    let job = world.job().await.unwrap();
    let step = SyncMessage::Step {
        organization,
        integration,
        job: job.id,
        step: job.step,
    };
    let push = SyncMessage::Push {
        organization,
        integration,
        entity: entity.clone(),
        record,
    };
    let link = SyncMessage::Link {
        organization,
        integration,
        entity: entity.clone(),
        record,
    };
    let feed = SyncMessage::Feed {
        organization,
        integration,
        entity: entity.clone(),
    };
    let calls = gone.side.provider().calls.len();
    gone.delete().await;
    for is_purged in [false, true] {
        let before = (gone.left_for_nobody(), gone.others(), gone.leading_here());
        for message in [&step, &push, &link, &feed] {
            world.send(message).await;
            // Longer than the integration is remembered.
            world.clock.pass(Duration::from_secs(6));
            world.run().await;
        }
        assert_eq!(
            (gone.left_for_nobody(), gone.others(), gone.leading_here()),
            before,
            "{is_purged}"
        );
        gone.ask().await;
        world.run().await;
        assert_eq!(gone.left_for_nobody(), Vec::<String>::new(), "{is_purged}");
    }
    // What is due of it is taken off, should it be there.
    world.tick(&world.lucky).await.unwrap();
    assert_eq!(gone.left_for_nobody(), Vec::<String>::new());
    assert_eq!(gone.side.provider().calls.len(), calls);
    // Who hands records on to it goes on without.
    other.provider().put("x2");
    sync(&other).await;
    assert_eq!(
        (gone.left_for_nobody(), gone.leading_here()),
        (Vec::new(), 0)
    );
}

#[tokio::test]
async fn an_integration_that_is_not_deleted_after_all_keeps_all_that_is_its_own() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let (gone, _) = Box::pin(much(&world)).await;
    world.run().await;
    let left = gone.left_for_nobody();
    let began = world.clock.now();
    gone.ask().await;
    world.run().await;
    assert_eq!(gone.left_for_nobody(), left);
    let took = world.clock.now().since(began);
    assert!(took >= Duration::from_secs(3_600), "{took:?}");
    // Nor does it lose anything to a message that says that it was gone.
    let message = gone.purge(began, Some(began));
    world.send(&message).await;
    world.run().await;
    assert_eq!(gone.left_for_nobody(), left);
}

#[tokio::test]
async fn a_deletion_that_takes_long_is_waited_for_and_so_are_those_who_had_read_before() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let (gone, _) = Box::pin(much(&world)).await;
    world.run().await;
    gone.ask().await;
    let letter = |world: &World| -> Letter {
        world.clock.go_to(world.next_letter_at().unwrap());
        world.take().unwrap()
    };
    for _ in 0..3 {
        let letter = letter(&world);
        assert_eq!(world.deliver(&world.lucky, &letter).await, Handled::Done);
    }
    gone.delete().await;
    let deleted_at = world.clock.now();
    let left = gone.left_for_nobody();
    let seen = letter(&world);
    world.deliver(&world.lucky, &seen).await;
    assert_eq!(gone.left_for_nobody(), left);
    let first = letter(&world);
    assert!(world.clock.now().since(deleted_at) >= Duration::from_secs(900));
    world.deliver(&world.lucky, &first).await;
    // So much for one message.
    assert!(!gone.left_for_nobody().is_empty() && gone.left_for_nobody().len() < left.len());
    world.run().await;
    assert_eq!(gone.left_for_nobody(), Vec::<String>::new());
}
