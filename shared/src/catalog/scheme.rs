//! How a provider signs its webhooks, as a declaration.

use serde::Deserialize;

use super::Template;

/// A webhook signature scheme.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheme {
    /// What the provider calls it.
    pub title: String,
    /// The methods that it knows.
    #[serde(default = "only_post")]
    pub methods: Vec<String>,
    /// How a request is verified.
    pub verification: Verification,
    /// Where the provider's id of an event is: the first place that holds one.
    #[serde(default)]
    pub event_id: Vec<Location>,
    /// Where the provider's name for what happened is: the first place that holds one.
    #[serde(default)]
    pub event_type: Vec<Location>,
    /// Requests that are verified as any other, and answered instead of enqueued.
    #[serde(default)]
    pub handshakes: Vec<Handshake>,
    /// Whether an endpoint chooses the header and its form itself.
    #[serde(default)]
    pub generic: bool,
    /// The sets of test vectors, `provider/scheme`, that are vectors of this scheme.
    #[serde(default)]
    pub vectors: Vec<String>,
}

fn only_post() -> Vec<String> {
    vec!["POST".to_owned()]
}

/// How a request is verified.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verification {
    /// Not at all. An endpoint has to be created with this scheme by name.
    None,
    /// A signature in a header, as declared.
    Signature {
        /// The headers, in families: the first whose signature header is there is used, whole.
        headers: Vec<HeaderFamily>,
        /// How a header's value is made of signatures.
        grammar: Grammar,
        /// What is signed.
        signed: Template,
        /// The kinds of signature that are accepted.
        versions: Vec<Version>,
        /// How the timestamp is to be read, if there is one.
        #[serde(default)]
        tolerance: Option<Tolerance>,
    },
    /// Twilio's, which signs sorted form parameters: no declaration says that.
    Twilio {
        /// Whether the newer keys are used, with SHA-256 instead of SHA-1.
        #[serde(default)]
        shared_key: bool,
    },
}

/// Headers that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderFamily {
    /// The one with the signature.
    pub signature: String,
    /// The one with the timestamp, if it has one of its own.
    pub timestamp: Option<String>,
    /// The one with the id, if that is signed.
    pub id: Option<String>,
}

/// How a header's value is made of signatures.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Grammar {
    /// One signature, perhaps after a fixed prefix.
    Single {
        /// What comes first.
        #[serde(default)]
        prefix: String,
    },
    /// Several, each after a label; any that fits is enough, unknown labels are passed over.
    Labelled {
        /// Between two.
        separator: char,
        /// Between a label and its signature.
        label_end: char,
        /// The label of the timestamp, if it is in the same header.
        timestamp: Option<String>,
    },
}

/// A kind of signature.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Its label, in a labelled grammar.
    #[serde(default)]
    pub label: String,
    /// How it is made.
    pub algorithm: Algorithm,
    /// How a configured secret becomes a key.
    pub key: KeyForm,
    /// How it is written.
    pub encoding: Encoding,
}

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// RFC 2104 with SHA-1.
    HmacSha1,
    /// RFC 2104 with SHA-256.
    HmacSha256,
    /// RFC 2104 with SHA-512.
    HmacSha512,
    /// RFC 8032.
    Ed25519,
    /// ECDSA on P-256 with SHA-256, the signature in ASN.1 DER.
    EcdsaP256Sha256,
}

/// How a configured secret becomes a key. It cannot be guessed from the secret's look.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum KeyForm {
    /// The bytes of the text itself.
    Text,
    /// Hexadecimal.
    Hex,
    /// Base64, after a prefix.
    Base64 {
        /// What comes first.
        #[serde(default)]
        prefix: String,
        /// Whether the prefix may be missing.
        #[serde(default)]
        optional: bool,
    },
    /// A P-256 public key: base64 of a DER SubjectPublicKeyInfo.
    P256Spki,
}

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Lower-case hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
    /// URL-safe base64 without padding.
    Base64url,
}

/// How a timestamp is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// Its unit.
    pub unit: TimestampUnit,
    /// How far it may be from now, before or after, in seconds; any distance, if absent.
    pub seconds: Option<u32>,
}

/// The unit of a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimestampUnit {
    /// Since the Unix epoch.
    Seconds,
    /// Since the Unix epoch.
    Milliseconds,
}

/// A place in a request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Location {
    /// The value of a header.
    Header(String),
    /// The text or number at a JSON Pointer (RFC 6901) into the body.
    Body(String),
    /// The value of a parameter of a form.
    Form(String),
    /// The SHA-256 of the body, where nothing else tells two events apart.
    Digest(DigestOf),
}

/// What a digest is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum DigestOf {
    /// The body.
    Body,
}

/// A request that is answered instead of enqueued.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handshake {
    /// How it is recognised.
    pub when: Condition,
    /// What is answered, as plain text; nothing, if absent.
    pub answer: Option<Location>,
}

/// A condition on a request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What is looked at.
    pub at: Location,
    /// What is to be there.
    pub equals: String,
}

impl Scheme {
    /// Checks what the form alone does not say.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.methods.is_empty() {
            return Err("no method is known".to_owned());
        }
        let Verification::Signature {
            headers,
            grammar,
            signed,
            versions,
            tolerance,
        } = &self.verification
        else {
            return Ok(());
        };
        if headers.is_empty() && !self.generic {
            return Err("no header holds the signature".to_owned());
        }
        if versions.is_empty() {
            return Err("no kind of signature is accepted".to_owned());
        }
        let in_header = matches!(
            grammar,
            Grammar::Labelled {
                timestamp: Some(_),
                ..
            }
        );
        let has_timestamp = in_header || headers.iter().all(|family| family.timestamp.is_some());
        let has_id = headers.iter().all(|family| family.id.is_some());
        for part in signed.parts() {
            match part {
                super::Part::Timestamp if !has_timestamp => {
                    return Err("`{timestamp}` is signed, but nothing holds it".to_owned());
                }
                super::Part::Id if !has_id => {
                    return Err("`{id}` is signed, but no header holds it".to_owned());
                }
                _ => {}
            }
        }
        if tolerance.is_some() && !has_timestamp {
            return Err("a tolerance needs a timestamp".to_owned());
        }
        Ok(())
    }

    /// The tolerance for the timestamp, in seconds, if there is one.
    #[must_use]
    pub fn tolerance_seconds(&self) -> Option<u32> {
        match &self.verification {
            Verification::Signature {
                tolerance: Some(tolerance),
                ..
            } => tolerance.seconds,
            _ => None,
        }
    }
}
