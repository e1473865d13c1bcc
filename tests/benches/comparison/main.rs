//! `webhooks` beside the same handler in Node and in Python: a webhook of GitHub is verified, sent to SQS and
//! answered. All three are driven by the same Runtime API, call the same SQS, and are measured in one run.
//! `scripts/compare` builds the two, whose sources are in `tests/comparison`, and runs it.
//!
//! They do less: their secret is a variable, where `webhooks` reads its endpoint from the table, opens the
//! secret with a key of KMS, and seals what it sends.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "figures are printed, and what goes wrong ends the measuring"
)]

#[path = "../../it/binaries.rs"]
mod binaries;
#[path = "../figures/clock.rs"]
mod clock;
#[path = "../../it/functions/deployment.rs"]
mod deployment;
#[path = "../../it/functions/issuer.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod issuer;
mod measured;
#[path = "../figures/process.rs"]
#[expect(dead_code, reason = "the bench of load needs more of it")]
mod process;
#[path = "../../it/functions/samples.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod samples;

use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use e2e::FunctionSettings;
use serde_json::{Value, json};

use self::deployment::Deployment;
use self::measured::{CALLS, Measured, RATE_CALLS, STARTS};
use self::samples::{Answer, sample};

const SECRET: &str = "It's a Secret to Everybody";

#[tokio::main]
async fn main() {
    let mut folders = std::env::args().skip(1).map(PathBuf::from);
    let Some(folder) = folders.find(|folder| folder.is_dir()) else {
        panic!("the folder of the handlers in other languages is missing: run scripts/compare");
    };
    let deployment = Deployment::new().await;
    endpoint(&deployment).await;
    let variables = deployment.variables("webhooks");
    let ours = deployment.settings("webhooks", variables.clone());
    let queue_url = &variables["GATEHOUSE_QUEUE_URL"];
    let others = ["node", "python"].map(|language| other(&ours, &folder, language, queue_url));
    println!(
        "| Handler | Start to first response, median of {STARTS} | Memory after {CALLS} calls | Calls a second, one after the other, {RATE_CALLS} | Processor time of a call |"
    );
    println!("|---|---|---|---|---|");
    let ours = Measured::of(&ours).await;
    println!("| `webhooks` | {ours} |");
    for settings in &others {
        let measured = Measured::of(settings).await;
        println!("| {} | {measured} |", settings.name);
        println!("| … to `webhooks` | {} |", measured.to(&ours));
    }
}

/// The same place, and another program.
fn other(
    ours: &FunctionSettings,
    folder: &Path,
    language: &str,
    queue_url: &str,
) -> FunctionSettings {
    let mut settings = ours.clone();
    language.clone_into(&mut settings.name);
    settings.binary = folder.join(language).join("bootstrap");
    // Python's client reads the second of the two variables in which Lambda says the region.
    let region = ours.environment["AWS_REGION"].as_str();
    let own = [
        ("SECRET", SECRET),
        ("QUEUE_URL", queue_url),
        ("AWS_DEFAULT_REGION", region),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    settings.environment.extend(own);
    settings
}

/// Registers where the webhooks come to.
async fn endpoint(deployment: &Deployment) {
    let integrations = deployment.start("integrations").await;
    let token = deployment.issuer.token();
    let fillings = [("{token}", token.as_str()), ("{apiKey}", "sk_1")];
    let create = sample("integrations/create-integration", &fillings);
    let id = Answer::of(&integrations, &create).await.made("id");
    let fillings = [("{token}", token.as_str()), ("{integrationId}", &id)];
    let mut register = sample("integrations/register-endpoint", &fillings);
    let body = json!({"endpoint": "/webhooks/github", "scheme": "github", "secret": SECRET});
    register["body"] = body.to_string().into();
    Answer::of(&integrations, &register).await.made("id");
}

/// A webhook of GitHub's.
pub(crate) fn webhook(id: &str) -> Value {
    let mut event = sample("webhooks/http-api-v2", &[("evt_1", id)]);
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = hmac::sign(&key, event["body"].as_str().unwrap().as_bytes());
    for (name, value) in [
        (
            "x-hub-signature-256",
            format!("sha256={}", hex::encode(signature)),
        ),
        ("x-github-delivery", id.to_owned()),
        ("x-github-event", "push".to_owned()),
    ] {
        event["headers"][name] = value.into();
    }
    event["rawPath"] = "/webhooks/github".into();
    event["requestContext"]["http"]["path"] = "/webhooks/github".into();
    event["pathParameters"]["proxy"] = "github".into();
    event
}
