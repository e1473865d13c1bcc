//! The description of this part of the API.

use gatehouse::domain::health::Check;
use gatehouse::operations;
use utoipa::OpenApi;

use super::bodies::MetricsView;
use crate::bodies::ListOf;

operations! {
    get_metrics: get "/portal/integrations/{integrationId}/metrics", tag = "health",
        summary = "See what was measured of an integration's calls, webhooks and synchronization",
        params(("integrationId" = String, Path),
            ("window" = Option<String>, Query, description = "`15m`, `1h` (if absent), `24h`, `7d` or `30d`, up to now")),
        200 => MetricsView;
    list_checks: get "/portal/integrations/{integrationId}/checks", tag = "health",
        summary = "List what checks of an integration found, newest first; the newest 100 are kept",
        params(("integrationId" = String, Path), ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
        200 => ListOf<Check>;
}

/// The description.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
