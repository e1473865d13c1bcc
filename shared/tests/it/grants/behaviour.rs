//! One grant and a few processes, each thing by itself.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use gatehouse::domain::{GrantEnd, GrantIdentity, GrantState, Sources};
use gatehouse::flows::grants::{GrantError, Grants, LoggedOut, NewGrant, Visited};
use gatehouse::lambda::metrics::Metrics;
use gatehouse::store::{DueGrant, Store};
use secrecy::ExposeSecret as _;

use super::SetUp;
use super::provider::{Line, Provider, Reuse};
use super::wire::{Dice, Kill, Life, Shared, VirtualClock};

const HOUR: Duration = Duration::from_secs(3_600);
const LONG: Duration = Duration::from_secs(40);

struct World {
    shared: Shared,
    provider: Arc<Provider>,
    clock: VirtualClock,
    set_up: SetUp,
}

impl World {
    fn new() -> Self {
        let clock = VirtualClock::start();
        Self {
            shared: Shared::new(),
            provider: Provider::new(Reuse::Revokes, HOUR, clock.clone()),
            clock,
            set_up: SetUp::new(7),
        }
    }

    /// A process with a memory of its own.
    fn process(&self, seed: u64) -> (Grants, Store, Arc<Life>) {
        self.process_that_dies(seed, None)
    }

    fn process_that_dies(&self, seed: u64, kill: Option<Kill>) -> (Grants, Store, Arc<Life>) {
        let dice = Dice::new(seed);
        let life = Arc::new(Life::new(dice.clone(), kill, 5, 0));
        let sources = Sources {
            clock: Arc::new(self.clock.clone()),
            randomness: Arc::new(dice.clone()),
        };
        let (store, keys) = self.shared.process(&life, &sources);
        let line = Arc::new(Line {
            provider: Arc::clone(&self.provider),
            life: Arc::clone(&life),
            dice,
        });
        let metrics = Metrics::with_writer("tests", std::io::sink());
        let grants = Grants::new(store.clone(), keys, line, sources, metrics, None);
        (grants, store, life)
    }

    async fn connect(&self, grants: &Grants) {
        let new = NewGrant {
            reply: self.provider.consent(),
            identity: Some(GrantIdentity {
                issuer: "https://id.example.com".to_owned(),
                subject: "somebody".to_owned(),
                sid: Some("session".to_owned()),
            }),
            scopes_asked: vec!["read".to_owned()],
            dpop_key: None,
        };
        let context = self.set_up.context();
        grants.connect(&context, new).await.unwrap();
    }

    async fn token(&self, grants: &Grants) -> Result<String, GrantError> {
        let context = self.set_up.context();
        let token = grants.access_token(&context, LONG).await?;
        Ok(token.access_token.expose_secret().to_owned())
    }

    async fn state(&self, grants: &Grants) -> GrantState {
        let (organization, integration) = self.set_up.ids();
        let grant = grants.read(organization, integration).await.unwrap();
        grant
            .unwrap()
            .state(gatehouse::domain::Clock::now(&self.clock))
    }
}

#[tokio::test(start_paused = true)]
async fn a_warm_call_costs_nothing_and_a_cold_one_a_read() {
    let world = World::new();
    let (grants, _, life) = world.process(1);
    world.connect(&grants).await;
    let (cold, _, cold_life) = world.process(2);
    world.token(&cold).await.unwrap();
    // The grant, and the data key that opens it, which is kept much longer.
    assert_eq!(cold_life.calls(), 2);
    for _ in 0..20 {
        world.token(&cold).await.unwrap();
    }
    assert_eq!(cold_life.calls(), 2);
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.token(&cold).await.unwrap();
    assert_eq!(cold_life.calls(), 3);
    drop(life);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_of_four_processes_renew_a_grant_once() {
    let world = World::new();
    let processes: Vec<_> = (0..4).map(|seed| world.process(seed).0).collect();
    world.connect(&processes[0]).await;
    tokio::time::sleep(HOUR).await;
    let callers = (0..100).map(|caller| world.token(&processes[caller % 4]));
    let tokens = join_all(callers).await;
    assert!(
        tokens
            .iter()
            .all(|token| token.as_deref().is_ok_and(|t| t == "access-2"))
    );
    assert_eq!(world.provider.exchanges().len(), 1);
    // Nor has anybody shown the old refresh token after that: the provider would have ended the grant.
    let asked = (world.provider.most_running(), world.provider.refusals());
    assert_eq!(asked, (1, 0), "calls at the same time, refusals");
    assert_eq!(world.state(&processes[0]).await, GrantState::Connected);
}

#[tokio::test(start_paused = true)]
async fn what_another_process_revokes_is_noticed_within_five_seconds() {
    let world = World::new();
    let (one, _, _) = world.process(1);
    let (other, _, _) = world.process(2);
    let (organization, integration) = world.set_up.ids();
    world.connect(&one).await;
    world.token(&other).await.unwrap();
    let forgotten = one
        .forget(organization, integration)
        .await
        .unwrap()
        .unwrap();
    let refresh = forgotten.tokens.refresh_token.unwrap();
    assert_eq!(refresh.expose_secret(), "refresh-1");
    assert!(
        one.forget(organization, integration)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(world.token(&other).await.unwrap(), "access-1");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let refused = world.token(&other).await;
    let over = GrantError::ConsentNeeded(GrantEnd::Revoked);
    assert_eq!(refused.unwrap_err().to_string(), over.to_string());
    assert_eq!(world.state(&other).await, GrantState::Revoked);
    // A person connects it again, and it works at once.
    world.connect(&one).await;
    assert_eq!(world.token(&other).await.unwrap(), "access-2");
}

#[tokio::test(start_paused = true)]
async fn a_401_reads_again_before_it_renews_and_renews_once() {
    let world = World::new();
    let (one, _, _) = world.process(1);
    let (other, _, _) = world.process(2);
    world.connect(&one).await;
    let context = world.set_up.context();
    let version = one.access_token(&context, LONG).await.unwrap().version;
    assert_eq!(world.token(&other).await.unwrap(), "access-1");
    assert!(!one.refused(&context, version, LONG).await, "it is new");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(one.refused(&context, version, LONG).await);
    assert_eq!(world.provider.exchanges().len(), 1);
    // The other has not noticed: it reads, and finds that there is nothing to renew.
    assert!(other.refused(&context, version, LONG).await);
    assert_eq!(world.token(&other).await.unwrap(), "access-2");
    assert_eq!(world.provider.exchanges().len(), 1);
    assert!(!other.refused(&context, version + 1, LONG).await);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_does_not_end_what_was_begun() {
    let world = World::new();
    let (grants, _, _) = world.process(1);
    world.connect(&grants).await;
    tokio::time::sleep(HOUR).await;
    let asked = tokio::time::timeout(Duration::from_millis(1), world.token(&grants));
    assert!(asked.await.is_err());
    grants.settled(LONG).await;
    assert_eq!(world.token(&grants).await.unwrap(), "access-2");
    assert_eq!(world.provider.exchanges().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_one_gap_ends_in_consent_and_says_so() {
    let world = World::new();
    let (founder, _, _) = world.process(1);
    world.connect(&founder).await;
    tokio::time::sleep(HOUR).await;
    // It reads the grant and the key, takes the lease, and dies with the exchange.
    let kill = Kill {
        call: 3,
        has_effect: true,
    };
    let (dying, _, life) = world.process_that_dies(2, Some(kill));
    let context = world.set_up.context();
    assert!(dying.access_token(&context, LONG).await.is_err());
    assert_eq!(life.killed_at(), Some("after the call"));
    let lost = world.token(&founder).await;
    assert!(
        matches!(lost, Err(GrantError::ConsentNeeded(GrantEnd::Refused))),
        "{lost:?}"
    );
    assert_eq!(world.state(&founder).await, GrantState::NeedsConsent);
}

#[tokio::test(start_paused = true)]
async fn a_logout_ends_the_grant_of_whom_it_names() {
    let world = World::new();
    let (grants, _, _) = world.process(1);
    world.connect(&grants).await;
    let (organization, integration) = world.set_up.ids();
    let who = LoggedOut {
        issuer: "https://id.example.com",
        subject: Some("somebody"),
        sid: Some("session"),
    };
    for other in [
        LoggedOut {
            issuer: "https://evil.example.com",
            ..who
        },
        LoggedOut {
            subject: Some("another"),
            ..who
        },
        LoggedOut {
            sid: Some("another"),
            ..who
        },
        LoggedOut {
            subject: None,
            sid: None,
            ..who
        },
    ] {
        assert!(
            !grants
                .log_out(organization, integration, other)
                .await
                .unwrap()
        );
    }
    assert_eq!(world.state(&grants).await, GrantState::Connected);
    assert!(
        grants
            .log_out(organization, integration, who)
            .await
            .unwrap()
    );
    assert_eq!(world.state(&grants).await, GrantState::NeedsConsent);
    assert!(
        !grants
            .log_out(organization, integration, who)
            .await
            .unwrap()
    );
}

#[tokio::test(start_paused = true)]
async fn tokens_do_not_follow_a_change_of_the_set_up() {
    let mut world = World::new();
    let (grants, _, _) = world.process(1);
    world.connect(&grants).await;
    world.set_up.base_url = "https://evil.example.com/".parse().unwrap();
    let refused = world.token(&grants).await;
    let changed = GrantError::ConsentNeeded(GrantEnd::SetUpChanged);
    assert_eq!(refused.unwrap_err().to_string(), changed.to_string());
}

#[tokio::test(start_paused = true)]
async fn nothing_of_the_tokens_is_in_the_table_in_clear() {
    let world = World::new();
    let (grants, store, _) = world.process(1);
    world.connect(&grants).await;
    let (organization, integration) = world.set_up.ids();
    let stored = store
        .grant(organization, integration)
        .await
        .unwrap()
        .unwrap();
    let text = serde_json::to_string(&stored.item.grant).unwrap();
    assert!(
        !text.contains("access-1") && !text.contains("refresh-1"),
        "{text}"
    );
    let sealed = stored.item.tokens.unwrap();
    let bytes = String::from_utf8_lossy(sealed.as_bytes()).into_owned();
    assert!(!bytes.contains("access-1") && !bytes.contains("refresh-1"));
    let context = world.set_up.context();
    let token = grants.access_token(&context, LONG).await;
    let shown = format!("{token:?}");
    assert!(!shown.contains("access-1"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn an_unused_grant_is_renewed_and_its_entry_moves_on() {
    let mut world = World::new();
    world.set_up.config.refresh_token_days = Some(8);
    let (grants, store, _) = world.process(1);
    world.connect(&grants).await;
    let (organization, integration) = world.set_up.ids();
    let due = |at| DueGrant {
        at,
        organization,
        integration,
    };
    let look_at = async || {
        let grant = grants.read(organization, integration).await.unwrap();
        grant.unwrap().look_at.unwrap()
    };
    let first = look_at().await;
    let entries = async |at| store.due_grants(at, at, 10).await.unwrap();
    assert_eq!(entries(first).await, [due(first)]);
    tokio::time::sleep(Duration::from_secs(7 * 86_400)).await;
    let context = world.set_up.context();
    let visited = grants.visit(&due(first), &context, LONG).await.unwrap();
    assert_eq!(visited, Visited::Renewed);
    assert_eq!(world.provider.exchanges().len(), 1);
    let second = look_at().await;
    assert!(second > first);
    assert_eq!(entries(first).await, []);
    assert_eq!(entries(second).await, [due(second)]);
    // An entry that leads nowhere any more is taken away, and changes nothing.
    store.put_due_grant(&due(first)).await.unwrap();
    grants.visit(&due(first), &context, LONG).await.unwrap();
    assert_eq!(entries(first).await, []);
    assert_eq!(look_at().await, second);
    assert_eq!(world.provider.exchanges().len(), 1);
}
