//! Variables of a provider: `{name}` in texts, for each name that is declared. Other braces stay,
//! so that fields of credentials can stand beside variables.

use std::collections::BTreeMap;

use regex_lite::{Regex, escape};
use serde_json::Value;
use url::Url;

use super::{AuthOption, Provider};
use crate::domain::{ApiProfile, RotationMethod};

/// The values of variables, by name.
pub type Values = BTreeMap<String, String>;

/// `text` with `values` for the variables in it. What a value holds is not read as a text.
pub(super) fn fill(text: &str, values: &Values) -> String {
    let mut filled = String::new();
    for (literal, name) in pieces(text) {
        filled.push_str(literal);
        match values.get(name) {
            Some(value) => filled.push_str(value),
            None if name.is_empty() => {}
            None => {
                filled.push('{');
                filled.push_str(name);
                filled.push('}');
            }
        }
    }
    filled
}

/// The names in braces in `text`.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    pieces(text)
        .map(|(_, name)| name)
        .filter(|name| !name.is_empty())
}

/// The text as literals, each with the name in braces after it; empty, if there is none.
fn pieces(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some((start, end)) = name_in(text) else {
            rest = None;
            return Some((text, ""));
        };
        rest = text.get(end + 1..);
        Some((text.get(..start)?, text.get(start + 1..end)?))
    })
}

/// Where the first `{name}` opens and closes.
fn name_in(text: &str) -> Option<(usize, usize)> {
    text.match_indices('{').find_map(|(start, _)| {
        let inside = text.get(start + 1..)?;
        let length = inside.find(|c: char| !c.is_ascii_alphanumeric())?;
        let closes = length > 0 && inside.get(length..)?.starts_with('}');
        closes.then_some((start, start + 1 + length))
    })
}

/// `value` with `values` for the variables in its texts.
pub(super) fn fill_value(value: &mut Value, values: &Values) {
    match value {
        Value::String(text) => *text = fill(text, values),
        Value::Array(items) => items.iter_mut().for_each(|item| fill_value(item, values)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| fill_value(field, values)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Provider {
    /// What `given` says of the variables, and what is to be used where it says nothing.
    #[must_use]
    pub fn with_defaults(&self, mut given: Values) -> Values {
        for (name, variable) in &self.variables {
            if let Some(default) = &variable.default {
                given.entry(name.clone()).or_insert_with(|| default.clone());
            }
        }
        given
    }

    /// The base URL, if the catalogue has one and `values` has all of its variables.
    #[must_use]
    pub fn base_url(&self, values: &Values) -> Option<Url> {
        let template = self.base_url.as_ref()?;
        let is_whole = names(template).all(|name| values.contains_key(name));
        fill(template, values).parse().ok().filter(|_| is_whole)
    }

    /// The values of the variables in the base URL's host, if `url` has a host of its form.
    #[must_use]
    pub fn read_host(&self, url: &Url) -> Option<Values> {
        let template = self.base_url.as_ref()?.strip_prefix("https://")?;
        let host = template.split('/').next()?;
        let mut form = String::from("^");
        for (literal, name) in pieces(host) {
            form.push_str(&escape(literal));
            if let Some(variable) = self.variables.get(name) {
                form.push_str(&format!("(?<{name}>{})", variable.pattern));
            }
        }
        form.push('$');
        let form = Regex::new(&form).ok()?;
        let found = form.captures(url.host_str()?)?;
        let value = |name: &str| Some((name.to_owned(), found.name(name)?.as_str().to_owned()));
        Some(form.capture_names().flatten().filter_map(value).collect())
    }

    /// How the API is called by a customer who has `values`.
    #[must_use]
    pub fn api(&self, values: &Values) -> ApiProfile {
        let filled = serde_json::to_value(&self.api).map(|mut api| {
            fill_value(&mut api, values);
            api
        });
        // A value that fits its pattern leaves a profile a profile; a test fills in all examples.
        filled
            .and_then(serde_json::from_value)
            .unwrap_or_else(|_| self.api.clone())
    }

    /// An example of each variable.
    pub(super) fn examples(&self) -> Values {
        let variables = self.variables.iter();
        variables
            .map(|(name, one)| (name.clone(), one.example.clone()))
            .collect()
    }
}

impl AuthOption {
    /// The integration's `authConfig` for a customer who has `values`.
    #[must_use]
    pub fn config(&self, values: &Values) -> Option<Value> {
        let mut config = self.config.clone()?;
        fill_value(&mut config, values);
        Some(config)
    }

    /// How such credentials of a customer who has `values` are replaced, if not as all others.
    #[must_use]
    pub fn rotation(&self, values: &Values) -> Option<RotationMethod> {
        let method = self.rotation.as_ref()?;
        let mut filled = serde_json::to_value(method).ok()?;
        fill_value(&mut filled, values);
        // A value that fits its pattern leaves a declaration one; a test fills in all examples.
        serde_json::from_value(filled).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn known_names_are_filled_in_and_other_braces_stay() {
        let values = values(&[("region", "eu-west-1"), ("a", "{region}")]);
        for (text, expected) in [
            (
                "https://s3.{region}.example",
                "https://s3.eu-west-1.example",
            ),
            ("{region}{region}", "eu-west-1eu-west-1"),
            ("{a}", "{region}"),
            ("Bearer {apiKey}", "Bearer {apiKey}"),
            ("{{region}", "{eu-west-1"),
            ("{id: region}", "{id: region}"),
            ("{", "{"),
            ("{}", "{}"),
            ("{region", "{region"),
            ("", ""),
        ] {
            assert_eq!(fill(text, &values), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_text_without_known_names_stays(text in ".{0,40}") {
            prop_assert_eq!(fill(&text, &Values::new()), text);
        }
    }
}
