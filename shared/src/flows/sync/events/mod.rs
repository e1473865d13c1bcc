//! Records that events bring, in real time.
//!
//! They go the way of what a list shows, and are told from older and newer ones by the provider's version,
//! or by when they were received. So events may come late, twice, or in any order. Where one says which
//! version it follows, and that is not the one that is here, something was missed: a run fetches it.

mod said;

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::apply::Change;

use super::{EntitySettings, Jobs, Kind, Records};
use crate::domain::sync::{
    EntityName, EntitySync, EventRule, Observation, PartialRecord, SourceVersion, SyncTrigger,
    SyncType,
};
use crate::domain::{
    Digest, Error, Event, EventId, EventStatus, Integration, IntegrationId, OrganizationId,
    Timestamp,
};
use crate::queue::{SyncMessage, SyncQueue};
use crate::store::Store;
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
        if event.is_ours() || event.status == EventStatus::Filtered {
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
