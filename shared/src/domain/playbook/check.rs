use std::collections::BTreeSet;

use ipnet::IpNet;

use super::{PlaybookSpec, PlaybookStep, StepAction, Trigger};
use crate::domain::FieldError;
use crate::domain::alert::AlertKind;
use crate::domain::incident::IncidentType;

/// The most steps of a playbook.
pub const MAX_STEPS: usize = 10;
/// The longest that a step holds calls back, and the longest that one waits for an approval.
pub const MAX_BREAKER_MINUTES: u16 = 24 * 60;
/// The longest that a step waits for a person.
pub const MAX_APPROVAL_MINUTES: u16 = 24 * 60;
const MAX_NAME: usize = 100;
const MAX_TEXT: usize = 300;
const MAX_DESCRIPTION: usize = 2_000;
const MAX_INTEGRATIONS: usize = 25;
/// No network is blocked that has more addresses than these prefixes leave: a slip would shut out
/// everybody.
const SHORTEST_V4: u8 = 8;
const SHORTEST_V6: u8 = 19;

impl PlaybookSpec {
    /// What is wrong with it, with JSON Pointers into it.
    #[must_use]
    pub fn wrong_fields(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let name = self.name.trim();
        if name.is_empty() || self.name.chars().count() > MAX_NAME {
            errors.push(FieldError::new("/name", "expected 1 to 100 characters"));
        }
        if self.description.chars().count() > MAX_DESCRIPTION {
            let message = "expected at most 2000 characters";
            errors.push(FieldError::new("/description", message));
        }
        if !(1..=MAX_APPROVAL_MINUTES).contains(&self.approval_minutes) {
            let message = "expected 1 to 1440 minutes";
            errors.push(FieldError::new("/approvalMinutes", message));
        }
        if !(1..=MAX_STEPS).contains(&self.steps.len()) {
            errors.push(FieldError::new("/steps", "expected 1 to 10 steps"));
        }
        if let Some(trigger) = &self.trigger {
            trigger.check(self.needs_endpoint(), &mut errors);
        }
        for (index, step) in self.steps.iter().enumerate().take(MAX_STEPS) {
            step.check(&format!("/steps/{index}"), &mut errors);
        }
        errors
    }

    /// Whether a run has to be told an endpoint.
    #[must_use]
    pub fn needs_endpoint(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| step.action == StepAction::BlockSourceNetwork)
    }

    /// Whether a run has to be told a network.
    #[must_use]
    pub fn needs_network_from_starter(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| step.action == StepAction::BlockSourceNetwork && step.network.is_none())
    }
}

impl Trigger {
    fn check(&self, needs_endpoint: bool, errors: &mut Vec<FieldError>) {
        if self.start == super::TriggerStart::Automatic && self.integrations.is_empty() {
            let message = "what starts by itself has to name its integrations";
            errors.push(FieldError::new("/trigger/integrations", message));
        }
        check_once(
            &self.alert_kinds,
            "/trigger/alertKinds",
            AlertKind::ALL.len(),
            errors,
        );
        check_once(
            &self.incident_types,
            "/trigger/incidentTypes",
            IncidentType::ALL.len(),
            errors,
        );
        if self.integrations.len() > MAX_INTEGRATIONS {
            let message = "expected at most 25 integrations";
            errors.push(FieldError::new("/trigger/integrations", message));
        }
        check_once(
            &self.integrations,
            "/trigger/integrations",
            MAX_INTEGRATIONS,
            errors,
        );
        if self.start == super::TriggerStart::Automatic && needs_endpoint {
            let message = "nobody says at which endpoint: `block_source_network` is for people";
            errors.push(FieldError::new("/trigger/start", message));
        }
    }
}

/// Names what is in a list for the second time.
fn check_once<T: Ord>(list: &[T], pointer: &str, most: usize, errors: &mut Vec<FieldError>) {
    let mut known = BTreeSet::new();
    for (index, one) in list.iter().enumerate().take(most.saturating_add(1)) {
        if !known.insert(one) {
            let message = "is there twice";
            errors.push(FieldError::new(format!("{pointer}/{index}"), message));
        }
    }
}

/// Whether a network may be blocked.
///
/// # Errors
///
/// What is wrong with it.
pub fn check_network(pointer: &str, network: IpNet) -> Result<(), FieldError> {
    let shortest = match network {
        IpNet::V4(_) => SHORTEST_V4,
        IpNet::V6(_) => SHORTEST_V6,
    };
    if network.prefix_len() < shortest {
        let message = format!("expected a network with a prefix of at least {shortest} bits");
        return Err(FieldError::new(pointer, message));
    }
    if network.trunc() != network {
        let message = "expected no bits set behind the prefix";
        return Err(FieldError::new(pointer, message));
    }
    Ok(())
}

impl PlaybookStep {
    fn check(&self, pointer: &str, errors: &mut Vec<FieldError>) {
        let opens = self.action == StepAction::OpenBreaker;
        let blocks = self.action == StepAction::BlockSourceNetwork;
        match self.minutes {
            Some(minutes) if opens && !(1..=MAX_BREAKER_MINUTES).contains(&minutes) => {
                let message = "expected 1 to 1440 minutes";
                errors.push(FieldError::new(format!("{pointer}/minutes"), message));
            }
            Some(_) if opens => {}
            Some(_) => {
                let message = "is for `open_breaker` only";
                errors.push(FieldError::new(format!("{pointer}/minutes"), message));
            }
            None if opens => {
                let message = "is required for `open_breaker`";
                errors.push(FieldError::new(format!("{pointer}/minutes"), message));
            }
            None => {}
        }
        if let Some(text) = &self.text {
            let at = format!("{pointer}/text");
            if self.action != StepAction::Notify {
                errors.push(FieldError::new(at, "is for `notify` only"));
            } else if text.trim().is_empty() || text.chars().count() > MAX_TEXT {
                errors.push(FieldError::new(at, "expected 1 to 300 characters"));
            }
        }
        if self.emergency.is_some() && self.action != StepAction::RotateCredential {
            let message = "is for `rotate_credential` only";
            errors.push(FieldError::new(format!("{pointer}/emergency"), message));
        }
        let at = format!("{pointer}/network");
        match self.network {
            Some(network) if blocks => errors.extend(check_network(&at, network).err()),
            Some(_) => {
                let message = "is for `block_source_network` only";
                errors.push(FieldError::new(at, message));
            }
            None => {}
        }
    }
}
