//! What comes in and goes out of runs of playbooks.

use gatehouse::domain::playbook::{PlaybookRun, PlaybookSpec, RunParameters, check_network};
use gatehouse::domain::{EndpointId, FieldError, IncidentId, IntegrationId};
use gatehouse::flows::playbooks::StepOutlook;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a playbook is run on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewRunRequest {
    /// What it acts on.
    pub(crate) integration_id: IntegrationId,
    /// The incident that it is run for: it is told there what is done.
    pub(crate) incident_id: Option<IncidentId>,
    /// Of a playbook that blocks a network: at which endpoint of the integration.
    pub(crate) endpoint_id: Option<EndpointId>,
    /// Of a playbook that blocks a network and does not say which.
    #[schema(value_type = Option<String>)]
    pub(crate) network: Option<IpNet>,
    /// Whether nothing is to be done, and only said what would be.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

impl NewRunRequest {
    /// What is wrong with it, but for what only the table knows.
    pub(crate) fn wrong_fields(&self, spec: &PlaybookSpec) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut expect = |pointer: &str, is_wanted: bool, is_given: bool| {
            let message = match (is_wanted, is_given) {
                (true, false) => "is required: the playbook blocks a network",
                (false, true) => "is of no use to this playbook",
                _ => return,
            };
            errors.push(FieldError::new(pointer, message));
        };
        expect(
            "/endpointId",
            spec.needs_endpoint(),
            self.endpoint_id.is_some(),
        );
        let needs_network = spec.needs_network_from_starter();
        expect("/network", needs_network, self.network.is_some());
        if let Some(network) = self.network {
            errors.extend(check_network("/network", network).err());
        }
        errors
    }

    pub(crate) fn parameters(&self) -> RunParameters {
        RunParameters {
            endpoint_id: self.endpoint_id,
            network: self.network,
        }
    }
}

/// What a dry run has found out. Nothing was changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DryRun {
    /// Always true.
    pub(crate) dry_run: bool,
    /// What each step would do, as everything stands now.
    pub(crate) steps: Vec<StepOutlook>,
}

/// A run that was started; or, of a dry run, what it would do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum StartedRun {
    Run(Box<PlaybookRun>),
    DryRun(DryRun),
}

/// Which step is meant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepDecision {
    /// The step's number, counted from 1: the one that waits, or nothing is decided.
    #[schema(minimum = 1, maximum = 10)]
    pub(crate) step: usize,
}

/// Which runs are listed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunQuery {
    pub(crate) incident: Option<IncidentId>,
    pub(crate) limit: Option<u16>,
    pub(crate) cursor: Option<String>,
}
