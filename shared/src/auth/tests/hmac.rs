//! Request signing by declaration.

use serde_json::json;

use super::*;

/// As BitMEX documents it, with its key and its examples (bitmex.com/app/apiKeysUsage).
fn bitmex(path: &str, now: &str) -> Call {
    let config = json!({
        "kind": "hmac", "algorithm": "sha256", "keyField": "apiSecret", "encoding": "hex",
        "signed": "{method}{pathAndQuery}{timestamp}{body}",
        "headers": {"api-expires": "{timestamp}", "api-key": "{apiKey}",
                    "api-signature": "{signature}"},
    });
    let fields = [
        ("apiKey", "LAqUlngMIQkIUjXMUreyu3qn"),
        (
            "apiSecret",
            "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO",
        ),
    ];
    let url = format!("https://www.bitmex.com{path}");
    Call::new(AuthMethod::Custom, config, &fields, &url).at(now)
}

#[tokio::test]
async fn the_examples_of_a_provider_come_out() {
    let order = r#"{"symbol":"XBTM15","price":219.0,"clOrdID":"mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA","orderQty":98}"#;
    for (method, path, now, body, signature) in [
        (
            Method::GET,
            "/api/v1/instrument",
            "2018-02-08T04:30:36Z",
            "",
            "c7682d435d0cfe87c16098df34ef2eb5a549d4c5a3c2b1f0f77b8af73423bf00",
        ),
        (
            Method::GET,
            "/api/v1/instrument?filter=%7B%22symbol%22%3A+%22XBTM15%22%7D",
            "2018-02-08T04:30:37Z",
            "",
            "e2f422547eecb5b3cb29ade2127e21b858b235b386bfa45e1c1756eb3383919f",
        ),
        (
            Method::POST,
            "/api/v1/order",
            "2018-02-08T04:30:38Z",
            order,
            "1749cd2ccae4aa49048ae09f0b95110cee706e0944e6a14ad0b3a8cb45bd336b",
        ),
    ] {
        let request = bitmex(path, now).body(method, body).sent().await.unwrap();
        assert_eq!(secret(&request, "api-signature"), signature, "{path}");
        let expires = request.headers.get("api-expires").unwrap();
        assert!(!expires.is_sensitive() && expires.as_bytes().starts_with(b"151806423"));
        assert_eq!(secret(&request, "api-key"), "LAqUlngMIQkIUjXMUreyu3qn");
    }
}

/// As Binance documents it, with its key and its example: the query is signed with the time in it,
/// and the signature is its last parameter.
#[tokio::test]
async fn a_signature_may_be_a_parameter() {
    let config = json!({
        "kind": "hmac", "algorithm": "sha256", "encoding": "hex", "signed": "{query}{body}",
        "timestamp": "milliseconds", "headers": {"X-MBX-APIKEY": "{apiKey}"},
        "parameters": {"signature": "{signature}", "timestamp": "{timestamp}"},
    });
    let fields = [
        (
            "apiKey",
            "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
        ),
        (
            "secret",
            "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
        ),
    ];
    let order =
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000";
    let url = format!("https://api.binance.com/api/v3/order?signature=stale&timestamp=1&{order}");
    let call = Call::new(AuthMethod::Custom, config, &fields, &url);
    let call = call.at("2017-07-12T02:41:59.559Z");
    let request = call.body(Method::POST, "").sent().await.unwrap();
    let signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
    let signed = format!("{order}&timestamp=1499827319559&signature={signature}");
    assert_eq!(request.url.query(), Some(signed.as_str()));
}

async fn signed(config: Value, field: &str) -> Result<OutboundRequest, AuthError> {
    let mut all = json!({"kind": "hmac", "algorithm": "sha256", "encoding": "base64",
                         "signed": "{body}", "headers": {"x-sign": "{signature}"}});
    for (name, value) in config.as_object().unwrap() {
        all[name] = value.clone();
    }
    let url = "https://a.example:8443/p?q=1";
    let call = Call::new(AuthMethod::Custom, all, &[("secret", field)], url);
    call.body(Method::POST, "what do ya want for nothing?")
        .sent()
        .await
}

/// RFC 4231 section 4.3 and RFC 2202 section 3: the key is `Jefe`.
#[tokio::test]
async fn keys_hashes_and_encodings_are_as_declared() {
    for (config, field, signature) in [
        (
            json!({"encoding": "hex"}),
            "Jefe",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            json!({"keyForm": "hex"}),
            "4a656665",
            "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=",
        ),
        (
            json!({"keyForm": "base64", "algorithm": "sha1", "encoding": "hex"}),
            "SmVmZQ==",
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        ),
        (
            json!({"algorithm": "sha512", "encoding": "hex"}),
            "Jefe",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
    ] {
        let request = signed(config, field).await.unwrap();
        assert_eq!(secret(&request, "x-sign"), signature);
    }
    for form in ["hex", "base64"] {
        let error = signed(json!({"keyForm": form}), "canary!")
            .await
            .unwrap_err();
        assert!(error.to_string().contains("`secret`"), "{error}");
    }
}

#[tokio::test]
async fn templates_know_the_request() {
    let known = "{method} {host} {path} {query} {nonce} {bodyHash}";
    let headers = json!({"x-sign": "{signature}", "x-seen": known, "x-time": "{timestamp}"});
    let nonce = "07".repeat(16);
    let hash = "3q2oQAyhRCZWrAlG8u7nQvqWFJw/mPVW+f0UnMzEkPo=";
    for (form, written) in [
        ("seconds", "1795521600"),
        ("milliseconds", "1795521600000"),
        ("rfc3339", "2026-11-24T12:00:00Z"),
    ] {
        let config = json!({"headers": headers, "timestamp": form, "signed": "{method}\\n{host}"});
        let request = signed(config, "Jefe").await.unwrap();
        assert_eq!(request.headers.get("x-time").unwrap(), written);
        let seen = request.headers.get("x-seen").unwrap().to_str().unwrap();
        let beginning = format!("POST a.example:8443 /p q=1 {nonce} ");
        assert!(seen.starts_with(&beginning), "{seen}");
        assert_eq!(seen.len(), beginning.len() + hash.len());
        // HMAC-SHA256 of "POST", a line feed, and "a.example:8443".
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"Jefe");
        let tag = aws_lc_rs::hmac::sign(&key, b"POST\na.example:8443");
        use base64::Engine as _;
        let tag = base64::engine::general_purpose::STANDARD.encode(tag);
        assert_eq!(secret(&request, "x-sign"), tag);
    }
}
