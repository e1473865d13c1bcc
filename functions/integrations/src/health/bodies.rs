//! What goes out of metrics.

use std::collections::BTreeMap;

use gatehouse::domain::health::{LastError, RollUp, WebhookCounts, Window};
use gatehouse::domain::sync::JobCounts;
use gatehouse::domain::{EndpointId, Timestamp};
use gatehouse::flows::health::Measured;
use serde::Serialize;
use utoipa::ToSchema;

use super::headroom::RateLimitHeadroom;

/// What was measured of an integration.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricsView {
    #[serde(flatten)]
    pub(crate) summary: MetricsSummary,
    pub(crate) sync: SyncMetrics,
    pub(crate) rate_limit_headroom: RateLimitHeadroom,
    /// The window in parts of a minute, five minutes or an hour; the last ones may be of a minute. A part in
    /// which nothing happened is left out.
    pub(crate) series: Vec<SeriesPart>,
}

/// The same without its parts. Response times are in milliseconds, of the calls for which the provider was
/// called; percentiles are within 1 %.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricsSummary {
    pub(crate) window: Window,
    /// Where the window begins.
    pub(crate) from: Timestamp,
    /// Up to where it is measured: some three minutes ago.
    pub(crate) measured_to: Timestamp,
    pub(crate) total_requests: u64,
    pub(crate) successful_requests: u64,
    pub(crate) failed_requests: u64,
    /// Of the failed ones: those that were refused before the provider was called.
    pub(crate) refused_requests: u64,
    /// Those of which nobody knows how they ended.
    pub(crate) unfinished_requests: u64,
    /// Those that were answered from the cache.
    pub(crate) cached_requests: u64,
    /// The part of the calls that failed, 0 to 1; absent, if none has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) average_response_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p50_response_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p95_response_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99_response_time: Option<f64>,
    /// How many calls ended in which problem, by its code.
    pub(crate) errors: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<LastError>,
    pub(crate) webhooks: WebhookMetrics,
}

/// Webhooks that came in, by how they stood minutes later.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookMetrics {
    pub(crate) received: u64,
    pub(crate) delivered: u64,
    pub(crate) retrying: u64,
    pub(crate) failed: u64,
    pub(crate) unrouted: u64,
    pub(crate) filtered: u64,
    #[schema(value_type = BTreeMap<String, u64>)]
    pub(crate) by_endpoint: BTreeMap<EndpointId, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_received_at: Option<Timestamp>,
}

/// Jobs of synchronization that began in the window.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SyncMetrics {
    pub(crate) jobs: u64,
    pub(crate) running: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    /// What they have done, together.
    pub(crate) counts: JobCounts,
    /// When one of them last did all that it had to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_completed_at: Option<Timestamp>,
    /// Why the newest of those that stopped did, as a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<String>,
    /// There are more jobs in the window than are counted: those from here on are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) counted_from: Option<Timestamp>,
}

/// A part of the window.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SeriesPart {
    pub(crate) start: Timestamp,
    pub(crate) seconds: u64,
    pub(crate) total_requests: u64,
    pub(crate) failed_requests: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) average_response_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p95_response_time: Option<f64>,
    pub(crate) webhooks_received: u64,
}

impl MetricsSummary {
    pub(crate) fn new(window: Window, measured: &Measured) -> Self {
        let requests = &measured.whole.requests;
        let quantile = |part| requests.durations.quantile_ms(part).map(rounded);
        Self {
            window,
            from: measured.from,
            measured_to: measured.to,
            total_requests: requests.total,
            successful_requests: requests.succeeded,
            failed_requests: requests.failed,
            refused_requests: requests.refused,
            unfinished_requests: requests.unfinished,
            cached_requests: requests.cached,
            error_rate: requests.error_rate(),
            average_response_time: requests.durations.mean_ms().map(rounded),
            p50_response_time: quantile(0.5),
            p95_response_time: quantile(0.95),
            p99_response_time: quantile(0.99),
            errors: requests.errors.clone(),
            last_error: requests.last_error.clone(),
            webhooks: WebhookMetrics::from(&measured.whole.webhooks),
        }
    }
}

impl From<&WebhookCounts> for WebhookMetrics {
    fn from(counts: &WebhookCounts) -> Self {
        Self {
            received: counts.received,
            delivered: counts.delivered,
            retrying: counts.retrying,
            failed: counts.failed,
            unrouted: counts.unrouted,
            filtered: counts.filtered,
            by_endpoint: counts.by_endpoint.clone(),
            last_received_at: counts.last_received_at,
        }
    }
}

impl From<&RollUp> for SeriesPart {
    fn from(part: &RollUp) -> Self {
        let durations = &part.requests.durations;
        Self {
            start: part.start,
            seconds: part.width.duration().as_secs(),
            total_requests: part.requests.total,
            failed_requests: part.requests.failed,
            average_response_time: durations.mean_ms().map(rounded),
            p95_response_time: durations.quantile_ms(0.95).map(rounded),
            webhooks_received: part.webhooks.received,
        }
    }
}

/// To a tenth of a millisecond.
fn rounded(milliseconds: f64) -> f64 {
    (milliseconds * 10.0).round() / 10.0
}
