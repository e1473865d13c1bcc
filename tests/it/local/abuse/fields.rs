//! Every text that the API's description lets a caller write, in bodies, paths and queries, is written
//! with texts that break things elsewhere. Nothing fails. What comes back of them is compared in
//! `tests/it/local/naughty.rs`, for fields that take any text.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::super::naughty::strings;
use super::super::running::Running;
use super::super::set_up::SetUp;
use super::log_lines;
use crate::receiver::Receiver;

/// How many of the texts each field gets; the next field gets the next ones.
const EACH: usize = 2;
/// Deeper, recursive schemas repeat themselves.
const MAX_DEPTH: usize = 6;

/// A way from a schema to a text within it.
#[derive(Clone, Debug)]
enum Step {
    Member(String),
    Item,
    /// A member of any name.
    Any,
    /// One of the schemas that may, or have to, hold.
    Of(&'static str, usize),
}

const UNIONS: [&str; 3] = ["oneOf", "anyOf", "allOf"];

struct Description(Value);

impl Description {
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(name) => {
                let pointer = name.trim_start_matches('#');
                self.resolved(self.0.pointer(pointer).unwrap())
            }
            None => schema,
        }
    }

    /// The least that a schema asks for.
    fn sample(&self, schema: &Value, depth: usize) -> Value {
        let schema = self.resolved(schema);
        if let Some(first) = schema.pointer("/enum/0").or(schema.get("const")) {
            return first.clone();
        }
        if depth == 0 {
            return Value::Null;
        }
        if let Some(first) = schema.pointer("/oneOf/0").or(schema.pointer("/anyOf/0")) {
            return self.sample(first, depth - 1);
        }
        let kind = schema["type"].as_str().or(schema["type"][0].as_str());
        match kind.unwrap_or("object") {
            "string" if schema["format"] == "date-time" => json!("2030-01-01T00:00:00Z"),
            "string" if schema["format"] == "uri" => json!("http://127.0.0.1/"),
            "string" => json!("a"),
            "integer" | "number" => schema.get("minimum").cloned().unwrap_or(json!(1)),
            "boolean" => json!(true),
            "array" => json!([self.sample(&schema["items"], depth - 1)]),
            "null" => Value::Null,
            _ => self.object(schema, depth),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let mut object = Map::new();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            if let Value::Object(members) = self.sample(part, depth - 1) {
                object.extend(members);
            }
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap();
            let value = self.sample(&schema["properties"][name], depth - 1);
            object.insert(name.to_owned(), value);
        }
        Value::Object(object)
    }

    /// Every way to a text.
    fn texts(&self, schema: &Value, depth: usize) -> Vec<Vec<Step>> {
        let schema = self.resolved(schema);
        let mut found = Vec::new();
        if depth == 0 {
            return found;
        }
        let kinds = schema["type"].to_string();
        if kinds.contains("\"string\"") && schema.get("enum").is_none() {
            found.push(Vec::new());
        }
        let mut below = |step: Step, schema: &Value| {
            for rest in self.texts(schema, depth - 1) {
                found.push([vec![step.clone()], rest].concat());
            }
        };
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            below(Step::Member(name.clone()), member);
        }
        if schema["items"].is_object() {
            below(Step::Item, &schema["items"]);
        }
        if schema["additionalProperties"].is_object() {
            below(Step::Any, &schema["additionalProperties"]);
        }
        for union in UNIONS {
            let parts = schema[union].as_array().into_iter().flatten();
            for (n, part) in parts.enumerate() {
                below(Step::Of(union, n), part);
            }
        }
        found
    }

    /// The least that a schema asks for, with a text at the end of a way.
    fn filled(&self, schema: &Value, way: &[Step], text: &str) -> Value {
        let schema = self.resolved(schema);
        let Some((step, rest)) = way.split_first() else {
            return Value::from(text);
        };
        let mut whole = self.sample(schema, MAX_DEPTH);
        match step {
            Step::Item => return json!([self.filled(&schema["items"], rest, text)]),
            Step::Any => {
                let value = self.filled(&schema["additionalProperties"], rest, text);
                return json!({ text: value });
            }
            Step::Of("allOf", n) => {
                let part = self.filled(&schema["allOf"][n], rest, text);
                match (&mut whole, part) {
                    (Value::Object(whole), Value::Object(part)) => whole.extend(part),
                    (_, part) => return part,
                }
            }
            Step::Of(union, n) => return self.filled(&schema[union][n], rest, text),
            Step::Member(name) => {
                let value = self.filled(&schema["properties"][name], rest, text);
                match &mut whole {
                    Value::Object(whole) => drop(whole.insert(name.clone(), value)),
                    _ => return json!({ name.as_str(): value }),
                }
            }
        }
        whole
    }
}

/// A place of an operation where text goes.
#[derive(Debug)]
enum Place {
    Body(Vec<Step>),
    Path(String),
    Query(String),
}

struct Operation<'d> {
    method: Method,
    path: &'d str,
    body: &'d Value,
    places: Vec<Place>,
}

fn operations(description: &Description) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for (path, item) in description.0["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else {
                continue;
            };
            let content = operation["requestBody"]["content"].as_object();
            let body = content.and_then(|content| content.values().next());
            let body = body.map_or(&Value::Null, |media| &media["schema"]);
            let ways = description.texts(body, MAX_DEPTH);
            let mut places: Vec<Place> = ways.into_iter().map(Place::Body).collect();
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap().to_owned();
                match parameter["in"].as_str() {
                    Some("path") => places.push(Place::Path(name)),
                    Some("query") => places.push(Place::Query(name)),
                    _ => {}
                }
            }
            operations.push(Operation {
                method,
                path,
                body,
                places,
            });
        }
    }
    operations
}

/// The URL of an operation on the integration, with the text in its place.
fn url(
    system: &Running,
    operation: &Operation<'_>,
    integration: &str,
    place: &Place,
    text: &str,
) -> reqwest::Url {
    let mut url: reqwest::Url = system.base_url.parse().unwrap();
    let mut path = url.path_segments_mut().unwrap();
    path.clear();
    for segment in operation.path.trim_start_matches('/').split('/') {
        match (segment.strip_prefix('{'), place) {
            (Some(name), Place::Path(chosen)) if name.trim_end_matches(['}', '+']) == chosen => {
                path.push(text);
            }
            (Some("integrationId}"), _) => drop(path.push(integration)),
            (Some(_), _) => drop(path.push("a")),
            (None, _) => drop(path.push(segment)),
        }
    }
    drop(path);
    if let Place::Query(name) = place {
        url.query_pairs_mut().append_pair(name, text);
    }
    url
}

#[tokio::test]
async fn no_text_in_any_place_of_the_description_makes_anything_fail() {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let receiver = Receiver::start().await;
    let set_up = SetUp::new(&system, &receiver).await;
    let provider = json!({
        "name": "p", "type": "enterprise", "baseUrl": receiver.url(), "authMethod": "api_key",
        "authConfig": {"keyLocation": "header", "keyHeader": "x-key"}, "credentials": {"apiKey": "k"},
    });
    let provider = system.post("/portal/integrations", &provider).await;
    let ids = [provider["id"].as_str().unwrap(), &set_up.integration];
    let description = Description(system.get("/openapi.json").await);
    let strings = strings();
    let mut texts = strings.iter().cycle();
    let (mut places, mut sent) = (0, 0);
    for operation in operations(&description) {
        // A deletion of the integration would leave nothing to look at.
        let ends =
            operation.method == Method::DELETE && operation.path.ends_with("{integrationId}");
        for place in operation.places.iter().filter(|_| !ends) {
            places += 1;
            for text in texts.by_ref().take(EACH) {
                let body = match place {
                    Place::Body(way) => description.filled(operation.body, way, text),
                    _ => description.sample(operation.body, MAX_DEPTH),
                };
                let url = url(&system, &operation, ids[0], place, text);
                let status = system.write(operation.method.clone(), url, &body).await;
                let is_fine = status < 500;
                assert!(
                    is_fine,
                    "{status}: {} {} {place:?}: {body}",
                    operation.method, operation.path
                );
                sent += 1;
            }
        }
    }
    assert!(
        places > 300 && sent > strings.len(),
        "{places} places, {sent} requests"
    );
    drop(system);
    log_lines::check(&folder.path().join("log"));
}
