use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use lambda_http::request::RequestContext;
use tower_http::catch_panic::CatchPanicLayer;

use super::problem::code_of;
use super::{ApiError, Cors, MayBeCached, request_limits, security_headers};
use crate::domain::{Cause, Error, Sources};
use crate::lambda::telemetry::chain;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What of an answer stays when its problem is told: whoever said which methods there are, and what
/// is left of a limit, knows better.
const KEPT: [HeaderName; 3] = [
    header::ALLOW,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
];

/// The id of a request: API Gateway's own, or one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

/// What surrounds every function's routes: request ids, security headers, CORS, limits on a
/// request's head, problems that name their request and are logged once, and answers to what no
/// route answers.
#[derive(Clone, Debug)]
pub struct Edge {
    sources: Sources,
    cors: Cors,
    logs_refusals: bool,
}

impl Edge {
    /// An edge that takes ids from `sources`.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        Self {
            sources,
            cors: Cors::default(),
            logs_refusals: true,
        }
    }

    /// The same edge, for routes that pages of other origins may call. Without, none may.
    #[must_use]
    pub fn with_cors(self, cors: Cors) -> Self {
        Self { cors, ..self }
    }

    /// The same edge, for routes that anybody may call: what they refuse is written at `DEBUG`
    /// only, so that strangers cannot fill the log. Whoever uses it counts refusals himself.
    #[must_use]
    pub fn without_refusals(self) -> Self {
        Self {
            logs_refusals: false,
            ..self
        }
    }

    /// `router` with the edge around it.
    pub fn apply(self, router: Router) -> Router {
        // Where panics abort, as in the released binaries, Lambda answers for us and starts anew.
        router
            .layer(CatchPanicLayer::custom(|_| {
                ApiError::from(Error::Internal(Cause::from("a handler panicked"))).into_response()
            }))
            .layer(from_fn_with_state(self, surround))
    }
}

impl ApiError {
    /// Logs what became of the request called `id`, or of a part of it.
    pub fn log(&self, id: &str) {
        let code = code_of(&self.0);
        let (status, cause) = (code.status.as_u16(), chain(&*self.0));
        let code = code.code;
        match &*self.0 {
            // A provider's failure is no fault of this system's, and nobody has to get up for it.
            Error::Upstream(_) | Error::ProviderBarred { .. } => {
                tracing::warn!(
                    request.id = id,
                    code,
                    status,
                    cause,
                    "{id} failed at the provider"
                );
            }
            _ if self.status().is_server_error() => {
                tracing::error!(request.id = id, code, status, cause, "{id} failed");
            }
            _ => tracing::info!(request.id = id, code, status, cause, "{id} was refused"),
        }
    }
}

async fn surround(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let id = id_of(&request, &edge.sources);
    request.extensions_mut().insert(RequestId(id.clone()));
    let is_head = request.method() == Method::HEAD;
    let origin = edge.cors.allowed(request.headers()).cloned();
    let preflight = edge.cors.preflight(request.method(), request.headers());
    let mut response = match (request_limits::check(&request), preflight) {
        (Err(error), _) => ApiError::from(error).into_response(),
        (Ok(()), Some(answer)) => answer,
        (Ok(()), None) => next.run(request).await,
    };
    let error = response.extensions_mut().remove::<ApiError>();
    if let Some(error) = error.or_else(|| unanswered(&response)) {
        if edge.logs_refusals || error.status().is_server_error() {
            error.log(&id);
        } else {
            let (code, cause) = (code_of(&error.0).code, chain(&*error.0));
            tracing::debug!(request.id = id, code, cause, "{id} was refused");
        }
        let said = std::mem::take(response.headers_mut());
        response = error.render(Some(&id));
        for name in KEPT {
            if let Some(value) = said.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
    }
    let may_be_cached = response.extensions_mut().remove::<MayBeCached>();
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    security_headers::add(headers, may_be_cached.is_some());
    edge.cors.add(origin.as_ref(), headers);
    if is_head {
        // RFC 9110 section 9.3.2; the router sees to it on its routes, and not on its fallback.
        *response.body_mut() = Body::empty();
    }
    response
}

/// What the router says by itself of a path or a method that it does not know: a bare status.
fn unanswered(response: &Response) -> Option<ApiError> {
    let is_bare = response.body().size_hint().exact() == Some(0)
        && !response.headers().contains_key(header::CONTENT_TYPE);
    let error = match response.status() {
        StatusCode::NOT_FOUND => Error::NotFound("resource"),
        StatusCode::METHOD_NOT_ALLOWED => Error::MethodNotAllowed {
            allow: String::new(),
        },
        _ => return None,
    };
    is_bare.then(|| error.into())
}

fn id_of(request: &Request, sources: &Sources) -> String {
    let given = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        Some(RequestContext::ApiGatewayV1(context)) => context.request_id.clone(),
        _ => None,
    };
    given.unwrap_or_else(|| format!("req_{}", sources.randomness.ulid(sources.now())))
}
