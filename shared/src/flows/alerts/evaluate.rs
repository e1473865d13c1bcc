use super::{Alerts, TRIES};
use crate::domain::alert::{
    Alert, AlertBook, AlertEvent, AlertKind, AlertMoment, AlertRule, AlertSetup, AlertState,
    Observation, SilenceEffect, Turn, VolumeSlot, effective_rule, slot_of,
};
use crate::domain::{
    Actor, AlertId, AuditOutcome, AuditSubject, Error, Integration, NewAuditEntry, Timestamp,
};
use crate::lambda::metrics::Metric;
use crate::store::{AlertWrites, Versioned, contended};

/// What came of a look at an integration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Looked {
    /// The alerts that fired or are over, as they stand now.
    pub turned: Vec<Alert>,
    /// The alerts that no incident has taken, of this look and of earlier ones: see [`Alerts::taken`].
    pub owed: Vec<AlertId>,
}

/// One look at an integration.
struct Look<'a> {
    integration: &'a Integration,
    seen: &'a Observation,
    setup: &'a AlertSetup,
    now: Timestamp,
}

impl Alerts {
    /// Looks at an integration with all of its rules, and has alerts fire and resolve.
    ///
    /// Two reads, if how the organization wants its alerts is not remembered, and a write only if something
    /// changes; once an hour a read and a write more. The same observation a second time changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], if something is to fire and there is no such integration any more; if the table
    /// does not answer, or what happens cannot be recorded. Doing it again does no harm.
    pub async fn evaluate(
        &self,
        integration: &Integration,
        seen: &Observation,
    ) -> Result<Looked, Error> {
        let (organization, id) = (integration.organization_id, integration.id);
        let setup = self.setup(organization).await?;
        for _ in 0..TRIES {
            let look = Look {
                integration,
                seen,
                setup: &setup,
                now: self.sources.now(),
            };
            let book = self.store.alert_book(organization, id).await?;
            let (writes, looked) = self.looked(&look, book).await?;
            for alert in &looked.turned {
                self.record(alert).await?;
            }
            let committed = (self.store).commit_alerts(organization, id, &writes, look.now);
            if committed.await? {
                self.tell_log(&looked.turned, look.now);
                return Ok(looked);
            }
        }
        Err(contended().into())
    }

    /// What is to be written, and the alerts that turn.
    async fn looked(
        &self,
        look: &Look<'_>,
        book: Versioned<AlertBook>,
    ) -> Result<(AlertWrites, Looked), Error> {
        let mut writes = AlertWrites::default();
        let usual = self.usual(look, &book.item).await?;
        let mut after = book.item.clone();
        for kind in AlertKind::ALL {
            let rule = effective_rule(kind, &look.setup.rules, &after.changes);
            if look.is_maintained(kind, &rule) {
                continue;
            }
            let reading = look.seen.reading(kind, &rule, usual.as_ref());
            let fresh = AlertId::generate(look.now, self.sources.randomness.as_ref());
            let state = after.state(kind);
            let evaluation = state.evaluate((kind, &rule), reading, fresh);
            after.set(kind, evaluation.state);
            let turned = match evaluation.turn {
                None => None,
                Some(Turn::Fires(id, value)) => {
                    let fired = look.fired(id, (kind, &rule), value);
                    after.owed.insert(id);
                    Some(Versioned::new(fired, 0))
                }
                Some(Turn::Resolves(id, value)) => self.resolved(look, id, value).await?,
            };
            if let Some(alert) = turned {
                let owed = self.owed(look.setup, &alert.item, look.now);
                writes.notices.extend(owed);
                writes.alerts.push(alert);
            }
        }
        if let (Some(volume), Some(usual)) = (look.seen.volume, usual) {
            after.volume_hour = Some(volume.hour);
            writes.slot = Some((slot_of(volume.hour), usual.with(volume.requests)));
        }
        let owed = after.owed.iter().copied().collect();
        if after != book.item {
            writes.book = Some(Versioned::new(after, book.version));
        }
        let turned = writes.alerts.iter().map(|alert| alert.item.clone());
        let turned = turned.collect();
        Ok((writes, Looked { turned, owed }))
    }

    /// What the hour of the week is usually like that was observed, unless that hour was looked at before.
    async fn usual(&self, look: &Look<'_>, book: &AlertBook) -> Result<Option<VolumeSlot>, Error> {
        let Some(volume) = look.seen.volume else {
            return Ok(None);
        };
        if book.volume_hour.is_some_and(|last| volume.hour <= last) {
            return Ok(None);
        }
        let (organization, id) = (look.integration.organization_id, look.integration.id);
        let slot = slot_of(volume.hour);
        let found = self.store.volume_slot(organization, id, slot).await?;
        Ok(Some(found))
    }

    /// The open alert as it is once it is over; nothing, if it is already.
    async fn resolved(
        &self,
        look: &Look<'_>,
        id: AlertId,
        value: Option<f64>,
    ) -> Result<Option<Versioned<Alert>>, Error> {
        let organization = look.integration.organization_id;
        let Some(found) = self.store.alert(organization, id, look.now).await? else {
            return Ok(None);
        };
        let resolved = found.item.resolved(None, (value, None), look.now);
        Ok(resolved
            .ok()
            .map(|alert| Versioned::new(alert, found.version)))
    }

    /// Nothing turns unrecorded.
    pub(super) async fn record(&self, alert: &Alert) -> Result<(), Error> {
        let word = match alert.state {
            AlertState::Firing => "alert.fire",
            AlertState::Acknowledged => "alert.acknowledge",
            AlertState::Resolved => "alert.resolve",
        };
        let actor = Actor::system(self.trail.function());
        let mut entry = NewAuditEntry::new(actor, word, AuditOutcome::Started)
            .of(AuditSubject::new("alert", alert.id));
        entry.detail = Some(format!("{} {}", alert.kind, alert.integration_id));
        self.trail.record(alert.organization_id, entry).await?;
        Ok(())
    }

    fn tell_log(&self, turned: &[Alert], now: Timestamp) {
        for alert in turned {
            let (id, kind) = (alert.id, alert.kind.name());
            let integration = alert.integration_id;
            if alert.is_open() {
                self.metrics.count_for(Metric::AlertsFired, kind, now);
            }
            tracing::info!(
                alert.id = %id,
                integration.id = %integration,
                organization.id = %alert.organization_id,
                kind,
                state = ?alert.state,
                "{id} ({kind} of {integration}) is {:?}",
                alert.state
            );
        }
    }
}

impl Look<'_> {
    fn silenced_until(
        &self,
        effect: SilenceEffect,
        kind: AlertKind,
        rule: &AlertRule,
    ) -> Option<Timestamp> {
        let alert = (self.integration.id, kind, rule.severity);
        self.setup.silenced_until(effect, alert, self.now)
    }

    fn is_maintained(&self, kind: AlertKind, rule: &AlertRule) -> bool {
        self.silenced_until(SilenceEffect::Maintenance, kind, rule)
            .is_some()
    }

    fn fired(&self, id: AlertId, (kind, rule): (AlertKind, &AlertRule), value: f64) -> Alert {
        Alert {
            id,
            organization_id: self.integration.organization_id,
            integration_id: self.integration.id,
            integration_name: self.integration.name.clone(),
            kind,
            severity: rule.severity,
            state: AlertState::Firing,
            value,
            threshold: rule.threshold,
            started_at: self.now,
            acknowledged_at: None,
            acknowledged_by: None,
            resolved_at: None,
            resolved_by: None,
            muted_until: self.silenced_until(SilenceEffect::Mute, kind, rule),
            timeline: vec![AlertMoment {
                at: self.now,
                event: AlertEvent::Firing,
                by: None,
                value: Some(value),
                note: None,
            }],
        }
    }
}
