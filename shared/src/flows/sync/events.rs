//! Records that events bring, in real time.
//!
//! They go the way of what a list shows, and are told from older and newer ones by the provider's version,
//! or by when they were received. So events may come late, twice, or in any order. Where one says which
//! version it follows, and that is not the one that is here, something was missed: a run fetches it.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::apply::{Change, Changed, Need};
use super::observe::{id_of, observe};
use super::{EntitySettings, Jobs, Kind, Records};
use crate::domain::sync::{
    ChangeOrigin, EntityName, EntitySync, EventRule, Novelty, Observation, PartialRecord,
    RecordHead, SourceVersion, Standing, SyncTrigger, SyncType, record_digest,
};
use crate::domain::{
    Digest, Error, Event, EventId, EventStatus, Integration, IntegrationId, OrganizationId,
    Timestamp,
};
use crate::queue::{SyncMessage, SyncQueue};
use crate::store::{Store, Versioned};
use crate::vault::{DataKeys, SealContext};

/// After how long an event is looked at again for which a run has to be started, while another runs.
const BUSY: Duration = Duration::from_secs(60);

/// Applies events. Cheap to clone.
#[derive(Clone)]
pub struct EventReader {
    store: Store,
    keys: DataKeys,
    records: Records,
    jobs: Jobs,
    queue: SyncQueue,
}

impl fmt::Debug for EventReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReader").finish_non_exhaustive()
    }
}

/// An event that may hold records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventDue {
    /// Who owns the integration.
    pub organization: OrganizationId,
    /// The integration.
    pub integration: IntegrationId,
    /// The event.
    pub event: EventId,
}

/// What an event says of one record.
#[derive(Debug)]
enum Said {
    /// What it holds, or that it is deleted.
    Whole(Observation),
    /// What of it has changed.
    Part(Part),
}

/// What of a record has changed.
#[derive(Debug)]
struct Part {
    id: String,
    partial: PartialRecord,
    version: Option<SourceVersion>,
    at: Timestamp,
}

/// An event's rule, with what it is of.
struct Rule<'a> {
    kind: Kind<'a>,
    settings: &'a EntitySettings,
    rule: &'a EventRule,
}

impl EventReader {
    /// Reads events in `store`, opens them by `keys`, applies them to `records`; starts runs by `jobs`, and
    /// sends what is to come later by `queue`.
    #[must_use]
    pub fn new(
        (store, keys): (Store, DataKeys),
        records: Records,
        jobs: Jobs,
        queue: SyncQueue,
    ) -> Self {
        Self {
            store,
            keys,
            records,
            jobs,
            queue,
        }
    }

    /// Applies what an event says of records.
    ///
    /// # Errors
    ///
    /// If the table, the queue or the vault does not answer: the message is to come again.
    pub async fn apply(&self, due: &EventDue) -> Result<(), Error> {
        let (organization, integration) = (due.organization, due.integration);
        let now = self.jobs.sources.now();
        let event = (self.store).event(organization, integration, due.event, now);
        let (Some(event), Some(found)) = (
            event.await?,
            self.store.integration(organization, integration).await?,
        ) else {
            return Ok(());
        };
        if event.scheme == Event::RECORDS || event.status == EventStatus::Filtered {
            return Ok(());
        }
        let Some(body) = self.body(&event).await? else {
            return Ok(());
        };
        let mut waits = false;
        for name in EntitySettings::configured(&found.item)? {
            let rules = EntitySettings::rules(&found.item, &name)?;
            for rule in rules.events.iter().filter(|rule| rule.is_for(&event)) {
                waits |= self
                    .by_rule(&found.item, (&name, &rules, rule), &event, &body)
                    .await?;
            }
        }
        if waits {
            let message = SyncMessage::Event {
                organization,
                integration,
                event: due.event,
            };
            self.queue.send(&message, BUSY).await?;
        }
        Ok(())
    }

    /// Applies an event by one rule. Whether it is to be looked at again.
    async fn by_rule(
        &self,
        integration: &Integration,
        (name, rules, rule): (&EntityName, &EntitySync, &EventRule),
        event: &Event,
        body: &Value,
    ) -> Result<bool, Error> {
        let id = integration.id;
        let Ok(settings) = EntitySettings::of(integration, name) else {
            tracing::warn!(event.id = %event.id, integration.id = %id, entity = %name, "nothing says where records of {id} have their id");
            return Ok(false);
        };
        let rule = Rule {
            kind: Kind {
                organization: integration.organization_id,
                integration: id,
                entity: name,
                rules,
            },
            settings: &settings,
            rule,
        };
        let (said, unreadable) = rule.read(event, body);
        if unreadable > 0 {
            tracing::warn!(event.id = %event.id, integration.id = %id, entity = %name, unreadable, "an event of {id} holds what is no record");
        }
        if said.is_empty() {
            return Ok(false);
        }
        let follows = rule.previous(body);
        let gap = self.gap(&rule, &said, follows.as_ref()).await?;
        let mut waits = false;
        if gap.is_some() {
            let started =
                (self.jobs).start(integration, name, SyncType::Incremental, SyncTrigger::Gap);
            let is_new = started.await?.is_new;
            // A run that was started before may have been past the record already.
            waits = gap == Some(Gap::Needed) && !is_new;
            tracing::info!(event.id = %event.id, integration.id = %id, entity = %name, is_new, "before an event of {id} others were missed");
        }
        let applied = said.iter().filter(|said| match said {
            Said::Whole(_) => true,
            Said::Part(_) => gap != Some(Gap::Needed),
        });
        let applied: Vec<&Said> = applied.collect();
        self.records.apply(rule.kind, &applied).await?;
        Ok(waits)
    }

    /// Whether something was missed before this event.
    async fn gap(
        &self,
        rule: &Rule<'_>,
        said: &[Said],
        follows: Option<&SourceVersion>,
    ) -> Result<Option<Gap>, Error> {
        let digests: Vec<Digest> = said.iter().map(Change::record).collect();
        let kind = rule.kind;
        let now = self.jobs.sources.now();
        let heads = (self.store).record_heads(
            kind.organization,
            kind.integration,
            kind.entity,
            &digests,
            now,
        );
        let heads = heads.await?;
        let gaps = said
            .iter()
            .zip(&heads)
            .map(|(said, head)| said.gap(head.as_ref().map(|head| &head.item), follows));
        Ok(gaps.max().flatten())
    }

    async fn body(&self, event: &Event) -> Result<Option<Value>, Error> {
        let sealed = self.store.payload(event).await?;
        let context = SealContext::EventPayload {
            endpoint: event.endpoint_id,
            event: event.id,
        };
        let opened =
            (self.keys).open_payload(event.organization_id, &context, &sealed, event.body_bytes);
        Ok(serde_json::from_slice(&opened.await?).ok())
    }
}

/// What was missed before an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    /// Something, but not of what this event holds.
    Others,
    /// What this event changes only a part of.
    Needed,
}

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
    fn read(&self, event: &Event, body: &Value) -> (Vec<Said>, usize) {
        let found = match self.rule.record.evaluate(body) {
            Ok(Value::Array(records)) => records,
            Ok(Value::Null) => return (Vec::new(), 0),
            Ok(record) => vec![record],
            Err(_) => return (Vec::new(), 1),
        };
        let version = self.version(event, body);
        let is_deleted = (self.rule.deleted.as_ref()).is_some_and(|deleted| deleted.accepts(body));
        let at = event.received_at;
        let mut said: Vec<Said> = Vec::with_capacity(found.len());
        let mut unreadable = 0;
        for record in found {
            match self.record(&record, (is_deleted, version.clone()), at) {
                // What stands last of one counts.
                Some(one) => {
                    said.retain(|other| other.record() != one.record());
                    said.push(one);
                }
                None => unreadable += 1,
            }
        }
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
    fn previous(&self, body: &Value) -> Option<SourceVersion> {
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

    fn gap(&self, head: Option<&RecordHead>, follows: Option<&SourceVersion>) -> Option<Gap> {
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
        match seen.novelty(Some(&standing.head)) {
            Novelty::Old | Novelty::Same => Ok(None),
            // The next one says that it follows this one.
            Novelty::SameButNewer | Novelty::New => seen.decide(Some(standing), rules),
        }
    }
}
