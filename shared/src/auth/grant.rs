use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::ExposeSecret as _;

use super::fields::Fields;
use super::place::put_header;
use super::{AuthError, GrantedToken};
use crate::domain::{ACCESS_TOKEN, AccessTokenPlace, Oauth2Auth, Sources};
use crate::egress::OutboundRequest;
use crate::oauth::{DpopKey, DpopNonces, ProofOf};
use crate::vault::CredentialSet;

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Puts an access token where the configuration says. One that is bound to a key goes with a proof,
/// under the scheme of its own (RFC 9449 section 7.1).
#[expect(
    clippy::disallowed_methods,
    reason = "the token goes into the request that it authenticates"
)]
pub(super) fn apply(
    config: &Oauth2Auth,
    token: &GrantedToken,
    (nonces, sources): (&DpopNonces, &Sources),
    request: &mut OutboundRequest,
) -> Result<(), AuthError> {
    let text = token.access_token.expose_secret();
    let none = CredentialSet::new();
    let fields = Fields::new(&none).with_secret(ACCESS_TOKEN, text);
    let place = &config.access_token;
    let Some(key) = &token.dpop_key else {
        let value = fields.header(&place.value_template)?;
        return put_header(request, &place.header, value);
    };
    if *place == AccessTokenPlace::default() {
        let mut value = HeaderValue::from_str(&format!("DPoP {text}"))
            .map_err(|_| AuthError::TokenUnreadable("its token is no header"))?;
        value.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, value);
    } else {
        put_header(
            request,
            &place.header,
            fields.header(&place.value_template)?,
        )?;
    }
    let key = DpopKey::read(key.expose_secret()).map_err(AuthError::Oauth)?;
    let nonce = nonces.get(&request.url);
    let proof = ProofOf {
        method: &request.method,
        url: &request.url,
        access_token: Some(text),
        nonce: nonce.as_deref(),
    };
    let proof = key.proof(proof, sources).map_err(AuthError::Oauth)?;
    let mut proof = HeaderValue::from_str(&proof)
        .map_err(|_| AuthError::Unsignable("its proof is no header"))?;
    proof.set_sensitive(true);
    request.headers.insert(DPOP, proof);
    Ok(())
}

/// Whether an answer was refused for the lack of a nonce: `WWW-Authenticate: DPoP
/// error="use_dpop_nonce"` (RFC 9449 section 9).
pub(super) fn is_nonce_challenge(headers: &HeaderMap) -> bool {
    let mut challenges = headers.get_all(header::WWW_AUTHENTICATE).iter();
    challenges.any(|challenge| {
        let challenge = challenge.to_str().unwrap_or_default();
        challenge.contains("use_dpop_nonce")
    })
}
