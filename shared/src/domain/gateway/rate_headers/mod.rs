//! What an answer says of the provider's limits.
//!
//! Read are `Retry-After` (RFC 9110 section 10.2.3); `RateLimit` and `RateLimit-Policy` of
//! draft-ietf-httpapi-ratelimit-headers-11, and `RateLimit` as revision 07 had it;
//! `RateLimit-Limit`, `-Remaining` and `-Reset` of its earlier revisions; and what the provider's
//! profile declares. Headers that are not of their form are ignored, as the draft demands.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

use super::super::{RateLimitHeaders, ResetForm, Timestamp};

mod structured;

/// What is said is believed for so long at most.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// More cannot be a number of seconds from now: some providers send an instant all the same.
const LATEST_DELTA: u64 = 1_000_000_000;

/// What is left of the provider's limits: of the one that is nearest to its end, if there are
/// several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headroom {
    /// So many calls are left.
    pub remaining: Option<u64>,
    /// Of so many.
    pub limit: Option<u64>,
    /// Then there are more: at most an hour.
    pub resets_in: Option<Duration>,
    /// When to come back, if the provider asks to: at most an hour.
    pub retry_after: Option<Duration>,
}

impl Headroom {
    /// What `headers` say at `now`.
    #[must_use]
    pub fn read(headers: &HeaderMap, declared: &[RateLimitHeaders], now: Timestamp) -> Self {
        let declared = declared
            .iter()
            .map(|names| of_declared(headers, names, now));
        let limits = structured::limits(headers)
            .into_iter()
            .chain([of_three_headers(headers, now)])
            .chain(declared);
        let mut headroom = limits.fold(Self::default(), Self::tighter);
        headroom.resets_in = headroom.resets_in.map(|wait| wait.min(LONGEST));
        headroom.retry_after = retry_after(headers, now).map(|wait| wait.min(LONGEST));
        headroom
    }

    /// How long to leave the provider alone after an answer of this status: as it says with one
    /// that is a refusal (403, 413, 429, 503), or until there are more calls if none is left.
    ///
    /// The draft has `Retry-After` take precedence. A 429 that says nothing is not answered here:
    /// how long to wait then is the caller's guess.
    #[must_use]
    pub fn block_for(&self, status: StatusCode) -> Option<Duration> {
        let is_refusal = [403, 413, 429, 503].contains(&status.as_u16());
        let asked = self.retry_after.filter(|_| is_refusal);
        let spent = self.resets_in.filter(|_| self.remaining == Some(0));
        asked.or(spent).filter(|wait| !wait.is_zero())
    }

    fn tighter(self, other: Self) -> Self {
        match (self.remaining, other.remaining) {
            (Some(0), Some(0)) if other.resets_in > self.resets_in => other,
            (Some(ours), Some(theirs)) if theirs < ours => other,
            (None, Some(_)) => other,
            (None, None) if self == Self::default() => other,
            _ => self,
        }
    }
}

/// `Retry-After` as seconds or as an HTTP date (RFC 9110 section 10.2.3). A date that has passed is
/// no wait.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = text(headers, header::RETRY_AFTER.as_str())?;
    match value.parse::<u32>() {
        Ok(seconds) => Some(Duration::from_secs(seconds.into())),
        Err(_) => http_date(value).map(|at| at.since(now)),
    }
}

fn of_three_headers(headers: &HeaderMap, now: Timestamp) -> Headroom {
    let number = |name| text(headers, name).and_then(first_number);
    let resets_in = number("ratelimit-reset").and_then(|reset| {
        if reset < LATEST_DELTA {
            Some(Duration::from_secs(reset))
        } else {
            let at = Timestamp::from_second(i64::try_from(reset).ok()?)?;
            Some(at.since(now))
        }
    });
    Headroom {
        remaining: number("ratelimit-remaining"),
        limit: number("ratelimit-limit"),
        resets_in,
        retry_after: None,
    }
}

fn of_declared(headers: &HeaderMap, names: &RateLimitHeaders, now: Timestamp) -> Headroom {
    let value = |name: &Option<String>| text(headers, name.as_deref()?);
    let mut limit = value(&names.limit).and_then(first_number);
    let mut remaining = value(&names.remaining).and_then(first_number);
    if let Some(used) = value(&names.used) {
        let pair = made_of_all(used);
        limit = limit.or(pair.map(|(_, all)| all));
        let made = pair.map(|(made, _)| made).or_else(|| first_number(used));
        let left = limit.zip(made).map(|(all, made)| all.saturating_sub(made));
        remaining = remaining.or(left);
    }
    let window = names.window_seconds.map(|w| Duration::from_secs(w.into()));
    let resets_in = value(&names.reset)
        .and_then(|reset| until(reset, names.reset_form, now))
        .or_else(|| window.filter(|_| remaining.is_some()));
    Headroom {
        remaining,
        limit,
        resets_in,
        retry_after: None,
    }
}

/// From `now` to what `reset` says.
fn until(reset: &str, form: ResetForm, now: Timestamp) -> Option<Duration> {
    let epoch = |at: Duration| at.saturating_sub(now.since(Timestamp::UNIX_EPOCH));
    match form {
        ResetForm::Seconds => scaled(reset, 1.0),
        ResetForm::Milliseconds => scaled(reset, 1e-3),
        ResetForm::EpochSeconds => scaled(reset, 1.0).map(epoch),
        ResetForm::EpochMilliseconds => scaled(reset, 1e-3).map(epoch),
        ResetForm::Rfc3339 => reset.parse::<Timestamp>().ok().map(|at| at.since(now)),
        ResetForm::HttpDate => http_date(reset).map(|at| at.since(now)),
    }
}

/// A number, perhaps with a fraction, as a duration. `inf` and the like are none.
fn scaled(text: &str, unit: f64) -> Option<Duration> {
    let is_decimal = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = text.parse().ok().filter(|_| is_decimal)?;
    Duration::try_from_secs_f64(number * unit).ok()
}

fn http_date(text: &str) -> Option<Timestamp> {
    let at = httpdate::parse_http_date(text).ok()?;
    let second = at.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    Timestamp::from_second(i64::try_from(second).ok()?)
}

/// `100` of `100`, `100, 100;w=60` and `100;w=60`.
fn first_number(text: &str) -> Option<u64> {
    let first = text.split([',', ';']).next()?;
    first.trim().parse().ok()
}

/// `32` and `40` of `32/40` and `api-usage=32/40`.
fn made_of_all(text: &str) -> Option<(u64, u64)> {
    let (before, after) = text.split_once('/')?;
    let made = before.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    let all = after.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((made.parse().ok()?, all.parse().ok()?))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}

#[cfg(test)]
mod tests;
