//! What a run would do, without doing anything.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Playbooks, grant, rotate};
use crate::domain::Error;
use crate::domain::playbook::{Approval, PlaybookRun, StepAction, StepEnd};

/// What one step would do, as everything stands now. Each step is looked at by itself: what the steps before
/// it would have changed is not thought of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepOutlook {
    /// What it does.
    pub action: StepAction,
    /// Whether it would wait for a person.
    pub approval: Approval,
    /// What would come of it.
    pub would: Would,
    /// What that means, or why.
    pub says: String,
    /// How that stands now.
    pub present: String,
    /// Whether there is a way back.
    pub can_be_undone: bool,
}

/// What would come of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Would {
    /// It would change something.
    Change,
    /// It would have nothing to do.
    Nothing,
    /// It would fail.
    Fail,
}

impl Playbooks {
    /// What the steps of a run would do. Nothing is changed, and the run is not kept.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn outlook(&self, run: &PlaybookRun) -> Result<Vec<StepOutlook>, Error> {
        let now = self.sources.now();
        let mut steps = Vec::with_capacity(run.steps.len());
        for (index, step) in run.steps.iter().enumerate() {
            let step = &step.step;
            let end = match step.action {
                StepAction::RotateCredential => rotate::outlook(&self.store, (run, index)).await?,
                StepAction::RevokeGrant => {
                    let (organization, integration) = (run.organization_id, run.integration_id);
                    match grant::outlook(&self.store, organization, integration).await? {
                        Ok(says) => StepEnd::Done(says, None),
                        Err(end) => end,
                    }
                }
                _ => self.decide_here(run, index, now).await?.end,
            };
            let (would, says) = match end {
                StepEnd::Done(says, _) => (Would::Change, says),
                StepEnd::Unchanged(says) => (Would::Nothing, says),
                StepEnd::Failed(says) => (Would::Fail, says),
            };
            steps.push(StepOutlook {
                action: step.action,
                approval: step.approval,
                would,
                says,
                present: self.present(run, step.action).await?,
                can_be_undone: would == Would::Change && step.action.can_be_undone(),
            });
        }
        Ok(steps)
    }

    /// How what a step acts on stands.
    async fn present(&self, run: &PlaybookRun, action: StepAction) -> Result<String, Error> {
        let (organization, integration) = (run.organization_id, run.integration_id);
        Ok(match action {
            StepAction::OpenBreaker => {
                let state = self.store.gateway_state(organization, integration).await?;
                match state.item.breaker {
                    Some(open) => format!("the circuit breaker is open until {}", open.open_until),
                    None => "the circuit breaker is closed".to_owned(),
                }
            }
            StepAction::SuspendIntegration => {
                let found = self.store.integration(organization, integration).await?;
                let status = found.map(|found| serde_json::to_value(found.item.status));
                match status {
                    Some(Ok(serde_json::Value::String(status))) => {
                        format!("the integration's status is `{status}`")
                    }
                    _ => "the integration is no more".to_owned(),
                }
            }
            StepAction::BlockSourceNetwork => {
                let id = run.parameters.endpoint_id;
                let found = match id {
                    Some(id) => self.store.endpoint(organization, integration, id).await?,
                    None => None,
                };
                found.map_or_else(
                    || "there is no such endpoint".to_owned(),
                    |found| {
                        let blocked = found.item.blocked_networks.len();
                        format!("{} blocks {blocked} networks", found.item.id)
                    },
                )
            }
            StepAction::Notify => {
                let setup = self.store.alert_setup(organization).await?.item;
                format!("there are {} channels", setup.channels.len())
            }
            StepAction::RotateCredential => {
                rotate::present(&self.store, (organization, integration)).await?
            }
            StepAction::RevokeGrant => {
                match grant::outlook(&self.store, organization, integration).await? {
                    Ok(_) => "there are tokens".to_owned(),
                    Err(
                        StepEnd::Done(says, _) | StepEnd::Unchanged(says) | StepEnd::Failed(says),
                    ) => says,
                }
            }
        })
    }
}
