//! Runs that die with any of their calls of AWS, before or after it had its effect, from before an alert turns
//! until people are told: they are told, it is in the audit trail, and what is stored agrees.

use std::collections::BTreeMap;

use gatehouse::audit::AuditQuery;
use gatehouse::domain::{AlertId, OrganizationId, Timestamp};

use super::*;
use crate::world::{Aws, Kill, Provider};

/// What there is at an instant, to be begun from again and again.
struct Moment {
    items: BTreeMap<String, Value>,
    now: Timestamp,
    organization: OrganizationId,
    watched: IntegrationId,
    slack: IntegrationId,
    channel: ChannelId,
    messenger: Messenger,
    provider: Provider,
}

impl Moment {
    fn of(scene: &Scene) -> Self {
        Self {
            items: scene.world.aws.items(),
            now: scene.world.now(),
            organization: scene.world.organization,
            watched: scene.watched,
            slack: scene.slack,
            channel: scene.channel,
            messenger: scene.messenger.clone(),
            provider: scene.world.provider.clone(),
        }
    }

    /// A world of its own, which goes on from here.
    fn again(&self, seed: u64) -> Scene {
        let mut world = World::of(Aws::new(), self.provider.clone(), seed);
        world.organization = self.organization;
        world.aws.restore(&self.items);
        world.aws.clock.go_to(self.now);
        self.messenger.sent();
        Scene {
            world,
            watched: self.watched,
            messenger: self.messenger.clone(),
            slack: self.slack,
            channel: self.channel,
        }
    }
}

impl Scene {
    /// So many observations of the rule of calls that fail speak for a turn.
    async fn counted(&self) -> u16 {
        let store = &self.world.store;
        let book = store.alert_book(self.world.organization, self.watched);
        let state = (book.await.unwrap().item).state(AlertKind::IntegrationFailure);
        state.count
    }

    /// Calls that end like this, a minute each, until the next one turns the alert.
    async fn until_it_turns(&self, fails: bool, counted: u16) {
        for _ in 0..20 {
            if self.counted().await == counted {
                return;
            }
            self.minutes(1, fails).await;
        }
        panic!("it does not come so far");
    }

    /// The subjects of what is recorded under this word.
    async fn recorded(&self, action: &str) -> Vec<String> {
        let query = AuditQuery {
            action: Some(action.to_owned()),
            limit: 100,
            ..AuditQuery::default()
        };
        let trail = self.world.trail();
        let found = trail.entries(self.world.organization, &query).await;
        let entries = found.unwrap().items.into_iter();
        let subjects = entries.filter_map(|entry| entry.subject);
        subjects.map(|subject| subject.id).collect()
    }

    /// One dies; others go on, and calls end as before.
    async fn dies(&self, kill: Kill, fails: bool) -> bool {
        self.calls(fails).await;
        self.world.pass(MINUTE);
        let died = self.world.run_killed(kill).await;
        for _ in 0..3 {
            self.calls(fails).await;
            self.world.pass(MINUTE * 3);
            self.world.run().await;
        }
        died
    }

    /// What is said of alerts in one place is said in all: each was told (not often), is in the trail, and
    /// nothing waits.
    async fn agrees(&self, (said, action): (&str, &str), turned: &[Alert], at: &str) {
        let (told, recorded) = (self.told(), self.recorded(action).await);
        for alert in turned {
            let id = alert.id.to_string();
            let lines = told.iter().filter(|line| line.contains(&id));
            let times = lines.filter(|line| line.starts_with(said)).count();
            assert!((1..=2).contains(&times), "{at}: {told:?}");
            assert!(recorded.contains(&id), "{at}: {recorded:?}");
        }
        let store = &self.world.store;
        let book = store.alert_book(self.world.organization, self.watched);
        let rules = book.await.unwrap().item.rules;
        let mut of_book: Vec<AlertId> = rules.values().filter_map(|state| state.alert).collect();
        let mut open: Vec<_> = self.alerts(true).await.iter().map(|one| one.id).collect();
        of_book.sort_unstable();
        open.sort_unstable();
        assert_eq!(of_book, open, "{at}");
        let far = self.world.now().plus(hours(48));
        assert_eq!(store.due_notices(far, 100).await.unwrap(), [], "{at}");
    }
}

/// Every place where one can die, until `check` says that it did not come so far.
async fn each_death(mut check: impl AsyncFnMut(Kill, u64, String) -> bool) -> usize {
    let mut deaths = 0;
    for call in 0.. {
        let mut died = false;
        for has_effect in [false, true] {
            let kill = Kill { call, has_effect };
            let seed = 1_000 + 2 * call as u64 + u64::from(has_effect);
            died = check(kill, seed, format!("call {call} {has_effect}")).await;
            deaths += usize::from(died);
        }
        if !died {
            break;
        }
    }
    deaths
}

async fn beginning() -> Scene {
    let world = World::of(Aws::new(), Provider::start().await, 31);
    let scene = Scene::of(world, Messenger::start().await).await;
    scene.set_up(|setup| setup.group_seconds = 0).await;
    scene
}

#[tokio::test]
async fn a_run_that_dies_anywhere_leaves_one_alert_of_each_and_everybody_told() {
    let scene = beginning().await;
    scene.until_it_turns(true, 1).await;
    assert_eq!(scene.open().await, [], "it fired too early for this test");
    let moment = Moment::of(&scene);
    let deaths = each_death(async |kill, seed, at| {
        let scene = moment.again(seed);
        let died = scene.dies(kill, true).await;
        let open = scene.alerts(true).await;
        let kinds = scene.open().await;
        assert!(kinds.contains(&AlertKind::IntegrationFailure), "{at}");
        let all = scene.alerts(false).await.len();
        assert_eq!(all, open.len(), "{at}: one of each");
        scene.agrees(("Firing", "alert.fire"), &open, &at).await;
        died
    });
    let deaths = deaths.await;
    assert!(deaths > 8, "{deaths}");
}

#[tokio::test]
async fn a_run_that_dies_anywhere_leaves_an_alert_that_is_over_and_everybody_told() {
    let scene = beginning().await;
    scene.minutes(7, true).await;
    assert!(scene.open().await.contains(&AlertKind::IntegrationFailure));
    scene.until_it_turns(false, 2).await;
    assert!(scene.open().await.contains(&AlertKind::IntegrationFailure));
    let moment = Moment::of(&scene);
    let deaths = each_death(async |kill, seed, at| {
        let scene = moment.again(seed);
        let died = scene.dies(kill, false).await;
        let kinds = scene.open().await;
        assert!(!kinds.contains(&AlertKind::IntegrationFailure), "{at}");
        let all = scene.alerts(false).await;
        let over: Vec<_> = all.into_iter().filter(|one| !one.is_open()).collect();
        assert!(!over.is_empty(), "{at}");
        for alert in &over {
            let ends = [AlertEvent::Firing, AlertEvent::Resolved];
            assert_eq!(events(alert), ends, "{at}");
        }
        scene
            .agrees(("Resolved", "alert.resolve"), &over, &at)
            .await;
        died
    });
    let deaths = deaths.await;
    assert!(deaths > 8, "{deaths}");
}
