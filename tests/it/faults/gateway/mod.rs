//! Calls through the gateway by callers that repeat what was not answered, to providers that fail, or lose
//! their answers, by functions that are killed at any of their calls of AWS, find them throttled, lost or
//! done twice.

mod provider;
mod world;

use gatehouse::access::DevelopmentIssuer;
use gatehouse::domain::{Clock as _, RequestStatus};
use gatehouse::store::RequestQuery;
use serde_json::{Value, json};
use std::time::Duration;

use super::canary;
use super::life::Life;
use super::seeds::{Named, asked_for};
use super::stage::{Stage, runtime};
use world::{Answer, Process, World};

/// How many seeds are run if nothing else is said: in two parts.
const SEEDS: u64 = 16;
const PARTS: u64 = 2;
/// How many of them share a runtime and a log.
const AT_ONCE: usize = 500;
/// How long callers come again after the faults have ended until everything is settled.
const SETTLED: Duration = Duration::from_secs(60 * 60);

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    asked: usize,
    succeeded: usize,
    unknown: usize,
    calls: usize,
    kills: usize,
    faults: usize,
}

impl Outcome {
    /// What a process has gone through.
    fn note(&mut self, life: &Life) {
        self.kills += usize::from(life.is_dead());
        self.faults += life.faults();
    }

    fn add(&mut self, other: Self) {
        self.asked += other.asked;
        self.succeeded += other.succeeded;
        self.unknown += other.unknown;
        self.calls += other.calls;
        self.kills += other.kills;
        self.faults += other.faults;
    }
}

/// Something that a caller wants done once.
#[derive(Debug)]
struct Wish {
    line: usize,
    path: String,
    key: String,
    /// The answer that stays: a success, or one that says that nobody knows.
    answer: Option<Answer>,
}

impl Wish {
    fn body(&self) -> Value {
        json!({"method": "POST", "endpoint": self.path, "body": {"amount": 1}})
    }

    /// Takes an answer. One that stays is the only one of its kind.
    fn take(&mut self, answer: Answer) {
        let Some(before) = &self.answer else {
            if is_final(&answer) {
                self.answer = Some(answer);
            }
            return;
        };
        // That it cannot be said at the moment is no answer.
        if answer.status.is_success() {
            let was = (before.status, &before.text);
            assert_eq!(
                was,
                (answer.status, &answer.text),
                "{} is answered in two ways",
                self.key
            );
        }
    }
}

/// Whether a caller that gets this answer is not to come again with the same key.
fn is_final(answer: &Answer) -> bool {
    answer.status.is_success()
        || answer.kept
        || answer.text.contains("\"outcomeUnknown\":true")
        || (answer.status == 409 && answer.code() != "idempotency_key_in_use")
}

struct Run<'a> {
    world: World<'a>,
    processes: Vec<Process>,
    wishes: Vec<Wish>,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    async fn trouble(&mut self) {
        let steps = 12 + self.world.dice.below(12);
        for _ in 0..steps {
            let dice = self.world.dice.clone();
            match dice.below(8) {
                0..3 => self.wish_something().await,
                3..5 => self.come_again().await,
                5..7 => self.look().await,
                _ => {
                    let wait = dice.one_of(&[1, 15, 40, 400]);
                    tokio::time::sleep(Duration::from_secs(wait)).await;
                }
            }
            self.bury_the_dead();
            self.check_safety();
        }
    }

    async fn wish_something(&mut self) {
        let (dice, number) = (&self.world.dice, self.wishes.len());
        // Callers of different organizations may count the same way.
        self.wishes.push(Wish {
            line: dice.index(4),
            path: format!("/charges/{number}"),
            key: format!("key-{number}"),
            answer: None,
        });
        self.fulfil(number).await;
    }

    /// Sends a wish: perhaps to two functions at the same time.
    async fn fulfil(&mut self, number: usize) {
        let (world, dice) = (&self.world, &self.world.dice);
        let wish = &self.wishes[number];
        let (line, body) = (&world.lines[wish.line], wish.body());
        let second = async {
            if dice.one_in(5) {
                tokio::time::sleep(dice.millis(dice.one_of(&[1, 20, 3_000]))).await;
                world
                    .call(&self.processes[1], line, Some(&wish.key), &body)
                    .await
            } else {
                None
            }
        };
        let first = world.call(&self.processes[0], line, Some(&wish.key), &body);
        let answers = tokio::join!(Box::pin(first), Box::pin(second));
        for answer in [answers.0, answers.1].into_iter().flatten() {
            self.wishes[number].take(answer);
        }
    }

    /// A caller repeats what it has asked for, whether it was answered or not.
    async fn come_again(&mut self) {
        if !self.wishes.is_empty() {
            let number = self.world.dice.index(self.wishes.len());
            self.fulfil(number).await;
        }
    }

    /// Somebody looks at something, which may be kept.
    async fn look(&mut self) {
        let (world, dice) = (&self.world, &self.world.dice);
        let line = &world.lines[dice.index(4)];
        let path = format!("/shown/{}", dice.below(3));
        let body = json!({"method": "GET", "endpoint": path});
        let Some(answer) = world.call(&self.processes[0], line, None, &body).await else {
            return;
        };
        if answer.status == 200 {
            let shown = line.provider.lock().unwrap().shown(&path);
            let json: Value = serde_json::from_str(&answer.text).unwrap();
            assert_eq!(
                json["body"], shown,
                "it is another's, or not what was asked for"
            );
        }
    }

    fn bury_the_dead(&mut self) {
        for process in &mut self.processes {
            if process.life.is_dead() || self.world.dice.one_in(10) {
                self.outcome.note(&process.life);
                *process = self.world.process(false);
            }
        }
    }

    /// Nothing was done twice, with another's key, or without a record.
    fn check_safety(&self) {
        for (at, line) in self.world.lines.iter().enumerate() {
            let provider = line.provider.lock().unwrap();
            assert!(provider.complaints.is_empty(), "{:?}", provider.complaints);
            for (path, times) in &provider.effects {
                assert_eq!(*times, 1, "{path} of the {at}th was done {times} times");
            }
        }
        for wish in &self.wishes {
            let provider = self.world.lines[wish.line].provider.lock().unwrap();
            let done = provider.effects.contains_key(&wish.path);
            if wish
                .answer
                .as_ref()
                .is_some_and(|answer| answer.status.is_success())
            {
                assert!(done, "{} is said to be done", wish.path);
            }
        }
    }

    /// Nothing goes wrong any more: whoever has no answer comes again until there is one, and all
    /// integrations work.
    async fn peace(&mut self) -> Outcome {
        let ended = self.world.aws.clock.now();
        for process in &self.processes {
            self.outcome.note(&process.life);
        }
        self.processes = vec![self.world.process(true), self.world.process(true)];
        for line in &self.world.lines {
            line.provider.lock().unwrap().fails_one_in = 0;
        }
        loop {
            let waiting = self.wishes.iter().enumerate();
            let mut waiting = waiting.filter(|(_, wish)| wish.answer.is_none());
            let Some((number, _)) = waiting.next() else {
                break;
            };
            self.fulfil(number).await;
            let took = self.world.aws.clock.now().since(ended);
            assert!(took < SETTLED, "{:?} has no answer", self.wishes[number]);
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        for line in 0..4 {
            self.works(line).await;
        }
        self.check_safety();
        self.log_is_whole().await;
        self.no_canary();
        let answers = self.wishes.iter().map(|wish| wish.answer.as_ref().unwrap());
        let succeeded = answers.filter(|answer| answer.status.is_success()).count();
        let lines = self.world.lines.iter();
        Outcome {
            asked: self.wishes.len(),
            succeeded,
            unknown: self.wishes.len() - succeeded,
            calls: lines.map(|line| line.provider.lock().unwrap().calls).sum(),
            ..self.outcome
        }
    }

    /// A new wish is fulfilled within the time that a breaker stays open.
    async fn works(&mut self, line: usize) {
        let ended = self.world.aws.clock.now();
        let number = self.wishes.len();
        self.wishes.push(Wish {
            line,
            path: format!("/charges/{number}"),
            key: format!("key-{number}"),
            answer: None,
        });
        while self.wishes[number].answer.is_none() {
            self.fulfil(number).await;
            let took = self.world.aws.clock.now().since(ended);
            assert!(took < SETTLED, "the {line}th integration does not work");
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        let answer = self.wishes[number].answer.as_ref().unwrap();
        assert!(answer.status.is_success(), "{answer:?}");
    }

    /// What is in an integration's log is its own; and what was answered is there as ended.
    async fn log_is_whole(&self) {
        let world = &self.world;
        for (at, line) in world.lines.iter().enumerate() {
            let (mut after, mut found) = (None, Vec::new());
            loop {
                let query = RequestQuery {
                    status: None,
                    method: None,
                    path_prefix: None,
                    response_status: None,
                    from: None,
                    to: None,
                    limit: 100,
                    after,
                    now: world.aws.clock.now(),
                };
                let page = world
                    .store
                    .requests(line.organization, line.integration, &query);
                let page = page.await.unwrap();
                found.extend(page.items);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            let own: Vec<&str> = self
                .wishes
                .iter()
                .filter(|wish| wish.line == at)
                .map(|wish| &*wish.path)
                .collect();
            for record in &found {
                assert_eq!(record.integration_id, line.integration);
                let is_own = own.contains(&&*record.path) || record.path.starts_with("/shown/");
                assert!(is_own, "{} is in another's log", record.path);
            }
            for path in line.provider.lock().unwrap().effects.keys() {
                let mut records = found.iter();
                assert!(
                    records.any(|record| record.path == *path),
                    "{path} is not in the log"
                );
            }
            let faults = self.outcome.kills + self.outcome.faults;
            let started = found
                .iter()
                .filter(|record| record.status == RequestStatus::Started);
            assert!(started.count() <= faults, "calls go on that nobody makes");
        }
    }

    fn no_canary(&self) {
        for item in self.world.aws.items() {
            let text = item.to_string();
            let found = canary::found_in(&text);
            assert!(found.is_none(), "the table shows {found:?}");
        }
    }
}

async fn run(stage: &Stage, issuer: &DevelopmentIssuer, seed: u64) -> Outcome {
    let world = World::new(stage, issuer, seed).await;
    let mut run = Run {
        processes: vec![world.process(false), world.process(false)],
        wishes: Vec::new(),
        outcome: Outcome::default(),
        world,
    };
    run.trouble().await;
    let outcome = run.peace().await;
    let lines = stage.lines.take();
    let found = canary::found_in(&lines);
    assert!(found.is_none(), "the log shows {found:?}");
    outcome
}

fn runs(part: u64) {
    let seeds = asked_for(SEEDS, (part, PARTS));
    let issuer = World::issuer();
    let mut total = Outcome::default();
    for some in seeds.chunks(AT_ONCE) {
        let (runtime, stage) = (runtime(), Stage::new());
        for seed in some {
            let named = Named::of("faults::gateway", *seed);
            let outcome = run(&stage, &issuer, *seed);
            total.add(runtime.block_on(Box::pin(outcome)));
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
        assert!(total.succeeded > seeds.len(), "hardly anything was done");
    }
}

#[test]
fn calls_are_made_once_whatever_happens_1() {
    runs(0);
}

#[test]
fn calls_are_made_once_whatever_happens_2() {
    runs(1);
}
