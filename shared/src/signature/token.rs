//! Static tokens: the secret itself is in the request, and vouches for nothing else in it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header;
use zeroize::Zeroizing;

use super::engine::single;
use super::{InboundRequest, Refusal, SchemeSettings, SigningSecret};
use crate::catalog::{Scheme, TokenPlace, Verification};
use crate::domain::SecretId;

pub(super) fn verify(
    scheme: &Scheme,
    request: &InboundRequest<'_>,
    secrets: &[(SecretId, &SigningSecret)],
    settings: &SchemeSettings,
) -> Result<SecretId, Refusal> {
    let Verification::Token { at, prefix } = &scheme.verification else {
        return Err(Refusal::BadSignature);
    };
    // What an endpoint says where the scheme leaves it to it.
    let own = |setting| Option::filter(setting, |_| scheme.generic);
    let given = match at {
        TokenPlace::Header(name) => {
            let name = own(settings.header.as_deref()).unwrap_or(name);
            let prefix = own(settings.prefix.as_deref()).unwrap_or(prefix);
            let value = single(request.headers, name)?.strip_prefix(prefix);
            Zeroizing::new(value.ok_or(Refusal::BadForm)?.as_bytes().to_vec())
        }
        TokenPlace::Query(name) => {
            let name = own(settings.parameter.as_deref()).unwrap_or(name);
            let value = parameter(request.url, name)?;
            Zeroizing::new(value.into_owned().into_bytes())
        }
        TokenPlace::Basic => basic(single(request.headers, header::AUTHORIZATION.as_str())?)?,
    };
    let mut secrets = secrets.iter();
    let found = secrets.find(|(_, secret)| !given.is_empty() && secret.is(&given));
    found.map(|(id, _)| *id).ok_or(Refusal::BadSignature)
}

/// A parameter of a URL's query that comes exactly once.
fn parameter<'a>(url: &'a str, name: &str) -> Result<Cow<'a, str>, Refusal> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let pairs = form_urlencoded::parse(query.as_bytes());
    let mut values = pairs.filter(|(found, _)| found == name);
    let (_, value) = values.next().ok_or(Refusal::MissingHeader)?;
    if values.next().is_some() {
        return Err(Refusal::RepeatedHeader);
    }
    Ok(value)
}

/// `name:password` of RFC 7617. The scheme's word is of any case, there is one space, and the
/// base64 has one spelling.
fn basic(value: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let (word, text) = value.split_once(' ').ok_or(Refusal::BadForm)?;
    if !word.eq_ignore_ascii_case("basic") {
        return Err(Refusal::BadForm);
    }
    let decoded = STANDARD.decode(text).map_err(|_| Refusal::BadForm)?;
    Ok(Zeroizing::new(decoded))
}
