//! The only way out.
//!
//! Whoever can have Gatehouse call a URL can try to make it call something that only Gatehouse can
//! reach: the metadata service at 169.254.169.254, a database in the same network, this function
//! itself. URLs come from users (destinations), from providers (redirects, links) and from name
//! servers that answer differently the second time. So nothing here believes a URL:
//!
//! 1. Before anything is sent, the URL's form is checked, and an address that is written into it
//!    is classified ([`Egress::check_url`]): the HTTP client asks no resolver for those. `url`
//!    reads every spelling of an address (decimal, octal, hexadecimal, full-width digits) as the
//!    WHATWG standard says, so one check sees all.
//! 2. When a connection is made, the name is resolved by `GuardedResolver`, which classifies every
//!    address of the answer and gives exactly those to the HTTP client. There is no second look-up
//!    that could answer something else. One forbidden address among many refuses the whole answer:
//!    an honest name does not have one.
//!
//! Redirects are followed here and not by the HTTP client, so each hop passes through both.
//!
//! What is not globally routable is forbidden, unless configuration names its network
//! (`GATEHOUSE_EGRESS_ALLOW`): that is how the local system and the tests reach loopback. Plain
//! `http` and names without a dot are for those networks only, since neither is anybody's on the
//! internet. `localhost` is loopback by definition (RFC 6761) and no resolver is asked. Where a URL
//! is taken that is to be called later, [`Egress::check_new_url`] also refuses plain `http` to a full
//! domain name, which hardly ever has an address in those networks.
//!
//! A connection that is kept open leads to an address that was classified when it was made, for
//! the same scheme, host, port and TLS settings; it may be used again though the name has moved on.
//! A policy never changes, and two [`Egress`] share no connections unless one is the other's clone.
//!
//! TLS settings are a version, pins and a client identity. Each combination has an HTTP client of
//! its own, so a connection that was made under one identity, or without a pin, is never used under
//! another. Pins are checked in the handshake, on the chain that was verified: where none is found,
//! nothing of the request has left.
//!
//! What this does not do: tell a public address that belongs to somebody's inside from another (a
//! NAT64 prefix of an operator's own, a firewall that trusts our address), or limit ports.

mod address;
mod client;
mod clients;
mod error;
mod identity;
mod recent;
mod redirect;
mod request;
mod resolve;
mod sort;
mod stream;
mod tls;
mod tls_fault;
mod validity;

pub use address::is_globally_routable;
pub use client::{Carry, Egress, EgressPolicy};
pub use error::EgressError;
pub use identity::{ClientIdentity, ClientIdentityError};
pub use request::{OutboundRequest, OutboundResponse, Redirects, redact_url};
pub use resolve::{Resolve, SystemResolver};
pub use stream::PeerTls;
pub use tls::TlsSettings;
pub use tls_fault::TlsFault;
pub use validity::{certificate_ends_at, chain_ends_at};
