//! Events on their way from providers to destinations: requests that are signed, repeated and forged;
//! messages that come twice, late, in another order, and again; functions that are killed at any of their
//! calls, whose calls are throttled, lost or done twice, and whose clocks are wrong; destinations that
//! fail, answer late, or take what they are sent and do not say so.

mod check;
mod destination;
mod provider;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use gatehouse::domain::{Clock as _, DeliveryStatus};
use gatehouse::queue::DeliveryDue;
use gatehouse::store::Replay;
use serde_json::Value;

use super::aws::Letter;
use super::life::Life;
use super::seeds::{Named, asked_for};
use super::stage::{Stage, counted, runtime};
use check::Checks;
use destination::Temper;
use world::{Arrival, MAX_AGE, Process, World};

/// How many seeds are run if nothing else is said: in two parts.
const SEEDS: u64 = 16;
const PARTS: u64 = 2;
/// How many of them share a runtime and a log.
const AT_ONCE: usize = 500;
/// When all has settled, at the latest, after the faults have ended: what a policy allows, twice, because
/// what failed is made again by hand, and what a breaker and the visibility of messages add.
const SETTLED: Duration = Duration::from_secs(2 * MAX_AGE.as_secs() + 2 * 60 * 60);

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    accepted: usize,
    forged: usize,
    received: usize,
    kills: usize,
    faults: usize,
    buried: usize,
    failed: usize,
}

impl Outcome {
    /// What a process has gone through.
    fn note(&mut self, life: &Life) {
        self.kills += usize::from(life.is_dead());
        self.faults += life.faults();
    }

    fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.forged += other.forged;
        self.received += other.received;
        self.kills += other.kills;
        self.faults += other.faults;
        self.buried += other.buried;
        self.failed += other.failed;
    }
}

/// What a provider has said, by its integration and its number.
type Said = BTreeMap<(usize, usize), bool>;

struct Run<'a> {
    world: World<'a>,
    webhooks: Process<Router>,
    processors: Vec<Process<processor::State>>,
    /// All events, and whether they were accepted.
    said: Said,
    checks: Checks,
    outcome: Outcome,
    undeleted_one_in: u64,
}

impl<'a> Run<'a> {
    async fn new(stage: &'a Stage, seed: u64) -> Self {
        let world = World::new(stage, seed).await;
        Self {
            webhooks: world.webhooks(false),
            processors: vec![world.processor(false), world.processor(false)],
            said: Said::new(),
            checks: Checks::default(),
            outcome: Outcome::default(),
            undeleted_one_in: world.dice.one_of(&[0, 0, 10]),
            world,
        }
    }

    /// All goes on, and everything may go wrong.
    async fn trouble(&mut self) {
        let steps = 16 + self.world.dice.below(16);
        for _ in 0..steps {
            match self.world.dice.below(10) {
                0..4 => self.provider_speaks().await,
                4..9 => self.messages().await,
                _ => {
                    let wait = self.world.dice.one_of(&[1, 20, 100, 1_000]);
                    tokio::time::sleep(Duration::from_secs(wait)).await;
                }
            }
            self.bury_the_dead();
            self.check_safety().await;
        }
    }

    async fn check_safety(&mut self) {
        let accepted = self.said.iter().filter(|(_, accepted)| **accepted);
        let accepted: Vec<_> = accepted.map(|(key, _)| *key).collect();
        self.checks.safety(&self.world, &accepted).await;
    }

    /// A provider says something new, or the same once more, or somebody else says that it is one.
    async fn provider_speaks(&mut self) {
        let dice = self.world.dice.clone();
        let line = dice.index(self.world.lines.len());
        if dice.one_in(6) {
            self.forge(line).await;
            return;
        }
        let known = self.said.keys().filter(|(of, _)| *of == line).count();
        let at_once = match self.world.lines[line].scheme {
            provider::Scheme::Stripe => 1,
            provider::Scheme::GoCardless => 1 + dice.index(4),
        };
        let numbers: Vec<usize> = (0..at_once)
            .map(|next| match dice.one_in(3) {
                true => dice.index(known + 1),
                false => known + next,
            })
            .collect();
        self.say(line, &numbers).await;
    }

    async fn say(&mut self, line: usize, numbers: &[usize]) {
        let world = &self.world;
        for number in numbers {
            self.said.entry((line, *number)).or_insert(false);
        }
        let of = &world.lines[line];
        let events: Vec<Value> = numbers
            .iter()
            .map(|number| of.scheme.event(line, *number))
            .collect();
        let second = world.clock().now().as_second();
        let request = of.scheme.request(&of.path, &events, &of.secret, second);
        let status = world.post(&self.webhooks, request).await;
        if status.is_some_and(|status| status.is_success()) {
            for number in numbers {
                self.said.insert((line, *number), true);
            }
        }
    }

    /// Somebody who does not know the secret, but may know another's.
    async fn forge(&mut self, line: usize) {
        self.outcome.forged += 1;
        let (world, dice) = (&self.world, &self.world.dice);
        let (of, other) = (&world.lines[line], &world.lines[(line + 1) % 3]);
        let events = [of.scheme.event(line, 1_000_000 + self.outcome.forged)];
        let (path, secret) = match dice.below(3) {
            0 => (&*of.path, &*other.secret),
            1 => (&*of.path, ""),
            _ => ("/webhooks/nobody", &*of.secret),
        };
        let second = world.clock().now().as_second();
        let request = of.scheme.request(path, &events, secret, second);
        let status = world.post(&self.webhooks, request).await;
        let is_refused = status.is_none_or(|status| !status.is_success());
        assert!(is_refused, "what was forged is accepted");
    }

    /// The queue hands out messages, perhaps to two at the same time, perhaps the same ones.
    async fn messages(&mut self) {
        let (world, dice) = (&self.world, &self.world.dice);
        let one = world.receive(1 + dice.index(10));
        if one.is_empty() {
            if let Some(at) = self.next_letter_at() {
                world.clock().wait_until(at).await;
            }
            return;
        }
        if dice.one_in(4) {
            one.iter().for_each(|letter| world.repeat(letter));
        }
        let other = match dice.one_in(4) {
            true => one.clone(),
            false => world.receive(dice.index(10)),
        };
        let undeleted = self.undeleted_one_in;
        let late = dice.one_of(&[0, 0, 40, 4_000, 20_000]);
        let second = async {
            tokio::time::sleep(dice.millis(late)).await;
            world.deliver(&self.processors[1], &other, undeleted).await
        };
        let first = world.deliver(&self.processors[0], &one, undeleted);
        tokio::join!(Box::pin(first), Box::pin(second));
    }

    fn next_letter_at(&self) -> Option<gatehouse::domain::Timestamp> {
        let mut queues = self.world.aws.queues();
        let letters: &Vec<Letter> = queues.of(&self.world.queue_url);
        letters.iter().map(|letter| letter.visible_at).min()
    }

    /// Where a process has died, or is old, there is another.
    fn bury_the_dead(&mut self) {
        let world = &self.world;
        if self.webhooks.life.is_dead() || world.dice.one_in(12) {
            self.outcome.note(&self.webhooks.life);
            self.webhooks = world.webhooks(false);
        }
        for process in &mut self.processors {
            if process.life.is_dead() || world.dice.one_in(12) {
                self.outcome.note(&process.life);
                *process = world.processor(false);
            }
        }
    }

    /// Nothing goes wrong any more, and people do what they are there for: a provider comes again with
    /// what was not taken, an operator puts dead letters back, and a user has failed deliveries made
    /// again. Then all is settled in time.
    async fn peace(&mut self) -> Outcome {
        let ended = self.world.clock().now();
        self.outcome.note(&self.webhooks.life);
        for process in &self.processors {
            self.outcome.note(&process.life);
        }
        self.webhooks = self.world.webhooks(true);
        self.processors = vec![self.world.processor(true)];
        self.calm_destinations();
        let refused = self.said.iter().filter(|(_, accepted)| !**accepted);
        let refused: Vec<_> = refused.map(|(key, _)| *key).collect();
        for (line, number) in refused {
            self.say(line, &[number]).await;
            assert!(self.said[&(line, number)], "{line} {number} is refused");
        }
        self.settle().await;
        for _ in 0..3 {
            self.outcome.buried += self.world.redrive();
            self.settle().await;
        }
        self.check_safety().await;
        self.outcome.failed = self.replay_failed().await;
        self.settle().await;
        let took = self.world.clock().now().since(ended);
        assert!(took < SETTLED, "it took {took:?}");
        self.check_safety().await;
        self.outcome.accepted = self.said.len();
        self.outcome.received = self.checks.all_settled(&self.world, &self.said).await;
        let lines = self.world.stage.lines.take();
        self.checks.no_canary(&self.world, &lines);
        let failures = counted(&lines, "DeliveriesFailed");
        assert!(
            failures >= self.checks.failed(),
            "a failure was not counted"
        );
        self.outcome
    }

    fn calm_destinations(&self) {
        let targets = self.world.lines.iter().flat_map(|line| &line.targets);
        for target in targets {
            if let Arrival::Http(place) = &target.arrival {
                place.lock().unwrap().fails_one_in = 0;
            }
        }
    }

    /// Handles messages until there are none.
    async fn settle(&mut self) {
        for _ in 0..2_000 {
            let world = &self.world;
            let letters = world.receive(10);
            if letters.is_empty() {
                match self.next_letter_at() {
                    Some(at) => world.clock().wait_until(at).await,
                    None => return,
                }
                continue;
            }
            let handled = world.deliver(&self.processors[0], &letters, 0).await;
            assert!(handled.is_some(), "a batch took too long");
        }
        panic!("there is no end of messages");
    }

    /// Has what failed made again, where it is going to be taken; how much that is.
    async fn replay_failed(&mut self) -> usize {
        let (world, mut many) = (&self.world, 0);
        let now = world.clock().now();
        for line in &world.lines {
            for event in check::stored(world, line).await {
                let failed = event.deliveries.iter().filter(|delivery| {
                    let target = line.targets.iter();
                    let mut target = target.filter(|target| target.id == delivery.destination_id);
                    delivery.status == DeliveryStatus::Failed
                        && target.next().unwrap().temper == Temper::Takes
                });
                let failed: Vec<_> = failed.map(|delivery| delivery.id).collect();
                if failed.is_empty() {
                    continue;
                }
                many += failed.len();
                let replay = Replay {
                    deliveries: &failed,
                    additional: &[],
                    now,
                    keep_until: now.plus(SETTLED),
                };
                let of = (line.organization, line.integration);
                let replayed = world.store.replay(of.0, of.1, event.id, &replay).await;
                let due: Vec<_> = replayed
                    .unwrap()
                    .begun
                    .iter()
                    .filter_map(|delivery| DeliveryDue::of(&event, delivery))
                    .collect();
                world.queue.send_deliveries(&due, now).await.unwrap();
            }
        }
        many
    }
}

async fn run(stage: &Stage, seed: u64) -> Outcome {
    let mut run = Run::new(stage, seed).await;
    run.trouble().await;
    run.peace().await
}

fn runs(part: u64) {
    let seeds = asked_for(SEEDS, (part, PARTS));
    let mut total = Outcome::default();
    for some in seeds.chunks(AT_ONCE) {
        let (runtime, stage) = (runtime(), Stage::new());
        for seed in some {
            let named = Named::of("faults::delivery", *seed);
            total.add(runtime.block_on(Box::pin(run(&stage, *seed))));
            drop(named);
            stage.servers.clear();
        }
    }
    #[expect(clippy::print_stderr, reason = "what the runs came to")]
    {
        eprintln!("{} runs: {total:?}", seeds.len());
    }
    if seeds.len() >= 8 {
        let enough = seeds.len() / 4;
        assert!(
            total.kills > enough && total.faults > enough,
            "hardly anything went wrong"
        );
        assert!(total.received > seeds.len(), "hardly anything arrived");
    }
}

#[test]
fn events_arrive_whatever_happens_1() {
    runs(0);
}

#[test]
fn events_arrive_whatever_happens_2() {
    runs(1);
}
