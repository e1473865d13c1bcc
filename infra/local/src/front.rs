//! In place of API Gateway: routes requests as the template says and hands them on as API Gateway
//! does (payload format 2.0).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::response::{IntoResponse, Response};
use embedded_aws::template::Route;
use gatehouse::domain::Sources;
use http::{HeaderMap, HeaderValue, StatusCode};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use tower::ServiceExt as _;

/// The routes of the template, with the functions that answer them.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    routes: Arc<[Route]>,
    functions: Arc<BTreeMap<String, Router>>,
    sources: Sources,
}

impl Front {
    /// # Errors
    ///
    /// The name of a function that a route names and that is not there.
    pub(crate) fn new(
        routes: &[Route],
        functions: BTreeMap<String, Router>,
        sources: Sources,
    ) -> Result<Self, String> {
        match routes
            .iter()
            .find(|route| !functions.contains_key(&route.function))
        {
            Some(route) => Err(route.function.clone()),
            None => Ok(Self {
                routes: routes.into(),
                functions: Arc::new(functions),
                sources,
            }),
        }
    }

    /// The whole as a service.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .fallback(dispatch)
            .layer(DefaultBodyLimit::disable())
            .with_state(self)
    }
}

async fn dispatch(
    State(front): State<Front>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    let (method, path) = (request.method().as_str(), request.uri().path());
    let route = most_specific(&front.routes, method, path);
    let Some(function) = route.and_then(|route| front.functions.get(&route.function)) else {
        return (
            StatusCode::NOT_FOUND,
            axum::Json(serde_json::json!({"message": "Not Found"})),
        )
            .into_response();
    };
    join_repeated(request.headers_mut());
    let context = context(&front.sources, peer);
    request.extensions_mut().insert(context);
    match function.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The route that answers: of those that match, the most specific, as API Gateway has it.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>
fn most_specific<'r>(routes: &'r [Route], method: &str, path: &str) -> Option<&'r Route> {
    let matching = routes.iter().filter(|route| matches(route, method, path));
    matching.min_by_key(|route| {
        let segments: Vec<Segment<'_>> = segments(&route.path).collect();
        (segments, route.method.is_none())
    })
}

/// A segment of a route's path, the most specific kind first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'r> {
    Literal(&'r str),
    /// `{name}`: any one segment.
    One,
    /// `{name+}`: one or more segments, to the end.
    Rest,
}

fn segments(path: &str) -> impl Iterator<Item = Segment<'_>> {
    path.split('/').map(|segment| {
        let name = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        match name {
            Some(name) if name.ends_with('+') => Segment::Rest,
            Some(_) => Segment::One,
            None => Segment::Literal(segment),
        }
    })
}

fn matches(route: &Route, method: &str, path: &str) -> bool {
    let wanted = route.method.as_deref();
    if wanted.is_some_and(|wanted| wanted != method) {
        return false;
    }
    let mut given = path.split('/');
    for segment in segments(&route.path) {
        let fits = match (segment, given.next()) {
            (Segment::Literal(literal), Some(given)) => literal == given,
            (Segment::One, Some(given)) => !given.is_empty(),
            (Segment::Rest, Some(first)) => {
                return !first.is_empty() || given.any(|segment| !segment.is_empty());
            }
            (_, None) => false,
        };
        if !fits {
            return false;
        }
    }
    given.next().is_none()
}

/// Payload format 2.0 has no repeated headers: their values come joined by commas.
fn join_repeated(headers: &mut HeaderMap) {
    let names: Vec<_> = headers.keys().cloned().collect();
    for name in names {
        let values: Vec<&[u8]> = headers
            .get_all(&name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if values.len() > 1
            && let Ok(joined) = HeaderValue::from_bytes(&values.join(&b","[..]))
        {
            headers.insert(name, joined);
        }
    }
}

fn context(sources: &Sources, peer: SocketAddr) -> RequestContext {
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.request_id = Some(sources.randomness.ulid(sources.now()).to_string());
    context.http.source_ip = Some(peer.ip().to_string());
    RequestContext::ApiGatewayV2(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: Option<&str>, path: &str) -> Route {
        Route {
            method: method.map(str::to_owned),
            path: path.to_owned(),
            function: "webhooks".to_owned(),
        }
    }

    #[test]
    fn a_greedy_segment_stands_for_one_or_more() {
        let route = route(None, "/webhooks/{proxy+}");
        for path in ["/webhooks/a", "/webhooks/a/b"] {
            assert!(matches(&route, "PUT", path), "{path}");
        }
        for path in ["/webhooks", "/webhooks/", "/webhooksa", "/portal/a"] {
            assert!(!matches(&route, "PUT", path), "{path}");
        }
    }

    #[test]
    fn other_routes_match_to_the_letter() {
        let route = route(Some("GET"), "/openapi.json");
        assert!(matches(&route, "GET", "/openapi.json"));
        assert!(!matches(&route, "POST", "/openapi.json"));
        assert!(!matches(&route, "GET", "/openapi.json/"));
    }

    #[test]
    fn a_named_segment_stands_for_exactly_one() {
        let route = route(Some("POST"), "/portal/{id}/requests");
        assert!(matches(&route, "POST", "/portal/a/requests"));
        for path in [
            "/portal/requests",
            "/portal//requests",
            "/portal/a/b/requests",
        ] {
            assert!(!matches(&route, "POST", path), "{path}");
        }
    }

    #[test]
    fn the_most_specific_route_answers_wherever_it_stands() {
        let routes = [
            route(None, "/portal/{proxy+}"),
            route(Some("POST"), "/portal/{id}/requests"),
            route(None, "/portal/{id}/requests"),
            route(None, "/portal/{id}/proxy/{path+}"),
        ];
        for (method, path, expected) in [
            ("POST", "/portal/a/requests", Some(1)),
            ("GET", "/portal/a/requests", Some(2)),
            ("GET", "/portal/a/requests/b", Some(0)),
            ("GET", "/portal/a/proxy/b/c", Some(3)),
            ("GET", "/portal/a/proxy", Some(0)),
            ("GET", "/portal/a/proxy//b", Some(3)),
            ("GET", "/other", None),
        ] {
            let found = most_specific(&routes, method, path);
            let expected = expected.map(|index: usize| &routes[index]);
            assert_eq!(found, expected, "{method} {path}");
        }
    }

    #[test]
    fn repeated_headers_are_joined() {
        let mut headers = HeaderMap::new();
        headers.append("x-signature", HeaderValue::from_static("a"));
        headers.append("x-signature", HeaderValue::from_static("b"));
        join_repeated(&mut headers);
        assert_eq!(
            headers.get_all("x-signature").iter().collect::<Vec<_>>(),
            ["a,b"]
        );
    }
}
