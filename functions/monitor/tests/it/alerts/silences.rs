use gatehouse::domain::SilenceId;
use gatehouse::domain::alert::{Silence, SilenceEffect};

use super::*;

impl Scene {
    /// A silence from now on.
    async fn silence(&self, effect: SilenceEffect, minutes: u64) {
        let now = self.world.now();
        let silence = Silence {
            id: SilenceId::from(self.world.dice().ulid(now)),
            effect,
            matcher: AlertMatcher::default(),
            from: now,
            until: now.plus(Duration::from_secs(minutes * 60)),
            repeats: None,
            reason: "works".to_owned(),
            created_by: "me".to_owned(),
            created_at: now,
            version: 1,
        };
        self.set_up(|setup| setup.silences.push(silence)).await;
    }
}

#[tokio::test]
async fn what_is_muted_is_told_when_the_silence_ends_if_it_still_is_so() {
    let scene = Scene::new(21).await;
    scene.silence(SilenceEffect::Mute, 20).await;
    scene.minutes(15, true).await;
    let alerts = scene.alerts(true).await;
    assert_eq!(alerts.len(), 2);
    assert!(alerts.iter().all(|alert| alert.muted_until.is_some()));
    assert_eq!(scene.told(), Vec::<String>::new());
    scene.minutes(7, true).await;
    assert_eq!(scene.told().len(), 2);
}

#[tokio::test]
async fn what_is_over_when_the_silence_ends_is_never_told() {
    let scene = Scene::new(22).await;
    scene.silence(SilenceEffect::Mute, 60).await;
    scene.minutes(10, true).await;
    assert_eq!(scene.open().await.len(), 2);
    scene.minutes(20, false).await;
    assert_eq!(scene.open().await.len(), 0);
    scene.minutes(45, false).await;
    assert_eq!(scene.told(), Vec::<String>::new());
    let far = scene.world.now().plus(hours(48));
    let due = scene.world.store.due_notices(far, 100).await;
    assert_eq!(due.unwrap(), []);
}

#[tokio::test]
async fn a_silence_that_was_made_longer_is_kept_to() {
    let scene = Scene::new(23).await;
    scene.silence(SilenceEffect::Mute, 15).await;
    scene.minutes(12, true).await;
    scene.silence(SilenceEffect::Mute, 20).await;
    scene.minutes(10, true).await;
    assert_eq!(scene.told(), Vec::<String>::new());
    scene.minutes(12, true).await;
    assert_eq!(scene.told().len(), 2);
}

#[tokio::test]
async fn nothing_fires_while_it_is_worked_on_and_it_does_after() {
    let scene = Scene::new(24).await;
    scene.silence(SilenceEffect::Maintenance, 20).await;
    scene.minutes(19, true).await;
    assert_eq!(scene.alerts(false).await, []);
    scene.minutes(10, true).await;
    assert_eq!(scene.open().await.len(), 2);
    assert_eq!(scene.told().len(), 2);
}

#[tokio::test]
async fn what_a_silence_holds_back_is_told_when_somebody_ends_it() {
    let scene = Scene::new(25).await;
    scene.silence(SilenceEffect::Mute, 7 * 24 * 60).await;
    for _ in 0..10 {
        scene.minutes(1, true).await;
        if !scene.open().await.is_empty() {
            break;
        }
    }
    assert_eq!(scene.told(), Vec::<String>::new());
    scene.set_up(|setup| setup.silences.clear()).await;
    scene.minutes(8, true).await;
    let told = scene.told();
    assert!(!told.is_empty());
    assert!(
        told.iter().all(|line| line.starts_with("Firing")),
        "{told:?}"
    );
    scene.minutes(30, false).await;
    let over = scene.told();
    assert_eq!(over.len(), scene.alerts(false).await.len(), "{over:?}");
}

#[tokio::test]
async fn what_a_silence_that_was_made_longer_holds_back_is_told_when_somebody_ends_it() {
    let scene = Scene::new(26).await;
    scene.silence(SilenceEffect::Mute, 15).await;
    scene.minutes(12, true).await;
    scene.silence(SilenceEffect::Mute, 7 * 24 * 60).await;
    // It was looked at since, and is held back by the longer one.
    scene.minutes(10, true).await;
    assert_eq!(scene.told(), Vec::<String>::new());
    scene.set_up(|setup| setup.silences.clear()).await;
    scene.minutes(6, true).await;
    assert_eq!(scene.told().len(), 2);
}
