//! A process that dies at one of its calls of the table or of KMS.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use gatehouse::audit::Trail;
use gatehouse::flows::data_keys::{DataKeyDesk, DataKeyRotation};
use gatehouse::lambda::metrics::Metrics;
use gatehouse::store::Store;
use gatehouse::vault::DataKeys;

use super::{DAY, EVERY};
use crate::account::Account;

/// When a process dies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    /// With which of its calls, counted from 0.
    pub(super) call: usize,
    /// Whether that call still has its effect.
    pub(super) has_effect: bool,
}

/// The life of one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    kill: Option<Kill>,
    calls: Arc<AtomicUsize>,
    is_dead: Arc<AtomicBool>,
}

impl Life {
    pub(super) fn new(kill: Option<Kill>) -> Self {
        Self {
            kill,
            ..Self::default()
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    fn store(&self, account: &Account) -> Store {
        let config = account.dynamodb().config().to_builder();
        let config = config
            .interceptor(self.clone())
            .retry_config(RetryConfig::disabled());
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        Store::new(client, account.table.clone())
    }

    pub(super) fn desk(&self, account: &Account) -> DataKeyDesk {
        let config = account.kms().config().to_builder();
        let config = config
            .interceptor(self.clone())
            .retry_config(RetryConfig::disabled());
        let kms = aws_sdk_kms::Client::from_conf(config.build());
        let (store, sources) = (self.store(account), account.sources());
        let keys = DataKeys::new(kms, account.key_arn.clone(), store.clone(), sources.clone());
        DataKeyDesk::new(store, keys, sources)
    }

    /// The function, as this process runs it.
    pub(super) fn rotation(&self, account: &Account, every: Option<Duration>) -> DataKeyRotation {
        let (store, sources) = (self.store(account), account.sources());
        let trail = Trail::new(store, sources, "rotation", DAY * 400);
        let metrics = Metrics::with_writer("rotation", std::io::sink());
        DataKeyRotation::new(self.desk(account), trail, metrics, every)
    }

    fn is_killed(&self, number: usize, has_effect: bool) -> bool {
        let kill = self.kill.filter(|kill| kill.call == number);
        kill.is_some_and(|kill| kill.has_effect == has_effect)
    }
}

/// One that nobody kills.
pub(super) fn undisturbed(account: &Account) -> DataKeyRotation {
    Life::default().rotation(account, Some(EVERY))
}

impl Intercept for Life {
    fn name(&self) -> &'static str {
        "Life"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        if self.is_killed(number, false) {
            self.is_dead.store(true, Ordering::SeqCst);
        }
        if self.is_dead() {
            return Err("it is dead".into());
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        _: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Of calls at the same time, the one that is answered first has it.
        let number = self.calls.load(Ordering::SeqCst).saturating_sub(1);
        if self.is_killed(number, true) {
            self.is_dead.store(true, Ordering::SeqCst);
        }
        if self.is_dead() {
            return Err("it died".into());
        }
        Ok(())
    }
}
