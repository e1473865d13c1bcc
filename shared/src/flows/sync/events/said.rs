//! What an event says of records.

use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::Value;

use super::super::apply::{Change, Changed, Need};
use super::super::observe::{id_of, observe};
use super::{Gap, Part, Rule, Said};
use crate::domain::sync::{
    ChangeOrigin, EntitySync, EventRule, Novelty, Observation, RecordHead, SourceVersion, Standing,
    check_content, record_digest,
};
use crate::domain::{Digest, Error, Event, Timestamp};
use crate::store::Versioned;

/// More records of one event are not read.
const MAX_RECORDS: usize = 10_000;

impl EventRule {
    /// Whether it is for events of this type.
    #[must_use]
    pub fn is_for(&self, event: &Event) -> bool {
        let event_type = event.event_type.as_deref();
        self.types.iter().any(|pattern| pattern.matches(event_type))
    }
}

impl Rule<'_> {
    /// What the event says, and how many of its records cannot be read.
    pub(super) fn read(&self, event: &Event, body: &Value) -> (Vec<Said>, usize) {
        let found = match self.rule.record.evaluate(body) {
            Ok(Value::Array(records)) => records,
            Ok(Value::Null) => return (Vec::new(), 0),
            Ok(record) => vec![record],
            Err(_) => return (Vec::new(), 1),
        };
        let version = self.version(event, body);
        let is_deleted = (self.rule.deleted.as_ref()).is_some_and(|deleted| deleted.accepts(body));
        // One that was long on its way tells what was so when it happened.
        let happened = event.occurred_at.unwrap_or(event.received_at);
        let at = happened.min(event.received_at);
        let mut said: Vec<Said> = Vec::new();
        let mut unreadable = found.len().saturating_sub(MAX_RECORDS);
        for record in found.iter().take(MAX_RECORDS) {
            match self.record(record, (is_deleted, version.clone()), at) {
                Some(one) => said.push(one),
                None => unreadable = unreadable.saturating_add(1),
            }
        }
        // What stands last of one counts.
        let mut known = HashSet::new();
        said.reverse();
        said.retain(|one| known.insert(one.record()));
        said.reverse();
        (said, unreadable)
    }

    fn record(
        &self,
        record: &Value,
        (is_deleted, version): (bool, Option<SourceVersion>),
        at: Timestamp,
    ) -> Option<Said> {
        let source = &self.settings.source;
        let own = source.cursor_field.as_ref();
        let own = own.and_then(|field| field.evaluate(record).ok());
        let version = own.as_ref().and_then(SourceVersion::of).or(version);
        let marked = source.deleted.as_ref();
        let marked = marked.is_some_and(|deleted| deleted.accepts(record));
        if is_deleted || marked {
            let id = id_of(record, self.settings).ok()?;
            let deleted = Observation::deleted(id, version, at, ChangeOrigin::Event);
            return Some(Said::Whole(deleted));
        }
        if self.rule.partial {
            let id = id_of(record, self.settings).ok()?;
            let partial = self.settings.rules.mapper().read_partial(record).ok()?;
            check_content(&partial.fields).ok()?;
            return Some(Said::Part(Part {
                id,
                partial,
                version,
                at,
            }));
        }
        let records = std::slice::from_ref(record);
        let observed = observe(records, self.settings, at, ChangeOrigin::Event);
        let seen = observed.records.into_iter().next()?;
        Some(Said::Whole(Observation {
            source_version: seen.source_version.or(version),
            ..seen
        }))
    }

    /// The version that the event says its record has. Where records have none at all, when it happened
    /// tells which of two events is newer.
    fn version(&self, event: &Event, body: &Value) -> Option<SourceVersion> {
        match &self.rule.version {
            Some(version) => SourceVersion::of(&version.evaluate(body).ok()?),
            None if self.settings.source.cursor_field.is_none() => {
                Some(SourceVersion(event.occurred_at?.to_string()))
            }
            None => None,
        }
    }

    /// The version that the event says it follows.
    pub(super) fn previous(&self, body: &Value) -> Option<SourceVersion> {
        let previous = self.rule.previous_version.as_ref()?;
        SourceVersion::of(&previous.evaluate(body).ok()?)
    }
}

impl Said {
    fn version(&self) -> Option<&SourceVersion> {
        match self {
            Self::Whole(seen) => seen.source_version.as_ref(),
            Self::Part(part) => part.version.as_ref(),
        }
    }

    pub(super) fn gap(
        &self,
        head: Option<&RecordHead>,
        follows: Option<&SourceVersion>,
    ) -> Option<Gap> {
        let known = head.and_then(|head| head.source_version.as_ref());
        let order = self
            .version()
            .zip(known)
            .and_then(|(this, known)| this.compare(known));
        if matches!(order, Some(Ordering::Less | Ordering::Equal)) {
            // It is known already, or older.
            return None;
        }
        let is_next = follows.is_none_or(|follows| {
            known.is_some_and(|known| follows.compare(known) == Some(Ordering::Equal))
        });
        match self {
            Self::Whole(_) => (!is_next).then_some(Gap::Others),
            Self::Part(part) => {
                let is_there = head.is_some_and(|head| !head.deleted);
                let is_whole = is_there && is_next && part.partial.unsure.is_empty();
                (!is_whole).then_some(Gap::Needed)
            }
        }
    }
}

impl Change for Said {
    fn record(&self) -> Digest {
        match self {
            Self::Whole(seen) => seen.record(),
            Self::Part(part) => record_digest(&part.id),
        }
    }

    fn need(&self, head: Option<&Versioned<RecordHead>>) -> Need {
        match self {
            Self::Whole(seen) => seen.need(head),
            Self::Part(_) if head.is_some_and(|head| !head.item.deleted) => Need::Content,
            Self::Part(_) => Need::Nothing,
        }
    }

    fn decide(
        &self,
        standing: Option<&Standing>,
        rules: &EntitySync,
    ) -> Result<Option<Changed>, Error> {
        match (self, standing) {
            (Self::Whole(seen), _) => seen.decide(standing, rules),
            (Self::Part(part), Some(standing)) => part.over(standing).decide(standing, rules),
            (Self::Part(_), None) => Ok(None),
        }
    }
}

impl Change for &Said {
    fn record(&self) -> Digest {
        (**self).record()
    }

    fn need(&self, head: Option<&Versioned<RecordHead>>) -> Need {
        (**self).need(head)
    }

    fn decide(
        &self,
        standing: Option<&Standing>,
        rules: &EntitySync,
    ) -> Result<Option<Changed>, Error> {
        (**self).decide(standing, rules)
    }
}

/// A record as the provider has it now, made of what it had and what has changed.
struct Over(Observation);

impl Part {
    fn over(&self, standing: &Standing) -> Over {
        // What the provider had: not what was changed here since.
        let base = standing.body.base.as_ref();
        let mut content = base.unwrap_or(&standing.body.content).clone();
        content.extend(self.partial.fields.clone());
        Over(Observation::present(
            self.id.clone(),
            content,
            self.version.clone(),
            self.at,
            ChangeOrigin::Event,
        ))
    }
}

impl Over {
    fn decide(self, standing: &Standing, rules: &EntitySync) -> Result<Option<Changed>, Error> {
        let seen = self.0;
        if let Some(Err(error)) = seen.content.as_ref().map(check_content) {
            let record = record_digest(&seen.id);
            tracing::warn!(%record, %error, "a part of a record makes it more than a record may hold");
            return Ok(None);
        }
        match seen.novelty(Some(&standing.head)) {
            Novelty::Old | Novelty::Same => Ok(None),
            // The next one says that it follows this one.
            Novelty::SameButNewer | Novelty::New => seen.decide(Some(standing), rules),
        }
    }
}
