use serde_json::Value;

use super::conflict::same_fields;
use super::{
    ChangeOrigin, ContentError, EntitySync, Fields, MAX_CONTENT_BYTES, MAX_CONTENT_DEPTH, Mapping,
    PastVersion, RecordBody, RecordHead, check_content, is_too_deep, merge_patch,
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
            LocalWrite::Replace(content) => (accepted(now, content, rules)?, false),
            LocalWrite::Patch(patch) => {
                let content = merge_patch(now.clone(), patch);
                (accepted(now, content, rules)?, false)
            }
        };
        if same_fields(&content, now) && !deleted {
            return Ok(None);
        }
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

/// What a record holds that is made here, each field as its type writes it.
///
/// # Errors
///
/// [`Error::NotWritable`], if the provider cannot be told, or [`Error::Invalid`] by fields.
pub fn new_content(content: Fields, rules: &EntitySync) -> Result<Fields, Error> {
    if rules.calls.create.is_none() {
        return Err(Error::NotWritable("created"));
    }
    accepted(&Fields::new(), content, rules)
}

/// The content `after`, each field that differs as its type writes it. A field of the mapping that
/// is gone is `null`, as it is read.
fn accepted(before: &Fields, mut after: Fields, rules: &EntitySync) -> Result<Fields, Error> {
    if after.len() > MAX_FIELDS {
        return Err(Error::field(
            "",
            format!("has more than {MAX_FIELDS} fields"),
        ));
    }
    let gone: Vec<String> = before
        .keys()
        .filter(|name| !after.contains_key(*name))
        .cloned()
        .collect();
    for name in gone {
        if rules.mapping.contains_key(&name) {
            after.insert(name, Value::Null);
        } else if !rules.mapper().is_writable(&name) {
            return Err(wrong(&name, "cannot be written at the provider"));
        }
    }
    let mapper = rules.mapper();
    let mut errors = Vec::new();
    for (name, value) in &mut after {
        if before.get(name) != Some(value)
            && let Err(message) = accept(&mapper, name, value)
        {
            errors.push(FieldError::new(pointer(name), message));
        }
    }
    if check_content(&after) == Err(ContentError::TooLarge) {
        return Err(Error::TooLarge {
            limit_bytes: MAX_CONTENT_BYTES as u64,
        });
    }
    if errors.is_empty() {
        Ok(after)
    } else {
        Err(Error::Invalid(errors))
    }
}

fn accept(mapper: &Mapping<'_>, name: &String, value: &mut Value) -> Result<(), String> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(format!("expected a name of 1 to {MAX_NAME} bytes"));
    }
    if is_too_deep(value) {
        return Err(format!(
            "is nested more than {MAX_CONTENT_DEPTH} levels deep"
        ));
    }
    let change = Fields::from_iter([(name.clone(), value.take())]);
    let accepted = mapper.accept(&change).map_err(|error| error.to_string())?;
    if !mapper.is_writable(name) {
        return Err("cannot be written at the provider".to_owned());
    }
    *value = accepted.get(name).cloned().unwrap_or_default();
    Ok(())
}

fn pointer(name: &str) -> String {
    format!("/{}", FieldError::escaped(name))
}

fn wrong(name: &str, message: &str) -> Error {
    Error::field(pointer(name), message)
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
