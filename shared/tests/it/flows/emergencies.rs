//! The replacing of the credentials of many integrations at once: whatever dies when, each has one
//! rotation, or a reason why it has none.

use std::collections::BTreeMap;
use std::time::Duration;

use gatehouse::domain::rotation::{
    EmergencyMember, EmergencyRotation, EmergencyScope, EmergencyState, MemberOutcome, Rotation,
    RotationFailure, RotationState, RotationTrigger,
};
use gatehouse::domain::{
    ApiProfile, AuthMethod, CredentialInfo, Integration, IntegrationStatus, IntegrationType,
    OrganizationId, Sources,
};
use gatehouse::flows::rotation::{Emergencies, RotationDesk, StartRotation};
use gatehouse::store::{RotationWrite, Store, Versioned};

use crate::account::Account;
use crate::life::{Kill, Life};

struct World {
    account: Account,
    store: Store,
    organization: OrganizationId,
}

impl World {
    async fn new() -> Self {
        let account = Account::new().await;
        Self {
            store: account.store(),
            organization: account.id(),
            account,
        }
    }

    fn sources(&self) -> Sources {
        self.account.sources()
    }

    /// Emergencies, in pages of two, of a process that dies when `life` says.
    fn emergencies(&self, life: &Life) -> Emergencies {
        let store = life.store(&self.account);
        let desk = RotationDesk::new(store, self.account.credentials(), self.sources());
        Emergencies::new(desk).in_pages_of(2)
    }

    fn desk(&self) -> RotationDesk {
        let credentials = self.account.credentials();
        RotationDesk::new(self.store.clone(), credentials, self.sources())
    }

    /// An integration of `provider`, with credentials or without.
    async fn integration(&self, provider: &str, has_credentials: bool) -> Integration {
        let now = self.sources().now();
        let integration = Integration {
            id: self.account.id(),
            organization_id: self.organization,
            name: provider.to_owned(),
            integration_type: IntegrationType::Communication,
            provider: Some(provider.to_owned()),
            classification: Default::default(),
            environment: Default::default(),
            base_url: "https://api.example.com/".parse().unwrap(),
            variables: BTreeMap::new(),
            api_profile: (provider == "sendgrid").then(|| Box::new(makes_keys())),
            tls_config: None,
            gateway_config: None,
            auth_method: AuthMethod::ApiKey,
            auth_config: None,
            rate_limits: None,
            webhook_config: None,
            sync_config: None,
            status: IntegrationStatus::Active,
            credentials: has_credentials.then(|| CredentialInfo {
                version: "gatehouse-01K72Z5QSW0123456789ABCDEF".to_owned(),
                fields: vec!["apiKey".to_owned(), "apiKeyId".to_owned()],
                created_at: now,
                last_used_at: None,
                expires_at: None,
                fields_expire_at: BTreeMap::new(),
            }),
            created_at: now,
            updated_at: now,
        };
        self.store.create_integration(&integration).await.unwrap();
        integration
    }

    async fn rotations(&self, integration: &Integration) -> Vec<Rotation> {
        let page = self
            .store
            .rotations(self.organization, integration.id, 50, None);
        let items = page.await.unwrap().items.into_iter();
        items.map(|found| found.item).collect()
    }

    async fn members(&self, emergency: &EmergencyRotation) -> Vec<EmergencyMember> {
        let page = self
            .store
            .emergency_members(self.organization, emergency.id, 200, None);
        page.await.unwrap().items
    }

    async fn read(&self, emergency: &EmergencyRotation) -> EmergencyRotation {
        let found = self.store.emergency(self.organization, emergency.id).await;
        found.unwrap().unwrap().item
    }

    /// Lets time pass, and a run of a process that lives go on with what is due.
    async fn run(&self, seconds: u64) -> usize {
        self.account.clock.advance(Duration::from_secs(seconds));
        let emergencies = self.emergencies(&Life::default());
        let until = self.sources().now().plus(Duration::from_secs(60));
        let report = emergencies.run(until).await.unwrap();
        assert_eq!(report.failed, 0);
        report.advanced
    }

    /// Ends the rotation of an integration.
    async fn end(&self, integration: &Integration, state: RotationState) {
        let of = (self.organization, integration.id);
        let plan = self.store.rotation_plan(of.0, of.1).await.unwrap();
        let rotation = self.store.rotation(of.0, of.1, plan.item.active.unwrap());
        let mut rotation = rotation.await.unwrap().unwrap();
        let now = self.sources().now();
        let reason = RotationFailure::Refused;
        rotation.item.end(state, reason, now);
        let mut next = plan.item.clone();
        next.follow(&rotation.item, now);
        let written = self.store.write_rotation(of, &plan, &next, Some(&rotation));
        assert!(matches!(written.await.unwrap(), RotationWrite::Done { .. }));
    }
}

/// Calls that make new keys.
fn makes_keys() -> ApiProfile {
    let keys = serde_json::json!({
        "create": {"method": "POST", "path": "/keys"}, "created": {"apiKey": "key"},
        "revoke": [{"method": "DELETE", "path": "/keys/{apiKeyId}"}],
    });
    let rotation = serde_json::json!({"strategy": "provider_api", "keys": keys});
    serde_json::from_value(serde_json::json!({"rotation": rotation})).unwrap()
}

fn outcome_of(members: &[EmergencyMember], integration: &Integration) -> MemberOutcome {
    let mut members = members.iter();
    let member = members.find(|member| member.integration_id == integration.id);
    member.unwrap().outcome
}

#[tokio::test]
async fn whatever_dies_when_each_integration_has_one_rotation_or_a_reason() {
    let mut deaths = 0;
    for most in 0_usize.. {
        let world = World::new().await;
        let mut rotated = Vec::new();
        for _ in 0..3 {
            rotated.push(world.integration("sendgrid", true).await);
        }
        let person = world.integration("stripe", true).await;
        let bare = world.integration("sendgrid", false).await;
        // It makes so many calls, and hears nothing of the last.
        let kill = Kill {
            call: most.saturating_sub(1),
            has_effect: most > 0,
        };
        let emergencies = world.emergencies(&Life::new(Some(kill)));
        let me = "me".to_owned();
        let begun = emergencies.begin(world.organization, EmergencyScope::All {}, me);
        let is_dead = match begun.await {
            Ok(mut emergency) => loop {
                match emergencies.advance(emergency).await {
                    Ok(next) if next.item.state == EmergencyState::Starting => emergency = next,
                    ended => break ended.is_err(),
                }
            },
            Err(_) => true,
        };
        deaths += usize::from(is_dead);
        // Another process goes on with what is there; if nothing is, nobody was told that it was.
        world.run(1).await;
        let known = world.store.emergencies(world.organization, 10, None).await;
        let Some(known) = known.unwrap().items.pop() else {
            assert!(most <= 1, "it was begun");
            continue;
        };
        let emergency = known.item;
        assert_ne!(emergency.state, EmergencyState::Starting, "after {most}");
        let members = world.members(&emergency).await;
        assert_eq!(members.len(), 5, "after {most}");
        for integration in rotated.iter().chain([&person]) {
            let rotations = world.rotations(integration).await;
            assert_eq!(rotations.len(), 1, "after {most}");
            assert!(rotations[0].emergency && rotations[0].batch == Some(emergency.id));
        }
        assert!(world.rotations(&bare).await.is_empty());
        assert_eq!(outcome_of(&members, &bare), MemberOutcome::NotStarted);
        assert_eq!(outcome_of(&members, &person), MemberOutcome::NeedsPerson);
        assert_eq!(outcome_of(&members, &rotated[0]), MemberOutcome::Running);
        let progress = emergency.progress;
        assert_eq!((progress.integrations, progress.running), (5, 3));
        assert_eq!((progress.needs_person, progress.not_started), (1, 1));
        if !is_dead {
            break;
        }
    }
    assert!(deaths > 20, "{deaths}");
}

#[tokio::test]
async fn it_is_over_when_every_rotation_is_and_counts_them() {
    let world = World::new().await;
    let (one, two) = (
        world.integration("sendgrid", true).await,
        world.integration("sendgrid", true).await,
    );
    let other = world.integration("stripe", true).await;
    let emergencies = world.emergencies(&Life::default());
    let provider = EmergencyScope::Provider {
        provider: "sendgrid".to_owned(),
    };
    let me = "me".to_owned();
    let begun = emergencies.begin(world.organization, provider, me).await;
    let emergency = begun.unwrap().item;
    world.run(1).await;
    assert!(world.rotations(&other).await.is_empty());
    assert_eq!(world.read(&emergency).await.progress.running, 2);
    world.end(&one, RotationState::Done).await;
    world.run(60).await;
    let now = world.read(&emergency).await;
    assert_eq!((now.progress.running, now.progress.done), (1, 1));
    assert_eq!(now.state, EmergencyState::Running);
    world.end(&two, RotationState::Failed).await;
    world.run(900).await;
    let now = world.read(&emergency).await;
    assert_eq!(now.state, EmergencyState::Done);
    assert_eq!((now.progress.done, now.progress.failed), (1, 1));
    assert!(now.ended_at.is_some());
    let members = world.members(&emergency).await;
    let failed = members.iter().find(|one| one.integration_id == two.id);
    assert_eq!(failed.unwrap().reason.as_deref(), Some("refused"));
    // Nothing is left to be looked at.
    assert_eq!(world.run(100_000).await, 0);
}

#[tokio::test]
async fn a_rotation_that_is_active_already_loses_its_grace_and_is_a_member() {
    let world = World::new().await;
    let integration = world.integration("sendgrid", true).await;
    let of = (world.organization, integration.id);
    let start = StartRotation::by(RotationTrigger::Schedule);
    let active = world.desk().start(of, start).await.unwrap();
    assert!(!active.emergency);
    let emergencies = world.emergencies(&Life::default());
    let one = EmergencyScope::Integration {
        integration_id: integration.id,
    };
    let begun = emergencies.begin(world.organization, one, "me".to_owned());
    let begun = begun.await.unwrap();
    emergencies.advance(begun.clone()).await.unwrap();
    let rotations = world.rotations(&integration).await;
    assert_eq!(rotations.len(), 1);
    assert_eq!(rotations[0].id, active.id);
    assert!(rotations[0].emergency);
    let members = world.members(&begun.item).await;
    assert_eq!(members[0].rotation_id, Some(active.id));
    // Of two that go on with the same page one is heard.
    world.account.clock.advance(Duration::from_secs(1));
    let late = emergencies.advance(begun).await;
    assert!(late.is_err(), "{late:?}");
    assert_eq!(world.read_progress(&members, 1).await, 1);
}

impl World {
    /// How many integrations the newest emergency counts; there are `members` of them.
    async fn read_progress(&self, members: &[EmergencyMember], expected: usize) -> u32 {
        assert_eq!(members.len(), expected);
        let known = self.store.emergencies(self.organization, 1, None).await;
        let Versioned { item, .. } = known.unwrap().items.pop().unwrap();
        item.progress.integrations
    }
}

#[tokio::test]
async fn another_organization_sees_nothing_of_it() {
    let world = World::new().await;
    world.integration("sendgrid", true).await;
    let emergencies = world.emergencies(&Life::default());
    let begun = emergencies.begin(world.organization, EmergencyScope::All {}, "me".to_owned());
    let emergency = begun.await.unwrap().item;
    world.run(1).await;
    let other: OrganizationId = world.account.id();
    let store = &world.store;
    assert_eq!(store.emergency(other, emergency.id).await.unwrap(), None);
    let listed = store.emergencies(other, 10, None).await.unwrap();
    assert!(listed.items.is_empty());
    let members = store.emergency_members(other, emergency.id, 10, None);
    assert!(members.await.unwrap().items.is_empty());
}
