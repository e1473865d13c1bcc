//! Two organizations with two integrations each, their providers, and the gateway's processes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use gatehouse::access::DevelopmentIssuer;
use gatehouse::domain::{
    Clock as _, CredentialInfo, Integration, IntegrationId, OrganizationId, Sources,
};
use gatehouse::flows::connect;
use gatehouse::store::Store;
use gatehouse::vault::{CredentialSet, Credentials};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::super::aws::Aws;
use super::super::canary::CANARY;
use super::super::dice::Dice;
use super::super::life::{Kill, Life, Rates};
use super::super::stage::{ISSUER, Published, Stage, sources};
use super::provider::{Provider, REPETITION};

/// How long the function may run, as in the template.
const MAY_RUN: Duration = Duration::from_secs(29);

/// An integration and its provider.
pub(crate) struct Line {
    pub(crate) organization: OrganizationId,
    pub(crate) integration: IntegrationId,
    pub(crate) provider: Arc<Mutex<Provider>>,
}

/// A running function.
pub(crate) struct Process {
    router: Router,
    pub(crate) life: Arc<Life>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
    /// Whether it had been given before.
    pub(crate) kept: bool,
}

impl Answer {
    /// The code of a problem.
    pub(crate) fn code(&self) -> String {
        let json: Value = serde_json::from_str(&self.text).unwrap_or_default();
        json["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) struct World<'a> {
    stage: &'a Stage,
    issuer: &'a DevelopmentIssuer,
    pub(crate) aws: Aws,
    pub(crate) dice: Dice,
    pub(crate) lines: Vec<Line>,
    pub(crate) store: Store,
    credentials: Credentials,
    pub(crate) sources: Sources,
    rates: Rates,
    kills_one_in: u64,
}

impl<'a> World<'a> {
    pub(crate) async fn new(stage: &'a Stage, issuer: &'a DevelopmentIssuer, seed: u64) -> Self {
        let dice = Dice::new(seed);
        let environment = &stage.environments["gateway"];
        let aws = Aws::new(&environment.table::<String>().unwrap(), &dice);
        let config = aws.config(&Arc::new(Life::lucky(dice.others())));
        let mut world = Self {
            stage,
            issuer,
            lines: Vec::new(),
            store: connect::store(environment, &config).unwrap(),
            credentials: connect::credentials(environment, &config).unwrap(),
            sources: sources(aws.clock, &dice),
            rates: Rates::any(&dice),
            kills_one_in: dice.one_of(&[0, 2, 3, 6]),
            aws,
            dice,
        };
        let organizations = [0, 1].map(|_| {
            let now = world.sources.now();
            OrganizationId::generate(now, world.sources.randomness.as_ref())
        });
        for at in 0..4 {
            let line = world.line(organizations[at / 2]).await;
            world.lines.push(line);
        }
        world
    }

    async fn line(&self, organization: OrganizationId) -> Line {
        let (now, dice) = (self.sources.now(), &self.dice);
        let id = IntegrationId::generate(now, self.sources.randomness.as_ref());
        let version = format!("gatehouse-{}", id.ulid());
        let key = format!("{CANARY}credential-{}", dice.next());
        let recognises = dice.one_in(2);
        let provider = Arc::new(Mutex::new(Provider {
            aws: self.aws.clone(),
            dice: dice.others(),
            key: key.clone(),
            mark: format!("of-{organization}-{id}"),
            recognises,
            fails_one_in: dice.one_of(&[0, 2, 4, 8]),
            effects: BTreeMap::new(),
            repetitions: BTreeMap::new(),
            calls: 0,
            complaints: Vec::new(),
        }));
        let url = self.stage.servers.add(&id.to_string(), provider.clone());
        let mut item = json!({
            "id": id, "organizationId": organization, "name": "a provider", "type": "payment",
            "baseUrl": format!("{url}/"), "authMethod": "api_key", "status": "active",
            "gatewayConfig": {"retry": {"maxAttempts": 3}, "cache": {"ttlSeconds": 20},
                "timeoutMs": dice.one_of(&[4_000, 20_000])},
            "createdAt": now, "updatedAt": now,
        });
        if recognises {
            item["apiProfile"] = json!({"idempotencyHeader": REPETITION});
        }
        let mut item: Integration = serde_json::from_value(item).unwrap();
        item.credentials = Some(CredentialInfo {
            version: version.clone(),
            fields: vec!["apiKey".to_owned()],
            created_at: now,
            last_used_at: None,
            expires_at: None,
            fields_expire_at: BTreeMap::new(),
        });
        let values: CredentialSet = [("apiKey".to_owned(), key.as_str().into())].into();
        let staged = self.credentials.stage(organization, id, &values, &version);
        staged.await.unwrap();
        self.store.create_integration(&item).await.unwrap();
        Line {
            organization,
            integration: id,
            provider,
        }
    }

    pub(crate) fn process(&self, lucky: bool) -> Process {
        let dice = &self.dice;
        let kill = dice.one_in(self.kills_one_in).then(|| Kill {
            call: dice.index(40),
            has_effect: dice.one_in(2),
        });
        let (life, skew) = match lucky {
            true => (Life::lucky(dice.others()), 0),
            false => (
                Life::new(dice.others(), kill, self.rates),
                dice.one_of(&[0, 0, -1_500, 1_500]),
            ),
        };
        let life = Arc::new(life);
        let config = self.aws.config(&life);
        let sources = sources(self.aws.clock.skewed(skew), dice);
        let keys = Arc::new(Published(self.issuer.jwks().to_string().into_bytes()));
        let environment = &self.stage.environments["gateway"];
        let ways = (
            self.stage.egress.clone(),
            self.stage.lines.metrics("gateway"),
        );
        let state = gateway::State::connect_measured(environment, &config, sources, keys, ways);
        Process {
            router: gateway::router(state.unwrap()),
            life,
        }
    }

    /// What a call of an integration's is answered; nothing, if the function dies over it.
    pub(crate) async fn call(
        &self,
        process: &Process,
        line: &Line,
        key: Option<&str>,
        body: &Value,
    ) -> Option<Answer> {
        let now = self.aws.clock.now();
        let lifetime = Duration::from_secs(600);
        let token = self
            .issuer
            .token(line.organization, "me", "gatehouse", now, lifetime);
        let path = format!("/portal/integrations/{}/requests", line.integration);
        let mut request = Request::post(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let answer = async {
            let response = process.router.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await.unwrap().to_bytes();
            Answer {
                status: parts.status,
                kept: parts.headers.contains_key("idempotency-replayed"),
                text: String::from_utf8(bytes.to_vec()).unwrap(),
            }
        };
        let answer = tokio::time::timeout(MAY_RUN, Box::pin(answer));
        let answer = process.life.until_killed(answer).await?;
        if answer.is_err() {
            process.life.die();
        }
        answer.ok()
    }

    /// An issuer of the tokens that callers bear.
    pub(crate) fn issuer() -> DevelopmentIssuer {
        DevelopmentIssuer::generate(ISSUER.to_owned()).unwrap()
    }
}
