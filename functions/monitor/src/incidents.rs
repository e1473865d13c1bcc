//! What follows from an alert: an incident that it belongs to, and what is started for that by itself.

use std::time::Duration;

use gatehouse::domain::alert::Alert;
use gatehouse::domain::incident::RaisedAlert;
use gatehouse::domain::{Error, Integration, Timestamp};
use gatehouse::lambda::telemetry::chain;

use crate::State;

/// How often is looked for alerts that have no incident.
const EVERY_MINUTES: i64 = 5;
/// An alert that fired so long ago belongs to an incident, or never will.
const RECENT: Duration = Duration::from_secs(60 * 60);

/// Whether a look at this instant looks for alerts that have no incident, too.
pub(crate) fn is_time(at: Timestamp) -> bool {
    at.as_second().div_euclid(60) % EVERY_MINUTES == 0
}

/// Hands alerts that have turned to incidents. What fails is made up for by [`catch_up`].
pub(crate) async fn hand_over(state: &State, turned: &[Alert]) {
    for alert in turned.iter().filter(|alert| alert.is_open()) {
        if let Err(error) = Box::pin(taken(state, alert)).await {
            let id = alert.id;
            tracing::error!(alert.id = %id, cause = chain(&error), "{id} has no incident yet");
        }
    }
}

/// Hands over the alerts of an integration that fired lately, and are not over: those whose function died
/// before it could.
pub(crate) async fn catch_up(state: &State, integration: &Integration, now: Timestamp) {
    let caught_up = async {
        let (organization, id) = (integration.organization_id, integration.id);
        let book = state.store.alert_book(organization, id).await?.item;
        for id in book.rules.values().filter_map(|rule| rule.alert) {
            let found = state.store.alert(organization, id, now).await?;
            let recent = found
                .filter(|found| found.item.is_open() && now.since(found.item.started_at) < RECENT);
            if let Some(found) = recent {
                Box::pin(taken(state, &found.item)).await?;
            }
        }
        Ok::<(), Error>(())
    };
    if let Err(error) = caught_up.await {
        let id = integration.id;
        tracing::error!(
            integration.id = %id,
            cause = chain(&error),
            "the alerts of {id} could not be handed to incidents"
        );
    }
}

/// The same alert a second time changes nothing, and a playbook is started once for an incident.
async fn taken(state: &State, alert: &Alert) -> Result<(), Error> {
    let (organization, raised) = (alert.organization_id, RaisedAlert::from(alert));
    let taken = state.incidents.alert(organization, &raised).await?;
    let incident = taken.incident.item;
    state.playbooks.start_for(&incident).await?;
    Ok(())
}
