//! API keys, `Basic`, and several headers at once.

use serde_json::json;

use super::*;
use crate::egress::Redirects;

const URL: &str = "https://api.example.com/v1/things?a=1&key=old&k%65y=older";
const KEY: &[(&str, &str)] = &[("apiKey", "s3cr+t/\u{e4}")];

fn api_key(config: Value) -> Call {
    Call::new(AuthMethod::ApiKey, config, KEY, URL)
}

#[tokio::test]
async fn a_key_in_a_header_replaces_what_is_there() {
    let config = json!({"keyLocation": "header", "keyHeader": "X-Key", "valueTemplate": "T {key}"});
    let call = api_key(config).header("x-key", "a").header("x-key", "b");
    let request = call.sent().await.unwrap();
    assert_eq!(secret(&request, "x-key"), "T s3cr+t/\u{e4}");
    assert_eq!(request.headers.get_all("x-key").iter().count(), 1);
    assert_eq!(request.url.as_str(), URL);
}

#[tokio::test]
async fn a_key_in_the_query_replaces_what_is_there() {
    let config = json!({"keyLocation": "query", "keyParam": "key"});
    let request = api_key(config).sent().await.unwrap();
    let expected = "https://api.example.com/v1/things?a=1&key=s3cr%2Bt%2F%C3%A4";
    assert_eq!(request.url.as_str(), expected);
    assert!(request.headers.is_empty());
}

#[tokio::test]
async fn a_key_in_the_body_goes_where_the_content_type_says() {
    let config = json!({"keyLocation": "body", "keyField": "key"});
    for (media_type, body, expected) in [
        (
            "application/json",
            r#"{"key":1,"n":0.10}"#,
            Some("{\"n\":0.10,\"key\":\"s3cr+t/\u{e4}\"}"),
        ),
        (
            "application/vnd.x+json; charset=utf-8",
            "",
            Some("{\"key\":\"s3cr+t/\u{e4}\"}"),
        ),
        (
            "application/x-www-form-urlencoded",
            "key=1&b=%20+",
            Some("b=%20+&key=s3cr%2Bt%2F%C3%A4"),
        ),
        ("application/json", "[1]", None),
        ("text/plain", "key=1", None),
        ("multipart/form-data; boundary=x", "--x--", None),
    ] {
        let call = api_key(config.clone()).header("content-type", media_type);
        let sent = call.body(Method::POST, body).sent().await;
        match expected {
            Some(expected) => assert_eq!(sent.unwrap().body, expected, "{media_type}"),
            None => assert!(
                matches!(sent, Err(AuthError::NoPlaceInBody)),
                "{media_type}"
            ),
        }
    }
    let bare = api_key(config.clone())
        .body(Method::POST, "{}")
        .sent()
        .await;
    assert!(matches!(bare, Err(AuthError::NoPlaceInBody)));
    let empty = api_key(config.clone()).body(Method::POST, "").sent().await;
    let empty = empty.unwrap();
    assert_eq!(empty.body, "{\"key\":\"s3cr+t/\u{e4}\"}");
    assert_eq!(empty.headers["content-type"], "application/json");
    let packed = api_key(config).header("content-type", "application/json");
    let packed = packed.header("content-encoding", "gzip").sent().await;
    assert!(matches!(packed, Err(AuthError::NoPlaceInBody)));
}

#[tokio::test]
async fn basic_is_the_base64_of_both_in_utf_8() {
    // The second pair is the example of RFC 7617 section 2.1.
    for (username, password, expected) in [
        (
            "Aladdin",
            "open sesame",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
        ("test", "123\u{a3}", "Basic dGVzdDoxMjPCow=="),
        ("sk_key", "", "Basic c2tfa2V5Og=="),
    ] {
        let fields = [("username", username), ("password", password)];
        let call = Call::new(AuthMethod::BasicAuth, json!({}), &fields, URL);
        let request = call.sent().await.unwrap();
        assert_eq!(secret(&request, "authorization"), expected);
    }
    for (username, password, field) in [
        ("a:b", "x", "username"),
        ("a\nb", "x", "username"),
        ("a", "x\r\ny", "password"),
    ] {
        let fields = [("username", username), ("password", password)];
        let call = Call::new(AuthMethod::BasicAuth, json!({}), &fields, URL);
        let error = call.sent().await.unwrap_err();
        let AuthError::UnusableField { field: named, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(named, field);
    }
}

#[tokio::test]
async fn several_headers_and_parameters_go_at_once() {
    let config = json!({"kind": "headers",
        "headers": {"X-App": "{appId}", "X-Secret": "v1={appSecret}", "X-Version": "2026-01"},
        "parameters": {"key": "{appId}"}});
    let fields = [("appId", "app"), ("appSecret", "canary")];
    let call = Call::new(AuthMethod::Custom, config, &fields, URL);
    let request = call.sent().await.unwrap();
    assert_eq!(secret(&request, "x-app"), "app");
    assert_eq!(secret(&request, "x-secret"), "v1=canary");
    let version = request.headers.get("x-version").unwrap();
    assert!(version == "2026-01" && !version.is_sensitive());
    assert_eq!(request.url.query(), Some("a=1&key=app"));
    assert!(!format!("{request:?}").contains("canary"));
}

#[tokio::test]
async fn errors_name_the_field_and_not_its_value() {
    let config = json!({"keyLocation": "header", "keyHeader": "X-Key"});
    let fields = [("apiKey", "canary\r\nX-Evil: 1")];
    let call = Call::new(AuthMethod::ApiKey, config.clone(), &fields, URL);
    let error = call.sent().await.unwrap_err();
    assert!(error.to_string().contains("`apiKey`"), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"));
    let call = Call::new(AuthMethod::ApiKey, config, &[("other", "canary")], URL);
    let error = call.sent().await.unwrap_err();
    assert!(matches!(&error, AuthError::MissingField(name) if name == "apiKey"));
}

#[tokio::test]
async fn credentials_do_not_go_to_another_host() {
    let config = json!({"keyLocation": "header", "keyHeader": "X-Key"});
    for (base, hosts, goes) in [
        ("https://api.example.com/", &[][..], true),
        ("https://other.example.com/", &[], false),
        ("https://other.example.com/", &["*.example.com"], true),
        ("http://api.example.com/", &[], false),
    ] {
        let mut call = api_key(config.clone());
        call.base_url = base.parse().unwrap();
        call.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        match call.sent().await {
            Ok(_) => assert!(goes, "{base}"),
            Err(error) => assert!(!goes && matches!(error, AuthError::ForbiddenHost), "{base}"),
        }
    }
}

#[tokio::test]
async fn no_redirect_leads_out_with_them() {
    let mut call = api_key(json!({"keyLocation": "query", "keyParam": "key"}));
    call.request.redirects = Redirects::Follow(3);
    let request = call.sent().await.unwrap();
    assert_eq!(request.redirects, Redirects::SameOrigin(3));
}

#[tokio::test]
async fn grants_are_not_obtained_yet() {
    let call = Call::new(AuthMethod::Oauth2, json!({}), &[], URL);
    assert!(matches!(call.sent().await, Err(AuthError::NotSupported)));
}

#[tokio::test]
async fn a_client_certificate_is_needed_where_it_is_all_there_is() {
    let certificate = json!({"kind": "client_certificate"});
    for (fields, missing) in [
        (&[][..], "clientCertificate"),
        (&[("clientKey", "x")], "clientCertificate"),
        (&[("clientCertificate", "x")], "clientKey"),
    ] {
        let call = Call::new(AuthMethod::Custom, certificate.clone(), fields, URL);
        let error = call.sent().await.unwrap_err();
        assert!(
            matches!(&error, AuthError::MissingField(name) if name == missing),
            "{error}"
        );
    }
    let made = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let fields = [("clientCertificate", chain.as_str()), ("clientKey", &key)];
    let call = Call::new(AuthMethod::Custom, certificate, &fields, URL);
    assert!(client_identity(&call.credentials).unwrap().is_some());
    let request = call.sent().await.unwrap();
    assert!(request.tls.client_identity.is_some());
}
