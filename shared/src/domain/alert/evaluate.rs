use serde::{Deserialize, Serialize};

use super::AlertKind;
use super::observation::Reading;
use super::rule::{AlertRule, Place};
use crate::domain::{AlertId, Timestamp};

/// Where a rule of an integration stands. The default is where it begins: nothing is wrong, and nothing
/// has to be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleState {
    /// How many observations in a row speak for a turn: were bad while it is quiet, or good while it fires.
    #[serde(default)]
    pub count: u16,
    /// The observation that was counted last. What is not newer is not counted again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Timestamp>,
    /// The alert that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertId>,
}

/// What a rule makes of a reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Where it stands now. Equal to what it was, if nothing has to be written.
    pub state: RuleState,
    /// What has turned.
    pub turn: Option<Turn>,
}

/// A change that people are told of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    /// It fires, at this value.
    Fires(AlertId, f64),
    /// It has resolved, at this value; without one, as the rule is no longer looked at.
    Resolves(AlertId, Option<f64>),
}

impl RuleState {
    /// What the rule makes of a reading. `fresh` is the id of the alert, should it fire.
    ///
    /// Without a reading nothing changes: what is not known is neither bad nor good. The same reading a
    /// second time changes nothing either.
    #[must_use]
    pub fn evaluate(
        self,
        (kind, rule): (AlertKind, &AlertRule),
        reading: Option<Reading>,
        fresh: AlertId,
    ) -> Evaluation {
        if !rule.enabled {
            return self.off();
        }
        let reading = reading.filter(|reading| self.last_at.is_none_or(|last| reading.at > last));
        let Some(Reading { at, value }) = reading else {
            return self.stays();
        };
        let place = rule.place(kind.bounds(), value);
        let (speaks_for_turn, after) = match self.alert {
            None => (place == Place::Bad, rule.fire_after),
            Some(_) => (place == Place::Good, rule.resolve_after),
        };
        if !speaks_for_turn {
            return self.counts(0, at);
        }
        let count = self.count.saturating_add(1);
        if count < after {
            return self.counts(count, at);
        }
        let turned = |alert| Self {
            count: 0,
            last_at: Some(at),
            alert,
        };
        match self.alert {
            None => Evaluation {
                state: turned(Some(fresh)),
                turn: Some(Turn::Fires(fresh, value)),
            },
            Some(open) => Evaluation {
                state: turned(None),
                turn: Some(Turn::Resolves(open, Some(value))),
            },
        }
    }

    /// Where it stands once a person has resolved its alert: it fires again after as many bad observations
    /// as the first time.
    #[must_use]
    pub fn settled(self) -> Self {
        Self {
            count: 0,
            alert: None,
            ..self
        }
    }

    /// A rule that is not looked at. An alert that is open ends with it.
    fn off(self) -> Evaluation {
        let turn = self.alert.map(|open| Turn::Resolves(open, None));
        let state = match turn {
            Some(_) => self.settled(),
            None => self,
        };
        Evaluation { state, turn }
    }

    fn counts(self, count: u16, at: Timestamp) -> Evaluation {
        // What changes no count has not to be remembered: seen again, it changes none either.
        if count == self.count {
            return self.stays();
        }
        Evaluation {
            state: Self {
                count,
                last_at: Some(at),
                ..self
            },
            turn: None,
        }
    }

    fn stays(self) -> Evaluation {
        Evaluation {
            state: self,
            turn: None,
        }
    }
}
