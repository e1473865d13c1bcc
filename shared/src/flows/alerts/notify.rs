use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::Mutex;

use super::ASK_AGAIN;
use crate::domain::alert::{
    AlertChannel, AlertEvent, AlertNotice, AlertSetup, NoticeBody, SilenceEffect,
};
use crate::domain::{ChannelId, Error, NoticeId, OrganizationId, Sources, Timestamp};
use crate::flows::outbound::Outbound;
use crate::lambda::metrics::Metrics;
use crate::queue::Queue;
use crate::store::{MAX_NOTICES, OwedNotice, Store};

/// The most notices of one partition that are sent in one run.
const LIMIT: u16 = 100;
/// The first time until another try; doubled with each.
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// Nobody else sends a group before this is over: longer than the channels of a group may take.
const LEASE: Duration = Duration::from_secs(120);
/// So many organizations are told at the same time, and of one so many groups.
const ORGANIZATIONS: usize = 64;
const GROUPS: usize = 4;
/// No group of an organization is begun with after it took so long.
const BUDGET: Duration = Duration::from_secs(20);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

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
    pub(super) metrics: Metrics,
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
    /// So many are not sent: nobody wants them, they are over, or no try of a day reached anybody.
    pub dropped: usize,
}

impl Paid {
    const fn and(self, other: Self) -> Self {
        Self {
            told: self.told.saturating_add(other.told),
            waiting: self.waiting.saturating_add(other.waiting),
            dropped: self.dropped.saturating_add(other.dropped),
        }
    }
}

/// What becomes of a notice.
enum Verdict {
    Send(OwedNotice),
    /// Not before then, as far as is known now.
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

    /// Sends what is due, of all organizations at the same time, and begins with nothing more after `until`.
    /// What fails for one, or is slow, keeps no other waiting.
    ///
    /// # Errors
    ///
    /// If it cannot be read what is due.
    pub async fn pay(&self, until: Timestamp) -> Result<Paid, Error> {
        let mut paid = Paid::default();
        let mut seen = HashSet::new();
        while self.sources.now() <= until {
            let due = self.store.due_notices(self.sources.now(), LIMIT).await?;
            let new = due.iter().filter(|notice| seen.insert(notice.id)).count();
            if new == 0 {
                break;
            }
            let each = of_organizations(due).into_values();
            let each = each.map(|groups| Box::pin(self.pay_one(groups, until)));
            let ends = futures::stream::iter(each).buffer_unordered(ORGANIZATIONS);
            paid = ends.fold(paid, async |sum, one| sum.and(one)).await;
        }
        Ok(paid)
    }

    /// Sends what one organization is owed, as far as its time goes.
    async fn pay_one(&self, groups: Vec<Vec<OwedNotice>>, until: Timestamp) -> Paid {
        let until = until.min(self.sources.now().plus(BUDGET));
        // How a channel fares is read and written: by one group at a time.
        let noting = Mutex::new(());
        let each = groups.into_iter();
        let each = each.map(|group| Box::pin(self.pay_in_time(group, until, &noting)));
        let ends = futures::stream::iter(each).buffer_unordered(GROUPS);
        ends.fold(Paid::default(), async |sum, one| sum.and(one))
            .await
    }

    async fn pay_in_time(
        &self,
        group: Vec<OwedNotice>,
        until: Timestamp,
        noting: &Mutex<()>,
    ) -> Paid {
        let mut paid = Paid::default();
        if self.sources.now() > until {
            return paid;
        }
        if let Err(error) = Box::pin(self.pay_group(&group, &mut paid, noting)).await {
            // They stand where they stood, or where they are tried again.
            paid.waiting += group.len();
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "what people are owed is told later"
            );
        }
        paid
    }

    async fn pay_group(
        &self,
        group: &[OwedNotice],
        paid: &mut Paid,
        noting: &Mutex<()>,
    ) -> Result<(), Error> {
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
                        // Whether the silence still holds is asked again before it is to end.
                        due_at: until.min(now.plus(ASK_AGAIN)),
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
        let first = leased.first().map(|first| first.id);
        for notice in &mut leased {
            notice.group = notice.group.or(first);
        }
        if before.is_empty() || !self.store.move_notices(&before, &leased).await? {
            return Ok(());
        }
        Box::pin(self.send_leased(&setup, leased, paid, noting)).await
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
        if let NoticeBody::Alert(said) = &notice.body
            && said.event != AlertEvent::Resolved
        {
            let is_beginning = said.event == AlertEvent::Firing;
            let muted_until = muted_until(setup, said, now).filter(|_| is_beginning);
            if let Some(until) = muted_until {
                return Ok(Verdict::Wait(until));
            }
            // That it is over is, perhaps, told by now: whoever hears of its beginning after that waits for
            // an end that does not come.
            let is_late = notice.was_muted || notice.attempts > 0;
            if is_late && self.is_over(notice.organization, said, now).await? {
                return Ok(Verdict::Drop);
            }
        }
        let wait = FIRST_WAIT
            .saturating_mul(
                1_u32
                    .checked_shl(notice.attempts.into())
                    .unwrap_or(u32::MAX),
            )
            .clamp(LEASE, LONGEST_WAIT);
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
}

pub(super) fn awaits(notice: &OwedNotice, channel: ChannelId) -> bool {
    let left = notice.channels.as_ref();
    left.is_some_and(|left| left.contains(&channel))
}

/// What is due, by organization, in groups that are sent as one: those that were before, and what is new.
fn of_organizations(due: Vec<OwedNotice>) -> BTreeMap<OrganizationId, Vec<Vec<OwedNotice>>> {
    let mut groups: BTreeMap<(OrganizationId, Option<NoticeId>), Vec<OwedNotice>> = BTreeMap::new();
    for notice in due {
        let place = (notice.organization, notice.group);
        groups.entry(place).or_default().push(notice);
    }
    let mut each: BTreeMap<OrganizationId, Vec<Vec<OwedNotice>>> = BTreeMap::new();
    for ((organization, _), group) in groups {
        let parts = group.chunks(MAX_NOTICES).map(<[OwedNotice]>::to_vec);
        each.entry(organization).or_default().extend(parts);
    }
    each
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
