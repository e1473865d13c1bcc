use std::borrow::Cow;

use serde_json::Value;

use super::{
    ChangeOrigin, DriftPolicy, EntitySync, FieldMapping, FieldType, Fields, PastVersion,
    RecordBody, RecordHead, merge_patch,
};
use crate::domain::{Error, FieldError, Timestamp};

/// So many fields a record that is written here has at most.
const MAX_FIELDS: usize = 500;
/// The longest name of a field, in bytes.
const MAX_NAME: usize = 200;
/// How many earlier versions are kept, if an entity does not say.
const HISTORY: u8 = 5;

/// A record as it stands: all that a change of it builds on.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// What is known of it without its content.
    pub head: RecordHead,
    /// Who made its present version.
    pub origin: ChangeOrigin,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// When its present version was made.
    pub changed_at: Timestamp,
    /// What it holds.
    pub body: RecordBody,
}

/// What a request of ours makes of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum LocalWrite {
    /// It holds this, and nothing else.
    Replace(Fields),
    /// What is named changes, by the rules of RFC 7396.
    Patch(Fields),
    /// It is deleted.
    Delete,
}

impl LocalWrite {
    /// What is told if the provider cannot be told.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Replace(_) | Self::Patch(_) => "changed",
            Self::Delete => "deleted",
        }
    }
}

impl Standing {
    /// The record after `write`, with the next version and no sequence yet; none, if it stays as it
    /// is. What both sides agreed on before stays known as the base until the provider has the
    /// change: even if the change takes itself back, since half of it may be on its way.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], if it is deleted; [`Error::NotWritable`] or [`Error::ConflictOpen`], if
    /// it may not be changed here; [`Error::Invalid`], by fields, if its new content is not right.
    pub fn written(
        &self,
        write: LocalWrite,
        rules: &EntitySync,
    ) -> Result<Option<(RecordHead, RecordBody)>, Error> {
        if self.head.deleted {
            return Err(Error::NotFound("record"));
        }
        let call = match write {
            LocalWrite::Delete => &rules.calls.delete,
            LocalWrite::Replace(_) | LocalWrite::Patch(_) => &rules.calls.update,
        };
        if call.is_none() {
            return Err(Error::NotWritable(write.word()));
        }
        if self.head.conflict.is_some() {
            return Err(Error::ConflictOpen);
        }
        let now = &self.body.content;
        let (content, deleted) = match write {
            LocalWrite::Delete => (now.clone(), true),
            LocalWrite::Replace(content) => (content, false),
            LocalWrite::Patch(patch) => (merge_patch(now.clone(), patch), false),
        };
        if content == *now && !deleted {
            return Ok(None);
        }
        check_content(now, &content, rules)?;
        let agreed = self.body.base.clone();
        // Of what the provider has never had, nothing is agreed on.
        let is_new = self.head.pending && agreed.is_none();
        let base = agreed.or_else(|| (!is_new).then(|| now.clone()));
        let head = RecordHead {
            version: self.head.version.saturating_add(1),
            deleted,
            pending: true,
            ..self.head.clone()
        };
        let body = RecordBody {
            content,
            base,
            ..self.followed(rules)
        };
        Ok(Some((head, body)))
    }

    /// The body as the next version finds it: the present version is a part of its history.
    #[must_use]
    pub fn followed(&self, rules: &EntitySync) -> RecordBody {
        let past = PastVersion {
            version: self.head.version,
            changed_at: self.changed_at,
            origin: self.origin,
            content: self.body.content.clone(),
            deleted: self.head.deleted,
        };
        let kept = usize::from(rules.history.unwrap_or(HISTORY));
        let history = std::iter::once(past).chain(self.body.history.iter().cloned());
        RecordBody {
            history: history.take(kept).collect(),
            ..self.body.clone()
        }
    }
}

/// Whether a record of this content may be made here, and told to the provider.
///
/// # Errors
///
/// [`Error::NotWritable`], or [`Error::Invalid`] by fields.
pub fn check_new(content: &Fields, rules: &EntitySync) -> Result<(), Error> {
    if rules.calls.create.is_none() {
        return Err(Error::NotWritable("created"));
    }
    check_content(&Fields::new(), content, rules)
}

/// Whether each field that differs can be written at the provider, and is of its type.
fn check_content(before: &Fields, after: &Fields, rules: &EntitySync) -> Result<(), Error> {
    if after.len() > MAX_FIELDS {
        return Err(Error::field(
            "",
            format!("has more than {MAX_FIELDS} fields"),
        ));
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let changed = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value));
    let gone = gone.map(|name| (name, &Value::Null));
    let errors: Vec<_> = gone
        .chain(changed)
        .filter_map(|(name, value)| {
            let message = wrong_with(name, value, rules)?;
            let pointer = format!("/{}", FieldError::escaped(name));
            Some(FieldError::new(pointer, message))
        })
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(errors))
    }
}

fn wrong_with(name: &str, value: &Value, rules: &EntitySync) -> Option<String> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Some(format!("expected a name of 1 to {MAX_NAME} bytes"));
    }
    if rules.mapping.is_empty() {
        return None;
    }
    let Some(mapping) = rules.mapping.get(name) else {
        let is_free = rules.drift == DriftPolicy::Add;
        return (!is_free).then(|| "is no field of the entity's mapping".to_owned());
    };
    if mapping.name_at_provider().is_none() {
        return Some("cannot be written at the provider: its mapping has no `to`".to_owned());
    }
    let wanted = mapping.field_type?;
    (!wanted.is_of(value)).then(|| format!("expected {}", wanted.words()))
}

impl FieldMapping {
    /// What the provider calls the field in writes; none, if it cannot be written.
    #[must_use]
    pub fn name_at_provider(&self) -> Option<Cow<'_, str>> {
        if let Some(to) = &self.to {
            return Some(Cow::Borrowed(to));
        }
        let from = self.from.to_string();
        let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
        let is_name =
            from.starts_with(begins) && from.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_name.then(|| Cow::Owned(from))
    }
}

impl FieldType {
    /// Whether `value` is of this type; `null` is of every type.
    #[must_use]
    pub fn is_of(self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::Null)
            | (Self::String, Value::String(_))
            | (Self::Number, Value::Number(_))
            | (Self::Boolean, Value::Bool(_))
            | (Self::Array, Value::Array(_))
            | (Self::Object, Value::Object(_)) => true,
            (Self::Integer, Value::Number(number)) => number.is_i64() || number.is_u64(),
            (Self::Timestamp, Value::String(text)) => text.parse::<Timestamp>().is_ok(),
            _ => false,
        }
    }

    /// What it is, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Integer => "a number without a fraction",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Timestamp => "an instant of RFC 3339",
            Self::Array => "a list",
            Self::Object => "an object",
            Self::Null => "nothing",
        }
    }
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
