//! The functions that replace data keys, as a process runs them.

use std::time::Duration;

use gatehouse::audit::Trail;
use gatehouse::flows::data_keys::{DataKeyDesk, DataKeyRotation};
use gatehouse::lambda::metrics::Metrics;
use gatehouse::vault::DataKeys;

use super::{DAY, EVERY};
use crate::account::Account;
use crate::life::Life;

/// Where keys are replaced when somebody asks for it.
pub(super) fn desk(life: &Life, account: &Account) -> DataKeyDesk {
    let (store, sources) = (life.store(account), account.sources());
    let key = account.key_arn.clone();
    let keys = DataKeys::new(life.kms(account), key, store.clone(), sources.clone());
    DataKeyDesk::new(store, keys, sources)
}

/// What replaces those that are older than `every`.
pub(super) fn rotation(life: &Life, account: &Account, every: Option<Duration>) -> DataKeyRotation {
    let (store, sources) = (life.store(account), account.sources());
    let trail = Trail::new(store, sources, "rotation", DAY * 400);
    let metrics = Metrics::with_writer("rotation", std::io::sink());
    DataKeyRotation::new(desk(life, account), trail, metrics, every)
}

/// The same in a process that nobody kills.
pub(super) fn undisturbed(account: &Account) -> DataKeyRotation {
    rotation(&Life::default(), account, Some(EVERY))
}
