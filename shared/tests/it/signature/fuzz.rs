//! Requests that were right once, changed at random; and texts that never were.
//!
//! In place of `cargo fuzz`, which needs a nightly compiler: the same properties, with the vectors
//! for a corpus, on every run. `PROPTEST_CASES` has them run for longer.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::catalog::{self, Scheme};
use gatehouse::signature::{Received, Refusal};
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use super::declarations::declare;
use super::{Case, hmac_sha256, raw_vectors};

/// A request that is accepted, with the scheme that accepts it.
pub(super) struct Seed {
    pub(super) slug: &'static str,
    pub(super) scheme: &'static Scheme,
    pub(super) case: Case,
}

pub(super) static SEEDS: LazyLock<Vec<Seed>> = LazyLock::new(|| {
    let mut vectors = raw_vectors();
    let own = [
        include_str!("../../vectors/declared.json"),
        include_str!("../../vectors/coded.json"),
    ];
    vectors.extend(
        own.iter()
            .flat_map(|own| serde_json::from_str::<Vec<Value>>(own).unwrap()),
    );
    vectors.iter().filter_map(seed).collect()
});

fn seed(vector: &Value) -> Option<Seed> {
    let text = |name: &str| vector[name].as_str();
    let set = format!("{}/{}", text("provider")?, text("scheme")?);
    let mut schemes = catalog::schemes().into_iter();
    let (slug, scheme) = schemes.find(|(_, scheme)| scheme.vectors.contains(&set))?;
    let headers = vector["headers"].as_object()?.iter();
    let headers = headers.map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    let headers: Vec<_> = headers.collect::<Option<_>>()?;
    let body = match text("body_b64") {
        Some(base64) => STANDARD.decode(base64).ok()?,
        None => text("body")?.into(),
    };
    let mut case = Case::new(text("secret")?, &headers, &body);
    case.now = jiff::Timestamp::from_second(vector["now"].as_i64()?).ok()?;
    case.url = text("url").unwrap_or("https://example.com/").to_owned();
    case.method = text("method")?.parse().ok()?;
    let url = vector["extra"]["notification_url"].as_str();
    case.settings.url = url.map(str::to_owned);
    let accepted = case.by_scheme(scheme).is_ok();
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

fn nth(case: &Case, which: &Index) -> Option<(HeaderName, HeaderValue)> {
    let headers = &case.headers;
    let found = headers.iter().nth(which.index(headers.len().max(1)))?;
    Some((found.0.clone(), found.1.clone()))
}

fn apply(case: &mut Case, change: &Change) {
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
            let other = &SEEDS[from.index(SEEDS.len())].case;
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

/// The parameters of a form are what Twilio and Mandrill sign, in whatever spelling.
fn same_body(slug: &str, left: &[u8], right: &[u8]) -> bool {
    let form = |body| {
        form_urlencoded::parse(body)
            .into_owned()
            .collect::<BTreeSet<_>>()
    };
    left == right || (slug.starts_with("twilio") || slug == "mandrill") && form(left) == form(right)
}

/// What is no event brings nothing in: some handshakes are not signed.
fn is_event(verdict: &Result<Received, Refusal>) -> bool {
    matches!(verdict, Ok(Received::Event(_) | Received::Batch(_)))
}

#[test]
fn the_corpus_has_requests_of_most_schemes() {
    let slugs: BTreeSet<_> = SEEDS.iter().map(|seed| seed.slug).collect();
    assert!(slugs.len() > 50, "{slugs:?}");
    assert!(SEEDS.len() > 250, "{}", SEEDS.len());
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

    /// What is accepted has the body that was signed, whatever else became of the request.
    #[test]
    fn no_change_of_a_request_brings_in_another_body(
        at: Index,
        changes in prop::collection::vec(change(), 1..5),
    ) {
        let seed = &SEEDS[at.index(SEEDS.len())];
        let mut changed = seed.case.clone();
        changes.iter().for_each(|change| apply(&mut changed, change));
        let verdict = changed.by_scheme(seed.scheme);
        if is_event(&verdict) && seed.scheme.authenticates_body() {
            let same = |other: &Seed| {
                other.slug == seed.slug && same_body(seed.slug, &other.case.body, &changed.body)
            };
            prop_assert!(SEEDS.iter().any(same), "{}: {changed:?}", seed.slug);
        }
    }

    /// No scheme takes what another provider signed: with the same secret even.
    #[test]
    fn no_request_is_another_schemes(at: Index, to: Index) {
        let (seed, other) = (&SEEDS[at.index(SEEDS.len())], &SEEDS[to.index(SEEDS.len())]);
        if seed.case.headers.keys().any(|name| other.case.headers.contains_key(name)) {
            return Ok(());
        }
        let taken = seed.case.by_scheme(other.scheme);
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
