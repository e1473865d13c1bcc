//! The same for schemes that are code, each written out once.

use gatehouse::catalog::{Coded, Scheme};
use serde_json::Value;

use super::script::{URL, curl};

const SECRET: &str = "secret='a-secret-of-your-choice'";
const HEX: &str = "od -An -v -tx1 | tr -d ' \\n'";
const BASE64: &str = "openssl base64 -A";
/// The path of the URL of the pages.
const PATH: &str = "path=/webhooks/your-endpoint";
const BASE64URL: &str = "base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }";
const SECONDS: &str = "t=$(date +%s)";

/// The script; none where only the provider has the key, or nothing is signed.
pub(super) fn script(module: Coded, scheme: &Scheme) -> Option<String> {
    let lines = match module {
        Coded::Adyen => adyen(scheme),
        Coded::AtlassianConnect => atlassian_connect(scheme),
        Coded::Box => boxed(scheme),
        Coded::Braintree => braintree(scheme),
        Coded::Contentful => contentful(scheme),
        Coded::Docusign => docusign(scheme),
        Coded::HubspotV1 => hubspot_hash(scheme, "v1", "${secret}${body}"),
        Coded::HubspotV2 => hubspot_hash(scheme, "v2", "${secret}POST${url}${body}"),
        Coded::HubspotV3 => hubspot(scheme),
        Coded::Mailgun => mailgun(scheme),
        Coded::Mandrill => mandrill(scheme),
        Coded::MicrosoftGraph => microsoft_graph(scheme),
        Coded::MicrosoftGraphEncrypted => microsoft_graph_encrypted(scheme),
        Coded::Netlify => netlify(scheme),
        Coded::AwsSns
        | Coded::GooglePubsub
        | Coded::MicrosoftGraphRich
        | Coded::Paypal
        | Coded::Plaid
        | Coded::SalesforceOutbound => return None,
    };
    Some(format!("url='{URL}'\n{}\n", lines.join("\n")))
}

/// Twilio's, of the form that is its sample.
pub(super) fn twilio(scheme: &Scheme, shared_key: bool) -> String {
    let form = form_urlencoded::parse(sample(scheme).as_bytes());
    let mut parameters: Vec<_> = form.into_owned().collect();
    parameters.sort();
    let parameters: String = parameters
        .into_iter()
        .map(|(name, value)| name + &value)
        .collect();
    let digest = if shared_key { "sha256" } else { "sha1" };
    let mut headers = vec![
        "\"X-Twilio-Signature: $signature\"",
        "'I-Twilio-Idempotency-Token: 2b7e1516'",
    ];
    if shared_key {
        headers.push("'X-Twilio-Webhooks-Signature-Settings: algorithm=HMAC_SHA256'");
    }
    let lines = [
        SECRET.to_owned(),
        body(scheme, &[]),
        signed(&format!("${{url}}{parameters}"), digest, BASE64),
        send(scheme, &headers),
    ];
    format!("url='{URL}'\n{}\n", lines.join("\n"))
}

fn sample(scheme: &Scheme) -> &str {
    scheme.page.sample.as_deref().unwrap()
}

/// The sample in single quotes, with what is replaced filled in by the shell.
fn body(scheme: &Scheme, replaced: &[(&str, &str)]) -> String {
    let mut sample = sample(scheme).to_owned();
    assert!(!sample.contains('\''), "{sample}");
    for (from, variable) in replaced {
        assert!(sample.contains(from), "{sample}");
        sample = sample.replacen(from, &format!("'\"{variable}\"'"), 1);
    }
    format!("body='{sample}'")
}

fn send(scheme: &Scheme, headers: &[&str]) -> String {
    let headers: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
    curl(scheme, "\"$url\"", &headers)
}

/// `$signature`: by HMAC and the secret's text.
fn signed(message: &str, digest: &str, written: &str) -> String {
    format!(
        "signature=$(printf '%s' \"{message}\" | openssl dgst -{digest} -hmac \"$secret\" -binary | {written})"
    )
}

fn adyen(scheme: &Scheme) -> Vec<String> {
    let json: Value = serde_json::from_str(sample(scheme)).unwrap();
    let item = &json["notificationItems"][0]["NotificationRequestItem"];
    let fields = [
        &item["pspReference"],
        &item["originalReference"],
        &item["merchantAccountCode"],
        &item["merchantReference"],
        &item["amount"]["value"],
        &item["amount"]["currency"],
        &item["eventCode"],
        &item["success"],
    ];
    let fields = fields.map(|field| match field {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    vec![
        "secret=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f".to_owned(),
        format!(
            "signature=$(printf '%s' '{}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:$secret -binary | {BASE64})",
            fields.join(":")
        ),
        body(scheme, &[("…", "$signature")]),
        send(scheme, &[]),
    ]
}

/// A token of `$header` and `$claims`, and its `$signature`.
fn token(claims: &str) -> [String; 3] {
    let part = |name: &str, json: &str| format!("{name}=$(printf '%s' '{json}' | base64url)");
    [
        part("header", "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"),
        part("claims", claims),
        signed("$header.$claims", "sha256", "base64url"),
    ]
}

fn atlassian_connect(scheme: &Scheme) -> Vec<String> {
    let claims =
        "{\"iss\":\"sample\",\"iat\":'\"$t\"',\"exp\":'\"$((t + 180))\"',\"qsh\":\"'\"$qsh\"'\"}";
    let start = [
        PATH.to_owned(),
        SECRET.to_owned(),
        SECONDS.to_owned(),
        BASE64URL.to_owned(),
        format!("qsh=$(printf '%s' \"POST&$path&\" | openssl dgst -sha256 -binary | {HEX})"),
    ];
    let end = [
        body(scheme, &[]),
        send(
            scheme,
            &["\"Authorization: JWT $header.$claims.$signature\""],
        ),
    ];
    start.into_iter().chain(token(claims)).chain(end).collect()
}

fn netlify(scheme: &Scheme) -> Vec<String> {
    let start = [
        SECRET.to_owned(),
        BASE64URL.to_owned(),
        body(scheme, &[]),
        format!("hash=$(printf '%s' \"$body\" | openssl dgst -sha256 -binary | {HEX})"),
    ];
    let claims = "{\"iss\":\"netlify\",\"sha256\":\"'\"$hash\"'\"}";
    let header = "\"X-Webhook-Signature: $header.$claims.$signature\"";
    start
        .into_iter()
        .chain(token(claims))
        .chain([send(scheme, &[header])])
        .collect()
}

fn boxed(scheme: &Scheme) -> Vec<String> {
    vec![
        SECRET.to_owned(),
        "t=$(date -u +%Y-%m-%dT%H:%M:%SZ)".to_owned(),
        body(scheme, &[]),
        signed("${body}${t}", "sha256", BASE64),
        send(
            scheme,
            &[
                "\"Box-Delivery-Timestamp: $t\"",
                "'Box-Signature-Version: 1'",
                "'Box-Signature-Algorithm: HmacSHA256'",
                "\"Box-Signature-Primary: $signature\"",
            ],
        ),
    ]
}

fn braintree(scheme: &Scheme) -> Vec<String> {
    let mut form = form_urlencoded::parse(sample(scheme).as_bytes());
    let (_, payload) = form.find(|(name, _)| name == "bt_payload").unwrap();
    vec![
        SECRET.to_owned(),
        "public_key=public_key_1".to_owned(),
        format!("payload='{payload}'"),
        format!("key=$(printf '%s' \"$secret\" | openssl dgst -sha1 -binary | {HEX})"),
        format!(
            "signature=$(printf '%s' \"$payload\" | openssl dgst -sha1 -mac HMAC -macopt hexkey:$key -binary | {HEX})"
        ),
        "curl -sS \"$url\" \\\n  --data-urlencode \"bt_payload=$payload\" \\\n  --data-urlencode \"bt_signature=$public_key|$signature\"".to_owned(),
    ]
}

fn contentful(scheme: &Scheme) -> Vec<String> {
    let topic = scheme.page.sample_headers[0].split_once(": ").unwrap().1;
    vec![
        PATH.to_owned(),
        // Of the length that Contentful's have.
        format!("secret={}", "0123456789abcdef".repeat(4)),
        "t=$(date +%s)000".to_owned(),
        format!("topic={topic}"),
        "list=x-contentful-signed-headers,x-contentful-timestamp,x-contentful-topic".to_owned(),
        body(scheme, &[]),
        "headers=\"x-contentful-signed-headers:$list;x-contentful-timestamp:$t;x-contentful-topic:$topic\"".to_owned(),
        format!(
            "signature=$(printf 'POST\\n%s\\n%s\\n%s' \"$path\" \"$headers\" \"$body\" | openssl dgst -sha256 -hmac \"$secret\" -binary | {HEX})"
        ),
        send(
            scheme,
            &[
                "\"X-Contentful-Signature: $signature\"",
                "\"X-Contentful-Timestamp: $t\"",
                "\"X-Contentful-Signed-Headers: $list\"",
            ],
        ),
    ]
}

fn docusign(scheme: &Scheme) -> Vec<String> {
    vec![
        SECRET.to_owned(),
        body(scheme, &[]),
        signed("$body", "sha256", BASE64),
        send(scheme, &["\"X-DocuSign-Signature-1: $signature\""]),
    ]
}

fn hubspot_hash(scheme: &Scheme, version: &str, message: &str) -> Vec<String> {
    let named = format!("'X-HubSpot-Signature-Version: {version}'");
    vec![
        SECRET.to_owned(),
        body(scheme, &[]),
        format!("signature=$(printf '%s' \"{message}\" | openssl dgst -sha256 -binary | {HEX})"),
        send(scheme, &["\"X-HubSpot-Signature: $signature\"", &named]),
    ]
}

fn hubspot(scheme: &Scheme) -> Vec<String> {
    vec![
        SECRET.to_owned(),
        "t=$(date +%s)000".to_owned(),
        body(scheme, &[]),
        signed("POST${url}${body}${t}", "sha256", BASE64),
        send(
            scheme,
            &[
                "\"X-HubSpot-Signature-v3: $signature\"",
                "\"X-HubSpot-Request-Timestamp: $t\"",
            ],
        ),
    ]
}

fn mailgun(scheme: &Scheme) -> Vec<String> {
    let json: Value = serde_json::from_str(sample(scheme)).unwrap();
    let time = json["signature"]["timestamp"].as_str().unwrap();
    vec![
        SECRET.to_owned(),
        SECONDS.to_owned(),
        "token=$(openssl rand -hex 25)".to_owned(),
        signed("${t}${token}", "sha256", HEX),
        body(
            scheme,
            &[(time, "$t"), ("a-token", "$token"), ("…", "$signature")],
        ),
        send(scheme, &[]),
    ]
}

fn mandrill(scheme: &Scheme) -> Vec<String> {
    let mut form = form_urlencoded::parse(sample(scheme).as_bytes());
    let (name, events) = form.next().unwrap();
    vec![
        SECRET.to_owned(),
        format!("events='{events}'"),
        signed(&format!("${{url}}{name}${{events}}"), "sha1", BASE64),
        format!(
            "curl -sS \"$url\" \\\n  -H \"X-Mandrill-Signature: $signature\" \\\n  --data-urlencode \"{name}=$events\""
        ),
    ]
}

fn microsoft_graph(scheme: &Scheme) -> Vec<String> {
    vec![
        SECRET.to_owned(),
        body(scheme, &[("…", "$secret")]),
        send(scheme, &[]),
    ]
}

fn microsoft_graph_encrypted(scheme: &Scheme) -> Vec<String> {
    vec![
        "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem".to_owned(),
        "secret=$(cat key.pem)".to_owned(),
        "openssl rand -out key.bin 32".to_owned(),
        "key=$(od -An -v -tx1 key.bin | tr -d ' \\n')".to_owned(),
        "printf '%s' '{\"id\":\"4\"}' | openssl enc -aes-256-cbc -K \"$key\" -iv \"$(printf '%.32s' \"$key\")\" -out data.bin".to_owned(),
        format!("data=$({BASE64} -in data.bin)"),
        format!(
            "signature=$(openssl dgst -sha256 -mac HMAC -macopt hexkey:$key -binary data.bin | {BASE64})"
        ),
        format!(
            "data_key=$(openssl pkeyutl -encrypt -inkey key.pem -pkeyopt rsa_padding_mode:oaep -in key.bin | {BASE64})"
        ),
        body(
            scheme,
            &[("…", "$data"), ("…", "$signature"), ("…", "$data_key")],
        ),
        send(scheme, &[]),
    ]
}
