//! Verifies one webhook of a scheme a given number of times, by the function that verifies what
//! providers send. `scripts/bench` counts the instructions of two runs; their difference is what the
//! verifications cost, without the start.
//!
//! What is verified is the first event among the scheme's test vectors, which the providers' own
//! libraries have signed where they could; for schemes that have none (the generic ones; Event Grid,
//! whose vectors are handshakes), the catalogue's sample.
//!
//! ```text
//! verification --list         each scheme with the length of its body, a line each
//! verification SCHEME TIMES   verifies
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what goes wrong ends the measuring; the list is what is asked for"
)]

use std::hint::black_box;

use gatehouse::catalog::{self, Scheme, Verification};
use gatehouse::signature::sample::sample;
use gatehouse::signature::vectors::{Prepared, Vector};
use gatehouse::signature::{InboundRequest, Received, SchemeSettings, SigningSecret, receive};
use http::Method;
use secrecy::SecretString;
use ulid::Ulid;

const VECTORS: [&str; 3] = [
    include_str!("../tests/vectors/webhooks.json"),
    include_str!("../tests/vectors/declared.json"),
    include_str!("../tests/vectors/coded.json"),
];
const URL: &str = "https://gatehouse.example/webhooks/x";
const SECOND: i64 = 1_790_000_000;

fn main() {
    // Cargo adds an argument of its own to a bench's.
    let arguments = std::env::args().skip(1);
    let mut arguments = arguments.filter(|argument| argument != "--bench");
    let first = arguments.next().unwrap_or_else(|| "--list".to_owned());
    let times: usize = arguments.next().map_or(1, |times| times.parse().unwrap());
    let read = |text| serde_json::from_str::<Vec<Vector>>(text).unwrap();
    let vectors: Vec<Vector> = VECTORS.into_iter().flat_map(read).collect();
    if first == "--list" {
        for (slug, scheme) in catalog::schemes() {
            println!("{slug} {}", verify(scheme, &vectors, 1));
        }
    } else {
        let scheme = catalog::scheme(&first);
        verify(
            scheme.unwrap_or_else(|| panic!("there is no scheme `{first}`")),
            &vectors,
            times,
        );
    }
}

/// Verifies, and returns the length of the body.
fn verify(scheme: &Scheme, vectors: &[Vector], times: usize) -> usize {
    let of_scheme = scheme.vectors.iter().flat_map(|set| {
        let vectors = vectors.iter();
        vectors.filter(move |one| one.valid && format!("{}/{}", one.provider, one.scheme) == *set)
    });
    let mut prepared = of_scheme.filter_map(|vector| vector.prepare(scheme));
    let is_event = |prepared: &Prepared| prepared.judge(scheme).is_ok_and(|one| is_event(&one));
    let Some(prepared) = prepared.find(is_event) else {
        return verify_sample(scheme, times);
    };
    for _ in 0..times {
        black_box(black_box(&prepared).judge(scheme)).unwrap();
    }
    prepared.request.body.len()
}

fn is_event(received: &Received) -> bool {
    matches!(received, Received::Event(_) | Received::Batch(_))
}

fn verify_sample(scheme: &Scheme, times: usize) -> usize {
    let signs = matches!(scheme.verification, Verification::Signature { .. });
    let settings = SchemeSettings {
        header: (scheme.generic && signs).then(|| "x-signature".to_owned()),
        ..SchemeSettings::default()
    };
    let secret = SigningSecret::from(SecretString::from("name:secret-of-a-sample"));
    let now = jiff::Timestamp::from_second(SECOND).unwrap();
    let signed = sample(scheme, &settings, &secret, URL, "sample_1", now).unwrap();
    let query = signed.query.map(|query| format!("?{query}"));
    let inbound = InboundRequest {
        method: &Method::POST,
        url: &format!("{URL}{}", query.unwrap_or_default()),
        headers: &signed.headers,
        body: &signed.body,
    };
    for _ in 0..times {
        let secrets = [(Ulid::nil().into(), &secret)];
        let received = receive(scheme, black_box(&inbound), &secrets, &settings, now);
        assert!(is_event(&black_box(received).unwrap()));
    }
    signed.body.len()
}
