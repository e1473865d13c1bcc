//! The filters of destinations, and what becomes of a delivery when one fails: it ends, for a
//! person to see, to correct the filter and to replay. Then the filter is asked again.

use gatehouse::domain::{Delivery, Destination, Event, ExpressionError, Timestamp};
use serde_json::Value;

use crate::State;
use crate::attempt::{Parcel, given_up};

/// Those that want the event, and those whose filter fails on it, with the error.
pub(crate) fn wanting<'a>(
    parcel: &Parcel,
    destinations: &'a [Destination],
) -> Vec<(&'a Destination, Result<(), ExpressionError>)> {
    let choose = |document: &_| {
        let asked = destinations.iter().filter_map(|destination| {
            match wants(&parcel.event, document, destination) {
                Ok(wanted) => wanted.then_some((destination, Ok(()))),
                Err(error) => Some((destination, Err(error))),
            }
        });
        asked.collect()
    };
    if destinations.iter().any(|it| it.filter.is_some()) {
        parcel.with_document(choose)
    } else {
        choose(&Ok(None))
    }
}

/// Whether `destination` wants the event; an error, if its filter fails on it.
fn wants(
    event: &Event,
    document: &Result<Option<Value>, ExpressionError>,
    destination: &Destination,
) -> Result<bool, ExpressionError> {
    // What is for one is for no other, and that one has said by its channel that it wants it.
    if let Some(only) = event.addressee() {
        return Ok(destination.id == only);
    }
    // A change of a record is for those that name it: who gets all events does not get more of a sudden.
    if event.scheme == Event::RECORDS && !destination.names_records() {
        return Ok(false);
    }
    destination.wants(event.event_type.as_deref(), document)
}

/// A delivery that ends because the destination's filter fails.
pub(crate) fn failed(
    state: &State,
    delivery: Delivery,
    error: &ExpressionError,
    now: Timestamp,
) -> Delivery {
    let (id, destination) = (delivery.id, delivery.destination_id);
    tracing::warn!(
        delivery.id = %id,
        destination.id = %destination,
        reason = %error,
        "the filter of {destination} fails on the event of {id}"
    );
    given_up(state, delivery, Delivery::FILTER_FAILED, now)
}

/// A replayed delivery whose filter was never able to decide, after it has been asked again.
///
/// # Errors
///
/// The delivery as it has ended, if the event is not to be sent.
pub(crate) fn ask_again(
    state: &State,
    parcel: &Parcel,
    destination: &Destination,
    delivery: Delivery,
) -> Result<Delivery, Box<Delivery>> {
    if !delivery.awaits_filter() {
        return Ok(delivery);
    }
    let now = state.sources.now();
    match parcel.with_document(|document| wants(&parcel.event, document, destination)) {
        Ok(true) => Ok(delivery),
        Ok(false) => Err(Box::new(given_up(
            state,
            delivery,
            Delivery::NOT_WANTED,
            now,
        ))),
        Err(error) => Err(Box::new(failed(state, delivery, &error, now))),
    }
}
