//! Schemes that no declaration expresses: one small module each.

mod adyen;
mod atlassian_connect;
mod aws_sns;
mod boxed;
mod braintree;
mod contentful;
mod docusign;
mod google_pubsub;
mod graph;
mod graph_content;
mod hubspot;
mod mailgun;
mod mandrill;
mod netlify;
mod paypal;
mod plaid;
mod salesforce;

use jiff::Timestamp;
use serde_json::Value;

pub(super) use braintree::key_of as braintree_key;

use super::batch::Item;
use super::engine::single;
use super::keys::verify_any;
use super::sample::{Sample, SampleError, Signer};
use super::{
    InboundRequest, KeyLocation, PublishedKey, PublishedKeys, Received, Refusal, SchemeSettings,
    SecretError, SigningSecret, timestamp,
};
use crate::catalog::{Algorithm, Coded, KeyForm, Tolerance};
use crate::domain::SecretId;

/// What a module judges by.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) request: &'a InboundRequest<'a>,
    pub(super) secrets: &'a [(SecretId, &'a SigningSecret)],
    pub(super) settings: &'a SchemeSettings,
    pub(super) tolerance: Option<&'a Tolerance>,
    pub(super) keys: &'a PublishedKeys,
    pub(super) now: Timestamp,
}

/// What it came to.
pub(super) enum Verdict {
    /// It is verified, by this secret if by one; what it is, the declaration says.
    By(Option<SecretId>),
    /// It is verified and taken apart.
    Items(Option<SecretId>, Vec<Item>),
    /// It is verified and understood.
    Done(Received),
}

pub(super) fn verify(module: Coded, call: &Call<'_>) -> Result<Verdict, Refusal> {
    match module {
        Coded::Adyen => adyen::verify(call),
        Coded::AtlassianConnect => atlassian_connect::verify(call).map(by),
        Coded::AwsSns => aws_sns::verify(call),
        Coded::Box => boxed::verify(call).map(by),
        Coded::Braintree => braintree::verify(call),
        Coded::Contentful => contentful::verify(call).map(by),
        Coded::Docusign => docusign::verify(call).map(by),
        Coded::GooglePubsub => google_pubsub::verify(call).map(Verdict::By),
        Coded::HubspotV1 => hubspot::verify_v1(call).map(by),
        Coded::HubspotV2 => hubspot::verify_v2(call).map(by),
        Coded::HubspotV3 => hubspot::verify_v3(call).map(by),
        Coded::Mailgun => mailgun::verify(call).map(by),
        Coded::Mandrill => mandrill::verify(call).map(by),
        Coded::MicrosoftGraph => graph::verify(call),
        Coded::MicrosoftGraphEncrypted => graph_content::verify(call),
        Coded::MicrosoftGraphRich => graph::verify_rich(call),
        Coded::Netlify => netlify::verify(call).map(by),
        Coded::Paypal => paypal::verify(call).map(Verdict::By),
        Coded::Plaid => plaid::verify(call).map(by),
        Coded::SalesforceOutbound => salesforce::verify(call),
    }
}

/// Signs a sample as the provider would, unless only the provider has the key.
pub(super) fn sign(
    module: Coded,
    sample: &mut Sample,
    signer: &Signer<'_>,
) -> Result<(), SampleError> {
    match module {
        Coded::Adyen => adyen::sign(sample, signer),
        Coded::AtlassianConnect => atlassian_connect::sign(sample, signer),
        Coded::Box => boxed::sign(sample, signer),
        Coded::Braintree => braintree::sign(sample, signer),
        Coded::Contentful => contentful::sign(sample, signer),
        Coded::Docusign => docusign::sign(sample, signer),
        Coded::HubspotV1 => hubspot::sign_v1(sample, signer),
        Coded::HubspotV2 => hubspot::sign_v2(sample, signer),
        Coded::HubspotV3 => hubspot::sign_v3(sample, signer),
        Coded::Mailgun => mailgun::sign(sample, signer),
        Coded::Mandrill => mandrill::sign(sample, signer),
        Coded::MicrosoftGraph => graph::sign(sample, signer),
        Coded::MicrosoftGraphEncrypted => graph_content::sign(sample, signer),
        Coded::Netlify => netlify::sign(sample, signer),
        Coded::SalesforceOutbound => salesforce::sign(sample, signer),
        Coded::AwsSns
        | Coded::GooglePubsub
        | Coded::MicrosoftGraphRich
        | Coded::Paypal
        | Coded::Plaid => Err(SampleError::OnlyProviderSigns),
    }
}

fn by(secret: SecretId) -> Verdict {
    Verdict::By(Some(secret))
}

/// Whether a text can be a secret of the module.
pub(super) fn check_secret(module: Coded, secret: &SigningSecret) -> Result<(), SecretError> {
    match module {
        Coded::Adyen if secret.key(&KeyForm::Hex).is_none() => {
            Err(SecretError::Form("hexadecimal".to_owned()))
        }
        Coded::Contentful if secret.key(&KeyForm::Text).is_none_or(|key| key.len() != 64) => {
            Err(SecretError::Form("a text of 64 characters".to_owned()))
        }
        Coded::Plaid if plaid::key_of(secret).is_none() => Err(SecretError::Form(
            "a key of Plaid's, as `/webhook_verification_key/get` answers it in `key`".to_owned(),
        )),
        Coded::MicrosoftGraphEncrypted | Coded::MicrosoftGraphRich
            if graph_content::key_of(secret).is_none() =>
        {
            Err(SecretError::Form(
                "an RSA private key of at least 2048 bits in PKCS #8, as PEM or in base64"
                    .to_owned(),
            ))
        }
        _ => Ok(()),
    }
}

impl<'a> Call<'a> {
    /// A header that must come exactly once.
    fn header(&self, name: &str) -> Result<&'a str, Refusal> {
        single(self.request.headers, name)
    }

    /// The first secret with which `fits` is content.
    fn find(&self, fits: impl Fn(&SigningSecret) -> bool) -> Result<SecretId, Refusal> {
        let mut secrets = self.secrets.iter();
        let found = secrets.find(|(_, secret)| fits(secret));
        found.map(|(id, _)| *id).ok_or(Refusal::BadSignature)
    }

    /// The secret by whose text one of `signatures` of `message` was made.
    fn signed(
        &self,
        algorithm: Algorithm,
        message: &[&[u8]],
        signatures: &[Vec<u8>],
    ) -> Result<SecretId, Refusal> {
        self.find(|secret| {
            let key = secret.key(&KeyForm::Text);
            key.is_some_and(|key| verify_any(algorithm, &key, message, signatures))
        })
    }

    /// Whether a timestamp is as close to now as the declaration, or the endpoint, says.
    fn check_time(&self, text: &str) -> Result<(), Refusal> {
        let Some(tolerance) = self.tolerance else {
            return Ok(());
        };
        timestamp::check(text, tolerance, self.settings.tolerance_seconds, self.now)
    }

    /// The key at `location`.
    fn key(&self, location: KeyLocation) -> Result<&'a PublishedKey, Refusal> {
        match self.keys.get(&location) {
            Some(PublishedKey::Absent) => Err(Refusal::BadSignature),
            Some(key) => Ok(key),
            None => Err(Refusal::NeedsKey(Box::new(location))),
        }
    }

    /// The body, where the scheme's own data is in it: then it has to be read before anything can
    /// be verified, and must be neither long nor deep.
    fn unverified_body(&self) -> Result<&'a [u8], Refusal> {
        let body = self.request.body;
        if body.len() > MAX_UNVERIFIED_BYTES {
            Err(Refusal::TooMany)
        } else if is_shallow(body) {
            Ok(body)
        } else {
            Err(Refusal::BadForm)
        }
    }

    /// The same, as JSON.
    fn unverified_json(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(self.unverified_body()?).map_err(|_| Refusal::BadForm)
    }
}

/// The longest body that is read before its signature holds.
const MAX_UNVERIFIED_BYTES: usize = 2 * 1024 * 1024;
/// The deepest, in levels; as deep as `serde_json` reads.
const MAX_UNVERIFIED_LEVELS: usize = 127;

/// Whether a JSON text has no more levels than are read of it. What is no JSON may have any.
fn is_shallow(json: &[u8]) -> bool {
    let (mut levels, mut in_string, mut is_escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => levels += 1,
            b']' | b'}' if !in_string => levels = levels.saturating_sub(1),
            _ => {}
        }
        if levels > MAX_UNVERIFIED_LEVELS {
            return false;
        }
    }
    true
}

/// A text in a JSON object.
fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Refusal> {
    let found = value.get(name).and_then(Value::as_str);
    found.ok_or(Refusal::MissingHeader)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// No body is refused for its depth that would be read.
        #[test]
        fn what_is_read_is_shallow(
            text in r#"([\[\]{}",:\\ a1]|\[\]|"a":|\\"|null){0,60}"#,
            levels in 0_usize..140,
        ) {
            let json = format!("{}{text}{}", "[".repeat(levels), "]".repeat(levels));
            if serde_json::from_str::<Value>(&json).is_ok() {
                prop_assert!(is_shallow(json.as_bytes()), "{json}");
            }
        }
    }

    #[test]
    fn what_is_shallow_is_what_is_read() {
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        for (json, expected) in [
            (deep(MAX_UNVERIFIED_LEVELS), true),
            (deep(MAX_UNVERIFIED_LEVELS + 1), false),
            (format!("[{}]", ["[]"; 500].join(",")), true),
            (format!("[\"{}\"]", "[".repeat(500)), true),
            (format!("[\"\\\"{}\"]", "[{".repeat(500)), true),
            (format!("[\"\\\\\",{}]", deep(126)), true),
            (format!("[\"\\\\\",{}]", deep(127)), false),
        ] {
            assert_eq!(is_shallow(json.as_bytes()), expected, "{json}");
            assert_eq!(serde_json::from_str::<Value>(&json).is_ok(), expected);
        }
    }
}
