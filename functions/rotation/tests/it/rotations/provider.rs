//! A provider on loopback: keys, client secrets and public keys, which are valid beside each other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::dice::Dice;
use super::watch::{Values, Watch};
use super::wire::{Fate, Life};

/// A key, a client secret, or a public key.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) label: String,
    /// The secret; of a public key, its point.
    pub(super) secret: Vec<u8>,
    pub(super) is_active: bool,
}

/// How the provider fails: one in so many calls; 0: none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// 503, with nothing done.
    pub(super) breaks: u64,
    /// 500, with everything done.
    pub(super) loses: u64,
    /// 429.
    pub(super) limits: u64,
    /// 401 of a new key: it is not known everywhere yet.
    pub(super) delays: u64,
}

pub(super) struct Provider {
    pub(super) keys: Vec<Key>,
    tokens: HashMap<String, String>,
    pub(super) faults: Faults,
    pub(super) max_keys: usize,
    /// What the next creates are answered with, with nothing done.
    pub(super) refusals: Vec<u16>,
    /// Whether the next create has its effect, and another answer than was expected.
    pub(super) mumbles: bool,
    /// Whether it says of each key that there is none.
    pub(super) hides: bool,
    /// What the next create, which has its effect, is answered with.
    pub(super) odd: Option<Value>,
    pub(super) calls: Vec<String>,
    dice: Dice,
    made: usize,
    /// The process that calls.
    pub(super) life: Option<Arc<Life>>,
}

impl Provider {
    pub(super) fn new(dice: Dice) -> Self {
        Self {
            keys: Vec::new(),
            tokens: HashMap::new(),
            faults: Faults::default(),
            max_keys: 10,
            refusals: Vec::new(),
            mumbles: false,
            hides: false,
            odd: None,
            calls: Vec::new(),
            dice,
            made: 0,
            life: None,
        }
    }

    /// A new key, as a person makes one.
    pub(super) fn make(&mut self, label: &str, secret: Option<Vec<u8>>) -> Key {
        self.made += 1;
        let secret = secret.unwrap_or_else(|| {
            let text = format!("canary-{:016x}{:016x}", self.dice.next(), self.dice.next());
            text.into_bytes()
        });
        let key = Key {
            id: format!("key{}", self.made),
            label: label.to_owned(),
            secret,
            is_active: true,
        };
        self.keys.push(key.clone());
        key
    }

    pub(super) fn active(&self) -> Vec<&Key> {
        self.keys.iter().filter(|key| key.is_active).collect()
    }

    /// Whether credentials of these values work.
    pub(super) fn accepts(&self, values: &Values) -> bool {
        if let Some(pem) = values.get("privateKey") {
            let point = point_of(pem);
            let mut active = self.active().into_iter();
            return active.any(|key| key.id == values["keyId"] && key.secret == point);
        }
        let secret = values.get("apiKey").or_else(|| values.get("clientSecret"));
        let secret = secret.unwrap().as_bytes();
        self.active().iter().any(|key| key.secret == secret)
    }

    fn authenticated(&self, headers: &HeaderMap) -> Option<String> {
        let active = self.active();
        if let Some(secret) = headers.get("x-key") {
            let found = active.iter().find(|key| key.secret == secret.as_bytes());
            return found.map(|key| key.id.clone());
        }
        let bearer = headers.get("authorization")?.to_str().ok()?;
        let token = bearer.strip_prefix("Bearer ")?;
        if let Some(id) = self.tokens.get(token) {
            let found = active.iter().find(|key| key.id == *id);
            return found.map(|key| key.id.clone());
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, _) = signed.split_once('.')?;
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let key = active.iter().find(|key| header["kid"] == *key.id)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.secret);
        let verified = public.verify(signed.as_bytes(), &signature);
        verified.ok().map(|()| key.id.clone())
    }

    fn token(&mut self, headers: &HeaderMap) -> (u16, Value) {
        let basic = headers.get("authorization").unwrap().to_str().unwrap();
        let basic = basic.strip_prefix("Basic ").unwrap();
        let basic = String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap();
        let (_, secret) = basic.split_once(':').unwrap();
        let found = self
            .active()
            .into_iter()
            .find(|key| key.secret == secret.as_bytes());
        let Some(id) = found.map(|key| key.id.clone()) else {
            return (401, json!({"error": "invalid_client"}));
        };
        let token = format!("canary-token-{:016x}", self.dice.next());
        self.tokens.insert(token.clone(), id);
        (
            200,
            json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600}),
        )
    }

    fn publish(&mut self, body: &Value) -> (u16, Value) {
        let jwk: Value = serde_json::from_str(body["jwk"].as_str().unwrap()).unwrap();
        let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        let point = [vec![4], coordinate("x"), coordinate("y")].concat();
        let label = body["name"].as_str().unwrap_or_default();
        if let Some(id) = body["id"].as_str() {
            // Publishing it twice is the same as once.
            self.keys.retain(|key| key.id != id);
            self.make("", Some(point));
            self.keys.last_mut().unwrap().id = id.to_owned();
            return (201, json!({"id": id}));
        }
        let key = self.make(label, Some(point));
        (201, json!({"id": key.id}))
    }

    fn delete(&mut self, path: &str) -> (u16, Value) {
        if self.hides {
            return (404, json!({"error": "none of yours"}));
        }
        let mut active = self.keys.iter_mut().filter(|key| key.is_active);
        let found = match path {
            // Calls that name no key.
            "/first" => active.next(),
            "/last" => active.next_back(),
            path => active.find(|key| path.strip_prefix("/keys/") == Some(&key.id)),
        };
        match found {
            Some(key) => {
                key.is_active = false;
                (204, Value::Null)
            }
            None => (404, json!({"error": "gone"})),
        }
    }

    fn answer(&mut self, call: &str, headers: &HeaderMap, body: &[u8]) -> (u16, Value) {
        let (method, path) = call.split_once(' ').unwrap();
        if path == "/token" {
            return self.token(headers);
        }
        let Some(by) = self.authenticated(headers) else {
            return (401, json!({"error": "no"}));
        };
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        match (method, path) {
            ("GET", "/me") => {
                let is_new = self.keys.last().is_some_and(|key| key.id == by);
                if is_new && self.dice.one_in(self.faults.delays) {
                    return (401, json!({"error": "not yet"}));
                }
                (200, json!({"me": true}))
            }
            ("POST", "/keys") => {
                if let Some(status) = self.refusals.pop() {
                    return (status, json!({"error": "refused"}));
                }
                if self.active().len() >= self.max_keys {
                    return (400, json!({"error": "too many"}));
                }
                let key = self.make(body["name"].as_str().unwrap(), None);
                if let Some(odd) = self.odd.take() {
                    return (200, odd);
                }
                if std::mem::take(&mut self.mumbles) {
                    return (200, json!({"identifier": key.id}));
                }
                let secret = String::from_utf8(key.secret).unwrap();
                (
                    201,
                    json!({"id": key.id, "secret": secret, "ends": "2027-09-01T00:00:00Z"}),
                )
            }
            ("POST", "/jwks") => self.publish(&body),
            ("GET", "/keys") => {
                let keys: Vec<Value> = self
                    .active()
                    .iter()
                    .map(|key| json!({"id": key.id, "name": key.label}))
                    .collect();
                (200, json!({"keys": keys}))
            }
            ("DELETE", path) => self.delete(path),
            _ => (404, Value::Null),
        }
    }
}

/// The public point of a private key.
pub(super) fn point_of(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with('-'));
    let der = STANDARD.decode(lines.collect::<String>()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).unwrap();
    pair.public_key().as_ref().to_vec()
}

/// One world's part of the server.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) provider: Arc<Mutex<Provider>>,
    pub(super) watch: Arc<Watch>,
}

pub(super) type Places = Arc<Mutex<HashMap<String, Place>>>;

/// Serves all providers; each by the first segment of its paths.
pub(super) async fn serve(places: Places) -> String {
    let router = Router::new().fallback(handle).with_state(places);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn handle(State(places): State<Places>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_start_matches('/').to_owned();
    let (name, rest) = path.split_once('/').unwrap();
    let place = places.lock().unwrap()[name].clone();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let life = place.provider.lock().unwrap().life.clone();
    let changes = parts.method != Method::GET;
    let fate = life.as_ref().map_or(Fate::Lives, |life| life.call(changes));
    if fate == Fate::DiesBefore {
        std::future::pending::<()>().await;
    }
    let call = format!("{} /{rest}", parts.method);
    let (status, answer) = {
        let mut provider = place.provider.lock().unwrap();
        provider.calls.push(call.clone());
        let (faults, dice) = (provider.faults, provider.dice.clone());
        if dice.one_in(faults.breaks) {
            (503, json!({"error": "broken"}))
        } else if dice.one_in(faults.limits) {
            (429, json!({"error": "slow down"}))
        } else {
            let answer = provider.answer(&call, &parts.headers, &body);
            if dice.one_in(faults.loses) {
                (500, json!({"error": "broken"}))
            } else {
                answer
            }
        }
    };
    place.watch.look();
    if fate == Fate::DiesAfter {
        life.unwrap().die();
        std::future::pending::<()>().await;
    }
    let body = match answer {
        Value::Null => Body::empty(),
        answer => Body::from(answer.to_string()),
    };
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header("content-type", "application/json")
        .body(body)
        .unwrap()
}
