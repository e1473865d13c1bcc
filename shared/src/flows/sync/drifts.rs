//! The provider's fields: what has changed of them is noted with the step that saw it, and reported once
//! that is committed.

use std::sync::{Mutex, PoisonError};

use super::pages::ReadPage;
use super::steps::{Present, Synchronizer};
use super::trouble::{Lasting, Trouble};
use crate::domain::sync::{
    Drift, DriftKind, DriftPolicy, EntityState, SchemaSeen, SyncJob, SyncType,
};
use crate::lambda::metrics::Metric;

/// What the last try to commit a step has found.
#[derive(Debug, Default)]
pub(super) struct Drifts(Mutex<Vec<Drift>>);

impl Drifts {
    /// Notes what a page changes of what is known.
    pub(super) fn note(&self, seen: &SchemaSeen, state: &mut EntityState) {
        let change = seen.changes(&state.schema, state.completed_at.is_some());
        state.schema = change.schema;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = change.drifts;
    }

    /// Notes what the end of a run changes: of a full one that left nothing out, what has vanished.
    pub(super) fn conclude(&self, job: &SyncJob, state: &mut EntityState) {
        if job.sync_type != SyncType::Full || job.incomplete {
            return;
        }
        let compared = state.completed_at.is_some();
        let change = job.schema_seen.conclude(&state.schema, compared);
        state.schema = change.schema;
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A try before this one may have noted the same.
        noted.retain(|drift| !change.drifts.contains(drift));
        noted.extend(change.drifts);
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
        let fields: Vec<&str> = policy
            .stopped_by(&change.drifts)
            .map(|drift| drift.field.as_str())
            .collect();
        if fields.is_empty() {
            return Ok(());
        }
        let detail = format!(
            "fields are new, or have another type: {}",
            fields.join(", ")
        );
        let lasting = Lasting {
            can_skip: true,
            ..Lasting::new("schema_drift", detail).of(page.request)
        };
        Err(lasting.into())
    }

    /// Reports what has changed of the fields.
    pub(super) fn report(&self, job: &SyncJob, drifts: Drifts) {
        let drifts = drifts
            .0
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let now = self.jobs.sources.now();
        for drift in drifts {
            let reason = match drift.kind {
                DriftKind::New => "new",
                DriftKind::Vanished => "vanished",
                DriftKind::Retyped { .. } => "retyped",
            };
            self.jobs
                .metrics
                .count_for(Metric::FieldsDrifted, reason, now);
            tracing::warn!(
                sync_job.id = %job.id,
                integration.id = %job.integration_id,
                entity = %job.entity,
                field = drift.field,
                kind = ?drift.kind,
                "a field of the provider's records has changed"
            );
        }
    }
}
