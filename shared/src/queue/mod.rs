//! What travels between the functions: accepted events, sealed, and deliveries that are due.
//!
//! An event is compressed and sealed under its organization's data key, bound to its organization,
//! endpoint and id: it cannot be read from the queue, nor passed off as another. A message that
//! does not fit SQS is refused before it is accepted, never cut.

mod envelope;
mod error;
mod message;
mod send;

pub use error::{OpenError, QueueError, Unreadable};
pub use message::{DeliveryDue, Message, ReceivedEvent};
pub use send::Queue;
