use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::durations::as_float;
use super::{Durations, Width};
use crate::domain::{
    CacheUse, EndpointId, Event, EventStatus, RequestId, RequestRecord, RequestStatus, Timestamp,
};

/// So many kinds of error are told apart; there are not many more.
const MAX_ERRORS: usize = 32;
/// The others.
const OTHER: &str = "other";
/// As many as an integration may have endpoints.
const MAX_ENDPOINTS: usize = 200;

/// What happened at one integration in one stretch of time. It is computed whole from the log of requests
/// and from the stored events, so computing it again changes nothing; roll-ups merge without loss.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollUp {
    /// When it begins.
    pub start: Timestamp,
    /// How much time it is of.
    pub width: Width,
    /// Calls that began in it.
    #[serde(default)]
    pub requests: RequestCounts,
    /// Webhooks that came in in it.
    #[serde(default)]
    pub webhooks: WebhookCounts,
}

/// Calls of an integration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestCounts {
    /// All.
    pub total: u64,
    /// Those that the provider answered with success, or the cache in its place.
    pub succeeded: u64,
    /// Those that ended in a problem.
    pub failed: u64,
    /// Of those: the ones that were refused before the provider was called (a limit, the circuit
    /// breaker, credentials that cannot be used).
    pub refused: u64,
    /// Those of which nobody knows how they ended: their function was ended.
    pub unfinished: u64,
    /// Those that were answered from the cache.
    pub cached: u64,
    /// How long those took for which the provider was called.
    pub durations: Durations,
    /// How many ended in which problem, by its code.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
    /// The last that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastError {
    /// When it began.
    pub at: Timestamp,
    /// The call, as it stands in the log of requests.
    pub request_id: RequestId,
    /// The code of its problem.
    pub code: String,
    /// The provider's status, if it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The provider's own code of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_code: Option<String>,
}

/// Webhooks of an integration, by how they stood when they were counted, minutes after they came in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookCounts {
    /// All that were accepted.
    pub received: u64,
    /// Those that every destination had taken.
    pub delivered: u64,
    /// Those of which some delivery was still being tried.
    pub retrying: u64,
    /// Those of which some delivery had failed for good.
    pub failed: u64,
    /// Those that no destination wanted.
    pub unrouted: u64,
    /// Those that their endpoint left out.
    pub filtered: u64,
    /// How many came in by which endpoint.
    #[serde(default)]
    pub by_endpoint: BTreeMap<EndpointId, u64>,
    /// When the last one came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_received_at: Option<Timestamp>,
}

impl RollUp {
    /// One of nothing.
    #[must_use]
    pub fn new(width: Width, start: Timestamp) -> Self {
        Self {
            start,
            width,
            requests: RequestCounts::default(),
            webhooks: WebhookCounts::default(),
        }
    }

    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.total == 0 && self.webhooks.received == 0
    }

    /// What happened in `other` besides.
    pub fn merge(&mut self, other: &Self) {
        self.requests.merge(&other.requests);
        self.webhooks.merge(&other.webhooks);
    }

    /// Leaves what was computed of the same time `before`, where that had more: what is counted only grows,
    /// unless the log forgets.
    pub fn keep_more(&mut self, before: Self) {
        if before.requests.total > self.requests.total {
            self.requests = before.requests;
        }
        if before.webhooks.received > self.webhooks.received {
            self.webhooks = before.webhooks;
        }
    }
}

impl RequestCounts {
    /// One more call, as the log says it ended.
    pub fn add(&mut self, request: &RequestRecord) {
        add(&mut self.total, 1);
        match request.status {
            RequestStatus::Started => add(&mut self.unfinished, 1),
            RequestStatus::Succeeded => add(&mut self.succeeded, 1),
            RequestStatus::Failed => self.add_failed(request),
        }
        if request.cache == CacheUse::Hit {
            add(&mut self.cached, 1);
        }
        if request.attempts > 0
            && let Some(took) = request.duration_ms
        {
            self.durations.add(took);
        }
    }

    fn add_failed(&mut self, request: &RequestRecord) {
        add(&mut self.failed, 1);
        if request.attempts == 0 {
            add(&mut self.refused, 1);
        }
        let code = request.error.as_deref().unwrap_or(OTHER);
        count(&mut self.errors, code, 1);
        let is_newer = |last: &LastError| last.at <= request.started_at;
        if self.last_error.as_ref().is_none_or(is_newer) {
            self.last_error = Some(LastError {
                at: request.started_at,
                request_id: request.id,
                code: code.to_owned(),
                status: request.response_status,
                upstream_code: request.upstream_code.clone(),
            });
        }
    }

    /// Those of `other` besides.
    pub fn merge(&mut self, other: &Self) {
        add(&mut self.total, other.total);
        add(&mut self.succeeded, other.succeeded);
        add(&mut self.failed, other.failed);
        add(&mut self.refused, other.refused);
        add(&mut self.unfinished, other.unfinished);
        add(&mut self.cached, other.cached);
        self.durations.merge(&other.durations);
        for (code, times) in &other.errors {
            count(&mut self.errors, code, *times);
        }
        let at = |last: &Option<LastError>| last.as_ref().map(|last| last.at);
        if at(&self.last_error) <= at(&other.last_error) && other.last_error.is_some() {
            self.last_error.clone_from(&other.last_error);
        }
    }

    /// The part of the calls that have ended that failed, 0.0 to 1.0; none, if none has ended.
    #[must_use]
    pub fn error_rate(&self) -> Option<f64> {
        let ended = self.succeeded.saturating_add(self.failed);
        (ended > 0).then(|| as_float(self.failed) / as_float(ended))
    }
}

impl WebhookCounts {
    /// One more event. Changes of records of ours are no webhooks, though they are processed like them.
    pub fn add(&mut self, event: &Event) {
        if event.is_ours() {
            return;
        }
        add(&mut self.received, 1);
        add(
            match event.status {
                EventStatus::Delivered => &mut self.delivered,
                EventStatus::Retrying => &mut self.retrying,
                EventStatus::Failed => &mut self.failed,
                EventStatus::Unrouted => &mut self.unrouted,
                EventStatus::Filtered => &mut self.filtered,
            },
            1,
        );
        self.by(event.endpoint_id, 1);
        self.last_received_at = self.last_received_at.max(Some(event.received_at));
    }

    fn by(&mut self, endpoint: EndpointId, times: u64) {
        let is_known = self.by_endpoint.contains_key(&endpoint);
        if is_known || self.by_endpoint.len() < MAX_ENDPOINTS {
            add(self.by_endpoint.entry(endpoint).or_default(), times);
        }
    }

    /// Those of `other` besides.
    pub fn merge(&mut self, other: &Self) {
        add(&mut self.received, other.received);
        add(&mut self.delivered, other.delivered);
        add(&mut self.retrying, other.retrying);
        add(&mut self.failed, other.failed);
        add(&mut self.unrouted, other.unrouted);
        add(&mut self.filtered, other.filtered);
        for (endpoint, times) in &other.by_endpoint {
            self.by(*endpoint, *times);
        }
        self.last_received_at = self.last_received_at.max(other.last_received_at);
    }
}

fn add(count: &mut u64, times: u64) {
    *count = count.saturating_add(times);
}

fn count(errors: &mut BTreeMap<String, u64>, code: &str, times: u64) {
    let is_known = errors.contains_key(code);
    let code = if is_known || errors.len() < MAX_ERRORS {
        code
    } else {
        OTHER
    };
    add(errors.entry(code.to_owned()).or_default(), times);
}

#[cfg(test)]
#[path = "roll_up_tests.rs"]
mod tests;
