use std::time::Duration;

use gatehouse::domain::{AuthConfig, Integration};
use gatehouse::flows::grants::{GrantContext, GrantError, Visited};
use gatehouse::flows::outbound::OpenIntegration;
use gatehouse::lambda::metrics::Metric;
use gatehouse::lambda::telemetry::chain;
use gatehouse::store::DueGrant;
use gatehouse::vault::VaultError;

use crate::{Report, State};

/// How long one grant may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// An integration that cannot be used is looked at again after this.
const UNUSABLE: Duration = Duration::from_secs(60 * 60);

/// Looks at one grant.
pub(crate) async fn visit(state: &State, due: &DueGrant) -> Result<Visited, GrantError> {
    let found = state.store.integration(due.organization, due.integration);
    let Some(found) = found.await? else {
        state.grants.drop_visit(due).await?;
        return Ok(Visited::Dropped);
    };
    match opened(found.item) {
        Some(open) => visit_open(state, due, &open).await,
        None => unusable(state, due).await,
    }
}

fn opened(integration: Integration) -> Option<OpenIntegration> {
    let id = integration.id;
    match OpenIntegration::new(integration) {
        Ok(open) => Some(open),
        Err(error) => {
            tracing::warn!(integration.id = %id, cause = chain(&error), "{id} cannot be used");
            None
        }
    }
}

async fn visit_open(
    state: &State,
    due: &DueGrant,
    open: &OpenIntegration,
) -> Result<Visited, GrantError> {
    let AuthConfig::Oauth2(config) = &open.auth else {
        state.grants.drop_visit(due).await?;
        return Ok(Visited::Dropped);
    };
    let Some(version) = open.integration.credentials.as_ref() else {
        return unusable(state, due).await;
    };
    let (organization, integration) = (due.organization, due.integration);
    let credentials = state
        .credentials
        .get(organization, integration, &version.version);
    let credentials = match credentials.await {
        Ok(credentials) => credentials,
        Err(VaultError::NotFound | VaultError::BeingDeleted) => {
            return unusable(state, due).await;
        }
        Err(error) => return Err(error.into()),
    };
    let context = GrantContext::of(&open.integration, config, &credentials, &open.tls);
    state.grants.visit(due, &context, TIMEOUT).await
}

async fn unusable(state: &State, due: &DueGrant) -> Result<Visited, GrantError> {
    state.grants.put_off_visit(due, UNUSABLE).await?;
    Ok(Visited::Failed)
}

/// Adds what became of a grant to the report, and to the metrics.
pub(crate) fn count(state: &State, visited: &Result<Visited, GrantError>, report: &mut Report) {
    let counted = match visited {
        Ok(Visited::Renewed) => &mut report.renewed,
        Ok(Visited::Early) => &mut report.early,
        Ok(Visited::Failed) => &mut report.failed,
        Ok(Visited::Dropped) => &mut report.dropped,
        Err(_) => &mut report.left,
    };
    *counted = counted.saturating_add(1);
    if matches!(visited, Ok(Visited::Failed) | Err(_)) {
        state
            .metrics
            .count(Metric::GrantsAtRisk, state.sources.now());
    }
}
