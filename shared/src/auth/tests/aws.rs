//! The examples of "Authenticating Requests: Using the Authorization Header" in the Amazon S3 API
//! reference, and of the Signature Version 4 test suite.

use serde_json::json;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const BUCKET: &str = "https://examplebucket.s3.amazonaws.com";

fn call(service: &str, key: (&str, &str), path: &str) -> Call {
    let config = json!({"kind": "sigv4", "service": service, "region": "us-east-1"});
    let fields = [("accessKeyId", key.0), ("secretAccessKey", key.1)];
    Call::new(AuthMethod::Custom, config, &fields, path)
}

fn s3(path: &str) -> Call {
    let url = format!("{BUCKET}{path}");
    call("s3", ("AKIAIOSFODNN7EXAMPLE", SECRET), &url).at("2013-05-24T00:00:00Z")
}

fn assert_signed(request: &OutboundRequest, headers: &str, signature: &str) {
    let value = secret(request, "authorization");
    let expected = format!("SignedHeaders={headers}, Signature={signature}");
    assert!(value.ends_with(&expected), "{value}");
}

#[tokio::test]
async fn amazons_examples_for_s3_come_out() {
    let get = s3("/test.txt").header("range", "bytes=0-9");
    assert_signed(
        &get.sent().await.unwrap(),
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
    let put = s3("/test$file.text")
        .header("date", "Fri, 24 May 2013 00:00:00 GMT")
        .header("x-amz-storage-class", "REDUCED_REDUNDANCY")
        .body(Method::PUT, "Welcome to Amazon S3.");
    let put = put.sent().await.unwrap();
    assert_signed(
        &put,
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
    assert_eq!(put.url.path(), "/test%24file.text");
    let hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    assert_eq!(put.headers.get("x-amz-content-sha256").unwrap(), hash);
    for (query, signature) in [
        (
            "/?lifecycle",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "/?max-keys=2&prefix=J",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ] {
        let list = s3(query).sent().await.unwrap();
        assert_signed(&list, "host;x-amz-content-sha256;x-amz-date", signature);
    }
}

#[tokio::test]
async fn amazons_test_suite_comes_out() {
    let key = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    // get-vanilla, get-vanilla-query-order-key-case, post-vanilla.
    for (method, path, signature) in [
        (
            Method::GET,
            "/",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            Method::GET,
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            Method::POST,
            "/",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
    ] {
        let url = format!("https://example.amazonaws.com{path}");
        let call = call("service", key, &url).at("2015-08-30T12:36:00Z");
        let request = call.body(method, "").sent().await.unwrap();
        assert_signed(&request, "host;x-amz-date", signature);
        assert!(!request.headers.contains_key("x-amz-content-sha256"));
    }
}

#[tokio::test]
async fn a_session_token_is_signed_and_sensitive() {
    let mut call = s3("/test.txt").header("x-amz-security-token", "stale");
    let token = "canary".into();
    call.credentials.insert("sessionToken".to_owned(), token);
    let request = call.sent().await.unwrap();
    assert_eq!(secret(&request, "x-amz-security-token"), "canary");
    let signed = "host;x-amz-content-sha256;x-amz-date;x-amz-security-token";
    assert!(secret(&request, "authorization").contains(signed));
}

#[tokio::test]
async fn path_and_query_are_sent_as_they_are_signed() {
    for (path, sent) in [
        ("/a b+c/\u{e4}?x=a+b%20c", "/a%20b%2Bc/%C3%A4?x=a%20b%20c"),
        ("/a%3fb%2fc?flag&x=%7E*", "/a%3Fb%2Fc?flag&x=~%2A"),
        ("/a//b/", "/a//b/"),
        ("/?", "/"),
    ] {
        let request = s3(path).sent().await.unwrap();
        assert_eq!(request.url.as_str(), format!("{BUCKET}{sent}"));
    }
}
