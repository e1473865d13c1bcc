use axum::Router;
use axum::http::HeaderMap;
use axum::response::Redirect;
use axum::routing::get as route;
use gatehouse::egress::{Egress, EgressError, OutboundRequest, Redirects};
use http::{HeaderValue, StatusCode, header};

use super::servers::Server;
use super::{request, to_loopback};

fn following(url: &str) -> OutboundRequest {
    OutboundRequest {
        redirects: Redirects::Follow(3),
        ..request(url)
    }
}

async fn redirecting_to(target: &str) -> Server {
    let target = target.to_owned();
    let redirect = move || {
        let target = target.clone();
        async move { Redirect::temporary(&target) }
    };
    Server::router(Router::new().route("/", route(redirect))).await
}

#[tokio::test]
async fn a_redirect_is_the_answer_unless_it_is_to_be_followed() {
    let server = redirecting_to("http://127.0.0.1:1/").await;
    let response = Egress::new(to_loopback())
        .send(request(&server.url("/")))
        .await
        .unwrap();
    assert_eq!(response.status, StatusCode::TEMPORARY_REDIRECT);
}

#[tokio::test]
async fn a_redirect_leads_to_no_address_that_a_url_may_not() {
    for target in [
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433.example@10.0.0.1/",
        "http://10.0.0.1/",
        "//192.168.0.1/",
        "file:///etc/passwd",
    ] {
        let server = redirecting_to(target).await;
        let error = Egress::new(to_loopback())
            .send(following(&server.url("/")))
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                EgressError::ForbiddenAddress | EgressError::ForbiddenUrl(_)
            ),
            "{target}: {error}"
        );
    }
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let server = redirecting_to("/").await;
    let error = Egress::new(to_loopback())
        .send(following(&server.url("/")))
        .await
        .unwrap_err();
    assert!(matches!(error, EgressError::TooManyRedirects), "{error}");
}

#[tokio::test]
async fn credentials_do_not_follow_to_another_origin() {
    let echo = |headers: HeaderMap| async move {
        let has = |name: &str| headers.contains_key(name);
        format!(
            "{} {} {}",
            has("authorization"),
            has("x-api-key"),
            has("x-plain")
        )
    };
    let other = Server::router(Router::new().route("/", route(echo))).await;
    let server = redirecting_to(&other.url("/")).await;
    let mut request = following(&server.url("/"));
    let mut key = HeaderValue::from_static("canary");
    key.set_sensitive(true);
    request.headers.insert("x-api-key", key);
    request
        .headers
        .insert(header::AUTHORIZATION, HeaderValue::from_static("canary"));
    request
        .headers
        .insert("x-plain", HeaderValue::from_static("kept"));
    let response = Egress::new(to_loopback()).send(request).await.unwrap();
    assert_eq!(response.body, "false false true");
}
