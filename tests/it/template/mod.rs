//! What the deployment promises. A deployment into an emulator would prove none of it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy does not see that these helpers belong to tests"
)]

mod alarms;
mod api;
mod capacity;
mod conditions;
mod dashboard;
mod domains;
mod functions;
mod network;
mod parameters;
mod permissions;
mod storage;
mod used;

use std::fs;

use serde_json::{Map, Value};
use serde_yaml_ng::Value as Yaml;

use crate::tidy::root;

/// The template, with `!Ref X` as `{"Ref": "X"}` and `!Sub X` as `{"Fn::Sub": "X"}`.
struct Template {
    text: String,
    document: Value,
}

/// A resource and its logical id.
type Resource<'a> = (&'a String, &'a Value);

impl Template {
    fn read() -> Self {
        let text = fs::read_to_string(root().join("infra/template.yaml")).unwrap();
        let document = plain(serde_yaml_ng::from_str(&text).unwrap());
        Self { text, document }
    }

    fn resources(&self) -> &Map<String, Value> {
        self.document["Resources"].as_object().unwrap()
    }

    fn of_type(&self, kind: &str) -> Vec<Resource<'_>> {
        let found: Vec<_> = self
            .resources()
            .iter()
            .filter(|(_, resource)| resource["Type"] == kind)
            .collect();
        assert!(!found.is_empty(), "there is no {kind}");
        found
    }

    fn functions(&self) -> Vec<Resource<'_>> {
        self.of_type("AWS::Serverless::Function")
    }

    /// A part of a resource, by JSON pointer from its properties.
    fn property(&self, id: &str, pointer: &str) -> &Value {
        self.resources()
            .get(id)
            .and_then(|resource| resource["Properties"].pointer(pointer))
            .unwrap_or(&Value::Null)
    }
}

/// CloudFormation's short forms written out.
fn plain(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => value.into(),
        Yaml::Number(number) => number
            .as_i64()
            .map_or_else(|| number.as_f64().into(), Value::from),
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => items.into_iter().map(plain).collect(),
        Yaml::Mapping(entries) => entries
            .into_iter()
            .map(|(key, value)| (key.as_str().unwrap().to_owned(), plain(value)))
            .collect::<Map<_, _>>()
            .into(),
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = match tag.trim_start_matches('!') {
                "Ref" => "Ref".to_owned(),
                "Condition" => "Condition".to_owned(),
                function => format!("Fn::{function}"),
            };
            Map::from_iter([(name, plain(tagged.value))]).into()
        }
    }
}

/// A value that may stand alone or in a list.
fn listed(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// What is left of `!If` where these conditions hold, and no others.
fn settled<'a>(mut value: &'a Value, holding: &[&str]) -> &'a Value {
    while let Some(parts) = value["Fn::If"].as_array() {
        let holds = holding.contains(&parts[0].as_str().unwrap());
        value = &parts[if holds { 1 } else { 2 }];
    }
    value
}

/// `!Ref id`.
fn reference(id: &str) -> Value {
    serde_json::json!({ "Ref": id })
}

/// `!GetAtt id.Arn`.
fn arn(id: &str) -> Value {
    serde_json::json!({ "Fn::GetAtt": format!("{id}.Arn") })
}

#[test]
fn every_exception_to_a_check_gives_its_reason() {
    let template = Template::read();
    for (id, resource) in template.resources() {
        for skip in listed(&resource["Metadata"]["checkov"]["skip"]) {
            let reason = skip["comment"].as_str().unwrap_or_default();
            assert!(reason.len() > 20, "{id}: {skip}");
        }
        let ignored = &resource["Metadata"]["cfn-lint"];
        assert!(
            ignored.is_null(),
            "{id}: no rule of cfn-lint is ignored yet"
        );
    }
}

#[test]
fn the_template_names_no_account_and_no_region() {
    let template = Template::read();
    for name in ["us-east-1", "eu-west-1", "arn:aws:"] {
        assert!(!template.text.contains(name), "{name}");
    }
    let digits = |c: char| c.is_ascii_digit();
    let account = |word: &str| word.len() == 12 && word.chars().all(digits);
    assert!(!template.text.split(|c: char| !digits(c)).any(account));
}
