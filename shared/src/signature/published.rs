//! Keys that providers publish, and where a request may say that they are.
//!
//! The engine opens no connection. What it lacks it names ([`KeyLocation`]), whoever called it
//! fetches that and calls it again. A location cannot be made of a URL that is not the provider's:
//! the URL is an attacker's until the signature holds.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::Url;

use crate::jwt::VerificationKey;

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyLocation {
    /// The certificate of Amazon SNS at a URL.
    SnsCertificate(Url),
    /// The certificate of PayPal at a URL.
    PaypalCertificate(Url),
    /// A key of Google's, by its id.
    Google(String),
    /// A key of Microsoft's identity platform, by its id.
    Microsoft(String),
}

/// Longer ids are none, nor are longer URLs.
const MAX_BYTES: usize = 512;

impl KeyLocation {
    /// A certificate of Amazon SNS: `https://sns.<region>.amazonaws.com/<name>.pem`, or of China's
    /// regions. <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>
    #[must_use]
    pub fn sns(text: &str) -> Option<Self> {
        let url = plain_https(text)?;
        let is_there = is_sns(url.host_str()?)
            && url.path().ends_with(".pem")
            && url.path().matches('/').count() == 1
            && url.query().is_none();
        is_there.then_some(Self::SnsCertificate(url))
    }

    /// A certificate of PayPal, for the live system or the sandbox.
    /// <https://developer.paypal.com/api/rest/webhooks/rest/>
    #[must_use]
    pub fn paypal(text: &str) -> Option<Self> {
        const HOSTS: [&str; 4] = [
            "api.paypal.com",
            "api-m.paypal.com",
            "api.sandbox.paypal.com",
            "api-m.sandbox.paypal.com",
        ];
        let url = plain_https(text)?;
        let is_there = HOSTS.contains(&url.host_str()?)
            && url.path().starts_with("/v1/notifications/certs/")
            && url.query().is_none();
        is_there.then_some(Self::PaypalCertificate(url))
    }

    /// A key of Google's.
    #[must_use]
    pub fn google(id: &str) -> Option<Self> {
        is_id(id).then(|| Self::Google(id.to_owned()))
    }

    /// A key of Microsoft's.
    #[must_use]
    pub fn microsoft(id: &str) -> Option<Self> {
        is_id(id).then(|| Self::Microsoft(id.to_owned()))
    }
}

/// A URL by which Amazon SNS has a subscription confirmed.
pub(super) fn sns_confirmation(text: &str) -> Option<Url> {
    let url = plain_https(text)?;
    let confirms = url
        .query_pairs()
        .any(|(name, value)| name == "Action" && value == "ConfirmSubscription");
    (is_sns(url.host_str()?) && url.path() == "/" && confirms).then_some(url)
}

fn is_sns(host: &str) -> bool {
    let rest = host.strip_prefix("sns.");
    let region = rest.and_then(|rest| {
        rest.strip_suffix(".amazonaws.com")
            .or_else(|| rest.strip_suffix(".amazonaws.com.cn"))
    });
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    region.is_some_and(|region| !region.is_empty() && region.chars().all(fits))
}

/// An https URL on the port of https, that names nobody and means what it seems to mean.
fn plain_https(text: &str) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    let is_plain = text.len() <= MAX_BYTES
        && text.starts_with("https://")
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
        && !text.contains(['@', '\\'])
        && !text.contains(char::is_whitespace);
    is_plain.then_some(url)
}

fn is_id(id: &str) -> bool {
    (1..=MAX_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A key that a provider has published.
#[derive(Clone)]
pub enum PublishedKey {
    /// An RSA public key: a DER SubjectPublicKeyInfo.
    Rsa(Arc<[u8]>),
    /// A key of a set, for tokens.
    Token(Arc<VerificationKey>),
    /// The provider has no such key, or it is not to be trusted.
    Absent,
}

impl std::fmt::Debug for PublishedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rsa(_) => "Rsa",
            Self::Token(_) => "Token",
            Self::Absent => "Absent",
        })
    }
}

/// The public key of a certificate in PEM, the first if it is a chain. Nothing is checked of it.
#[must_use]
pub fn key_of_certificate(pem: &[u8]) -> Option<Arc<[u8]>> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    let certificate = webpki::EndEntityCert::try_from(&certificate).ok()?;
    Some(certificate.subject_public_key_info().as_ref().into())
}

/// The keys that are at hand.
pub type PublishedKeys = HashMap<KeyLocation, PublishedKey>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_of_sns_is_at_sns() {
        for host in [
            "sns.us-west-2.amazonaws.com",
            "sns.cn-north-1.amazonaws.com.cn",
        ] {
            assert!(KeyLocation::sns(&format!("https://{host}/a.pem")).is_some());
        }
        for url in [
            "http://sns.us-west-2.amazonaws.com/a.pem",
            "https://sns.us-west-2.amazonaws.com:8443/a.pem",
            "https://sns.us-west-2.amazonaws.com@evil.example/a.pem",
            "https://evil.example@sns.us-west-2.amazonaws.com/a.pem",
            "https://sns.us-west-2.amazonaws.com.evil.example/a.pem",
            "https://sns.us-west-2.amazonaws.com/a.txt",
            "https://sns.us-west-2.amazonaws.com/a/b.pem",
            "https://sns.us-west-2.amazonaws.com/a.pem?x=1",
            "https://sns.us-west-2.amazonaws.com/a.txt?x=.pem",
            "https://sns.us-west-2.amazonaws.com/a.txt#.pem",
            "https://sns.a.b.amazonaws.com/a.pem",
            "https://sns..amazonaws.com/a.pem",
            "https://sns.amazonaws.com/a.pem",
            "https://evil.sns.us-west-2.amazonaws.com/a.pem",
            "https:\\\\sns.us-west-2.amazonaws.com/a.pem",
            " https://sns.us-west-2.amazonaws.com/a.pem",
            "https://sns.us-west-2.amazonaws.com/\ta.pem",
            "",
        ] {
            assert_eq!(KeyLocation::sns(url), None, "{url}");
        }
    }

    #[test]
    fn a_certificate_of_paypal_is_at_paypal() {
        for host in ["api.paypal.com", "api.sandbox.paypal.com"] {
            let url = format!("https://{host}/v1/notifications/certs/CERT-1");
            assert!(KeyLocation::paypal(&url).is_some());
        }
        for url in [
            "https://www.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
            "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
            "https://api.paypal.com:444/v1/notifications/certs/CERT-1",
            "http://api.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com/v1/notifications/certs/../../redirect",
            "https://api.paypal.com/v1/notifications/certs/CERT-1?x",
        ] {
            assert_eq!(KeyLocation::paypal(url), None, "{url}");
        }
    }

    #[test]
    fn a_subscription_is_confirmed_at_sns() {
        let good = "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=1";
        assert!(sns_confirmation(good).is_some());
        for url in [
            "https://sns.us-west-2.amazonaws.com/?Action=Publish&Token=1",
            "https://sns.us-west-2.amazonaws.com/a?Action=ConfirmSubscription",
            "https://evil.example/?Action=ConfirmSubscription",
        ] {
            assert_eq!(sns_confirmation(url), None, "{url}");
        }
    }
}
