use std::time::Duration;

use futures::future::join_all;
use gatehouse::domain::{IntegrationId, OrganizationId, Passage};
use gatehouse::flows::{CallEnd, Circuit, CircuitState};

use super::provider::now;
use crate::account::Account;

const SECOND: Duration = Duration::from_secs(1);
const DOWN: CallEnd = CallEnd::Answered(503);
const WORKS: CallEnd = CallEnd::Answered(200);

struct World {
    account: Account,
    organization: OrganizationId,
    integration: IntegrationId,
}

impl World {
    async fn new() -> Self {
        let account = Account::new().await;
        Self {
            organization: account.id(),
            integration: account.id(),
            account,
        }
    }

    /// A function that has just started.
    fn function(&self) -> Circuit {
        Circuit::new(self.account.store(), self.account.sources())
    }

    async fn passage(&self, circuit: &Circuit) -> Passage {
        let passage = circuit.passage(self.organization, self.integration);
        passage.await.unwrap()
    }

    async fn ended(&self, circuit: &Circuit, passage: Passage, end: CallEnd) -> bool {
        let ended = circuit.ended(self.organization, self.integration, passage, end);
        ended.await.is_some()
    }

    async fn state(&self) -> CircuitState {
        let function = self.function();
        let state = function.state(self.organization, self.integration);
        state.await.unwrap()
    }

    fn after(&self, seconds: u32) -> gatehouse::domain::Timestamp {
        now(&self.account.clock).plus(SECOND * seconds)
    }

    /// Ten calls that fail; whether the last one opened the breaker.
    async fn fail(&self, circuit: &Circuit) -> bool {
        for _ in 0..9 {
            assert!(!self.ended(circuit, Passage::Free, DOWN).await);
        }
        self.ended(circuit, Passage::Free, CallEnd::Unreachable)
            .await
    }
}

#[tokio::test]
async fn a_provider_that_fails_is_left_alone_by_every_function() {
    let world = World::new().await;
    let (a, b) = (world.function(), world.function());
    assert_eq!(world.passage(&b).await, Passage::Free);
    assert!(world.fail(&a).await);
    let until = world.after(10);
    assert_eq!(world.passage(&a).await, Passage::Barred(until));
    assert_eq!(world.state().await, CircuitState::Open(until));
    world.account.clock.advance(SECOND * 5);
    assert_eq!(world.passage(&b).await, Passage::Barred(until));
}

#[tokio::test]
async fn only_failures_in_a_row_open_it() {
    let world = World::new().await;
    let circuit = world.function();
    for end in [WORKS, CallEnd::Answered(429), CallEnd::Answered(404)] {
        for _ in 0..9 {
            assert!(!world.ended(&circuit, Passage::Free, DOWN).await);
        }
        assert!(!world.ended(&circuit, Passage::Free, end).await);
    }
    assert_eq!(world.passage(&circuit).await, Passage::Free);
    assert!(world.fail(&circuit).await);
}

#[tokio::test]
async fn one_probe_is_made_at_a_time_across_all_functions() {
    let world = World::new().await;
    let functions: Vec<_> = (0..20).map(|_| world.function()).collect();
    assert!(world.fail(&functions[0]).await);
    for wait in [10, 20, 40, 80, 160, 320, 600, 600] {
        world.account.clock.advance(SECOND * wait);
        assert_eq!(world.state().await, CircuitState::HalfOpen);
        let passages = join_all(functions.iter().map(|circuit| world.passage(circuit))).await;
        let is_probe = |passage: &&Passage| matches!(passage, Passage::Probe(_));
        assert_eq!(passages.iter().filter(is_probe).count(), 1, "{passages:?}");
        assert!(!passages.contains(&Passage::Free));
        let prober = passages
            .iter()
            .position(|passage| is_probe(&passage))
            .unwrap();
        assert!(
            !world
                .ended(&functions[prober], passages[prober], DOWN)
                .await
        );
        // Nobody else tries for as long as it has been opened again.
        let again = world.passage(&functions[(prober + 1) % 20]).await;
        assert!(matches!(again, Passage::Barred(_)));
    }
}

#[tokio::test]
async fn a_probe_that_succeeds_closes_it_for_all() {
    let world = World::new().await;
    let (a, b) = (world.function(), world.function());
    assert!(world.fail(&a).await);
    world.account.clock.advance(SECOND * 10);
    let probe = world.passage(&a).await;
    assert!(matches!(world.passage(&b).await, Passage::Barred(_)));
    world.ended(&a, probe, WORKS).await;
    assert_eq!(world.state().await, CircuitState::Closed);
    assert_eq!(world.passage(&a).await, Passage::Free);
    world.account.clock.advance(SECOND * 5);
    assert_eq!(world.passage(&b).await, Passage::Free);
    // The next time, it begins with the shortest opening again.
    assert!(world.fail(&a).await);
    assert_eq!(world.state().await, CircuitState::Open(world.after(10)));
}

#[tokio::test]
async fn a_call_that_began_before_it_opened_does_not_close_it() {
    let world = World::new().await;
    let circuit = world.function();
    let early = world.passage(&circuit).await;
    assert!(world.fail(&circuit).await);
    world.ended(&circuit, early, WORKS).await;
    assert_eq!(world.state().await, CircuitState::Open(world.after(10)));
    // Nor do late failures of others make it longer.
    world.account.clock.advance(SECOND * 3);
    assert!(!world.fail(&circuit).await);
    assert_eq!(world.state().await, CircuitState::Open(world.after(7)));
}

#[tokio::test]
async fn a_probe_that_is_given_back_is_made_by_the_next() {
    let world = World::new().await;
    let (a, b) = (world.function(), world.function());
    assert!(world.fail(&a).await);
    world.account.clock.advance(SECOND * 10);
    let probe = world.passage(&a).await;
    let given_back = a.given_back(world.organization, world.integration, probe);
    given_back.await;
    assert_eq!(world.state().await, CircuitState::HalfOpen);
    assert_eq!(world.passage(&b).await, probe);
}

#[tokio::test]
async fn a_warm_call_costs_nothing() {
    let world = World::new().await;
    let circuit = world.function();
    world.passage(&circuit).await;
    assert_eq!(world.account.wire.operations(), ["GetItem"]);
    for call in 0..100 {
        let passage = world.passage(&circuit).await;
        let end = if call % 10 == 0 { WORKS } else { DOWN };
        world.ended(&circuit, passage, end).await;
        let generation = circuit.generation(world.organization, world.integration);
        assert_eq!(generation.await.unwrap(), 0);
        world.account.clock.advance(Duration::from_millis(49));
    }
    assert!(world.account.wire.operations().is_empty());
}

#[tokio::test]
async fn those_who_wait_share_one_read() {
    let world = World::new().await;
    let circuit = world.function();
    join_all((0..50).map(|_| world.passage(&circuit))).await;
    assert_eq!(world.account.wire.operations(), ["GetItem"]);
}

#[tokio::test]
async fn a_purge_is_seen_by_all_within_five_seconds_and_leaves_the_breaker_alone() {
    let world = World::new().await;
    let (a, b) = (world.function(), world.function());
    let (organization, integration) = (world.organization, world.integration);
    assert_eq!(b.generation(organization, integration).await.unwrap(), 0);
    assert!(world.fail(&a).await);
    let purges = [&a, &b, &a].map(|circuit| circuit.purge(organization, integration));
    let mut generations: Vec<_> = join_all(purges)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    generations.sort_unstable();
    assert_eq!(generations, [1, 2, 3]);
    world.account.clock.advance(SECOND * 5);
    for circuit in [&a, &b] {
        let generation = circuit.generation(organization, integration);
        assert_eq!(generation.await.unwrap(), 3);
    }
    assert_eq!(world.state().await, CircuitState::Open(world.after(5)));
}

#[tokio::test]
async fn a_table_that_does_not_answer_fails_no_call_that_was_made() {
    let world = World::new().await;
    let circuit = world.function();
    let passage = world.passage(&circuit).await;
    world.account.clock.advance(SECOND * 5);
    world.account.wire.fail(999, 500, "InternalServerError");
    assert!(!world.fail(&circuit).await);
    let barred = circuit.passage(world.organization, world.integration);
    assert!(barred.await.is_err());
    world.account.wire.heal();
    world.ended(&circuit, passage, WORKS).await;
    assert!(world.fail(&circuit).await);
}
