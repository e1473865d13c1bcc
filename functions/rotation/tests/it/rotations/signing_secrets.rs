//! Signing secrets, replaced by processes that are killed at any of their calls.

use gatehouse::config::Environment;
use gatehouse::domain::secret_rotation::{SecretPlan, SecretRotationPolicy, reveal};
use gatehouse::domain::{
    Destination, DestinationId, Endpoint, EndpointId, StoredSecret, Timestamp,
};
use gatehouse::flows::connect;
use gatehouse::flows::secret_rotation::SecretMaker;
use gatehouse::store::Versioned;
use gatehouse::vault::{DataKeys, SealContext};
use rotation::SigningSecrets;

use super::kills::{ENOUGH, lists};
use super::*;

const PERIOD: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const OVERLAP: Duration = Duration::from_secs(3600);

fn plan() -> SecretPlan {
    let mut plan = SecretPlan::default();
    plan.set_policy(Some(SecretRotationPolicy {
        every_days: 30,
        overlap_seconds: Some(OVERLAP.as_secs()),
        paused: false,
    }));
    plan
}

/// A world with a destination whose secret is replaced every 30 days.
struct Signed {
    world: World,
    keys: DataKeys,
    id: DestinationId,
    first: StoredSecret,
}

impl Signed {
    async fn new(stage: &Stage, seed: u64) -> Self {
        let world = World::new(stage, seed, Kind::Person).await;
        let variables = [
            ("GATEHOUSE_TABLE", wire::TABLE),
            ("GATEHOUSE_KEY_ARN", "key"),
        ];
        let environment: Environment = variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        let life = Arc::new(Life::new(world.dice.clone(), None, 0, 0));
        let (config, sources) = (world.aws.config(&life), world.sources());
        let keys = connect::data_keys(&environment, &config, &world.store, &sources).unwrap();
        let now = world.clock.now();
        let id = DestinationId::generate(now, &world.dice);
        let maker = SecretMaker::new(keys.clone(), sources);
        let secret = maker.generate();
        let first = maker
            .seal(world.of.0, id.ulid(), &secret, now)
            .await
            .unwrap();
        let destination: Destination = serde_json::from_value(json!({
            "id": id, "organizationId": world.of.0, "integrationId": world.of.1,
            "type": "http", "url": "https://example.com/in", "status": "active",
            "createdAt": now, "updatedAt": now,
        }))
        .unwrap();
        let destination = Destination {
            secrets: vec![first.clone()],
            secret_plan: plan(),
            ..destination
        };
        world.store.create_destination(&destination).await.unwrap();
        Self {
            world,
            keys,
            id,
            first,
        }
    }

    async fn read(&self) -> Versioned<Destination> {
        let (organization, integration) = self.world.of;
        let found = self
            .world
            .store
            .destination(organization, integration, self.id);
        found.await.unwrap().unwrap()
    }

    /// The secrets as text, newest first.
    async fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for stored in self.read().await.item.secrets {
            let context = SealContext::SigningSecret {
                owner: self.id.ulid(),
                secret: stored.id,
            };
            let text = self.keys.open(self.world.of.0, &context, &stored.sealed);
            texts.push(String::from_utf8(text.await.unwrap().to_vec()).unwrap());
        }
        texts
    }

    async fn run(&self) -> SigningSecrets {
        let report = self.world.tick(&self.world.lucky()).await.unwrap();
        report.signing_secrets
    }

    /// A person is shown the newest one.
    async fn reveal(&self) {
        let Versioned { mut item, version } = self.read().await;
        let newest = item.secrets[0].id;
        reveal(&mut item, newest, self.world.clock.now()).unwrap();
        let updated = self.world.store.update_destination(&item, version);
        updated.await.unwrap();
    }

    /// What the receiver, who knows the first secret, needs at every instant before it is shown another.
    async fn check_first_signs(&self) {
        let secrets = self.read().await.item.secrets;
        let first = secrets.last().unwrap();
        assert_eq!(first, &self.first);
    }

    /// The index has what the item says, and nothing else of it.
    async fn check_due(&self) {
        let far = self.world.clock.now().plus(PERIOD * 100);
        let due = self.world.store.due_secrets(far, 10).await.unwrap();
        let instants: Vec<Timestamp> = due.iter().map(|due| due.at).collect();
        let item = self.read().await.item;
        let said: Vec<Timestamp> = item.secret_plan.due_at.into_iter().collect();
        assert_eq!(instants, said);
    }

    /// All that is in the table, sealed or not, and what was counted.
    fn contents(&self) -> String {
        let found = self.world.aws.table.items().unwrap();
        let lines = self.world.lines.0.lock().unwrap();
        serde_json::to_string(&found).unwrap() + &String::from_utf8_lossy(&lines)
    }
}

#[tokio::test]
async fn a_secret_is_made_shown_and_the_old_one_taken_away() {
    let signed = Signed::new(&Stage::new().await, 1).await;
    let world = &signed.world;
    assert_eq!(signed.run().await, SigningSecrets::default());
    world.clock.pass(PERIOD);
    let made = SigningSecrets {
        made: 1,
        ..SigningSecrets::default()
    };
    assert_eq!(signed.run().await, made);
    assert_eq!(signed.run().await, SigningSecrets::default());
    let item = signed.read().await.item;
    assert_eq!(item.secrets.len(), 2);
    assert!(item.secrets[0].unseen && item.secrets[0].expires_at.is_none());
    let texts = signed.texts().await;
    assert!(texts[0].starts_with("whsec_") && texts[0] != texts[1]);
    // Nobody is shown it: a person is reminded each day, and the old one goes on.
    for _ in 0..40 {
        world.clock.pass(DAY);
        assert_eq!(signed.run().await.reminded, 1);
        signed.check_first_signs().await;
    }
    assert_eq!(world.lines.count("SecretsDue"), 41);
    signed.reveal().await;
    world.clock.pass(OVERLAP - Duration::from_secs(1));
    assert_eq!(signed.run().await, SigningSecrets::default());
    assert_eq!(signed.texts().await, texts);
    world.clock.pass(Duration::from_secs(1));
    assert_eq!(signed.run().await.forgot, 1);
    assert_eq!(signed.texts().await, texts[..1]);
    // Its time counts from when it was shown.
    world.clock.pass(PERIOD - OVERLAP - Duration::from_secs(1));
    assert_eq!(signed.run().await, SigningSecrets::default());
    world.clock.pass(Duration::from_secs(1));
    assert_eq!(signed.run().await, made);
    let now = signed.texts().await;
    assert_eq!((now.len(), &now[1]), (2, &texts[0]));
    signed.check_due().await;
    let contents = signed.contents();
    for text in texts.iter().chain(&now) {
        assert!(!contents.contains(text.strip_prefix("whsec_").unwrap()));
    }
    for action in ["secret.rotate", "secret.expire"] {
        assert!(contents.contains(action), "{action}");
    }
}

#[tokio::test]
async fn an_overlap_that_a_person_began_ends_by_itself() {
    let signed = Signed::new(&Stage::new().await, 2).await;
    let world = &signed.world;
    world.clock.pass(PERIOD);
    signed.run().await;
    signed.reveal().await;
    world.clock.pass(OVERLAP);
    let forgot = SigningSecrets {
        forgot: 1,
        ..SigningSecrets::default()
    };
    assert_eq!(signed.run().await, forgot);
    assert_eq!(signed.read().await.item.secrets.len(), 1);
    signed.check_due().await;
}

#[tokio::test]
async fn of_an_endpoint_somebody_is_reminded_and_nothing_is_made() {
    let signed = Signed::new(&Stage::new().await, 3).await;
    let (world, of) = (&signed.world, signed.world.of);
    let now = world.clock.now();
    let id = EndpointId::generate(now, &world.dice);
    let endpoint: Endpoint = serde_json::from_value(json!({
        "id": id, "organizationId": of.0, "integrationId": of.1, "path": "/webhooks/a",
        "scheme": "stripe", "status": "active", "secrets": [], "createdAt": now, "updatedAt": now,
    }))
    .unwrap();
    let endpoint = Endpoint {
        secrets: vec![signed.first.clone()],
        secret_plan: plan(),
        ..endpoint
    };
    world.store.create_endpoint(&endpoint).await.unwrap();
    let delete = world.store.delete_destination(of.0, of.1, signed.id, None);
    delete.await.unwrap();
    for _ in 0..3 {
        world.clock.pass(PERIOD);
        let report = signed.run().await;
        assert_eq!((report.reminded, report.made), (1, 0));
    }
    let found = world.store.endpoint(of.0, of.1, id).await.unwrap();
    assert_eq!(found.unwrap().item.secrets, endpoint.secrets);
    let contents = signed.contents();
    assert_eq!(contents.matches("secret.due").count(), 1);
}

/// Runs that die with their calls when `prepare` has been done.
async fn each_call(turn: u64, prepare: impl AsyncFn(&Signed), check: impl AsyncFn(&Signed)) {
    let stage = Stage::new().await;
    let mut turn = turn;
    for list in lists() {
        let mut kills = 0;
        for kill in list {
            turn += 1;
            let signed = Signed::new(&stage, turn).await;
            prepare(&signed).await;
            // Days on which no grant was due are looked at once only.
            let now = signed.world.clock.now();
            let from = signed.world.store.put_grants_due_from(now);
            from.await.unwrap();
            let life = Life::new(signed.world.dice.clone(), Some(kill), 0, 0);
            let process = signed.world.process(life);
            let survived = signed.world.tick(&process).await.is_some();
            assert!(!signed.read().await.item.secrets.is_empty());
            signed.check_due().await;
            signed.run().await;
            check(&signed).await;
            signed.check_due().await;
            if survived {
                break;
            }
            kills += 1;
        }
        assert!((1..ENOUGH).contains(&kills), "{kills} calls");
    }
}

#[tokio::test]
async fn one_secret_is_made_whatever_call_its_process_dies_with() {
    let prepare = async |signed: &Signed| signed.world.clock.pass(PERIOD);
    each_call(1000, prepare, async |signed| {
        signed.check_first_signs().await;
        assert_eq!(signed.texts().await.len(), 2);
        assert!(signed.read().await.item.secrets[0].unseen);
    })
    .await;
}

#[tokio::test]
async fn the_old_secret_goes_and_the_new_one_stays_whatever_call_the_process_dies_with() {
    let prepare = async |signed: &Signed| {
        signed.world.clock.pass(PERIOD);
        signed.run().await;
        signed.reveal().await;
        signed.world.clock.pass(OVERLAP);
    };
    each_call(3000, prepare, async |signed| {
        let secrets = signed.read().await.item.secrets;
        assert_eq!(secrets.len(), 1);
        assert_ne!(secrets[0].id, signed.first.id);
        assert_eq!(secrets[0].expires_at, None);
    })
    .await;
}

#[tokio::test]
async fn of_two_runs_at_once_one_makes_the_secret() {
    let signed = Signed::new(&Stage::new().await, 4).await;
    signed.world.clock.pass(PERIOD);
    let (one, other) = (signed.world.lucky(), signed.world.lucky());
    let (one, other) = tokio::join!(signed.world.tick(&one), signed.world.tick(&other));
    let made = [one, other].map(|report| report.unwrap().signing_secrets.made);
    assert_eq!(made.iter().sum::<usize>(), 1, "{made:?}");
    assert_eq!(signed.texts().await.len(), 2);
    signed.check_due().await;
}

#[tokio::test]
async fn an_entry_that_nothing_knows_of_is_taken_off() {
    let signed = Signed::new(&Stage::new().await, 5).await;
    let (world, of) = (&signed.world, signed.world.of);
    let Versioned { item, version } = signed.read().await;
    // Written as if nothing were known of the entry: it stays.
    let moved = Destination {
        secret_plan: SecretPlan::default(),
        ..item
    };
    world
        .store
        .update_destination(&moved, version)
        .await
        .unwrap();
    world.clock.pass(PERIOD);
    assert_eq!(signed.run().await.dropped, 1);
    signed.check_due().await;
    signed.check_first_signs().await;
    let deleted = world.store.delete_destination(of.0, of.1, signed.id, None);
    deleted.await.unwrap();
    assert_eq!(signed.run().await, SigningSecrets::default());
}
