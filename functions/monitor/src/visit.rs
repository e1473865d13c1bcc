use std::time::Duration;

use gatehouse::domain::health::{Check, CheckState, Watch};
use gatehouse::domain::{Error, Timestamp};
use gatehouse::flows::health::{By, roll_up};
use gatehouse::lambda::metrics::Metric;
use gatehouse::lambda::telemetry::chain;
use gatehouse::store::{DueWatch, Versioned};

use crate::{Report, State, alerts};

/// The name under which it acts.
const FUNCTION: &str = "monitor";
/// The most spans that are rolled up of one integration in one visit: together, of one that is seldom used,
/// half a day of a function that did not run.
const SPANS: usize = 7;
/// The first of them is as long as this. Each that read little is followed by a longer one: a busy integration
/// catches up in short ones, each of which is noted.
const FIRST_SPAN: Duration = Duration::from_secs(5 * 60);
const LONGER: u32 = 4;
/// Little is so much; what one visit may read in all is more.
const LITTLE: u64 = 5_000;
const MOST_READ: u64 = 50_000;
/// An integration that cannot be checked is checked again after this, or up to twice as long.
const PUT_OFF: Duration = Duration::from_secs(5 * 60);

/// What became of an entry.
pub(crate) enum Visited {
    /// The integration was looked at.
    Seen {
        rolled_up: usize,
        checks: usize,
        alerts: usize,
    },
    /// There is nothing to be looked at.
    Dropped,
    /// The time was over before it was.
    Late,
}

/// Looks at one integration.
pub(crate) async fn visit(state: &State, due: &DueWatch) -> Result<Visited, Error> {
    let began = state.sources.now();
    let store = &state.store;
    let Some(watch) = store.watch(due.organization, due.integration).await? else {
        store.remove_due_watch(due).await?;
        return Ok(Visited::Dropped);
    };
    if watch.item.due_at != due.at {
        store.remove_due_watch(due).await?;
        return Ok(Visited::Dropped);
    }
    let found = store.integration(due.organization, due.integration);
    let Some(integration) = found.await? else {
        // What fired while it was being deleted is over.
        let (organization, id) = (due.organization, due.integration);
        state.alerts.integration_deleted(organization, id).await?;
        store.drop_watch(due).await?;
        return Ok(Visited::Dropped);
    };
    // What cannot be checked, or has nothing to be, may have events that wait for a person all the same.
    let is_time = watch.item.check_at <= began;
    let rolled_up = roll_up_all(state, due, watch, began).await?;
    let checked = check(state, due, began).await?;
    // One that only came too late for its organization's budget was looked at before.
    let is_refused = checked.is_none() && rolled_up == 0;
    let was_checked = checked.is_some();
    let checks = checked.unwrap_or_default();
    // Here the integration is rolled up as far as may be, and checked if it was time.
    let mut turned = 0;
    if !is_refused && let Some(watch) = store.watch(due.organization, due.integration).await? {
        let when = (is_time && was_checked, began);
        turned = alerts::look(state, &integration.item, &watch.item, when).await;
    }
    let settled = store.update_watch(due.organization, due.integration, |watch| {
        watch.settled(began)
    });
    settled.await?;
    Ok(Visited::Seen {
        rolled_up,
        checks: checks.len(),
        alerts: turned,
    })
}

/// Rolls up what is there. What is written is noted after each span: a run that dies leaves the rest.
async fn roll_up_all(
    state: &State,
    due: &DueWatch,
    watch: Versioned<Watch>,
    began: Timestamp,
) -> Result<usize, Error> {
    let (organization, integration) = (due.organization, due.integration);
    let mut watch = watch.item;
    let (mut made, mut read): (usize, u64) = (0, 0);
    let mut length = FIRST_SPAN;
    for _ in 0..SPANS {
        let Some(span) = watch.span(began).map(|span| span.cut(length)) else {
            break;
        };
        let owned = (organization, integration);
        let rolled_up = roll_up(&state.store, owned, span, began).await?;
        made = made.saturating_add(rolled_up.made);
        read = read.saturating_add(rolled_up.read);
        if rolled_up.read < LITTLE {
            length = length.saturating_mul(LONGER);
        }
        let noted = state
            .store
            .update_watch(organization, integration, |watch| {
                watch.rolled_up(span, began)
            });
        match noted.await? {
            Some(noted) => watch = noted,
            None => break,
        }
        if read >= MOST_READ {
            break;
        }
    }
    Ok(made)
}

/// Checks it, if it is time; none, if its organization has no budget left. When it is checked next is written
/// before: one that never answers is not the first of the next run.
async fn check(
    state: &State,
    due: &DueWatch,
    began: Timestamp,
) -> Result<Option<Vec<Check>>, Error> {
    let (organization, integration) = (due.organization, due.integration);
    let watch = state.store.watch(organization, integration).await?;
    if watch.is_none_or(|watch| watch.item.check_at > began) {
        return Ok(Some(Vec::new()));
    }
    put_off(state, due, began, PUT_OFF).await?;
    let made = state
        .checks
        .run(organization, integration, By::System(FUNCTION));
    match Box::pin(made).await {
        Ok(checks) => {
            tell(state, &checks);
            Ok(Some(checks))
        }
        Err(Error::RateLimited { .. }) => Ok(None),
        // What is wrong with one integration's set-up, or its secret, is no reason to look at nothing else of
        // it, nor to try each minute.
        Err(error) => {
            tracing::error!(
                integration.id = %integration,
                cause = chain(&error),
                "{integration} cannot be checked"
            );
            Ok(Some(Vec::new()))
        }
    }
}

async fn put_off(
    state: &State,
    due: &DueWatch,
    began: Timestamp,
    wait: Duration,
) -> Result<(), Error> {
    // Not all at the same time, again.
    let wait = wait.mul_f64(1.0 + state.sources.randomness.fraction());
    let put_off = state
        .store
        .update_watch(due.organization, due.integration, |watch| {
            watch.put_off(began, wait)
        });
    put_off.await?;
    Ok(())
}

fn tell(state: &State, checks: &[Check]) {
    let now = state.sources.now();
    for check in checks {
        let kind = check.found.kind.name();
        state.metrics.count_for(Metric::ChecksMade, kind, now);
        if check.found.state == CheckState::Failed {
            state.metrics.count_for(Metric::ChecksFailed, kind, now);
        }
    }
}

/// Adds what became of an entry to the report.
pub(crate) fn count(visited: &Result<Visited, Error>, report: &mut Report) {
    match visited {
        Ok(Visited::Seen {
            rolled_up,
            checks,
            alerts,
        }) => {
            report.alerts = report.alerts.saturating_add(*alerts);
            report.visited = report.visited.saturating_add(1);
            report.rolled_up = report.rolled_up.saturating_add(*rolled_up);
            report.checks = report.checks.saturating_add(*checks);
        }
        Ok(Visited::Dropped) => report.dropped = report.dropped.saturating_add(1),
        Ok(Visited::Late) | Err(_) => report.left = report.left.saturating_add(1),
    }
}
