use std::time::Duration;

use futures::future::join_all;
use gatehouse::domain::Error;
use gatehouse::domain::incident::{
    Incident, IncidentChange, IncidentEdit, IncidentStatus, IncidentType, NewTimelineEntry,
    RaisedAlert, Severity, TimelineEvent,
};
use gatehouse::flows::incidents::Said;
use gatehouse::store::IncidentQuery;

use super::world::{World, starter};

const HOUR: Duration = Duration::from_secs(3_600);

fn said() -> Said {
    Said {
        by: starter(),
        text: Some("so it is".to_owned()),
    }
}

async fn live(world: &World) -> Vec<Incident> {
    let query = IncidentQuery {
        limit: 50,
        ..IncidentQuery::default()
    };
    let store = world.store();
    let page = store.live_incidents(world.organization, &query).await;
    let items = page.unwrap().items;
    items.into_iter().map(|found| found.item).collect()
}

async fn past(world: &World) -> Vec<Incident> {
    let query = IncidentQuery {
        limit: 50,
        ..IncidentQuery::default()
    };
    let store = world.store();
    let page = store.past_incidents(world.organization, &query).await;
    let items = page.unwrap().items;
    items.into_iter().map(|found| found.item).collect()
}

#[tokio::test]
async fn alerts_of_one_integration_and_type_make_one_incident() {
    let world = World::new().await;
    let process = world.process();
    let first = world.alert(Severity::Medium);
    let opened = process
        .incidents
        .alert(world.organization, &first)
        .await
        .unwrap();
    assert!(opened.opened);
    let second = world.alert(Severity::High);
    let joined = process
        .incidents
        .alert(world.organization, &second)
        .await
        .unwrap();
    let id = opened.incident.item.id;
    assert_eq!((joined.opened, joined.incident.item.id), (false, id));
    // The same alert again changes nothing.
    let again = process
        .incidents
        .alert(world.organization, &second)
        .await
        .unwrap();
    assert_eq!(again.incident, joined.incident);
    let other = RaisedAlert {
        incident_type: IncidentType::Webhook,
        ..world.alert(Severity::Low)
    };
    let another = process
        .incidents
        .alert(world.organization, &other)
        .await
        .unwrap();
    assert!(another.opened);
    let incident = world.incident(id).await;
    assert_eq!(
        (incident.alerts.len(), incident.severity),
        (2, Severity::High)
    );
    let events: Vec<_> = world
        .timeline(id)
        .await
        .iter()
        .map(|entry| entry.event)
        .collect();
    assert_eq!(events, [TimelineEvent::Opened, TimelineEvent::AlertJoined]);
    assert_eq!(live(&world).await.len(), 2);
    assert_eq!(
        world.trail().await,
        [
            "incident.open started",
            "incident.join started",
            "incident.open started"
        ]
    );
}

#[tokio::test]
async fn alerts_that_come_at_the_same_time_make_one_incident() {
    let world = World::new().await;
    let processes: Vec<_> = (0..6).map(|_| world.process()).collect();
    let alerts: Vec<_> = (0..6).map(|_| world.alert(Severity::Low)).collect();
    let taken = processes.iter().zip(&alerts);
    let taken = taken.map(|(process, alert)| process.incidents.alert(world.organization, alert));
    let taken: Vec<_> = join_all(taken)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(taken.iter().filter(|taken| taken.opened).count(), 1);
    let incidents = live(&world).await;
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0].alerts.len(), 6);
    assert_eq!(world.timeline(incidents[0].id).await.len(), 6);
}

#[tokio::test]
async fn a_resolved_incident_is_reopened_for_a_day_and_a_later_alert_opens_another() {
    let world = World::new().await;
    let process = world.process();
    let (incidents, organization) = (&process.incidents, world.organization);
    let opened = incidents
        .alert(organization, &world.alert(Severity::Low))
        .await;
    let id = opened.unwrap().incident.item.id;
    let resolve = || async {
        let change = IncidentChange::Resolve;
        incidents
            .change(organization, id, change, &said())
            .await
            .unwrap()
    };
    resolve().await;
    assert!(live(&world).await.is_empty());
    assert_eq!(past(&world).await.len(), 1);
    world.account.clock.advance(HOUR * 23);
    let taken = incidents
        .alert(organization, &world.alert(Severity::Low))
        .await
        .unwrap();
    assert_eq!((taken.opened, taken.incident.item.id), (false, id));
    assert_eq!(taken.incident.item.status, IncidentStatus::Open);
    assert_eq!(live(&world).await.len(), 1);
    resolve().await;
    world.account.clock.advance(HOUR * 24);
    let taken = incidents
        .alert(organization, &world.alert(Severity::Low))
        .await
        .unwrap();
    assert!(taken.opened && taken.incident.item.id != id);
    // A person reopens the old one; the new one goes on taking the alerts.
    let reopen = IncidentChange::Reopen;
    incidents
        .change(organization, id, reopen, &said())
        .await
        .unwrap();
    let next = incidents
        .alert(organization, &world.alert(Severity::Low))
        .await
        .unwrap();
    assert_eq!(next.incident.item.id, taken.incident.item.id);
    assert_eq!(live(&world).await.len(), 2);
}

#[tokio::test]
async fn alerts_join_what_a_person_has_opened() {
    let world = World::new().await;
    let process = world.process();
    let id = world.account.id();
    let (by, now) = (starter(), world.now());
    let incident = Incident {
        title: "it is down".to_owned(),
        incident_type: IncidentType::Availability,
        integration_id: Some(world.integration),
        ..Incident::blank(id, world.organization, (by.clone(), now))
    };
    let said = NewTimelineEntry::new(by, now);
    process.incidents.open(incident, said).await.unwrap();
    let alert = world.alert(Severity::Low);
    let taken = process.incidents.alert(world.organization, &alert);
    assert_eq!(taken.await.unwrap().incident.item.id, id);
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let world = World::new().await;
    let process = world.process();
    let (incidents, organization) = (&process.incidents, world.organization);
    let opened = incidents
        .alert(organization, &world.alert(Severity::Low))
        .await
        .unwrap();
    let (id, version) = (opened.incident.item.id, opened.incident.version);
    let before = world.incident(id).await;
    let close = incidents
        .change(organization, id, IncidentChange::Close, &said())
        .await;
    assert!(matches!(close, Err(Error::Conflict(_))), "{close:?}");
    let (edit, by) = (IncidentEdit::default(), said());
    let edit = incidents
        .edit(organization, (id, version + 1), &edit, &by)
        .await;
    assert!(matches!(edit, Err(Error::PreconditionFailed)), "{edit:?}");
    let stranger = world.account.id();
    let elsewhere = incidents.note(stranger, id, &said()).await;
    assert!(
        matches!(elsewhere, Err(Error::NotFound("incident"))),
        "{elsewhere:?}"
    );
    assert_eq!(world.incident(id).await, before);
    assert_eq!(world.timeline(id).await.len(), 1);
}

/// Two people who say the same at the same time: one of them has done it, and the other is told so.
#[tokio::test]
async fn of_two_who_acknowledge_one_does() {
    let world = World::new().await;
    let (one, two) = (world.process(), world.process());
    let alert = world.alert(Severity::Low);
    let opened = one
        .incidents
        .alert(world.organization, &alert)
        .await
        .unwrap();
    let id = opened.incident.item.id;
    let ask = |process: &super::world::Process, by: &str| {
        let said = Said {
            by: gatehouse::domain::Actor::user(by),
            text: None,
        };
        let incidents = process.incidents.clone();
        let organization = world.organization;
        async move {
            let change = IncidentChange::Acknowledge;
            incidents.change(organization, id, change, &said).await
        }
    };
    let (one, two) = tokio::join!(ask(&one, "one"), ask(&two, "two"));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert_eq!(world.timeline(id).await.len(), 2);
}
