use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::reseal::Pass;
use super::{DataKeyDesk, DataKeyError};
use crate::audit::Trail;
use crate::domain::data_key::DataKeyPlan;
use crate::domain::{Actor, AuditOutcome, AuditSubject, NewAuditEntry, OrganizationId, Timestamp};
use crate::lambda::metrics::{Metric, Metrics};
use crate::lambda::telemetry::chain;
use crate::store::{DataKeyWrite, DueDataKeys, StoreError, Versioned, WrappedKey};

/// So long a run may go on with data keys.
pub const DATA_KEY_TIME: Duration = Duration::from_secs(60);
/// How many organizations one run looks at.
const MOST: usize = 200;
const PAGE: u16 = 50;
/// How many data keys of an organization are read in one go.
const KEYS: u16 = 100;
/// So many parts of a pass are done for one organization before others have their turn.
const PARTS: usize = 100;

/// What a run has done about data keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DataKeyReport {
    /// Organizations that were looked at.
    pub seen: usize,
    /// Data keys that were replaced.
    pub rotated: usize,
    /// Those that were wrapped anew.
    pub rewrapped: usize,
    /// How much was sealed anew.
    pub resealed: u64,
    /// Organizations that could not be gone on with, and are looked at again.
    pub failed: usize,
    /// Entries of organizations that have no data key any more.
    pub dropped: usize,
}

/// Does what is due about data keys.
#[derive(Clone)]
pub struct DataKeyRotation {
    desk: DataKeyDesk,
    trail: Trail,
    metrics: Metrics,
    every: Option<Duration>,
}

impl fmt::Debug for DataKeyRotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKeyRotation").finish_non_exhaustive()
    }
}

impl DataKeyRotation {
    /// Replaces keys by `desk` once they are as old as `every`; never, if that is none.
    #[must_use]
    pub fn new(desk: DataKeyDesk, trail: Trail, metrics: Metrics, every: Option<Duration>) -> Self {
        Self {
            desk,
            trail,
            metrics,
            every,
        }
    }

    /// Looks at the data keys whose time has come until `until`; those that have waited longest come first.
    /// One organization that fails holds up no other.
    ///
    /// # Errors
    ///
    /// If the index cannot be read.
    pub async fn run(&self, until: Timestamp) -> Result<DataKeyReport, StoreError> {
        let began = self.desk.sources.now();
        let mut report = DataKeyReport::default();
        let mut seen: HashSet<OrganizationId> = HashSet::new();
        loop {
            let limit = usize::from(PAGE) + seen.len();
            let limit = u16::try_from(limit).unwrap_or(u16::MAX);
            let page = self.desk.store.due_data_keys(began, limit).await?;
            let new: Vec<DueDataKeys> = page
                .into_iter()
                .filter(|due| seen.insert(due.organization))
                .collect();
            if new.is_empty() || seen.len() >= MOST {
                return Ok(report);
            }
            for due in new {
                if self.desk.sources.now() >= until {
                    return Ok(report);
                }
                self.look(&due, until, &mut report).await;
            }
        }
    }

    async fn look(&self, due: &DueDataKeys, until: Timestamp, report: &mut DataKeyReport) {
        let organization = due.organization;
        report.seen += 1;
        match Box::pin(self.visit(due, until, report)).await {
            Ok(()) | Err(DataKeyError::Moved) => {}
            Err(error) => {
                report.failed += 1;
                let now = self.desk.sources.now();
                self.metrics.count(Metric::DataKeysFailed, now);
                tracing::error!(
                    organization.id = %organization,
                    cause = chain(&error),
                    "the data keys of {organization} could not be gone on with"
                );
                if let Err(error) = Box::pin(self.put_off(due)).await {
                    tracing::warn!(
                        organization.id = %organization,
                        cause = chain(&error),
                        "the data keys of {organization} are looked at again in a minute"
                    );
                }
            }
        }
    }

    /// Looks at the data keys of one organization.
    ///
    /// # Errors
    ///
    /// [`DataKeyError`]. What was done until then is done.
    async fn visit(
        &self,
        due: &DueDataKeys,
        until: Timestamp,
        report: &mut DataKeyReport,
    ) -> Result<(), DataKeyError> {
        let (organization, store) = (due.organization, &self.desk.store);
        let plan = store.data_key_plan(organization).await?;
        let plan = plan.filter(|plan| plan.item.due_at == due.at);
        let first = store.first_data_key(organization).await?;
        let (Some(mut plan), Some(_)) = (plan, first) else {
            report.dropped += 1;
            return Ok(store.remove_due_data_keys(due).await?);
        };
        report.rewrapped += self.rewrap(organization).await?;
        if plan.item.is_old(self.every, self.desk.sources.now()) {
            self.record(organization, "data_key.rotate").await?;
            plan = Box::pin(self.desk.rotated(organization, &plan)).await?;
            report.rotated += 1;
            let now = self.desk.sources.now();
            self.metrics.count(Metric::DataKeysRotated, now);
        }
        Box::pin(self.go_on(organization, plan, until, report)).await
    }

    /// Goes on with a pass, if one is at work, and says when to look next.
    async fn go_on(
        &self,
        organization: OrganizationId,
        mut plan: Versioned<DataKeyPlan>,
        until: Timestamp,
        report: &mut DataKeyReport,
    ) -> Result<(), DataKeyError> {
        for _ in 0..PARTS {
            let now = self.desk.sources.now();
            let pass = plan.item.resealing.as_ref();
            let pass = pass.filter(|pass| pass.begins_at <= now && now < until);
            let Some(pass) = pass else {
                let next = plan.item.looked_at(now);
                if next.due_at != plan.item.due_at {
                    self.write(organization, &plan, next).await?;
                }
                return Ok(());
            };
            let mut part = Pass::new(&self.desk, organization, pass.target);
            let place = Box::pin(part.go_on(pass.place)).await?;
            let counted = (part.done, part.left);
            report.resealed += part.done;
            let now = self.desk.sources.now();
            let next = plan.item.resealed_to(place, counted, now);
            plan = self.write(organization, &plan, next).await?;
        }
        Ok(())
    }

    async fn write(
        &self,
        organization: OrganizationId,
        before: &Versioned<DataKeyPlan>,
        plan: DataKeyPlan,
    ) -> Result<Versioned<DataKeyPlan>, DataKeyError> {
        let store = &self.desk.store;
        match store
            .write_data_key_plan(organization, before, &plan)
            .await?
        {
            DataKeyWrite::Done(version) => Ok(Versioned::new(plan, version)),
            DataKeyWrite::Moved => Err(DataKeyError::Moved),
        }
    }

    async fn put_off(&self, due: &DueDataKeys) -> Result<(), DataKeyError> {
        let plan = self.desk.store.data_key_plan(due.organization).await?;
        if let Some(plan) = plan {
            let next = plan.item.put_off(self.desk.sources.now());
            self.write(due.organization, &plan, next).await?;
        }
        Ok(())
    }

    /// Has KMS wrap anew what was wrapped long ago, or under another of its keys. How many.
    async fn rewrap(&self, organization: OrganizationId) -> Result<usize, DataKeyError> {
        let (store, keys) = (&self.desk.store, &self.desk.keys);
        let (mut after, mut count) = (None, 0);
        loop {
            let page = store.data_keys(organization, KEYS, after).await?;
            for key in page.items.iter().filter(|key| self.is_worn(&key.item)) {
                self.record(organization, "data_key.rewrap").await?;
                let renewed = Box::pin(keys.rewrap(organization, &key.item)).await?;
                let written = store.rewrap_data_key(organization, key, &renewed);
                match written.await {
                    Ok(_) => {
                        count += 1;
                        let now = self.desk.sources.now();
                        self.metrics.count(Metric::DataKeysRewrapped, now);
                    }
                    Err(StoreError::Conflict) => return Err(DataKeyError::Moved),
                    Err(error) => return Err(error.into()),
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(count);
            }
        }
    }

    fn is_worn(&self, key: &WrappedKey) -> bool {
        let wrapped_at = key.wrapped_at.unwrap_or(key.created_at);
        let now = self.desk.sources.now();
        self.desk.keys.is_wrapped_elsewhere(key)
            || self
                .every
                .is_some_and(|every| wrapped_at.plus(every) <= now)
    }

    /// Records what is about to be done: what cannot be recorded is not done.
    async fn record(
        &self,
        organization: OrganizationId,
        action: &'static str,
    ) -> Result<(), DataKeyError> {
        let actor = Actor::system(self.trail.function());
        let entry = NewAuditEntry::new(actor, action, AuditOutcome::Started)
            .of(AuditSubject::new("organization", organization));
        self.trail.record(organization, entry).await?;
        Ok(())
    }
}
