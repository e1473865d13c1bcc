//! Event files: `events/<function>/<case>.json`, each a document of JSON.

use super::{File, assert_kept, root};

fn broken_event(file: &File) -> Vec<String> {
    let Some(rest) = file.path.strip_prefix("events/") else {
        return Vec::new();
    };
    let Some((function, case)) = rest
        .strip_suffix(".json")
        .and_then(|rest| rest.split_once('/'))
        .filter(|(_, case)| !case.contains('/'))
    else {
        return vec!["an event is events/<function>/<case>.json".to_owned()];
    };
    let mut broken = Vec::new();
    if !root().join("functions").join(function).is_dir() {
        broken.push(format!("there is no function `{function}`"));
    }
    if !case
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c))
    {
        broken.push("a case is named in small letters".to_owned());
    }
    if let Err(error) = serde_json::from_str::<serde_json::Value>(&file.text) {
        broken.push(error.to_string());
    }
    broken
}

#[test]
fn every_event_file_is_json_of_a_function() {
    assert_kept(broken_event);
}

#[test]
fn a_broken_event_file_is_found() {
    let found = |path: &str, text: &str| broken_event(&File::new(path, text)).len();
    assert_eq!(found("events/webhooks/stripe.json", "{}"), 0);
    assert_eq!(found("events/webhooks/stripe.json", "{"), 1);
    assert_eq!(found("events/webhooks/Stripe.json", "{}"), 1);
    assert_eq!(found("events/nothing/stripe.json", "{}"), 1);
    assert_eq!(found("events/stripe.json", "{}"), 1);
}
