use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use embedded_aws::template::Template;
use embedded_aws::{Stack, TimeSource};
use gatehouse::access::{DevelopmentIssuer, Fetch};
use gatehouse::config::Environment;
use gatehouse::domain::{Cause, CredentialInfo, Integration, OrganizationId, Sources};
use gatehouse::egress::Egress;
use gatehouse::flows::connect;
use gatehouse::lambda::system_sources;
use gatehouse::store::Store;
use gatehouse::vault::{CredentialSet, Credentials};
use gateway::{State, router};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::edge_headers::check_headers_of_secrets;

const ISSUER: &str = "https://issuer.example";
pub(crate) const KEY: &str = "canary-of-the-credential";

struct Keys(Vec<u8>);

impl Fetch for Keys {
    fn fetch<'a>(
        &'a self,
        _: &'a url::Url,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Cause>> + Send + 'a>> {
        Box::pin(ready(Ok(self.0.clone())))
    }
}

/// The function, and what is behind it.
pub(crate) struct World {
    router: Router,
    issuer: Arc<DevelopmentIssuer>,
    pub(crate) stack: Arc<Stack>,
    pub(crate) store: Store,
    credentials: Credentials,
    environment: Environment,
    token: OnceLock<String>,
    pub(crate) organization: OrganizationId,
    pub(crate) sources: Sources,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    /// The status and the code of a problem.
    pub(crate) fn problem(&self) -> (u16, String) {
        let media_type = self.headers.get("content-type").unwrap();
        assert_eq!(media_type, "application/problem+json", "{}", self.text());
        let code = self.json()["code"].as_str().unwrap().to_owned();
        (self.status.as_u16(), code)
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml");
        let template = Template::read(file.as_ref()).unwrap();
        let stack = Stack::in_memory(&template, TimeSource::system())
            .await
            .unwrap();
        let parameters = [
            ("Issuer", ISSUER),
            ("Audience", "gatehouse"),
            ("JwksUrl", "https://issuer.example/jwks"),
            ("EgressAllow", "127.0.0.0/8"),
        ];
        let environment = template
            .environment("gateway", stack.endpoint(), &parameters)
            .unwrap();
        let environment: Environment = environment.into_iter().collect();
        let issuer = Arc::new(DevelopmentIssuer::generate(ISSUER.to_owned()).unwrap());
        let sources = system_sources();
        let aws = stack.sdk_config();
        let store = connect::store(&environment, &aws).unwrap();
        let world = Self {
            router: Router::new(),
            organization: OrganizationId::generate(sources.now(), sources.randomness.as_ref()),
            credentials: connect::credentials(&environment, &aws).unwrap(),
            stack: Arc::new(stack),
            issuer,
            store,
            environment,
            token: OnceLock::new(),
            sources,
        };
        world.another_function()
    }

    /// Another running function over the same services, as Lambda starts one more.
    pub(crate) fn another_function(&self) -> Self {
        self.through(connect::egress(&self.environment).unwrap())
    }

    /// Another running function that calls providers by this way.
    pub(crate) fn through(&self, egress: Egress) -> Self {
        let keys = Arc::new(Keys(self.issuer.jwks().to_string().into_bytes()));
        let aws = self.stack.sdk_config_of("gateway");
        let sources = self.sources.clone();
        let state = State::connect_with(&self.environment, &aws, sources, keys, egress).unwrap();
        Self {
            router: router(state),
            issuer: Arc::clone(&self.issuer),
            stack: Arc::clone(&self.stack),
            store: self.store.clone(),
            credentials: self.credentials.clone(),
            environment: self.environment.clone(),
            token: self.token.clone(),
            organization: self.organization,
            sources: self.sources.clone(),
        }
    }

    /// An integration of the organization, with a key as bearer token: its path under `/portal`.
    /// `fields` are put over what it would be.
    pub(crate) async fn integration(&self, base_url: &str, fields: Value) -> String {
        self.integration_with(base_url, fields, &[("apiKey", KEY)])
            .await
    }

    pub(crate) async fn integration_with(
        &self,
        base_url: &str,
        fields: Value,
        credentials: &[(&str, &str)],
    ) -> String {
        let now = self.sources.now();
        let ulid = self.sources.randomness.ulid(now);
        let version = format!("gatehouse-{ulid}");
        let mut integration = json!({
            "id": format!("int_{ulid}"), "organizationId": self.organization,
            "name": "a provider", "type": "payment", "baseUrl": base_url,
            "authMethod": "api_key", "status": "active", "createdAt": now, "updatedAt": now,
        });
        for (name, value) in fields.as_object().unwrap() {
            integration[name] = value.clone();
        }
        let mut integration: Integration = serde_json::from_value(integration).unwrap();
        integration.credentials = Some(CredentialInfo {
            version: version.clone(),
            fields: credentials
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .collect(),
            created_at: now,
            last_used_at: None,
            expires_at: None,
            fields_expire_at: std::collections::BTreeMap::new(),
        });
        let values: CredentialSet = credentials
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect::<BTreeMap<_, _>>();
        self.credentials
            .stage(self.organization, integration.id, &values, &version)
            .await
            .unwrap();
        self.store.create_integration(&integration).await.unwrap();
        format!("/portal/integrations/{}", integration.id)
    }

    /// Changes an integration behind the back of the functions that remember it.
    pub(crate) async fn change(&self, path: &str, change: impl FnOnce(&mut Integration)) {
        let id = path.rsplit('/').next().unwrap().parse().unwrap();
        let found = self.store.integration(self.organization, id).await;
        let mut found = found.unwrap().unwrap();
        change(&mut found.item);
        let version = found.version;
        let updated = self.store.update_integration(&found.item, version);
        updated.await.unwrap();
    }

    /// The same one for as long as the world is there: each token begins a session.
    pub(crate) fn token(&self) -> String {
        let token = || self.token_of(self.organization, "me");
        self.token.get_or_init(token).clone()
    }

    pub(crate) fn token_of(&self, organization: OrganizationId, subject: &str) -> String {
        let lifetime = Duration::from_secs(600);
        let now = self.sources.now();
        self.issuer
            .token(organization, subject, "gatehouse", now, lifetime)
    }

    /// A token with these claims besides those that every token has.
    pub(crate) fn token_with(&self, subject: &str, more: Value) -> String {
        let mut claims = json!({
            "iss": ISSUER, "aud": "gatehouse", "sub": subject, "org_id": self.organization,
            "iat": self.sources.now().as_second(), "exp": self.sources.now().as_second() + 600,
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = json!({"alg": "EdDSA", "kid": "development"});
        self.issuer.sign(&header, &claims)
    }

    /// Sends JSON, or nothing if it is null, as the bearer of `token`.
    pub(crate) async fn call_as(
        &self,
        token: &str,
        (method, path): (&str, &str),
        body: Value,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("authorization", format!("Bearer {token}"));
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        };
        self.send(request.body(body).unwrap()).await
    }

    /// All that is stored, but for who was here: that is written with whatever anybody does.
    pub(crate) async fn contents(&self) -> String {
        let contents = self.stack.contents().await.unwrap();
        let notes = ["USER#", "item_type=caller_quota", "item_type=audit_"];
        let is_note = |line: &&str| notes.iter().any(|note| line.contains(note));
        let kept = contents.lines().filter(|line| !is_note(line));
        kept.collect::<Vec<_>>().join("\n")
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        check_headers_of_secrets(response.headers());
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes,
        }
    }

    pub(crate) async fn call(
        &self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let token = format!("Bearer {}", self.token());
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("authorization", token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    /// `POST`s JSON.
    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let mut headers = headers.to_vec();
        headers.push(("content-type", "application/json"));
        self.call(("POST", path), &headers, body.to_string()).await
    }

    /// Has the integration at `path` make a call.
    pub(crate) async fn request(&self, path: &str, body: Value) -> Answer {
        self.post(&format!("{path}/requests"), &[], body).await
    }

    /// The integration's log, newest first.
    pub(crate) async fn log(&self, path: &str) -> Vec<Value> {
        let list = self
            .call(("GET", &format!("{path}/requests")), &[], "")
            .await;
        assert_eq!(list.status, 200, "{}", list.text());
        list.json()["items"].as_array().unwrap().clone()
    }
}
