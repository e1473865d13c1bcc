//! The scripts of the pages, run as they stand, with curl and openssl.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::Request;
use gatehouse::catalog::{self, Scheme};
use gatehouse::lambda::system_sources;
use gatehouse::signature::{EventFacts, Received, Refusal};

use super::super::Case;
use super::super::samples::settings;
use super::script::{OWN_HEADER, URL};
use super::{pages, text};

type Caught = Arc<Mutex<Option<Case>>>;

/// Keeps what comes in.
async fn keep(State(caught): State<Caught>, request: Request<Body>) {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let mut case = Case::new("", &[], &body);
    case.method = parts.method;
    let host = parts.headers["host"].to_str().unwrap();
    case.url = format!("http://{host}{}", parts.uri);
    case.headers = parts.headers.clone();
    *caught.lock().unwrap() = Some(case);
}

/// The script of a page.
fn script_of(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("```sh\n")?;
    Some(rest.split_once("```")?.0)
}

/// Runs a script against `origin`, and returns the secret that it signed with.
fn run(slug: &str, script: &str, origin: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let script = script.replace(URL, &format!("{origin}/webhooks/your-endpoint"));
    let script = format!("set -eu\n{script}\nprintf '%s' \"$secret\" >secret\n");
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(directory.path())
        .output()
        .unwrap_or_else(|error| panic!("needs a shell: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{slug}: {told}");
    fs::read_to_string(directory.path().join("secret")).unwrap()
}

fn facts(received: Result<Received, Refusal>) -> Result<EventFacts, String> {
    match received {
        Ok(Received::Event(facts)) => Ok(facts),
        Ok(Received::Batch(events)) if events.len() == 1 => Ok(events[0].facts.clone()),
        other => Err(format!("{other:?}")),
    }
}

/// What a declaration says where to find is found in its own sample.
fn assert_read(slug: &str, scheme: &Scheme, facts: &EventFacts) {
    let told = [
        (
            "id",
            scheme.event_id.is_empty(),
            facts.provider_event_id.is_none(),
        ),
        (
            "time",
            scheme.event_time.is_none(),
            facts.occurred_at.is_none(),
        ),
        (
            "type",
            // The type of a notification of Braintree's is in XML, which its module reads.
            scheme.event_type.is_empty() && slug != "braintree",
            facts.event_type.is_none(),
        ),
    ];
    for (what, undeclared, absent) in told {
        assert_eq!(undeclared, absent, "{slug}: {what}: {facts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_pages_tell_to_do_is_accepted() {
    let caught = Caught::default();
    let app = Router::new().fallback(keep).with_state(Arc::clone(&caught));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut ran = 0;
    let pages = pages();
    for (slug, scheme) in catalog::schemes() {
        let Some(script) = script_of(&pages[&format!("{slug}.md")]).map(str::to_owned) else {
            continue;
        };
        let origin = origin.clone();
        let secret = tokio::task::spawn_blocking(move || run(slug, &script, &origin));
        let secret = secret.await.unwrap();
        let mut case = caught.lock().unwrap().take().unwrap();
        case.secret = secret;
        case.now = system_sources().now().into();
        case.settings = settings(scheme);
        case.settings.base_url = None;
        if text::needs_header(scheme) {
            case.settings.header = Some(OWN_HEADER.to_owned());
        }
        assert_accepted(slug, scheme, case);
        ran += 1;
    }
    server.abort();
    assert!(ran > 90, "{ran}");
}

fn assert_accepted(slug: &str, scheme: &Scheme, mut case: Case) {
    match facts(case.by_scheme(scheme)) {
        Ok(facts) => {
            assert_read(slug, scheme, &facts);
            assert!(facts.verified_with.is_some(), "{slug}");
        }
        Err(refusal) => panic!("{slug}: {refusal}: {case:?}"),
    }
    case.body.push(b' ');
    let verdict = case.by_scheme(scheme);
    assert_eq!(
        verdict.is_err(),
        scheme.authenticates_body(),
        "{slug}: {verdict:?}"
    );
}
