use std::fmt;

use embedded_aws::Stack;

/// What one operation costs: the mean of several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Calls of AWS.
    calls: f64,
    /// Read units of the table.
    read: f64,
    /// Write units.
    written: f64,
}

impl Cost {
    /// Of each of `times` operations, since the last reset.
    pub(crate) fn of_each(stack: &Stack, times: u32) -> Self {
        let calls: u32 = stack
            .calls()
            .values()
            .map(|count| u32::try_from(*count).unwrap())
            .sum();
        let (capacity, times) = (stack.capacity(), f64::from(times));
        Self {
            calls: f64::from(calls) / times,
            read: capacity.read / times,
            written: capacity.written / times,
        }
    }

    /// Whether any part is higher by more than a tenth and half a unit: what is written once in a while
    /// falls into one mean and not into another.
    pub(crate) fn is_more_than(&self, other: &Self) -> bool {
        let more = |this: f64, other: f64| this > other * 1.1 + 0.5;
        more(self.calls, other.calls)
            || more(self.read, other.read)
            || more(self.written, other.written)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            calls,
            read,
            written,
        } = self;
        write!(formatter, "{calls:.1} · {read:.1} · {written:.1}")
    }
}
