//! How providers see whether somebody is there.
//!
//! What is echoed is an attacker's until something was verified, and often nothing is: it is short,
//! has no control characters, and is answered as plain text or as a JSON string, which the function
//! marks as not to be taken for anything else. What is signed of it is only what no message of the
//! provider's could be: the answer to a challenge is no signature of an event.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::coded::braintree_key;
use super::engine::single;
use super::facts::{PLAIN, is_form};
use super::{HandshakeResponse, InboundRequest, Received, Refusal, SchemeSettings, SigningSecret};
use crate::catalog::{Challenge, KeyForm};
use crate::domain::SecretId;

/// Longer values are not echoed. The longest that is known, of Microsoft Graph, has some hundred
/// bytes.
const MAX_ECHO_BYTES: usize = 2_048;
/// The longest body that is read although nothing of it was verified.
const MAX_BODY_BYTES: usize = 64 * 1024;
const MAX_SECRET_BYTES: usize = 256;

type Secrets<'a> = &'a [(SecretId, &'a SigningSecret)];

/// Answers what is not signed; `None` if it is no challenge.
pub(super) fn unverified(
    challenge: Challenge,
    request: &InboundRequest<'_>,
    secrets: Secrets<'_>,
    settings: &SchemeSettings,
) -> Result<Option<Received>, Refusal> {
    let answer = match (challenge, request.method.as_str()) {
        (Challenge::Asana, "POST") => return asana(request, secrets),
        (Challenge::Notion, "POST") => return notion(request, secrets),
        (Challenge::Braintree, "GET") => braintree(request, secrets, settings)?,
        (Challenge::CloudEvents | Challenge::EventGrid, "OPTIONS") => cloud_events(request)?,
        (Challenge::Dropbox, "GET") => plain(echo(&required(request, "challenge")?)?),
        (Challenge::EventGrid, "POST") => return event_grid(request),
        (Challenge::Get, "GET") | (Challenge::Head, "HEAD") => plain(""),
        (Challenge::Graph, "POST") => match query(request, "validationToken")? {
            Some(token) => plain(echo(&token)?),
            None => return Ok(None),
        },
        (Challenge::Linkedin, "GET") => linkedin(request, secrets)?,
        (Challenge::Meta, "GET") => meta(request, settings)?,
        (Challenge::Woocommerce, "POST") => return Ok(woocommerce(request)),
        (Challenge::X, "GET") => x(request, secrets)?,
        _ => return Ok(None),
    };
    Ok(Some(Received::Handshake(answer)))
}

/// Whether a request that was no challenge may be an event. What a method other than POST brings
/// is a challenge or nothing.
pub(super) fn may_go_on(challenge: Challenge, method: &Method) -> bool {
    method == Method::POST || (challenge == Challenge::Okta && method == Method::GET)
}

/// Answers what was verified, by the secret `by`; `None` if it is no challenge.
pub(super) fn verified(
    challenge: Challenge,
    request: &InboundRequest<'_>,
    secrets: Secrets<'_>,
    by: Option<SecretId>,
) -> Result<Option<HandshakeResponse>, Refusal> {
    match challenge {
        Challenge::Discord => Ok(discord(request)),
        Challenge::Okta if request.method == Method::GET => {
            let value = single(request.headers, "x-okta-verification-challenge")?;
            Ok(Some(answer_json(&json!({"verification": echo(value)?}))))
        }
        Challenge::Zoom => {
            let mut secrets = secrets.iter();
            let secret = secrets.find(|(id, _)| by == Some(*id));
            zoom(request, secret.map(|(_, secret)| *secret))
        }
        _ => Ok(None),
    }
}

/// <https://developers.asana.com/docs/webhooks-guide#the-webhook-handshake>
fn asana(request: &InboundRequest<'_>, secrets: Secrets<'_>) -> Result<Option<Received>, Refusal> {
    const SECRET: HeaderName = HeaderName::from_static("x-hook-secret");
    if !request.headers.contains_key(SECRET) {
        return Ok(None);
    }
    let secret = single(request.headers, SECRET.as_str())?;
    let mut answer = plain("");
    let value = HeaderValue::from_str(secret).map_err(|_| Refusal::BadForm)?;
    answer.headers.push((SECRET, value));
    offered(secret, secrets, answer)
}

/// <https://developers.notion.com/reference/webhooks#step-2-verifying-the-subscription>
fn notion(request: &InboundRequest<'_>, secrets: Secrets<'_>) -> Result<Option<Received>, Refusal> {
    if request.headers.contains_key("x-notion-signature") {
        return Ok(None);
    }
    let body = short_json(request).unwrap_or_default();
    match body.get("verification_token").and_then(Value::as_str) {
        Some(token) => offered(token, secrets, plain("")),
        None => Ok(None),
    }
}

/// A secret that a request brings. Nobody vouches for the request: there is one chance, and whoever
/// comes later is refused, as the provider itself is.
fn offered(
    secret: &str,
    secrets: Secrets<'_>,
    answer: HandshakeResponse,
) -> Result<Option<Received>, Refusal> {
    let is_secret = (16..=MAX_SECRET_BYTES).contains(&secret.len())
        && secret.bytes().all(|byte| byte.is_ascii_graphic());
    if !secrets.is_empty() || !is_secret {
        return Err(Refusal::BadSignature);
    }
    let secret = SecretString::from(secret.to_owned());
    Ok(Some(Received::Secret(secret, answer)))
}

/// The libraries' `verify`: twenty to thirty-two hexadecimal digits, which no payload is.
fn braintree(
    request: &InboundRequest<'_>,
    secrets: Secrets<'_>,
    settings: &SchemeSettings,
) -> Result<HandshakeResponse, Refusal> {
    let challenge = required(request, "bt_challenge")?;
    let is_one = (20..=32).contains(&challenge.len())
        && challenge.bytes().all(|byte| byte.is_ascii_hexdigit());
    let key = secrets
        .first()
        .and_then(|(_, secret)| braintree_key(secret));
    let (true, Some(key), Some(public_key)) = (is_one, key, &settings.public_key) else {
        return Err(Refusal::Malformed);
    };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let signature = hmac::sign(&key, challenge.as_bytes());
    Ok(plain(&format!("{public_key}|{}", hex::encode(signature))))
}

/// <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection>
fn cloud_events(request: &InboundRequest<'_>) -> Result<HandshakeResponse, Refusal> {
    let origin = single(request.headers, "webhook-request-origin")?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    if origin.len() > 255 || !origin.bytes().all(fits) {
        return Err(Refusal::Malformed);
    }
    let mut answer = plain("");
    for (name, value) in [("webhook-allowed-origin", origin), ("allow", "POST")] {
        let value = HeaderValue::from_str(value).map_err(|_| Refusal::Malformed)?;
        answer.headers.push((HeaderName::from_static(name), value));
    }
    Ok(answer)
}

/// <https://learn.microsoft.com/azure/event-grid/webhook-event-delivery#endpoint-validation-with-event-grid-events>
fn event_grid(request: &InboundRequest<'_>) -> Result<Option<Received>, Refusal> {
    let kind = request.headers.get("aeg-event-type");
    if kind.is_none_or(|kind| kind != "SubscriptionValidation") {
        return Ok(None);
    }
    let body = short_json(request)?;
    let code = body.pointer("/0/data/validationCode");
    let code = code.and_then(Value::as_str).ok_or(Refusal::Malformed)?;
    let answer = answer_json(&json!({"validationResponse": echo(code)?}));
    Ok(Some(Received::Handshake(answer)))
}

/// <https://learn.microsoft.com/linkedin/shared/api-guide/webhook-validation>
fn linkedin(
    request: &InboundRequest<'_>,
    secrets: Secrets<'_>,
) -> Result<HandshakeResponse, Refusal> {
    let code = required(request, "challengeCode")?;
    let code = echo(&code)?;
    // An event's signature is of `hmacsha256=` and a body, which no code is.
    let is_one = (1..=64).contains(&code.len())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let signature = is_one.then(|| sign(secrets, code)).flatten();
    let signature = signature.ok_or(Refusal::Malformed)?;
    Ok(answer_json(&json!({
        "challengeCode": code,
        "challengeResponse": hex::encode(signature),
    })))
}

/// <https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification-requests>
fn meta(
    request: &InboundRequest<'_>,
    settings: &SchemeSettings,
) -> Result<HandshakeResponse, Refusal> {
    let ours = settings.verify_token.as_deref().ok_or(Refusal::NoSecret)?;
    let token = required(request, "hub.verify_token")?;
    if verify_slices_are_equal(ours.as_bytes(), token.as_bytes()).is_err() {
        return Err(Refusal::BadSignature);
    }
    if required(request, "hub.mode")? != "subscribe" {
        return Err(Refusal::Malformed);
    }
    Ok(plain(echo(&required(request, "hub.challenge")?)?))
}

/// `WC_Webhook::deliver_ping` of the plugin: a form with the webhook's number, unsigned.
fn woocommerce(request: &InboundRequest<'_>) -> Option<Received> {
    if request.headers.contains_key("x-wc-webhook-signature") || !is_form(request.headers) {
        return None;
    }
    let number = request.body.strip_prefix(b"webhook_id=")?;
    let is_ping = (1..=20).contains(&number.len()) && number.iter().all(u8::is_ascii_digit);
    is_ping.then(|| Received::Handshake(plain("")))
}

/// <https://docs.x.com/x-api/webhooks/introduction#challenge-response-check-crc>
fn x(request: &InboundRequest<'_>, secrets: Secrets<'_>) -> Result<HandshakeResponse, Refusal> {
    let token = required(request, "crc_token")?;
    // An event's body is a JSON object. What could be one is not signed here.
    let is_one = (1..=256).contains(&token.len())
        && token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.=+/".contains(&byte));
    let signature = is_one.then(|| sign(secrets, &token)).flatten();
    let signature = STANDARD.encode(signature.ok_or(Refusal::Malformed)?);
    Ok(answer_json(
        &json!({"response_token": format!("sha256={signature}")}),
    ))
}

/// <https://docs.discord.com/developers/interactions/overview#setting-up-an-endpoint> and, for
/// `type` 0, <https://docs.discord.com/developers/events/webhook-events>, whose events are of type 1
/// as PING is of interactions.
fn discord(request: &InboundRequest<'_>) -> Option<HandshakeResponse> {
    let body: Value = serde_json::from_slice(request.body).ok()?;
    match body.get("type").and_then(Value::as_u64)? {
        _ if body.get("event").is_some() => None,
        1 => Some(answer_json(&json!({"type": 1}))),
        0 => Some(HandshakeResponse {
            status: StatusCode::NO_CONTENT,
            ..plain("")
        }),
        _ => None,
    }
}

/// <https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint>
fn zoom(
    request: &InboundRequest<'_>,
    secret: Option<&SigningSecret>,
) -> Result<Option<HandshakeResponse>, Refusal> {
    let body: Value = serde_json::from_slice(request.body).unwrap_or_default();
    if body.get("event").and_then(Value::as_str) != Some("endpoint.url_validation") {
        return Ok(None);
    }
    let token = body.pointer("/payload/plainToken").and_then(Value::as_str);
    let token = echo(token.ok_or(Refusal::Malformed)?)?;
    // What an event's signature is of begins with `v0:`; Zoom's tokens are letters and digits.
    let is_one = token
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let key = secret.and_then(|secret| secret.key(&KeyForm::Text));
    let key = key.filter(|_| is_one).ok_or(Refusal::Malformed)?;
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), token.as_bytes());
    Ok(Some(answer_json(&json!({
        "plainToken": token,
        "encryptedToken": hex::encode(signature),
    }))))
}

/// HMAC-SHA256 with the newest secret.
fn sign(secrets: Secrets<'_>, text: &str) -> Option<hmac::Tag> {
    let (_, secret) = secrets.first()?;
    let key = secret.key(&KeyForm::Text)?;
    Some(hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, &key),
        text.as_bytes(),
    ))
}

/// What may be echoed.
fn echo(text: &str) -> Result<&str, Refusal> {
    let may_be =
        !text.is_empty() && text.len() <= MAX_ECHO_BYTES && !text.chars().any(char::is_control);
    if may_be {
        Ok(text)
    } else {
        Err(Refusal::Malformed)
    }
}

/// A parameter of the query that comes once, or not at all.
fn query(request: &InboundRequest<'_>, name: &str) -> Result<Option<String>, Refusal> {
    let Some((_, query)) = request.url.split_once('?') else {
        return Ok(None);
    };
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(found, _)| found == name);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Refusal::Malformed),
        (value, None) => Ok(value.map(|(_, value)| value.into_owned())),
    }
}

fn required(request: &InboundRequest<'_>, name: &str) -> Result<String, Refusal> {
    query(request, name)?.ok_or(Refusal::Malformed)
}

fn short_json(request: &InboundRequest<'_>) -> Result<Value, Refusal> {
    if request.body.len() > MAX_BODY_BYTES {
        return Err(Refusal::Malformed);
    }
    serde_json::from_slice(request.body).map_err(|_| Refusal::Malformed)
}

fn plain(text: &str) -> HandshakeResponse {
    answer(PLAIN, text.to_owned())
}

fn answer_json(value: &Value) -> HandshakeResponse {
    answer("application/json", value.to_string())
}

fn answer(content_type: &'static str, body: String) -> HandshakeResponse {
    HandshakeResponse {
        status: StatusCode::OK,
        content_type,
        headers: Vec::new(),
        body: Bytes::from(body),
    }
}
