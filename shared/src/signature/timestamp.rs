//! Instants that providers write.

use jiff::{SignedDuration, Timestamp};

use super::Refusal;
use crate::catalog::{Future, TimestampUnit, Tolerance};

/// The instant that a text stands for. There is no sign, no fraction of a number, no space, and
/// nothing after it; some libraries read `123xyz` as 123.
pub(super) fn parse(text: &str, unit: TimestampUnit) -> Option<Timestamp> {
    if unit == TimestampUnit::Rfc3339 {
        return rfc3339(text);
    }
    if text.is_empty() || text.len() > 15 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = text.parse().ok()?;
    match unit {
        TimestampUnit::Milliseconds => Timestamp::from_millisecond(number).ok(),
        _ => Timestamp::from_second(number).ok(),
    }
}

/// `jiff` reads more than RFC 3339 allows: spaces, time zones by name, and compact forms.
fn rfc3339(text: &str) -> Option<Timestamp> {
    let allowed = |byte: u8| byte.is_ascii_digit() || b"-+:.TZ".contains(&byte);
    let form = text.len() >= 20 && text.len() <= 40 && text.bytes().all(allowed);
    form.then(|| text.parse().ok()).flatten()
}

/// Whether a timestamp is close enough to `now`.
pub(super) fn check(
    text: &str,
    tolerance: &Tolerance,
    of_endpoint: Option<u32>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let at = parse(text, tolerance.unit).ok_or(Refusal::BadForm)?;
    let Some(seconds) = of_endpoint.or(tolerance.seconds) else {
        return Ok(());
    };
    let limit = SignedDuration::from_secs(i64::from(seconds));
    let age = now.duration_since(at);
    let ahead = match tolerance.future {
        Future::Same => limit,
        Future::None => SignedDuration::ZERO,
        Future::Any => SignedDuration::MAX,
    };
    if age > limit || age < -ahead {
        Err(Refusal::Stale)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_760_000_000;

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        let seconds = |text| parse(text, TimestampUnit::Seconds);
        assert_eq!(seconds("1760000000"), Timestamp::from_second(NOW).ok());
        for text in [
            "", "+1", "-1", " 1", "1 ", "1.5", "1e9", "123xyz", "0x10", "١٢٣",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
        assert_eq!(seconds("9999999999999999"), None);
        assert_eq!(seconds("999999999999999"), None, "far beyond the year 9999");
        let milliseconds = parse("1760000000000", TimestampUnit::Milliseconds);
        assert_eq!(milliseconds, Timestamp::from_second(NOW).ok());
    }

    #[test]
    fn an_rfc_3339_text_has_an_offset_and_nothing_else() {
        let read = |text| parse(text, TimestampUnit::Rfc3339);
        let expected = Timestamp::from_second(NOW).ok();
        for text in [
            "2025-10-09T08:53:20Z",
            "2025-10-09T08:53:20.000000000Z",
            "2025-10-09T10:53:20+02:00",
            "2025-10-09T00:53:20-08:00",
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        for text in [
            "",
            "1760000000",
            "2025-10-09",
            "2025-10-09T08:53:20",
            "2025-10-09 08:53:20Z",
            "2025-10-09T08:53:20Z[UTC]",
            " 2025-10-09T08:53:20Z",
            "2025-13-09T08:53:20Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_window_is_closed_and_its_future_side_is_declared() {
        let now = Timestamp::from_second(NOW).unwrap();
        let verdict = |future, second: i64| {
            let tolerance = Tolerance {
                unit: TimestampUnit::Seconds,
                seconds: Some(300),
                future,
                at: None,
            };
            check(&(NOW + second).to_string(), &tolerance, None, now).is_ok()
        };
        for (future, inside, outside) in [
            (Future::Same, vec![-300, 0, 300], vec![-301, 301]),
            (Future::None, vec![-300, 0], vec![-301, 1]),
            (Future::Any, vec![-300, 0, 1_000_000], vec![-301]),
        ] {
            for second in inside {
                assert!(verdict(future, second), "{future:?} {second}");
            }
            for second in outside {
                assert!(!verdict(future, second), "{future:?} {second}");
            }
        }
    }
}
