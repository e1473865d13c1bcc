use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::Mutex;

use super::Notifier;
use super::notify::{Paid, awaits};
use super::send;
use crate::domain::alert::{AlertChannel, AlertSetup, ChannelState, NoticeBody};
use crate::domain::{ChannelId, Error, OrganizationId, Timestamp};
use crate::lambda::metrics::Metric;
use crate::store::OwedNotice;

/// After so long nobody needs to be told any more: a try that fails then is the last one.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// One channel may take so long for a group.
const PATIENCE: Duration = Duration::from_secs(30);

impl Notifier {
    /// Sends what nobody else sends meanwhile, by all channels at the same time, and takes off what has
    /// arrived everywhere. What has arrived at one is written at once: it is not sent there again.
    pub(super) async fn send_leased(
        &self,
        setup: &AlertSetup,
        mut leased: Vec<OwedNotice>,
        paid: &mut Paid,
        noting: &Mutex<()>,
    ) -> Result<(), Error> {
        let Some(organization) = leased.first().map(|first| first.organization) else {
            return Ok(());
        };
        let mut sends = FuturesUnordered::new();
        for channel in &setup.channels {
            let wanted = leased.iter().filter(|notice| awaits(notice, channel.id));
            let wanted: Vec<OwedNotice> = wanted.cloned().collect();
            if !wanted.is_empty() {
                sends.push(Box::pin(self.send_one(channel, wanted)));
            }
        }
        let mut failed = None;
        while let Some((channel, sent)) = sends.next().await {
            if sent.is_ok() {
                let noted = self.arrived(channel.id, &mut leased, paid).await;
                failed = noted.err().or(failed);
            }
            let _alone = noting.lock().await;
            self.note(organization, channel, sent.err()).await;
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let now = self.sources.now();
        for notice in leased.iter().filter(|notice| !is_told(notice)) {
            if now.since(notice.owed_at) < GIVE_UP_AFTER {
                paid.waiting += 1;
                continue;
            }
            self.store.settle_notice(notice).await?;
            let left = notice.channels.iter().flatten().copied().collect();
            let _alone = noting.lock().await;
            self.give_up(organization, &left).await?;
            paid.dropped += 1;
        }
        Ok(())
    }

    async fn send_one<'a>(
        &self,
        channel: &'a AlertChannel,
        wanted: Vec<OwedNotice>,
    ) -> (&'a AlertChannel, Result<(), &'static str>) {
        let organization = wanted.first().map(|first| first.organization);
        let (bodies, ids): (Vec<NoticeBody>, Vec<_>) = wanted
            .into_iter()
            .map(|notice| (notice.body, notice.id))
            .unzip();
        let Some(organization) = organization else {
            return (channel, Ok(()));
        };
        let sending = Box::pin(send::send(self, (organization, channel), &bodies, &ids));
        let sent = tokio::time::timeout(PATIENCE, sending).await;
        (channel, sent.unwrap_or(Err("timeout")))
    }

    /// Writes that a channel has got what it awaited, as far as nobody else has taken it over meanwhile.
    async fn arrived(
        &self,
        channel: ChannelId,
        leased: &mut [OwedNotice],
        paid: &mut Paid,
    ) -> Result<(), Error> {
        let got = leased.iter_mut().filter(|notice| awaits(notice, channel));
        let (mut told, mut left) = (Vec::new(), Vec::new());
        for notice in got {
            if let Some(channels) = &mut notice.channels {
                channels.remove(&channel);
            }
            if is_told(notice) {
                told.push(&*notice);
            } else {
                left.push(&*notice);
            }
        }
        let settled = told.into_iter().map(async |notice| {
            self.store.settle_notice(notice).await?;
            let now = self.sources.now();
            self.metrics.count(Metric::AlertNoticesSent, now);
            Ok::<(), Error>(())
        });
        let settled = futures::future::try_join_all(settled);
        let kept = left.into_iter().map(async |notice| {
            let same = std::slice::from_ref(notice);
            self.store.move_notices(same, same).await?;
            Ok::<(), Error>(())
        });
        let kept = futures::future::try_join_all(kept);
        let (settled, _) = Box::pin(futures::future::try_join(settled, kept)).await?;
        paid.told += settled.len();
        Ok(())
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

fn is_told(notice: &OwedNotice) -> bool {
    notice.channels.as_ref().is_none_or(BTreeSet::is_empty)
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
