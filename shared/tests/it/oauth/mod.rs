//! OAuth 2.0 and OpenID Connect against servers on this machine.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod id_token;
mod issuer;
mod logout_token;
mod metadata;
mod server;
mod userinfo;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::domain::{Clock, Randomness, Sources, Timestamp};
use gatehouse::egress::{Egress, EgressPolicy};

/// A clock that stands still until it is set.
#[derive(Clone)]
struct Hands(Arc<Mutex<Timestamp>>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

impl Hands {
    fn new() -> Self {
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        Self(Arc::new(Mutex::new(now)))
    }

    fn pass(&self, seconds: u64) {
        let mut now = self.0.lock().unwrap();
        *now = now.plus(Duration::from_secs(seconds));
    }

    fn sources(&self) -> Sources {
        Sources {
            clock: Arc::new(self.clone()),
            randomness: Arc::new(Zeros),
        }
    }
}

struct Zeros;

impl Randomness for Zeros {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

fn egress() -> Egress {
    Egress::new(EgressPolicy {
        allowed: vec!["127.0.0.0/8".parse().unwrap()],
        ..EgressPolicy::default()
    })
}

/// A key for ES256, and no other (RFC 7515 appendix A.3).
fn p256_jwk() -> serde_json::Value {
    serde_json::json!({
        "kty": "EC", "crv": "P-256", "kid": "p-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })
}
