//! The provider's fields: what has changed of them is noted with the step that saw it, kept with the job and
//! with the state of its kind of record, and reported once that is committed.
//!
//! A name of the provider's may say something of a person, where records have members by addresses or by
//! keys. So names are for those only who may look at the job: logs, metrics and errors have counts.

use std::sync::{Mutex, PoisonError};

use super::pages::ReadPage;
use super::steps::{Present, Synchronizer};
use super::trouble::{Lasting, Trouble};
use crate::domain::Timestamp;
use crate::domain::sync::{
    Drift, DriftKind, DriftPolicy, EntityState, FoundDrift, SchemaSeen, SyncJob, SyncType,
};
use crate::lambda::metrics::Metric;

/// What the last try to commit a step has found.
#[derive(Debug, Default)]
pub(super) struct Drifts(Mutex<Vec<Drift>>);

impl Drifts {
    /// Notes what a page changes of what is known.
    pub(super) fn note(
        &self,
        seen: &SchemaSeen,
        (job, state): (&mut SyncJob, &mut EntityState),
        policy: DriftPolicy,
        now: Timestamp,
    ) {
        let change = seen.changes(&state.schema, state.completed_at.is_some());
        state.schema = change.schema;
        keep((job, state), policy, &change.drifts, now);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = change.drifts;
    }

    /// Notes what the end of a run changes: of a full one that left nothing out, what has vanished.
    pub(super) fn conclude(
        &self,
        (job, state): (&mut SyncJob, &mut EntityState),
        policy: DriftPolicy,
        now: Timestamp,
    ) {
        if job.sync_type != SyncType::Full || job.incomplete {
            return;
        }
        let compared = state.completed_at.is_some();
        let change = job.schema_seen.conclude(&state.schema, compared);
        state.schema = change.schema;
        keep((job, state), policy, &change.drifts, now);
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A try before this one may have noted the same.
        noted.retain(|drift| !change.drifts.contains(drift));
        noted.extend(change.drifts);
    }
}

/// Keeps what was found with the job, and with the state of its kind of record.
pub(super) fn keep(
    (job, state): (&mut SyncJob, &mut EntityState),
    policy: DriftPolicy,
    drifts: &[Drift],
    now: Timestamp,
) {
    if !drifts.is_empty() {
        job.drift = FoundDrift::with(job.drift.take(), (job.id, policy), drifts, now);
        state.drift.clone_from(&job.drift);
    }
}

impl Synchronizer {
    /// Stops at a page whose fields are new, or of other types, if the entity is to stop there.
    pub(super) async fn check_drift(
        &self,
        present: &Present,
        page: &ReadPage,
    ) -> Result<(), Trouble> {
        let kind = present.kind();
        let policy = kind.rules.drift;
        if policy != DriftPolicy::Stop {
            return Ok(());
        }
        let store = &self.jobs.store;
        let state = store.entity_state(kind.organization, kind.integration, kind.entity);
        let state = state.await.map_err(Trouble::ours)?.item;
        let seen = SchemaSeen::of(&page.items);
        let change = seen.changes(&state.schema, state.completed_at.is_some());
        let drifts: Vec<Drift> = policy.stopped_by(&change.drifts).cloned().collect();
        if drifts.is_empty() {
            return Ok(());
        }
        let count = drifts.len();
        let detail = format!("fields that are new, or have another type: {count}; see `drift`");
        let lasting = Lasting {
            can_skip: true,
            drifts,
            ..Lasting::new("schema_drift", detail).of(page.request)
        };
        Err(lasting.into())
    }

    /// Reports what has changed of the fields: how many, and not their names.
    pub(super) fn report(&self, job: &SyncJob, drifts: Drifts) {
        let drifts = drifts
            .0
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if drifts.is_empty() {
            return;
        }
        let now = self.jobs.sources.now();
        let reasons = drifts.iter().map(|drift| reason(drift.kind));
        let reasons: Vec<&'static str> = reasons.collect();
        let [new, vanished, retyped] = ["new", "vanished", "retyped"].map(|reason| {
            let times = reasons.iter().filter(|other| **other == reason).count();
            if times > 0 {
                let metrics = &self.jobs.metrics;
                metrics.count_many(Metric::FieldsDrifted, times as u64, reason, now);
            }
            times
        });
        let id = job.id;
        tracing::warn!(
            sync_job.id = %id,
            integration.id = %job.integration_id,
            entity = %job.entity,
            new,
            vanished,
            retyped,
            "{id} has found that fields of the provider's records have changed"
        );
    }
}

fn reason(kind: DriftKind) -> &'static str {
    match kind {
        DriftKind::New => "new",
        DriftKind::Vanished => "vanished",
        DriftKind::Retyped { .. } => "retyped",
    }
}
