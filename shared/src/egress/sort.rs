//! Makes our errors of the HTTP client's. Its own show the URL and the address that was called, so
//! only the innermost cause is kept, without what names anything.

use std::error::Error as StdError;
use std::io;
use std::iter::successors;

use rustls::CertificateError;

use super::error::{EgressError, PinMismatch, ResolveError};
use super::{OutboundRequest, TlsFault};

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Head,
    Body,
}

pub(super) fn sort(error: reqwest::Error, request: &OutboundRequest, stage: Stage) -> EgressError {
    let error = error.without_url();
    let connecting = error.is_connect();
    if error.is_timeout() {
        return if connecting {
            EgressError::ConnectTimeout
        } else {
            EgressError::Timeout
        };
    }
    if let Some(error) = find::<ResolveError>(&error) {
        return match error {
            ResolveError::Forbidden => EgressError::ForbiddenAddress,
            ResolveError::NotFound => EgressError::Resolve,
        };
    }
    if let Some(error) = find::<rustls::Error>(&error) {
        let shows_identity = request.tls.client_identity.is_some();
        return of_tls(error, connecting, shows_identity);
    }
    if error.is_builder() {
        return EgressError::Setup(error.into());
    }
    if find::<hyper::Error>(&error).is_some_and(hyper::Error::is_parse) {
        return EgressError::Protocol(error.into());
    }
    let Some(io) = causes(&error).filter_map(as_io).last() else {
        return if connecting {
            EgressError::Connect(error.into())
        } else {
            EgressError::Disconnected(error.into())
        };
    };
    match io.kind() {
        _ if connecting => EgressError::Connect(bare(io).into()),
        io::ErrorKind::UnexpectedEof if stage == Stage::Body => EgressError::Truncated,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            EgressError::Protocol(bare(io).into())
        }
        _ => EgressError::Disconnected(bare(io).into()),
    }
}

/// As [`sort`], of a connection that is made without the HTTP client.
pub(super) fn sort_io(error: &io::Error, shows_identity: bool) -> EgressError {
    match find::<rustls::Error>(error) {
        Some(error) => of_tls(error, true, shows_identity),
        None => EgressError::Connect(bare(error).into()),
    }
}

fn of_tls(error: &rustls::Error, connecting: bool, shows_identity: bool) -> EgressError {
    let error = match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other))
            if other.0.is::<PinMismatch>() =>
        {
            return EgressError::PinMismatch;
        }
        // The context lists all names of the certificate.
        rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. }) => {
            rustls::Error::InvalidCertificate(CertificateError::NotValidForName)
        }
        error => error.clone(),
    };
    let fault = TlsFault::of(&error, shows_identity);
    if connecting || fault.may_follow_the_request() {
        EgressError::Tls(fault, error.into())
    } else {
        EgressError::Disconnected(error.into())
    }
}

/// An error and all that caused it.
fn causes<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    successors(Some(error), |error| cause_of(*error))
}

fn cause_of<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    // An I/O error does not show what it wraps as its source.
    match as_io(error).and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn find<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn as_io<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e io::Error> {
    error.downcast_ref()
}

/// What an I/O error says by its number or kind.
fn bare(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.kind().into(),
    }
}
