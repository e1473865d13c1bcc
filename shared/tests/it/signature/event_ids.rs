//! Two events have two ids, or none: what has the id of an earlier event is dropped.

use gatehouse::catalog::{self, Scheme, Verification};
use gatehouse::signature::Received;
use serde_json::{Value, json};

use super::Case;

/// The ids of the events in a body, by a scheme whose signatures are not looked at.
fn ids_of(slug: &str, content_type: &str, body: &str) -> Vec<Option<String>> {
    let scheme = Scheme {
        verification: Verification::None,
        challenge: None,
        ..catalog::scheme(slug).unwrap().clone()
    };
    let case = Case::new("", &[("content-type", content_type)], body.as_bytes());
    match case.by_scheme(&scheme).unwrap() {
        Received::Event(facts) => vec![facts.provider_event_id],
        Received::Batch(events) => events
            .into_iter()
            .map(|event| event.facts.provider_event_id)
            .collect(),
        other => panic!("{slug}: {other:?}"),
    }
}

fn id_of(slug: &str, body: &Value) -> Option<String> {
    let ids = ids_of(slug, "application/json", &body.to_string());
    let [id] = <[_; 1]>::try_from(ids).unwrap();
    id
}

/// That the bodies, each of another event, have each an id, the same whenever they come.
fn differ(slug: &str, bodies: &[Value]) {
    let mut seen = Vec::new();
    for body in bodies {
        let id = id_of(slug, body).unwrap_or_else(|| panic!("{slug}: {body} has no id"));
        assert_eq!(id_of(slug, body), Some(id.clone()), "{slug}");
        assert!(!seen.contains(&id), "{slug}: {body} has the id of another");
        seen.push(id);
    }
}

fn with(body: &Value, changes: &Value) -> Value {
    let mut body = body.clone();
    let members = body.as_object_mut().unwrap();
    members.extend(changes.as_object().unwrap().clone());
    body
}

#[test]
fn what_happens_to_a_subscription_of_recurly_has_an_id_each() {
    let created = json!({
        "id": "ra8foq26o2dt",
        "object_type": "subscription",
        "site_id": "qc326l1hl8k9",
        "event_type": "created",
        "event_time": "2022-07-26T22:01:56Z",
        "uuid": "63ab531e1d5b1d47eaf1ef44eeb853c3",
    });
    let later = json!({"event_type": "updated", "event_time": "2022-07-27T08:00:00Z"});
    let last = json!({"event_type": "updated", "event_time": "2022-07-28T08:00:00Z"});
    differ(
        "recurly",
        &[
            created.clone(),
            with(&created, &later),
            with(&created, &last),
        ],
    );
}

#[test]
fn a_notification_of_graph_without_an_id_is_an_event_of_its_own() {
    let of_a_drive = json!({
        "subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
        "subscriptionExpirationDateTime": "2026-11-20T18:23:45.9356913Z",
        "clientState": "secret",
        "changeType": "updated",
        "resource": "me/drive/root",
        "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
    });
    let of_its_life = json!({
        "subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
        "subscriptionExpirationDateTime": "2026-11-20T18:23:45.9356913Z",
        "clientState": "secret",
        "lifecycleEvent": "missed",
        "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
    });
    let collection = |item: &Value| json!({"value": [item]});
    for slug in [
        "microsoft-graph",
        "microsoft-graph-rich",
        "microsoft-graph-encrypted",
    ] {
        assert_eq!(id_of(slug, &collection(&of_a_drive)), None, "{slug}");
        assert_eq!(id_of(slug, &collection(&of_its_life)), None, "{slug}");
        let bodies = ["lsgTZMr9KwAAA", "lsgTZMr9KwAAB"]
            .map(|id| collection(&with(&of_a_drive, &json!({"id": id}))));
        differ(slug, &bodies);
    }
}

#[test]
fn where_the_words_can_be_the_same_there_is_no_id() {
    let plaid = json!({
        "webhook_type": "TRANSACTIONS",
        "webhook_code": "SYNC_UPDATES_AVAILABLE",
        "item_id": "wz666MBjYWTp2PDzzggYhM6oWWmBb",
        "initial_update_complete": true,
        "historical_update_complete": true,
        "environment": "production",
    });
    let amplitude = json!({"event_type": "Signed Up", "user_id": "u1"});
    for (slug, body) in [
        ("plaid", plaid.to_string()),
        ("amplitude", amplitude.to_string()),
        ("workday", "<event/>".to_owned()),
    ] {
        assert_eq!(ids_of(slug, "application/json", &body), [None], "{slug}");
    }
}

#[test]
fn an_event_of_hubspot_is_told_by_more_than_its_number() {
    let changed = json!({
        "eventId": 1,
        "subscriptionId": 12345,
        "portalId": 62515,
        "appId": 54321,
        "occurredAt": 1_564_113_600_000_i64,
        "subscriptionType": "contact.propertyChange",
        "attemptNumber": 0,
        "objectId": 123,
        "propertyName": "email",
        "propertyValue": "a@example.com",
        "changeSource": "CRM_UI",
    });
    let mut associated = with(
        &changed,
        &json!({"subscriptionType": "contact.associationChange", "fromObjectId": 1, "toObjectId": 2}),
    );
    let mut merged = with(
        &changed,
        &json!({"subscriptionType": "contact.merge", "newObjectId": 5, "mergedObjectIds": [3, 4]}),
    );
    for body in [&mut associated, &mut merged] {
        body.as_object_mut().unwrap().remove("objectId");
    }
    for slug in ["hubspot", "hubspot-v2", "hubspot-v1"] {
        let of = |item: &Value| json!([item]);
        differ(
            slug,
            &[
                of(&changed),
                of(&with(&changed, &json!({"subscriptionId": 12346}))),
                of(&with(&changed, &json!({"objectId": 124}))),
                of(&with(
                    &changed,
                    &json!({"occurredAt": 1_564_113_600_001_i64}),
                )),
                of(&with(&changed, &json!({"eventId": 2}))),
                of(&associated),
                of(&with(&associated, &json!({"toObjectId": 3}))),
                of(&merged),
                of(&with(&merged, &json!({"newObjectId": 6}))),
            ],
        );
        for body in [&changed, &associated, &merged] {
            let repeated = with(body, &json!({"attemptNumber": 3}));
            assert_eq!(
                id_of(slug, &of(&repeated)),
                id_of(slug, &of(body)),
                "{slug}"
            );
        }
    }
}

#[test]
fn two_clicks_in_a_second_are_two_events_of_mandrill() {
    let click = |url: &str| {
        json!({
            "event": "click",
            "_id": "exampleaaaaaaaaaaaaaaaaaaaaaaaaa",
            "ts": 1_384_954_004,
            "url": url,
            "ip": "127.0.0.1",
            "msg": {"_id": "exampleaaaaaaaaaaaaaaaaaaaaaaaaa", "state": "sent"},
        })
    };
    let form = |events: &[Value]| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let text = Value::from(events).to_string();
        form.append_pair("mandrill_events", &text).finish()
    };
    let ids = |events: &[Value]| {
        let kind = "application/x-www-form-urlencoded";
        ids_of("mandrill", kind, &form(events))
    };
    let clicks = ["https://example.com/a", "https://example.com/b"].map(click);
    let [first, second] = <[_; 2]>::try_from(ids(&clicks)).unwrap();
    assert!(first.is_some() && second.is_some());
    assert_ne!(first, second);
    assert_eq!(ids(&clicks[..1]), [first]);
}

#[test]
fn what_happens_again_to_the_same_thing_is_another_event() {
    let no_show = json!({
        "event": "invitee_no_show.created",
        "created_at": "2026-01-01T00:00:00.000000Z",
        "payload": {"uri": "https://api.calendly.com/scheduled_events/AAAA/invitees/BBBB"},
    });
    let again = json!({"created_at": "2026-01-02T00:00:00.000000Z"});
    differ("calendly", &[no_show.clone(), with(&no_show, &again)]);

    let verified = json!({
        "type": "sender_identity.verified",
        "created_at": "2026-01-01T00:00:00.000000Z",
        "data": {"object": "sender_identity", "id": "yv69oxl5kl785kw2"},
    });
    differ("mailersend", &[verified.clone(), with(&verified, &again)]);

    let sent = |recipient: &str| {
        json!({
            "event": "recipient-sent",
            "generatedDateTime": "2026-01-01T00:00:00.0000000Z",
            "data": {"envelopeId": "8c5b0c3d", "recipientId": recipient},
        })
    };
    let completed = json!({
        "event": "envelope-completed",
        "generatedDateTime": "2026-01-01T00:00:00.0000000Z",
        "data": {"envelopeId": "8c5b0c3d"},
    });
    differ("docusign", &[sent("1"), sent("2"), completed]);

    let video = json!({"uid": "dd5d531a12de0c724bd1275a3b2bc9c6"});
    let modified = json!({"modified": "2026-01-01T00:00:00.000000Z"});
    differ(
        "cloudflare-stream",
        &[video.clone(), with(&video, &modified)],
    );
}

#[test]
fn a_field_that_changes_back_and_forth_at_bamboohr_has_an_id_if_it_has_a_time() {
    let employee = |timestamp: &str| {
        json!({"employees": [{
            "id": "12345",
            "action": "Updated",
            "timestamp": timestamp,
            "changedFields": ["First Name"],
            "fields": {"First Name": "Bryony"},
        }]})
    };
    let event = json!({
        "type": "employee.updated",
        "timestamp": "2026-01-31T18:42:00+0000",
        "data": {"companyId": "1", "employeeId": "12345", "changedFields": ["firstName"]},
    });
    let later = json!({"timestamp": "2026-01-31T18:44:00+0000"});
    differ(
        "bamboohr",
        &[
            employee("2026-01-31T18:42:00+0000"),
            employee("2026-01-31T18:44:00+0000"),
            event.clone(),
            with(&event, &later),
        ],
    );
    let form = "employees[12345][changedFields][0]=First+name&employees[12345][First+name]=John";
    let kind = "application/x-www-form-urlencoded";
    assert_eq!(ids_of("bamboohr", kind, form), [None]);
}
