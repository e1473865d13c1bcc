use std::fmt;
use std::time::Duration;

use e2e::{Function, FunctionSettings};
use serde_json::Value;

use crate::clock::now;
use crate::process::{processor_time, resident_kilobytes};
use crate::webhook;

/// So often is each started.
pub(crate) const STARTS: usize = 9;
/// After so many calls its memory is read.
pub(crate) const CALLS: usize = 50;
/// So many calls are timed, after as many that warm it up as memory takes.
pub(crate) const RATE_CALLS: u32 = 2_000;

/// What one handler takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    start: Duration,
    kilobytes: u64,
    call: Duration,
    processor: Duration,
}

impl Measured {
    pub(crate) async fn of(settings: &FunctionSettings) -> Self {
        let mut starts = Vec::new();
        for number in 0..STARTS {
            let event = webhook(&format!("start_{number}"));
            let began = now();
            let function = Function::start(settings).await.unwrap();
            accept(&function, &event).await;
            starts.push(began.elapsed());
        }
        starts.sort_unstable();
        let function = Function::start(settings).await.unwrap();
        for number in 0..CALLS {
            accept(&function, &webhook(&format!("call_{number}"))).await;
        }
        let kilobytes = resident_kilobytes(function.process_id());
        refuse(&function).await;
        let events: Vec<Value> = (0..RATE_CALLS)
            .map(|n| webhook(&format!("r_{n}")))
            .collect();
        let (before, began) = (processor_time(function.process_id()), now());
        for event in &events {
            accept(&function, event).await;
        }
        let (took, after) = (began.elapsed(), processor_time(function.process_id()));
        Self {
            start: starts[STARTS / 2],
            kilobytes,
            call: took / RATE_CALLS,
            processor: (after - before) / RATE_CALLS,
        }
    }

    /// Each figure, as so many times that of another.
    pub(crate) fn to(&self, other: &Self) -> String {
        let ratio = |this: Duration, other: Duration| this.as_secs_f64() / other.as_secs_f64();
        let memory = u32::try_from(self.kilobytes).unwrap();
        let other_memory = u32::try_from(other.kilobytes).unwrap();
        format!(
            "{:.1} × | {:.1} × | {:.2} × | {:.1} ×",
            ratio(self.start, other.start),
            f64::from(memory) / f64::from(other_memory),
            ratio(other.call, self.call),
            ratio(self.processor, other.processor),
        )
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} ms | {}.{} MB | {:.0} | {} µs",
            self.start.as_millis(),
            self.kilobytes / 1_000,
            self.kilobytes % 1_000 / 100,
            self.call.as_secs_f64().recip(),
            self.processor.as_micros(),
        )
    }
}

async fn accept(function: &Function, event: &Value) {
    let answer = function.invoke(event).await.unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer}");
}

/// One that is not signed well is refused by each.
async fn refuse(function: &Function) {
    let mut event = webhook("forged");
    event["body"] = "{}".into();
    let answer = function.invoke(&event).await.unwrap();
    assert_eq!(answer["statusCode"], 401, "{answer}");
}
