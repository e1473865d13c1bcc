//! Reads the feed of changes on from where it was last, and hands on what follows from each: the provider
//! is told of what is pending, the linked record is brought in step, destinations are told.
//!
//! A record is in the feed once, at its newest change. So of changes that follow each other faster than
//! they are handed on only the last is, and of one record never an earlier one after a later one. What was
//! handed on may be again, if the reader dies: whoever takes it sees that it is the same.

use std::fmt;
use std::time::Duration;

use serde_json::json;

use super::hints::Hints;
use super::settings::EntitySettings;
use super::{Kind, Records};
use crate::domain::sync::{
    EntityName, FeedCursor, RecordBody, RecordChange, RecordHead, SyncTarget,
};
use crate::domain::{
    Destination, Digest, Error, Event, EventId, EventPattern, IntegrationId, OrganizationId,
    Sources, Timestamp, TraceParent,
};
use crate::queue::{Queue, ReceivedEvent, SyncMessage, SyncQueue};
use crate::store::{FeedQuery, Store, Versioned};

/// How many changes are read in one go.
const PAGE: u16 = 100;
/// After so many pages another message goes on.
const PAGES: usize = 20;

/// Hands on what follows from changes. Cheap to clone.
#[derive(Clone)]
pub struct Pump {
    store: Store,
    records: Records,
    queue: SyncQueue,
    /// The queue of events, by which destinations are told.
    events: Queue,
    hints: Hints,
    sources: Sources,
}

impl fmt::Debug for Pump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump").finish_non_exhaustive()
    }
}

/// Of which feed there may be more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedDue {
    /// Who owns the integration.
    pub organization: OrganizationId,
    /// The integration.
    pub integration: IntegrationId,
    /// The kind of record.
    pub entity: EntityName,
}

/// All that is asked for each change.
struct Followers<'a> {
    kind: Kind<'a>,
    cursor: FeedCursor,
    destinations: &'a [Destination],
}

impl Pump {
    /// Reads the feed in `store`, by `hints`; opens records by `records`; sends what is to be done by `queue`,
    /// and what destinations are told by `events`.
    #[must_use]
    pub fn new(
        (store, records): (Store, Records),
        queue: SyncQueue,
        events: Queue,
        hints: Hints,
        sources: Sources,
    ) -> Self {
        Self {
            store,
            records,
            queue,
            events,
            hints,
            sources,
        }
    }

    /// Hands on what has not been yet.
    ///
    /// # Errors
    ///
    /// If the table, the queue or the vault does not answer. Doing it again does no harm.
    pub async fn run(&self, due: &FeedDue) -> Result<(), Error> {
        let (organization, integration) = (due.organization, due.integration);
        let found = self.store.integration(organization, integration).await?;
        let Some(found) = found else {
            return Ok(());
        };
        let rules = EntitySettings::rules(&found.item, &due.entity)?;
        let kind = Kind {
            organization,
            integration,
            entity: &due.entity,
            rules: &rules,
        };
        let target = rules.target.as_ref().map(digest_of);
        let destinations = self.hints.destinations(kind).await?;
        for _ in 0..PAGES {
            let cursor = (self.store).feed_cursor(organization, integration, kind.entity);
            let cursor = cursor.await?;
            let followers = Followers {
                kind,
                cursor: cursor.item.for_target(target),
                destinations: &destinations,
            };
            if !self.page(&followers, cursor.version).await? {
                return Ok(());
            }
        }
        let message = SyncMessage::Feed {
            organization,
            integration,
            entity: due.entity.clone(),
        };
        self.queue.send(&message, Duration::ZERO).await?;
        Ok(())
    }

    /// Hands on one page. Whether there may be more.
    async fn page(&self, followers: &Followers<'_>, version: u64) -> Result<bool, Error> {
        let (kind, cursor) = (followers.kind, followers.cursor);
        let (organization, integration) = (kind.organization, kind.integration);
        let query = FeedQuery {
            after: cursor.begins_after(),
            up_to: None,
            limit: PAGE,
            now: self.sources.now(),
        };
        let page = (self.store).changes_after(organization, integration, kind.entity, query);
        let page = page.await?;
        let last = page.items.last().map(|(sequence, _)| *sequence);
        let Some(last) = page.next.max(last) else {
            return Ok(false);
        };
        let mut messages = Vec::new();
        let mut events = Vec::new();
        let heads = self.heads(kind, &page.items).await?;
        for ((sequence, change), head) in page.items.iter().zip(&heads) {
            let Ok(record) = change.digest.parse::<Digest>() else {
                continue;
            };
            let is_new = *sequence > cursor.handed;
            if is_new && head.as_ref().is_some_and(|head| head.item.pending) {
                messages.push((push(kind, record), Duration::ZERO));
            }
            if kind.rules.target.is_some() && *sequence > cursor.linked {
                messages.push((link(kind, record), Duration::ZERO));
            }
            if is_new {
                let event = self.told(followers, change, head.as_ref()).await?;
                events.extend(event.map(|event| (event, self.trace())));
            }
        }
        self.queue.send_all(&messages).await?;
        self.events.send_events(&events).await?;
        let at = page.items.last().map(|(_, change)| change.changed_at);
        let moved = cursor.moved_to(last, at);
        let owner = (organization, integration);
        let moved = (self.store).move_feed_cursor(owner, kind.entity, moved, version);
        // Another has moved it meanwhile: then there may be more from there on.
        Ok(moved.await?.is_none() || page.next.is_some())
    }

    /// The heads of the records, where one of them could be pending.
    async fn heads(
        &self,
        kind: Kind<'_>,
        changes: &[(u64, RecordChange)],
    ) -> Result<Vec<Option<Versioned<RecordHead>>>, Error> {
        let digests = changes.iter().map(|(_, change)| change.digest.parse());
        let Ok(digests) = digests.collect::<Result<Vec<Digest>, _>>() else {
            return Ok(vec![None; changes.len()]);
        };
        let (organization, integration) = (kind.organization, kind.integration);
        let now = self.sources.now();
        let heads =
            (self.store).record_heads(organization, integration, kind.entity, &digests, now);
        Ok(heads.await?)
    }

    /// What destinations are told of a change, if any wants it. Of a record that was made here they are
    /// told when it has the provider's id, and then under that.
    async fn told(
        &self,
        followers: &Followers<'_>,
        change: &RecordChange,
        head: Option<&Versioned<RecordHead>>,
    ) -> Result<Option<ReceivedEvent>, Error> {
        let is_before = |destination: &&Destination| destination.created_at <= change.changed_at;
        if !followers.destinations.iter().any(|one| is_before(&one)) {
            return Ok(None);
        }
        let kind = followers.kind;
        let body = self.records.open(kind, change).await?;
        let is_unsent = head.is_some_and(|head| {
            head.item.pending && body.base.is_none() && head.item.conflict.is_none()
        });
        if is_unsent || body.moved_to.is_some() {
            return Ok(None);
        }
        let event_type = followers.event_type(change, &body);
        let wants = |one: &Destination| EventPattern::any_matches(&one.events, Some(event_type));
        let mut wanting = followers.destinations.iter().filter(is_before);
        if !wanting.any(wants) {
            return Ok(None);
        }
        Ok(Some(self.event(kind, change, &body, event_type)))
    }

    fn event(
        &self,
        kind: Kind<'_>,
        change: &RecordChange,
        body: &RecordBody,
        event_type: &str,
    ) -> ReceivedEvent {
        let now = self.sources.now();
        let told = json!({
            "type": event_type,
            "integrationId": kind.integration,
            "entity": kind.entity,
            "id": body.id,
            "version": change.version,
            "changedAt": change.changed_at,
            "origin": change.origin,
            "data": (!change.deleted).then_some(&body.content),
        });
        let (entity, digest, version) = (kind.entity, &change.digest, change.version);
        let at = change.changed_at.as_millisecond();
        ReceivedEvent {
            id: EventId::generate(now, self.sources.randomness.as_ref()),
            organization_id: kind.organization,
            integration_id: kind.integration,
            // It came in by none.
            endpoint_id: kind.integration.ulid().into(),
            received_at: now,
            scheme: Event::RECORDS.to_owned(),
            provider_event_id: Some(format!("{entity}/{digest}/{version}/{at}")),
            event_type: Some(event_type.to_owned()),
            occurred_at: Some(change.changed_at),
            verified_with: None,
            content_type: Some("application/json".to_owned()),
            body: told.to_string().into(),
        }
    }

    fn trace(&self) -> TraceParent {
        TraceParent::generate(self.sources.randomness.as_ref())
    }
}

impl Followers<'_> {
    /// What has happened to the record since destinations were last told of any. Who is told only of the
    /// last of several changes is told of what they come to.
    fn event_type(&self, change: &RecordChange, body: &RecordBody) -> &'static str {
        let is_since = |at: Timestamp| self.cursor.handed_at.is_none_or(|last| at > last);
        let was_deleted = body.history.first().is_some_and(|past| past.deleted);
        if change.deleted {
            "record.deleted"
        } else if change.version == 1 || is_since(change.created_at) || was_deleted {
            "record.created"
        } else {
            "record.updated"
        }
    }
}

fn push(kind: Kind<'_>, record: Digest) -> SyncMessage {
    SyncMessage::Push {
        organization: kind.organization,
        integration: kind.integration,
        entity: kind.entity.clone(),
        record,
    }
}

fn link(kind: Kind<'_>, record: Digest) -> SyncMessage {
    SyncMessage::Link {
        organization: kind.organization,
        integration: kind.integration,
        entity: kind.entity.clone(),
        record,
    }
}

/// What stands for a target: another is told everything anew.
fn digest_of(target: &SyncTarget) -> Digest {
    let json = serde_json::to_vec(target).unwrap_or_default();
    Digest::of(&json)
}
