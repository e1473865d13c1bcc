use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::send;
use crate::domain::alert::{
    AlertChannel, AlertEvent, AlertNotice, AlertSetup, ChannelState, NoticeBody, SilenceEffect,
};
use crate::domain::{ChannelId, Error, OrganizationId, Sources, Timestamp};
use crate::flows::outbound::Outbound;
use crate::lambda::metrics::{Metric, Metrics};
use crate::queue::Queue;
use crate::store::{MAX_NOTICES, OwedNotice, Store};

/// The most notices of one partition that are sent in one run.
const LIMIT: u16 = 100;
/// The first time until another try; doubled with each.
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// After so long nobody needs to be told any more.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Tells people what they are owed. Cheap to clone.
///
/// At least once: what is sent was moved to its next try before, and is taken off afterwards. So one that
/// dies while it sends is followed by the next, and of two that meet one sends.
#[derive(Clone)]
pub struct Notifier {
    pub(super) store: Store,
    pub(super) outbound: Outbound,
    /// The queue of events, by which destinations are told.
    pub(super) events: Queue,
    pub(super) sources: Sources,
    metrics: Metrics,
    /// Who calls providers, in their words.
    pub(super) function: &'static str,
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").finish_non_exhaustive()
    }
}

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paid {
    /// So many notices reached all channels that want them.
    pub told: usize,
    /// So many are tried again, or wait for a silence to end.
    pub waiting: usize,
    /// So many are not sent: nobody wants them, they are over, or they were tried for a day.
    pub dropped: usize,
}

/// What becomes of a notice.
enum Verdict {
    Send(OwedNotice),
    /// Not before then.
    Wait(Timestamp),
    Drop,
}

impl Notifier {
    /// Tells by `outbound`, and destinations by `events`, in the name of `function`.
    #[must_use]
    pub fn new(
        (store, outbound): (Store, Outbound),
        events: Queue,
        sources: Sources,
        metrics: Metrics,
        function: &'static str,
    ) -> Self {
        Self {
            store,
            outbound,
            events,
            sources,
            metrics,
            function,
        }
    }

    /// Sends what is due, of all organizations, and begins with nothing more after `until`. What fails for
    /// one does not keep others waiting.
    ///
    /// # Errors
    ///
    /// If it cannot be read what is due.
    pub async fn pay(&self, until: Timestamp) -> Result<Paid, Error> {
        let due = self.store.due_notices(self.sources.now(), LIMIT).await?;
        let mut paid = Paid::default();
        for of_one in due.chunk_by(|one, next| one.organization == next.organization) {
            for group in of_one.chunks(MAX_NOTICES) {
                if self.sources.now() > until {
                    return Ok(paid);
                }
                if let Err(error) = Box::pin(self.pay_group(group, &mut paid)).await {
                    // They stand where they stood, or where they are tried again.
                    paid.waiting += group.len();
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "what people are owed is told later"
                    );
                }
            }
        }
        Ok(paid)
    }

    async fn pay_group(&self, group: &[OwedNotice], paid: &mut Paid) -> Result<(), Error> {
        let Some(organization) = group.first().map(|first| first.organization) else {
            return Ok(());
        };
        let setup = self.store.alert_setup(organization).await?.item;
        let now = self.sources.now();
        let (mut before, mut leased) = (Vec::new(), Vec::new());
        for notice in group {
            match self.verdict(&setup, notice, now).await? {
                Verdict::Send(next) => {
                    before.push(notice.clone());
                    leased.push(next);
                }
                Verdict::Wait(until) => {
                    let later = OwedNotice {
                        due_at: until,
                        owed_at: until,
                        was_muted: true,
                        ..notice.clone()
                    };
                    self.store
                        .move_notices(std::slice::from_ref(notice), &[later])
                        .await?;
                    paid.waiting += 1;
                }
                Verdict::Drop => {
                    self.store.settle_notice(notice).await?;
                    paid.dropped += 1;
                }
            }
        }
        if before.is_empty() || !self.store.move_notices(&before, &leased).await? {
            return Ok(());
        }
        self.send_leased(&setup, leased, paid).await
    }

    /// Sends what nobody else sends meanwhile, and takes off what has arrived everywhere.
    async fn send_leased(
        &self,
        setup: &AlertSetup,
        mut leased: Vec<OwedNotice>,
        paid: &mut Paid,
    ) -> Result<(), Error> {
        for channel in &setup.channels {
            let (bodies, ids): (Vec<NoticeBody>, Vec<_>) = leased
                .iter()
                .filter(|notice| awaits(notice, channel.id))
                .map(|notice| (notice.body.clone(), notice.id))
                .unzip();
            let Some(organization) = leased.first().map(|first| first.organization) else {
                return Ok(());
            };
            if bodies.is_empty() {
                continue;
            }
            let sent = send::send(self, (organization, channel), &bodies, &ids).await;
            self.note(organization, channel, sent.as_ref().err().copied())
                .await;
            if sent.is_ok() {
                for notice in &mut leased {
                    notice.channels = notice.channels.take().map(|mut left| {
                        left.remove(&channel.id);
                        left
                    });
                }
            }
        }
        for notice in &leased {
            if notice.channels.as_ref().is_none_or(BTreeSet::is_empty) {
                self.store.settle_notice(notice).await?;
                self.metrics
                    .count(Metric::AlertNoticesSent, self.sources.now());
                paid.told += 1;
            } else {
                let same = std::slice::from_ref(notice);
                self.store.move_notices(same, same).await?;
                paid.waiting += 1;
            }
        }
        Ok(())
    }

    async fn verdict(
        &self,
        setup: &AlertSetup,
        notice: &OwedNotice,
        now: Timestamp,
    ) -> Result<Verdict, Error> {
        let left = wanting(setup, notice);
        if left.is_empty() {
            return Ok(Verdict::Drop);
        }
        if now.since(notice.owed_at) >= GIVE_UP_AFTER {
            self.give_up(notice.organization, &left).await?;
            return Ok(Verdict::Drop);
        }
        if let NoticeBody::Alert(said) = &notice.body
            && said.event == AlertEvent::Firing
        {
            if let Some(until) = muted_until(setup, said, now) {
                return Ok(Verdict::Wait(until));
            }
            if notice.was_muted && self.is_over(notice.organization, said, now).await? {
                return Ok(Verdict::Drop);
            }
        }
        let wait = FIRST_WAIT
            .saturating_mul(
                1_u32
                    .checked_shl(notice.attempts.into())
                    .unwrap_or(u32::MAX),
            )
            .min(LONGEST_WAIT);
        Ok(Verdict::Send(OwedNotice {
            due_at: now.plus(wait),
            channels: Some(left),
            attempts: notice.attempts.saturating_add(1),
            ..notice.clone()
        }))
    }

    /// Whether an alert is over that nobody has heard of.
    async fn is_over(
        &self,
        organization: OrganizationId,
        said: &AlertNotice,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let found = self.store.alert(organization, said.alert_id, now).await?;
        Ok(found.is_none_or(|found| !found.item.is_open()))
    }

    async fn give_up(
        &self,
        organization: OrganizationId,
        left: &BTreeSet<ChannelId>,
    ) -> Result<(), Error> {
        let now = self.sources.now();
        for channel in left {
            let state = self.store.channel_state(organization, *channel).await?;
            let state = ChannelState {
                given_up: state.given_up.saturating_add(1),
                ..state
            };
            let put = (self.store).put_channel_state(organization, *channel, &state, now);
            put.await?;
            self.metrics.count(Metric::AlertNoticesLost, now);
            tracing::error!(
                channel.id = %channel,
                organization.id = %organization,
                "{channel} has failed for a day: a notice of an alert is given up"
            );
        }
        Ok(())
    }

    /// Makes visible how a channel fares. It must not keep others from being told.
    async fn note(
        &self,
        organization: OrganizationId,
        channel: &AlertChannel,
        error: Option<&'static str>,
    ) {
        let (id, now) = (channel.id, self.sources.now());
        if let Some(code) = error {
            self.metrics
                .count_for(Metric::AlertNoticesRetried, code, now);
            tracing::warn!(
                channel.id = %id,
                organization.id = %organization,
                code,
                "{id} could not be told of alerts: {code}"
            );
        }
        let noted = async {
            let before = self.store.channel_state(organization, id).await?;
            let state = fared(before, error, now);
            (self.store)
                .put_channel_state(organization, id, &state, now)
                .await
        };
        if let Err(error) = noted.await {
            tracing::warn!(
                channel.id = %id,
                error = &error as &dyn std::error::Error,
                "how {id} fares could not be noted"
            );
        }
    }
}

/// How a channel fares after it was used once more.
fn fared(before: ChannelState, error: Option<&'static str>, now: Timestamp) -> ChannelState {
    match error {
        None => ChannelState {
            last_sent_at: Some(now),
            failures: 0,
            given_up: 0,
            ..before
        },
        Some(code) => ChannelState {
            last_failed_at: Some(now),
            last_error: Some(code.to_owned()),
            failures: before.failures.saturating_add(1),
            ..before
        },
    }
}

fn awaits(notice: &OwedNotice, channel: ChannelId) -> bool {
    let left = notice.channels.as_ref();
    left.is_some_and(|left| left.contains(&channel))
}

/// The channels that want a notice, and have not got it.
fn wanting(setup: &AlertSetup, notice: &OwedNotice) -> BTreeSet<ChannelId> {
    let wants = |channel: &&AlertChannel| {
        let is_left = notice.channels.is_none() || awaits(notice, channel.id);
        is_left
            && match &notice.body {
                NoticeBody::Alert(said) => channel.wants(said),
                // Whoever runs a playbook wants it said: everybody hears of it.
                NoticeBody::Playbook(_) => channel.enabled,
                // A test is for whoever asks for it, be the channel in use or not.
                NoticeBody::Test {
                    channel: wanted, ..
                } => *wanted == channel.id,
            }
    };
    let channels = setup.channels.iter().filter(wants);
    channels.map(|channel| channel.id).collect()
}

fn muted_until(setup: &AlertSetup, said: &AlertNotice, now: Timestamp) -> Option<Timestamp> {
    let alert = (said.integration_id, said.kind, said.severity);
    setup.silenced_until(SilenceEffect::Mute, alert, now)
}
