//! The description of the API, served at `/openapi.json`.

use gatehouse::domain::Integration;
use gatehouse::http::{AccessTokenScheme, Json, ProblemSchema};
use utoipa::OpenApi;

use crate::bodies::{DeletedIntegration, IntegrationChange, ListOf, NewIntegration};
use crate::bulk_retry::{BulkRetried, BulkRetryRequest};
use crate::destination_bodies::{
    DestinationChange, DestinationView, NewDestination, SecretRotation,
};
use crate::endpoint_bodies::{EndpointChange, EndpointView, NewEndpoint, NewSecret};
use crate::events::{EventDetail, EventView};
use crate::replay::{Retried, RetryRequest};
use crate::secrets::SecretView;
use crate::status::StatusView;

/// Declares one operation of the document beside its route.
macro_rules! operations {
    ($($name:ident: $method:ident $path:literal, tag = $tag:literal, summary = $summary:literal
        $(, params($($param:tt)*))? $(, body = $body:ty)?
        , $status:literal $(=> $response:ty)?;)+) => {
        $(
            #[utoipa::path(
                $method, path = $path, tag = $tag, summary = $summary, operation_id = stringify!($name),
                $(params($($param)*),)?
                $(request_body = $body,)?
                responses(
                    (status = $status, description = "Done" $(, body = $response)?),
                    (status = "default", description = "A problem; docs/errors.md lists them", body = ProblemSchema, content_type = "application/problem+json"),
                ),
            )]
            #[expect(dead_code, reason = "read by the macro above only")]
            fn $name() {}
        )+

        #[derive(OpenApi)]
        #[openapi(
            info(title = "Gatehouse", version = "1", description = "Third-party integrations that run serverless in your own AWS account."),
            paths($($name),+),
            components(schemas(ProblemSchema)),
            modifiers(&AccessTokenScheme),
            security(("accessToken" = [])),
        )]
        struct Document;
    };
}

operations! {
    create_integration: post "/portal/integrations", tag = "integrations",
        summary = "Make an integration", params(("Idempotency-Key" = Option<String>, Header)),
        body = NewIntegration, 201 => Integration;
    list_integrations: get "/portal/integrations", tag = "integrations",
        summary = "List integrations, newest first",
        params(("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
        200 => ListOf<Integration>;
    get_integration: get "/portal/integrations/{integrationId}", tag = "integrations",
        summary = "Read an integration", params(("integrationId" = String, Path)), 200 => Integration;
    update_integration: patch "/portal/integrations/{integrationId}", tag = "integrations",
        summary = "Change an integration",
        params(("integrationId" = String, Path), ("If-Match" = String, Header)),
        body = IntegrationChange, 200 => Integration;
    delete_integration: delete "/portal/integrations/{integrationId}", tag = "integrations",
        summary = "Delete an integration with all that belongs to it",
        params(("integrationId" = String, Path), ("If-Match" = Option<String>, Header)), 200 => DeletedIntegration;
    get_status: get "/portal/integrations/{integrationId}/status", tag = "integrations",
        summary = "See how an integration is doing", params(("integrationId" = String, Path)),
        200 => StatusView;
    create_endpoint: post "/portal/integrations/{integrationId}/webhooks", tag = "webhooks",
        summary = "Register an endpoint",
        params(("integrationId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = NewEndpoint, 201 => EndpointView;
    list_endpoints: get "/portal/integrations/{integrationId}/webhooks", tag = "webhooks",
        summary = "List endpoints", params(("integrationId" = String, Path)),
        200 => ListOf<EndpointView>;
    get_endpoint: get "/portal/integrations/{integrationId}/webhooks/{endpointId}", tag = "webhooks",
        summary = "Read an endpoint",
        params(("integrationId" = String, Path), ("endpointId" = String, Path)), 200 => EndpointView;
    update_endpoint: patch "/portal/integrations/{integrationId}/webhooks/{endpointId}",
        tag = "webhooks", summary = "Change an endpoint",
        params(("integrationId" = String, Path), ("endpointId" = String, Path), ("If-Match" = String, Header)),
        body = EndpointChange, 200 => EndpointView;
    delete_endpoint: delete "/portal/integrations/{integrationId}/webhooks/{endpointId}",
        tag = "webhooks", summary = "Delete an endpoint",
        params(("integrationId" = String, Path), ("endpointId" = String, Path), ("If-Match" = Option<String>, Header)), 204;
    add_endpoint_secret: post "/portal/integrations/{integrationId}/webhooks/{endpointId}/secrets",
        tag = "webhooks", summary = "Add a signing secret; the old ones expire after the overlap",
        params(("integrationId" = String, Path), ("endpointId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = NewSecret, 201 => SecretView;
    delete_endpoint_secret: delete "/portal/integrations/{integrationId}/webhooks/{endpointId}/secrets/{secretId}",
        tag = "webhooks", summary = "Delete a signing secret at once",
        params(("integrationId" = String, Path), ("endpointId" = String, Path), ("secretId" = String, Path), ("If-Match" = Option<String>, Header)), 204;
    list_events: get "/portal/integrations/{integrationId}/webhooks/logs", tag = "events",
        summary = "List events, newest first",
        params(("integrationId" = String, Path), ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query),
            ("status" = Option<String>, Query), ("eventType" = Option<String>, Query),
            ("endpoint" = Option<String>, Query), ("from" = Option<String>, Query), ("to" = Option<String>, Query)),
        200 => ListOf<EventView>;
    get_event: get "/portal/integrations/{integrationId}/webhooks/events/{eventId}", tag = "events",
        summary = "Read an event with its deliveries and attempts",
        params(("integrationId" = String, Path), ("eventId" = String, Path)), 200 => EventDetail;
    retry_event: post "/portal/integrations/{integrationId}/webhooks/events/{eventId}/retry",
        tag = "events", summary = "Make the failed deliveries of an event again",
        params(("integrationId" = String, Path), ("eventId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = Option<RetryRequest>, 202 => Retried;
    retry_events: post "/portal/integrations/{integrationId}/webhooks/{endpointId}/retry",
        tag = "events", summary = "Make the failed deliveries of an endpoint's events in a time range again",
        params(("integrationId" = String, Path), ("endpointId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = BulkRetryRequest, 202 => BulkRetried;
    create_destination: post "/portal/integrations/{integrationId}/destinations", tag = "destinations",
        summary = "Make a destination; its signing secret is shown once",
        params(("integrationId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = NewDestination, 201 => DestinationView;
    list_destinations: get "/portal/integrations/{integrationId}/destinations", tag = "destinations",
        summary = "List destinations", params(("integrationId" = String, Path)),
        200 => ListOf<DestinationView>;
    get_destination: get "/portal/integrations/{integrationId}/destinations/{destinationId}",
        tag = "destinations", summary = "Read a destination",
        params(("integrationId" = String, Path), ("destinationId" = String, Path)), 200 => DestinationView;
    update_destination: patch "/portal/integrations/{integrationId}/destinations/{destinationId}",
        tag = "destinations", summary = "Change a destination",
        params(("integrationId" = String, Path), ("destinationId" = String, Path), ("If-Match" = String, Header)),
        body = DestinationChange, 200 => DestinationView;
    delete_destination: delete "/portal/integrations/{integrationId}/destinations/{destinationId}",
        tag = "destinations", summary = "Delete a destination",
        params(("integrationId" = String, Path), ("destinationId" = String, Path), ("If-Match" = Option<String>, Header)), 204;
    rotate_destination_secret: post "/portal/integrations/{integrationId}/destinations/{destinationId}/secrets",
        tag = "destinations", summary = "Make a new signing secret, which is shown once",
        params(("integrationId" = String, Path), ("destinationId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = SecretRotation, 201 => DestinationView;
}

/// The description.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Serves the description. It is public.
pub(crate) async fn serve() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}
