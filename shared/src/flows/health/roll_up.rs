//! Rolls up what happened at an integration: whole minutes from the log of requests and from the events,
//! and longer times from their minutes. All is computed anew and put whole, so a run that died has lost
//! nothing, and a run that repeats another one changes nothing.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use ulid::Ulid;

use crate::domain::health::{RollUp, Span, Watch, Width, Window};
use crate::domain::{IntegrationId, OrganizationId, Timestamp};
use crate::store::{Store, StoreError};

/// How many roll-ups are put at the same time.
const AT_ONCE: usize = 8;

type Owned = (OrganizationId, IntegrationId);

/// What was measured of an integration in a window.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Where it begins.
    pub from: Timestamp,
    /// Up to where it is measured.
    pub to: Timestamp,
    /// All of it.
    pub whole: RollUp,
    /// Its parts in which anything happened, the earliest first. The last ones may be shorter than the
    /// others: what is after the last whole part is in minutes.
    pub parts: Vec<RollUp>,
}

/// What was done about a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RolledUp {
    /// Roll-ups that were put.
    pub made: usize,
    /// Requests and events that were read for them.
    pub read: u64,
}

/// Rolls up one span.
///
/// # Errors
///
/// If the table does not answer: then some are written, perhaps, and doing it again is right.
pub async fn roll_up(
    store: &Store,
    owned: Owned,
    span: Span,
    now: Timestamp,
) -> Result<RolledUp, StoreError> {
    let mut minutes = of_the_log(store, owned, span).await?;
    let items = minutes.values().map(|minute| {
        minute
            .requests
            .total
            .saturating_add(minute.webhooks.received)
    });
    let read = items.fold(0, u64::saturating_add);
    let mut made: Vec<RollUp> = minutes.values().cloned().collect();
    // The hour that the span begins in, and is not rolled up before it has ended.
    let begun = Width::Hour.start_of(span.from);
    if begun < span.from {
        let known = store.roll_ups(owned.0, owned.1, Width::Minute, (begun, span.from), now);
        for minute in known.await? {
            minutes.entry(minute.start).or_insert(minute);
        }
    }
    for width in [Width::FiveMinutes, Width::Hour] {
        made.extend(longer(&minutes, width, span));
    }
    if span.is_late {
        keep_more(store, owned, span, &mut made, now).await?;
    }
    let puts: Vec<_> = made
        .iter()
        .map(|roll_up| store.put_roll_up(owned.0, owned.1, roll_up, now))
        .collect();
    futures::stream::iter(puts)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    Ok(RolledUp {
        made: made.len(),
        read,
    })
}

/// The minutes of a span in which anything happened.
async fn of_the_log(
    store: &Store,
    (organization, integration): Owned,
    span: Span,
) -> Result<BTreeMap<Timestamp, RollUp>, StoreError> {
    let range = (span.from, span.to);
    let mut minutes = BTreeMap::new();
    let requests = store.each_request(organization, integration, range, |request| {
        of_minute(&mut minutes, request.id.ulid())
            .requests
            .add(&request);
    });
    requests.await?;
    let events = store.each_event(organization, integration, range, |event| {
        of_minute(&mut minutes, event.id.ulid())
            .webhooks
            .add(&event);
    });
    events.await?;
    // Changes of records are events, and nothing that is counted.
    minutes.retain(|_, minute| !minute.is_empty());
    Ok(minutes)
}

/// The minute that an item is listed in: its id says when.
fn of_minute(minutes: &mut BTreeMap<Timestamp, RollUp>, id: Ulid) -> &mut RollUp {
    let millisecond = i64::try_from(id.timestamp_ms()).unwrap_or(i64::MAX);
    let at = Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::UNIX_EPOCH);
    let start = Width::Minute.start_of(at);
    minutes
        .entry(start)
        .or_insert_with(|| RollUp::new(Width::Minute, start))
}

/// Those of `width` that have ended in the span.
fn longer(minutes: &BTreeMap<Timestamp, RollUp>, width: Width, span: Span) -> Vec<RollUp> {
    let mut longer: BTreeMap<Timestamp, RollUp> = BTreeMap::new();
    for minute in minutes.values() {
        let start = width.start_of(minute.start);
        let end = start.plus(width.duration());
        if span.from < end && end <= span.to {
            longer
                .entry(start)
                .or_insert_with(|| RollUp::new(width, start))
                .merge(minute);
        }
    }
    longer.into_values().collect()
}

/// Leaves what was rolled up before where the log has forgotten some of it meanwhile.
async fn keep_more(
    store: &Store,
    (organization, integration): Owned,
    span: Span,
    made: &mut [RollUp],
    now: Timestamp,
) -> Result<(), StoreError> {
    for width in Width::ALL {
        let known = store.roll_ups(organization, integration, width, (span.from, span.to), now);
        for before in known.await? {
            let same = |it: &&mut RollUp| it.width == before.width && it.start == before.start;
            if let Some(anew) = made.iter_mut().find(same) {
                anew.keep_more(before);
            }
        }
    }
    Ok(())
}

/// What was measured of an integration in the window that ends now.
///
/// # Errors
///
/// If the table does not answer, or an item is corrupt.
pub async fn measured(
    store: &Store,
    (organization, integration): Owned,
    window: Window,
    watch: Option<&Watch>,
    now: Timestamp,
) -> Result<Measured, StoreError> {
    let width = window.width();
    let from = width.next_start(now.minus(window.duration()));
    let to = watch.map_or(from, |watch| watch.measured_to(now)).max(from);
    // The last whole part ends here; what follows is there in minutes.
    let whole_to = width.start_of(to);
    let read = |width, range| store.roll_ups(organization, integration, width, range, now);
    let mut parts = read(width, (from, whole_to)).await?;
    if whole_to < to {
        parts.extend(read(Width::Minute, (whole_to, to)).await?);
    }
    let mut whole = RollUp::new(width, from);
    parts.iter().for_each(|part| whole.merge(part));
    Ok(Measured {
        from,
        to,
        whole,
        parts,
    })
}
