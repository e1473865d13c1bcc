use std::fmt;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// What was wrong in a TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// The server's certificate has expired.
    CertificateExpired,
    /// The server's certificate is not valid yet.
    CertificateNotYetValid,
    /// The server's certificate leads to no root that is trusted.
    CertificateUntrusted,
    /// The server's certificate is of another name.
    CertificateWrongName,
    /// Something else is wrong with the server's certificate.
    CertificateInvalid,
    /// The server has no version of TLS that is allowed here.
    VersionNotSupported,
    /// The server asks for a client certificate, and none was shown.
    ClientCertificateRequired,
    /// The server does not accept the client certificate.
    ClientCertificateRefused,
    /// The server refused the handshake without a reason: it has no algorithm in common, or, in
    /// TLS 1.2, asks for a client certificate.
    Refused,
    /// Anything else, such as a server that speaks no TLS.
    Other,
}

impl TlsFault {
    /// What an error of the TLS library means; an alert about a client certificate means one thing
    /// where one was shown, and another where none was.
    pub(super) fn of(error: &Error, shows_identity: bool) -> Self {
        match error {
            Error::InvalidCertificate(error) => Self::of_certificate(error),
            Error::PeerIncompatible(
                PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::ServerDoesNotSupportTls12Or13,
            ) => Self::VersionNotSupported,
            Error::AlertReceived(alert) => Self::of_alert(*alert, shows_identity),
            _ => Self::Other,
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Self::CertificateExpired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::CertificateNotYetValid
            }
            CertificateError::UnknownIssuer => Self::CertificateUntrusted,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::CertificateWrongName
            }
            _ => Self::CertificateInvalid,
        }
    }

    fn of_alert(alert: AlertDescription, shows_identity: bool) -> Self {
        match alert {
            AlertDescription::ProtocolVersion => Self::VersionNotSupported,
            AlertDescription::CertificateRequired => Self::ClientCertificateRequired,
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::NoCertificate => {
                if shows_identity {
                    Self::ClientCertificateRefused
                } else {
                    Self::ClientCertificateRequired
                }
            }
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
                Self::Refused
            }
            _ => Self::Other,
        }
    }

    /// The fault's stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::CertificateExpired => "tls_certificate_expired",
            Self::CertificateNotYetValid => "tls_certificate_not_yet_valid",
            Self::CertificateUntrusted => "tls_certificate_untrusted",
            Self::CertificateWrongName => "tls_certificate_wrong_name",
            Self::CertificateInvalid => "tls_certificate_invalid",
            Self::VersionNotSupported => "tls_version_not_supported",
            Self::ClientCertificateRequired => "tls_client_certificate_required",
            Self::ClientCertificateRefused => "tls_client_certificate_refused",
            Self::Refused => "tls_refused",
            Self::Other => "tls_failed",
        }
    }

    /// Whether it may be gone within seconds.
    pub(super) fn is_transient(self) -> bool {
        matches!(self, Self::Other)
    }

    /// In TLS 1.3 a client has done its part, and begins to send, before the server has looked at
    /// the client's certificate.
    pub(super) fn may_follow_the_request(self) -> bool {
        matches!(
            self,
            Self::ClientCertificateRequired | Self::ClientCertificateRefused
        )
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CertificateExpired => "the server's certificate has expired",
            Self::CertificateNotYetValid => "the server's certificate is not valid yet",
            Self::CertificateUntrusted => "the server's certificate leads to no trusted root",
            Self::CertificateWrongName => "the server's certificate is of another name",
            Self::CertificateInvalid => "the server's certificate is not valid",
            Self::VersionNotSupported => "the server has no version of TLS that is allowed",
            Self::ClientCertificateRequired => "the server asks for a client certificate",
            Self::ClientCertificateRefused => "the server refused the client certificate",
            Self::Refused => "the server refused the handshake",
            Self::Other => "the handshake failed",
        })
    }
}
