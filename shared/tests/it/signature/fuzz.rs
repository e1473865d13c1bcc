//! Requests that were right once, changed at random; and texts that never were.
//!
//! In place of `cargo fuzz`, which needs a nightly compiler: the same properties, with the vectors
//! for a corpus, on every run. `PROPTEST_CASES` has them run for longer.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use gatehouse::catalog::{self, Scheme};
use gatehouse::signature::vectors::{Prepared, Rebuilt, Vector};
use gatehouse::signature::{Received, Refusal};
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use super::declarations::declare;
use super::{Case, all_vectors, hmac_sha256};

/// A request that is accepted, with the scheme that accepts it.
pub(super) struct Seed {
    pub(super) slug: &'static str,
    pub(super) scheme: &'static Scheme,
    pub(super) case: Prepared,
}

/// What is accepted of all vectors as an event, or several.
pub(super) static SEEDS: LazyLock<Vec<Seed>> =
    LazyLock::new(|| all_vectors().iter().filter_map(seed).collect());

fn seed(vector: &Vector) -> Option<Seed> {
    let set = format!("{}/{}", vector.provider, vector.scheme);
    let mut schemes = catalog::schemes().into_iter();
    let (slug, scheme) = schemes.find(|(_, scheme)| scheme.vectors.contains(&set))?;
    let case = vector.prepare(scheme).filter(|_| vector.valid)?;
    let accepted = is_event(&case.judge(scheme));
    accepted.then_some(Seed { slug, scheme, case })
}

/// A change of a request.
#[derive(Clone, Debug)]
enum Change {
    /// Other bytes in the body, from a place on, for so many.
    Body(Index, usize, Vec<u8>),
    /// Other bytes in the value of a header.
    Header(Index, Index, usize, Vec<u8>),
    /// A header of another request in place of its own, or besides it.
    Borrow(Index, Index, bool),
    /// One header less.
    Drop(Index),
    /// The same header twice.
    Repeat(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..6);
    let text = prop::sample::select(vec![
        "", ",", " ", "=", ";", ", ", "v1=", "v0=", "t=", "sha256=", "A", "0", "+", "/", "==", "%",
    ]);
    prop_oneof![
        (any::<Index>(), 0_usize..4, bytes()).prop_map(|(at, cut, new)| Change::Body(at, cut, new)),
        (any::<Index>(), any::<Index>(), 0_usize..4, bytes())
            .prop_map(|(which, at, cut, new)| Change::Header(which, at, cut, new)),
        (any::<Index>(), any::<Index>(), 0_usize..4, text).prop_map(|(which, at, cut, new)| {
            Change::Header(which, at, cut, new.as_bytes().to_vec())
        }),
        (any::<Index>(), any::<Index>(), any::<bool>())
            .prop_map(|(from, which, besides)| Change::Borrow(from, which, besides)),
        any::<Index>().prop_map(Change::Drop),
        any::<Index>().prop_map(Change::Repeat),
    ]
}

fn spliced(old: &[u8], at: &Index, cut: usize, new: &[u8]) -> Vec<u8> {
    let start = at.index(old.len() + 1);
    let end = (start + cut).min(old.len());
    [&old[..start], new, &old[end..]].concat()
}

fn nth(case: &Rebuilt, which: &Index) -> Option<(HeaderName, HeaderValue)> {
    let headers = &case.headers;
    let found = headers.iter().nth(which.index(headers.len().max(1)))?;
    Some((found.0.clone(), found.1.clone()))
}

fn apply(case: &mut Rebuilt, change: &Change) {
    match change {
        Change::Body(at, cut, new) => case.body = spliced(&case.body, at, *cut, new),
        Change::Header(which, at, cut, new) => {
            if let Some((name, value)) = nth(case, which)
                && let Ok(value) =
                    HeaderValue::from_bytes(&spliced(value.as_bytes(), at, *cut, new))
            {
                case.headers.insert(name, value);
            }
        }
        Change::Borrow(from, which, besides) => {
            let other = &SEEDS[from.index(SEEDS.len())].case.request;
            if let Some((name, value)) = nth(other, which) {
                if *besides {
                    case.headers.append(name, value);
                } else {
                    case.headers.insert(name, value);
                }
            }
        }
        Change::Drop(which) => {
            if let Some((name, _)) = nth(case, which) {
                case.headers.remove(name);
            }
        }
        Change::Repeat(which) => {
            if let Some((name, value)) = nth(case, which) {
                case.headers.append(name, value);
            }
        }
    }
}

/// What a body says that is signed. Most schemes sign all of it; Twilio and Mandrill the parameters
/// of a form, in whatever spelling; Braintree one of them; SNS these members.
fn signed(slug: &str, body: &[u8]) -> BTreeSet<(String, String)> {
    let form = || form_urlencoded::parse(body).into_owned();
    match slug {
        "twilio" | "twilio-shared-key" | "mandrill" => form().collect(),
        "braintree" => form().filter(|(name, _)| name == "bt_payload").collect(),
        "aws-sns" => {
            let json: Value = serde_json::from_slice(body).unwrap();
            let names = [
                "Message",
                "MessageId",
                "Subject",
                "Timestamp",
                "TopicArn",
                "Type",
            ];
            names
                .map(|name| (name.to_owned(), json[name].to_string()))
                .into()
        }
        _ => [(String::new(), hex::encode(body))].into(),
    }
}

/// What is no event brings nothing in: some handshakes are not signed.
pub(super) fn is_event(verdict: &Result<Received, Refusal>) -> bool {
    matches!(verdict, Ok(Received::Event(_) | Received::Batch(_)))
}

#[test]
fn the_corpus_has_requests_of_every_scheme() {
    let slugs: BTreeSet<_> = SEEDS.iter().map(|seed| seed.slug).collect();
    let schemes = catalog::schemes().into_iter();
    // The vectors of Event Grid are of its handshakes; what bears a token is tried with others.
    let with_vectors =
        schemes.filter(|(slug, scheme)| !scheme.vectors.is_empty() && *slug != "azure-event-grid");
    assert_eq!(slugs, with_vectors.map(|(slug, _)| slug).collect());
    assert!(SEEDS.len() > 400, "{}", SEEDS.len());
}

/// At least a thousand cases; `PROPTEST_CASES` for more.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.max(1024),
        failure_persistence: None,
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    /// What is accepted says what was signed, whatever else became of the request.
    #[test]
    fn no_change_of_a_request_brings_in_another_body(
        at: Index,
        changes in prop::collection::vec(change(), 1..5),
    ) {
        let seed = &SEEDS[at.index(SEEDS.len())];
        let mut changed = seed.case.clone();
        changes.iter().for_each(|change| apply(&mut changed.request, change));
        let verdict = changed.judge(seed.scheme);
        if is_event(&verdict) && seed.scheme.authenticates_body() {
            let said = signed(seed.slug, &changed.request.body);
            let same = |other: &Seed| {
                other.slug == seed.slug && signed(seed.slug, &other.case.request.body) == said
            };
            prop_assert!(SEEDS.iter().any(same), "{}: {changed:?}", seed.slug);
        }
    }

    /// No scheme takes what another provider signed: with the same secret even.
    #[test]
    fn no_request_is_another_schemes(at: Index, to: Index) {
        let (seed, other) = (&SEEDS[at.index(SEEDS.len())], &SEEDS[to.index(SEEDS.len())]);
        let headers = &other.case.request.headers;
        if seed.case.request.headers.keys().any(|name| headers.contains_key(name)) {
            return Ok(());
        }
        let taken = seed.case.judge(other.scheme);
        // Svix reads the headers of Standard Webhooks, and signs as they do.
        let related = seed.slug != other.slug && other.slug == "svix";
        prop_assert!(!is_event(&taken) || seed.slug == other.slug || related, "{} {}", seed.slug, other.slug);
    }

    /// A header that nobody signed is refused by every form of header, and none makes it panic.
    #[test]
    fn no_text_is_a_signature(
        value in "([ -~]{0,60}|(t=[0-9]{1,12},)?(v1=[0-9a-f]{0,80}[,; ]{0,2}){0,30})",
        body: Vec<u8>,
        form in prop::sample::select(vec![
            r#"{ kind = "single" }"#,
            r#"{ kind = "single", prefix = "v1=" }"#,
            r#"{ kind = "labelled", separator = ",", label_end = "=" }"#,
            r#"{ kind = "labelled", separator = " ", label_end = "," }"#,
            r#"{ kind = "labelled", separator = "; ", label_end = "=" }"#,
            r#"{ kind = "positional", separator = "," }"#,
        ]),
        encoding in prop::sample::select(vec!["hex", "base64", "base64url"]),
    ) {
        let label = if form.contains("labelled") { "label = \"v1\", " } else { "" };
        let scheme = declare(&format!(
            "headers = [{{ signature = \"x-signature\" }}]\ngrammar = {form}\nsigned = \"{{body}}\"\nversions = [{{ {label}algorithm = \"hmac-sha256\", key = {{ kind = \"text\" }}, encoding = \"{encoding}\" }}]"
        ));
        let case = Case::new("secret", &[("x-signature", &value)], &body);
        prop_assert!(case.by_scheme(&scheme).is_err());
    }

    /// Whatever bytes are signed are accepted, as they are, and what is read of them is bounded.
    #[test]
    fn every_body_can_be_signed(body: Vec<u8>, json in any::<bool>(), text in ".{0,300}") {
        let body = if json {
            serde_json::json!({ "id": text, "type": { "a": text } }).to_string().into_bytes()
        } else {
            body
        };
        let signature = format!("sha256={}", hex::encode(hmac_sha256(b"secret", &body)));
        let headers = [("x-hub-signature", signature.as_str())];
        let received = Case::new("secret", &headers, &body).by("jira");
        let Ok(Received::Event(facts)) = received else {
            return Err(TestCaseError::fail(format!("{received:?}")));
        };
        let told = [facts.provider_event_id, facts.event_type];
        let short = |text: &String| text.len() <= 256 && !text.chars().any(char::is_control);
        prop_assert!(told.iter().flatten().all(short), "{told:?}");
    }
}
