use std::collections::BTreeMap;
use std::sync::Arc;

use super::fields::Fields;
use super::place::{put_header, put_parameter};
use super::{AuthContext, AuthError};
use crate::domain::ValueTemplate;
use crate::egress::{ClientIdentity, OutboundRequest};
use crate::vault::CredentialSet;

const CERTIFICATE: &str = "clientCertificate";
const KEY: &str = "clientKey";

/// The client identity that credentials hold, for whatever method: the fields `clientCertificate`
/// (a chain, the client's own first) and `clientKey`, both as PEM.
///
/// # Errors
///
/// If one of them is there without the other, or they cannot be read, or they do not belong
/// together.
pub fn client_identity(
    credentials: &CredentialSet,
) -> Result<Option<Arc<ClientIdentity>>, AuthError> {
    let missing = |name: &str| Err(AuthError::MissingField(name.to_owned()));
    match (credentials.get(CERTIFICATE), credentials.get(KEY)) {
        (None, None) => Ok(None),
        (Some(_), None) => missing(KEY),
        (None, Some(_)) => missing(CERTIFICATE),
        (Some(chain), Some(key)) => ClientIdentity::from_pem(chain, key)
            .map(|identity| Some(Arc::new(identity)))
            .map_err(AuthError::ClientIdentity),
    }
}

/// The client identity of a call: the one that was made before, or else made of the credentials.
pub(super) fn identity(
    context: &AuthContext<'_>,
) -> Result<Option<Arc<ClientIdentity>>, AuthError> {
    match &context.tls.client_identity {
        Some(identity) => Ok(Some(Arc::clone(identity))),
        None => client_identity(context.credentials),
    }
}

/// Sees to it that the connection shows a client identity, where nothing else authenticates it.
pub(super) fn certificate(request: &OutboundRequest) -> Result<(), AuthError> {
    let identity = &request.tls.client_identity;
    let missing = || AuthError::MissingField(CERTIFICATE.to_owned());
    identity.as_ref().map(|_| ()).ok_or_else(missing)
}

/// Several headers and query parameters.
pub(super) fn several(
    headers: &BTreeMap<String, ValueTemplate>,
    parameters: &BTreeMap<String, ValueTemplate>,
    fields: &Fields<'_>,
    request: &mut OutboundRequest,
) -> Result<(), AuthError> {
    for (name, template) in headers {
        put_header(request, name, fields.header(template)?)?;
    }
    for (name, template) in parameters {
        put_parameter(&mut request.url, name, &fields.fill(template)?);
    }
    Ok(())
}
