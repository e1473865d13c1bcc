use gatehouse::lambda::system_sources;
use serde_json::{Value, json};

use super::world::{SECRET, World, webhook, webhook_v1};
use crate::receiver::Receiver;
use crate::stripe::signature_at;

/// A webhook that is good but for what `change` does to it.
fn spoiled(change: impl FnOnce(&mut Value)) -> Value {
    let mut event = webhook("evt_1");
    change(&mut event);
    event
}

fn body_of(event: &Value) -> &[u8] {
    event["body"].as_str().unwrap().as_bytes()
}

/// What has to be refused, and how.
fn refused() -> Vec<(Value, u64, &'static str)> {
    let forged = |event: &mut Value| {
        let bytes = [body_of(event), b" "].concat();
        event["body"] = String::from_utf8(bytes).unwrap().into();
    };
    let unsigned = |event: &mut Value| event["headers"]["stripe-signature"] = "".into();
    let stale = |event: &mut Value| {
        let second = system_sources().now().as_second() - 3600;
        let signature = signature_at(second, SECRET, body_of(event));
        event["headers"]["stripe-signature"] = signature.into();
    };
    let elsewhere = |event: &mut Value| event["rawPath"] = "/webhooks/nobody".into();
    let put = |event: &mut Value| event["requestContext"]["http"]["method"] = "PUT".into();
    // It does not get smaller than what SQS takes, compressed or not.
    let mut noise = vec![0; 2_000_000];
    system_sources().randomness.fill(&mut noise);
    vec![
        (spoiled(forged), 401, "signature_refused"),
        (spoiled(unsigned), 401, "signature_refused"),
        (spoiled(stale), 401, "signature_refused"),
        (spoiled(elsewhere), 404, "not_found"),
        (spoiled(put), 405, "method_not_allowed"),
        (webhook_v1(&noise), 413, "event_too_large"),
    ]
}

#[tokio::test]
async fn what_is_refused_is_told_as_a_problem_and_nothing_of_it_is_enqueued() {
    let world = World::new().await;
    world.set_up(&Receiver::start().await).await;
    world.stack().reset_calls();
    for (event, status, code) in refused() {
        let answer = world.send(&event).await;
        assert_eq!(answer.problem(), (status, code.to_owned()));
    }
    let calls = world.stack().calls();
    assert_eq!(calls.get("SQS.SendMessage"), None, "{calls:?}");
    assert!(world.receive(&world.queue_url).await.is_empty());
    assert!(world.receive(&world.dead_letter_url).await.is_empty());
    assert_eq!(world.send(&webhook("evt_1")).await.status, 200);
    assert_eq!(world.receive(&world.queue_url).await.len(), 1);
}

#[tokio::test]
async fn a_refusal_does_not_tell_which_part_of_a_signature_was_wrong() {
    let world = World::new().await;
    world.set_up(&Receiver::start().await).await;
    let mut problems = Vec::new();
    for (event, ..) in refused()
        .into_iter()
        .filter(|(_, status, _)| *status == 401)
    {
        let mut problem = world.send(&event).await.json();
        problem["instance"] = json!(null);
        problems.push(problem);
    }
    assert_eq!(problems.len(), 3);
    assert!(
        problems.iter().all(|problem| *problem == problems[0]),
        "{problems:?}"
    );
}
