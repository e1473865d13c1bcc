//! The audit trail over a table: what is written, what survives, and what is found out.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests: what is not as expected fails the test"
)]

mod tampering;
mod writing;

use std::time::Duration;

use futures::future::join_all;
use gatehouse::audit::verify::Finding;
use gatehouse::audit::{AuditError, AuditQuery, Checked, Trail, VerifyRange};
use gatehouse::domain::{
    Actor, Anchor, AuditEntry, AuditId, AuditOutcome, NewAuditEntry, OrganizationId,
};

use crate::account::Account;

const RETENTION: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// An account with an organization that has a trail.
struct World {
    account: Account,
    organization: OrganizationId,
}

impl World {
    async fn new() -> Self {
        let account = Account::new().await;
        let organization = account.id();
        Self {
            account,
            organization,
        }
    }

    /// The trail as a function that has just started sees it.
    fn trail(&self) -> Trail {
        let (store, sources) = (self.account.store(), self.account.sources());
        Trail::new(store, sources, "test", RETENTION)
    }

    async fn record(&self, trail: &Trail) -> Result<AuditId, AuditError> {
        trail.record(self.organization, entry("a.b")).await
    }

    /// Records one after the other, a second apart.
    async fn record_many(&self, trail: &Trail, count: usize) {
        for _ in 0..count {
            self.record(trail).await.unwrap();
            self.account.clock.advance(Duration::from_secs(1));
        }
    }

    async fn record_at_once(&self, trail: &Trail, count: usize) -> Vec<AuditId> {
        let recorded = join_all((0..count).map(|_| self.record(trail))).await;
        recorded.into_iter().map(Result::unwrap).collect()
    }

    async fn check(&self, anchor: Option<Anchor>) -> Checked {
        let range = VerifyRange {
            anchor,
            ..VerifyRange::default()
        };
        let checked = self.trail().check(self.organization, range).await;
        checked.unwrap()
    }

    async fn findings(&self, anchor: Option<Anchor>) -> Vec<Finding> {
        self.check(anchor).await.report.findings
    }

    /// All entries, newest first.
    async fn entries(&self) -> Vec<AuditEntry> {
        let (trail, mut entries) = (self.trail(), Vec::new());
        let mut query = AuditQuery {
            limit: 200,
            ..AuditQuery::default()
        };
        loop {
            let page = trail.entries(self.organization, &query).await.unwrap();
            entries.extend(page.items);
            let Some(next) = page.next else {
                return entries;
            };
            query.after = Some(next);
        }
    }
}

fn entry(action: &'static str) -> NewAuditEntry {
    NewAuditEntry::new(Actor::user("me"), action, AuditOutcome::Succeeded)
}
