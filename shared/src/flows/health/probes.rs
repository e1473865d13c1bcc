//! Each kind of probe. None uses a credential but the verifying call, which the integration's own calls
//! are made like; all go through the egress guard.

use url::{Host, Url};

use crate::directory::SCHEME as DIRECTORY;
use crate::domain::gateway::ErrorCategory;
use crate::domain::health::{CheckKind, CheckState, Checked, certificate_checked, validity};
use crate::domain::{Error, Sources};
use crate::egress::{Egress, EgressError, TlsFault, TlsSettings};
use crate::flows::outbound::Verified;
use crate::http::code_of;

/// The port of LDAP over TLS.
const DIRECTORY_PORT: u16 = 636;

/// Whether the host's name resolves; none, where it is an address.
pub(super) async fn dns(egress: &Egress, base_url: &Url) -> Option<Checked> {
    let (host, _) = server_of(egress, base_url)?;
    let Host::Domain(name) = host else {
        return None;
    };
    let checked = |state, code, message: String| Checked::new(CheckKind::Dns, state, code, message);
    Some(match egress.look_up(&name).await {
        Ok(found) => checked(
            CheckState::Passed,
            "name_resolved",
            format!("the host's name has {found} addresses"),
        ),
        Err(error) => checked(CheckState::Failed, error.code(), error.to_string()),
    })
}

/// What the host shows when TLS is agreed on; none, where there is no TLS, or where it shows nothing
/// before it has seen a client certificate.
pub(super) async fn tls(
    egress: &Egress,
    base_url: &Url,
    settings: &TlsSettings,
    sources: &Sources,
) -> Option<Checked> {
    if base_url.scheme() == "http" {
        return None;
    }
    let (host, port) = server_of(egress, base_url)?;
    // The client's identity is a credential: it is not shown for this.
    let settings = TlsSettings {
        client_identity: None,
        ..settings.clone()
    };
    let began = sources.now();
    let found = egress.look_at_tls(&host, port, &settings).await;
    let now = sources.now();
    let duration_ms = u64::try_from(now.since(began).as_millis()).ok();
    let checked = match found {
        Ok(peer) => match validity(&peer.certificate) {
            Some((not_before, not_after)) => Checked {
                protocol: Some(peer.protocol.to_owned()),
                ..certificate_checked(not_before, not_after, now)
            },
            None => Checked::new(
                CheckKind::Tls,
                CheckState::Failed,
                "tls_certificate_invalid",
                "the server's certificate cannot be read",
            ),
        },
        Err(EgressError::Tls(TlsFault::ClientCertificateRequired, _)) => return None,
        Err(error) => Checked::new(
            CheckKind::Tls,
            CheckState::Failed,
            error.code(),
            error.to_string(),
        ),
    };
    Some(Checked {
        duration_ms,
        ..checked
    })
}

/// The host and the port of a base URL.
fn server_of(egress: &Egress, base_url: &Url) -> Option<(Host<String>, u16)> {
    if base_url.scheme() == DIRECTORY {
        return egress
            .check_tls_url(base_url, DIRECTORY, DIRECTORY_PORT)
            .ok();
    }
    Some((
        base_url.host()?.to_owned(),
        base_url.port_or_known_default()?,
    ))
}

/// What the verifying call says; none, if it was not made for reasons that are not the provider's.
pub(super) fn verification(verified: Result<Verified, Error>) -> Result<Option<Checked>, Error> {
    let checked = |state, code: &str, message: String| {
        Checked::new(CheckKind::Verification, state, code, message)
    };
    let verified = match verified {
        Ok(verified) => verified,
        // Nothing was sent; the provider is not to be judged by that.
        Err(Error::RateLimited { .. }) => return Ok(None),
        Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => return Err(error),
        Err(error) => {
            let code = code_of(&error).code;
            return Ok(Some(checked(CheckState::Failed, code, error.to_string())));
        }
    };
    let found = match &verified.end {
        Ok(()) if verified.verifies_credentials => checked(
            CheckState::Passed,
            "credentials_accepted",
            "the provider accepts the credentials".to_owned(),
        ),
        Ok(()) => checked(
            CheckState::Passed,
            "provider_answers",
            "the provider answers; no call is known that would verify the credentials".to_owned(),
        ),
        Err(Error::Upstream(error)) => {
            // It works, and has no room for us.
            let state = match error.problem.category {
                ErrorCategory::RateLimit => CheckState::Warned,
                _ => CheckState::Failed,
            };
            checked(state, error.problem.category.as_str(), error.to_string())
        }
        Err(error) => checked(CheckState::Failed, code_of(error).code, error.to_string()),
    };
    Ok(Some(Checked {
        status: verified.status,
        duration_ms: verified.duration_ms,
        request_id: verified.request,
        ..found
    }))
}
