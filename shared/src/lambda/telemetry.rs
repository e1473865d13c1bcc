//! JSON logs, one line an event, on standard error.
//!
//! Fields are an allow-list: ids, codes, counts and durations. Bodies, header values, addresses
//! inside, tokens and secrets have no business here; docs/logging.md is the list.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::Environment;

/// What is logged if nothing is said.
const DEFAULT_FILTER: &str = "info";

/// Starts logging for this process. A second call changes nothing.
pub fn init(environment: &Environment) {
    init_with(environment, DEFAULT_FILTER);
}

/// As [`init`], with another filter where `environment` has none.
pub fn init_with(environment: &Environment, default: &str) {
    let filter: Targets = environment
        .log_filter()
        .unwrap_or(default)
        .parse()
        .unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_span_events(FmtSpan::NONE)
        .with_target(true)
        .with_writer(std::io::stderr);
    let started = tracing_subscriber::registry().with(filter).with(lines);
    if started.try_init().is_err() {
        tracing::debug!("logging was started before");
    }
}

/// An error's own text and those of its causes, in one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn the_whole_chain_is_in_the_line() {
        let error = Outer(std::io::Error::other("inner"));
        assert_eq!(chain(&error), "outer: inner");
    }
}
