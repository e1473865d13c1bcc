//! Secrets are planted, and everything that can be read is searched for them. The functions write
//! all that the template lets them write: they log at `debug`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::samples::{Answer, sample};
use super::world::{API_KEY, SECRET, SetUp, World, webhook_v1};
use crate::receiver::Receiver;

const BODY: &str = "canary-of-the-body";

/// What is looked for: a name for it, and the texts that would give it away.
struct Canary {
    name: &'static str,
    spellings: Vec<String>,
}

impl Canary {
    fn new(name: &'static str, secret: &str) -> Self {
        let mut spellings = vec![secret.to_owned(), hex::encode(secret)];
        // In base64 a text looks different at each of three places.
        for skipped in 0..3 {
            let rest = secret.as_bytes().get(skipped..).unwrap();
            let whole = rest.get(..rest.len() / 3 * 3).unwrap();
            spellings.extend([STANDARD.encode(whole), URL_SAFE_NO_PAD.encode(whole)]);
        }
        Self { name, spellings }
    }

    fn is_in(&self, text: &str) -> bool {
        self.spellings
            .iter()
            .any(|spelling| text.contains(spelling))
    }
}

fn canaries(world: &World, set_up: &SetUp) -> Vec<Canary> {
    vec![
        Canary::new("the credential", API_KEY),
        Canary::new("the endpoint's secret", SECRET.trim_start_matches("whsec_")),
        Canary::new(
            "the destination's secret",
            set_up.signing_secret.trim_start_matches("whsec_"),
        ),
        Canary::new("the body", BODY),
        Canary::new("the token", &world.token),
    ]
}

fn search(canaries: &[Canary], place: &str, text: &str) {
    for canary in canaries {
        assert!(!canary.is_in(text), "{} is in {place}: {text}", canary.name);
    }
}

/// Requests that fail with secrets in hand.
async fn failures(world: &World, set_up: &SetUp, good: &Value) -> Vec<Answer> {
    let mut forged = good.clone();
    forged["headers"]["Stripe-Signature"] = SECRET.into();
    forged["multiValueHeaders"]["Stripe-Signature"] = serde_json::json!([SECRET]);
    let mut answers = vec![world.send(&forged).await];
    let fillings = [
        ("{integrationId}", set_up.integration.as_str()),
        ("{token}", world.token.as_str()),
        ("{signingSecret}", SECRET),
        ("{apiKey}", API_KEY),
        // No type of an integration, no path, no URL.
        ("payment", API_KEY),
        ("/webhooks/stripe", SECRET),
        ("{url}", SECRET),
    ];
    for name in ["create-integration", "register-endpoint", "add-destination"] {
        let event = sample(&format!("integrations/{name}"), &fillings);
        answers.push(Answer::of(&world.integrations, &event).await);
    }
    let token = format!("{}x", world.token);
    answers.push(world.logs(&set_up.integration, &token).await);
    assert!(
        answers.iter().all(|answer| answer.status >= 400),
        "{answers:?}"
    );
    answers
}

#[tokio::test]
async fn no_secret_is_in_an_output_an_answer_the_table_or_the_queue() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let set_up = world.set_up(&receiver).await;
    let canaries = canaries(&world, &set_up);
    let body = format!(r#"{{"id": "evt_1", "type": "invoice.paid", "note": "{BODY}"}}"#);
    let good = webhook_v1(body.as_bytes());
    let mut answers = set_up.answers.clone();
    answers.push(world.send(&good).await);
    answers.extend(failures(&world, &set_up, &good).await);
    let queued = world.stack().contents().await.unwrap();
    assert!(queued.contains(r#""kind":"event""#), "{queued}");
    search(&canaries, "the queue", &queued);
    let send = world.sqs.send_message().queue_url(&world.queue_url);
    send.message_body("not ours").send().await.unwrap();
    world.process().await;
    assert_eq!(receiver.counts(), [("evt_1".to_owned(), 1)].into());
    answers.push(world.logs(&set_up.integration, &world.token).await);
    for answer in answers {
        search(&canaries, "an answer", &format!("{answer:?}"));
    }
    search(
        &canaries,
        "the table",
        &world.stack().contents().await.unwrap(),
    );
    for function in [world.webhooks, world.processor, world.integrations] {
        let output = function.stop().unwrap();
        assert!(output.stderr.contains("DEBUG"), "{output:?}");
        search(&canaries, "standard output", &output.stdout);
        search(&canaries, "standard error", &output.stderr);
    }
}
