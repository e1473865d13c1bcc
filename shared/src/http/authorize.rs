use std::fmt;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequestParts as _, MatchedPath, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use ulid::Ulid;

use super::{ApiError, ClientAddress};
use crate::access::{About, Access, AttributesSource, Authorizer, Caller, Resource, Route};
use crate::domain::{
    Action, Classification, DeploymentEnvironment, Error, IntegrationAttributes, IntegrationId,
    IntegrationType, OrganizationId, Sources,
};

/// What requests are authorized with.
#[derive(Clone)]
pub struct Authorization {
    /// Finds out what callers may do.
    pub authorizer: Authorizer,
    /// Says what an integration is.
    pub attributes: Arc<dyn AttributesSource>,
    /// Says when.
    pub sources: Sources,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").finish_non_exhaustive()
    }
}

/// What was decided of a request. In the extensions of the request, if it was allowed, and in
/// those of the response in any case: whoever keeps a trail reads it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorized {
    /// What the caller asked for.
    pub action: Action,
    /// Of which integration; of the organization, if none.
    pub integration: Option<IntegrationId>,
    /// Whether it may.
    pub allowed: bool,
}

/// A layer, inside that of [`authenticated`](super::authenticated) and outside everything else,
/// that lets a request pass if the policies allow what its route does. Handlers that decide more by
/// themselves find an [`Access`] in the extensions.
pub async fn authorized(
    State(authorization): State<Authorization>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = parts.extensions.get::<MatchedPath>();
    let route = path.and_then(|path| Route::of(parts.method.as_str(), path.as_str()));
    let Some(route) = route else {
        // A defect: whoever has added the route has forgotten to say what it does.
        let cause = format!("no action is known of {} {path:?}", parts.method);
        return ApiError::from(Error::Internal(cause.into())).into_response();
    };
    let integration = match route.about {
        About::Organization => None,
        About::Integration => Some(integration_in(&mut parts).await),
    };
    let mut decision = Authorized {
        action: route.action,
        integration: integration.flatten(),
        allowed: true,
    };
    let access = access(&authorization, &caller, &mut parts).await;
    let decided = decide(&authorization, &access, &caller, route.action, integration).await;
    if let Err(error) = decided {
        decision.allowed = false;
        let mut response = ApiError::from(error).into_response();
        response.extensions_mut().insert(decision);
        return response;
    }
    parts.extensions.insert(access);
    parts.extensions.insert(decision);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    response.extensions_mut().insert(decision);
    response
}

async fn access(authorization: &Authorization, caller: &Caller, parts: &mut Parts) -> Access {
    let Ok(ClientAddress(source)) = ClientAddress::from_request_parts(parts, &()).await;
    let (authorizer, now) = (&authorization.authorizer, authorization.sources.now());
    authorizer.note(caller, now).await;
    authorizer.access(caller, source, now)
}

/// The integration that the path names; none, if that is no id.
async fn integration_in(parts: &mut Parts) -> Option<IntegrationId> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    let mut parameters = parameters.iter();
    let (_, id) = parameters.find(|(name, _)| *name == "integration")?;
    id.parse().ok()
}

async fn decide(
    authorization: &Authorization,
    access: &Access,
    caller: &Caller,
    action: Action,
    integration: Option<Option<IntegrationId>>,
) -> Result<(), Error> {
    let Some(integration) = integration else {
        return access.check(action, &Resource::Organization).await;
    };
    let (organization, now) = (caller.organization_id, authorization.sources.now());
    let known = match integration {
        Some(id) => {
            let attributes = &authorization.attributes;
            attributes.attributes(organization, id, now).await?
        }
        None => None,
    };
    if let Some(known) = known {
        return access.check(action, &Resource::Integration(known)).await;
    }
    // There may still be something of an integration that is gone: who may do this to every
    // integration is sent on to look. To who may do it to some, there is no such integration.
    let [strictest, freest] = extremes(organization, integration);
    if access
        .may(action, &Resource::Integration(strictest))
        .await?
    {
        return Ok(());
    }
    access.check(action, &Resource::Integration(freest)).await?;
    Err(Error::NotFound("integration"))
}

/// The integration that the policies protect most, and the one that they protect least.
fn extremes(
    organization_id: OrganizationId,
    id: Option<IntegrationId>,
) -> [IntegrationAttributes; 2] {
    let id = id.unwrap_or_else(|| Ulid::nil().into());
    let strictest = IntegrationAttributes {
        organization_id,
        id,
        classification: Classification::Restricted,
        environment: DeploymentEnvironment::Production,
        category: IntegrationType::IdentityProvider,
    };
    let freest = IntegrationAttributes {
        classification: Classification::Public,
        environment: DeploymentEnvironment::Development,
        category: IntegrationType::Analytics,
        ..strictest
    };
    [strictest, freest]
}

#[cfg(test)]
mod tests {
    use std::future::{Future, ready};
    use std::pin::Pin;

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::{any, get};
    use http::StatusCode;
    use tower::ServiceExt as _;

    use super::*;
    use crate::access::ApiKeys;
    use crate::access::tests::nowhere;
    use crate::domain::{Role, Roles, Timestamp};
    use crate::lambda::system_sources;

    const ID: &str = "int_01K72Z5QSW0123456789ABCDEF";

    /// One integration.
    struct One;

    impl AttributesSource for One {
        fn attributes<'a>(
            &'a self,
            organization: OrganizationId,
            integration: IntegrationId,
            _: Timestamp,
        ) -> Pin<Box<dyn Future<Output = Result<Option<IntegrationAttributes>, Error>> + Send + 'a>>
        {
            let [_, freest] = extremes(organization, Some(integration));
            Box::pin(ready(Ok((integration.to_string() == ID).then_some(freest))))
        }
    }

    fn caller(role: Role) -> Caller {
        Caller {
            organization_id: "org_01K72Z5QSW0123456789ABCDEF".parse().unwrap(),
            subject: "me".to_owned(),
            roles: Roles::NONE.with(role),
            mfa: true,
            api_key: None,
        }
    }

    fn router(caller: Caller) -> Router {
        let store = nowhere();
        let authorization = Authorization {
            authorizer: Authorizer::new(store.clone(), ApiKeys::new(store)),
            attributes: Arc::new(One),
            sources: system_sources(),
        };
        let done = async |Extension(decision): Extension<Authorized>| format!("{decision:?}");
        Router::new()
            .route("/portal/integrations/{integration}", get(done).delete(done))
            .route("/portal/new", any(async || "open"))
            .route_layer(from_fn_with_state(authorization, authorized))
            .layer(Extension(caller))
    }

    async fn send(role: Role, method: &str, path: &str) -> Response {
        let request = http::Request::builder().method(method).uri(path);
        let request = request.body(Body::empty()).unwrap();
        router(caller(role)).oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn a_route_of_which_nothing_is_known_is_nobodys() {
        let response = send(Role::Owner, "GET", "/portal/new").await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(response.extensions().get::<Authorized>().is_none());
    }

    #[tokio::test]
    async fn what_was_decided_is_told_to_whoever_keeps_a_trail() {
        let path = format!("/portal/integrations/{ID}");
        let response = send(Role::Owner, "DELETE", &path).await;
        assert_eq!(response.status(), StatusCode::OK);
        let expected = Authorized {
            action: Action::DeleteIntegration,
            integration: Some(ID.parse().unwrap()),
            allowed: true,
        };
        assert_eq!(response.extensions().get(), Some(&expected));
    }

    #[tokio::test]
    async fn who_may_do_it_to_every_integration_is_sent_on_to_look() {
        for (role, id, status) in [
            (Role::Owner, "int_01K72Z5QSW0123456789ABCDEG", 200),
            (Role::Owner, "nonsense", 200),
            (Role::Viewer, ID, 200),
        ] {
            let method = if role == Role::Owner { "DELETE" } else { "GET" };
            let path = format!("/portal/integrations/{id}");
            let response = send(role, method, &path).await;
            assert_eq!(response.status(), status, "{role} {id}");
        }
    }
}
