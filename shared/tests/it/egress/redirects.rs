use axum::Router;
use axum::http::HeaderMap;
use axum::response::Redirect;
use axum::routing::{any, get as route, post};
use gatehouse::egress::{Egress, EgressError, OutboundRequest, Redirects};
use http::{HeaderValue, Method, StatusCode, header};

use super::servers::{Server, ok};
use super::{Answers, request, to_loopback};

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
                error.of_last_hop(),
                EgressError::ForbiddenAddress | EgressError::ForbiddenUrl(_)
            ),
            "{target}: {error}"
        );
    }
}

#[tokio::test]
async fn a_redirect_leads_to_no_name_that_leads_inside() {
    let server = redirecting_to("https://inside.example/").await;
    let egress = Egress::with_resolver(to_loopback(), Answers::new(&[&["169.254.169.254"]]));
    let error = egress.send(following(&server.url("/"))).await.unwrap_err();
    assert!(
        matches!(error.of_last_hop(), EgressError::ForbiddenAddress),
        "{error:?}"
    );
    assert!(error.may_have_been_sent(), "the first server has it");
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let circle =
        "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let server = Server::raw(circle).await;
    let error = Egress::new(to_loopback())
        .send(following(&server.url("/")))
        .await
        .unwrap_err();
    assert!(matches!(error, EgressError::TooManyRedirects), "{error}");
    assert_eq!(server.connections(), 4);
}

#[tokio::test]
async fn the_body_of_a_redirect_is_not_waited_for() {
    let end = Server::raw(ok("end")).await;
    let beginning = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 9\r\n\r\nhalf",
        end.url("/")
    );
    let server = Server::stalling(beginning.leak()).await;
    let response = Egress::new(to_loopback())
        .send(following(&server.url("/")))
        .await
        .unwrap();
    assert_eq!(response.body, "end");
}

#[tokio::test]
async fn redirects_may_be_held_to_the_origin() {
    let other = Server::raw(ok("other")).await;
    let away = Redirect::temporary(&other.url("/"));
    let router = Router::new()
        .route("/", route(async || Redirect::to("/away")))
        .route("/away", route(async move || away));
    let server = Server::router(router).await;
    let response = Egress::new(to_loopback())
        .send(OutboundRequest {
            redirects: Redirects::SameOrigin(3),
            ..request(&server.url("/"))
        })
        .await
        .unwrap();
    assert_eq!(response.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(response.headers[header::LOCATION], other.url("/"));
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_body_follows_where_the_method_is_kept() {
    let echo = async |method: Method, body: String| format!("{method} {body}");
    let router = Router::new()
        .route("/kept", post(async || Redirect::temporary("/echo")))
        .route("/dropped", post(async || Redirect::to("/echo")))
        .route("/echo", any(echo));
    let server = Server::router(router).await;
    for (path, echoed) in [("/kept", "POST body"), ("/dropped", "GET ")] {
        let mut request = following(&server.url(path));
        request.method = Method::POST;
        request.body = "body".into();
        let response = Egress::new(to_loopback()).send(request).await.unwrap();
        assert_eq!(response.body, echoed);
    }
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
