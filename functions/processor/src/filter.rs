//! The filters of destinations, and what becomes of a delivery when one fails: it ends, for a
//! person to see, to correct the filter and to replay. Then the filter is asked again.

use gatehouse::domain::{Delivery, Destination, Event, ExpressionError, Timestamp};

use crate::State;
use crate::attempt::{Parcel, given_up};

/// Whether `destination` wants the event; an error, if its filter fails on it.
pub(crate) fn wants(parcel: &Parcel, destination: &Destination) -> Result<bool, ExpressionError> {
    // What is for one is for no other, and that one has said by its channel that it wants it.
    if let Some(only) = parcel.event.addressee() {
        return Ok(destination.id == only);
    }
    // A change of a record is for those that name it: who gets all events does not get more of a sudden.
    if parcel.event.scheme == Event::RECORDS && !destination.names_records() {
        return Ok(false);
    }
    let json = match destination.filter {
        Some(_) => parcel.json(),
        None => None,
    };
    destination.wants(parcel.event.event_type.as_deref(), json)
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
    match wants(parcel, destination) {
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
