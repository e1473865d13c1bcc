//! What alerts are to know of an integration, and what becomes of it.

use std::time::Duration;

use gatehouse::catalog;
use gatehouse::domain::alert::{CallWindow, Expiry, HourVolume, Observation, WebhookWindow};
use gatehouse::domain::health::{Check, CheckKind, CheckState, RollUp, Watch, Width};
use gatehouse::domain::{Error, EventStatus, Integration, Timestamp};
use gatehouse::lambda::telemetry::chain;
use gatehouse::store::{Digest, EventQuery, QuotaScope};

use crate::{State, incidents};

/// The calls of so much time are looked at.
const CALLS: Duration = Duration::from_secs(5 * 60);
/// The webhooks of so much.
const WEBHOOKS: Duration = Duration::from_secs(15 * 60);
/// What was given up so long ago is looked for.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// More of it are not counted.
const MOST_GIVEN_UP: u16 = 100;
/// The hour before is looked at in the first minutes of each.
const FIRST_MINUTES: Duration = Duration::from_secs(10 * 60);
/// A limit of less time is used up and free again before anybody could do something.
const LASTING: Duration = Duration::from_secs(60);

/// Looks at an integration with all of its rules. What fails keeps nothing else from being done: the next
/// look sees the same.
pub(crate) async fn look(
    state: &State,
    integration: &Integration,
    watch: &Watch,
    (is_checked, began): (bool, Timestamp),
) -> usize {
    let looked = async {
        let seen = observe(state, integration, watch, (is_checked, began)).await?;
        state.alerts.evaluate(integration, &seen).await
    };
    match Box::pin(looked).await {
        Ok(looked) => {
            incidents::hand_over(state, integration, &looked).await;
            looked.turned.len()
        }
        Err(error) => {
            let id = integration.id;
            tracing::error!(
                integration.id = %id,
                cause = chain(&error),
                "whether {id} needs somebody could not be seen"
            );
            0
        }
    }
}

/// What is known of an integration up to where it is rolled up. What is costly to look for is looked for
/// when it is checked.
async fn observe(
    state: &State,
    integration: &Integration,
    watch: &Watch,
    (is_checked, began): (bool, Timestamp),
) -> Result<Observation, Error> {
    let at = watch.measured_to(began);
    let (organization, id) = (integration.organization_id, integration.id);
    let minutes = (at.minus(WEBHOOKS), at);
    let (gateway, minutes, quota_left, volume) = tokio::try_join!(
        async { Ok(state.store.gateway_state(organization, id).await?) },
        async {
            let read = (state.store).roll_ups(organization, id, Width::Minute, minutes, began);
            Ok(read.await?)
        },
        quota_left(state, integration, began),
        volume(state, integration, (at, began), is_checked),
    )?;
    let mut seen = Observation {
        calls: Some(calls(&minutes, at)),
        is_barred: gateway.item.breaker.is_some(),
        failed_checks: failed(&watch.checks),
        volume,
        quota_left,
        credential_expires_at: credential(integration, &watch.checks),
        certificate_expires_at: certificate(&watch.checks),
        webhooks: Some(webhooks(&minutes)),
        ..Observation::new(at)
    };
    if is_checked {
        seen.dead_letters = Some(given_up(state, integration, began).await?);
        seen.conflicts_waiting = conflicts(state, integration).await?;
    }
    Ok(seen)
}

fn calls(minutes: &[RollUp], at: Timestamp) -> CallWindow {
    let mut all = RollUp::new(Width::Minute, at);
    let from = at.minus(CALLS);
    for minute in minutes.iter().filter(|minute| minute.start >= from) {
        all.requests.merge(&minute.requests);
    }
    let requests = all.requests;
    CallWindow {
        total: requests.succeeded.saturating_add(requests.failed),
        failed: requests.failed,
        p95_ms: requests.durations.quantile_ms(0.95),
    }
}

fn webhooks(minutes: &[RollUp]) -> WebhookWindow {
    let add = |sum: WebhookWindow, minute: &RollUp| WebhookWindow {
        received: sum.received.saturating_add(minute.webhooks.received),
        // What is tried again was not taken the first time.
        failed: sum
            .failed
            .saturating_add(minute.webhooks.failed)
            .saturating_add(minute.webhooks.retrying),
    };
    let none = WebhookWindow {
        received: 0,
        failed: 0,
    };
    minutes.iter().fold(none, add)
}

/// The calls of the last whole hour: once, or a few times, in each.
async fn volume(
    state: &State,
    integration: &Integration,
    (at, began): (Timestamp, Timestamp),
    is_checked: bool,
) -> Result<Option<HourVolume>, Error> {
    let end = Width::Hour.start_of(at);
    if !is_checked && at.since(end) >= FIRST_MINUTES {
        return Ok(None);
    }
    let hour = end.minus(Width::Hour.duration());
    // Of the hour in which it was made it has only a part.
    if hour < integration.created_at {
        return Ok(None);
    }
    let (organization, id) = (integration.organization_id, integration.id);
    let read = (state.store).roll_ups(organization, id, Width::Hour, (hour, end), began);
    let found = read.await?;
    let requests = found.iter().map(|of_hour| of_hour.requests.total);
    Ok(Some(HourVolume {
        hour,
        requests: requests.sum(),
    }))
}

/// The share that is left of the limit of which least is.
async fn quota_left(
    state: &State,
    integration: &Integration,
    now: Timestamp,
) -> Result<Option<f64>, Error> {
    let limits = catalog::limits_of(integration, &catalog::profile_of(integration)).limits();
    if limits.is_empty() {
        return Ok(None);
    }
    let scope = QuotaScope {
        organization: integration.organization_id,
        integration: Some(integration.id),
        route: Digest::of(b""),
    };
    let quota = state.store.quota(scope).await?.item;
    if quota
        .blocked_until(now)
        .is_some_and(|until| until.since(now) >= LASTING)
    {
        return Ok(Some(0.0));
    }
    let free = quota.free(&limits, now);
    let lasting = limits
        .iter()
        .zip(free)
        .filter(|(limit, _)| limit.window >= LASTING);
    let shares = lasting.map(|(limit, free)| f64::from(free) / f64::from(limit.requests.max(1)));
    Ok(shares.min_by(f64::total_cmp))
}

/// How many of the last checks found that it does not work. Some say that it will not for much longer,
/// and webhooks have a rule of their own.
fn failed(checks: &[Check]) -> Option<u32> {
    let of_calls = |check: &&Check| {
        matches!(
            check.found.kind,
            CheckKind::Dns | CheckKind::Tls | CheckKind::Verification | CheckKind::Grant
        )
    };
    let checks: Vec<&Check> = checks.iter().filter(of_calls).collect();
    if checks.is_empty() {
        return None;
    }
    let failed = checks
        .iter()
        .filter(|check| check.found.state == CheckState::Failed);
    Some(u32::try_from(failed.count()).unwrap_or(u32::MAX))
}

fn credential(integration: &Integration, checks: &[Check]) -> Expiry {
    let told = integration
        .credentials
        .as_ref()
        .and_then(|info| info.expires_at);
    match told.or_else(|| expiry(checks, CheckKind::Credential)) {
        Some(end) => Expiry::At(end),
        None => Expiry::Never,
    }
}

fn certificate(checks: &[Check]) -> Expiry {
    expiry(checks, CheckKind::Tls).map_or(Expiry::Unknown, Expiry::At)
}

fn expiry(checks: &[Check], kind: CheckKind) -> Option<Timestamp> {
    let ends = checks.iter().filter(|check| check.found.kind == kind);
    ends.filter_map(|check| check.found.expires_at).min()
}

/// How many events were given up lately, as far as they are among the newest.
async fn given_up(state: &State, integration: &Integration, now: Timestamp) -> Result<u64, Error> {
    let query = EventQuery {
        status: Some(EventStatus::Failed),
        from: Some(now.minus(GIVEN_UP_WITHIN)),
        ..EventQuery::newest(MOST_GIVEN_UP, now)
    };
    let (organization, id) = (integration.organization_id, integration.id);
    let found = state.store.events(organization, id, &query).await?;
    // What tells of alerts raises none: a channel that fails would never come to rest.
    let theirs = found
        .items
        .iter()
        .filter(|event| event.addressee().is_none());
    Ok(u64::try_from(theirs.count()).unwrap_or(u64::MAX))
}

async fn conflicts(state: &State, integration: &Integration) -> Result<Option<u64>, Error> {
    if integration.sync_config.is_none() {
        return Ok(None);
    }
    let (organization, id) = (integration.organization_id, integration.id);
    let states = state.store.entity_states(organization, id).await?;
    Ok(Some(states.iter().map(|one| one.item.open_conflicts).sum()))
}
