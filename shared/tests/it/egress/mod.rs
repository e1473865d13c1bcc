//! The way out, against servers on this machine.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod addresses;
mod answers;
pub(crate) mod authority;
mod faults;
mod identities;
mod openssl;
mod pins;
mod proxies;
mod redirects;
mod servers;
mod spellings;
mod tls;

use std::future::{Future, ready};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::egress::{
    Egress, EgressError, EgressPolicy, OutboundRequest, OutboundResponse, Resolve,
};
use http::Method;

/// A name server that answers what it is told, one answer after the other; the last one stays.
#[derive(Debug)]
pub(crate) struct Answers(Mutex<Vec<Vec<IpAddr>>>);

impl Answers {
    pub(crate) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new(answers.iter().rev().map(parse).collect())))
    }
}

impl Resolve for Answers {
    fn resolve(
        &self,
        _: String,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.pop()
        } else {
            answers.last().cloned()
        };
        Box::pin(ready(Ok(answer.unwrap_or_default())))
    }
}

/// A way out to public addresses, and to loopback.
fn to_loopback() -> EgressPolicy {
    EgressPolicy {
        allowed: vec!["127.0.0.0/8".parse().unwrap()],
        ..EgressPolicy::default()
    }
}

async fn get(egress: &Egress, url: &str) -> Result<OutboundResponse, EgressError> {
    egress.send(request(url)).await
}

fn request(url: &str) -> OutboundRequest {
    OutboundRequest::new(Method::GET, url.parse().unwrap(), Duration::from_secs(10))
}
