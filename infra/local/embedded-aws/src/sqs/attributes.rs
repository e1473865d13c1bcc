//! Message attributes, their size, and the digests that SDKs check.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::api::ApiError;

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
    /// The value's bytes, and the number that stands for its kind in a digest.
    fn value(&self) -> Result<(Vec<u8>, u8), ApiError> {
        let kind = self.data_type.split('.').next().unwrap_or_default();
        match (kind, &self.string_value, &self.binary_value) {
            ("String" | "Number", Some(text), None) if !text.is_empty() => {
                Ok((text.as_bytes().to_vec(), 1))
            }
            ("Binary", None, Some(text)) => {
                let bytes = STANDARD
                    .decode(text)
                    .map_err(|_| invalid("a binary value"))?;
                Ok((bytes, 2))
            }
            _ => Err(invalid(
                "a message attribute's value must fit its type and not be empty",
            )),
        }
    }
}

fn invalid(message: &str) -> ApiError {
    ApiError::new("InvalidParameterValue", message).with_query_code("InvalidParameterValue")
}

/// Checks the attributes of a message and counts their bytes: names, types and values.
pub(super) fn checked_bytes(attributes: &Attributes) -> Result<usize, ApiError> {
    if attributes.len() > 10 {
        return Err(invalid("a message has at most 10 attributes"));
    }
    attributes.iter().try_fold(0, |bytes, (name, attribute)| {
        let (value, _) = attribute.value()?;
        Ok(bytes + name.len() + attribute.data_type.len() + value.len())
    })
}

/// The digest of attributes; none, if there are none.
pub(super) fn digest(attributes: &Attributes) -> Result<Option<String>, ApiError> {
    if attributes.is_empty() {
        return Ok(None);
    }
    let mut text = Vec::new();
    for (name, attribute) in attributes {
        let (value, kind) = attribute.value()?;
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
