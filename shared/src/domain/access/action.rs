use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Actions that the policies speak of together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActionGroup {
    /// What anybody with a role may do: look at set-up.
    Reading,
    /// Looking at what was sent and received.
    ReadingData,
    /// Setting integrations up.
    SettingUp,
    /// Bringing in, replacing and ending secrets.
    Secrets,
    /// Having integrations work.
    Operating,
    /// Protecting an integration less than before.
    Lowering,
    /// Looking at who did and may do what.
    Auditing,
    /// Giving and taking rights.
    Administering,
    /// Deciding who is an owner.
    Owning,
    /// What a person does for himself.
    Asking,
}

macro_rules! actions {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal in $group:ident;)+) => {
        /// Everything that a caller can ask for. Its name is the same here, in the policies, in an
        /// API key's `actions` and in the audit trail.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
        )]
        pub enum Action {
            $($(#[$doc])+ #[serde(rename = $name)] #[schema(rename = $name)] $variant,)+
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What it is spoken of together with.
            #[must_use]
            pub fn group(self) -> ActionGroup {
                match self { $(Self::$variant => ActionGroup::$group),+ }
            }
        }
    };
}

actions! {
    /// Look at the catalogue.
    ReadProviders = "readProviders" in Reading;
    /// List the organization's integrations.
    ListIntegrations = "listIntegrations" in Reading;
    /// Look at one, and how it is doing.
    ReadIntegration = "readIntegration" in Reading;
    /// Look at incidents, playbooks, and what was done.
    ReadIncidents = "readIncidents" in Reading;
    /// Look at its endpoints.
    ReadEndpoints = "readEndpoints" in Reading;
    /// Look at its destinations.
    ReadDestinations = "readDestinations" in Reading;
    /// Look at its grant, without the tokens.
    ReadGrant = "readGrant" in Reading;
    /// Look at what is synchronized, and how its jobs are doing.
    ReadSync = "readSync" in Reading;
    /// Look at rotations of credentials, and when they are planned.
    ReadRotations = "readRotations" in Reading;
    /// Hand in several operations at once; each is decided by itself.
    ChangeInBulk = "changeInBulk" in Reading;
    /// Look at alerts, their rules, channels and silences.
    ReadAlerts = "readAlerts" in Reading;
    /// Look at the rules of an integration's alerts.
    ReadAlertRules = "readAlertRules" in Reading;
    /// Look at how long records are kept that are deleted.
    ReadRetention = "readRetention" in Reading;
    /// Look at its events.
    ReadEvents = "readEvents" in ReadingData;
    /// Look at its log of requests.
    ReadRequests = "readRequests" in ReadingData;
    /// Look at its records and their conflicts.
    ReadRecords = "readRecords" in ReadingData;
    /// Make an integration.
    CreateIntegration = "createIntegration" in SettingUp;
    /// Change one.
    UpdateIntegration = "updateIntegration" in SettingUp;
    /// Delete one.
    DeleteIntegration = "deleteIntegration" in SettingUp;
    /// Register, change and delete endpoints.
    ManageEndpoints = "manageEndpoints" in SettingUp;
    /// Make, change and delete destinations.
    ManageDestinations = "manageDestinations" in SettingUp;
    /// Change the rules of the organization's alerts, and its channels.
    ManageAlerts = "manageAlerts" in SettingUp;
    /// Change the rules of an integration's alerts.
    ManageAlertRules = "manageAlertRules" in SettingUp;
    /// Say how long records are kept that are deleted.
    ManageRetention = "manageRetention" in SettingUp;
    /// Bring in an integration's credentials, or replace them.
    ChangeCredentials = "changeCredentials" in Secrets;
    /// Have credentials replaced.
    RotateCredentials = "rotateCredentials" in Secrets;
    /// Say when they are, hold that back, and end or tidy up after rotations.
    ManageRotations = "manageRotations" in Secrets;
    /// Have the credentials of many integrations replaced at once.
    RotateInEmergency = "rotateInEmergency" in Secrets;
    /// Have the organization's data key replaced.
    RotateDataKey = "rotateDataKey" in Secrets;
    /// Add and delete signing secrets of endpoints.
    ManageEndpointSecrets = "manageEndpointSecrets" in Secrets;
    /// Make new signing secrets of destinations.
    RotateDestinationSecrets = "rotateDestinationSecrets" in Secrets;
    /// Obtain a grant.
    ConnectGrant = "connectGrant" in Secrets;
    /// End a grant.
    RevokeGrant = "revokeGrant" in Secrets;
    /// Call the provider.
    CallProvider = "callProvider" in Operating;
    /// Try the credentials.
    TestIntegration = "testIntegration" in Operating;
    /// Send an endpoint a signed sample, or have a captured request explained.
    TestEndpoint = "testEndpoint" in Operating;
    /// Look users up in a directory.
    LookUpUsers = "lookUpUsers" in Operating;
    /// Make failed deliveries again.
    RetryEvents = "retryEvents" in Operating;
    /// Forget cached answers.
    PurgeCache = "purgeCache" in Operating;
    /// Start a synchronization.
    StartSync = "startSync" in Operating;
    /// Cancel a job, have it go on, or approve what it would delete.
    ManageSync = "manageSync" in Operating;
    /// Make, change and delete records, here and at the provider.
    WriteRecords = "writeRecords" in Operating;
    /// Decide what becomes of a conflict.
    ResolveConflicts = "resolveConflicts" in Operating;
    /// Open incidents, and look after them.
    ManageIncidents = "manageIncidents" in Operating;
    /// Start playbooks, end their runs, and undo them.
    RunPlaybooks = "runPlaybooks" in Operating;
    /// Say yes or no to a step of a playbook.
    ApprovePlaybooks = "approvePlaybooks" in Operating;
    /// Make, change and delete playbooks.
    ManagePlaybooks = "managePlaybooks" in SettingUp;
    /// Acknowledge alerts and end them, silence them, and test channels.
    SettleAlerts = "settleAlerts" in Operating;
    /// Lower an integration's classification, or move it out of production.
    LowerProtection = "lowerProtection" in Lowering;
    /// Look at the audit trail.
    ReadAudit = "readAudit" in Auditing;
    /// Have the audit trail checked.
    VerifyAudit = "verifyAudit" in Auditing;
    /// Look at who may do what.
    ReviewAccess = "reviewAccess" in Auditing;
    /// List API keys.
    ListApiKeys = "listApiKeys" in Auditing;
    /// List which access tokens are revoked.
    ListRevocations = "listRevocations" in Auditing;
    /// Revoke access tokens.
    RevokeTokens = "revokeTokens" in Administering;
    /// Make an API key.
    CreateApiKey = "createApiKey" in Administering;
    /// Revoke an API key.
    RevokeApiKey = "revokeApiKey" in Administering;
    /// Allow somebody else an elevation.
    ApproveElevation = "approveElevation" in Administering;
    /// Refuse somebody an elevation.
    DenyElevation = "denyElevation" in Administering;
    /// Make somebody an owner, by a key or for a time.
    GrantOwner = "grantOwner" in Owning;
    /// List elevations: one's own, or all, for who may review.
    ListElevations = "listElevations" in Asking;
    /// Ask for another role for a time.
    RequestElevation = "requestElevation" in Asking;
    /// End an elevation before its time.
    EndElevation = "endElevation" in Asking;
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema as _;

    use super::*;

    #[test]
    fn the_schema_has_the_names_that_are_sent() {
        let schema = serde_json::to_value(Action::schema()).unwrap();
        assert_eq!(schema["enum"], serde_json::to_value(Action::ALL).unwrap());
    }
}
