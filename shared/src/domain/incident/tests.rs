use std::time::Duration;

use proptest::prelude::*;
use ulid::Ulid;

use super::*;
use crate::domain::alert::{AlertKind, AlertSeverity};

const HOUR: Duration = Duration::from_secs(3_600);

fn at(second: u64) -> Timestamp {
    Timestamp::from_second(1_790_000_000)
        .unwrap()
        .plus(Duration::from_secs(second))
}

fn me() -> Actor {
    Actor::user("me")
}

fn said(second: u64) -> NewTimelineEntry {
    NewTimelineEntry::new(me(), at(second))
}

fn alert(number: u128, severity: Severity) -> RaisedAlert {
    RaisedAlert {
        id: Ulid::from(number).into(),
        kind: AlertKind::ErrorRate,
        incident_type: IncidentType::Availability,
        integration: Some(Ulid::from(1).into()),
        severity,
        title: format!("alert {number}"),
    }
}

fn opened() -> Incident {
    let alert = alert(1, Severity::Medium);
    let ids = (Ulid::from(1).into(), Ulid::from(2).into());
    Incident::opened_by(&alert, ids.0, ids.1, (me(), at(0))).0
}

fn standing(status: IncidentStatus) -> Incident {
    let notes = PostIncidentNotes {
        text: "x".to_owned(),
        by: me(),
        at: at(0),
    };
    Incident {
        status,
        notes: Some(notes),
        resolved: Some(Mark {
            by: me(),
            at: at(0),
        }),
        ..opened()
    }
}

/// The table, said once more by another route: all that is legal, and nothing else.
#[test]
fn an_incident_goes_these_ways_and_no_other() {
    use IncidentChange as C;
    use IncidentStatus as S;
    let legal = [
        (S::Open, C::Acknowledge, S::Acknowledged),
        (S::Open, C::Mitigate, S::Mitigated),
        (S::Open, C::Resolve, S::Resolved),
        (S::Acknowledged, C::Mitigate, S::Mitigated),
        (S::Acknowledged, C::Resolve, S::Resolved),
        (S::Mitigated, C::Resolve, S::Resolved),
        (S::Mitigated, C::Reopen, S::Open),
        (S::Resolved, C::Close, S::Closed),
        (S::Resolved, C::Reopen, S::Open),
    ];
    for from in S::ALL {
        for change in C::ALL {
            let to = legal.iter().find(|row| (row.0, row.1) == (from, change));
            let before = standing(from);
            match (before.change(change, said(1)), to) {
                (Ok((after, entry)), Some((_, _, to))) => {
                    assert_eq!(after.status, *to, "{from:?} {change:?}");
                    assert_eq!(entry.event, change.event());
                    assert_eq!(entry.number, before.entries + 1);
                    assert_eq!(after.entries, entry.number);
                }
                (Err(refusal), None) => {
                    assert_eq!(refusal, IncidentRefusal::Illegal { from, change });
                    let text = refusal.to_string();
                    assert!(text.contains(from.name()) && text.contains(change.done()));
                }
                (result, to) => panic!("{from:?} {change:?}: {result:?}, expected {to:?}"),
            }
        }
    }
}

#[test]
fn nothing_is_closed_without_notes_and_nothing_closed_changes() {
    let resolved = Incident {
        notes: None,
        ..standing(IncidentStatus::Resolved)
    };
    let close = resolved.change(IncidentChange::Close, said(1));
    assert_eq!(close.unwrap_err(), IncidentRefusal::NoNotes);
    let (written, _) = resolved.write_notes("why".to_owned(), said(1)).unwrap();
    let (closed, _) = written.change(IncidentChange::Close, said(2)).unwrap();
    assert_eq!(closed.closed.as_ref().unwrap().at, at(2));
    let edit = IncidentEdit {
        title: Some("y".to_owned()),
        severity: None,
    };
    for refused in [
        closed.edit(edit, said(3)),
        closed.note(TimelineEvent::Noted, said(3)),
        closed.write_notes("z".to_owned(), said(3)),
    ] {
        assert_eq!(refused.unwrap_err(), IncidentRefusal::Closed);
    }
    let late = alert(2, Severity::High);
    assert_eq!(closed.take(&late, me(), at(3)), Taken::Declined);
}

#[test]
fn an_alert_joins_what_is_looked_after_and_makes_it_as_severe() {
    for status in [
        IncidentStatus::Open,
        IncidentStatus::Acknowledged,
        IncidentStatus::Mitigated,
    ] {
        let before = standing(status);
        let Taken::Joined(changed) = before.take(&alert(2, Severity::High), me(), at(9)) else {
            panic!("{status:?} does not take it");
        };
        let (after, entry) = *changed;
        assert_eq!((after.status, after.severity), (status, Severity::High));
        assert_eq!(entry.event, TimelineEvent::AlertJoined);
        assert_eq!(entry.subject, Some(after.alerts[1].id.to_string()));
        assert_eq!(
            after.take(&alert(2, Severity::Low), me(), at(10)),
            Taken::Known
        );
        let Taken::Joined(lower) = after.take(&alert(3, Severity::Low), me(), at(10)) else {
            panic!("{status:?} does not take another");
        };
        assert_eq!(lower.0.severity, Severity::High);
    }
}

#[test]
fn an_alert_reopens_what_was_resolved_for_a_day_only() {
    let resolved = standing(IncidentStatus::Resolved);
    let next = alert(2, Severity::Low);
    let almost = at(0).plus(REOPEN_WITHIN).minus(Duration::from_millis(1));
    let Taken::Reopened(changed) = resolved.take(&next, me(), almost) else {
        panic!("it is not reopened");
    };
    assert_eq!(changed.0.status, IncidentStatus::Open);
    assert_eq!((changed.0.reopenings, changed.0.alerts.len()), (1, 2));
    let over = at(0).plus(REOPEN_WITHIN);
    assert_eq!(resolved.take(&next, me(), over), Taken::Declined);
    let unknown = Incident {
        resolved: None,
        ..resolved
    };
    assert_eq!(unknown.take(&next, me(), at(1)), Taken::Declined);
}

#[test]
fn an_incident_takes_no_more_alerts_than_it_can_hold() {
    let mut incident = opened();
    for number in 2..=MAX_ALERTS as u128 {
        let Taken::Joined(changed) = incident.take(&alert(number, Severity::Low), me(), at(1))
        else {
            panic!("{number} is declined");
        };
        incident = changed.0;
    }
    let next = alert(u128::MAX, Severity::Low);
    assert_eq!(incident.take(&next, me(), at(1)), Taken::Declined);
}

/// Somebody has to be able to end an incident whose timeline has run full.
#[test]
fn a_full_timeline_takes_only_what_leads_to_the_end() {
    let full = Incident {
        entries: MAX_ENTRIES,
        ..standing(IncidentStatus::Open)
    };
    assert_eq!(
        full.note(TimelineEvent::Noted, said(1)).unwrap_err(),
        IncidentRefusal::Full
    );
    assert_eq!(
        full.take(&alert(2, Severity::Low), me(), at(1)),
        Taken::Declined
    );
    let mut incident = full;
    for change in [
        IncidentChange::Acknowledge,
        IncidentChange::Mitigate,
        IncidentChange::Resolve,
    ] {
        incident = incident.change(change, said(1)).unwrap().0;
    }
    let reopen = incident.change(IncidentChange::Reopen, said(1));
    assert_eq!(reopen.unwrap_err(), IncidentRefusal::Full);
    assert!(incident.change(IncidentChange::Close, said(1)).is_ok());
}

#[test]
fn every_kind_of_alert_makes_some_incident() {
    for kind in AlertKind::ALL {
        let expected = match kind.name() {
            "integration_failure" | "error_rate" | "slow" => "availability",
            "quota_nearly_exhausted" => "quota",
            "credential_expiring" | "certificate_expiring" | "rotation_failed" => "credential",
            "webhook_failures" | "dead_letters" => "webhook",
            "conflicts_waiting" => "data",
            _ => "security",
        };
        assert_eq!(IncidentType::of(kind).name(), expected, "{kind}");
        let severe = kind.defaults().severity == AlertSeverity::Critical;
        assert_eq!(severe, kind.defaults().severity > AlertSeverity::Warning);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Change(IncidentChange),
    Alert(u128, Severity),
    Note,
    Notes,
    Severity(Severity),
}

fn any_step() -> impl Strategy<Value = Step> {
    let severity = || proptest::sample::select(Severity::ALL.to_vec());
    prop_oneof![
        4 => proptest::sample::select(IncidentChange::ALL.to_vec()).prop_map(Step::Change),
        3 => (1..20_u128, severity()).prop_map(|(number, severity)| Step::Alert(number, severity)),
        1 => Just(Step::Note),
        1 => Just(Step::Notes),
        1 => severity().prop_map(Step::Severity),
    ]
}

proptest! {
    /// Whatever happens: entries follow each other without a gap and time does not go back; an alert is
    /// there once; nothing leaves `closed`; what is refused changes nothing; and an alert never makes an
    /// incident less severe.
    #[test]
    fn whatever_happens_an_incident_stays_sound(
        steps in proptest::collection::vec((any_step(), 0..40_u64), 1..60),
    ) {
        let (mut incident, mut now) = (opened(), at(0));
        let mut last = (incident.entries, incident.updated_at);
        for (step, hours) in steps {
            now = now.plus(HOUR * u32::try_from(hours).unwrap());
            let said = NewTimelineEntry::new(me(), now.minus(HOUR * 2));
            let before = incident.clone();
            let changed = match step.clone() {
                Step::Change(change) => incident.change(change, said).ok(),
                Step::Note => incident.note(TimelineEvent::Noted, said).ok(),
                Step::Notes => incident.write_notes("x".to_owned(), said).ok(),
                Step::Severity(severity) => {
                    let edit = IncidentEdit { title: None, severity: Some(severity) };
                    incident.edit(edit, said).ok()
                }
                Step::Alert(number, severity) => {
                    match incident.take(&alert(number, severity), me(), now) {
                        Taken::Joined(changed) | Taken::Reopened(changed) => {
                            prop_assert!(changed.0.severity >= before.severity);
                            Some(*changed)
                        }
                        Taken::Known | Taken::Declined => None,
                    }
                }
            };
            let Some((after, entry)) = changed else { continue };
            prop_assert!(before.status != IncidentStatus::Closed, "{:?}", step);
            prop_assert_eq!(entry.number, last.0 + 1);
            prop_assert!(entry.at >= last.1);
            prop_assert_eq!((after.entries, after.updated_at), (entry.number, entry.at));
            let mut ids: Vec<_> = after.alerts.iter().map(|alert| alert.id).collect();
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(ids.len(), after.alerts.len());
            prop_assert!(after.status != IncidentStatus::Closed || after.notes.is_some());
            let reopened = !before.status.is_live() && after.status.is_live();
            prop_assert!(!reopened || after.reopenings == before.reopenings + 1);
            last = (entry.number, entry.at);
            incident = after;
        }
    }
}
