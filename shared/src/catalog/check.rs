//! What the form of a declaration alone does not say.

use super::{
    Algorithm, Challenge, Coded, CodedSetting, Grammar, HeaderFamily, KeyForm, Location, Need,
    Part, Scheme, Template, TokenPlace, Tolerance, Verification, Version,
};

/// Why a text is not a declaration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemeError(String);

impl Scheme {
    /// Reads a declaration from a text: what stands below `[webhooks.<slug>]` in a provider's file.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with the line where that is known.
    pub fn from_toml(text: &str) -> Result<Self, SchemeError> {
        let scheme: Self = toml::from_str(text).map_err(|error| SchemeError(error.to_string()))?;
        scheme.check().map_err(SchemeError)?;
        Ok(scheme)
    }

    /// How far a timestamp may be from now, in seconds, if the scheme bounds that.
    #[must_use]
    pub fn tolerance_seconds(&self) -> Option<u32> {
        self.tolerance()?.seconds
    }

    /// How the scheme's timestamp is to be read, if it has one.
    #[must_use]
    pub fn tolerance(&self) -> Option<&Tolerance> {
        match &self.verification {
            Verification::Signature { tolerance, .. } | Verification::Code { tolerance, .. } => {
                tolerance.as_ref()
            }
            Verification::None | Verification::Token { .. } | Verification::Twilio { .. } => None,
        }
    }

    /// Whether what a request says in its body is what the provider said. With a token it is not:
    /// whoever has seen one request can make others.
    #[must_use]
    pub fn authenticates_body(&self) -> bool {
        match &self.verification {
            Verification::None | Verification::Token { .. } => false,
            Verification::Signature { .. } | Verification::Twilio { .. } => true,
            Verification::Code { module, .. } => module.authenticates_body(),
        }
    }

    /// Whether the URL is signed, as the provider calls it.
    #[must_use]
    pub fn signs_url(&self) -> bool {
        match &self.verification {
            Verification::None | Verification::Token { .. } => false,
            Verification::Twilio { .. } => true,
            Verification::Code { module, .. } => module.signs_url(),
            Verification::Signature { signed, .. } => {
                let mut parts = signed.parts().iter();
                parts.any(|part| matches!(part, Part::Url | Part::Path))
            }
        }
    }

    /// Whether an endpoint has to say which networks requests come from.
    #[must_use]
    pub fn needs_networks(&self) -> bool {
        matches!(
            self.verification,
            Verification::Code {
                module: Coded::SalesforceOutbound,
                ..
            }
        )
    }

    /// The settings of an endpoint that are for this scheme, besides those of declarations.
    #[must_use]
    pub fn coded_settings(&self) -> &'static [CodedSetting] {
        match (&self.verification, self.challenge) {
            (Verification::Code { module, .. }, _) => module.settings(),
            (_, Some(challenge)) => challenge.settings(),
            _ => &[],
        }
    }

    /// Whether requests are verified with a secret of the endpoint.
    #[must_use]
    pub fn secret(&self) -> Need {
        match &self.verification {
            Verification::None => Need::None,
            _ if self.challenge.is_some_and(Challenge::brings_secret) => Need::InBand,
            Verification::Code { module, .. } => module.secret(),
            _ => Need::Required,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.methods.is_empty() {
            return Err("no method is known".to_owned());
        }
        let handshakes = self.handshakes.iter();
        let asked = handshakes.flat_map(|one| one.answer.iter().chain([&one.when.at]));
        let places = self.event_id.iter().chain(&self.event_type).chain(asked);
        places
            .chain(self.event_time.iter().map(|time| &time.at))
            .try_for_each(check_location)?;
        let lists = self
            .batch
            .iter()
            .flat_map(|batch| batch.or.iter().chain([&batch.list]));
        lists
            .filter(|list| !list.is_empty())
            .try_for_each(|list| check_pointer(list))?;
        if let Verification::Token { at, prefix } = &self.verification {
            return check_token(at, prefix);
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
        headers.iter().try_for_each(check_family)?;
        check_grammar(grammar)?;
        check_versions(grammar, versions)?;
        check_timestamp(headers, grammar, signed, tolerance.as_ref())?;
        check_signed(headers, signed)
    }
}

fn check_token(at: &TokenPlace, prefix: &str) -> Result<(), String> {
    match at {
        TokenPlace::Header(name) => check_header(name),
        _ if !prefix.is_empty() => Err("only a header has a prefix".to_owned()),
        TokenPlace::Query(name) if name.is_empty() => Err("the parameter has no name".to_owned()),
        TokenPlace::Query(_) | TokenPlace::Basic => Ok(()),
    }
}

fn check_location(place: &Location) -> Result<(), String> {
    match place {
        Location::Header(name) => check_header(name),
        Location::Body(pointer) => check_pointer(pointer),
        Location::FormJson(place) => check_pointer(&place.pointer),
        Location::Join(places) if places.is_empty() => Err("nothing is joined".to_owned()),
        Location::Join(places) => places.iter().try_for_each(check_location),
        Location::Form(_) | Location::Digest(_) | Location::MemberBesides(_) => Ok(()),
    }
}

fn check_pointer(pointer: &str) -> Result<(), String> {
    if pointer.starts_with('/') {
        Ok(())
    } else {
        Err(format!("`{pointer}` is not a JSON Pointer"))
    }
}

fn check_header(name: &str) -> Result<(), String> {
    match name.parse::<http::HeaderName>() {
        Ok(parsed) if parsed.as_str() == name => Ok(()),
        _ => Err(format!("`{name}` is not a header in lower case")),
    }
}

fn check_family(family: &HeaderFamily) -> Result<(), String> {
    let others = family.timestamp.iter().chain(&family.id);
    others
        .chain([&family.signature])
        .try_for_each(|name| check_header(name))
}

fn check_grammar(grammar: &Grammar) -> Result<(), String> {
    match grammar {
        Grammar::Labelled { separator, .. } | Grammar::Positional { separator }
            if separator.is_empty() =>
        {
            Err("the separator is empty".to_owned())
        }
        _ => Ok(()),
    }
}

fn check_versions(grammar: &Grammar, versions: &[Version]) -> Result<(), String> {
    if versions.is_empty() {
        return Err("no kind of signature is accepted".to_owned());
    }
    let labelled = matches!(grammar, Grammar::Labelled { .. });
    for version in versions {
        if labelled == version.label.is_empty() {
            return Err("a kind has a label if, and only if, the grammar has".to_owned());
        }
        let is_p256 = version.key == KeyForm::P256Spki;
        if is_p256 != (version.algorithm == Algorithm::EcdsaP256Sha256) {
            return Err("`p256-spki` goes with `ecdsa-p256-sha256`, and with no other".to_owned());
        }
        let is_rsa = version.key == KeyForm::RsaSpki;
        if is_rsa != (version.algorithm == Algorithm::RsaPkcs1Sha256) {
            return Err("`rsa-spki` goes with `rsa-pkcs1-sha256`, and with no other".to_owned());
        }
    }
    Ok(())
}

fn check_timestamp(
    headers: &[HeaderFamily],
    grammar: &Grammar,
    signed: &Template,
    tolerance: Option<&Tolerance>,
) -> Result<(), String> {
    let own_header = !headers.is_empty() && headers.iter().all(|family| family.timestamp.is_some());
    let in_signature = match grammar {
        Grammar::Single { .. } => false,
        Grammar::Labelled { timestamp, .. } => timestamp.is_some(),
        Grammar::Positional { .. } => true,
    };
    if own_header && in_signature {
        return Err("the timestamp is in two places".to_owned());
    }
    let in_headers = own_header || in_signature;
    let is_signed = signed.parts().contains(&Part::Timestamp);
    if is_signed && !in_headers {
        return Err("`{timestamp}` is signed, but nothing holds it".to_owned());
    }
    match tolerance {
        None => Ok(()),
        Some(Tolerance { at: Some(at), .. }) if !in_headers => check_location(at),
        Some(Tolerance { at: Some(_), .. }) => Err("the timestamp is in two places".to_owned()),
        Some(_) if is_signed => Ok(()),
        // Whoever repeats a request would choose it.
        Some(_) => Err("a tolerance needs a timestamp that is signed".to_owned()),
    }
}

fn check_signed(headers: &[HeaderFamily], signed: &Template) -> Result<(), String> {
    let has_id = headers.iter().all(|family| family.id.is_some());
    for part in signed.parts() {
        match part {
            Part::Id if !has_id => {
                return Err("`{id}` is signed, but no header holds it".to_owned());
            }
            Part::Header(name) => check_header(name)?,
            _ => {}
        }
    }
    let covers_body = |part: &Part| matches!(part, Part::Body | Part::BodySha256);
    if signed.parts().iter().any(covers_body) {
        Ok(())
    } else {
        Err("the body is not signed".to_owned())
    }
}
