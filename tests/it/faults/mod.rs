//! The stories of webhooks, of deliveries and of calls through the gateway under faults: each follows
//! from a seed, in virtual time, over AWS within this process. `docs/faults.md` says what is done to them
//! and what is promised all the same.

mod aws;
mod canary;
mod delivery;
mod dice;
mod gateway;
mod life;
mod seeds;
mod servers;
mod stage;

pub(crate) use dice::Dice;
pub(crate) use seeds::{Named, variable};
