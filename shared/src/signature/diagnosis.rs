//! Why a captured request is refused, for the person who owns the endpoint.
//!
//! It is found by trying: the request as it is, at another time, and with what a proxy on its way
//! may have done to its body or its URL undone. What is told is which change makes it hold, and
//! nothing of a secret or of a signature that would be right.

use jiff::{SignedDuration, Timestamp};

use super::body_changes::undone;
use super::{
    InboundRequest, PublishedKeys, Refusal, SchemeSettings, SigningSecret, receive_with_keys,
};
use crate::catalog::{Grammar, Scheme, TokenPlace, Verification};
use crate::domain::SecretId;

/// How far a clock may be ahead for the request to be understood all the same.
const MAX_SKEW: SignedDuration = SignedDuration::from_hours(24 * 31);

/// What was found of a request that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// These headers of the scheme are not there.
    MissingHeaders(Vec<String>),
    /// These headers of the scheme come more than once, or joined by a comma.
    RepeatedHeaders(Vec<String>),
    /// All is right but the time: it is so many seconds before now, or after, if negative.
    ClockSkew {
        /// How old the request is, in seconds.
        age_seconds: i64,
    },
    /// The signature holds for another body than this: what was done to it on its way.
    BodyAltered(&'static str),
    /// The signature holds for this URL, and not for the one that the endpoint is called by.
    UrlDiffers(String),
    /// It holds with a secret that is no longer accepted.
    ExpiredSecret(SecretId),
    /// Nothing that was tried makes it hold: the secret is another, or what is signed was changed
    /// in some other way.
    NothingFits,
}

/// What a request is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// The scheme.
    pub scheme: &'a Scheme,
    /// The endpoint's secrets that are accepted.
    pub secrets: &'a [(SecretId, &'a SigningSecret)],
    /// Those that were.
    pub expired: &'a [(SecretId, &'a SigningSecret)],
    /// The endpoint's settings.
    pub settings: &'a SchemeSettings,
    /// The published keys that are at hand.
    pub keys: &'a PublishedKeys,
    /// When the request came.
    pub now: Timestamp,
}

impl Judge<'_> {
    fn verdict(&self, request: &InboundRequest<'_>) -> Option<Refusal> {
        let (secrets, settings) = (self.secrets, self.settings);
        receive_with_keys(self.scheme, request, secrets, settings, self.keys, self.now).err()
    }

    /// Whether it holds, at whatever time: with no bound to its age, now and later, in case that its
    /// clock is ahead and the scheme takes nothing from the future.
    fn holds(&self, request: &InboundRequest<'_>) -> bool {
        let settings = SchemeSettings {
            tolerance_seconds: Some(u32::MAX),
            ..self.settings.clone()
        };
        let later = self.now.checked_add(MAX_SKEW).unwrap_or(self.now);
        [self.now, later].into_iter().any(|now| {
            let relaxed = Judge {
                settings: &settings,
                now,
                ..*self
            };
            relaxed.verdict(request).is_none()
        })
    }
}

/// How old the request says it is, by the first of its texts that the scheme's unit fits.
fn nearest(request: &InboundRequest<'_>, scheme: &Scheme, now: Timestamp) -> Option<i64> {
    let Some(tolerance) = scheme.tolerance() else {
        return Some(0);
    };
    let headers = request
        .headers
        .values()
        .filter_map(|value| value.to_str().ok());
    let parts = headers.flat_map(|value| value.split([',', ';', ' ', '=']));
    let texts = parts.filter_map(|text| super::timestamp::parse(text.trim(), tolerance.unit));
    let ages = texts.map(|at| now.duration_since(at).as_secs());
    ages.min_by_key(|age| age.abs())
}

/// Why the request is refused; nothing, if it is not.
#[must_use]
pub fn diagnose(judge: &Judge<'_>, request: &InboundRequest<'_>) -> Vec<Finding> {
    let Some(refusal) = judge.verdict(request) else {
        return Vec::new();
    };
    let mut findings = of_headers(judge, request);
    if !findings.is_empty() && !matches!(refusal, Refusal::BadSignature | Refusal::Stale) {
        return findings;
    }
    if refusal == Refusal::Stale
        && let Some(age_seconds) = nearest(request, judge.scheme, judge.now)
    {
        findings.push(Finding::ClockSkew { age_seconds });
    }
    if judge.holds(request) {
        return findings;
    }
    findings.extend(expired(judge, request));
    findings.extend(altered(judge, request));
    findings.extend(elsewhere(judge, request));
    if findings.is_empty() {
        findings.push(Finding::NothingFits);
    }
    findings
}

fn expired(judge: &Judge<'_>, request: &InboundRequest<'_>) -> Option<Finding> {
    let mut expired = judge.expired.iter();
    let fits = |secret: &&(SecretId, &SigningSecret)| {
        let only = [**secret];
        Judge {
            secrets: &only,
            ..*judge
        }
        .holds(request)
    };
    expired
        .find(fits)
        .map(|(id, _)| Finding::ExpiredSecret(*id))
}

fn altered(judge: &Judge<'_>, request: &InboundRequest<'_>) -> Option<Finding> {
    let mut changes = undone(request.body).into_iter();
    let found = changes.find(|(_, body)| judge.holds(&InboundRequest { body, ..*request }));
    found.map(|(what, _)| Finding::BodyAltered(what))
}

/// Other spellings of the URL, where that is signed.
fn elsewhere(judge: &Judge<'_>, request: &InboundRequest<'_>) -> Option<Finding> {
    if !judge.scheme.signs_url() {
        return None;
    }
    let settings = SchemeSettings {
        url: None,
        ..judge.settings.clone()
    };
    let plain = Judge {
        settings: &settings,
        ..*judge
    };
    let url = judge.settings.url_of(request).into_owned();
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let spellings = [
        request.url.to_owned(),
        format!("{path}/"),
        path.trim_end_matches('/').to_owned(),
        format!("{}?{query}", path.trim_end_matches('/')),
        format!("{path}/?{query}"),
        url.replacen("https://", "http://", 1),
        url.replacen("http://", "https://", 1),
    ];
    let mut spellings = spellings.into_iter().filter(|spelling| *spelling != url);
    let found = spellings.find(|url| plain.holds(&InboundRequest { url, ..*request }));
    found.map(Finding::UrlDiffers)
}

fn of_headers(judge: &Judge<'_>, request: &InboundRequest<'_>) -> Vec<Finding> {
    let names = headers(judge.scheme, judge.settings, request);
    let count = |name: &String| request.headers.get_all(name).iter().count();
    let missing: Vec<_> = names
        .iter()
        .filter(|name| count(name) == 0)
        .cloned()
        .collect();
    let is_list = matches!(
        judge.scheme.verification,
        Verification::Signature {
            grammar: Grammar::Labelled { .. } | Grammar::Positional { .. },
            ..
        }
    );
    let joined = |name: &String| {
        let value = request
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.contains(", ")) && !is_list
    };
    let repeated: Vec<_> = names
        .iter()
        .filter(|name| count(name) > 1 || joined(name))
        .cloned()
        .collect();
    let mut findings = Vec::new();
    if !missing.is_empty() {
        findings.push(Finding::MissingHeaders(missing));
    }
    if !repeated.is_empty() {
        findings.push(Finding::RepeatedHeaders(repeated));
    }
    findings
}

/// The headers that the scheme needs; of several families, those of the one that is there.
fn headers(
    scheme: &Scheme,
    settings: &SchemeSettings,
    request: &InboundRequest<'_>,
) -> Vec<String> {
    match &scheme.verification {
        Verification::Signature { headers, .. } => {
            let own = settings.header.clone().filter(|_| scheme.generic);
            if let Some(own) = own {
                return vec![own.to_ascii_lowercase()];
            }
            let mut families = headers.iter();
            let there = families.find(|family| request.headers.contains_key(&family.signature));
            let Some(family) = there.or(headers.first()) else {
                return Vec::new();
            };
            let named = [
                Some(&family.signature),
                family.timestamp.as_ref(),
                family.id.as_ref(),
            ];
            named.into_iter().flatten().cloned().collect()
        }
        Verification::Token { at, .. } => match at {
            TokenPlace::Header(name) => {
                let own = settings.header.clone().filter(|_| scheme.generic);
                vec![own.unwrap_or_else(|| name.clone()).to_ascii_lowercase()]
            }
            TokenPlace::Basic => vec!["authorization".to_owned()],
            TokenPlace::Query(_) => Vec::new(),
        },
        Verification::Twilio { .. } => vec!["x-twilio-signature".to_owned()],
        Verification::Code { module, .. } => module
            .headers()
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        Verification::None => Vec::new(),
    }
}
