//! Going on with runs that nobody goes on with.

use std::collections::HashSet;

use serde::Serialize;

use super::Playbooks;
use crate::domain::{Error, Timestamp};
use crate::lambda::telemetry::chain;
use crate::store::{DueRun, StoreError};

/// How many runs are looked up in one go.
const PAGE: u16 = 20;
/// How many one call looks at.
const MOST: usize = 500;

/// What a call of [`Playbooks::tick`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunsReport {
    /// Runs that moved.
    pub moved: usize,
    /// Entries of the index that led to nothing.
    pub dropped: usize,
    /// Runs that could not be moved, and are looked at again.
    pub left: usize,
}

impl Playbooks {
    /// Goes on with the runs whose time has come: a step whose approval has not come in time, one that
    /// nobody finished, a run whose runner died. Those that wait longest come first; it begins no more after
    /// `enough`. To be called each minute.
    ///
    /// # Errors
    ///
    /// If the index cannot be read.
    pub async fn tick(&self, enough: Timestamp) -> Result<RunsReport, StoreError> {
        let mut report = RunsReport::default();
        let mut left = HashSet::new();
        loop {
            let now = self.sources.now();
            let page = self.store.due_runs(now, PAGE, &left).await?;
            if page.is_empty() {
                return Ok(report);
            }
            for due in page {
                if self.sources.now() >= enough || report.total() >= MOST {
                    return Ok(report);
                }
                match self.look(&due).await {
                    Ok(Looked::Moved) => report.moved += 1,
                    Ok(Looked::Dropped) => report.dropped += 1,
                    Err(error) => {
                        let id = due.run;
                        tracing::error!(run.id = %id, cause = chain(&error), "{id} could not go on");
                        report.left += 1;
                        left.insert(due);
                    }
                }
            }
        }
    }

    /// Looks at one run. One that is not due (any more) when its entry says has moved meanwhile.
    async fn look(&self, due: &DueRun) -> Result<Looked, Error> {
        let found = self.store.playbook_run(due.organization, due.run).await?;
        if found.is_none_or(|found| found.item.due_at != Some(due.at)) {
            self.store.drop_due_run(due).await?;
            return Ok(Looked::Dropped);
        }
        let run = Box::pin(self.go_on(due.organization, due.run)).await?;
        if run.item.due_at == Some(due.at) {
            let stands = "the run does not move, though its time has come";
            return Err(Error::Internal(stands.into()));
        }
        Ok(Looked::Moved)
    }
}

enum Looked {
    Moved,
    Dropped,
}

impl RunsReport {
    fn total(&self) -> usize {
        self.moved + self.dropped + self.left
    }
}
