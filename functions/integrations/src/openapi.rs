//! The description of the API, served at `/openapi.json` as it is in the file of that name beside this
//! crate's manifest. A test sees to it that it is what the types say: what makes it from them takes 1.7 MB
//! of code more than the file.

use std::collections::BTreeSet;

use axum::Extension;
use axum::response::IntoResponse;
use gatehouse::domain::{AuditEntry, AuditOutcome, Integration, IntegrationType};
use gatehouse::http::MayBeCached;
use gatehouse::operations;
use http::header;
use serde_json::Value;
use serde_json::map::Entry;
use utoipa::OpenApi;

use crate::access::elevation_bodies::{ElevationView, NewElevation};
use crate::access::key_bodies::{ApiKeyView, IssuedApiKey, NewApiKey};
use crate::access::review::PrincipalView;
use crate::audit_bodies::{Verification, Verified};
use crate::bodies::{DeletedIntegration, IntegrationChange, ListOf, NewIntegration};
use crate::bulk::{BulkRequest, BulkResults};
use crate::bulk_retry::{BulkRetried, BulkRetryRequest};
use crate::destination_bodies::{
    DestinationChange, DestinationView, NewDestination, SecretRotation,
};
use crate::endpoint_bodies::{EndpointChange, EndpointView, NewEndpoint, NewSecret};
use crate::events::{EventDetail, EventView};
use crate::providers::{ProviderSummary, ProviderView};
use crate::replay::{Retried, RetryRequest};
use crate::revocations::{NewRevocation, RevocationView};
use crate::secrets::{RevealedSecret, SecretView};
use crate::status::StatusView;
use crate::webhook_checks::{CapturedRequest, Explanation};
use crate::webhook_test::TestReport;

operations! {
    list_providers: get "/portal/providers", tag = "providers",
        summary = "List the providers of the catalogue", params(("type" = Option<IntegrationType>, Query)),
        200 => ListOf<ProviderSummary>;
    get_provider: get "/portal/providers/{slug}", tag = "providers",
        summary = "See what an integration of a provider needs", params(("slug" = String, Path)),
        200 => ProviderView;
    create_integration: post "/portal/integrations", tag = "integrations",
        summary = "Make an integration", params(("Idempotency-Key" = Option<String>, Header)),
        body = NewIntegration, 201 => Integration;
    list_integrations: get "/portal/integrations", tag = "integrations",
        summary = "List integrations, newest first",
        params(("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
        200 => ListOf<Integration>;
    change_integrations: post "/portal/integrations:bulk", tag = "integrations",
        summary = "Make, change and delete up to 100 integrations, each with a result of its own; the body may have 1 MiB",
        params(("Idempotency-Key" = Option<String>, Header)), body = BulkRequest, 200 => BulkResults;
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
    reveal_endpoint_secret: post "/portal/integrations/{integrationId}/webhooks/{endpointId}/secrets/{secretId}/reveal",
        tag = "webhooks", summary = "Show a secret that the provider brought, once",
        params(("integrationId" = String, Path), ("endpointId" = String, Path), ("secretId" = String, Path)),
        200 => RevealedSecret;
    test_endpoint: post "/portal/integrations/{integrationId}/webhooks/{endpointId}/test",
        tag = "webhooks", summary = "Send a signed sample to the endpoint's public URL",
        params(("integrationId" = String, Path), ("endpointId" = String, Path)),
        200 => TestReport;
    verify_request: post "/portal/integrations/{integrationId}/webhooks/{endpointId}/verify",
        tag = "webhooks", summary = "Explain what the endpoint makes of a captured request",
        params(("integrationId" = String, Path), ("endpointId" = String, Path)),
        body = CapturedRequest, 200 => Explanation;
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
    reveal_destination_secret: post "/portal/integrations/{integrationId}/destinations/{destinationId}/secrets/{secretId}/reveal",
        tag = "destinations", summary = "Show a signing secret that the schedule has made, once; the overlap of the old ones begins",
        params(("integrationId" = String, Path), ("destinationId" = String, Path), ("secretId" = String, Path)),
        200 => RevealedSecret;
    revoke_access_tokens: post "/portal/access/revocations", tag = "access",
        summary = "Revoke an access token, or those of a subject that were issued before an instant",
        params(("Idempotency-Key" = Option<String>, Header)),
        body = NewRevocation, 201 => RevocationView;
    list_revocations: get "/portal/access/revocations", tag = "access",
        summary = "List what is revoked and not forgotten yet",
        params(("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
        200 => ListOf<RevocationView>;
    create_api_key: post "/portal/access/keys", tag = "access",
        summary = "Make an API key, which is shown once; docs/access.md says what a key may do",
        body = NewApiKey, 201 => IssuedApiKey;
    list_api_keys: get "/portal/access/keys", tag = "access", summary = "List API keys, newest first",
        params(("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
        200 => ListOf<ApiKeyView>;
    revoke_api_key: delete "/portal/access/keys/{keyId}", tag = "access",
        summary = "Revoke an API key", params(("keyId" = String, Path)), 204;
    request_elevation: post "/portal/access/elevations", tag = "access",
        summary = "Ask for a role for a time", body = NewElevation, 201 => ElevationView;
    list_elevations: get "/portal/access/elevations", tag = "access",
        summary = "List elevations, newest first: one's own, or all for who may review them; a page may hold fewer than `limit`",
        params(("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
        200 => ListOf<ElevationView>;
    approve_elevation: post "/portal/access/elevations/{elevationId}/approve", tag = "access",
        summary = "Allow somebody else an elevation", params(("elevationId" = String, Path)),
        200 => ElevationView;
    deny_elevation: post "/portal/access/elevations/{elevationId}/deny", tag = "access",
        summary = "Refuse an elevation", params(("elevationId" = String, Path)), 200 => ElevationView;
    end_elevation: delete "/portal/access/elevations/{elevationId}", tag = "access",
        summary = "End an elevation before its time, or take the request back",
        params(("elevationId" = String, Path)), 200 => ElevationView;
    review_access: get "/portal/access/review", tag = "access",
        summary = "See who may do what, and when it was last here; a page may hold fewer than `limit`",
        params(("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
        200 => ListOf<PrincipalView>;
    list_audit: get "/portal/audit", tag = "audit",
        summary = "List the audit trail, newest first; doing so is recorded in it",
        params(("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query), ("actor" = Option<String>, Query),
            ("action" = Option<String>, Query), ("subject" = Option<String>, Query), ("outcome" = Option<AuditOutcome>, Query),
            ("from" = Option<String>, Query), ("to" = Option<String>, Query)),
        200 => ListOf<AuditEntry>;
    export_audit: get "/portal/audit/export", tag = "audit",
        summary = "Export the audit trail as JSON Lines (application/jsonl), in pages of some 3 MB; the header Link has the next one",
        params(("cursor" = Option<String>, Query), ("from" = Option<String>, Query), ("to" = Option<String>, Query)),
        200;
    verify_audit: post "/portal/audit/verify", tag = "audit",
        summary = "Compute the audit trail's hashes anew, and find what was deleted, edited, reordered or truncated",
        body = Option<Verification>, 200 => Verified;
}

const WHOLE: &str = include_str!("../openapi.json");

const SCHEMAS: &str = "/components/schemas";

/// What other functions say of their parts of the API.
const OTHERS: [&str; 2] = [
    include_str!("../../gateway/openapi.json"),
    include_str!("../../connect/openapi.json"),
];

/// The description of this function's part.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
        .merge_from(crate::sync::document())
        .merge_from(crate::incidents::document())
        .merge_from(crate::alerts::document())
        .merge_from(crate::health::document())
        .merge_from(crate::rotation::document())
}

/// The description of the whole API.
///
/// # Errors
///
/// If another function's part cannot be read.
pub fn whole_document() -> Result<Value, serde_json::Error> {
    let mut whole = serde_json::to_value(document())?;
    for other in OTHERS {
        add(&mut whole, serde_json::from_str(other)?);
    }
    open(&mut whole);
    Ok(whole)
}

/// Opens schemas to the fields of what they stand beside: what is in an `allOf` and closed by itself, such
/// as one of several kinds with the name of its kind, would be fulfilled by nothing.
fn open(whole: &mut Value) {
    let mut names = BTreeSet::new();
    find_joined(whole, &mut names);
    for name in names {
        let pointer = format!("{SCHEMAS}/{name}");
        let schema = whole.pointer_mut(&pointer).and_then(Value::as_object_mut);
        if let Some(schema) = schema
            && schema.get("additionalProperties") == Some(&Value::Bool(false))
        {
            schema.remove("additionalProperties");
        }
    }
}

/// The names of the schemas that stand beside others.
fn find_joined(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let joined = fields.get("allOf").and_then(Value::as_array);
            for part in joined.into_iter().flatten() {
                let reference = part.get("$ref").and_then(Value::as_str);
                let name = reference.and_then(|text| text.strip_prefix("#/components/schemas/"));
                names.extend(name.map(str::to_owned));
            }
            fields.values().for_each(|field| find_joined(field, names));
        }
        Value::Array(items) => items.iter().for_each(|item| find_joined(item, names)),
        _ => {}
    }
}

/// Adds to an object what another has more, however deep. What both have is the same in both.
fn add(whole: &mut Value, part: Value) {
    let (Value::Object(whole), Value::Object(part)) = (whole, part) else {
        return;
    };
    for (name, value) in part {
        match whole.entry(name) {
            Entry::Occupied(mut known) => add(known.get_mut(), value),
            Entry::Vacant(place) => {
                place.insert(value);
            }
        }
    }
}

/// Serves the description of the whole. It is public.
pub(crate) async fn serve() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, Extension(MayBeCached), WHOLE)
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    /// What the whole is made of.
    fn parts() -> Vec<Value> {
        let own = [
            Document::openapi(),
            crate::sync::document(),
            crate::incidents::document(),
            crate::alerts::document(),
            crate::health::document(),
            crate::rotation::document(),
        ];
        let others = OTHERS.map(|other| serde_json::from_str(other).unwrap());
        let own = own.map(|part| serde_json::to_value(part).unwrap());
        own.into_iter().chain(others).collect()
    }

    fn schemas(document: &Value) -> &Map<String, Value> {
        document["components"]["schemas"].as_object().unwrap()
    }

    /// A schema, whether or not it is open.
    fn opened(schema: &Value) -> Value {
        let mut schema = schema.clone();
        schema
            .as_object_mut()
            .unwrap()
            .remove("additionalProperties");
        schema
    }

    /// Every value in a document, itself among them.
    fn values<'d>(document: &'d Value, found: &mut Vec<&'d Value>) {
        found.push(document);
        match document {
            Value::Object(fields) => fields.values().for_each(|value| values(value, found)),
            Value::Array(items) => items.iter().for_each(|value| values(value, found)),
            _ => {}
        }
    }

    #[test]
    fn what_has_one_name_is_one_thing() {
        let whole = whole_document().unwrap();
        for part in parts() {
            for (name, schema) in schemas(&part) {
                assert_eq!(opened(&schemas(&whole)[name]), opened(schema), "{name}");
            }
            for (path, methods) in part["paths"].as_object().unwrap() {
                for (method, operation) in methods.as_object().unwrap() {
                    assert_eq!(&whole["paths"][path][method], operation, "{method} {path}");
                }
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let whole = whole_document().unwrap();
        let mut all = Vec::new();
        values(&whole, &mut all);
        let references = all.iter().filter_map(|value| value.get("$ref")?.as_str());
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(whole.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn what_stands_beside_others_is_open_to_their_fields() {
        let whole = whole_document().unwrap();
        let mut all = Vec::new();
        values(&whole, &mut all);
        let together = all
            .iter()
            .filter_map(|value| value.get("allOf")?.as_array());
        for part in together.flatten() {
            let reference = part["$ref"].as_str();
            let named = reference.and_then(|name| whole.pointer(name.strip_prefix('#')?));
            let schema = named.unwrap_or(part);
            assert_ne!(schema["additionalProperties"], false, "{part}");
        }
    }

    #[test]
    fn no_schema_is_called_like_a_type_of_the_language() {
        let whole = whole_document().unwrap();
        for name in ["BTreeMap", "HashMap", "Vec", "Option", "Value", "String"] {
            assert!(!schemas(&whole).contains_key(name), "{name}");
        }
    }
}
