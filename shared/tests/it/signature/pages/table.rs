//! The table of all schemes in `docs/webhook-schemes.md`.

use std::collections::{BTreeMap, BTreeSet};

use gatehouse::catalog::{self, Algorithm, Future, Location, Scheme, TokenPlace, Verification};
use serde_json::Value;

use super::text::{self, shown};

const START: &str = "<!-- All schemes, written from shared/catalog: change that. -->\n";
const END: &str = "<!-- The end of what is written. -->\n";
const VECTORS: [&str; 3] = [
    include_str!("../../../vectors/webhooks.json"),
    include_str!("../../../vectors/declared.json"),
    include_str!("../../../vectors/coded.json"),
];

/// How many vectors there are for each set.
fn counts() -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for text in VECTORS {
        let vectors: Vec<Value> = serde_json::from_str(text).unwrap();
        for vector in vectors {
            let name = |field: &str| vector[field].as_str().unwrap().to_owned();
            let set = format!("{}/{}", name("provider"), name("scheme"));
            *counts.entry(set).or_default() += 1;
        }
    }
    counts
}

/// `page` with the table of now.
pub(super) fn renewed(page: &str) -> String {
    let (before, rest) = page.split_once(START).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let counts = counts();
    let rows = catalog::schemes().into_iter();
    let rows: String = rows
        .map(|(slug, scheme)| row(slug, scheme, &counts))
        .collect();
    format!(
        "{before}{START}\n| Scheme | For | Verified by | Body | Not authenticated, though it is read | Age | Besides | Vectors |\n\
         |---|---|---|---|---|---|---|---|\n{rows}\n{END}{after}"
    )
}

fn row(slug: &str, scheme: &Scheme, counts: &BTreeMap<String, usize>) -> String {
    let vectors = scheme.vectors.iter().filter_map(|set| counts.get(set));
    let cells = [
        format!("[`{slug}`](webhooks/{slug}.md)"),
        scheme.title.clone(),
        verified_by(scheme),
        if scheme.authenticates_body() {
            "yes"
        } else {
            "**no**"
        }
        .to_owned(),
        unauthenticated(scheme),
        age(scheme),
        besides(scheme),
        vectors.sum::<usize>().to_string(),
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn verified_by(scheme: &Scheme) -> String {
    match &scheme.verification {
        Verification::None => "nothing".to_owned(),
        Verification::Twilio { .. } => "code: `twilio`".to_owned(),
        Verification::Code { module, .. } => {
            format!("code: `{}`", hyphenated(&format!("{module:?}")))
        }
        Verification::Token { at, .. } => match at {
            TokenPlace::Header(name) => format!("token in `{}`", shown(name)),
            TokenPlace::Query(name) => format!("token in the URL (`{name}`)"),
            TokenPlace::Basic => "user name and password".to_owned(),
        },
        Verification::Signature { versions, .. } => {
            let names = versions.iter().map(|version| match version.algorithm {
                Algorithm::HmacSha1 => "HMAC-SHA1",
                Algorithm::HmacSha256 => "HMAC-SHA256",
                Algorithm::HmacSha512 => "HMAC-SHA512",
                Algorithm::Ed25519 => "Ed25519",
                Algorithm::EcdsaP256Sha256 => "ECDSA P-256",
                Algorithm::RsaPkcs1Sha256 => "RSA",
            });
            names.collect::<Vec<_>>().join(", ")
        }
    }
}

/// `AwsSns` as declarations write it: `aws-sns`.
fn hyphenated(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push('-');
        }
        words.extend(c.to_lowercase());
    }
    words
}

fn headers<'a>(places: &'a [Location], found: &mut BTreeSet<&'a str>) {
    for place in places {
        match place {
            Location::Header(name) => {
                found.insert(name);
            }
            Location::Join(places) => headers(places, found),
            _ => {}
        }
    }
}

fn unauthenticated(scheme: &Scheme) -> String {
    match &scheme.verification {
        Verification::None | Verification::Token { .. } => return "everything".to_owned(),
        _ if !scheme.authenticates_body() => return "all but what its page names".to_owned(),
        _ => {}
    }
    let mut found = BTreeSet::new();
    headers(&scheme.event_id, &mut found);
    headers(&scheme.event_type, &mut found);
    if let Some(time) = &scheme.event_time {
        headers(std::slice::from_ref(&time.at), &mut found);
    }
    let signed = text::signed_headers(scheme);
    let names = found.iter().filter(|name| !signed.contains(name));
    let names = names.map(|name| format!("`{}`", shown(name)));
    names.collect::<Vec<_>>().join(", ")
}

fn age(scheme: &Scheme) -> String {
    let tolerance = scheme.tolerance();
    match tolerance.map(|tolerance| (tolerance.seconds, tolerance.future)) {
        None if text::signs_time(scheme) => "not looked at".to_owned(),
        None => "no time".to_owned(),
        Some((None, _)) => "any".to_owned(),
        Some((Some(seconds), Future::Same)) => format!("±{seconds} s"),
        Some((Some(seconds), _)) => format!("{seconds} s"),
    }
}

fn besides(scheme: &Scheme) -> String {
    let marks = [
        (
            !scheme.handshakes.is_empty() || scheme.challenge.is_some(),
            "handshake",
        ),
        (scheme.batch.is_some(), "batch"),
        (!scheme.page.uncertain.is_empty(), "uncertain"),
    ];
    let marks = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark);
    marks.collect::<Vec<_>>().join(", ")
}
