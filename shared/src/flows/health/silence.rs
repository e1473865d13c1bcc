use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::health::{
    CheckKind, CheckState, Checked, HOURS_OF_HISTORY, RollUp, Width, silence_checked,
};
use crate::domain::{EndpointId, IntegrationId, OrganizationId, Timestamp};
use crate::store::{Store, StoreError};

/// More endpoints than an integration may have.
const ALL: u16 = 1_000;
/// What happened in the last minutes is not rolled up yet.
const BEHIND: Duration = Duration::from_secs(10 * 60);

/// Whether endpoints that usually receive webhooks still do; none, if none has enough of a history.
pub(super) async fn webhooks(
    store: &Store,
    (organization, integration): (OrganizationId, IntegrationId),
    now: Timestamp,
) -> Result<Option<Checked>, StoreError> {
    let endpoints = store.endpoints(organization, integration, ALL, None);
    let endpoints: Vec<EndpointId> = endpoints
        .await?
        .items
        .into_iter()
        .filter(|stored| stored.item.status == crate::domain::EndpointStatus::Active)
        .map(|stored| stored.item.id)
        .collect();
    if endpoints.is_empty() {
        return Ok(None);
    }
    let judged_at = now.minus(BEHIND);
    let from = judged_at.minus(Width::Hour.duration() * HOURS_OF_HISTORY);
    let hours = store.roll_ups(organization, integration, Width::Hour, (from, now), now);
    Ok(judge(&endpoints, &hours.await?, judged_at))
}

fn judge(endpoints: &[EndpointId], hours: &[RollUp], now: Timestamp) -> Option<Checked> {
    let mut found = Vec::new();
    for endpoint in endpoints {
        let by_hour: BTreeMap<Timestamp, u64> = hours
            .iter()
            .filter_map(|hour| Some((hour.start, *hour.webhooks.by_endpoint.get(endpoint)?)))
            .collect();
        found.extend(silence_checked(&by_hour, now).map(|checked| Checked {
            endpoint_id: Some(*endpoint),
            ..checked
        }));
    }
    let silent = found
        .iter()
        .filter(|checked| checked.state == CheckState::Failed)
        .count();
    let worst = found.into_iter().max_by_key(|checked| checked.state)?;
    Some(match silent {
        0 => Checked {
            endpoint_id: None,
            ..worst
        },
        1 => worst,
        several => Checked {
            kind: CheckKind::Webhooks,
            message: format!(
                "{several} endpoints are silent; of the first: {}",
                worst.message
            ),
            ..worst
        },
    })
}
