//! Nothing of a body is parsed before its signature holds; where the signature itself is in the
//! body, only what is neither too long nor too deep.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gatehouse::signature::{Received, Refusal};
use http::HeaderValue;

use super::fuzz::{SEEDS, Seed, is_event};

/// What these sign, or compare, is in a JSON body.
const READ_FIRST: [&str; 6] = [
    "adyen",
    "aws-sns",
    "mailgun",
    "microsoft-graph",
    "microsoft-graph-encrypted",
    "microsoft-graph-rich",
];
/// More than is read of a body that is not verified, in bytes.
const TOO_LONG: usize = 2 * 1024 * 1024 + 1;
/// A parser that calls itself for each level would overflow its stack.
const LEVELS: usize = 300_000;

fn deep(open: &str, close: &str) -> Vec<u8> {
    format!("{}1{}", open.repeat(LEVELS), close.repeat(LEVELS)).into_bytes()
}

fn long() -> Vec<u8> {
    format!("{{\"a\":\"{}\"}}", "x".repeat(TOO_LONG)).into_bytes()
}

/// Bodies that a parser takes, and bodies that it refuses or that break it.
fn bodies() -> Vec<Vec<u8>> {
    vec![
        br#"{"id":"evt_2"}"#.to_vec(),
        b"{".to_vec(),
        b"\xff\xfe".to_vec(),
        b"[".repeat(LEVELS),
        deep("[", "]"),
        deep("{\"a\":", "}"),
        long(),
    ]
}

/// One request of each scheme.
fn one_of_each() -> impl Iterator<Item = &'static Seed> {
    let mut seen = BTreeSet::new();
    SEEDS.iter().filter(move |seed| seen.insert(seed.slug))
}

fn judged(seed: &Seed, body: Vec<u8>) -> Result<Received, Refusal> {
    let mut forged = seed.case.clone();
    forged.request.body = body;
    if !seed.scheme.authenticates_body() && !READ_FIRST.contains(&seed.slug) {
        // A token says nothing of the body: it is the token that has to be wrong.
        forged.request.url = "https://example.com/webhooks/a".to_owned();
        for value in forged.request.headers.values_mut() {
            *value = HeaderValue::from_static("forged");
        }
    }
    forged.judge(seed.scheme)
}

#[test]
fn what_a_forged_body_is_makes_no_difference() {
    let mut tried = 0;
    for seed in one_of_each().filter(|seed| !READ_FIRST.contains(&seed.slug)) {
        let refusals = bodies().into_iter().map(|body| judged(seed, body));
        let refusals: Vec<_> = refusals.collect();
        assert!(
            !refusals.iter().any(is_event),
            "{}: {refusals:?}",
            seed.slug
        );
        let first = &refusals[0];
        assert!(
            refusals.iter().all(|refusal| refusal == first),
            "{}: {refusals:?}",
            seed.slug
        );
        tried += 1;
    }
    assert!(tried > 80, "{tried}");
}

#[test]
fn where_the_signature_is_in_the_body_long_and_deep_ones_are_refused() {
    for slug in READ_FIRST {
        let seed = SEEDS.iter().find(|seed| seed.slug == slug).unwrap();
        assert_eq!(judged(seed, long()), Err(Refusal::TooMany), "{slug}");
        for body in [b"[".repeat(LEVELS), deep("[", "]"), deep("{\"a\":", "}")] {
            assert_eq!(judged(seed, body), Err(Refusal::BadForm), "{slug}");
        }
        // Beside all that the scheme looks at.
        let good = std::str::from_utf8(&seed.case.request.body).unwrap();
        let rest = good.trim_start().strip_prefix('{').unwrap();
        let with = |levels: usize| {
            let member = format!("{{\"beside\":{}{},", "[".repeat(levels), "]".repeat(levels));
            judged(seed, [member.as_bytes(), rest.as_bytes()].concat())
        };
        assert!(is_event(&with(100)), "{slug}");
        assert_eq!(with(LEVELS), Err(Refusal::BadForm), "{slug}");
    }
}

/// The files that may read JSON, each with why. All others of `signature` do not, so that no scheme
/// that they verify does before its signature holds.
const READERS: [(&str, &str); 14] = [
    ("batch.rs", "what is verified, or called by one of the next"),
    ("body_changes.rs", "a captured request, for its owner"),
    (
        "challenges.rs",
        "64 KB of what may be a handshake; else what is verified",
    ),
    ("coded/adyen.rs", "the signature is in the body"),
    ("coded/aws_sns.rs", "the signature is in the body"),
    ("coded/graph.rs", "the token is in the body"),
    ("coded/graph_content.rs", "the signature is in the body"),
    ("coded/mailgun.rs", "the signature is in the body"),
    ("coded/mod.rs", "checks the size for those"),
    ("coded/plaid.rs", "a key that is configured"),
    ("facts.rs", "what is verified"),
    ("json.rs", "for the one before"),
    ("jws/mod.rs", "the claims of a token that is verified"),
    ("sample.rs", "the catalogue's"),
];

/// Whether a source reads JSON, or asks for it. To write some is another matter.
fn reads(source: &str) -> bool {
    let ways = [
        "serde_json::from_",
        "unverified_",
        "split_json",
        "json::text_at",
        "json::names",
    ];
    ways.iter().any(|way| source.contains(way))
}

#[test]
fn only_these_files_read_json() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/signature");
    let mut found = BTreeSet::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            let is_of_tests = name.contains("tests") || name.contains("vector");
            if path.is_dir() {
                folders.push(path);
            } else if !is_of_tests && reads(&fs::read_to_string(&path).unwrap()) {
                found.insert(name);
            }
        }
    }
    let allowed: BTreeSet<String> = READERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found, allowed);
}
