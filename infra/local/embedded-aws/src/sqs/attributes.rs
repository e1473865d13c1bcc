//! Message attributes, their size, and the digests that SDKs check.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::send::{is_allowed, parameter};
use crate::api::ApiError;

/// The bytes of a name or type stay below this.
const MAX_NAME_BYTES: usize = 256;

pub(super) type Attributes = BTreeMap<String, Attribute>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Attribute {
    data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
}

impl Attribute {
    pub(super) fn text(&self) -> Option<&str> {
        self.string_value.as_deref()
    }

    /// The value's bytes, and the number that stands for its kind in a digest; none, if they do
    /// not fit the type.
    fn value(&self) -> Option<(Vec<u8>, u8)> {
        let kind = self.data_type.split('.').next()?;
        match (kind, &self.string_value, &self.binary_value) {
            ("String" | "Number", Some(text), None) => Some((text.as_bytes().to_vec(), 1)),
            ("Binary", None, Some(text)) => Some((STANDARD.decode(text).ok()?, 2)),
            _ => None,
        }
    }

    fn check(&self, name: &str) -> Result<(), ApiError> {
        let (value, _) = self.value().ok_or_else(|| {
            parameter(format!(
                "The type of message (user) attribute '{name}' must be String, Number or Binary, and its value must fit that."
            ))
        })?;
        if self.data_type.len() >= MAX_NAME_BYTES {
            return Err(parameter(
                "Message (user) attribute types must be shorter than 256 Bytes".to_owned(),
            ));
        }
        if value.is_empty() {
            return Err(parameter(format!(
                "Message (user) attribute '{name}' must contain a non-empty value of type '{}'.",
                self.data_type
            )));
        }
        let text = self.text().unwrap_or_default();
        if !text.chars().all(is_allowed) {
            return Err(parameter(
                "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF".to_owned(),
            ));
        }
        if self.data_type.starts_with("Number") && !is_number(text) {
            return Err(parameter(format!(
                "Can't cast the value of message (user) attribute '{name}' to a number."
            )));
        }
        Ok(())
    }
}

/// Rust also takes names such as `inf` and `nan` for numbers.
fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Checks the attributes of a message: how many there are, their names, types and values.
pub(super) fn check(attributes: &Attributes) -> Result<(), ApiError> {
    if attributes.len() > 10 {
        return Err(parameter(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [10].",
            attributes.len()
        )));
    }
    for (name, attribute) in attributes {
        check_name(name)?;
        attribute.check(name)?;
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if name.len() >= MAX_NAME_BYTES {
        return Err(parameter(
            "Message (user) attribute names must be shorter than 256 Bytes".to_owned(),
        ));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || !name.chars().all(fits) {
        return Err(parameter(
            "Message (user) attributes name can only contain upper and lower score characters, digits, periods, hyphens and underscores.".to_owned(),
        ));
    }
    let lower = name.to_ascii_lowercase();
    let reserved = ["aws.", "amazon."].iter().any(|p| lower.starts_with(p));
    if reserved || name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return Err(parameter(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use. Additionally, they cannot start or end with '.'.".to_owned(),
        ));
    }
    Ok(())
}

/// What attributes add to the size of a message: names, types and values.
pub(super) fn bytes(attributes: &Attributes) -> usize {
    let of_one = |(name, attribute): (&String, &Attribute)| {
        let value = attribute.value().map_or(0, |(value, _)| value.len());
        name.len() + attribute.data_type.len() + value
    };
    attributes.iter().map(of_one).sum()
}

/// The digest of attributes; none, if there are none.
pub(super) fn digest(attributes: &Attributes) -> Result<Option<String>, ApiError> {
    if attributes.is_empty() {
        return Ok(None);
    }
    let mut text = Vec::new();
    for (name, attribute) in attributes {
        let (value, kind) = attribute
            .value()
            .ok_or_else(|| ApiError::internal("an attribute was not checked"))?;
        push(&mut text, name.as_bytes());
        push(&mut text, attribute.data_type.as_bytes());
        // The number of the kind has no length in front.
        text.push(kind);
        push(&mut text, &value);
    }
    Ok(Some(format!("{:x}", md5::compute(text))))
}

fn push(text: &mut Vec<u8>, bytes: &[u8]) {
    text.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    text.extend_from_slice(bytes);
}
