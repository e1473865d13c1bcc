use std::collections::BTreeMap;
use std::sync::Arc;

use super::AuthError;
use super::fields::Fields;
use super::place::{put_header, put_parameter};
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

/// Sees to it that the connection shows the client identity.
pub(super) fn certificate(
    credentials: &CredentialSet,
    request: &mut OutboundRequest,
) -> Result<(), AuthError> {
    if request.tls.client_identity.is_none() {
        let identity = client_identity(credentials)?;
        let missing = || AuthError::MissingField(CERTIFICATE.to_owned());
        request.tls.client_identity = Some(identity.ok_or_else(missing)?);
    }
    Ok(())
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
