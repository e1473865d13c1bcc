use std::time::Duration;

use proptest::prelude::*;
use ulid::Ulid;

use super::*;
use crate::domain::{AlertId, ChannelId, IntegrationId, OrganizationId, SilenceId, Timestamp};

mod rules;
mod traces;
mod words;

/// A Monday at midnight.
const BEGINNING: i64 = 1_764_547_200;

fn minute(number: i64) -> Timestamp {
    Timestamp::from_second(BEGINNING + number * 60).unwrap()
}

fn hour(number: i64) -> Timestamp {
    minute(number * 60)
}

fn id(number: u128) -> Ulid {
    Ulid::from_parts(1_764_547_200_000, number)
}

/// What happens to one rule with its defaults: each minute an observation as `change` makes it.
struct Watched {
    kind: AlertKind,
    rule: AlertRule,
    state: RuleState,
    minutes: i64,
    /// At which minute it fired (true) and resolved (false).
    turns: Vec<(i64, bool)>,
}

impl Watched {
    fn new(kind: AlertKind) -> Self {
        Self {
            kind,
            rule: kind.defaults(),
            state: RuleState::default(),
            minutes: 0,
            turns: Vec::new(),
        }
    }

    fn sees(&mut self, change: impl Fn(&mut Observation)) -> &mut Self {
        let mut observation = Observation::new(minute(self.minutes));
        change(&mut observation);
        let reading = observation.reading(self.kind, &self.rule, None);
        self.reads(reading)
    }

    fn reads(&mut self, reading: Option<Reading>) -> &mut Self {
        let fresh = AlertId::from(id(u128::try_from(self.minutes).unwrap()));
        let evaluation = self.state.evaluate((self.kind, &self.rule), reading, fresh);
        if let Some(turn) = evaluation.turn {
            let fires = matches!(turn, Turn::Fires(..));
            self.turns.push((self.minutes, fires));
        }
        self.state = evaluation.state;
        self.minutes += 1;
        self
    }

    fn sees_for(&mut self, minutes: u32, change: impl Fn(&mut Observation)) -> &mut Self {
        for _ in 0..minutes {
            self.sees(&change);
        }
        self
    }
}
