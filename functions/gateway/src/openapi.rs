//! The description of the function's part of the API. `integrations` serves the whole, from
//! `openapi.json` beside this crate's manifest: a test sees to it that it is this.

use gatehouse::operations;
use utoipa::OpenApi;

use crate::batch::{BatchAnswer, NewBatch};
use crate::bodies::{NewRequest, RequestAnswer};
use crate::checks::MadeChecks;
use crate::directory::{FoundUser, UserLookup};
use crate::log::{RequestDetail, RequestList};
use crate::verify::{Candidate, Verification};

operations! {
    create_request: post "/portal/integrations/{integrationId}/requests", tag = "requests",
        summary = "Call the provider with the integration's credentials",
        params(("integrationId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = NewRequest, 200 => RequestAnswer;
    list_requests: get "/portal/integrations/{integrationId}/requests", tag = "requests",
        summary = "List requests, newest first",
        params(("integrationId" = String, Path), ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query),
            ("status" = Option<String>, Query), ("method" = Option<String>, Query), ("path" = Option<String>, Query),
            ("responseStatus" = Option<u16>, Query), ("from" = Option<String>, Query), ("to" = Option<String>, Query)),
        200 => RequestList;
    get_request: get "/portal/integrations/{integrationId}/requests/{requestId}", tag = "requests",
        summary = "Read a request, with its bodies if they are kept",
        params(("integrationId" = String, Path), ("requestId" = String, Path)), 200 => RequestDetail;
    create_requests: post "/portal/integrations/{integrationId}/requests:batch", tag = "requests",
        summary = "Call the provider up to 25 times, each call on its own",
        params(("integrationId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = NewBatch, 200 => BatchAnswer;
    test_integration: post "/portal/integrations/{integrationId}/test", tag = "integrations",
        summary = "See whether the credentials are good, those in use or others",
        params(("integrationId" = String, Path)), body = Option<Candidate>, 200 => Verification;
    run_checks: post "/portal/integrations/{integrationId}/checks/run", tag = "health",
        summary = "Check an integration now, within the organization's budget of 60 a minute",
        params(("integrationId" = String, Path), ("Idempotency-Key" = Option<String>, Header)), 200 => MadeChecks;
    find_directory_user: post "/portal/integrations/{integrationId}/directory/users:lookup", tag = "integrations",
        summary = "Look for one user in a directory (LDAP)",
        params(("integrationId" = String, Path)), body = UserLookup, 200 => FoundUser;
    purge_cache: delete "/portal/integrations/{integrationId}/cache", tag = "requests",
        summary = "Forget every cached answer of the integration",
        params(("integrationId" = String, Path)), 204;
    proxy_get: get "/portal/integrations/{integrationId}/proxy/{path}", tag = "requests",
        summary = "Pass a request on to the provider as it is; every method does",
        params(("integrationId" = String, Path), ("path" = String, Path)), 200;
    proxy_post: post "/portal/integrations/{integrationId}/proxy/{path}", tag = "requests",
        summary = "Pass a request on to the provider as it is",
        params(("integrationId" = String, Path), ("path" = String, Path)), 200;
}

/// The description.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
