//! Sends what was changed here of a record to its provider.
//!
//! What it guarantees:
//! - One call at a time for one record: a lease is written before the call, for longer than the call may
//!   take. What is sent is always what the record holds then, against what both sides last agreed on: so
//!   an earlier change is never sent after a later one.
//! - What the provider has accepted is struck off only as far as it was sent: what was written meanwhile
//!   stays pending, over what was sent as the new base.
//! - A change or a deletion that may have been done is sent again: that comes to the same. A create is,
//!   only if the provider recognises the repetition by its key; else it is left to a person.
//! - Every failure is either tried again, with growing waits, for three days; or kept with the record, to
//!   be seen, until the record is changed again or somebody asks.
//!
//! What it does not: a create whose answer was lost, at a provider that does not know idempotency keys, may
//! have been done. The record that it made comes in by the next list, beside ours.

mod attempt;
mod call;
mod settle;

use std::fmt;
use std::time::Duration;

use super::settings::EntitySettings;
use super::{Kind, Records};
use crate::domain::sync::conflict::Change;
use crate::domain::sync::{
    EntityName, EntitySync, Observation, OutgoingCall, PushError, PushFailure, PushStep,
    RecordPush, Standing, StartedCreate,
};
use crate::domain::{Digest, Error, IntegrationId, OrganizationId, Sources, Timestamp};
use crate::flows::outbound::Outbound;
use crate::lambda::metrics::{Metric, Metrics};
use crate::queue::{SyncMessage, SyncQueue};
use crate::store::{RecordRef, Store, Versioned};

use call::Outcome;

/// How long nobody else calls the provider for the record: longer than a function may run.
const LEASE: Duration = Duration::from_secs(180);
/// The longest wait before the first repetition; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest that is waited, as the queue can hide a message no longer.
const LONGEST_WAIT: Duration = Duration::from_secs(900);
/// By so much the clocks of two functions may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(25);
/// So often a change is sent again that the provider refuses because the record has changed there.
const CLASHES: u16 = 6;

/// Sends changes of records to providers. Cheap to clone.
#[derive(Clone)]
pub struct Pusher {
    store: Store,
    records: Records,
    queue: SyncQueue,
    outbound: Outbound,
    metrics: Metrics,
    sources: Sources,
}

impl fmt::Debug for Pusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pusher").finish_non_exhaustive()
    }
}

/// A record of which something may have to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordDue {
    /// Who owns the integration.
    pub organization: OrganizationId,
    /// The integration.
    pub integration: IntegrationId,
    /// The kind of record.
    pub entity: EntityName,
    /// The digest of its id.
    pub record: Digest,
}

impl RecordDue {
    pub(super) fn at(&self) -> RecordRef {
        RecordRef {
            organization: self.organization,
            integration: self.integration,
            entity: self.entity.digest(),
            record: self.record,
        }
    }

    fn kind<'a>(&'a self, rules: &'a EntitySync) -> Kind<'a> {
        Kind {
            organization: self.organization,
            integration: self.integration,
            entity: &self.entity,
            rules,
        }
    }

    fn push(&self) -> SyncMessage {
        SyncMessage::Push {
            organization: self.organization,
            integration: self.integration,
            entity: self.entity.clone(),
            record: self.record,
        }
    }
}

/// One try to send what waits of a record.
struct Attempt<'a> {
    due: &'a RecordDue,
    settings: Settings<'a>,
    standing: Standing,
    /// The lease, as it was written.
    push: Versioned<RecordPush>,
    /// What is sent, and the version of the record that it is of.
    change: Change,
    version: u64,
}

/// What is said of the kind of record.
#[derive(Clone, Copy)]
struct Settings<'a> {
    rules: &'a EntitySync,
    /// How it is listed, if somebody says so.
    listed: Option<&'a EntitySettings>,
}

impl Pusher {
    /// Sends changes that `records` has by `outbound`, and what is to come later by `queue`; counts by
    /// `metrics` what is given up.
    #[must_use]
    pub fn new(
        (store, records): (Store, Records),
        queue: SyncQueue,
        outbound: Outbound,
        metrics: Metrics,
        sources: Sources,
    ) -> Self {
        Self {
            store,
            records,
            queue,
            outbound,
            metrics,
            sources,
        }
    }

    /// Sends what waits of a record. Trouble that passes sends the message again for later.
    ///
    /// # Errors
    ///
    /// If the table, the queue or the vault does not answer: the message is to come again.
    pub async fn push(&self, due: &RecordDue) -> Result<(), Error> {
        let open = match self.outbound.open(due.organization, due.integration).await {
            Ok(open) => open,
            Err(Error::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let rules = EntitySettings::rules(&open.integration, &due.entity)?;
        let listed = EntitySettings::of(&open.integration, &due.entity).ok();
        let settings = Settings {
            rules: &rules,
            listed: listed.as_ref(),
        };
        let kind = due.kind(&rules);
        let Some(standing) = self.records.standing(kind, due.record).await? else {
            return Ok(());
        };
        let push = self.store.record_push(due.at()).await?;
        let change = match standing.to_push(&rules) {
            PushStep::Nothing => return self.forget(due, &push).await,
            PushStep::Waits => return Ok(()),
            PushStep::Agreed => {
                self.strike_off(kind, due, &standing).await?;
                return self.forget(due, &push).await;
            }
            PushStep::Create(fields) => Change::Create(fields),
            PushStep::Update(change) => change,
            PushStep::Delete => Change::Delete,
        };
        let now = self.sources.now();
        let version = standing.head.version;
        if push.item.has_given_up(version) {
            return Ok(());
        }
        if let Some(rest) = push.item.tried_in(version, now) {
            // Near to it, this may be the message that tries again, and the clock of who sent it fast.
            if rest <= CLOCKS_DIFFER {
                self.later(due, rest).await?;
            }
            return Ok(());
        }
        if let Some(until) = push.item.leased_until.filter(|until| now < *until) {
            return self.later(due, until.since(now)).await;
        }
        let attempt = Attempt {
            due,
            settings,
            standing,
            push,
            change,
            version,
        };
        self.attempt(attempt, open.as_ref()).await
    }

    /// Has what could not be sent of a record sent again.
    ///
    /// # Errors
    ///
    /// If the table or the queue does not answer.
    pub async fn ask(&self, due: &RecordDue) -> Result<(), Error> {
        ask(&self.store, &self.queue, due, self.sources.now()).await
    }

    async fn attempt(
        &self,
        mut attempt: Attempt<'_>,
        open: &crate::flows::outbound::OpenIntegration,
    ) -> Result<(), Error> {
        let now = self.sources.now();
        if matches!(attempt.change, Change::Create(_))
            && let Some(started) = attempt.push.item.create
        {
            // It is made again as it was, or not at all.
            let content = attempt.content_of(started.version);
            let Some(content) = content.filter(|_| started.can_be_repeated(now)) else {
                let error = attempt.error("outcome_unknown", now);
                return self.failed(&attempt, error, &PushFailure::Unknown).await;
            };
            attempt.version = started.version;
            attempt.change = Change::Create(content);
        }
        let outgoing = match attempt.outgoing() {
            Ok(outgoing) => outgoing,
            Err(error) => {
                let error = attempt.error(error.code(), now);
                return self.failed(&attempt, error, &PushFailure::Stays).await;
            }
        };
        let recognised = call::is_recognised(open, &outgoing);
        if !self.lease(&mut attempt, recognised, now).await? {
            // Another was faster.
            return self.later(attempt.due, FIRST_WAIT).await;
        }
        match Box::pin(self.call(&attempt, &outgoing, recognised)).await? {
            Outcome::Accepted(answer) => self.accepted(&attempt, *answer).await,
            Outcome::Gone(at) => self.gone(&attempt, at).await,
            Outcome::Clash(error) => self.clash(attempt, error).await,
            Outcome::Failed(error, failure) => self.failed(&attempt, error, &failure).await,
        }
    }

    /// Writes down that the provider is called now. Whether nobody else has.
    async fn lease(
        &self,
        attempt: &mut Attempt<'_>,
        recognised: bool,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let before = &attempt.push;
        let create = matches!(attempt.change, Change::Create(_)).then(|| {
            before.item.create.unwrap_or(StartedCreate {
                version: attempt.version,
                started_at: now,
                recognised,
            })
        });
        let leased = RecordPush {
            leased_until: Some(now.plus(LEASE)),
            create,
            ..before.item.clone()
        };
        let at = attempt.due.at();
        let written = self
            .store
            .write_record_push(at, leased.clone(), before.version, now);
        let Some(version) = written.await? else {
            return Ok(false);
        };
        attempt.push = Versioned::new(leased, version);
        Ok(true)
    }

    /// Keeps what went wrong, and sees to it that it is tried again, if that may help.
    async fn failed(
        &self,
        attempt: &Attempt<'_>,
        error: PushError,
        failure: &PushFailure,
    ) -> Result<(), Error> {
        let now = error.at;
        let (integration, entity) = (attempt.due.integration, &attempt.due.entity);
        let (code, status, reason) = (error.code.clone(), error.status, error.reason());
        let (mut push, again) = attempt.push.item.clone().failed(error, failure);
        tracing::warn!(
            integration.id = %integration,
            %entity,
            record = %attempt.due.record,
            code,
            status,
            again,
            "a change of a record was not taken by {integration}"
        );
        let failures = u32::from(push.failures);
        if again {
            let after = match failure {
                PushFailure::Passes(after) => after.unwrap_or_default(),
                PushFailure::Stays | PushFailure::Unknown => Duration::ZERO,
            };
            let most = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(failures.min(10)));
            let wait = most
                .min(LONGEST_WAIT)
                .mul_f64(self.sources.randomness.fraction());
            let wait = wait.max(after).min(LONGEST_WAIT);
            push.retry_at = Some(now.plus(wait));
            self.later(attempt.due, wait).await?;
        }
        let (at, version) = (attempt.due.at(), attempt.push.version);
        let written = self.store.write_record_push(at, push, version, now);
        // If another has taken over, it knows more.
        if written.await?.is_some() && !again {
            self.metrics.count_for(Metric::PushesFailed, reason, now);
        }
        Ok(())
    }

    /// The provider has refused because the record is another there: what it is now is read, settled with
    /// what waits here, and sent again.
    async fn clash(&self, mut attempt: Attempt<'_>, error: PushError) -> Result<(), Error> {
        let attempt = &mut attempt;
        attempt.push.item.clashes = attempt.push.item.clashes.saturating_add(1);
        if attempt.push.item.clashes > CLASHES {
            return self.failed(attempt, error, &PushFailure::Stays).await;
        }
        let Ok(read) = OutgoingCall::read(&attempt.standing.body.id, attempt.settings.rules) else {
            return self.failed(attempt, error, &PushFailure::Stays).await;
        };
        match Box::pin(self.look(attempt, &attempt.standing.body.id, &read)).await? {
            Ok(seen) => {
                self.observe(attempt, seen).await?;
                self.failed(attempt, error, &PushFailure::Passes(None))
                    .await
            }
            Err((error, failure)) => self.failed(attempt, error, &failure).await,
        }
    }

    async fn observe(&self, attempt: &Attempt<'_>, seen: Observation) -> Result<(), Error> {
        let kind = attempt.due.kind(attempt.settings.rules);
        self.records.apply(kind, &[seen]).await?;
        Ok(())
    }

    async fn later(&self, due: &RecordDue, wait: Duration) -> Result<(), Error> {
        self.queue.send(&due.push(), wait).await?;
        Ok(())
    }

    async fn forget(&self, due: &RecordDue, push: &Versioned<RecordPush>) -> Result<(), Error> {
        if push.version == 0 || push.item.is_leased(self.sources.now()) {
            return Ok(());
        }
        match self.store.forget_record_push(due.at(), push.version).await {
            // Another has begun something meanwhile.
            Err(crate::store::StoreError::Conflict) => Ok(()),
            ended => Ok(ended?),
        }
    }
}

/// Has what could not be sent of a record sent again.
pub(super) async fn ask(
    store: &Store,
    queue: &SyncQueue,
    due: &RecordDue,
    now: Timestamp,
) -> Result<(), Error> {
    let push = store.record_push(due.at()).await?;
    if push.version > 0 && !push.item.is_leased(now) {
        let (asked, version) = (push.item.asked(now), push.version);
        store
            .write_record_push(due.at(), asked, version, now)
            .await?;
    }
    queue.send(&due.push(), Duration::ZERO).await?;
    Ok(())
}
