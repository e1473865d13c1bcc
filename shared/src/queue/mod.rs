//! What travels between the functions: accepted events, sealed, and deliveries that are due.
//!
//! An event is compressed and sealed under its organization's data key, bound to its organization,
//! endpoint and id: it cannot be read from the queue, nor passed off as another. A message that
//! does not fit SQS is refused before it is accepted, never cut.
//!
//! Synchronization has a queue of its own, so that many pages do not stand before an event.

mod channel;
mod envelope;
mod error;
mod message;
mod send;
mod sync;

pub use error::{OpenError, QueueError, Unreadable};
pub use message::{DeliveryDue, Message, ReceivedEvent};
pub use send::Queue;
pub use sync::{SyncMessage, SyncQueue};
