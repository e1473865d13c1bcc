use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::FieldError;
use super::object::only_objects;

only_objects!(TlsConfig);

/// A version of TLS, where the lowest that is accepted is meant.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246), for providers that have nothing better.
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    #[default]
    #[serde(rename = "1.3")]
    Tls13,
}

/// The SHA-256 of a certificate's SubjectPublicKeyInfo, in the text form of RFC 7469:
/// `sha256/` and base64, or the base64 alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^(sha256/)?[A-Za-z0-9+/]{43}=$")]
pub struct SpkiPin([u8; 32]);

/// A text that is no pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `sha256/` and the base64 of a SHA-256 of a SubjectPublicKeyInfo")]
pub struct SpkiPinError;

impl SpkiPin {
    const PREFIX: &'static str = "sha256/";

    /// The pin of a key whose SubjectPublicKeyInfo has this SHA-256.
    #[must_use]
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The SHA-256.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for SpkiPin {
    type Err = SpkiPinError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digest = text.strip_prefix(Self::PREFIX).unwrap_or(text);
        let digest = STANDARD.decode(digest).map_err(|_| SpkiPinError)?;
        digest.try_into().map(Self).map_err(|_| SpkiPinError)
    }
}

impl fmt::Display for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, STANDARD.encode(self.0))
    }
}

impl fmt::Debug for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpkiPin({self})")
    }
}

impl TryFrom<String> for SpkiPin {
    type Error = SpkiPinError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SpkiPin> for String {
    fn from(pin: SpkiPin) -> Self {
        pin.to_string()
    }
}

/// What an integration asks of TLS: its `tlsConfig`. Holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct TlsConfig {
    /// The lowest version that is accepted.
    pub min_version: TlsVersion,
    /// Keys of which one must be in the provider's chain of certificates: that of its own, of an
    /// intermediate, or of a root. At least two, so that one can be replaced; none, to pin nothing.
    pub pins: Vec<SpkiPin>,
}

impl TlsConfig {
    /// With fewer, the provider's next key change is an outage.
    const MIN_PINS: usize = 2;
    const MAX_PINS: usize = 10;

    /// Reads `tlsConfig`.
    ///
    /// # Errors
    ///
    /// What is wrong, with its place in the request's body.
    pub fn read(value: Option<&Value>) -> Result<Self, FieldError> {
        let Some(value) = value else {
            return Ok(Self::default());
        };
        let config: Self = serde_path_to_error::deserialize(value).map_err(|error| {
            let pointer = FieldError::pointer("/tlsConfig", error.path());
            FieldError::described(&pointer, error.inner())
        })?;
        config.check()?;
        Ok(config)
    }

    /// What the form of the fields does not say.
    ///
    /// # Errors
    ///
    /// If there are too few pins, or too many.
    pub fn check(&self) -> Result<(), FieldError> {
        let different = self.pins.iter().collect::<BTreeSet<_>>().len();
        let fits = (Self::MIN_PINS..=Self::MAX_PINS).contains(&different)
            && self.pins.len() <= Self::MAX_PINS;
        if self.pins.is_empty() || fits {
            return Ok(());
        }
        let message = format!(
            "expected {} to {} different pins, one of them of a backup key, or none",
            Self::MIN_PINS,
            Self::MAX_PINS
        );
        Err(FieldError::new("/tlsConfig/pins", message))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The example of RFC 7469 section 2.1.1.
    const PIN: &str = "d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM=";
    const BACKUP: &str = "E9CZ9INDbd+2eRQozYqqbQ2yXLVKB9+xcprMF+44U1g=";

    #[test]
    fn a_pin_is_read_in_both_forms_and_written_in_one() {
        let long: SpkiPin = format!("sha256/{PIN}").parse().unwrap();
        let short: SpkiPin = PIN.parse().unwrap();
        assert_eq!(long, short);
        assert_eq!(json!(short), json!(format!("sha256/{PIN}")));
        assert_eq!(short.digest().first(), Some(&0x77));
    }

    #[test]
    fn what_is_no_sha_256_is_no_pin() {
        for text in [
            "",
            "sha256/",
            "sha1/d6qzRu9zOECb90Uez27xWltNsj0=",
            "d6qzRu9zOECb90Uez27xWltNsj0=",
            "d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM",
            " d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM=",
            "d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmN=",
        ] {
            assert_eq!(text.parse::<SpkiPin>(), Err(SpkiPinError), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_said_is_tls_1_3_without_pins() {
        for value in [None, Some(&json!({}))] {
            let config = TlsConfig::read(value).unwrap();
            assert_eq!(config.min_version, TlsVersion::Tls13);
            assert!(config.pins.is_empty());
        }
        let read = TlsConfig::read(Some(&json!({"minVersion": "1.2", "pins": [PIN, BACKUP]})));
        let config = read.unwrap();
        assert_eq!(config.min_version, TlsVersion::Tls12);
        assert_eq!(TlsConfig::read(Some(&json!(config))), Ok(config));
    }

    #[test]
    fn a_wrong_field_is_named() {
        let eleven = vec![PIN; 11];
        for (value, pointer) in [
            (json!({"pins": [PIN]}), "/tlsConfig/pins"),
            (
                json!({"pins": [PIN, format!("sha256/{PIN}")]}),
                "/tlsConfig/pins",
            ),
            (json!({"pins": eleven}), "/tlsConfig/pins"),
            (json!({"pins": [PIN, "x"]}), "/tlsConfig/pins/1"),
            (json!({"minVersion": "1.1"}), "/tlsConfig/minVersion"),
            (json!({"verify": false}), "/tlsConfig/verify"),
            (json!("1.2"), "/tlsConfig"),
        ] {
            let error = TlsConfig::read(Some(&value)).unwrap_err();
            assert_eq!(error.pointer, pointer, "{value}");
        }
    }
}
