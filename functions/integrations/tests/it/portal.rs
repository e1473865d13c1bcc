use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use embedded_aws::template::Template;
use embedded_aws::{Stack, TimeSource};
use gatehouse::access::{DevelopmentIssuer, Fetch};
use gatehouse::config::Environment;
use gatehouse::domain::{Cause, OrganizationId};
use gatehouse::flows::connect;
use gatehouse::flows::sync::Jobs;
use gatehouse::lambda::metrics::Metrics;
use gatehouse::lambda::system_sources;
use gatehouse::store::Store;
use gatehouse::vault::DataKeys;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use integrations::{State, router};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::edge_headers::{check_headers_of_edge, check_headers_of_secrets};

const ISSUER: &str = "https://issuer.example";

/// The API, with an issuer of tokens.
pub(crate) struct Portal {
    router: Router,
    pub(crate) issuer: DevelopmentIssuer,
    pub(crate) stack: Stack,
    pub(crate) store: Store,
    pub(crate) keys: DataKeys,
    /// What `sync` moves jobs by.
    pub(crate) jobs: Jobs,
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
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn id(&self) -> String {
        assert_eq!(self.status, 201, "{self:?}");
        self.json()["id"].as_str().unwrap().to_owned()
    }

    /// The code of a problem.
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.headers["content-type"], "application/problem+json",
            "{self:?}"
        );
        self.json()["code"].as_str().unwrap().to_owned()
    }
}

struct Keys(Vec<u8>);

impl Fetch for Keys {
    fn fetch<'a>(
        &'a self,
        _: &'a url::Url,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Cause>> + Send + 'a>> {
        Box::pin(ready(Ok(self.0.clone())))
    }
}

impl Portal {
    pub(crate) async fn new() -> Self {
        Self::with_egress("127.0.0.2/32").await
    }

    /// The API of a deployment that may call these networks, too.
    pub(crate) async fn with_egress(allowed: &str) -> Self {
        Self::with(&[("EgressAllow", allowed)]).await
    }

    /// The same, of a deployment that is reached at `url` from outside.
    pub(crate) async fn at(url: &str, allowed: &str) -> Self {
        Self::with(&[("PublicUrl", url), ("EgressAllow", allowed)]).await
    }

    /// The API of a deployment with these parameters.
    pub(crate) async fn with(parameters: &[(&str, &str)]) -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml");
        let template = Template::read(file.as_ref()).unwrap();
        let stack = Stack::in_memory(&template, TimeSource::system())
            .await
            .unwrap();
        let given = parameters;
        let mut parameters = vec![
            ("PublicUrl", "https://gatehouse.example"),
            ("Issuer", ISSUER),
            ("Audience", "gatehouse"),
            ("JwksUrl", "https://issuer.example/jwks"),
            ("EgressAllow", "127.0.0.2/32"),
        ];
        parameters.extend(given);
        let environment = template
            .environment("integrations", stack.endpoint(), &parameters)
            .unwrap();
        let environment: Environment = environment.into_iter().collect();
        let issuer = DevelopmentIssuer::generate(ISSUER.to_owned()).unwrap();
        let keys = Arc::new(Keys(issuer.jwks().to_string().into_bytes()));
        let aws = stack.sdk_config();
        let store = connect::store(&environment, &aws).unwrap();
        let data_keys = connect::data_keys(&environment, &aws, &store, &system_sources()).unwrap();
        let sqs = aws_sdk_sqs::Client::new(&aws);
        let jobs = Jobs::new(
            store.clone(),
            connect::sync_queue(&environment, sqs).unwrap(),
            Metrics::new("sync"),
            system_sources(),
            Duration::from_secs(3600),
        );
        let own = stack.sdk_config_of("integrations");
        let state = State::connect_with_issuer(&environment, &own, system_sources(), keys).unwrap();
        Self {
            router: router(state),
            issuer,
            stack,
            store,
            keys: data_keys,
            jobs,
        }
    }

    /// A new organization, by its token.
    pub(crate) fn organization(&self) -> String {
        let sources = system_sources();
        let id = OrganizationId::generate(sources.now(), sources.randomness.as_ref());
        self.token(id)
    }

    /// A token of an organization.
    pub(crate) fn token(&self, id: OrganizationId) -> String {
        self.token_of(id, "me")
    }

    /// A token of a caller.
    pub(crate) fn token_of(&self, id: OrganizationId, subject: &str) -> String {
        let sources = system_sources();
        let lifetime = Duration::from_secs(60);
        self.issuer
            .token(id, subject, "gatehouse", sources.now(), lifetime)
    }

    /// A token of somebody with these roles.
    pub(crate) fn token_as(&self, id: OrganizationId, subject: &str, roles: &[&str]) -> String {
        self.signed(id, subject, json!({"roles": roles, "amr": ["mfa"]}))
    }

    /// A token with these claims besides those that every token has.
    pub(crate) fn signed(&self, id: OrganizationId, subject: &str, more: Value) -> String {
        let now = system_sources().now().as_second();
        let mut claims = json!({
            "iss": ISSUER, "aud": "gatehouse", "sub": subject, "org_id": id, "iat": now, "exp": now + 600,
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = json!({"alg": "EdDSA", "kid": "development"});
        self.issuer.sign(&header, &claims)
    }

    /// The id of a new organization.
    pub(crate) fn organization_id(&self) -> OrganizationId {
        let sources = system_sources();
        OrganizationId::generate(sources.now(), sources.randomness.as_ref())
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
        let is_public = request.uri().path() == "/openapi.json";
        let response = self.router.clone().oneshot(request).await.unwrap();
        if is_public {
            check_headers_of_edge(response.headers());
        } else {
            check_headers_of_secrets(response.headers());
        }
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    /// Sends a request with a token and other headers, and a JSON body unless it is null.
    pub(crate) async fn call(
        &self,
        (method, path): (&str, &str),
        token: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(("GET", path), token, &[], Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(("POST", path), token, &[], body).await
    }

    pub(crate) async fn delete(&self, path: &str, token: &str) -> Answer {
        self.call(("DELETE", path), token, &[], Value::Null).await
    }

    /// Makes an integration; its path.
    pub(crate) async fn integration(&self, token: &str) -> String {
        let made = self
            .post("/portal/integrations", token, integration())
            .await;
        format!("/portal/integrations/{}", made.id())
    }
}

/// A good body of an integration.
pub(crate) fn integration() -> Value {
    json!({
        "name": "Payments",
        "type": "payment",
        "provider": "stripe",
        "baseUrl": "https://api.stripe.com",
        "authMethod": "api_key",
        "authConfig": {"keyLocation": "header", "keyHeader": "Authorization"},
        "credentials": {"apiKey": "sk_canary_of_the_credential"},
    })
}

/// `value` with `field` changed, or left out if that is null.
pub(crate) fn with(mut value: Value, field: &str, change: Value) -> Value {
    let fields = value.as_object_mut().unwrap();
    match change {
        Value::Null => fields.remove(field),
        change => fields.insert(field.to_owned(), change),
    };
    value
}
