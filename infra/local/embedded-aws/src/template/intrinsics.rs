//! CloudFormation's functions, as far as the template uses them.

use std::collections::BTreeMap;

use serde_yaml_ng::value::TaggedValue;
use serde_yaml_ng::{Mapping, Value};

use super::{STACK_NAME, TemplateError};
use crate::{ACCOUNT, REGION};

/// What names stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// Parameters and pseudo parameters.
    parameters: BTreeMap<String, String>,
    conditions: Mapping,
    /// `Ref` and `GetAtt` of resources; `{endpoint}` stands for where the services are.
    references: BTreeMap<String, String>,
}

impl Scope {
    /// The template's parameters with their defaults, and what AWS adds.
    pub(super) fn new(root: &Mapping) -> Result<Self, TemplateError> {
        let mut scope = Self::default();
        for (name, value) in [
            ("AWS::Region", REGION),
            ("AWS::AccountId", ACCOUNT),
            ("AWS::StackName", STACK_NAME),
            ("AWS::Partition", "aws"),
            ("AWS::URLSuffix", "amazonaws.com"),
        ] {
            scope.parameters.insert(name.to_owned(), value.to_owned());
        }
        if let Some(Value::Mapping(parameters)) = root.get("Parameters") {
            for (name, parameter) in parameters {
                let name = name.as_str().unwrap_or_default().to_owned();
                let default = match parameter.get("Default") {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Number(number)) => number.to_string(),
                    Some(Value::Bool(bool)) => bool.to_string(),
                    None => String::new(),
                    Some(_) => return Err(TemplateError::at(name, "the default is no text")),
                };
                scope.parameters.insert(name, default);
            }
        }
        if let Some(Value::Mapping(conditions)) = root.get("Conditions") {
            scope.conditions = conditions.clone();
        }
        Ok(scope)
    }

    /// Names what `Ref` (attribute empty) or `GetAtt` of a resource stands for.
    pub(super) fn define(&mut self, logical_id: &str, attribute: &str, value: String) {
        let name = if attribute.is_empty() {
            logical_id.to_owned()
        } else {
            format!("{logical_id}.{attribute}")
        };
        self.references.insert(name, value);
    }

    /// The same scope with other values for some parameters, and a place for the services.
    pub(super) fn with(
        &self,
        endpoint: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Self, TemplateError> {
        let mut scope = self.clone();
        for value in scope.references.values_mut() {
            *value = value.replace("{endpoint}", endpoint);
        }
        for (name, value) in parameters {
            match scope.parameters.get_mut(*name) {
                Some(parameter) => (*value).clone_into(parameter),
                None => return Err(TemplateError::at(*name, "there is no such parameter")),
            }
        }
        Ok(scope)
    }

    /// A value without functions in it. `AWS::NoValue` becomes null.
    pub(super) fn resolve(&self, value: &Value, at: &str) -> Result<Value, TemplateError> {
        match value {
            Value::Tagged(tagged) => self.call(tagged, at),
            Value::Sequence(items) => {
                let items = items.iter().map(|item| self.resolve(item, at));
                Ok(Value::Sequence(items.collect::<Result<_, _>>()?))
            }
            Value::Mapping(mapping) => {
                let mut resolved = Mapping::new();
                for (key, value) in mapping {
                    let key_text = key.as_str().unwrap_or_default();
                    if key_text.starts_with("Fn::") || key_text == "Ref" {
                        return Err(TemplateError::at(at, "use the short form, such as `!Ref`"));
                    }
                    let value = self.resolve(value, &format!("{at}.{key_text}"))?;
                    if !value.is_null() {
                        resolved.insert(key.clone(), value);
                    }
                }
                Ok(Value::Mapping(resolved))
            }
            Value::Number(number) => Ok(Value::Number(number.clone())),
            other => Ok(other.clone()),
        }
    }

    /// What is left of a value that may be an `!If`, with the functions in it.
    pub(super) fn chosen<'a>(
        &self,
        value: &'a Value,
        at: &str,
    ) -> Result<&'a Value, TemplateError> {
        match value {
            Value::Tagged(tagged) if tagged.tag == "If" => match &tagged.value {
                Value::Sequence(parts) => self.chosen(self.branch(parts, at)?, at),
                other => Ok(other),
            },
            other => Ok(other),
        }
    }

    /// The one of two values that a condition decides for.
    fn branch<'a>(&self, parts: &'a [Value], at: &str) -> Result<&'a Value, TemplateError> {
        match parts {
            [Value::String(name), yes, no] => Ok(if self.condition(name, at)? { yes } else { no }),
            _ => Err(TemplateError::at(
                at,
                "!If takes a condition and two values",
            )),
        }
    }

    /// Whether a resource is there: it has no condition, or its condition holds.
    pub(super) fn is_there(&self, resource: &Value, at: &str) -> Result<bool, TemplateError> {
        match resource.get("Condition") {
            None => Ok(true),
            Some(Value::String(name)) => self.condition(name, at),
            Some(_) => Err(TemplateError::at(at, "expected the name of a condition")),
        }
    }

    fn call(&self, tagged: &TaggedValue, at: &str) -> Result<Value, TemplateError> {
        let tag = tagged.tag.to_string();
        match (tag.trim_start_matches('!'), &tagged.value) {
            ("Ref", Value::String(name)) if name == "AWS::NoValue" => Ok(Value::Null),
            ("Ref" | "GetAtt", Value::String(name)) => self.named(name, at).map(Value::String),
            ("Sub", Value::String(text)) => self.substitute(text, at).map(Value::String),
            ("If", Value::Sequence(parts)) => self.resolve(self.branch(parts, at)?, at),
            (other, _) => Err(TemplateError::at(
                at,
                format!("`!{other}` is not known here"),
            )),
        }
    }

    fn named(&self, name: &str, at: &str) -> Result<String, TemplateError> {
        let found = self
            .references
            .get(name)
            .or_else(|| self.parameters.get(name));
        found
            .cloned()
            .ok_or_else(|| TemplateError::at(at, format!("`{name}` stands for nothing")))
    }

    fn substitute(&self, text: &str, at: &str) -> Result<String, TemplateError> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let unclosed = || TemplateError::at(at, "`${` is not closed");
            let (name, tail) = after.split_once('}').ok_or_else(unclosed)?;
            result.push_str(before);
            match name.strip_prefix('!') {
                Some(literal) => result.push_str(&format!("${{{literal}}}")),
                None => result.push_str(&self.named(name, at)?),
            }
            rest = tail;
        }
        result.push_str(rest);
        Ok(result)
    }

    fn condition(&self, name: &str, at: &str) -> Result<bool, TemplateError> {
        let condition = self.conditions.get(name);
        let condition = condition
            .ok_or_else(|| TemplateError::at(at, format!("there is no condition `{name}`")))?;
        self.holds(condition, &format!("Conditions.{name}"))
    }

    fn holds(&self, condition: &Value, at: &str) -> Result<bool, TemplateError> {
        let Value::Tagged(tagged) = condition else {
            return Err(TemplateError::at(
                at,
                "expected `!Equals`, `!Not`, `!And`, `!Or`",
            ));
        };
        let tag = tagged.tag.to_string();
        match (tag.trim_start_matches('!'), &tagged.value) {
            ("Condition", Value::String(name)) => self.condition(name, at),
            ("Equals", Value::Sequence(parts)) => match parts.as_slice() {
                [a, b] => Ok(text(&self.resolve(a, at)?) == text(&self.resolve(b, at)?)),
                _ => Err(TemplateError::at(at, "!Equals takes two values")),
            },
            ("Not", Value::Sequence(parts)) => match parts.as_slice() {
                [one] => Ok(!self.holds(one, at)?),
                _ => Err(TemplateError::at(at, "!Not takes one condition")),
            },
            ("And", Value::Sequence(parts)) => parts
                .iter()
                .try_fold(true, |all, part| Ok(all & self.holds(part, at)?)),
            ("Or", Value::Sequence(parts)) => parts
                .iter()
                .try_fold(false, |any, part| Ok(any | self.holds(part, at)?)),
            (other, _) => Err(TemplateError::at(
                at,
                format!("`!{other}` is not known here"),
            )),
        }
    }
}

/// CloudFormation compares and passes everything as text.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(bool) => bool.to_string(),
        _ => String::new(),
    }
}
