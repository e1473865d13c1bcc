//! What each route of the API is: an action, on the organization or on the integration in its path.
//!
//! A route that is not here is answered to nobody. `http` looks requests up by the path of the
//! route that answers; functions' tests compare this with their descriptions of the API.

use crate::domain::Action;

/// What a route is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The caller's organization.
    Organization,
    /// The integration that the path names as `{integration}`.
    Integration,
}

/// One route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method; `*` for any.
    pub method: &'static str,
    /// The path as the router has it.
    pub path: &'static str,
    /// What it does.
    pub action: Action,
    /// To what.
    pub about: About,
}

impl Route {
    /// The route of a request with this method, on the router's route `path`. `HEAD` is `GET`.
    #[must_use]
    pub fn of(method: &str, path: &str) -> Option<&'static Self> {
        let method = if method == "HEAD" { "GET" } else { method };
        let mut routes = ROUTES.iter();
        routes.find(|route| route.path == path && (route.method == "*" || route.method == method))
    }
}

macro_rules! routes {
    ($($method:literal $path:literal: $action:ident of $about:ident;)+) => {
        /// Every route.
        pub const ROUTES: &[Route] = &[$(Route {
            method: $method,
            path: $path,
            action: Action::$action,
            about: About::$about,
        }),+];
    };
}

routes! {
    "GET" "/portal/providers": ReadProviders of Organization;
    "GET" "/portal/providers/{slug}": ReadProviders of Organization;
    "GET" "/portal/integrations": ListIntegrations of Organization;
    "POST" "/portal/integrations": CreateIntegration of Organization;
    "POST" "/portal/integrations:bulk": ChangeInBulk of Organization;
    "GET" "/portal/integrations/{integration}": ReadIntegration of Integration;
    "PATCH" "/portal/integrations/{integration}": UpdateIntegration of Integration;
    "DELETE" "/portal/integrations/{integration}": DeleteIntegration of Integration;
    "GET" "/portal/integrations/{integration}/status": ReadIntegration of Integration;
    "GET" "/portal/integrations/{integration}/webhooks": ReadEndpoints of Integration;
    "POST" "/portal/integrations/{integration}/webhooks": ManageEndpoints of Integration;
    "GET" "/portal/integrations/{integration}/webhooks/logs": ReadEvents of Integration;
    "GET" "/portal/integrations/{integration}/webhooks/events/{event}": ReadEvents of Integration;
    "POST" "/portal/integrations/{integration}/webhooks/events/{event}/retry": RetryEvents of Integration;
    "GET" "/portal/integrations/{integration}/webhooks/{endpoint}": ReadEndpoints of Integration;
    "PATCH" "/portal/integrations/{integration}/webhooks/{endpoint}": ManageEndpoints of Integration;
    "DELETE" "/portal/integrations/{integration}/webhooks/{endpoint}": ManageEndpoints of Integration;
    "POST" "/portal/integrations/{integration}/webhooks/{endpoint}/retry": RetryEvents of Integration;
    "POST" "/portal/integrations/{integration}/webhooks/{endpoint}/secrets": ManageEndpointSecrets of Integration;
    "DELETE" "/portal/integrations/{integration}/webhooks/{endpoint}/secrets/{secret}": ManageEndpointSecrets of Integration;
    "GET" "/portal/integrations/{integration}/destinations": ReadDestinations of Integration;
    "POST" "/portal/integrations/{integration}/destinations": ManageDestinations of Integration;
    "GET" "/portal/integrations/{integration}/destinations/{destination}": ReadDestinations of Integration;
    "PATCH" "/portal/integrations/{integration}/destinations/{destination}": ManageDestinations of Integration;
    "DELETE" "/portal/integrations/{integration}/destinations/{destination}": ManageDestinations of Integration;
    "POST" "/portal/integrations/{integration}/destinations/{destination}/secrets": RotateDestinationSecrets of Integration;
    "GET" "/portal/integrations/{integration}/requests": ReadRequests of Integration;
    "POST" "/portal/integrations/{integration}/requests": CallProvider of Integration;
    "POST" "/portal/integrations/{integration}/requests:batch": CallProvider of Integration;
    "GET" "/portal/integrations/{integration}/requests/{request}": ReadRequests of Integration;
    "POST" "/portal/integrations/{integration}/test": TestIntegration of Integration;
    "DELETE" "/portal/integrations/{integration}/cache": PurgeCache of Integration;
    "*" "/portal/integrations/{integration}/proxy/{*path}": CallProvider of Integration;
    "GET" "/portal/integrations/{integration}/oauth": ReadGrant of Integration;
    "POST" "/portal/integrations/{integration}/oauth/authorize": ConnectGrant of Integration;
    "POST" "/portal/integrations/{integration}/oauth/revoke": RevokeGrant of Integration;
    "GET" "/portal/access/revocations": ListRevocations of Organization;
    "POST" "/portal/access/revocations": RevokeTokens of Organization;
    "GET" "/portal/access/keys": ListApiKeys of Organization;
    "POST" "/portal/access/keys": CreateApiKey of Organization;
    "DELETE" "/portal/access/keys/{key}": RevokeApiKey of Organization;
    "GET" "/portal/access/elevations": ListElevations of Organization;
    "POST" "/portal/access/elevations": RequestElevation of Organization;
    "POST" "/portal/access/elevations/{elevation}/approve": ApproveElevation of Organization;
    "POST" "/portal/access/elevations/{elevation}/deny": DenyElevation of Organization;
    "DELETE" "/portal/access/elevations/{elevation}": EndElevation of Organization;
    "GET" "/portal/audit": ReadAudit of Organization;
    "GET" "/portal/audit/export": ReadAudit of Organization;
    "POST" "/portal/audit/verify": VerifyAudit of Organization;
    "GET" "/portal/access/review": ReviewAccess of Organization;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_route_has_one_row() {
        let rows: BTreeSet<_> = ROUTES
            .iter()
            .map(|route| (route.method, route.path))
            .collect();
        assert_eq!(rows.len(), ROUTES.len());
    }

    #[test]
    fn what_is_about_an_integration_names_it() {
        for route in ROUTES {
            let names = route.path.starts_with("/portal/integrations/{integration}");
            assert_eq!(names, route.about == About::Integration, "{route:?}");
        }
    }

    #[test]
    fn a_head_is_a_get_and_what_is_unknown_is_nothing() {
        let path = "/portal/integrations";
        assert_eq!(Route::of("HEAD", path), Route::of("GET", path));
        assert!(Route::of("GET", path).is_some());
        assert_eq!(Route::of("PUT", path), None);
        assert_eq!(Route::of("GET", "/portal/nothing"), None);
        let proxy = "/portal/integrations/{integration}/proxy/{*path}";
        assert!(Route::of("PURGE", proxy).is_some());
    }
}
