//! What is owed to people and to incidents, after whatever has happened meanwhile.

use gatehouse::domain::AlertId;
use gatehouse::domain::NoticeId;
use gatehouse::domain::alert::{AlertNotice, NoticeBody};
use gatehouse::store::{AlertWrites, IncidentQuery, OwedNotice, StoreError, Versioned};

use super::*;

impl Scene {
    fn owed(&self, alert: &Alert, attempts: u16) -> OwedNotice {
        let now = self.world.now();
        OwedNotice {
            id: NoticeId::from(self.world.dice().ulid(now)),
            organization: self.world.organization,
            due_at: now,
            body: NoticeBody::Alert(Box::new(AlertNotice::of(alert).unwrap())),
            channels: (attempts > 0).then(|| [self.channel].into()),
            attempts,
            owed_at: now,
            was_muted: false,
            group: None,
        }
    }

    async fn fired(&self) -> Alert {
        self.minutes(9, true).await;
        self.told();
        self.alerts(true).await.remove(0)
    }

    async fn nothing_waits(&self) {
        let far = self.world.now().plus(hours(48));
        let due = self.world.store.due_notices(far, 100).await;
        assert_eq!(due.unwrap(), []);
    }
}

#[tokio::test]
async fn nobody_hears_that_an_alert_fires_after_it_is_over() {
    let scene = Scene::new(71).await;
    let fired = scene.fired().await;
    scene.minutes(14, false).await;
    assert_eq!(scene.open().await, []);
    scene.told();
    let late = scene.owed(&fired, 1);
    scene.world.store.owe_notice(&late).await.unwrap();
    scene.world.run().await;
    assert_eq!(scene.told(), Vec::<String>::new());
    scene.nothing_waits().await;
}

#[tokio::test]
async fn what_was_owed_for_days_and_never_tried_is_told() {
    let scene = Scene::new(72).await;
    let fired = scene.fired().await;
    let old = scene.owed(&fired, 0);
    let old = OwedNotice {
        owed_at: old.owed_at.minus(hours(72)),
        ..old
    };
    scene.world.store.owe_notice(&old).await.unwrap();
    scene.world.run().await;
    assert_eq!(scene.told().len(), 1);
    scene.nothing_waits().await;
}

#[tokio::test]
async fn what_is_taken_off_is_not_brought_back_by_whoever_sent_it() {
    let scene = Scene::new(73).await;
    let fired = scene.fired().await;
    let store = &scene.world.store;
    let leased = scene.owed(&fired, 1);
    store.owe_notice(&leased).await.unwrap();
    store.settle_notice(&leased).await.unwrap();
    let same = std::slice::from_ref(&leased);
    assert!(!store.move_notices(same, same).await.unwrap());
    scene.nothing_waits().await;
}

#[tokio::test]
async fn an_alert_whose_function_died_gets_its_incident_at_the_next_look_however_late() {
    let scene = Scene::new(74).await;
    let fired = scene.fired().await;
    let (store, organization) = (&scene.world.store, scene.world.organization);
    // As it is left by one that died between the alert and its incident.
    let now = scene.world.now();
    let lost = AlertId::from(scene.world.dice().ulid(now));
    let alert = Alert {
        id: lost,
        started_at: now.minus(hours(3)),
        ..fired
    };
    let mut book = store.alert_book(organization, scene.watched).await.unwrap();
    assert!(book.item.owed.is_empty(), "{book:?}");
    book.item.owed.insert(lost);
    let writes = AlertWrites {
        book: Some(book),
        alerts: vec![Versioned::new(alert, 0)],
        ..AlertWrites::default()
    };
    let written = store.commit_alerts(organization, scene.watched, &writes, now);
    assert!(written.await.unwrap());
    // In no minute that is divisible by anything.
    scene.minutes(1, true).await;
    let query = IncidentQuery {
        limit: 20,
        ..IncidentQuery::default()
    };
    let found = store.live_incidents(organization, &query).await.unwrap();
    let mut alerts = found.items.iter().flat_map(|one| &one.item.alerts);
    assert!(alerts.any(|one| one.id == lost), "{found:?}");
    let book = store.alert_book(organization, scene.watched).await;
    assert!(book.unwrap().item.owed.is_empty());
}

#[tokio::test]
async fn nothing_fires_for_an_integration_that_is_deleted_meanwhile_and_what_fired_ends() {
    let scene = Scene::new(75).await;
    let fired = scene.fired().await;
    let (store, organization) = (&scene.world.store, scene.world.organization);
    let deleted = store.delete_integration(organization, scene.watched, None);
    deleted.await.unwrap();
    let now = scene.world.now();
    let new = Alert {
        id: AlertId::from(scene.world.dice().ulid(now)),
        ..fired
    };
    let writes = AlertWrites {
        alerts: vec![Versioned::new(new.clone(), 0)],
        notices: vec![scene.owed(&new, 0)],
        ..AlertWrites::default()
    };
    let written = store.commit_alerts(organization, scene.watched, &writes, now);
    let error = written.await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound(_)), "{error:?}");
    assert!(
        store
            .alert(organization, new.id, now)
            .await
            .unwrap()
            .is_none()
    );
    scene.nothing_waits().await;
    // Its function died before it had ended what was open.
    scene.world.run_for(70).await;
    assert_eq!(scene.open().await, []);
    let book = store.alert_book(organization, scene.watched).await.unwrap();
    assert_eq!(book.version, 0, "{book:?}");
    let watch = store.watch(organization, scene.watched).await.unwrap();
    assert!(watch.is_none());
}
