//! How many requests of our own API an organization, and each of its callers, may make.
//!
//! It is the limiter of outbound calls: functions lease requests in the table and start them from
//! memory, so the limits hold for all of them together. A request that comes alone costs one write
//! for each limit, and one among many mostly none.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::limiter::{Demand, Limiter, Outlook};
use crate::access::Caller;
use crate::domain::{RateLimits, RequestId, Sources};
use crate::http::ApiError;
use crate::store::{Digest, QuotaScope};

/// draft-ietf-httpapi-ratelimit-headers-11 section 4.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Section 5 of it.
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// What more than one of those that wait for a limit need not ask about.
const WINDOW: Duration = Duration::from_secs(1);

/// The limits, as one running function keeps to them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CallerLimits {
    limiter: Limiter,
    sources: Sources,
    organization: Option<RateLimits>,
    caller: Option<RateLimits>,
}

/// One limit that a request counts against.
struct Counted<'a> {
    name: &'static str,
    demand: Demand<'a>,
}

impl CallerLimits {
    /// At most so many requests a second for an organization, and for each of its callers; `None`:
    /// as many as it likes.
    #[must_use]
    pub fn new(
        limiter: Limiter,
        sources: Sources,
        organization: Option<u32>,
        caller: Option<u32>,
    ) -> Self {
        let limits = |per_second| RateLimits {
            requests_per_second: Some(per_second),
            requests_per_minute: None,
            requests_per_hour: None,
            concurrent_requests: None,
        };
        Self {
            limiter,
            sources,
            organization: organization.map(limits),
            caller: caller.map(limits),
        }
    }

    fn counted(&self, caller: &Caller) -> Vec<Counted<'_>> {
        let now = self.sources.now();
        let call = RequestId::generate(now, self.sources.randomness.as_ref());
        let subject = Digest::of(caller.subject.as_bytes());
        let [a, b, c, d, ..] = *subject.as_bytes();
        let of = |name, limits, route| Counted {
            name,
            demand: Demand {
                scope: QuotaScope {
                    organization: caller.organization_id,
                    integration: None,
                    route,
                },
                limits,
                // By this the organization's requests are shared fairly among its callers.
                caller: u32::from_be_bytes([a, b, c, d]),
                call,
                ends_by: now,
            },
        };
        let one = self
            .caller
            .as_ref()
            .map(|limits| of("caller", limits, subject));
        let all = self.organization.as_ref();
        let all = all.map(|limits| of("organization", limits, Digest::of(b"")));
        one.into_iter().chain(all).collect()
    }

    /// Says in `headers` how many requests there may be, and how many are left.
    async fn tell(&self, counted: &[Counted<'_>], headers: &mut HeaderMap) {
        let (mut policies, mut left) = (Vec::new(), Vec::new());
        for Counted { name, demand } in counted {
            let most = demand.limits.requests_per_second.unwrap_or_default();
            let outlook = self.limiter.outlook(demand).await;
            policies.push(format!("\"{name}\";q={most};w={}", WINDOW.as_secs()));
            left.push(told(name, outlook, most));
        }
        for (name, values) in [(POLICY, policies), (LIMIT, left)] {
            if let Ok(value) = HeaderValue::from_str(&values.join(", ")) {
                headers.insert(name, value);
            }
        }
    }
}

fn told(name: &str, outlook: Outlook, most: u32) -> String {
    let remaining = outlook.remaining.min(most);
    let resets_in = outlook.refused_for.unwrap_or(WINDOW);
    let seconds = resets_in.as_millis().div_ceil(1_000);
    format!("\"{name}\";r={remaining};t={seconds}")
}

/// A layer that lets a request pass if the organization and the caller may make one more. Behind
/// the layer that knows the caller.
///
/// # Errors
///
/// [`Error::RateLimited`](crate::domain::Error::RateLimited), and if the table does not answer.
pub async fn within_limits(
    State(limits): State<CallerLimits>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let counted = limits.counted(&caller);
    if counted.is_empty() {
        return next.run(request).await;
    }
    let demands: Vec<_> = counted.iter().map(|counted| counted.demand).collect();
    let mut response = match limits.limiter.acquire(&demands).await {
        // Requests are counted when they start; none holds a place.
        Ok(permit) => {
            limits.limiter.release(permit).await;
            next.run(request).await
        }
        Err(error) => ApiError::from(crate::domain::Error::from(error)).into_response(),
    };
    limits.tell(&counted, response.headers_mut()).await;
    response
}
