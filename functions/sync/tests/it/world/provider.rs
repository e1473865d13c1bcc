//! A provider on loopback: lists of every kind, that change while they are read, and fail.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use gatehouse::domain::{Clock as _, Timestamp};
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::dice::{Dice, VirtualClock};

/// How a list goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paging {
    Cursor,
    LastId,
    LinkHeader,
    LinkBody,
    Offset,
    Page,
    Whole,
    Post,
}

impl Paging {
    pub(crate) const ALL: [Self; 8] = [
        Self::Cursor,
        Self::LastId,
        Self::LinkHeader,
        Self::LinkBody,
        Self::Offset,
        Self::Page,
        Self::Whole,
        Self::Post,
    ];

    pub(crate) fn described(self, size: usize) -> Value {
        let sized = json!({"parameter": "limit", "max": size});
        match self {
            Self::Cursor => {
                json!({"kind": "cursor", "next": "next", "parameter": "cursor", "size": sized})
            }
            Self::LastId => json!({"kind": "cursor", "next": "items[-1].id", "parameter": "after",
                "more": "more", "size": sized}),
            Self::LinkHeader => json!({"kind": "link", "size": sized}),
            Self::LinkBody => json!({"kind": "link", "next": "next", "size": sized}),
            Self::Offset => json!({"kind": "offset", "parameter": "offset", "size": sized}),
            Self::Page => json!({"kind": "page", "parameter": "page", "size": sized}),
            Self::Whole => json!({"kind": "none"}),
            Self::Post => {
                json!({"kind": "cursor", "next": "next", "parameter": "/variables/cursor",
                "size": {"parameter": "/variables/limit", "max": size}})
            }
        }
    }
}

/// A record, as the provider has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) updated_at: Timestamp,
    pub(crate) deleted: bool,
    /// Its place in lists, for good.
    place: u64,
}

impl Record {
    fn json(&self) -> Value {
        json!({"id": self.id, "number": self.number, "updatedAt": self.updated_at,
            "deleted": self.deleted, "nested": {"odd": self.number % 2 == 1}})
    }
}

/// How the provider fails: one in so many answers; 0: none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) limits: u64,
    pub(crate) breaks: u64,
    /// What a person has to look at.
    pub(crate) lasting: u64,
    /// A change beside a page.
    pub(crate) changes: u64,
}

/// An answer: its status, headers and body.
pub(crate) type Scripted = (u16, Vec<(&'static str, String)>, String);

/// A provider of one kind of record.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) paging: Paging,
    pub(crate) page_size: usize,
    /// Whether deleted records stay in its lists, marked.
    pub(crate) marks_deleted: bool,
    pub(crate) faults: Faults,
    /// By how much its clock is ahead, or behind, in seconds.
    pub(crate) skew: i64,
    pub(crate) records: Vec<Record>,
    /// All that each record ever was.
    pub(crate) history: BTreeMap<String, BTreeSet<u64>>,
    /// What the next answers are instead of pages.
    pub(crate) script: Vec<Scripted>,
    pub(crate) calls: Vec<String>,
    /// What was written: the method, the id, and the number.
    pub(crate) writes: Vec<(String, String, Option<u64>)>,
    /// The keys by which writes were to be recognised.
    pub(crate) keys: Vec<String>,
    /// Whether it recognises creates by their keys.
    pub(crate) recognises: bool,
    /// Whether it does what it is told, and then does not answer.
    pub(crate) loses_answers: u32,
    /// How long it takes to answer, besides what it takes anyway.
    pub(crate) takes: Duration,
    made: HashMap<String, String>,
    places: HashMap<String, u64>,
    next_place: u64,
    next_number: u64,
    dice: Dice,
    clock: VirtualClock,
}

impl Provider {
    pub(crate) fn new(paging: Paging, dice: Dice, clock: VirtualClock) -> Self {
        Self {
            paging,
            page_size: 3,
            marks_deleted: false,
            faults: Faults::default(),
            skew: 0,
            records: Vec::new(),
            history: BTreeMap::new(),
            script: Vec::new(),
            calls: Vec::new(),
            writes: Vec::new(),
            keys: Vec::new(),
            recognises: false,
            loses_answers: 0,
            takes: Duration::ZERO,
            made: HashMap::new(),
            places: HashMap::new(),
            next_place: 1,
            next_number: 1,
            dice,
            clock,
        }
    }

    fn now(&self) -> Timestamp {
        let skew = Duration::from_secs(self.skew.unsigned_abs());
        let now = if self.skew < 0 {
            self.clock.now().minus(skew)
        } else {
            self.clock.now().plus(skew)
        };
        // Its seconds are whole.
        Timestamp::from_second(now.as_second()).unwrap()
    }

    /// Makes the record, or changes it; one that was deleted comes back.
    pub(crate) fn put(&mut self, id: &str) {
        let (number, updated_at) = (self.next_number, self.now());
        self.next_number += 1;
        let known = self.history.entry(id.to_owned()).or_default();
        known.insert(number);
        let found = self.records.iter_mut().find(|record| record.id == id);
        if let Some(record) = found {
            (record.number, record.updated_at, record.deleted) = (number, updated_at, false);
            return;
        }
        let place = self.next_place;
        self.next_place += 1;
        self.places.insert(id.to_owned(), place);
        self.records.push(Record {
            id: id.to_owned(),
            number,
            updated_at,
            deleted: false,
            place,
        });
    }

    pub(crate) fn delete(&mut self, id: &str) {
        let now = self.now();
        if self.marks_deleted {
            let found = self.records.iter_mut().find(|record| record.id == id);
            if let Some(record) = found {
                (record.deleted, record.updated_at) = (true, now);
            }
        } else {
            self.records.retain(|record| record.id != id);
        }
    }

    /// Any change of any record.
    pub(crate) fn change_something(&mut self) {
        let id = format!("r{}", self.dice.below(14));
        if self.dice.one_in(3) {
            self.delete(&id);
        } else {
            self.put(&id);
        }
    }

    /// What it has now: numbers by id.
    pub(crate) fn live(&self) -> BTreeMap<String, u64> {
        let live = self.records.iter().filter(|record| !record.deleted);
        live.map(|record| (record.id.clone(), record.number))
            .collect()
    }

    fn answer(&mut self, path: &str, query: &HashMap<String, String>) -> Response<Body> {
        self.clock
            .pass(self.takes + Duration::from_millis(5 + self.dice.below(200)));
        if !self.script.is_empty() {
            let (status, headers, body) = self.script.remove(0);
            return answered(status, &headers, body);
        }
        if let Some(fault) = self.fault() {
            return fault;
        }
        if let Some(id) = path.strip_prefix("/one/") {
            let found = self
                .records
                .iter()
                .find(|record| record.id == id && !record.deleted);
            return match found {
                Some(record) => answered(200, &[], record.json().to_string()),
                None => answered(404, &[], String::new()),
            };
        }
        let (page, headers) = self.page(path, query);
        let body = page.to_string();
        if self.dice.one_in(self.faults.changes) {
            self.change_something();
        }
        answered(200, &headers, body)
    }

    /// Makes, changes, or deletes a record as it is told.
    fn write(
        &mut self,
        method: &str,
        path: &str,
        key: Option<String>,
        body: &[u8],
    ) -> Response<Body> {
        self.keys.extend(key.clone());
        self.clock
            .pass(Duration::from_millis(5 + self.dice.below(200)));
        if !self.script.is_empty() {
            let (status, headers, body) = self.script.remove(0);
            return answered(status, &headers, body);
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let number = body["number"].as_u64();
        let id = match path.strip_prefix("things/") {
            Some(id) => id.to_owned(),
            None => {
                let known = key.as_ref().and_then(|key| self.made.get(key));
                let is_repeated = self.recognises && known.is_some();
                let new = format!("p{}", self.next_place);
                let id = if is_repeated {
                    known.unwrap().clone()
                } else {
                    new
                };
                self.made.extend(key.map(|key| (key, id.clone())));
                if is_repeated {
                    return self.answer_written(&id, 200);
                }
                self.put(&id);
                id
            }
        };
        self.writes.push((method.to_owned(), id.clone(), number));
        let now = self.now();
        let found = self.records.iter_mut().find(|record| record.id == id);
        let Some(record) = found.filter(|record| !record.deleted) else {
            return answered(404, &[], String::new());
        };
        if method == "DELETE" {
            self.delete(&id);
            return answered(204, &[], String::new());
        }
        record.number = number.unwrap_or(record.number);
        record.updated_at = now;
        self.answer_written(&id, if method == "POST" { 201 } else { 200 })
    }

    fn answer_written(&mut self, id: &str, status: u16) -> Response<Body> {
        if self.loses_answers > 0 {
            self.loses_answers -= 1;
            return answered(200, &[("content-length", "100".to_owned())], "{".to_owned());
        }
        let record = self.records.iter().find(|record| record.id == id);
        let body = record.map_or(Value::Null, Record::json).to_string();
        answered(status, &[], body)
    }

    fn fault(&mut self) -> Option<Response<Body>> {
        let (dice, faults) = (self.dice.clone(), self.faults);
        if dice.one_in(faults.limits) {
            let wait = dice.below(40).to_string();
            return Some(answered(429, &[("retry-after", wait)], String::new()));
        }
        if dice.one_in(faults.breaks) {
            return Some(match dice.below(3) {
                0 => answered(500, &[], "oops".to_owned()),
                1 => answered(503, &[], String::new()),
                // The connection breaks in the middle.
                _ => broken(),
            });
        }
        if dice.one_in(faults.lasting) {
            return Some(match dice.below(4) {
                0 => answered(401, &[], String::new()),
                1 => answered(200, &[], "<html>".to_owned()),
                2 => answered(200, &[], r#"{"items": {}}"#.to_owned()),
                _ => answered(200, &[], r#"{"items": [{"id": null}]}"#.to_owned()),
            });
        }
        None
    }

    fn page(
        &self,
        path: &str,
        query: &HashMap<String, String>,
    ) -> (Value, Vec<(&'static str, String)>) {
        let since: Option<Timestamp> = query.get("since").and_then(|since| since.parse().ok());
        let listed = self
            .records
            .iter()
            .filter(|record| since.is_none_or(|since| record.updated_at >= since));
        let listed: Vec<&Record> = listed.collect();
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<u64>().ok());
        let size = match self.paging {
            Paging::Whole => listed.len(),
            _ => number("limit").map_or(self.page_size, |size| usize::try_from(size).unwrap()),
        };
        let begin = match self.paging {
            Paging::Offset => usize::try_from(number("offset").unwrap_or(0)).unwrap(),
            Paging::Page => usize::try_from(number("page").unwrap() - 1).unwrap() * size,
            _ => {
                let after = match query.get("after") {
                    Some(id) => self.places[id],
                    None => number("cursor").unwrap_or(0),
                };
                listed.iter().filter(|record| record.place <= after).count()
            }
        };
        let items: Vec<&Record> = listed.iter().skip(begin).take(size).copied().collect();
        let more = begin + items.len() < listed.len();
        let next = items.last().map_or(0, |record| record.place);
        let mut page = Map::new();
        let mut headers = Vec::new();
        page.insert(
            "items".into(),
            items.iter().map(|record| record.json()).collect(),
        );
        page.insert("more".into(), more.into());
        let since = query.get("since").map(|since| format!("&since={since}"));
        let link = format!("?cursor={next}&limit={size}{}", since.unwrap_or_default());
        match self.paging {
            Paging::LinkHeader if more => {
                headers.push(("link", format!("<{link}>; rel=\"next\"")));
            }
            Paging::LinkBody if more => {
                page.insert(
                    "next".into(),
                    format!("/{path}{link}").replace("//", "/").into(),
                );
            }
            Paging::Cursor | Paging::Post if more => {
                page.insert("next".into(), next.into());
            }
            _ => {}
        }
        (page.into(), headers)
    }
}

/// An answer whose connection breaks before its end.
fn broken() -> Response<Body> {
    let pieces = [
        Ok(bytes::Bytes::from_static(b"{")),
        Err(std::io::Error::other("broken")),
    ];
    Response::new(Body::from_stream(futures::stream::iter(pieces)))
}

fn answered(status: u16, headers: &[(&'static str, String)], body: String) -> Response<Body> {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(Body::from(body)).unwrap()
}

/// The providers that a server has, by the first segment of the path.
pub(crate) type Providers = Arc<Mutex<HashMap<String, Arc<Mutex<Provider>>>>>;

/// Starts the server, and says where it is.
pub(crate) async fn serve(providers: Providers) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(handle).with_state(providers);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn handle(State(providers): State<Providers>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1_000_000).await.unwrap();
    let path = parts.uri.path().trim_start_matches('/');
    let (name, rest) = path.split_once('/').unwrap();
    let provider = Arc::clone(&providers.lock().unwrap()[name]);
    let mut provider = provider.lock().unwrap();
    assert!(is_authorized(&parts.headers));
    let query = parts.uri.query().unwrap_or_default();
    provider.calls.push(format!("/{rest}?{query}"));
    if rest.starts_with("things") {
        let key = parts.headers.get("idempotency-key");
        let key = key.map(|key| key.to_str().unwrap().to_owned());
        return provider.write(parts.method.as_str(), rest, key, &body);
    }
    let mut parameters = read(query);
    if let Ok(body) = serde_json::from_slice::<Value>(&body) {
        assert_eq!(body["query"], "all");
        let variables = body["variables"].as_object().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
        parameters.extend(
            variables
                .iter()
                .map(|(name, value)| (name.clone(), text(value))),
        );
    }
    let path = if rest.starts_with("one/") {
        format!("/{rest}")
    } else {
        path.to_owned()
    };
    provider.answer(&path, &parameters)
}

fn is_authorized(headers: &HeaderMap) -> bool {
    headers
        .get("authorization")
        .is_some_and(|value| value == "Bearer not-so-secret")
}

fn read(query: &str) -> HashMap<String, String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let decoded = pairs.map(|(name, value)| (name.to_owned(), value.replace("%3A", ":")));
    decoded.collect()
}
