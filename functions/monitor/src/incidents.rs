//! What follows from an alert: an incident that it belongs to, and what is started for that by itself.

use gatehouse::domain::alert::Alert;
use gatehouse::domain::incident::RaisedAlert;
use gatehouse::domain::{AlertId, Error, Integration};
use gatehouse::flows::alerts::Looked;
use gatehouse::lambda::telemetry::chain;

use crate::State;

/// Hands the alerts of an integration to incidents that none has taken: those that have just fired, and those
/// whose function died before it could. What fails is made up for by the next look.
pub(crate) async fn hand_over(state: &State, integration: &Integration, looked: &Looked) {
    let mut done = Vec::new();
    for id in &looked.owed {
        match Box::pin(handed(state, integration, looked, *id)).await {
            Ok(()) => done.push(*id),
            Err(error) => {
                tracing::error!(alert.id = %id, cause = chain(&error), "{id} has no incident yet");
            }
        }
    }
    if done.is_empty() {
        return;
    }
    let owned = (integration.organization_id, integration.id);
    if let Err(error) = state.alerts.taken(owned, &done).await {
        let id = integration.id;
        tracing::warn!(
            integration.id = %id,
            cause = chain(&error),
            "the alerts of {id} are handed to incidents again"
        );
    }
}

/// One that is over by now needs nobody.
async fn handed(
    state: &State,
    integration: &Integration,
    looked: &Looked,
    id: AlertId,
) -> Result<(), Error> {
    let turned = looked.turned.iter().find(|alert| alert.id == id);
    let alert = match turned {
        Some(alert) => Some(alert.clone()),
        None => {
            let (organization, now) = (integration.organization_id, state.sources.now());
            let found = state.store.alert(organization, id, now).await?;
            found.map(|found| found.item)
        }
    };
    match alert.filter(Alert::is_open) {
        Some(alert) => taken(state, &alert).await,
        None => Ok(()),
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
