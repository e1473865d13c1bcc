//! Looks at what is known of integrations, has alerts fire and resolve, and tells people.
//!
//! An alert changes in one transaction with what people are owed of it: they are told by [`Notifier`],
//! after that, at least once. What is changed is in the audit trail before.

mod evaluate;
mod group;
mod notify;
mod send;
mod settle;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::audit::Trail;
use crate::domain::alert::{Alert, AlertEvent, AlertNotice, AlertSetup, NoticeBody, SilenceEffect};
use crate::domain::{Error, NoticeId, OrganizationId, Sources, Timestamp};
use crate::lambda::WarmCache;
use crate::lambda::metrics::Metrics;
use crate::store::{OwedNotice, Store};

pub use self::evaluate::Looked;
pub use self::notify::{Notifier, Paid};
pub use self::settle::Settlement;

/// How long is remembered how an organization wants its alerts.
const MAX_AGE: Duration = Duration::from_secs(10);
const CAPACITY: usize = 1_000;
/// Whether a silence that holds something back still does is asked this often.
const ASK_AGAIN: Duration = Duration::from_secs(5 * 60);
/// How often is decided anew if somebody else has written meanwhile.
const TRIES: usize = 8;

/// Alerts of all organizations. Cheap to clone; clones share what they remember.
#[derive(Clone)]
pub struct Alerts {
    store: Store,
    trail: Trail,
    sources: Sources,
    metrics: Metrics,
    setups: Arc<WarmCache<OrganizationId, Arc<AlertSetup>>>,
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alerts").finish_non_exhaustive()
    }
}

impl Alerts {
    /// Alerts in `store`; what happens to them by itself is recorded in `trail`.
    #[must_use]
    pub fn new(store: Store, trail: Trail, sources: Sources, metrics: Metrics) -> Self {
        Self {
            store,
            trail,
            sources,
            metrics,
            setups: Arc::new(WarmCache::new(CAPACITY, MAX_AGE)),
        }
    }

    /// How an organization wants its alerts: as it is, or was a few seconds ago.
    async fn setup(&self, organization: OrganizationId) -> Result<Arc<AlertSetup>, Error> {
        let now = self.sources.now();
        if let Some(known) = self.setups.get(&organization, now) {
            return Ok(known);
        }
        let found = Arc::new(self.store.alert_setup(organization).await?.item);
        (self.setups).insert(organization, Arc::clone(&found), now);
        Ok(found)
    }

    /// What people are owed of the last moment of an alert; nothing, if nobody is to be told.
    fn owed(&self, setup: &AlertSetup, alert: &Alert, now: Timestamp) -> Option<OwedNotice> {
        let notice = AlertNotice::of(alert)?;
        // By what holds now: a silence may have ended before its time.
        let silenced = || {
            let alert = (alert.integration_id, alert.kind, alert.severity);
            setup.silenced_until(SilenceEffect::Mute, alert, now)
        };
        let muted_until = alert.muted_until.filter(|until| *until > now);
        let muted_until = muted_until.filter(|_| silenced().is_some());
        let is_beginning = notice.event == AlertEvent::Firing;
        // Nobody has heard of an alert that is muted: nobody hears of its end either.
        if setup.channels.is_empty() || (muted_until.is_some() && !is_beginning) {
            return None;
        }
        Some(OwedNotice {
            id: NoticeId::generate(now, self.sources.randomness.as_ref()),
            organization: alert.organization_id,
            // Whether the silence still holds is asked again before it is to end.
            due_at: muted_until.map_or_else(
                || setup.told_at(now),
                |until| until.min(now.plus(ASK_AGAIN)),
            ),
            body: NoticeBody::Alert(Box::new(notice)),
            channels: None,
            attempts: 0,
            owed_at: muted_until.unwrap_or(now),
            was_muted: muted_until.is_some(),
            group: None,
        })
    }
}
