//! The end of a full run: what no page had is found, and deleted.
//!
//! Nothing is deleted for being absent that was seen after the run began, wherever it was seen, or
//! that has changed since it was missed. If a call is configured that reads one record, each is
//! looked for by it first.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::apply::{Change, Changed, Closing, Fence, Need};
use super::drifts::Drifts;
use super::jobs::TOO_MANY_DELETES;
use super::observe::observe;
use super::pages::FUNCTION;
use super::steps::{Present, Synchronizer, advance};
use super::trouble::{Lasting, Trouble};
use crate::domain::sync::{
    ChangeOrigin, EntityState, EntitySync, Observation, PagePosition, RecordCall, RecordHead,
    Standing, SyncJob, SyncPhase,
};
use crate::domain::{Digest, Error, Origin, Timestamp};
use crate::flows::outbound::{OutboundAnswer, OutboundCall};
use crate::store::{HeadQuery, MissingPage, MissingRecord, RECORD_SHARDS, SeenRecords, Versioned};

/// A run that began longer ago deletes nothing for being absent: what its pages had is forgotten after
/// seven days.
pub(super) const SEEN_FOR: Duration = Duration::from_secs(6 * 24 * 60 * 60);
/// How long one step looks for records, before it writes what it has found.
const LOOKING: Duration = Duration::from_secs(40);
/// How many heads one step looks at.
const HEADS: usize = 20_000;
/// How many are read at a time.
const HEADS_AT_A_TIME: u16 = 1_000;
/// The most missing records that one step finds: they have to fit into one item of the table.
const MISSING: usize = 5_000;
/// How many missing records one step deletes.
const DELETES: usize = 300;
/// How many it deletes if it looks for each first.
const LOOKED_FOR: usize = 30;
/// Everything but RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a step found.
struct Found {
    missing: Vec<MissingRecord>,
    /// Where the next one goes on; nothing, if all heads were looked at.
    next: Option<(u8, Option<Digest>)>,
}

impl Synchronizer {
    /// Looks for records that no page had.
    pub(super) async fn find_missing(&self, present: Present) -> Result<SyncJob, Trouble> {
        let job = &present.job.item;
        if self.jobs.sources.now().since(job.started_at) >= SEEN_FOR {
            return self.complete_without_deletes(present).await;
        }
        let store = &self.jobs.store;
        let seen = store.seen_records(job.organization_id, job.id);
        let seen = seen.await.map_err(Trouble::ours)?;
        let found = self.look_at_heads(&present, &seen).await?;
        let now = self.jobs.sources.now();
        let missing = found.missing.len() as u64;
        let (settings, drifts) = (&present.settings, Drifts::default());
        let close = |job: &mut SyncJob, state: &mut EntityState| {
            job.counts.missing = job.counts.missing.saturating_add(missing);
            advance(job, now);
            if let Some((shard, after)) = found.next {
                job.position = PagePosition {
                    page: u64::from(shard),
                    cursor: None,
                    after: after.map(|after| after.to_string()),
                };
                return None;
            }
            if job.counts.missing == 0 {
                return Some(self.complete((job, state), settings, &drifts, now));
            }
            job.phase = SyncPhase::DeleteMissing;
            job.position = PagePosition::default();
            let guard = settings.rules.delete_guard;
            if !guard.stops(job.counts.missing, state.records) {
                return None;
            }
            let (missing, records) = (job.counts.missing, state.records);
            let detail = format!("{missing} of {records} records are missing from the list");
            let lasting = Lasting::new(TOO_MANY_DELETES, detail);
            self.jobs.park(job, state, Some(settings), &lasting, now)
        };
        let page = (missing > 0).then(|| MissingPage {
            job: job.id,
            page: job.step,
            records: found.missing.clone(),
        });
        let mut fence = Fence {
            job: present.job.clone(),
            closing: Closing {
                seen: None,
                missing: page,
                close: &close,
            },
        };
        let applied = self.apply_in::<Observation>(&present, &[], &mut fence);
        let job = applied.await?;
        self.report(&job, drifts);
        Ok(job)
    }

    /// Ends a run that took too long to know what is missing.
    async fn complete_without_deletes(&self, present: Present) -> Result<SyncJob, Trouble> {
        let now = self.jobs.sources.now();
        let (settings, drifts) = (&present.settings, Drifts::default());
        let close = |job: &mut SyncJob, state: &mut EntityState| {
            job.incomplete = true;
            advance(job, now);
            Some(self.complete((job, state), settings, &drifts, now))
        };
        let job = self
            .apply::<Observation>(&present, &[], None, &close)
            .await?;
        let id = job.id;
        tracing::warn!(sync_job.id = %id, "{id} took too long to delete what is missing; the next full run does");
        self.report(&job, drifts);
        Ok(job)
    }

    async fn look_at_heads(&self, present: &Present, seen: &SeenRecords) -> Result<Found, Trouble> {
        let job = &present.job.item;
        let mut shard = u8::try_from(job.position.page).unwrap_or(RECORD_SHARDS);
        let after = job.position.after.as_deref().map(str::parse);
        let mut after: Option<Digest> = after.and_then(Result::ok);
        let (mut missing, mut looked_at) = (Vec::new(), 0_usize);
        let room = MISSING - usize::from(HEADS_AT_A_TIME);
        while shard < RECORD_SHARDS {
            if looked_at >= HEADS || missing.len() > room {
                let next = Some((shard, after));
                return Ok(Found { missing, next });
            }
            let query = HeadQuery {
                shard,
                limit: HEADS_AT_A_TIME,
                after,
                now: self.jobs.sources.now(),
            };
            let kind = present.kind();
            let page = self
                .jobs
                .store
                .record_heads_of(kind.organization, kind.integration, kind.entity, query)
                .await
                .map_err(Trouble::ours)?;
            looked_at = looked_at.saturating_add(page.items.len());
            let is_missing = |(record, head): &(Digest, Versioned<RecordHead>)| {
                !head.item.deleted
                    && head.item.observed_at < job.started_at
                    && !never_sent(&head.item)
                    && !seen.contains(record)
            };
            let found = page.items.into_iter().filter(is_missing);
            missing.extend(found.map(|(record, head)| MissingRecord {
                record,
                version: head.version,
            }));
            after = page.next;
            if after.is_none() {
                shard = shard.saturating_add(1);
            }
        }
        Ok(Found {
            missing,
            next: None,
        })
    }

    /// Deletes some of the missing records.
    pub(super) async fn delete_missing(&self, present: Present) -> Result<SyncJob, Trouble> {
        let job = &present.job.item;
        let store = &self.jobs.store;
        let page = store.missing_records(job.organization_id, job.id, job.position.page);
        let page = page.await.map_err(Trouble::ours)?;
        let now = self.jobs.sources.now();
        let settings = &present.settings;
        let Some(page) = page else {
            let drifts = Drifts::default();
            let close = |job: &mut SyncJob, state: &mut EntityState| {
                advance(job, now);
                Some(self.complete((job, state), settings, &drifts, now))
            };
            let job = self
                .apply::<Observation>(&present, &[], None, &close)
                .await?;
            self.report(&job, drifts);
            return Ok(job);
        };
        let done = (job.position.page == page.page)
            .then(|| job.position.after.as_deref()?.parse::<usize>().ok())
            .flatten()
            .unwrap_or_default();
        let read = settings.rules.calls.read.as_ref();
        let most = if read.is_some() { LOOKED_FOR } else { DELETES };
        let part: Vec<MissingRecord> = page.records.iter().skip(done).take(most).copied().collect();
        let (changes, handled) = self.changes(&present, &part, read).await?;
        let next = done.saturating_add(handled);
        let is_whole = next >= page.records.len();
        let close = |job: &mut SyncJob, _: &mut EntityState| {
            advance(job, now);
            job.position = PagePosition {
                page: page.page.saturating_add(u64::from(is_whole)),
                cursor: None,
                after: (!is_whole).then(|| next.to_string()),
            };
            None
        };
        self.apply(&present, &changes, None, &close).await
    }

    /// What is to be made of missing records, and of how many that is known. Not of all, if looking for
    /// them takes long, or fails on the way: what was found is not looked for again.
    async fn changes(
        &self,
        present: &Present,
        part: &[MissingRecord],
        read: Option<&RecordCall>,
    ) -> Result<(Vec<Missed>, usize), Trouble> {
        let began = self.jobs.sources.now();
        let started_at = present.job.item.started_at;
        let mut changes = Vec::with_capacity(part.len());
        for (handled, missing) in part.iter().enumerate() {
            if handled > 0 && self.jobs.sources.now().since(began) >= LOOKING {
                return Ok((changes, handled));
            }
            let found = match read {
                None => Some(Sought::NotAsked(started_at)),
                Some(call) => match self.look_for(present, missing, call).await {
                    Ok(found) => found,
                    Err(_) if handled > 0 => return Ok((changes, handled)),
                    Err(trouble) => return Err(trouble),
                },
            };
            changes.extend(found.map(|found| Missed {
                missing: *missing,
                found,
            }));
        }
        Ok((changes, part.len()))
    }

    /// Asks the provider for one record. `None`, if it has changed here since it was missed.
    async fn look_for(
        &self,
        present: &Present,
        missing: &MissingRecord,
        read: &RecordCall,
    ) -> Result<Option<Sought>, Trouble> {
        let kind = present.kind();
        let now = self.jobs.sources.now();
        let (organization, integration) = (kind.organization, kind.integration);
        let store = &self.jobs.store;
        let stored = store.record(organization, integration, kind.entity, missing.record, now);
        let stored = stored.await.map_err(Trouble::ours)?;
        let stored = stored.filter(|stored| stored.head.version == missing.version);
        let Some(stored) = stored else {
            return Ok(None);
        };
        let keys = self.records.keys();
        let body = keys.open_record(organization, integration, kind.entity, &stored.change);
        let id = body.await.map_err(Trouble::ours)?.id;
        let called = self.outbound.execute_as_system(
            (organization, FUNCTION),
            integration,
            call(read, &id)?,
        );
        let answer = Box::pin(called).await.map_err(Trouble::of_call)?;
        let gone = [StatusCode::NOT_FOUND, StatusCode::GONE];
        if gone.contains(&answer.status) {
            return Ok(Some(Sought::Gone(answer.started_at)));
        }
        if let Some(problem) = &answer.problem {
            let is_transient = problem.is_transient;
            return Err(Trouble::of_problem(answer.id, problem, is_transient));
        }
        Ok(sought(present, &answer, read, &id))
    }
}

/// What became of a record that no page had.
#[derive(Debug)]
enum Sought {
    /// Nobody has looked for it: it was absent since this instant.
    NotAsked(Timestamp),
    /// It was not there at this instant.
    Gone(Timestamp),
    /// It was there.
    There(Box<Observation>),
}

/// A record that no page had.
#[derive(Debug)]
struct Missed {
    missing: MissingRecord,
    found: Sought,
}

impl Change for Missed {
    fn record(&self) -> Digest {
        self.missing.record
    }

    fn need(&self, head: Option<&Versioned<RecordHead>>) -> Need {
        match head {
            Some(head) if head.version == self.missing.version => match &self.found {
                Sought::There(observation) => observation.need(Some(head)),
                Sought::NotAsked(_) | Sought::Gone(_) => Need::Content,
            },
            _ => Need::Nothing,
        }
    }

    fn decide(
        &self,
        standing: Option<&Standing>,
        rules: &EntitySync,
    ) -> Result<Option<Changed>, Error> {
        let Some(standing) = standing else {
            return Ok(None);
        };
        let at = match &self.found {
            Sought::There(observation) => return observation.decide(Some(standing), rules),
            Sought::NotAsked(at) | Sought::Gone(at) => *at,
        };
        let id = standing.body.id.clone();
        Observation::deleted(id, None, at, ChangeOrigin::Sync).decide(Some(standing), rules)
    }
}

/// Whether a record was made here and the provider does not know it yet.
fn never_sent(head: &RecordHead) -> bool {
    head.pending && head.source_hash == crate::domain::sync::HASH_OF_NOTHING
}

fn call(read: &RecordCall, id: &str) -> Result<OutboundCall, Trouble> {
    let refused = |detail: &str| Lasting::new("call_refused", detail);
    let method: Method = read
        .method
        .parse()
        .map_err(|_| refused("the method that reads a record is none"))?;
    let segment = utf8_percent_encode(id, SEGMENT).to_string();
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::ACCEPT, json);
    Ok(OutboundCall {
        method,
        endpoint: read.path.replace("{id}", &segment),
        params: Vec::new(),
        headers,
        body: bytes::Bytes::new(),
        timeout: None,
        idempotency_key: None,
        origin: Origin::default(),
    })
}

/// What the answer says of the record; nothing, if it cannot be taken: then the record stays.
fn sought(
    present: &Present,
    answer: &OutboundAnswer,
    read: &RecordCall,
    id: &str,
) -> Option<Sought> {
    let document: Value = serde_json::from_slice(&answer.body).ok()?;
    let record = match &read.result {
        Some(result) => result.evaluate(&document).ok()?,
        None => document,
    };
    let at = answer.started_at;
    let observed = observe(&[record], &present.settings, at, ChangeOrigin::Sync);
    let observation = observed.records.into_iter().next()?;
    (observation.id == id).then(|| Sought::There(Box::new(observation)))
}
