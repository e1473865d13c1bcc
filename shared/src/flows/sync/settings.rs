use std::time::Duration;

use crate::catalog;
use crate::domain::sync::{EntityName, EntitySync, Schedule, SourceVersion, SyncConfig};
use crate::domain::{Entity, Error, FieldError, Integration, Pagination, Timestamp};

/// How far before the newest change seen an incremental run begins, if an entity does not say.
const LOOKBACK: Duration = Duration::from_secs(300);

/// All that is said of one kind of record of an integration: by its own configuration, and by the
/// catalogue.
#[derive(Clone, Debug)]
pub struct EntitySettings {
    /// Its name.
    pub name: EntityName,
    /// How it is synchronized.
    pub rules: EntitySync,
    /// How it is listed.
    pub source: Entity,
    /// How its list goes on.
    pub pagination: Pagination,
    schedule: Option<Schedule>,
    full_schedule: Option<Schedule>,
    seed: u64,
}

impl EntitySettings {
    /// What is said of `name`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], if nobody says how it is listed; [`Error::Conflict`], if what is stored is
    /// not understood.
    pub fn of(integration: &Integration, name: &EntityName) -> Result<Self, Error> {
        let config = config(integration)?;
        let rules = config.entity(name);
        let profile = catalog::profile_of(integration);
        let source = rules.resolved(name, &profile);
        let source = source.ok_or(Error::NotFound("entity"))?;
        // It was understood when it was stored.
        let read = |text: &Option<String>| Schedule::parse(text.as_deref()?).ok();
        Ok(Self {
            pagination: source.pagination.clone().unwrap_or(Pagination::None {}),
            schedule: read(&rules.schedule),
            full_schedule: read(&rules.full_schedule),
            seed: Schedule::seed(integration.id, name),
            name: name.clone(),
            rules,
            source,
        })
    }

    /// How records of `name` are synchronized, whoever says how they are listed.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`], if what is stored is not understood.
    pub fn rules(integration: &Integration, name: &EntityName) -> Result<EntitySync, Error> {
        Ok(config(integration)?.entity(name))
    }

    /// The kinds of record that the integration's configuration names.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`], if what is stored is not understood.
    pub fn configured(integration: &Integration) -> Result<Vec<EntityName>, Error> {
        Ok(config(integration)?.entities.into_keys().collect())
    }

    /// The first start of any run after `incremental`, or of a full run after `full`.
    pub(super) fn next_start(&self, incremental: Timestamp, full: Timestamp) -> Option<Timestamp> {
        let incremental = self.next_of(self.schedule.as_ref(), incremental);
        let full = self.next_of(self.full_schedule.as_ref(), full);
        incremental.into_iter().chain(full).min()
    }

    /// Whether a full run was to start at `from` or after it, and not after `now`.
    pub(super) fn full_is_due(&self, from: Timestamp, now: Timestamp) -> bool {
        self.is_due(self.full_schedule.as_ref(), from, now)
    }

    /// As [`EntitySettings::full_is_due`], of an incremental run.
    pub(super) fn incremental_is_due(&self, from: Timestamp, now: Timestamp) -> bool {
        self.is_due(self.schedule.as_ref(), from, now)
    }

    /// Where an incremental run begins whose predecessor has seen changes up to `cursor`: earlier, if
    /// that is an instant, since changes may show late.
    pub(super) fn since(&self, cursor: &SourceVersion) -> SourceVersion {
        let lookback = self.rules.lookback_seconds;
        let lookback = lookback.map_or(LOOKBACK, |seconds| Duration::from_secs(seconds.into()));
        match cursor.instant() {
            Some(instant) => SourceVersion(instant.minus(lookback).to_string()),
            None => cursor.clone(),
        }
    }

    fn is_due(&self, schedule: Option<&Schedule>, from: Timestamp, now: Timestamp) -> bool {
        let before = from.minus(Duration::from_millis(1));
        let next = self.next_of(schedule, before);
        next.is_some_and(|next| next <= now)
    }

    fn next_of(&self, schedule: Option<&Schedule>, after: Timestamp) -> Option<Timestamp> {
        schedule?.next_after(after, self.seed)
    }
}

fn config(integration: &Integration) -> Result<SyncConfig, Error> {
    let unreadable = |error: FieldError| {
        let (pointer, message) = (error.pointer, error.message);
        Error::Conflict(format!(
            "the integration cannot be used: `{pointer}` {message}"
        ))
    };
    SyncConfig::stored(integration.sync_config.as_ref()).map_err(unreadable)
}
