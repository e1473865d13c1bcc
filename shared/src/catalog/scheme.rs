//! How a provider signs its webhooks, as a declaration.

use serde::Deserialize;
use url::Url;

use super::{Batch, Challenge, Coded, Template};

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
    /// Where the provider says when it happened.
    #[serde(default)]
    pub event_time: Option<Instant>,
    /// Requests that are verified as any other, and answered instead of enqueued.
    #[serde(default)]
    pub handshakes: Vec<Handshake>,
    /// How the provider sees whether somebody is there, if a declaration cannot say it.
    #[serde(default)]
    pub challenge: Option<Challenge>,
    /// How one request holds several events, if it does.
    #[serde(default)]
    pub batch: Option<Batch>,
    /// What is answered to an accepted request, if not nothing.
    #[serde(default)]
    pub accepted: Option<Accepted>,
    /// Whether an endpoint chooses itself where the signature or token is, and where an event's id
    /// and type are.
    #[serde(default)]
    pub generic: bool,
    /// What people are told of it.
    #[serde(default)]
    pub page: Page,
    /// The sets of test vectors, `provider/scheme`, that are vectors of this scheme.
    #[serde(default)]
    pub vectors: Vec<String>,
}

/// What people are told of a scheme, beyond what follows from its declaration. `docs/webhooks` has
/// a page of each.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The provider's documentation of its webhooks, if that is not the file's `documentation`.
    pub documentation: Option<Url>,
    /// Where in the provider's console the endpoint's URL goes.
    pub setup: Option<String>,
    /// What the secret is, and where it comes from.
    pub secret: Option<String>,
    /// What else one has to know.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What the sources leave open, or contradict each other in, and what was chosen.
    #[serde(default)]
    pub uncertain: Vec<String>,
    /// A body as the provider sends it.
    pub sample: Option<String>,
    /// The media type of the sample, if it is not `application/json`.
    pub sample_type: Option<String>,
    /// Headers besides those of the verification that a request bears, each `name: value`.
    #[serde(default)]
    pub sample_headers: Vec<String>,
}

/// What a provider wants to read before it takes a request for accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The media type.
    pub content_type: String,
    /// The body.
    pub body: String,
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
    /// The secret itself, in the request: nothing of the body is authenticated.
    Token {
        /// Where it is.
        at: TokenPlace,
        /// What comes before it in the header.
        #[serde(default)]
        prefix: String,
    },
    /// Twilio's, which signs sorted form parameters: no declaration says that.
    Twilio {
        /// Whether the newer keys are used, with SHA-256 instead of SHA-1.
        #[serde(default)]
        shared_key: bool,
    },
    /// By a module of `signature`, where no declaration can say how.
    Code {
        /// Which.
        module: Coded,
        /// How the timestamp is to be read, if there is one.
        #[serde(default)]
        tolerance: Option<Tolerance>,
    },
}

/// Where a static token is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum TokenPlace {
    /// The value of a header.
    Header(String),
    /// The value of a parameter of the URL's query.
    Query(String),
    /// User name and password, `name:password`, as RFC 7617 sends them.
    Basic,
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
        separator: String,
        /// Between a label and its signature.
        label_end: char,
        /// The label of the timestamp, if it is in the same header.
        timestamp: Option<String>,
    },
    /// A timestamp, then one or several signatures, told apart by their place alone.
    Positional {
        /// Between two.
        separator: String,
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
    /// RSASSA-PKCS1-v1_5 (RFC 8017) with SHA-256, keys from 2048 bits.
    RsaPkcs1Sha256,
}

/// How a configured secret becomes a key. It cannot be guessed from the secret's look.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum KeyForm {
    /// The bytes of the text itself.
    Text,
    /// The bytes of the text after HTML entities for `&`, `<`, `>` and quotes were decoded.
    HtmlText,
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
    /// A P-256 public key: a DER SubjectPublicKeyInfo in base64, or as PEM.
    P256Spki,
    /// An RSA public key: a DER SubjectPublicKeyInfo in base64, or as PEM.
    RsaSpki,
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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// Its unit.
    pub unit: TimestampUnit,
    /// How long before now it may be, in seconds; any time, if absent.
    pub seconds: Option<u32>,
    /// How long after now it may be.
    #[serde(default)]
    pub future: Future,
    /// Where it is, if in none of the scheme's headers. It is read once the signature holds, and
    /// should be of what is signed.
    pub at: Option<Location>,
}

/// How long after now a timestamp may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Future {
    /// As long as before.
    #[default]
    Same,
    /// Not at all.
    None,
    /// Any time: only the age counts.
    Any,
}

/// How an instant is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimestampUnit {
    /// Since the Unix epoch.
    Seconds,
    /// Since the Unix epoch.
    Milliseconds,
    /// RFC 3339, in any offset.
    Rfc3339,
}

/// An instant, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instant {
    /// Where it is.
    pub at: Location,
    /// Its unit.
    pub unit: TimestampUnit,
}

/// A place in a request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Location {
    /// The value of a header.
    Header(String),
    /// The text or number at a JSON Pointer (RFC 6901) into the body.
    Body(String),
    /// The value of a parameter, if the body is a form.
    Form(String),
    /// The text or number in a form's parameter that holds JSON.
    FormJson(FormJson),
    /// The SHA-256 of the body, where nothing else tells two events apart.
    Digest(DigestOf),
    /// What is at each of these places, with points between; nothing, if one has nothing.
    #[schema(no_recursion)]
    Join(Vec<Location>),
    /// The name of the one member that the JSON object in the body has besides these.
    MemberBesides(Vec<String>),
}

/// A place in the JSON that a form's parameter holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FormJson {
    /// The parameter.
    pub name: String,
    /// A JSON Pointer (RFC 6901) into its value.
    pub pointer: String,
}

/// What a digest is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum DigestOf {
    /// The body.
    Body,
    /// The item of a batch; the body, if it is none.
    Item,
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
