//! Rotations one after the other, and at the same time as others go on with them, over a provider
//! that fails, holds calls back and does not answer; by processes that are killed at any of their
//! calls, or find AWS throttled; while people start, pause, cancel and replace by hand.
//!
//! What happens follows from a seed, but for the order in which the sockets of one process answer. A
//! run that fails names its seed, and `GATEHOUSE_SEED=<seed>` runs that one alone. A seed takes more
//! than a second of a processor where dependencies are not optimized, so few are run if nothing else
//! is said; `GATEHOUSE_SEEDS=<n>` runs so many, from `GATEHOUSE_FIRST_SEED=<n>` on.

use gatehouse::domain::rotation::RotationState;

use super::provider::Faults;
use super::wire::Of;
use super::*;

/// How many seeds each part runs, if nothing else is said: four parts.
const SEEDS: u64 = 3;
const PARTS: u64 = 4;

/// What the runs came to.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    ticks: usize,
    calls: usize,
    kills: usize,
    done: usize,
    failed: usize,
    orphans: usize,
}

struct Run {
    world: World,
    dice: Dice,
    process: Process,
    kills_one_in: u64,
    throttles_one_in: u64,
    loses_one_in: u64,
    outcome: Outcome,
}

impl Run {
    async fn new(stage: &Stage, seed: u64) -> Self {
        let dice = Dice::new(seed);
        let kind = dice.one_of(&Kind::ALL);
        let world = World::new(stage, 1_000 + seed, kind).await;
        world.provider().faults = Faults {
            breaks: dice.one_of(&[0, 0, 6, 12]),
            loses: dice.one_of(&[0, 0, 5, 10]),
            limits: dice.one_of(&[0, 0, 8]),
            delays: dice.one_of(&[0, 2]),
        };
        let process = world.lucky();
        let mut run = Self {
            kills_one_in: dice.one_of(&[0, 1, 1, 2]),
            throttles_one_in: dice.one_of(&[0, 0, 30]),
            loses_one_in: dice.one_of(&[0, 0, 30]),
            world,
            dice,
            process,
            outcome: Outcome::default(),
        };
        run.process = run.another();
        run
    }

    /// Another process, which may be going to die.
    fn another(&self) -> Process {
        let dice = &self.dice;
        let kill = dice.one_in(self.kills_one_in).then(|| Kill {
            call: usize::try_from(dice.below(50)).unwrap(),
            has_effect: dice.one_in(2),
            of: Of::All,
        });
        let life = Life::new(dice.clone(), kill, self.throttles_one_in, self.loses_one_in);
        self.world.process(life)
    }

    async fn trouble(&mut self) {
        let mut plan = self.world.plan().await;
        for _ in 0..24 {
            if self.person(&plan).await {
                plan = self.world.plan().await;
            }
            self.tick(plan.due_at).await;
            plan = self.world.plan().await;
            let wait = match plan.due_at {
                Some(due) if self.dice.one_in(2) => due.since(self.world.clock.now()),
                _ => Duration::from_secs(self.dice.one_of(&[1, 30, 200, 400, 7_200])),
            };
            self.world.clock.pass(wait);
        }
    }

    /// Somebody does something, now and then; whether they did.
    async fn person(&self, plan: &RotationPlan) -> bool {
        let (world, desk) = (&self.world, self.world.desk());
        match (self.dice.below(12), plan.active) {
            (0..=6, None) => {
                world.watch.emergency_is_over();
                world.begin(false).await;
            }
            (0, Some(id)) => {
                // It may be too late for that.
                let _ = desk.cancel(world.of, id).await;
            }
            (1, _) => {
                desk.pause(world.of).await.unwrap();
            }
            (2..=4, _) if plan.paused => {
                desk.resume(world.of).await.unwrap();
            }
            (7, _) if self.dice.one_in(3) => {
                let values = self.of_a_person();
                world.set_by_hand(&values).await;
            }
            (8, Some(_)) if self.dice.one_in(4) => {
                world.emergency().await;
            }
            _ => return false,
        }
        true
    }

    /// What somebody sets by hand: other credentials, or some that were there before and work still.
    fn of_a_person(&self) -> Values {
        let world = &self.world;
        let stored = world.watch.stored_values();
        let provider = world.provider();
        let working = stored.iter().filter(|values| provider.accepts(values));
        let working: Vec<Values> = working.cloned().collect();
        drop(provider);
        match self.dice.one_in(2) {
            true => {
                working[usize::try_from(self.dice.below(working.len() as u64)).unwrap()].clone()
            }
            false => world.new_key("by hand").1,
        }
    }

    /// A run of the schedule, or what it would do with the integration, which is `due`.
    async fn go_on(&self, due: Option<Timestamp>, by_schedule: bool) {
        if by_schedule {
            self.world.tick(&self.process).await;
        } else if let Some(due) = due.filter(|due| *due <= self.world.clock.now()) {
            self.world.visit(&self.process, due).await;
        }
    }

    async fn tick(&mut self, due: Option<Timestamp>) {
        self.outcome.ticks += 1;
        // To find what is due takes most of a run's calls.
        let by_schedule = self.dice.one_in(6);
        // Others go on with it at the same time, now and then. They die together.
        let life = Arc::clone(&self.process.life);
        let twice = self.dice.one_in(5);
        if twice {
            let (one, other) = (self.go_on(due, by_schedule), self.go_on(due, by_schedule));
            tokio::join!(one, other);
        } else {
            self.go_on(due, by_schedule).await;
        }
        if life.is_dead() {
            self.outcome.kills += 1;
            self.outcome.calls += life.calls();
            self.process = self.another();
        }
    }

    /// All goes well from now on, and so all comes to its end.
    async fn peace(mut self) -> Outcome {
        self.outcome.calls += self.process.life.calls();
        let world = &self.world;
        world.provider().faults = Faults::default();
        world.desk().resume(world.of).await.unwrap();
        world.settle().await;
        let all = world.all().await;
        for rotation in &all {
            match rotation.state {
                RotationState::Done => self.outcome.done += 1,
                RotationState::Failed => self.outcome.failed += 1,
                RotationState::OrphanPossible => {
                    assert!(rotation.has_leftovers(), "{rotation:?}");
                    self.outcome.orphans += 1;
                }
                other => panic!("{other:?}: {rotation:?}"),
            }
            assert_eq!(rotation.lease, None);
        }
        let (_, values) = world.watch.current();
        assert!(world.provider().accepts(&values));
        let by_hand =
            |key: &&provider::Key| ["by hand", "the first", "the next"].contains(&&*key.label);
        let others = world
            .provider()
            .active()
            .into_iter()
            .filter(|key| !by_hand(key))
            .count();
        // What people made is theirs; what was made here is in use, or somebody was told.
        let mut provider = world.provider();
        provider.keys.retain(|key| !by_hand(&key));
        drop(provider);
        if others > 0 {
            world.check_no_orphans(&all);
        }
        self.outcome
    }
}

pub(super) fn variable(name: &str) -> Option<u64> {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no configuration of their own"
    )]
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap())
}

/// Says which seed fails.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "the seed of a run that fails")]
            {
                eprintln!("GATEHOUSE_SEED={}", self.0);
            }
        }
    }
}

fn runs(part: u64) {
    let seeds: Vec<u64> = match variable("GATEHOUSE_SEED") {
        Some(seed) if part == 0 => vec![seed],
        Some(_) => return,
        None => {
            let first = variable("GATEHOUSE_FIRST_SEED").unwrap_or(0);
            let count = variable("GATEHOUSE_SEEDS").unwrap_or(SEEDS * PARTS);
            (first..first + count)
                .filter(|seed| seed % PARTS == part)
                .collect()
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let stage = runtime.block_on(Stage::new());
    let mut total = Outcome::default();
    for seed in &seeds {
        let named = Named(*seed);
        let outcome = runtime.block_on(Box::pin(async {
            let mut run = Run::new(&stage, *seed).await;
            run.trouble().await;
            run.peace().await
        }));
        drop(named);
        total.ticks += outcome.ticks;
        total.calls += outcome.calls;
        total.kills += outcome.kills;
        total.done += outcome.done;
        total.failed += outcome.failed;
        total.orphans += outcome.orphans;
    }
    #[expect(clippy::print_stderr, reason = "what the runs came to")]
    {
        eprintln!("{} runs: {total:?}", seeds.len());
    }
    if seeds.len() > 20 {
        assert!(
            total.kills > seeds.len() / 2,
            "hardly any was killed: {total:?}"
        );
        assert!(
            total.done > seeds.len() / 2,
            "hardly any was done: {total:?}"
        );
    }
}

#[test]
fn what_is_in_use_works_whatever_happens_1() {
    runs(0);
}

#[test]
fn what_is_in_use_works_whatever_happens_2() {
    runs(1);
}

#[test]
fn what_is_in_use_works_whatever_happens_3() {
    runs(2);
}

#[test]
fn what_is_in_use_works_whatever_happens_4() {
    runs(3);
}
