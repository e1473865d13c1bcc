//! A process that dies at one of its calls of the table or of KMS: that call has its effect or has not, nothing is
//! heard of it, and nothing that the process says afterwards reaches anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use gatehouse::store::Store;

use crate::account::Account;

/// When a process dies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    /// With which of its calls, counted from 0.
    pub(crate) call: usize,
    /// Whether that call still has its effect.
    pub(crate) has_effect: bool,
}

/// The life of one process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life {
    kill: Option<Kill>,
    calls: Arc<AtomicUsize>,
    is_dead: Arc<AtomicBool>,
}

impl Life {
    pub(crate) fn new(kill: Option<Kill>) -> Self {
        Self {
            kill,
            ..Self::default()
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    /// The table, as this process reaches it.
    pub(crate) fn store(&self, account: &Account) -> Store {
        let config = account.dynamodb().config().to_builder();
        let config = config
            .interceptor(self.clone())
            .retry_config(RetryConfig::disabled());
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        Store::new(client, account.table.clone())
    }

    /// KMS, as this process reaches it.
    pub(crate) fn kms(&self, account: &Account) -> aws_sdk_kms::Client {
        let config = account.kms().config().to_builder();
        let config = config
            .interceptor(self.clone())
            .retry_config(RetryConfig::disabled());
        aws_sdk_kms::Client::from_conf(config.build())
    }

    fn is_killed(&self, number: usize, has_effect: bool) -> bool {
        // Of calls at the same time, the first to be answered comes after all of them were made.
        let kill = self.kill.filter(|kill| kill.call <= number);
        kill.is_some_and(|kill| kill.has_effect == has_effect)
    }
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
