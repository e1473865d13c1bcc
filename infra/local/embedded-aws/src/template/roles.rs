//! What the roles of functions allow.

use serde_yaml_ng::{Mapping, Value};

use super::TemplateError;
use super::resources::{Reader, Resource, references};

/// A statement of a role's policies. All of them allow something.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) actions: Vec<String>,
    /// ARNs, in which `*` stands for any text.
    pub(crate) resources: Vec<String>,
    pub(crate) condition: Condition,
}

/// When a statement holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Always,
    /// The encryption context names this.
    HasContext(String),
    /// Another service asks on behalf of the caller: one of these, such as `dynamodb`.
    Via(Vec<String>),
}

impl Reader<'_> {
    /// A role's id, and its statements.
    pub(super) fn role(
        &self,
        role: &Resource<'_>,
    ) -> Result<(String, Vec<Statement>), TemplateError> {
        let policies = role.get(&self.scope, "Policies")?.unwrap_or_default();
        let mut statements = Vec::new();
        for policy in sequence(&policies) {
            let document = policy.get("PolicyDocument");
            let listed = document.and_then(|document| document.get("Statement"));
            let at = role.at("Policies");
            for statement in listed.map(sequence).unwrap_or_default() {
                if !statement.is_null() {
                    statements.push(statement_of(statement, &at)?);
                }
            }
        }
        Ok((role.logical_id.to_owned(), statements))
    }
}

/// The id of a function's role.
pub(super) fn role_of(function: &Resource<'_>) -> Option<String> {
    let role = function.properties.get("Role")?;
    references(role).into_iter().next()
}

fn statement_of(statement: &Value, at: &str) -> Result<Statement, TemplateError> {
    let known = ["Sid", "Effect", "Action", "Resource", "Condition"];
    let Value::Mapping(fields) = statement else {
        return Err(TemplateError::at(at, "a statement is no mapping"));
    };
    let names = fields.keys().filter_map(Value::as_str);
    if let Some(other) = names.into_iter().find(|name| !known.contains(name)) {
        let problem = format!("`{other}` of a statement is not known here");
        return Err(TemplateError::at(at, problem));
    }
    if statement.get("Effect").and_then(Value::as_str) != Some("Allow") {
        return Err(TemplateError::at(at, "only `Allow` is known here"));
    }
    let condition = match statement.get("Condition") {
        None => Condition::Always,
        Some(condition) => condition_of(condition)
            .ok_or_else(|| TemplateError::at(at, "this condition is not known here"))?,
    };
    Ok(Statement {
        actions: statement.get("Action").map(texts).unwrap_or_default(),
        resources: statement.get("Resource").map(texts).unwrap_or_default(),
        condition,
    })
}

fn condition_of(condition: &Value) -> Option<Condition> {
    let (operator, tested) = only(condition.as_mapping()?)?;
    let (key, value) = only(tested.as_mapping()?)?;
    match (operator, key) {
        ("Null", key) => {
            let name = key.strip_prefix("kms:EncryptionContext:")?;
            (value.as_str() == Some("false")).then(|| Condition::HasContext(name.to_owned()))
        }
        ("StringEquals", "kms:ViaService") => {
            let hosts = texts(value).into_iter();
            let services = hosts.map(|host| host.split_once('.').map(|(name, _)| name.to_owned()));
            services.collect::<Option<_>>().map(Condition::Via)
        }
        _ => None,
    }
}

fn only(mapping: &Mapping) -> Option<(&str, &Value)> {
    let mut pairs = mapping.iter();
    let (key, value) = pairs.next()?;
    pairs.next().is_none().then_some((key.as_str()?, value))
}

fn sequence(value: &Value) -> &[Value] {
    value.as_sequence().map(Vec::as_slice).unwrap_or_default()
}

/// One text or several.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Sequence(items) => {
            let items = items.iter().filter_map(Value::as_str);
            items.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
