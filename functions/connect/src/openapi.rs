//! The description of the function's part of the API. `integrations` serves the whole, from
//! `openapi.json` beside this crate's manifest: a test sees to it that it is this.

use gatehouse::operations;
use utoipa::OpenApi;

use crate::authorize::{Authorization, NewAuthorization};
use crate::grant::{GrantView, Revoked};

operations! {
    read_grant: get "/portal/integrations/{integrationId}/oauth", tag = "oauth",
        summary = "See how an integration is connected",
        params(("integrationId" = String, Path)), 200 => GrantView;
    authorize: post "/portal/integrations/{integrationId}/oauth/authorize", tag = "oauth",
        summary = "Have somebody consent, so that the integration is connected",
        params(("integrationId" = String, Path)), body = Option<NewAuthorization>, 201 => Authorization;
    revoke_grant: post "/portal/integrations/{integrationId}/oauth/revoke", tag = "oauth",
        summary = "Forget an integration's tokens, and have the provider revoke them",
        params(("integrationId" = String, Path)), 200 => Revoked;
}

/// The description.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
