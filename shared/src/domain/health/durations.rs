use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sketches_ddsketch::{Config, DDSketch};

/// The relative error of a quantile that DDSketch guarantees. Of the 2 % that are promised, the other
/// half is for what "the quantile" of few values means: there are several definitions.
const ACCURACY: f64 = 0.01;
/// Enough for every duration from 1 ms to 2⁵³ ms, so that no two bins are ever made one.
const BINS: u32 = 2_048;
/// The shortest duration that is told from none, in milliseconds.
const SHORTEST: f64 = 0.5;
/// No duration has a bin beyond this: that of 2⁵³ ms.
const HIGHEST_BIN: i16 = 1_850;

/// How long calls took: their exact number and sum, and a sketch of how they are spread, which can be
/// merged without loss (DDSketch, <https://www.vldb.org/pvldb/vol12/p2195-masson.pdf>).
///
/// Kept are the sketch's bins that hold anything, as pairs: its own form is dense, and is read back
/// without being checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub struct Durations {
    count: u64,
    sum_ms: u64,
    /// Those of no whole millisecond.
    zero: u64,
    bins: BTreeMap<i16, u64>,
}

/// How they are kept in the table.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    sum_ms: u64,
    #[serde(default)]
    zero: u64,
    #[serde(default)]
    bins: Vec<(i16, u64)>,
}

/// What was kept is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a bin is out of range")]
struct BinError;

impl Durations {
    /// One more.
    pub fn add(&mut self, millisecond: u64) {
        self.count = self.count.saturating_add(1);
        self.sum_ms = self.sum_ms.saturating_add(millisecond);
        let bin = match bin_of(millisecond) {
            Some(bin) => self.bins.entry(bin).or_default(),
            None => &mut self.zero,
        };
        *bin = bin.saturating_add(1);
    }

    /// Those of `other` besides.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum_ms = self.sum_ms.saturating_add(other.sum_ms);
        self.zero = self.zero.saturating_add(other.zero);
        for (bin, count) in &other.bins {
            let mine = self.bins.entry(*bin).or_default();
            *mine = mine.saturating_add(*count);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean in milliseconds, exactly; none of none.
    #[must_use]
    pub fn mean_ms(&self) -> Option<f64> {
        (self.count > 0).then(|| as_float(self.sum_ms) / as_float(self.count))
    }

    /// The duration that this part of them (0.0 to 1.0) does not exceed, in milliseconds, within 1 %;
    /// none of none.
    #[must_use]
    pub fn quantile_ms(&self, part: f64) -> Option<f64> {
        let config = config();
        let mut sketch = DDSketch::new(config);
        sketch.add_with_count(0.0, self.zero);
        for (bin, count) in &self.bins {
            sketch.add_with_count(config.value(i32::from(*bin)), *count);
        }
        sketch.quantile(part).ok().flatten()
    }
}

fn config() -> Config {
    Config::new(ACCURACY, BINS, SHORTEST)
}

fn bin_of(millisecond: u64) -> Option<i16> {
    let bin = config().key(as_float(millisecond.min(1 << 53)));
    (millisecond > 0).then(|| i16::try_from(bin).unwrap_or(HIGHEST_BIN))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "53 bits are more than a duration or a count is measured to"
)]
pub(super) fn as_float(number: u64) -> f64 {
    number as f64
}

impl From<Durations> for Stored {
    fn from(durations: Durations) -> Self {
        Self {
            sum_ms: durations.sum_ms,
            zero: durations.zero,
            bins: durations.bins.into_iter().collect(),
        }
    }
}

impl TryFrom<Stored> for Durations {
    type Error = BinError;

    fn try_from(stored: Stored) -> Result<Self, BinError> {
        let mut durations = Self {
            count: stored.zero,
            sum_ms: stored.sum_ms,
            zero: stored.zero,
            bins: BTreeMap::new(),
        };
        for (bin, count) in stored.bins {
            if !(0..=HIGHEST_BIN).contains(&bin) {
                return Err(BinError);
            }
            durations.count = durations.count.saturating_add(count);
            durations.bins.insert(bin, count);
        }
        Ok(durations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLES: usize = 20_000;

    /// A generator of numbers in `0.0..1.0`, the same each time (xorshift64).
    struct Uniform(u64);

    impl Uniform {
        fn next(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as f64 / (1u64 << 53) as f64
        }

        /// Box and Muller.
        fn normal(&mut self) -> f64 {
            let radius = (-2.0 * (1.0 - self.next()).ln()).sqrt();
            radius * (std::f64::consts::TAU * self.next()).cos()
        }
    }

    type Draw = Box<dyn FnMut() -> f64>;

    fn distributions() -> Vec<(&'static str, Draw)> {
        let mut a = Uniform(1);
        let mut b = Uniform(2);
        let mut c = Uniform(3);
        let mut d = Uniform(4);
        let mut e = Uniform(5);
        vec![
            ("uniform", Box::new(move || 1.0 + 5_000.0 * a.next())),
            (
                "exponential",
                Box::new(move || -200.0 * (1.0 - b.next()).ln()),
            ),
            (
                "log-normal",
                Box::new(move || (5.0 + 1.2 * c.normal()).exp()),
            ),
            (
                "Pareto",
                Box::new(move || 20.0 / (1.0 - d.next()).powf(1.0 / 1.5)),
            ),
            (
                "two peaks",
                Box::new(move || {
                    let slow = e.next() < 0.1;
                    let mean = if slow { 8_000.0 } else { 60.0 };
                    (mean * (1.0 + 0.05 * e.normal())).max(1.0)
                }),
            ),
        ]
    }

    /// The value at the rank that is rounded up (NIST, "nearest rank").
    fn exact(sorted: &[u64], percent: usize) -> f64 {
        let rank = (percent * sorted.len()).div_ceil(100);
        as_float(sorted[rank.clamp(1, sorted.len()) - 1])
    }

    #[test]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is drawn is a positive number of milliseconds"
    )]
    fn quantiles_are_within_2_percent_of_the_exact_ones() {
        for (name, mut draw) in distributions() {
            let mut values: Vec<u64> = (0..SAMPLES).map(|_| draw().round() as u64).collect();
            let mut durations = Durations::default();
            // In parts that are merged, as minutes are to hours.
            for part in values.chunks(333) {
                let mut minute = Durations::default();
                part.iter().for_each(|value| minute.add(*value));
                let text = serde_json::to_string(&minute).unwrap();
                durations.merge(&serde_json::from_str(&text).unwrap());
            }
            values.sort_unstable();
            for percent in [50, 90, 95, 99] {
                let wanted = exact(&values, percent);
                let found = durations.quantile_ms(percent as f64 / 100.0).unwrap();
                let error = (found - wanted).abs() / wanted;
                assert!(
                    error <= 0.02,
                    "{name} {percent}: {found} for {wanted}: {error}"
                );
            }
            let sum: u64 = values.iter().sum();
            let mean = sum as f64 / SAMPLES as f64;
            assert!((durations.mean_ms().unwrap() - mean).abs() < 1e-9, "{name}");
        }
    }

    #[test]
    fn merging_loses_nothing() {
        let mut whole = Durations::default();
        let (mut a, mut b) = (Durations::default(), Durations::default());
        for value in [0, 0, 1, 2, 3, 10, 1_000, 25_000, u64::MAX] {
            whole.add(value);
            if value % 2 == 0 { &mut a } else { &mut b }.add(value);
        }
        a.merge(&b);
        assert_eq!(a, whole);
        assert_eq!(whole.count(), 9);
        assert_eq!(whole.quantile_ms(0.0), Some(0.0));
    }

    #[test]
    fn there_is_no_mean_and_no_quantile_of_nothing() {
        let none = Durations::default();
        assert_eq!((none.mean_ms(), none.quantile_ms(0.95)), (None, None));
        assert_eq!(none.count(), 0);
    }

    #[test]
    fn what_is_no_bin_is_refused() {
        for bins in ["[[-1,1]]", "[[1851,1]]", "[[1,-1]]", "[[40000,1]]"] {
            let text = format!(r#"{{"sumMs":1,"bins":{bins}}}"#);
            assert!(serde_json::from_str::<Durations>(&text).is_err(), "{bins}");
        }
    }
}
