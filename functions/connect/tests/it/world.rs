use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use connect::{State, router};
use embedded_aws::template::Template;
use embedded_aws::{Stack, TimeSource};
use gatehouse::access::{DevelopmentIssuer, Fetch};
use gatehouse::config::Environment;
use gatehouse::domain::{Cause, CredentialInfo, Integration, IntegrationStatus, OrganizationId};
use gatehouse::flows::connect as services;
use gatehouse::store::Store;
use gatehouse::vault::{CredentialSet, Credentials};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use url::Url;

use crate::clock::Ahead;
use crate::server::Server;

const ISSUER: &str = "https://issuer.example";
pub(crate) const PUBLIC_URL: &str = "https://gatehouse.example";
pub(crate) const SECRET: &str = "canary&secret";

struct Keys(Vec<u8>);

impl Fetch for Keys {
    fn fetch<'a>(
        &'a self,
        _: &'a Url,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Cause>> + Send + 'a>> {
        Box::pin(ready(Ok(self.0.clone())))
    }
}

/// The function, and what is behind it.
pub(crate) struct World {
    router: Router,
    issuer: DevelopmentIssuer,
    pub(crate) store: Store,
    credentials: Credentials,
    pub(crate) organization: OrganizationId,
    pub(crate) clock: Ahead,
    pub(crate) stack: Stack,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The cookie that a browser sends from now on.
    pub(crate) fn cookie(&self) -> String {
        let cookie = self.header("set-cookie").split(';').next();
        cookie.unwrap_or_default().to_owned()
    }

    /// The fields that are wrong.
    pub(crate) fn pointers(&self) -> Vec<String> {
        let errors = self.json()["errors"].clone();
        let errors = errors.as_array().unwrap_or_else(|| panic!("{}", self.text));
        let pointer = |error: &Value| error["pointer"].as_str().unwrap().to_owned();
        errors.iter().map(pointer).collect()
    }
}

/// A consent that was asked for.
pub(crate) struct Asked {
    pub(crate) url: Url,
    pub(crate) start: Url,
    pub(crate) cookie: String,
}

impl Asked {
    pub(crate) fn parameter(&self, name: &str) -> String {
        let mut pairs = self.url.query_pairs();
        let found = pairs.find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    }

    pub(crate) fn state(&self) -> String {
        self.parameter("state")
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::reached_at(PUBLIC_URL).await
    }

    /// One that is served at an address of this machine: whoever calls it from outside finds it.
    pub(crate) async fn served() -> (Self, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = Self::reached_at(&url).await;
        let router = world.router.clone();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (world, url)
    }

    pub(crate) async fn reached_at(public_url: &str) -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml");
        let template = Template::read(file.as_ref()).unwrap();
        let stack = Stack::in_memory(&template, TimeSource::system());
        let stack = stack.await.unwrap();
        let parameters = [
            ("Issuer", ISSUER),
            ("Audience", "gatehouse"),
            ("JwksUrl", "https://issuer.example/jwks"),
            ("EgressAllow", "127.0.0.0/8"),
            ("PublicUrl", public_url),
            ("ReturnOrigins", "https://app.example"),
        ];
        let environment = template.environment("connect", stack.endpoint(), &parameters);
        let environment: Environment = environment.unwrap().into_iter().collect();
        let issuer = DevelopmentIssuer::generate(ISSUER.to_owned()).unwrap();
        let clock = Ahead::new();
        let (sources, aws) = (clock.sources(), stack.sdk_config());
        let keys = Arc::new(Keys(issuer.jwks().to_string().into_bytes()));
        let own = stack.sdk_config_of("connect");
        let state = State::connect_with_issuer(&environment, &own, sources.clone(), keys);
        Self {
            router: router(state.unwrap()),
            issuer,
            store: services::store(&environment, &aws).unwrap(),
            credentials: services::credentials(&environment, &aws).unwrap(),
            organization: OrganizationId::generate(sources.now(), sources.randomness.as_ref()),
            clock,
            stack,
        }
    }

    /// An integration that authenticates as `config` says: its path under `/portal`.
    pub(crate) async fn integration(&self, config: Value) -> String {
        self.integration_with(config, &[("clientId", "me+x"), ("clientSecret", SECRET)])
            .await
    }

    /// One of a server that publishes metadata.
    pub(crate) async fn integration_at(&self, server: &Server) -> String {
        let config = json!({"issuer": server.issuer(), "scopes": ["read", "write"]});
        self.integration(config).await
    }

    /// An id for an integration that is made later.
    pub(crate) fn next_id(&self) -> String {
        let sources = self.clock.sources();
        format!("int_{}", sources.randomness.ulid(sources.now()))
    }

    pub(crate) async fn integration_with(
        &self,
        config: Value,
        credentials: &[(&str, &str)],
    ) -> String {
        let id = self.next_id();
        self.integration_called(&id, config, credentials).await
    }

    pub(crate) async fn integration_called(
        &self,
        id: &str,
        config: Value,
        credentials: &[(&str, &str)],
    ) -> String {
        let sources = self.clock.sources();
        let now = sources.now();
        let version = format!("gatehouse-{}", sources.randomness.ulid(now));
        let integration = json!({
            "id": id, "organizationId": self.organization,
            "name": "a provider", "type": "enterprise", "baseUrl": "https://api.example.com",
            "authMethod": "oauth2", "authConfig": config, "status": "pending",
            "createdAt": now, "updatedAt": now,
        });
        let mut integration: Integration = serde_json::from_value(integration).unwrap();
        let names = credentials.iter().map(|(name, _)| (*name).to_owned());
        integration.credentials = Some(CredentialInfo {
            version: version.clone(),
            fields: names.collect(),
            created_at: now,
            last_used_at: None,
            expires_at: None,
            fields_expire_at: std::collections::BTreeMap::new(),
        });
        let pairs = credentials.iter();
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).into()));
        let values: CredentialSet = pairs.collect::<BTreeMap<_, _>>();
        let staged = self
            .credentials
            .stage(self.organization, integration.id, &values, &version);
        staged.await.unwrap();
        self.store.create_integration(&integration).await.unwrap();
        format!("/portal/integrations/{}", integration.id)
    }

    pub(crate) async fn stored(&self, path: &str) -> (Integration, u64) {
        let id = path.rsplit('/').next().unwrap().parse().unwrap();
        let found = self.store.integration(self.organization, id).await;
        let found = found.unwrap().unwrap();
        (found.item, found.version)
    }

    pub(crate) async fn change(&self, path: &str, change: impl FnOnce(&mut Integration)) {
        let (mut integration, version) = self.stored(path).await;
        change(&mut integration);
        let updated = self.store.update_integration(&integration, version);
        updated.await.unwrap();
    }

    pub(crate) async fn status(&self, path: &str) -> IntegrationStatus {
        self.stored(path).await.0.status
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    pub(crate) fn token_of(&self, organization: OrganizationId) -> String {
        let (lifetime, now) = (Duration::from_secs(600), self.clock.sources().now());
        self.issuer
            .token(organization, "me", "gatehouse", now, lifetime)
    }

    /// A token of this organization's with these claims besides those that every token has.
    pub(crate) fn token_with(&self, more: Value) -> String {
        let now = self.clock.sources().now().as_second();
        let mut claims = json!({
            "iss": ISSUER, "aud": "gatehouse", "sub": "me", "org_id": self.organization,
            "iat": now, "exp": now + 600,
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = json!({"alg": "EdDSA", "kid": "development"});
        self.issuer.sign(&header, &claims)
    }

    /// A call of the portal.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let token = format!("Bearer {}", self.token_of(self.organization));
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("authorization", token);
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn asked(&self, path: &str) -> Asked {
        self.asked_with(path, json!({})).await
    }

    pub(crate) async fn asked_with(&self, path: &str, body: Value) -> Asked {
        let answer = self
            .call("POST", &format!("{path}/oauth/authorize"), Some(body))
            .await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let json = answer.json();
        let url = |name: &str| json[name].as_str().unwrap().parse().unwrap();
        Asked {
            url: url("authorizationUrl"),
            start: url("startUrl"),
            cookie: answer.cookie(),
        }
    }

    /// A browser that follows a link to us.
    pub(crate) async fn browse(&self, path_and_query: &str, cookie: &str) -> Answer {
        let mut request = Request::builder().uri(path_and_query);
        if !cookie.is_empty() {
            request = request.header("cookie", cookie);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// A browser that brings the answer of a server.
    pub(crate) async fn callback(&self, pairs: &[(&str, &str)], cookie: &str) -> Answer {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs);
        self.browse(&format!("/oauth/callback?{}", query.finish()), cookie)
            .await
    }

    /// How an integration is connected, as the portal shows it.
    pub(crate) async fn view(&self, path: &str) -> Value {
        self.call("GET", &format!("{path}/oauth"), None)
            .await
            .json()
    }

    /// Somebody consents, and all goes well.
    pub(crate) async fn connected(&self, server: &Server, path: &str) {
        let asked = self.asked(path).await;
        let pairs = [
            ("code", "c"),
            ("state", &asked.state()),
            ("iss", &server.issuer()),
        ];
        let answer = self.callback(&pairs, &asked.cookie).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}
