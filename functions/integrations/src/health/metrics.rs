use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::health::{Watch, Window};
use gatehouse::domain::sync::{JobStatus, SyncJob};
use gatehouse::domain::{Error, Integration, IntegrationId, Timestamp};
use gatehouse::flows::health::{Measured, measured};
use gatehouse::http::{ApiError, Json, PathId, Query};
use gatehouse::store::SyncJobQuery;
use serde::Deserialize;

use super::bodies::{MetricsSummary, MetricsView, SeriesPart, SyncMetrics};
use super::headroom::headroom;
use crate::State;
use crate::integrations::find;

/// More jobs than that are not counted, and it is said from where on they are.
const MOST_JOBS: usize = 2_000;
const PAGE: u16 = 500;

/// What is wanted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MetricsQuery {
    #[serde(default)]
    window: Window,
}

/// What was measured of an integration.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<IntegrationId>,
    Query(query): Query<MetricsQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let integration = find(&state, caller.organization_id, id).await?.item;
    let (measured, _) = measured_now(&state, &integration, query.window).await?;
    let (rate_limit_headroom, sync) = tokio::try_join!(
        headroom(&state, &integration),
        jobs_since(&state, &integration, measured.from),
    )?;
    Ok(Json(MetricsView {
        summary: MetricsSummary::new(query.window, &measured),
        sync,
        rate_limit_headroom,
        series: measured.parts.iter().map(SeriesPart::from).collect(),
    }))
}

/// What was measured in the window that ends now, and what is known of when the integration is looked at.
pub(crate) async fn measured_now(
    state: &State,
    integration: &Integration,
    window: Window,
) -> Result<(Measured, Option<Watch>), Error> {
    let (organization, id) = (integration.organization_id, integration.id);
    let watch = state.store.watch(organization, id).await?;
    let watch = watch.map(|watch| watch.item);
    let now = state.sources.now();
    let owned = (organization, id);
    let found = measured(&state.store, owned, window, watch.as_ref(), now).await?;
    Ok((found, watch))
}

/// The jobs that began from `from` on.
async fn jobs_since(
    state: &State,
    integration: &Integration,
    from: Timestamp,
) -> Result<SyncMetrics, Error> {
    let mut metrics = SyncMetrics::default();
    if integration.sync_config.is_none() {
        return Ok(metrics);
    }
    let mut query = SyncJobQuery {
        entity: None,
        status: None,
        limit: PAGE,
        after: None,
        now: state.sources.now(),
    };
    let (mut read, mut oldest) = (0, None);
    loop {
        let page = (state.store)
            .sync_jobs(integration.organization_id, integration.id, &query)
            .await?;
        read += page.items.len();
        for job in &page.items {
            if job.item.started_at < from {
                return Ok(metrics);
            }
            oldest = Some(job.item.started_at);
            metrics.add(&job.item);
        }
        query.after = page.next;
        if query.after.is_none() {
            return Ok(metrics);
        }
        if read >= MOST_JOBS {
            metrics.counted_from = oldest;
            return Ok(metrics);
        }
    }
}

impl SyncMetrics {
    /// One more job; they come newest first.
    fn add(&mut self, job: &SyncJob) {
        self.jobs = self.jobs.saturating_add(1);
        let count = match job.status {
            JobStatus::Running => &mut self.running,
            JobStatus::Completed => &mut self.completed,
            JobStatus::Failed => &mut self.failed,
            JobStatus::Cancelled => &mut self.cancelled,
        };
        *count = count.saturating_add(1);
        self.counts += job.counts;
        match job.status {
            JobStatus::Completed => {
                self.last_completed_at = self.last_completed_at.max(job.ended_at);
            }
            JobStatus::Failed if self.last_error.is_none() => {
                self.last_error.clone_from(&job.error);
            }
            JobStatus::Failed | JobStatus::Running | JobStatus::Cancelled => {}
        }
    }
}
