//! What the form of `syncConfig` does not say.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    EntityName, EntitySync, EventRule, FieldMapping, FieldType, RecordCall, RecordCalls, Schedule,
    SyncConfig,
};
use crate::domain::api_profile::{check_method, check_path};
use crate::domain::{ApiProfile, Entity, FieldError, IntegrationId};

const MAX_BYTES: usize = 64 * 1024;
const MAX_ENTITIES: usize = 100;
const MAX_FIELDS: usize = 200;
const MAX_RULES: usize = 50;
const MAX_NAME: usize = 200;
const MAX_LOOKBACK_SECONDS: u32 = 7 * 24 * 60 * 60;
const MAX_HISTORY: u8 = 50;

type Checked = Result<(), FieldError>;

fn wrong(pointer: impl Into<String>, message: impl Into<String>) -> Checked {
    Err(FieldError::new(pointer, message))
}

impl SyncConfig {
    /// Reads `syncConfig` as a person sent it.
    ///
    /// # Errors
    ///
    /// What is wrong, with its place in the request's body.
    pub fn read(value: Option<&Value>) -> Result<Self, FieldError> {
        let Some(value) = value else {
            return Ok(Self::default());
        };
        if value.to_string().len() > MAX_BYTES {
            let message = format!("expected at most {MAX_BYTES} bytes");
            return Err(FieldError::new("/syncConfig", message));
        }
        let config = Self::stored(Some(value))?;
        config.check()?;
        Ok(config)
    }

    /// Reads `syncConfig` as it is stored: it was checked when it was.
    ///
    /// # Errors
    ///
    /// What is not understood, if another version of this code has stored it, or one that took any
    /// JSON.
    pub fn stored(value: Option<&Value>) -> Result<Self, FieldError> {
        let Some(value) = value else {
            return Ok(Self::default());
        };
        serde_path_to_error::deserialize(value).map_err(|error| {
            let pointer = FieldError::pointer("/syncConfig", error.path());
            FieldError::described(&pointer, error.inner())
        })
    }

    /// How records of that kind are synchronized; as the catalogue says, if it is not configured.
    #[must_use]
    pub fn entity(&self, name: &EntityName) -> EntitySync {
        self.entities.get(name).cloned().unwrap_or_default()
    }

    /// Refuses a target that is the kind of record itself, in the configuration of `integration`.
    ///
    /// # Errors
    ///
    /// The first such target, with its place in the request's body.
    pub fn check_targets(&self, integration: IntegrationId) -> Result<(), FieldError> {
        for (name, one) in &self.entities {
            let mut target = one.target.iter();
            if target.any(|to| to.integration == integration && to.entity == *name) {
                let at = format!("/syncConfig/entities/{name}/target");
                return wrong(at, "must be another kind of record, or another integration");
            }
        }
        Ok(())
    }

    fn check(&self) -> Checked {
        if self.entities.len() > MAX_ENTITIES {
            let message = format!("expected at most {MAX_ENTITIES}");
            return wrong("/syncConfig/entities", message);
        }
        let mut entities = self.entities.iter();
        // Nothing of a name is escaped in a pointer.
        entities.try_for_each(|(name, one)| one.check(&format!("/syncConfig/entities/{name}")))
    }
}

impl EntitySync {
    /// How records of this kind are listed, by `profile` where it does not say so itself. Its
    /// pagination is the profile's, where it has none of its own. `None`, if nobody says it.
    #[must_use]
    pub fn resolved(&self, name: &EntityName, profile: &ApiProfile) -> Option<Entity> {
        let own = self.source.as_ref();
        let mut entity = own.or_else(|| profile.entities.get(name.as_str()))?.clone();
        entity.pagination = entity.pagination.or_else(|| profile.pagination.clone());
        Some(entity)
    }

    fn check(&self, at: &str) -> Checked {
        if let Some(source) = &self.source {
            source.check(&format!("{at}/source"))?;
        }
        for (field, schedule) in [
            ("schedule", &self.schedule),
            ("fullSchedule", &self.full_schedule),
        ] {
            if let Some(Err(error)) = schedule.as_deref().map(Schedule::parse) {
                return wrong(format!("{at}/{field}"), error.to_string());
            }
        }
        if self.lookback_seconds > Some(MAX_LOOKBACK_SECONDS) {
            return wrong(
                format!("{at}/lookbackSeconds"),
                format!("must be from 0 to {MAX_LOOKBACK_SECONDS}"),
            );
        }
        if self.history > Some(MAX_HISTORY) {
            let message = format!("must be from 0 to {MAX_HISTORY}");
            return wrong(format!("{at}/history"), message);
        }
        if self.delete_guard.percent > 100 {
            return wrong(format!("{at}/deleteGuard/percent"), "must be from 0 to 100");
        }
        check_mapping(&format!("{at}/mapping"), &self.mapping)?;
        self.conflicts.check(&format!("{at}/conflicts"))?;
        self.calls.check(&format!("{at}/calls"))?;
        check_count(&format!("{at}/events"), self.events.len())?;
        for (n, rule) in self.events.iter().enumerate() {
            check_event_rule(&format!("{at}/events/{n}"), rule)?;
        }
        match &self.target {
            Some(target) => check_mapping(&format!("{at}/target/mapping"), &target.mapping),
            None => Ok(()),
        }
    }
}

impl RecordCalls {
    fn check(&self, at: &str) -> Checked {
        let calls = [
            ("create", &self.create, false),
            ("update", &self.update, true),
            ("delete", &self.delete, true),
            ("read", &self.read, true),
        ];
        for (name, call, names_record) in calls {
            if let Some(call) = call {
                call.check(&format!("{at}/{name}"), names_record)?;
            }
        }
        Ok(())
    }
}

impl RecordCall {
    /// `names_record`: whether it has to say which record is meant.
    fn check(&self, at: &str, names_record: bool) -> Checked {
        const ID: &str = "{id}";
        check_method(at, &self.method)?;
        let path = format!("{at}/path");
        check_path(&path, &self.path)?;
        if self.path.replace(ID, "").contains(['{', '}']) {
            return wrong(path, "nothing but `{id}` is filled in here");
        }
        let has_body = self.body.is_some();
        if has_body && ["GET", "HEAD"].contains(&self.method.as_str()) {
            return wrong(format!("{at}/body"), "goes with another method only");
        }
        if names_record && !has_body && !self.path.contains(ID) {
            return wrong(
                path,
                "expected `{id}` in it, or in a `body` the record's id",
            );
        }
        Ok(())
    }
}

fn check_mapping(at: &str, mapping: &BTreeMap<String, FieldMapping>) -> Checked {
    if mapping.len() > MAX_FIELDS {
        return wrong(at, format!("expected at most {MAX_FIELDS} fields"));
    }
    let mut targets = BTreeMap::new();
    for (name, field) in mapping {
        let at = format!("{at}/{}", FieldError::escaped(name));
        check_name(&at, name)?;
        if matches!(field.field_type, Some(FieldType::Null | FieldType::Mixed)) {
            return wrong(format!("{at}/type"), "is not one that a field can have");
        }
        let types = field.field_type.zip(field.default.as_ref());
        if types.is_some_and(|(wanted, default)| wanted.convert(default).is_none()) {
            return wrong(format!("{at}/default"), "is not of the field's type");
        }
        if let Some(to) = &field.to {
            let at = format!("{at}/to");
            check_name(&at, to)?;
            if targets.insert(to, ()).is_some() {
                return wrong(at, "is where another field is written to");
            }
        }
    }
    Ok(())
}

fn check_event_rule(at: &str, rule: &EventRule) -> Checked {
    if rule.types.is_empty() {
        return wrong(format!("{at}/types"), "expected at least one");
    }
    check_count(&format!("{at}/types"), rule.types.len())
}

fn check_count(at: &str, count: usize) -> Checked {
    if count > MAX_RULES {
        return wrong(at, format!("expected at most {MAX_RULES}"));
    }
    Ok(())
}

fn check_name(at: &str, name: &str) -> Checked {
    if (1..=MAX_NAME).contains(&name.len()) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    wrong(at, format!("expected 1 to {MAX_NAME} printable characters"))
}
