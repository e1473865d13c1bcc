//! What is said of alerts, and where.

use serde_json::{Value, json};

use super::*;

fn alert(name: &str) -> Alert {
    Alert {
        id: AlertId::from(id(7)),
        organization_id: OrganizationId::from(id(1)),
        integration_id: IntegrationId::from(id(2)),
        integration_name: name.to_owned(),
        kind: AlertKind::ErrorRate,
        severity: AlertSeverity::Warning,
        state: AlertState::Firing,
        value: 0.35,
        threshold: 0.1,
        started_at: minute(0),
        acknowledged_at: None,
        acknowledged_by: None,
        resolved_at: None,
        resolved_by: None,
        muted_until: None,
        timeline: vec![AlertMoment {
            at: minute(0),
            event: AlertEvent::Firing,
            by: None,
            value: Some(0.35),
            note: None,
        }],
    }
}

fn notice(alert: &Alert) -> NoticeBody {
    NoticeBody::Alert(Box::new(AlertNotice::of(alert).unwrap()))
}

fn integration() -> IntegrationId {
    IntegrationId::from(id(9))
}

fn slack() -> ChannelTarget {
    ChannelTarget::Slack {
        integration_id: integration(),
        channel: "#ops".to_owned(),
    }
}

#[test]
fn an_alert_is_acknowledged_once_and_resolved_once() {
    let fired = alert("CRM");
    let taken = fired
        .clone()
        .acknowledged("me".to_owned(), None, minute(1))
        .unwrap();
    assert_eq!(taken.state, AlertState::Acknowledged);
    let again = taken
        .clone()
        .acknowledged("you".to_owned(), None, minute(2));
    assert_eq!(again, Err(AlertState::Acknowledged));
    let note = Some("restarted".to_owned());
    let ended = taken
        .resolved(Some("me".to_owned()), (None, note), minute(3))
        .unwrap();
    assert_eq!(
        (ended.state, ended.resolved_at),
        (AlertState::Resolved, Some(minute(3)))
    );
    let events: Vec<_> = ended.timeline.iter().map(|moment| moment.event).collect();
    assert_eq!(
        events,
        [
            AlertEvent::Firing,
            AlertEvent::Acknowledged,
            AlertEvent::Resolved
        ]
    );
    let late = ended
        .clone()
        .acknowledged("you".to_owned(), None, minute(4));
    assert_eq!(late, Err(AlertState::Resolved));
    assert_eq!(
        ended.resolved(None, (None, None), minute(4)),
        Err(AlertState::Resolved)
    );
}

#[test]
fn every_kind_says_what_is_wrong_and_names_the_integration() {
    for kind in AlertKind::ALL {
        let summary = Alert {
            kind,
            ..alert("CRM")
        }
        .summary();
        assert!(summary.contains("CRM"), "{summary}");
    }
    assert_eq!(
        alert("CRM").summary(),
        "35 % of the calls of CRM fail (threshold 10 %)"
    );
}

#[test]
fn slack_gets_one_message_for_all_and_a_name_neither_calls_the_channel_nor_forges_a_line() {
    let notices = [
        notice(&alert("<!channel>\nResolved: all & well")),
        notice(&alert("CRM")),
    ];
    let sent = messages(&slack(), &notices);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].endpoint, "/chat.postMessage");
    assert_eq!(sent[0].body["channel"], "#ops");
    let text = sent[0].body["text"].as_str().unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(
        text.contains("&lt;!channel&gt; Resolved: all &amp; well"),
        "{text}"
    );
}

#[test]
fn a_long_list_is_cut_and_counted() {
    let notices = vec![notice(&alert("CRM")); 25];
    let sent = messages(&slack(), &notices);
    let text = sent[0].body["text"].as_str().unwrap();
    assert_eq!(text.lines().count(), 21);
    assert!(text.ends_with("and 5 more"), "{text}");
}

#[test]
fn pagerduty_recognises_all_that_is_said_of_one_alert() {
    let target = ChannelTarget::PagerDuty {
        integration_id: integration(),
    };
    let fired = alert("CRM");
    let taken = fired
        .clone()
        .acknowledged("me".to_owned(), None, minute(1))
        .unwrap();
    let ended = taken
        .clone()
        .resolved(None, (Some(0.01), None), minute(2))
        .unwrap();
    let notices = [notice(&fired), notice(&taken), notice(&ended)];
    let sent = messages(&target, &notices);
    let actions: Vec<&Value> = sent.iter().map(|one| &one.body["event_action"]).collect();
    assert_eq!(actions, ["trigger", "acknowledge", "resolve"]);
    for one in &sent {
        assert_eq!(one.endpoint, "/v2/enqueue");
        assert_eq!(one.body["dedup_key"], json!(fired.id));
        assert_eq!(one.body["payload"]["severity"], "warning");
        assert_eq!(one.body.get("routing_key"), None);
    }
}

#[test]
fn teams_and_mail_get_plain_text() {
    let teams = ChannelTarget::Teams {
        integration_id: integration(),
        team_id: "t1".to_owned(),
        channel_id: "19:abc@thread.tacv2".to_owned(),
    };
    let sent = messages(&teams, &[notice(&alert("CRM"))]);
    assert_eq!(
        sent[0].endpoint,
        "/teams/t1/channels/19:abc@thread.tacv2/messages"
    );
    assert_eq!(sent[0].body["body"]["contentType"], "text");
    let mail = ChannelTarget::Email {
        integration_id: integration(),
        from: "ops@example.com".to_owned(),
        to: vec!["a@example.com".to_owned(), "b@example.com".to_owned()],
    };
    let sent = messages(&mail, &[notice(&alert("CRM\r\nBcc: x"))]);
    assert_eq!(sent[0].endpoint, "/v3/mail/send");
    let to = &sent[0].body["personalizations"][0]["to"];
    assert_eq!(
        *to,
        json!([{"email": "a@example.com"}, {"email": "b@example.com"}])
    );
    let subject = sent[0].body["subject"].as_str().unwrap();
    assert!(!subject.contains(['\r', '\n']), "{subject:?}");
}

#[test]
fn a_test_says_that_it_is_one_in_every_form() {
    let channel = ChannelId::from(id(3));
    let test = [NoticeBody::Test {
        channel,
        at: minute(0),
    }];
    let text = messages(&slack(), &test)[0].body.to_string();
    assert!(text.contains("A test"), "{text}");
    let pager = ChannelTarget::PagerDuty {
        integration_id: integration(),
    };
    assert_eq!(
        messages(&pager, &test)[0].body["payload"]["severity"],
        "info"
    );
    let organization = OrganizationId::from(id(1));
    assert_eq!(told(organization, "alert.test", &test)["alerts"], json!([]));
    assert_eq!(messages(&slack(), &[]), []);
}

#[test]
fn what_a_playbook_says_is_said_in_every_form() {
    let notice = PlaybookNotice {
        run_id: id(5).into(),
        playbook: "Hold\nback".to_owned(),
        integration_id: integration(),
        integration_name: "CRM".to_owned(),
        incident_id: Some(id(6).into()),
        at: minute(0),
        text: Some("call <!channel>".to_owned()),
    };
    let run = notice.run_id.to_string();
    let said = [NoticeBody::Playbook(Box::new(notice))];
    let slack = messages(&slack(), &said);
    let text = slack[0].body["text"].as_str().unwrap();
    assert_eq!(
        text,
        format!("Playbook: Hold back, CRM: call &lt;!channel&gt; [{run}]")
    );
    let pager = ChannelTarget::PagerDuty {
        integration_id: integration(),
    };
    let body = &messages(&pager, &said)[0].body;
    assert_eq!(body["dedup_key"], run.as_str());
    let organization = OrganizationId::from(id(1));
    let told = told(organization, PlaybookNotice::EVENT_TYPE, &said);
    assert_eq!(told["alerts"], json!([]));
    assert_eq!(told["runs"][0]["runId"], run.as_str());
}

#[test]
fn what_no_target_can_be_is_named() {
    let wrong = |target: ChannelTarget| {
        let errors = target.wrong_fields("/target");
        errors
            .into_iter()
            .map(|error| error.pointer)
            .collect::<Vec<_>>()
    };
    let email = |from: &str, to: &[&str]| ChannelTarget::Email {
        integration_id: integration(),
        from: from.to_owned(),
        to: to.iter().map(|one| (*one).to_owned()).collect(),
    };
    let teams = |team: &str| ChannelTarget::Teams {
        integration_id: integration(),
        team_id: team.to_owned(),
        channel_id: "19:a@thread.tacv2".to_owned(),
    };
    assert_eq!(
        wrong(email("a@b.example", &["c@d.example"])),
        Vec::<String>::new()
    );
    assert_eq!(
        wrong(email("a b@c.example", &[])),
        ["/target/from", "/target/to"]
    );
    for bad in [
        "x",
        "@b.c",
        "a@b",
        "a@b.",
        "a@b.c\r\nBcc: d@e.f",
        "a@b@c.d",
        "a,b@c.d",
    ] {
        assert_eq!(
            wrong(email("a@b.example", &[bad])),
            ["/target/to/0"],
            "{bad:?}"
        );
    }
    for bad in ["", "..", "a/b", "a?b", "a%2fb", "a b"] {
        assert_eq!(wrong(teams(bad)), ["/target/teamId"], "{bad:?}");
    }
    let slack = ChannelTarget::Slack {
        integration_id: integration(),
        channel: "two words".to_owned(),
    };
    assert_eq!(wrong(slack), ["/target/channel"]);
}

#[test]
fn a_channel_hears_what_it_asks_for() {
    let mut channel = AlertChannel {
        id: ChannelId::from(id(3)),
        name: "ops".to_owned(),
        target: slack(),
        enabled: true,
        matcher: AlertMatcher::default(),
        send_resolved: false,
        created_at: minute(0),
        updated_at: minute(0),
        version: 1,
    };
    let fired = AlertNotice::of(&alert("CRM")).unwrap();
    let ended = AlertNotice {
        event: AlertEvent::Resolved,
        ..fired.clone()
    };
    assert!(channel.wants(&fired) && !channel.wants(&ended));
    channel.send_resolved = true;
    assert!(channel.wants(&ended));
    channel.matcher.min_severity = Some(AlertSeverity::Critical);
    assert!(!channel.wants(&fired));
    channel.matcher = AlertMatcher::default();
    channel.enabled = false;
    assert!(!channel.wants(&fired));
}
