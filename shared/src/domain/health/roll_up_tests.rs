use serde_json::json;

use super::*;

const NOW: i64 = 1_795_996_800;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(NOW + second).unwrap()
}

fn request(second: i64, changes: serde_json::Value) -> RequestRecord {
    let id = |prefix: &str| format!("{prefix}01K72Z5QSW0123456789ABCDEF");
    let mut request = json!({
        "id": id("req_"), "organizationId": id("org_"), "integrationId": id("int_"),
        "caller": "me", "method": "GET", "path": "/", "status": "succeeded",
        "responseStatus": 200, "attempts": 1, "cache": "none", "startedAt": at(second),
        "durationMs": 100,
    });
    for (name, value) in changes.as_object().unwrap() {
        request[name] = value.clone();
    }
    serde_json::from_value(request).unwrap()
}

fn event(second: i64, endpoint: char, status: &str, scheme: &str) -> Event {
    let id = |prefix: &str| format!("{prefix}01K72Z5QSW0123456789ABCDEF");
    serde_json::from_value(json!({
        "id": id("evt_"), "organizationId": id("org_"), "integrationId": id("int_"),
        "endpointId": format!("whk_01K72Z5QSW0123456789ABCDE{endpoint}"), "scheme": scheme,
        "status": status, "receivedAt": at(second), "bodyBytes": 1, "payload": {"parts": 0},
        "deliveries": [],
    }))
    .unwrap()
}

fn counts(requests: &[RequestRecord]) -> RequestCounts {
    let mut counts = RequestCounts::default();
    requests.iter().for_each(|request| counts.add(request));
    counts
}

#[test]
fn each_call_is_counted_by_how_it_ended() {
    let limited =
        json!({"status": "failed", "attempts": 0, "error": "rate_limited", "responseStatus": null});
    let counts = counts(&[
        request(0, json!({})),
        request(1, json!({"cache": "hit", "attempts": 0, "durationMs": 1})),
        request(
            2,
            json!({"status": "started", "responseStatus": null, "durationMs": null}),
        ),
        request(3, limited),
        request(
            4,
            json!({"status": "failed", "error": "server", "responseStatus": 503, "durationMs": 300}),
        ),
    ]);
    assert_eq!(counts.total, 5);
    assert_eq!((counts.succeeded, counts.failed), (2, 2));
    assert_eq!(
        (counts.refused, counts.unfinished, counts.cached),
        (1, 1, 1)
    );
    assert_eq!(counts.error_rate(), Some(0.5));
    // Only those for which the provider was called say how fast it is.
    assert_eq!(
        (counts.durations.count(), counts.durations.mean_ms()),
        (2, Some(200.0))
    );
    assert_eq!(
        counts.errors,
        BTreeMap::from([("rate_limited".to_owned(), 1), ("server".to_owned(), 1)])
    );
    let last = counts.last_error.unwrap();
    assert_eq!(
        (last.at, last.code.as_str(), last.status),
        (at(4), "server", Some(503))
    );
}

#[test]
fn merging_is_as_counting_all_at_once() {
    let requests: Vec<_> = (0..50)
        .map(|second| match second % 3 {
            0 => request(
                second,
                json!({"status": "failed", "error": format!("e{}", second % 7)}),
            ),
            _ => request(second, json!({"durationMs": second})),
        })
        .collect();
    let whole = counts(&requests);
    let mut merged = RequestCounts::default();
    for part in requests.chunks(7) {
        merged.merge(&counts(part));
    }
    assert_eq!(merged, whole);
    // In any order.
    let mut backwards = RequestCounts::default();
    for part in requests.chunks(7).rev() {
        backwards.merge(&counts(part));
    }
    assert_eq!(backwards, whole);
    let text = serde_json::to_string(&whole).unwrap();
    assert_eq!(serde_json::from_str::<RequestCounts>(&text).unwrap(), whole);
}

#[test]
fn kinds_of_error_beyond_those_that_are_told_apart_are_counted_together() {
    let failed = |second| {
        request(
            second,
            json!({"status": "failed", "error": format!("e{second:03}")}),
        )
    };
    let requests: Vec<_> = (0..100).map(failed).collect();
    let counts = counts(&requests);
    assert_eq!(counts.errors.len(), MAX_ERRORS + 1);
    assert_eq!(counts.errors[OTHER], 68);
    assert_eq!(counts.errors.values().sum::<u64>(), counts.failed);
}

#[test]
fn webhooks_are_counted_by_status_and_endpoint_and_changes_of_records_are_none() {
    let mut counts = WebhookCounts::default();
    for event in [
        event(0, 'A', "delivered", "stripe"),
        event(5, 'A', "retrying", "stripe"),
        event(3, 'B', "failed", "stripe"),
        event(1, 'B', "unrouted", "stripe"),
        event(1, 'B', "filtered", "stripe"),
        event(9, 'B', "delivered", Event::RECORDS),
    ] {
        counts.add(&event);
    }
    assert_eq!(counts.received, 5);
    let by_status = [
        counts.delivered,
        counts.retrying,
        counts.failed,
        counts.unrouted,
        counts.filtered,
    ];
    assert_eq!(by_status, [1; 5]);
    assert_eq!(counts.last_received_at, Some(at(5)));
    assert_eq!(
        counts.by_endpoint.values().copied().collect::<Vec<_>>(),
        [2, 3]
    );
    let mut twice = counts.clone();
    twice.merge(&counts);
    assert_eq!((twice.received, twice.last_received_at), (10, Some(at(5))));
    let text = serde_json::to_string(&twice).unwrap();
    assert_eq!(serde_json::from_str::<WebhookCounts>(&text).unwrap(), twice);
}

#[test]
fn nothing_has_no_error_rate() {
    let nothing = RollUp::new(Width::Minute, at(0));
    assert!(nothing.is_empty());
    assert_eq!(nothing.requests.error_rate(), None);
}
