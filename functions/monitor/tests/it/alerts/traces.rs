//! Each kind of alert by the default rules: what is stored that makes it fire, and what comes near to it and
//! must not.

use gatehouse::domain::alert::{VolumeSlot, slot_of};
use gatehouse::domain::health::{Check, CheckKind, Watch};
use gatehouse::domain::rotation::{Rotation, RotationPlan};
use gatehouse::domain::sync::EntityState;
use gatehouse::domain::{Integration, QuotaRequest, RateLimits, RequestId};
use gatehouse::flows::alerts::Settlement;
use gatehouse::store::{AlertWrites, ChangeSet, Committed, Digest, QuotaScope, Versioned};

use super::*;

const ENDPOINT: &str = "whk_01K72Z5QSW0123456789ABCDEF";

impl Scene {
    /// Minutes of eight calls each, of which so many are like `otherwise`.
    async fn minutes_with(&self, minutes: u32, odd: impl Fn(u32) -> u32, otherwise: Value) {
        for minute in 0..minutes {
            for call in 0..8 {
                let is_odd = call < odd(minute);
                let fields = if is_odd { otherwise.clone() } else { json!({}) };
                self.world.call(self.watched, fields).await;
            }
            self.world.run_for(1).await;
        }
    }

    async fn change(&self, change: impl FnOnce(&mut Integration)) {
        let (store, organization) = (&self.world.store, self.world.organization);
        let found = store.integration(organization, self.watched).await;
        let mut found = found.unwrap().unwrap();
        change(&mut found.item);
        let update = store.update_integration(&found.item, found.version);
        update.await.unwrap();
    }

    /// So many calls of a limit of a hundred an hour are used up.
    async fn quota(&self, used: u32) {
        self.change(|integration| {
            let limits = json!({"requestsPerHour": 100});
            integration.rate_limits = Some(serde_json::from_value(limits).unwrap());
        })
        .await;
        let limits = json!({"requestsPerHour": 100});
        let limits: RateLimits = serde_json::from_value(limits).unwrap();
        let (limits, now) = (limits.limits(), self.world.now());
        let scope = QuotaScope {
            organization: self.world.organization,
            integration: Some(self.watched),
            route: Digest::of(b""),
        };
        let store = &self.world.store;
        let mut quota = store.quota(scope).await.unwrap();
        for caller in 0..200 {
            if 100 - quota.item.free(&limits, now)[0] >= used {
                break;
            }
            let request = QuotaRequest {
                limits: &limits,
                concurrent: None,
                caller,
                wanted: 1,
                per_minute: 1,
                written_in: Duration::ZERO,
                call: (RequestId::from(self.world.dice().ulid(now)), now),
            };
            let _ = quota.item.lease(&request, now);
        }
        assert_eq!(100 - quota.item.free(&limits, now)[0], used);
        let put = store.replace_quota(scope, quota.item, quota.version, now);
        put.await.unwrap().unwrap();
    }

    /// Each minute the last check has found a certificate that ends after so many days.
    async fn certificate(&self, days: u64) {
        for _ in 0..5 {
            let now = self.world.now();
            let tls: Check = serde_json::from_value(json!({
                "id": format!("chk_{}", self.world.dice().ulid(now)),
                "checkedAt": now, "trigger": "schedule", "kind": "tls", "state": "passed",
                "code": "tls_fits", "message": "fits", "expiresAt": now.plus(hours(24 * days)),
            }))
            .unwrap();
            assert_eq!(tls.found.kind, CheckKind::Tls);
            let (store, organization) = (&self.world.store, self.world.organization);
            let change = |watch: &Watch| Watch {
                checks: vec![tls.clone()],
                check_at: now.plus(hours(1)),
                ..watch.clone()
            };
            let put = store.update_watch(organization, self.watched, change);
            put.await.unwrap().unwrap();
            self.minutes(1, false).await;
        }
    }

    /// A rotation that stands like this.
    async fn rotation(&self, fields: Value) {
        let now = self.world.now();
        let (store, organization) = (&self.world.store, self.world.organization);
        let mut rotation = json!({
            "id": format!("rot_{}", self.world.dice().ulid(now)),
            "organizationId": organization, "integrationId": self.watched,
            "strategy": "provider_api", "trigger": "request", "fromVersion": "v",
            "graceSeconds": 600, "startedAt": now, "updatedAt": now, "endedAt": now,
        });
        for (name, value) in fields.as_object().unwrap() {
            rotation[name] = value.clone();
        }
        let rotation: Rotation = serde_json::from_value(rotation).unwrap();
        let of = (organization, self.watched);
        let before = store.rotation_plan(of.0, of.1).await.unwrap();
        let plan = RotationPlan {
            active: (!rotation.state.is_end()).then_some(rotation.id),
            last: rotation.state.is_end().then_some(rotation.id),
            ..before.item.clone()
        };
        let new = Versioned::new(rotation, 0);
        let wrote = store.write_rotation(of, &before, &plan, Some(&new)).await;
        wrote.unwrap();
    }

    async fn conflicts(&self, open: u64) {
        self.change(|integration| {
            let config = json!({"entities": {"contacts": {
                "source": {"listPath": "/contacts", "items": "data", "id": "id"},
            }}});
            integration.sync_config = Some(serde_json::from_value(config).unwrap());
        })
        .await;
        let (store, organization) = (&self.world.store, self.world.organization);
        let entity = "contacts".parse().unwrap();
        let before = store.entity_state(organization, self.watched, &entity);
        let before = before.await.unwrap();
        let now = self.world.now();
        let mut set = ChangeSet::new(organization, self.watched, before, now);
        set.state = EntityState {
            open_conflicts: open,
            ..set.state
        };
        let committed = store.commit_changes(&set).await.unwrap();
        assert!(matches!(committed, Committed::Done(_)), "{committed:?}");
    }

    /// What the hours from now on are usually like.
    async fn usual(&self, calls: u64) {
        let (store, organization) = (&self.world.store, self.world.organization);
        let now = self.world.now();
        for ahead in 0..3_u64 {
            let slot = slot_of(now.plus(hours(ahead)));
            let usual = (0..5).fold(VolumeSlot::default(), |usual, _| usual.with(calls));
            let writes = AlertWrites {
                slot: Some((slot, usual)),
                ..AlertWrites::default()
            };
            let written = store.commit_alerts(organization, self.watched, &writes, now);
            assert!(written.await.unwrap());
        }
    }

    async fn events(&self, status: &str, number: u32) {
        for _ in 0..number {
            let (world, ago) = (&self.world, Duration::from_secs(1));
            world
                .event_that_is(status, self.watched, ENDPOINT, ago)
                .await;
        }
        self.world.run_for(6).await;
    }
}

/// What is bad, or near to it, for a rule of this kind.
#[expect(clippy::too_many_lines, reason = "one table, easier to read whole")]
async fn happens(scene: &Scene, kind: AlertKind, is_bad: bool) {
    let failed = json!({"status": "failed", "error": "upstream_network", "responseStatus": 500});
    match kind {
        AlertKind::IntegrationFailure => {
            let odd = if is_bad { 8 } else { 7 };
            scene.minutes_with(9, |_| odd, failed).await;
        }
        AlertKind::ErrorRate => {
            let odd = |minute| u32::from(is_bad || minute % 2 == 0);
            scene.minutes_with(12, odd, failed).await;
        }
        AlertKind::Slow => {
            let odd = |minute| u32::from(is_bad || minute % 5 == 0);
            scene
                .minutes_with(12, odd, json!({"durationMs": 9_000}))
                .await;
        }
        AlertKind::QuotaNearlyExhausted => {
            scene.quota(if is_bad { 90 } else { 85 }).await;
            scene.minutes(5, false).await;
        }
        AlertKind::CredentialExpiring => {
            let end = scene
                .world
                .now()
                .plus(hours(24 * if is_bad { 13 } else { 15 }));
            let ends = |integration: &mut Integration| {
                integration.credentials.as_mut().unwrap().expires_at = Some(end);
            };
            scene.change(ends).await;
            scene.minutes(5, false).await;
        }
        AlertKind::CertificateExpiring => {
            scene.minutes(1, false).await;
            scene.certificate(if is_bad { 13 } else { 15 }).await;
        }
        AlertKind::RotationFailed => {
            let state = if is_bad { "failed" } else { "done" };
            scene.rotation(json!({"state": state})).await;
            scene.minutes(4, false).await;
        }
        AlertKind::WebhookFailures => {
            scene.events("retrying", if is_bad { 5 } else { 4 }).await;
        }
        AlertKind::DeadLetters => {
            scene
                .events(if is_bad { "failed" } else { "retrying" }, 1)
                .await;
        }
        AlertKind::ConflictsWaiting => {
            scene.conflicts(if is_bad { 10 } else { 9 }).await;
            // It is counted once an hour.
            for _ in 0..6 {
                scene.world.pass(hours(1));
                scene.calls(false).await;
                scene.world.run_for(2).await;
            }
        }
        AlertKind::UnusualVolume => {
            scene.usual(if is_bad { 2_000 } else { 48 }).await;
            for _ in 0..13 {
                scene.calls(false).await;
                scene.world.pass(MINUTE * 10);
                scene.world.run().await;
            }
        }
    }
}

#[tokio::test]
async fn each_kind_fires_by_what_is_bad_and_not_by_what_is_near_to_it() {
    for kind in AlertKind::ALL {
        for is_bad in [true, false] {
            let scene = Scene::new(60).await;
            Box::pin(happens(&scene, kind, is_bad)).await;
            let fired = scene.alerts(false).await;
            let of_kind = fired.iter().filter(|alert| alert.kind == kind);
            let of_kind: Vec<_> = of_kind.collect();
            assert_eq!(of_kind.len(), usize::from(is_bad), "{kind} {is_bad}");
            if let Some(alert) = of_kind.first() {
                let rule = kind.defaults();
                assert_eq!(alert.severity, rule.severity, "{kind}");
                let told = scene.told();
                let id = alert.id.to_string();
                assert!(
                    told.iter().any(|line| line.contains(&id)),
                    "{kind} {told:?}"
                );
            }
        }
    }
}

#[expect(clippy::too_many_lines, reason = "one table, easier to read whole")]
#[tokio::test]
async fn a_rotation_that_failed_is_said_until_one_succeeds() {
    let trouble =
        |reason: &str| json!({"reason": reason, "step": "test", "at": "2026-09-21T00:00:00Z"});
    let leftover = |cleaned_up: bool| {
        let mut leftover = json!({"kind": "possible_key", "since": "2026-09-21T00:00:00Z"});
        if cleaned_up {
            leftover["cleanedUpAt"] = json!("2026-09-21T00:00:00Z");
        }
        json!([leftover])
    };
    let with = |state: &str, reason: &str, left: Option<bool>| {
        json!({"state": state, "trouble": trouble(reason),
               "leftovers": left.map_or(json!([]), leftover)})
    };
    for (rotations, fires) in [
        (vec![with("failed", "not_accepted", None)], true),
        (
            vec![with("orphan_possible", "creation_unknown", Some(false))],
            true,
        ),
        (
            vec![with("orphan_possible", "creation_unknown", Some(true))],
            true,
        ),
        // They are in use; that the old ones are gone a person has said.
        (
            vec![with("orphan_possible", "not_revoked", Some(false))],
            true,
        ),
        (
            vec![with("orphan_possible", "not_revoked", Some(true))],
            false,
        ),
        (vec![with("done", "superseded", None)], false),
        (vec![with("failed", "superseded", None)], false),
        (vec![with("failed", "cancelled", None)], false),
        // One that goes on, or that a person has ended, says nothing of the one before.
        (
            vec![
                with("failed", "refused", None),
                json!({"state": "test", "endedAt": null}),
            ],
            true,
        ),
        (
            vec![
                with("failed", "refused", None),
                with("failed", "cancelled", None),
            ],
            true,
        ),
        (
            vec![with("failed", "refused", None), json!({"state": "done"})],
            false,
        ),
        (
            vec![json!({"state": "done"}), with("failed", "refused", None)],
            true,
        ),
        (vec![json!({"state": "test", "endedAt": null})], false),
    ] {
        let scene = Scene::new(61).await;
        for rotation in &rotations {
            scene.rotation(rotation.clone()).await;
            scene.world.pass(Duration::from_secs(1));
        }
        scene.minutes(4, false).await;
        let expected: &[AlertKind] = if fires {
            &[AlertKind::RotationFailed]
        } else {
            &[]
        };
        assert_eq!(scene.open().await, expected, "{rotations:?}");
    }
}

#[tokio::test]
async fn a_rotation_that_succeeds_resolves_and_what_a_person_resolved_stays_so() {
    let scene = Scene::new(62).await;
    let failed = json!({"state": "failed"});
    scene.rotation(failed.clone()).await;
    scene.minutes(4, false).await;
    assert_eq!(scene.open().await, [AlertKind::RotationFailed]);
    scene.rotation(json!({"state": "done"})).await;
    scene.minutes(4, false).await;
    assert_eq!(scene.open().await, []);
    let told = scene.told();
    assert!(
        told[0].starts_with("Firing") && told[1].starts_with("Resolved"),
        "{told:?}"
    );

    scene.rotation(failed.clone()).await;
    scene.minutes(4, false).await;
    let alert = scene.alerts(true).await.remove(0);
    let by = Settlement {
        by: "me".to_owned(),
        note: None,
    };
    let alerts = scene.world.alerts();
    let resolved = alerts.resolve(scene.world.organization, alert.id, &by);
    assert!(!resolved.await.unwrap().is_open());
    scene.minutes(10, false).await;
    assert_eq!(scene.open().await, [], "it is the same rotation");
    scene.rotation(failed).await;
    scene.minutes(4, false).await;
    assert_eq!(scene.open().await, [AlertKind::RotationFailed]);
}
