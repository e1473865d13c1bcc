//! Request signing with HMAC, as a declaration says.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use url::{Position, Url};
use zeroize::Zeroizing;

use super::AuthError;
use super::fields::Fields;
use super::place::{put_header, put_parameter, remove_parameter};
use crate::domain::{
    HmacAlgorithm, HmacEncoding, HmacKeyForm, HmacSigning, Sources, TemplatePiece, Timestamp,
    TimestampForm, ValueTemplate,
};
use crate::egress::OutboundRequest;
use crate::vault::CredentialSet;

/// Signs what the declaration names. Path and query are signed as they are sent, but for the
/// parameter with the signature itself, which comes last.
pub(super) fn authenticate(
    signing: &HmacSigning,
    credentials: &CredentialSet,
    sources: &Sources,
    request: &mut OutboundRequest,
) -> Result<(), AuthError> {
    let mut nonce = [0; 16];
    sources.randomness.fill(&mut nonce);
    let nonce = hex::encode(nonce);
    let timestamp = written(sources.now(), signing.timestamp);
    let hash = encoded(signing.encoding, &Sha256::digest(&request.body));
    let names_signature = |template: &ValueTemplate| template.fields().any(|n| n == "signature");
    let (with_signature, before): (Vec<_>, Vec<_>) = signing
        .parameters
        .iter()
        .partition(|(_, template)| names_signature(template));
    for (name, _) in &with_signature {
        remove_parameter(&mut request.url, name);
    }
    let (method, mut url) = (request.method.clone(), request.url.clone());
    let fields = Fields::new(credentials)
        .with("timestamp", &timestamp)
        .with("nonce", &nonce);
    for (name, template) in before {
        put_parameter(&mut url, name, &fields.fill(template)?);
    }
    request.url = url.clone();
    let fields = fields
        .with("method", method.as_str())
        .with("path", url.path())
        .with("query", url.query().unwrap_or_default())
        .with("pathAndQuery", path_and_query(&url))
        .with("host", host(&url))
        .with("bodyHash", &hash);
    let signature = signature(signing, &fields, &request.body)?;
    let fields = fields.with_secret("signature", &signature);
    for (name, template) in with_signature {
        put_parameter(&mut request.url, name, &fields.fill(template)?);
    }
    for (name, template) in &signing.headers {
        put_header(request, name, fields.header(template)?)?;
    }
    Ok(())
}

/// Whether the key is of the form that is declared.
pub(super) fn check(signing: &HmacSigning, fields: &Fields<'_>) -> Result<(), AuthError> {
    key(signing, fields).map(|_| ())
}

fn signature(signing: &HmacSigning, fields: &Fields<'_>, body: &[u8]) -> Result<String, AuthError> {
    let algorithm = match signing.algorithm {
        HmacAlgorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        HmacAlgorithm::Sha256 => hmac::HMAC_SHA256,
        HmacAlgorithm::Sha512 => hmac::HMAC_SHA512,
    };
    let key = key(signing, fields)?;
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, &key));
    for piece in signing.signed.pieces() {
        match piece {
            TemplatePiece::Text(text) => context.update(text.replace("\\n", "\n").as_bytes()),
            TemplatePiece::Field("body") => context.update(body),
            TemplatePiece::Field(name) => {
                let value = fields.get(name);
                let value = value.ok_or_else(|| AuthError::MissingField(name.to_owned()))?;
                context.update(value.as_bytes());
            }
        }
    }
    Ok(encoded(signing.encoding, context.sign().as_ref()))
}

fn key(signing: &HmacSigning, fields: &Fields<'_>) -> Result<Zeroizing<Vec<u8>>, AuthError> {
    let text = fields.require(&signing.key_field)?;
    let unusable = |expected| AuthError::UnusableField {
        field: signing.key_field.clone(),
        expected,
    };
    let key = match signing.key_form {
        HmacKeyForm::Text => text.as_bytes().to_vec(),
        HmacKeyForm::Hex => hex::decode(text.trim()).map_err(|_| unusable("hexadecimal digits"))?,
        HmacKeyForm::Base64 => STANDARD
            .decode(text.trim())
            .map_err(|_| unusable("base64"))?,
    };
    Ok(Zeroizing::new(key))
}

fn encoded(encoding: HmacEncoding, bytes: &[u8]) -> String {
    match encoding {
        HmacEncoding::Hex => hex::encode(bytes),
        HmacEncoding::Base64 => STANDARD.encode(bytes),
    }
}

fn written(now: Timestamp, form: TimestampForm) -> String {
    match form {
        TimestampForm::Seconds => now.as_second().to_string(),
        TimestampForm::Milliseconds => now.as_millisecond().to_string(),
        TimestampForm::Rfc3339 => {
            let whole = Timestamp::from_second(now.as_second()).unwrap_or(now);
            jiff::Timestamp::from(whole).to_string()
        }
    }
}

/// As it stands in the first line of the request.
fn path_and_query(url: &Url) -> &str {
    &url[Position::BeforePath..Position::AfterQuery]
}

/// As it stands in the `Host` header.
fn host(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}
