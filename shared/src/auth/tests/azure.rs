//! The examples of "Authorize with Shared Key" in the Azure Storage REST reference. Their key is
//! not published: the string to sign is written out there, and the signature over it computed here.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;

/// The key of the storage emulator, which everybody knows.
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

fn call(url: &str) -> Call {
    let config = json!({"kind": "azure_shared_key", "version": "2015-02-21"});
    let fields = [("accountName", "myaccount"), ("accountKey", KEY)];
    Call::new(AuthMethod::Custom, config, &fields, url).at("2015-06-26T23:39:12Z")
}

async fn assert_signed(call: Call, string_to_sign: &str) -> OutboundRequest {
    let request = call.sent().await.unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(KEY).unwrap());
    let signature = STANDARD.encode(hmac::sign(&key, string_to_sign.as_bytes()));
    let expected = format!("SharedKey myaccount:{signature}");
    assert_eq!(secret(&request, "authorization"), expected);
    request
}

#[tokio::test]
async fn microsofts_examples_come_out() {
    let blob = "https://myaccount.blob.core.windows.net";
    let get = call(&format!(
        "{blob}/mycontainer?restype=container&comp=metadata&timeout=20"
    ));
    let request = assert_signed(
        get,
        "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n\
         x-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\n\
         timeout:20",
    )
    .await;
    let date = request.headers.get("x-ms-date").unwrap();
    assert_eq!(date, "Fri, 26 Jun 2015 23:39:12 GMT");
    let put = call(&format!("{blob}/mycontainer?restype=container&timeout=30"));
    assert_signed(
        put.body(Method::PUT, "")
            .header("x-ms-version", "2014-02-14"),
        "PUT\n\n\n0\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n\
         x-ms-version:2014-02-14\n/myaccount/mycontainer\nrestype:container\ntimeout:30",
    )
    .await;
}

#[tokio::test]
async fn headers_are_signed_by_place_and_by_name() {
    let call = call("https://a.example/c/a%20b?Comp=b&comp=a&x=%C3%A4")
        .header("content-type", "text/plain; charset=UTF-8")
        .header("content-encoding", "identity")
        .header("date", "yesterday")
        .header("if-match", "\"e\"")
        .header("range", "bytes=0-9")
        .header("x-ms-meta-b", "  two   words ")
        .header("x-ms-blob-type", "BlockBlob")
        .body(Method::PUT, "hello");
    let request = assert_signed(
        call,
        "PUT\nidentity\n\n5\n\ntext/plain; charset=UTF-8\n\n\n\"e\"\n\n\nbytes=0-9\n\
         x-ms-blob-type:BlockBlob\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n\
         x-ms-meta-b:two   words\nx-ms-version:2015-02-21\n/myaccount/c/a%20b\ncomp:a,b\nx:\u{e4}",
    )
    .await;
    assert!(!request.headers.contains_key("date"));
}

#[tokio::test]
async fn a_key_that_is_not_base64_is_named() {
    let mut call = call("https://a.example/c");
    let key = "canary!".into();
    call.credentials.insert("accountKey".to_owned(), key);
    let error = call.sent().await.unwrap_err();
    assert!(error.to_string().contains("`accountKey`"), "{error}");
    assert!(!format!("{error:?}").contains("canary"));
}
