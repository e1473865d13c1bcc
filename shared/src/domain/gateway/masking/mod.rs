use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::object::only_objects;
use super::detect::Detector;
use super::mask_path::{MaskPath, Reach, Way};

only_objects!(Masking);

const MASKED: &str = "[masked]";
const MAX_ROUNDS: usize = 3;

/// Members of these names are masked wherever they are, whatever the rules say: they hold
/// credentials. Compared in small letters, without `_` and `-`.
const SECRET_NAMES: [&str; 20] = [
    "accesstoken",
    "apikey",
    "apisecret",
    "authorization",
    "authtoken",
    "clientsecret",
    "cvc",
    "cvv",
    "idtoken",
    "passwd",
    "password",
    "passphrase",
    "privatekey",
    "refreshtoken",
    "secret",
    "secretaccesskey",
    "secretkey",
    "sessiontoken",
    "token",
    "webhooksecret",
];

/// What is hidden before anything is logged or kept.
///
/// What was masked cannot be told from it, and masking it again changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct Masking {
    /// Places in JSON documents and forms.
    pub paths: Vec<MaskPath>,
    /// What is found by its form in any text; all of it, if not given.
    pub detectors: Vec<Detector>,
}

impl Default for Masking {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            detectors: Detector::ALL.to_vec(),
        }
    }
}

impl Masking {
    /// A document with what is hidden replaced. Names of members are texts, too; two that become
    /// the same are one.
    #[must_use]
    pub fn mask_json(&self, document: &Value) -> Value {
        self.value(document, &Reach::of(&self.paths))
    }

    /// A text with what is found replaced.
    #[must_use]
    pub fn mask_text(&self, text: &str) -> String {
        let mut masked = Cow::Borrowed(text);
        // What stood next to something that is now masked may only now be found.
        for _ in 0..MAX_ROUNDS {
            let mut has_changed = false;
            for detector in Detector::ALL {
                let is_on = self.detectors.contains(&detector);
                if let Some(Cow::Owned(text)) = is_on.then(|| detector.mask(&masked)) {
                    masked = Cow::Owned(text);
                    has_changed = true;
                }
            }
            if !has_changed {
                break;
            }
        }
        masked.into_owned()
    }

    /// A body for the log: JSON, a form or a text with what is hidden replaced, and of anything
    /// else its length. So too of what is said to be JSON and is not, such as one that was cut
    /// off: the places that are to be masked cannot be found in it.
    #[must_use]
    pub fn mask_body(&self, content_type: Option<&str>, body: &[u8]) -> String {
        if body.is_empty() {
            return String::new();
        }
        let kind = Kind::of(content_type);
        let masked = match kind {
            Kind::Json => self.json_body(body),
            Kind::Form => Some(self.form(body)),
            Kind::Text => std::str::from_utf8(body)
                .ok()
                .map(|text| self.mask_text(text)),
            Kind::Unknown => self.json_body(body).or_else(|| {
                let text = std::str::from_utf8(body).ok()?;
                // A list of places is a hint that this was meant to be JSON.
                self.paths.is_empty().then(|| self.mask_text(text))
            }),
            Kind::Binary => None,
        };
        masked.unwrap_or_else(|| format!("[{} bytes]", body.len()))
    }

    /// A path for the log: a segment in which something is found is replaced as a whole.
    #[must_use]
    pub fn mask_path(&self, path: &str) -> String {
        let segments = path.split('/').map(|segment| {
            let decoded = percent_decode_str(segment).decode_utf8_lossy();
            match self.mask_text(&decoded) {
                masked if masked == decoded => self.mask_text(segment),
                masked => masked,
            }
        });
        segments.collect::<Vec<_>>().join("/")
    }

    fn value(&self, value: &Value, reach: &Reach<'_>) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::String(text) => Value::String(self.mask_text(text)),
            Value::Number(number) => {
                let text = number.to_string();
                match self.mask_text(&text) {
                    masked if masked == text => value.clone(),
                    masked => Value::String(masked),
                }
            }
            Value::Array(items) => {
                let reach = reach.after(Way::Item);
                Value::Array(items.iter().map(|item| self.member(item, &reach)).collect())
            }
            Value::Object(members) => {
                let members = members.iter().map(|(name, value)| {
                    let value = if is_secret_name(name) {
                        hidden(value)
                    } else {
                        self.member(value, &reach.after(Way::Name(name)))
                    };
                    (self.mask_text(name), value)
                });
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    fn member(&self, value: &Value, reach: &Reach<'_>) -> Value {
        if reach.is_end() {
            hidden(value)
        } else {
            self.value(value, reach)
        }
    }

    fn json_body(&self, body: &[u8]) -> Option<String> {
        let document = serde_json::from_slice(body).ok()?;
        Some(self.mask_json(&document).to_string())
    }

    fn form(&self, body: &[u8]) -> String {
        let mut masked = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(body) {
            let value = if self.hides_field(&name) {
                MASKED.to_owned()
            } else {
                self.mask_text(&value)
            };
            masked.append_pair(&self.mask_text(&name), &value);
        }
        masked.finish()
    }

    /// `card[number]` and `card.number` are the place `card.number`, and `items[]` and `items[0]` are
    /// items.
    fn hides_field(&self, field: &str) -> bool {
        let mut reach = Reach::of(&self.paths);
        let parts = field
            .split(['[', '.'])
            .map(|part| part.trim_end_matches(']'));
        for (index, part) in parts.enumerate() {
            let is_item = index > 0 && part.bytes().all(|b| b.is_ascii_digit());
            if !is_item && is_secret_name(part) {
                return true;
            }
            let into = if is_item { Way::Item } else { Way::Name(part) };
            reach = reach.after(into);
            if reach.is_end() {
                return true;
            }
        }
        false
    }
}

/// That there is nothing is no secret.
fn hidden(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        _ => Value::String(MASKED.to_owned()),
    }
}

fn is_secret_name(name: &str) -> bool {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-'));
    let name: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    SECRET_NAMES.contains(&name.as_str())
}

/// What a body is said to be.
enum Kind {
    Json,
    Form,
    Text,
    Unknown,
    Binary,
}

impl Kind {
    fn of(content_type: Option<&str>) -> Self {
        let Some(content_type) = content_type else {
            return Self::Unknown;
        };
        let essence = content_type.split(';').next().unwrap_or_default();
        match essence.trim().to_ascii_lowercase().as_str() {
            "" => Self::Unknown,
            "application/x-www-form-urlencoded" => Self::Form,
            "application/json" | "text/json" => Self::Json,
            "application/xml" | "application/graphql" => Self::Text,
            essence if essence.ends_with("+json") => Self::Json,
            essence if essence.starts_with("text/") || essence.ends_with("+xml") => Self::Text,
            _ => Self::Binary,
        }
    }
}

#[cfg(test)]
mod tests;
