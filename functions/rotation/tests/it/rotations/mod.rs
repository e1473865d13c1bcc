//! Rotations of every strategy, over a provider on loopback, the embedded table and the embedded
//! Secrets Manager; by processes that are killed at any of their calls.

mod dice;
mod ends;
mod identity;
mod kills;
mod meanwhile;
mod people;
mod provider;
mod secrets_manager;
mod signing_secrets;
mod simulation;
mod watch;
mod wire;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use embedded_aws::in_process::Table;
use embedded_aws::template::Template;
use embedded_aws::{Stack, TimeSource};
use gatehouse::config::Environment;
use gatehouse::domain::rotation::{Rotation, RotationPlan, RotationTrigger};
use gatehouse::domain::{
    Clock as _, Integration, IntegrationId, OrganizationId, RotationId, Sources, Timestamp,
};
use gatehouse::egress::{Egress, EgressPolicy};
use gatehouse::flows::rotation::{RotationDesk, StartRotation};
use gatehouse::lambda::metrics::Metrics;
use gatehouse::store::{DueRotation, Store};
use gatehouse::vault::{CredentialSet, Credentials};
use rotation::{State, scheduled};
use serde_json::{Value, json};

use self::dice::{Dice, VirtualClock};
use self::provider::{Place, Places, Provider, point_of};
use self::watch::{Values, Watch};
use self::wire::{Aws, Kill, Life, Lines};

pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const FIRST: &str = "00000000-0000-0000-0000-000000000001";

/// Where new credentials come from, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The provider's API, whose keys can be listed.
    Keys,
    /// The same, with a call without which the new key does not count, and keys that cannot be
    /// listed.
    Unlisted,
    /// The client secret of an OAuth client.
    ClientSecret,
    /// A person, and calls that delete the old key.
    Person,
    /// A key pair whose id the provider chooses.
    Pair,
    /// A key pair whose id is ours.
    OwnPair,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Keys,
        Self::Unlisted,
        Self::ClientSecret,
        Self::Person,
        Self::Pair,
        Self::OwnPair,
    ];

    fn is_pair(self) -> bool {
        matches!(self, Self::Pair | Self::OwnPair)
    }

    /// How it authenticates.
    fn auth(self, url: &str) -> Value {
        match self {
            Self::Keys | Self::Unlisted | Self::Person => json!({"authMethod": "api_key",
                "authConfig": {"keyLocation": "header", "keyHeader": "X-Key"}}),
            Self::ClientSecret => json!({"authMethod": "oauth2", "authConfig": {
                "grantType": "client_credentials", "tokenEndpoint": format!("{url}/token"),
                "clientAuthentication": "basic"}}),
            Self::Pair | Self::OwnPair => json!({"authMethod": "jwt", "authConfig": {
                "algorithm": "ES256", "keyId": "{keyId}", "claims": {"sub": "me"},
                "use": {"kind": "bearer"}}}),
        }
    }

    fn rotation(self) -> Value {
        let delete =
            |field: &str| json!([{"method": "DELETE", "path": format!("/keys/{{{field}}}")}]);
        let list = json!({"call": {"method": "GET", "path": "/keys"},
            "items": "keys", "id": "id", "label": "name"});
        let create = json!({"method": "POST", "path": "/keys", "body": {"name": "for {rotation}"}});
        let keys = json!({
            "create": create, "created": {"apiKey": "secret", "apiKeyId": "id"},
            "keyId": "apiKeyId", "expiresAt": "ends", "revoke": delete("apiKeyId"),
        });
        match self {
            Self::Keys => {
                let mut keys = keys;
                keys["list"] = list;
                keys["maxKeys"] = json!(3);
                json!({"strategy": "provider_api", "keys": keys})
            }
            Self::Unlisted => {
                let mut keys = keys;
                keys["set"] = json!({"method": "GET", "path": "/me"});
                json!({"strategy": "provider_api", "keys": keys, "graceSeconds": 600})
            }
            Self::ClientSecret => {
                let mut keys = keys;
                keys["created"] = json!({"clientSecret": "secret", "secretId": "id"});
                keys["keyId"] = json!("secretId");
                keys["list"] = list;
                keys["revoke"] = delete("secretId");
                json!({"strategy": "oauth_client_secret", "keys": keys})
            }
            Self::Person => json!({"strategy": "operator_supplied", "remindAfterDays": 90,
                "revoke": delete("apiKeyId")}),
            Self::Pair => json!({"strategy": "asymmetric", "keys": {
                "publish": {"method": "POST", "path": "/jwks",
                    "body": {"name": "{rotation}", "jwk": "{publicKeyJwk}"}},
                "id": "id", "list": list, "keyId": "keyId", "revoke": delete("keyId")}}),
            Self::OwnPair => json!({"strategy": "asymmetric", "keys": {
                "publish": {"method": "POST", "path": "/jwks",
                    "body": {"id": "{rotation}", "jwk": "{publicKeyJwk}"}},
                "keyId": "keyId", "revoke": delete("keyId")}}),
        }
    }

    /// Credentials of a key.
    fn values(self, key: &provider::Key, private: Option<&str>) -> Values {
        let secret = String::from_utf8(key.secret.clone()).unwrap_or_default();
        let fields = match self {
            Self::Keys | Self::Unlisted => vec![("apiKey", secret), ("apiKeyId", key.id.clone())],
            // What the declaration does not name as the key's id is a secret to it.
            Self::Person => vec![("apiKey", secret)],
            Self::ClientSecret => vec![
                ("clientId", "client".to_owned()),
                ("clientSecret", secret),
                ("secretId", key.id.clone()),
            ],
            Self::Pair | Self::OwnPair => vec![
                ("privateKey", private.unwrap().to_owned()),
                ("keyId", key.id.clone()),
            ],
        };
        let fields = fields.into_iter();
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

/// What all worlds of one runtime share.
#[derive(Clone)]
struct Stage {
    places: Places,
    url: String,
    secrets: Arc<Stack>,
    client: reqwest::Client,
    egress: Egress,
}

impl Stage {
    async fn new() -> Self {
        let places = Places::default();
        let url = provider::serve(Arc::clone(&places)).await;
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml");
        let template = Template::read(file.as_ref()).unwrap();
        let stack = Stack::in_memory(&template, TimeSource::system()).await;
        let egress = Egress::new(EgressPolicy {
            allowed: vec!["127.0.0.0/8".parse().unwrap()],
            ..EgressPolicy::default()
        });
        Self {
            places,
            url,
            secrets: Arc::new(stack.unwrap()),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            egress,
        }
    }
}

/// A running function.
struct Process {
    state: State,
    life: Arc<Life>,
}

/// One integration, its provider and its time.
struct World {
    kind: Kind,
    aws: Aws,
    clock: VirtualClock,
    dice: Dice,
    provider: Arc<Mutex<Provider>>,
    watch: Arc<Watch>,
    store: Store,
    credentials: Credentials,
    of: (OrganizationId, IntegrationId),
    lines: Lines,
    egress: Egress,
    /// Credentials that somebody has replaced by hand: what becomes of them is their business.
    replaced: Mutex<Vec<Values>>,
}

impl World {
    async fn new(stage: &Stage, seed: u64, kind: Kind) -> Self {
        // Of each kind others: all have their secrets in one place.
        let dice = Dice::new(seed * 16 + kind as u64);
        let clock = VirtualClock::start();
        let now = clock.now();
        let of = (
            OrganizationId::generate(now, &dice),
            IntegrationId::generate(now, &dice),
        );
        let provider = Arc::new(Mutex::new(Provider::new(dice.clone())));
        let watch = Watch::new(Arc::clone(&provider), clock.clone(), of);
        let watch = Arc::new(watch);
        let table = Table::new(wire::TABLE).unwrap();
        let place = Place {
            provider: Arc::clone(&provider),
            watch: Arc::clone(&watch),
        };
        let name = of.1.to_string();
        stage.places.lock().unwrap().insert(name.clone(), place);
        let secrets = (stage.client.clone(), stage.secrets.endpoint());
        let aws = Aws::new(secrets, Arc::clone(&watch), table);
        let life = Arc::new(Life::new(dice.clone(), None, 0, 0));
        let config = aws.config(&life);
        let store = Store::new(
            aws_sdk_dynamodb::Client::new(&config),
            wire::TABLE.parse().unwrap(),
        );
        let secrets = aws_sdk_secretsmanager::Client::new(&config);
        let credentials = Credentials::new(secrets, "key".to_owned(), "gatehouse".to_owned());
        let world = Self {
            kind,
            aws,
            clock,
            dice,
            provider,
            watch,
            store,
            credentials,
            of,
            lines: Lines::default(),
            egress: stage.egress.clone(),
            replaced: Mutex::default(),
        };
        world.set_up(&format!("{}/{name}", stage.url)).await;
        world
    }

    /// The integration, with credentials that the provider knows.
    async fn set_up(&self, url: &str) {
        let (_, values) = self.new_key("the first");
        let credentials = set(&values);
        let (organization, id) = self.of;
        let staged = self
            .credentials
            .stage(organization, id, &credentials, FIRST);
        staged.await.unwrap();
        let now = self.clock.now();
        let mut integration = json!({
            "id": id, "organizationId": organization, "name": "a provider", "type": "enterprise",
            "baseUrl": url, "status": "active",
            "credentials": {"version": FIRST, "fields": values.keys().collect::<Vec<_>>(),
                "createdAt": now},
            "apiProfile": {"verification": {"path": "/me"}, "rotation": self.kind.rotation()},
            // Nothing that callers are held to has a part in it.
            "gatewayConfig": {"keepBodies": true, "retry": {"maxAttempts": 3}},
            "createdAt": now, "updatedAt": now,
        });
        let auth = self.kind.auth(url);
        for (name, value) in auth.as_object().unwrap() {
            integration[name] = value.clone();
        }
        let integration: Integration = serde_json::from_value(integration).unwrap();
        integration.api_profile.as_ref().unwrap().check().unwrap();
        self.store.create_integration(&integration).await.unwrap();
        // The schedule has run before: it has not to look for grants of weeks.
        self.store.put_grants_due_from(now).await.unwrap();
    }

    /// A key that a person makes at the provider, and its credentials.
    fn new_key(&self, label: &str) -> (provider::Key, Values) {
        let private = self.kind.is_pair().then(|| {
            let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let pair = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
            let base64 = STANDARD.encode(pair.as_ref());
            format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n")
        });
        let point = private.as_deref().map(point_of);
        let key = self.provider.lock().unwrap().make(label, point);
        let values = self.kind.values(&key, private.as_deref());
        (key, values)
    }

    fn provider(&self) -> std::sync::MutexGuard<'_, Provider> {
        self.provider.lock().unwrap()
    }

    fn process(&self, life: Life) -> Process {
        let life = Arc::new(life);
        let variables = [
            ("GATEHOUSE_TABLE", wire::TABLE),
            ("GATEHOUSE_KEY_ARN", "key"),
            ("GATEHOUSE_SECRET_PREFIX", "gatehouse"),
            ("GATEHOUSE_REQUEST_RETENTION_DAYS", "30"),
            ("GATEHOUSE_DATA_KEY_ROTATION_DAYS", "365"),
            ("GATEHOUSE_AUDIT_RETENTION_DAYS", "400"),
        ];
        let environment: Environment = variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        let (egress, lines) = (self.egress.clone(), self.lines.clone());
        let metrics = Metrics::with_writer("rotation", lines);
        let config = self.aws.config(&life);
        let state = State::connect_with(&environment, &config, self.sources(), egress, metrics);
        Process {
            state: state.unwrap(),
            life,
        }
    }

    /// One that nothing happens to.
    fn lucky(&self) -> Process {
        self.process(Life::new(self.dice.clone(), None, 0, 0))
    }

    fn sources(&self) -> Sources {
        Sources {
            clock: Arc::new(self.clock.clone()),
            randomness: Arc::new(Dice::new(self.dice.next())),
        }
    }

    fn desk(&self) -> RotationDesk {
        RotationDesk::new(self.store.clone(), self.credentials.clone(), self.sources())
    }

    async fn plan(&self) -> RotationPlan {
        let plan = self.store.rotation_plan(self.of.0, self.of.1).await;
        plan.unwrap().item
    }

    async fn rotation(&self, id: RotationId) -> Rotation {
        self.desk().get(self.of, id).await.unwrap().item
    }

    /// The rotation that was begun last.
    async fn last(&self) -> Rotation {
        let page = self.desk().list(self.of, 1, None).await.unwrap();
        page.items.into_iter().next().unwrap().item
    }

    async fn start(&self) -> Rotation {
        let start = StartRotation::by(RotationTrigger::Request);
        self.desk().start(self.of, start).await.unwrap()
    }

    /// A rotation of the world's kind; a person hands in new credentials, if one has to.
    async fn begin(&self, is_emergency: bool) -> Rotation {
        let credentials = (self.kind == Kind::Person).then(|| set(&self.new_key("the next").1));
        if is_emergency {
            self.watch.is_emergency();
        }
        let start = StartRotation {
            emergency: is_emergency,
            credentials,
            ..StartRotation::by(RotationTrigger::Request)
        };
        self.desk().start(self.of, start).await.unwrap()
    }

    /// An emergency while a rotation is active: nobody hands anything in.
    async fn emergency(&self) {
        self.watch.is_emergency();
        let start = StartRotation {
            emergency: true,
            ..StartRotation::by(RotationTrigger::Request)
        };
        self.desk().start(self.of, start).await.unwrap();
    }

    /// One run of the schedule; nothing, if its process dies.
    async fn tick(&self, process: &Process) -> Option<rotation::Report> {
        self.provider().life = Some(Arc::clone(&process.life));
        until_killed(process, scheduled(&process.state)).await?.ok()
    }

    /// What a run of the schedule does with the integration, once it has found its entry in the index.
    async fn visit(&self, process: &Process, at: Timestamp) {
        self.provider().life = Some(Arc::clone(&process.life));
        let (organization, integration) = self.of;
        let due = DueRotation {
            at,
            organization,
            integration,
        };
        until_killed(process, Box::pin(process.state.rotator().visit(&due))).await;
    }

    /// Goes on by processes that nothing happens to, until nothing is active. The first has to find
    /// the integration in the index.
    async fn settle(&self) {
        let lucky = self.lucky();
        for round in 0..200 {
            let plan = self.plan().await;
            if plan.active.is_none() {
                return;
            }
            let due = plan.due_at.unwrap();
            self.clock.go_to(due);
            // Longer than integrations are remembered.
            self.clock.pass(Duration::from_secs(6));
            if round == 0 {
                self.tick(&lucky).await;
            } else {
                self.visit(&lucky, due).await;
            }
        }
        panic!("it does not end: {:?}", self.last().await);
    }

    /// What is at the provider is in use, or was reported.
    fn check_no_orphans(&self, rotations: &[Rotation]) {
        let mut known = self.replaced.lock().unwrap().clone();
        known.push(self.watch.current().1);
        let provider = self.provider();
        let is_known = |key: &provider::Key| {
            known.iter().any(|values| match values.get("privateKey") {
                Some(pem) => key.secret == point_of(pem),
                None => values.values().any(|value| value.as_bytes() == key.secret),
            })
        };
        for key in provider.active().into_iter().filter(|key| !is_known(key)) {
            let mut leftovers = rotations.iter().flat_map(|rotation| &rotation.leftovers);
            let is_told = leftovers.any(|leftover| {
                let has_label = |label: &String| key.label.contains(label.as_str());
                leftover.key_id.as_ref() == Some(&key.id)
                    || leftover.label.as_ref().is_some_and(has_label)
                    // A person knows which they were.
                    || self.kind == Kind::Person && leftover.key_id.is_none()
            });
            assert!(is_told, "nobody was told of {key:?}: {rotations:#?}");
        }
    }

    /// All rotations that there were.
    async fn all(&self) -> Vec<Rotation> {
        let page = self.desk().list(self.of, 100, None).await.unwrap();
        page.items.into_iter().map(|found| found.item).collect()
    }
}

fn set(values: &Values) -> CredentialSet {
    let values = values.iter();
    values
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect()
}

/// What a call comes to; nothing, if its process dies.
async fn until_killed<T>(process: &Process, call: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        end = call => (!process.life.is_dead()).then_some(end),
        () = process.life.death() => None,
    }
}
