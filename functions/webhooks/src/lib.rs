//! `webhooks`: verifies what providers send, seals it, enqueues it, and only then answers 2xx.
//!
//! What it guarantees: whatever is answered with 2xx is durable in the queue, or was a handshake
//! that carries no event. Nothing of a request is parsed before its signature holds, unless what
//! the scheme signs is in the body itself. A warm request that is accepted costs one AWS call,
//! `SendMessage`; one that holds several events costs a `SendMessageBatch` for ten of them. The
//! table is written at one occasion: when a provider brings the secret of an endpoint that waits
//! for it.
//!
//! What it does not: it does not know whether an event came before. `processor` does.

mod endpoints;
mod handshakes;
mod receive;
mod refusals;
mod state;

use axum::Router;

pub use state::State;

/// The function's HTTP interface: any method on any path.
pub fn router(state: State) -> Router {
    let edge = gatehouse::http::Edge::new(state.sources.clone()).without_refusals();
    edge.apply(Router::new().fallback(receive::receive).with_state(state))
}
