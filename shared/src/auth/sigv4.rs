//! AWS Signature Version 4.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use http::{HeaderName, HeaderValue, header};
use percent_encoding::{percent_decode_str, percent_encode};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::AuthError;
use super::fields::Fields;
use super::place::RESERVED;
use crate::domain::{SigV4, Timestamp};
use crate::egress::OutboundRequest;

/// Not signed: what the signature sets itself, and what is changed on the way.
const NOT_SIGNED: [HeaderName; 12] = [
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::USER_AGENT,
    HeaderName::from_static("keep-alive"),
];
/// What a signature brings along. That of an earlier try, or of the caller, goes.
const OF_THE_SIGNATURE: [HeaderName; 4] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-amz-content-sha256"),
    HeaderName::from_static("x-amz-date"),
    HeaderName::from_static("x-amz-security-token"),
];

/// Signs the request: method, path, query, host, body, and all headers that reach the service.
///
/// Path and query are rewritten in the one spelling that is also the signed one, so that the
/// service reads what was signed.
pub(super) fn authenticate(
    auth: &SigV4,
    fields: &Fields<'_>,
    now: Timestamp,
    request: &mut OutboundRequest,
) -> Result<(), AuthError> {
    let credentials = Credentials::new(
        fields.require("accessKeyId")?,
        fields.require("secretAccessKey")?,
        fields.get("sessionToken").map(str::to_owned),
        None,
        "integration",
    );
    let identity = credentials.into();
    let unfit = AuthError::Configuration("its service or region cannot be signed for");
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(&auth.region)
        .name(&auth.service)
        .time(system_time(now))
        .settings(settings(&auth.service))
        .build()
        .map_err(|_| unfit.clone())?
        .into();
    for name in &OF_THE_SIGNATURE {
        request.headers.remove(name);
    }
    rewrite(&mut request.url);
    let headers: Vec<(&str, &str)> = request
        .headers
        .iter()
        .filter(|(name, _)| !NOT_SIGNED.contains(name))
        .map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect::<Option<_>>()
        .ok_or(AuthError::Unsignable("a header is not ASCII"))?;
    // Not the body itself: it would show in that crate's trace if the environment asked for it.
    let hash = SignableBody::Precomputed(hex::encode(Sha256::digest(&request.body)));
    let method = request.method.as_str();
    let signable = SignableRequest::new(method, request.url.as_str(), headers.into_iter(), hash)
        .map_err(|_| unfit.clone())?;
    let signed = sign(signable, &parameters).map_err(|_| unfit.clone())?;
    let (instructions, _) = signed.into_parts();
    for (name, value) in instructions.headers() {
        let mut value = HeaderValue::from_str(value).map_err(|_| unfit.clone())?;
        let name: HeaderName = name.parse().map_err(|_| unfit.clone())?;
        value.set_sensitive(name == header::AUTHORIZATION || name == "x-amz-security-token");
        request.headers.insert(name, value);
    }
    Ok(())
}

/// S3 signs the path as it is sent and wants the body's hash as a header; all others sign the path
/// with its percent signs encoded once more, and without `//`.
fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == "s3" || service.starts_with("s3-") {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    settings
}

fn system_time(now: Timestamp) -> SystemTime {
    let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
}

fn rewrite(url: &mut Url) {
    let encode = |text: &str| {
        let bytes: Vec<u8> = percent_decode_str(text).collect();
        percent_encode(&bytes, RESERVED).to_string()
    };
    let segments: Vec<String> = url.path().split('/').map(encode).collect();
    url.set_path(&segments.join("/"));
    let Some(query) = url.query() else { return };
    let encode = |text: &str| encode(&text.replace('+', " "));
    let pairs: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => format!("{}={}", encode(name), encode(value)),
            None => encode(pair),
        })
        .collect();
    let query = pairs.join("&");
    url.set_query((!query.is_empty()).then_some(&query));
}
