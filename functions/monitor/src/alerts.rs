//! What alerts are to know of an integration, and what becomes of it.

use std::time::Duration;

use gatehouse::catalog;
use gatehouse::domain::alert::{
    CallWindow, Expiry, HourVolume, Observation, RotationEnd, WebhookWindow,
};
use gatehouse::domain::health::{Check, CheckKind, CheckState, RollUp, Watch, Width};
use gatehouse::domain::rotation::{Rotation, RotationFailure, RotationState};
use gatehouse::domain::{Error, Event, EventStatus, Integration, Timestamp};
use gatehouse::lambda::telemetry::chain;
use gatehouse::store::{Digest, EventQuery, QuotaScope};

use crate::{State, incidents};

/// The calls of so much time are looked at.
const CALLS: Duration = Duration::from_secs(5 * 60);
/// The webhooks of so much.
const WEBHOOKS: Duration = Duration::from_secs(15 * 60);
/// More of what was given up are not counted.
const MOST_GIVEN_UP: u16 = 100;
/// So many pages are looked through for it, of a thousand events each.
const PAGES: usize = 10;
/// The hour before is looked at in the first minutes of each.
const FIRST_MINUTES: Duration = Duration::from_secs(10 * 60);
/// Of so many rotations the newest is looked for that has ended, and not by a person's word.
const ROTATIONS: u16 = 5;
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
    let (gateway, minutes, quota_left, volume, rotated) = tokio::try_join!(
        async { Ok(state.store.gateway_state(organization, id).await?) },
        async {
            let read = (state.store).roll_ups(organization, id, Width::Minute, minutes, began);
            Ok(read.await?)
        },
        quota_left(state, integration, began),
        volume(state, integration, (at, began), is_checked),
        rotated(state, integration),
    )?;
    let mut seen = Observation {
        calls: Some(calls(&minutes, at)),
        is_barred: gateway.item.breaker.is_some_and(|open| !open.is_held),
        failed_checks: watch.checked_to(began).and_then(|_| failed(&watch.checks)),
        checked_at: watch.checked_to(began),
        volume,
        quota_left,
        credential_expires_at: credential(integration, &watch.checks),
        certificate_expires_at: certificate(&watch.checks),
        last_rotation: rotated.map(|(end, _)| end),
        rotated_at: rotated.map(|(_, at)| at),
        webhooks: Some(WebhookWindow {
            is_silent: watch.checked_to(began).is_some() && is_silent(&watch.checks),
            ..webhooks(&minutes)
        }),
        ..Observation::new(at)
    };
    if is_checked {
        seen.dead_letters = given_up(state, integration, began).await?;
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
        timed: requests.durations.count(),
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
        is_silent: false,
    };
    let none = WebhookWindow {
        received: 0,
        failed: 0,
        is_silent: false,
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

/// How many of the last probes found that it does not work; not known, if some could not be made and no other
/// found that.
fn failed(checks: &[Check]) -> Option<u32> {
    let of_calls = || checks.iter().filter(|check| check.found.is_of_calls());
    let in_state = |state| {
        of_calls()
            .filter(|check| check.found.state == state)
            .count()
    };
    let failed = in_state(CheckState::Failed);
    if failed == 0 && (of_calls().next().is_none() || in_state(CheckState::Unknown) > 0) {
        return None;
    }
    Some(u32::try_from(failed).unwrap_or(u32::MAX))
}

/// Whether the last checks found an endpoint silent that usually receives.
fn is_silent(checks: &[Check]) -> bool {
    checks.iter().any(|check| {
        check.found.kind == CheckKind::Webhooks && check.found.state == CheckState::Failed
    })
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

/// How the last rotation ended, and as of when.
async fn rotated(
    state: &State,
    integration: &Integration,
) -> Result<Option<(RotationEnd, Timestamp)>, Error> {
    if integration.credentials.is_none() {
        return Ok(None);
    }
    let (organization, id) = (integration.organization_id, integration.id);
    let page = (state.store).rotations(organization, id, ROTATIONS, None);
    let page = page.await?;
    let mut newest = page.items.into_iter().map(|found| found.item);
    Ok(newest.find_map(|rotation| Some((end_of(&rotation)?, rotation.updated_at))))
}

/// How a rotation ended; none, if it has not, or a person wanted it no more.
fn end_of(rotation: &Rotation) -> Option<RotationEnd> {
    let reason = rotation.trouble.map(|trouble| trouble.reason);
    if !rotation.state.is_end() {
        return None;
    }
    if rotation.state == RotationState::Done {
        return Some(RotationEnd::Succeeded);
    }
    // Something may be at the provider, until a person says that it is not.
    if rotation.has_leftovers() {
        return Some(RotationEnd::Failed);
    }
    match reason {
        Some(RotationFailure::Cancelled) => None,
        // Other credentials are in use than those that were to be replaced.
        Some(RotationFailure::Superseded | RotationFailure::NotRevoked) => {
            Some(RotationEnd::Succeeded)
        }
        _ => Some(RotationEnd::Failed),
    }
}

/// How many events were given up and not replayed, of all that are kept. Not known, if there are more of them
/// than are looked through, and none of the newest was.
async fn given_up(
    state: &State,
    integration: &Integration,
    now: Timestamp,
) -> Result<Option<u64>, Error> {
    let mut query = EventQuery {
        statuses: vec![EventStatus::Failed],
        ..EventQuery::newest(MOST_GIVEN_UP, now)
    };
    let (organization, id) = (integration.organization_id, integration.id);
    for _ in 0..PAGES {
        let page = state.store.events(organization, id, &query).await?;
        // What tells of alerts raises none: a channel that fails would never come to rest.
        let of_others = |event: &&Event| event.addressee().is_none();
        let theirs = page.items.iter().filter(of_others).count();
        match page.next {
            // A few are enough to tell of, and the first pages have the newest.
            _ if theirs > 0 => return Ok(Some(u64::try_from(theirs).unwrap_or(u64::MAX))),
            None => return Ok(Some(0)),
            after => query.after = after,
        }
    }
    Ok(None)
}

async fn conflicts(state: &State, integration: &Integration) -> Result<Option<u64>, Error> {
    if integration.sync_config.is_none() {
        return Ok(None);
    }
    let (organization, id) = (integration.organization_id, integration.id);
    let states = state.store.entity_states(organization, id).await?;
    Ok(Some(states.iter().map(|one| one.item.open_conflicts).sum()))
}
