//! A page of a list: read, applied, and the job moved on.

use std::time::Duration;

use super::super::apply::{ApplyError, Close, Closing, Fence, Tally};
use super::super::drifts::Drifts;
use super::super::observe::{self, BadRecord, newer, observe};
use super::super::pages::{self, ReadPage};
use super::super::settings::EntitySettings;
use super::super::trouble::{Lasting, Trouble};
use super::{Present, Synchronizer, advance};
use crate::domain::sync::paging::{Bookmark, PagingError};
use crate::domain::sync::{
    ChangeOrigin, EntityState, JobStatus, Observation, PagePosition, SchemaSeen, SourceVersion,
    SyncJob, SyncPhase, SyncType, record_digest,
};
use crate::domain::{Sealed, Timestamp};
use crate::lambda::metrics::Metric;
use crate::store::SeenPage;

/// Trouble with a page that is only about that page: where the places of pages can be counted, it can
/// be left out.
const UNREADABLE: [&str; 5] = ["not_json", "not_xml", "no_list", "page_too_large", "data"];
/// For so long after a record was seen, a list that has an older version of it may come from a copy that
/// is behind.
const COPIES_ARE_BEHIND: Duration = Duration::from_secs(300);

impl Synchronizer {
    pub(super) async fn page(&self, present: Present) -> Result<SyncJob, Trouble> {
        let job = &present.job.item;
        let bookmark = self.bookmark(job).await?;
        let skips = job.skip_step == Some(job.step);
        let (open, settings) = (&*present.open, &present.settings);
        let read = pages::read(
            &self.outbound,
            open,
            settings,
            &bookmark,
            job.since.as_ref(),
        );
        let page = match read.await {
            Ok(page) => page,
            Err(Trouble::Lasting(mut lasting)) => {
                let past = bookmark.past_unreadable(&settings.pagination);
                let past = past.filter(|_| UNREADABLE.contains(&lasting.code));
                lasting.can_skip = past.is_some();
                match past {
                    Some(next) if skips => return self.skip_page(present, next).await,
                    _ => return Err(Trouble::Lasting(lasting)),
                }
            }
            Err(trouble) => return Err(trouble),
        };
        let mut observed = observe(&page.items, settings, page.called_at, ChangeOrigin::Sync);
        if job.sync_type == SyncType::Full {
            for record in &mut observed.records {
                record.overrules_after = Some(COPIES_ARE_BEHIND);
            }
        }
        if !observed.bad.is_empty() && !skips {
            return Err(bad_records(&observed.bad, &page).into());
        }
        let next = match &page.next {
            Ok(next) => next.clone(),
            Err(error) => {
                let mut lasting = Lasting::new("next_page_unreadable", error.to_string());
                if matches!(error, PagingError::Loop) {
                    lasting.retry_from = self.seal(job, Some(&bookmark.without_memory())).await?;
                }
                return Err(lasting.of(page.request).into());
            }
        };
        if !skips {
            self.check_drift(&present, &page).await?;
        }
        self.take(present, &page, observed, next).await
    }

    /// Applies a page's records, and moves the job on to the next page.
    async fn take(
        &self,
        present: Present,
        page: &ReadPage,
        observed: observe::Observed,
        next: Option<Bookmark>,
    ) -> Result<SyncJob, Trouble> {
        let job = &present.job.item;
        let cursor = self.seal(job, next.as_ref()).await?;
        let now = self.jobs.sources.now();
        let (read, bad) = (page.items.len() as u64, observed.bad.len() as u64);
        let newest = observed.newest.clone();
        let is_last = next.is_none();
        let (schema, drifts) = (SchemaSeen::of(&page.items), Drifts::default());
        let close = |job: &mut SyncJob, state: &mut EntityState| {
            count(job, read, bad);
            job.newest = newer(job.newest.take(), newest.clone());
            job.records_total = page.total.or(job.records_total);
            let policy = present.settings.rules.drift;
            drifts.note(&schema, (job, state), policy, now);
            if job.sync_type == SyncType::Full {
                job.schema_seen.merge(&schema);
            }
            advance(job, now);
            if is_last {
                return self.after_pages((job, state), &present.settings, &drifts, now);
            }
            job.position = PagePosition {
                page: job.position.page.saturating_add(1),
                cursor: cursor.clone(),
                after: None,
            };
            None
        };
        let seen = (job.sync_type == SyncType::Full && !observed.records.is_empty()).then(|| {
            let records = observed.records.iter();
            SeenPage {
                job: job.id,
                page: job.position.page,
                records: records.map(|record| record_digest(&record.id)).collect(),
            }
        });
        let applied = self.apply(&present, &observed.records, seen, &close);
        let job = applied.await?;
        self.report(&job, drifts);
        Ok(job)
    }

    /// Applies observations under the job's fence.
    pub(in crate::flows::sync) async fn apply<C: crate::flows::sync::Change>(
        &self,
        present: &Present,
        changes: &[C],
        seen: Option<SeenPage>,
        close: Close<'_>,
    ) -> Result<SyncJob, Trouble> {
        let mut fence = Fence {
            job: present.job.clone(),
            closing: Closing {
                seen,
                missing: None,
                close,
            },
        };
        self.apply_in(present, changes, &mut fence).await
    }

    pub(in crate::flows::sync) async fn apply_in<C: crate::flows::sync::Change>(
        &self,
        present: &Present,
        changes: &[C],
        fence: &mut Fence<'_>,
    ) -> Result<SyncJob, Trouble> {
        let applied = self.records.apply_in(present.kind(), changes, Some(fence));
        match Box::pin(applied).await {
            Ok(tally) => {
                self.count_changes(tally);
                Ok(fence.job.item.clone())
            }
            Err(ApplyError::JobMoved) => Err(Trouble::Moved),
            Err(ApplyError::Error(error)) => Err(Trouble::Ours(error)),
        }
    }

    fn count_changes(&self, tally: Tally) {
        let (metrics, now) = (&self.jobs.metrics, self.jobs.sources.now());
        for (times, reason) in [
            (tally.created, "created"),
            (tally.updated, "updated"),
            (tally.deleted, "deleted"),
        ] {
            if times > 0 {
                metrics.count_many(Metric::RecordsChanged, times, reason, now);
            }
        }
        for _ in 0..tally.conflicts {
            metrics.count(Metric::ConflictsOpened, now);
        }
    }

    /// Goes on with the page after one that cannot be read.
    async fn skip_page(&self, present: Present, next: Bookmark) -> Result<SyncJob, Trouble> {
        let cursor = self.seal(&present.job.item, Some(&next)).await?;
        let now = self.jobs.sources.now();
        let close = |job: &mut SyncJob, _: &mut EntityState| {
            job.incomplete = true;
            advance(job, now);
            job.position = PagePosition {
                page: job.position.page.saturating_add(1),
                cursor: cursor.clone(),
                after: None,
            };
            None
        };
        self.apply::<Observation>(&present, &[], None, &close).await
    }

    /// What follows the last page: a full run looks for what none of them had.
    fn after_pages(
        &self,
        (job, state): (&mut SyncJob, &mut EntityState),
        settings: &EntitySettings,
        drifts: &Drifts,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if job.sync_type == SyncType::Full && !job.incomplete {
            job.phase = SyncPhase::FindMissing;
            job.position = PagePosition::default();
            return None;
        }
        Some(self.complete((job, state), settings, drifts, now))
    }

    /// Ends a job that has done all that it had to.
    pub(in crate::flows::sync) fn complete(
        &self,
        (job, state): (&mut SyncJob, &mut EntityState),
        settings: &EntitySettings,
        drifts: &Drifts,
        now: Timestamp,
    ) -> Timestamp {
        drifts.conclude((job, state), settings.rules.drift, now);
        job.status = JobStatus::Completed;
        state.completed_at = Some(now);
        let known = state.cursor.take();
        // Who has seen everything knows where it stands, though that be earlier than before.
        state.cursor = if job.sync_type == SyncType::Full && !job.incomplete {
            state.full_at = Some(now);
            reached(job).or(known)
        } else {
            newer(known, reached(job))
        };
        let expires_at = self.jobs.end(job, state, Some(settings), now);
        expires_at.unwrap_or(now)
    }

    async fn bookmark(&self, job: &SyncJob) -> Result<Bookmark, Trouble> {
        let Some(sealed) = &job.position.cursor else {
            return Ok(Bookmark::default());
        };
        let keys = self.records.keys();
        let opened = keys.open_cursor(job.organization_id, job.id, sealed);
        opened.await.map_err(Trouble::ours)
    }

    async fn seal(
        &self,
        job: &SyncJob,
        next: Option<&Bookmark>,
    ) -> Result<Option<Sealed>, Trouble> {
        let Some(next) = next else { return Ok(None) };
        let keys = self.records.keys();
        let sealed = async {
            keys.ensure(job.organization_id).await?;
            keys.seal_cursor(job.organization_id, job.id, next).await
        };
        sealed.await.map(Some).map_err(Trouble::ours)
    }
}

fn bad_records(bad: &[BadRecord], page: &ReadPage) -> Lasting {
    let first = bad.first().map_or_else(String::new, |bad| {
        format!("record {} of the page: {}", bad.place, bad.error)
    });
    Lasting {
        records: bad.iter().map(|bad| bad.place).collect(),
        can_skip: page.next.is_ok(),
        ..Lasting::new("bad_records", first).of(page.request)
    }
}

/// Adds a page to what the job has done. What it has not changed was as it is here: that it follows
/// from the rest keeps it right where a page had to be read twice.
fn count(job: &mut SyncJob, read: u64, bad: u64) {
    let counts = &mut job.counts;
    counts.pages = counts.pages.saturating_add(1);
    counts.processed = counts.processed.saturating_add(read);
    counts.skipped = counts.skipped.saturating_add(bad);
    if bad > 0 {
        job.incomplete = true;
    }
    let others = [
        counts.created,
        counts.updated,
        counts.deleted,
        counts.skipped,
    ];
    let others: u64 = others.into_iter().fold(0, u64::saturating_add);
    counts.unchanged = counts.processed.saturating_sub(others);
}

/// Up to where the job has seen changes: no instant after its beginning, since a provider's clock, or
/// a record's, may be ahead, and what changes until then would be missed.
fn reached(job: &SyncJob) -> Option<SourceVersion> {
    let newest = job.newest.clone()?;
    match newest.instant() {
        Some(instant) if instant > job.started_at => {
            Some(SourceVersion(job.started_at.to_string()))
        }
        _ => Some(newest),
    }
}
