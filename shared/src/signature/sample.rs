//! A sample of what a provider sends, signed as it would sign it: to see whether an endpoint takes
//! what it should.

use std::borrow::Cow;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use serde_json::Value;
use zeroize::Zeroizing;

use super::engine::{Signed, effective_versions, fill};
use super::keys::mac;
use super::{InboundRequest, SchemeSettings, SigningSecret, coded, twilio};
use crate::catalog::{
    Algorithm, Encoding, Grammar, HeaderFamily, KeyForm, Location, Scheme, TimestampUnit,
    TokenPlace, Tolerance, Verification, Version,
};

/// A signed request.
#[derive(Debug)]
pub struct Sample {
    /// What is added to the URL's query, escaped.
    pub query: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// The catalogue has no sample body.
    #[error("the catalogue has no sample of this provider's events")]
    NoSample,
    /// The endpoint has a public key, or none: who signs is the provider alone.
    #[error("only the provider has the key that such an event is signed with")]
    OnlyProviderSigns,
    /// The secret, or a setting, is not of the form that the scheme has for it.
    #[error("the endpoint's secret or settings are not of the form that this scheme signs with")]
    Unusable,
}

/// What a sample is signed with.
#[derive(Clone, Copy)]
pub(super) struct Signer<'a> {
    pub(super) secret: &'a SigningSecret,
    pub(super) settings: &'a SchemeSettings,
    /// The endpoint's URL.
    pub(super) url: &'a str,
    /// The event's id.
    pub(super) id: &'a str,
    pub(super) now: Timestamp,
}

impl<'a> Signer<'a> {
    /// The URL as the provider would call it.
    pub(super) fn url(&self) -> Cow<'a, str> {
        self.settings.url_for(self.url)
    }

    /// The key that the secret is, as text.
    pub(super) fn key(&self) -> Result<Zeroizing<Vec<u8>>, SampleError> {
        self.secret.key(&KeyForm::Text).ok_or(SampleError::Unusable)
    }

    /// The signature of a message by the secret's text.
    pub(super) fn sign(
        &self,
        algorithm: Algorithm,
        message: &[&[u8]],
    ) -> Result<hmac::Tag, SampleError> {
        Ok(mac(code(algorithm), &self.key()?, message))
    }
}

impl Sample {
    /// Sets a header that is not to be shown.
    pub(super) fn bear(&mut self, name: &str, value: &str) {
        insert(&mut self.headers, name, value.as_bytes());
    }

    /// The parameters of the form that the body is.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The JSON that the body is.
    pub(super) fn json(&self) -> Result<Value, SampleError> {
        serde_json::from_slice(&self.body).map_err(|_| SampleError::NoSample)
    }
}

/// Signs the catalogue's sample of `scheme` with `secret`, as an event of that `id`.
///
/// # Errors
///
/// If there is no sample, or it cannot be signed here.
pub fn sample(
    scheme: &Scheme,
    settings: &SchemeSettings,
    secret: &SigningSecret,
    url: &str,
    id: &str,
    now: Timestamp,
) -> Result<Sample, SampleError> {
    let mut sample = Sample {
        query: None,
        headers: headers(scheme, id),
        body: body(scheme, id, now)?,
    };
    let signer = Signer {
        secret,
        settings,
        url,
        id,
        now,
    };
    match &scheme.verification {
        Verification::None => {}
        Verification::Token { at, prefix } => {
            bear(&mut sample, scheme, settings, secret, (at, prefix));
        }
        Verification::Signature { .. } => sign(&mut sample, scheme, settings, secret, url, now)?,
        Verification::Twilio { shared_key } => twilio::sign(*shared_key, &mut sample, &signer)?,
        Verification::Code { module, .. } => coded::sign(*module, &mut sample, &signer)?,
    }
    Ok(sample)
}

fn headers(scheme: &Scheme, id: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let media_type = scheme.page.sample_type.as_deref();
    set(
        &mut headers,
        CONTENT_TYPE.as_str(),
        media_type.unwrap_or("application/json"),
    );
    for header in &scheme.page.sample_headers {
        if let Some((name, value)) = header.split_once(':') {
            set(&mut headers, name, value.trim());
        }
    }
    for place in &scheme.event_id {
        if let Location::Header(name) = place {
            set(&mut headers, name, id);
        }
    }
    headers
}

fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}

/// The sample with `id` for its id, and the time of now where the scheme looks for one.
fn body(scheme: &Scheme, id: &str, now: Timestamp) -> Result<Vec<u8>, SampleError> {
    let text = scheme.page.sample.as_ref().ok_or(SampleError::NoSample)?;
    let Ok(mut json) = serde_json::from_str::<Value>(text) else {
        return Ok(text.clone().into_bytes());
    };
    for place in &scheme.event_id {
        // Of an id that is joined, what comes first tells events apart.
        let first = match place {
            Location::Join(places) => places.first(),
            place => Some(place),
        };
        let Some(Location::Body(pointer)) = first else {
            continue;
        };
        match json.pointer_mut(pointer) {
            Some(found @ Value::String(_)) => *found = id.into(),
            Some(found @ Value::Number(_)) => *found = now.as_millisecond().into(),
            _ => {}
        }
    }
    let placed = scheme.tolerance().and_then(|tolerance| {
        let Location::Body(pointer) = tolerance.at.as_ref()? else {
            return None;
        };
        Some((pointer, tolerance.unit))
    });
    if let Some((pointer, unit)) = placed
        && let Some(found) = json.pointer_mut(pointer)
    {
        *found = match unit {
            TimestampUnit::Seconds => now.as_second().into(),
            TimestampUnit::Milliseconds => now.as_millisecond().into(),
            TimestampUnit::Rfc3339 => now.to_string().into(),
        };
    }
    Ok(json.to_string().into_bytes())
}

fn bear(
    sample: &mut Sample,
    scheme: &Scheme,
    settings: &SchemeSettings,
    secret: &SigningSecret,
    (at, prefix): (&TokenPlace, &str),
) {
    let key = secret.key(&KeyForm::Text).unwrap_or_default();
    let own = |setting: &Option<String>| setting.clone().filter(|_| scheme.generic);
    match at {
        TokenPlace::Header(name) => {
            let name = own(&settings.header).unwrap_or_else(|| name.clone());
            let prefix = own(&settings.prefix).unwrap_or_else(|| prefix.to_owned());
            let value = [prefix.as_bytes(), &key].concat();
            insert(&mut sample.headers, &name, &value);
        }
        TokenPlace::Query(name) => {
            let name = own(&settings.parameter).unwrap_or_else(|| name.clone());
            let value = String::from_utf8_lossy(&key);
            let mut query = form_urlencoded::Serializer::new(String::new());
            sample.query = Some(query.append_pair(&name, &value).finish());
        }
        TokenPlace::Basic => {
            let value = format!("Basic {}", STANDARD.encode(&key));
            insert(&mut sample.headers, "authorization", value.as_bytes());
        }
    }
}

/// A header that is not to be shown.
fn insert(headers: &mut HeaderMap, name: &str, value: &[u8]) {
    if let (Ok(name), Ok(mut value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(value))
    {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
}

fn sign(
    sample: &mut Sample,
    scheme: &Scheme,
    settings: &SchemeSettings,
    secret: &SigningSecret,
    url: &str,
    now: Timestamp,
) -> Result<(), SampleError> {
    let Verification::Signature {
        headers,
        grammar,
        signed,
        versions,
        tolerance,
    } = &scheme.verification
    else {
        return Err(SampleError::Unusable);
    };
    let own = settings.header.clone().filter(|_| scheme.generic);
    let own = own.map(|signature| HeaderFamily {
        signature,
        ..HeaderFamily::default()
    });
    let family = own
        .as_ref()
        .or(headers.first())
        .ok_or(SampleError::Unusable)?;
    let versions = effective_versions(versions, settings);
    let (version, key) = key(&versions, secret).ok_or(SampleError::OnlyProviderSigns)?;
    let time = written(tolerance.as_ref(), now);
    if let Some(name) = &family.timestamp {
        set(&mut sample.headers, name, &time);
    }
    let id = family.id.as_ref().and_then(|name| sample.headers.get(name));
    let id = id.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let request = InboundRequest {
        method: &Method::POST,
        url,
        headers: &sample.headers,
        body: &sample.body,
    };
    let parts = Signed {
        candidates: Vec::new(),
        timestamp: Some(&time),
        id: id.as_deref(),
    };
    let message = fill(signed, &request, settings, &parts).map_err(|_| SampleError::Unusable)?;
    let message: Vec<&[u8]> = message.iter().map(Cow::as_ref).collect();
    let text = signature(version, &key, &message);
    let prefix = settings.prefix.as_deref().filter(|_| scheme.generic);
    let value = header_of(grammar, prefix, version, &time, &text);
    insert(&mut sample.headers, &family.signature, value.as_bytes());
    Ok(())
}

fn written(tolerance: Option<&Tolerance>, now: Timestamp) -> String {
    match tolerance.map_or(TimestampUnit::Seconds, |tolerance| tolerance.unit) {
        TimestampUnit::Seconds => now.as_second().to_string(),
        TimestampUnit::Milliseconds => now.as_millisecond().to_string(),
        TimestampUnit::Rfc3339 => now.to_string(),
    }
}

fn code(algorithm: Algorithm) -> hmac::Algorithm {
    match algorithm {
        Algorithm::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Algorithm::HmacSha512 => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    }
}

fn signature(version: &Version, key: &[u8], message: &[&[u8]]) -> String {
    let code = mac(code(version.algorithm), key, message);
    match version.encoding {
        Encoding::Hex => hex::encode(code),
        Encoding::Base64 => STANDARD.encode(code),
        Encoding::Base64url => URL_SAFE_NO_PAD.encode(code),
    }
}

fn header_of(
    grammar: &Grammar,
    own_prefix: Option<&str>,
    version: &Version,
    time: &str,
    text: &str,
) -> String {
    match grammar {
        Grammar::Single { prefix } => format!("{}{text}", own_prefix.unwrap_or(prefix)),
        Grammar::Labelled {
            separator,
            label_end,
            timestamp,
        } => {
            let signature = format!("{}{label_end}{text}", version.label);
            match timestamp {
                Some(label) => format!("{label}{label_end}{time}{separator}{signature}"),
                None => signature,
            }
        }
        Grammar::Positional { separator } => format!("{time}{separator}{text}"),
    }
}

/// The first kind of signature that both sides make with the secret.
fn key<'a>(
    versions: &'a [Version],
    secret: &SigningSecret,
) -> Option<(&'a Version, Zeroizing<Vec<u8>>)> {
    let mut symmetric = versions.iter().filter(|version| {
        matches!(
            version.algorithm,
            Algorithm::HmacSha1 | Algorithm::HmacSha256 | Algorithm::HmacSha512
        )
    });
    symmetric.find_map(|version| Some((version, secret.key(&version.key)?)))
}
