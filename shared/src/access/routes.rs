//! What each route of the API is: an action, on the organization or on the integration in its path,
//! and a word of the audit trail.
//!
//! A route that is not here is answered to nobody. `http` looks requests up by the path of the
//! route that answers; functions' tests compare this with their descriptions of the API.

use crate::domain::Action;

/// What a route is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The caller's organization.
    Organization,
    /// The integration that the path names as `{integration}`.
    Integration,
}

/// One route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method; `*` for any.
    pub method: &'static str,
    /// The path as the router has it.
    pub path: &'static str,
    /// What it does.
    pub action: Action,
    /// To what.
    pub about: About,
    /// What the audit trail calls it: a stable word with a dot.
    pub word: &'static str,
    /// When it is recorded there.
    pub recording: Recording,
}

/// When something is recorded in the audit trail. What is denied always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// Before it is done, and again how it ended.
    Twice,
    /// Before it is done. It is as good as done then.
    Once,
    /// Only if it is denied. What uses credentials is among these: the call itself records each use.
    Denials,
}

impl Route {
    /// The route of a request with this method, on the router's route `path`. `HEAD` is `GET`.
    #[must_use]
    pub fn of(method: &str, path: &str) -> Option<&'static Self> {
        let method = if method == "HEAD" { "GET" } else { method };
        let mut routes = ROUTES.iter();
        routes.find(|route| route.path == path && (route.method == "*" || route.method == method))
    }
}

macro_rules! routes {
    ($($method:literal $path:literal: $action:ident of $about:ident, $word:literal $recording:ident;)+) => {
        /// Every route.
        pub const ROUTES: &[Route] = &[$(Route {
            method: $method,
            path: $path,
            action: Action::$action,
            about: About::$about,
            word: $word,
            recording: Recording::$recording,
        }),+];
    };
}

routes! {
    "GET" "/portal/providers": ReadProviders of Organization, "provider.list" Denials;
    "GET" "/portal/providers/{slug}": ReadProviders of Organization, "provider.read" Denials;
    "GET" "/portal/integrations": ListIntegrations of Organization, "integration.list" Denials;
    "POST" "/portal/integrations": CreateIntegration of Organization, "integration.create" Twice;
    "POST" "/portal/integrations:bulk": ChangeInBulk of Organization, "integration.bulk" Twice;
    "GET" "/portal/integrations/{integration}": ReadIntegration of Integration, "integration.read" Denials;
    "PATCH" "/portal/integrations/{integration}": UpdateIntegration of Integration, "integration.update" Twice;
    "DELETE" "/portal/integrations/{integration}": DeleteIntegration of Integration, "integration.delete" Twice;
    "GET" "/portal/integrations/{integration}/status": ReadIntegration of Integration, "integration.status" Denials;
    "GET" "/portal/integrations/{integration}/metrics": ReadIntegration of Integration, "metrics.read" Denials;
    "GET" "/portal/integrations/{integration}/checks": ReadIntegration of Integration, "check.list" Denials;
    "POST" "/portal/integrations/{integration}/checks/run": TestIntegration of Integration, "check.run" Twice;
    "GET" "/portal/integrations/{integration}/webhooks": ReadEndpoints of Integration, "endpoint.list" Denials;
    "POST" "/portal/integrations/{integration}/webhooks": ManageEndpoints of Integration, "endpoint.create" Twice;
    "GET" "/portal/integrations/{integration}/webhooks/logs": ReadEvents of Integration, "event.list" Denials;
    "GET" "/portal/integrations/{integration}/webhooks/events/{event}": ReadEvents of Integration, "event.read" Denials;
    "POST" "/portal/integrations/{integration}/webhooks/events/{event}/retry": RetryEvents of Integration, "event.retry" Twice;
    "GET" "/portal/integrations/{integration}/webhooks/{endpoint}": ReadEndpoints of Integration, "endpoint.read" Denials;
    "PATCH" "/portal/integrations/{integration}/webhooks/{endpoint}": ManageEndpoints of Integration, "endpoint.update" Twice;
    "DELETE" "/portal/integrations/{integration}/webhooks/{endpoint}": ManageEndpoints of Integration, "endpoint.delete" Twice;
    "POST" "/portal/integrations/{integration}/webhooks/{endpoint}/retry": RetryEvents of Integration, "event.retry_many" Twice;
    "POST" "/portal/integrations/{integration}/webhooks/{endpoint}/secrets": ManageEndpointSecrets of Integration, "secret.create" Twice;
    "DELETE" "/portal/integrations/{integration}/webhooks/{endpoint}/secrets/{secret}": ManageEndpointSecrets of Integration, "secret.delete" Twice;
    "POST" "/portal/integrations/{integration}/webhooks/{endpoint}/secrets/{secret}/reveal": ManageEndpointSecrets of Integration, "secret.reveal" Twice;
    "POST" "/portal/integrations/{integration}/webhooks/{endpoint}/test": TestEndpoint of Integration, "endpoint.test" Twice;
    "POST" "/portal/integrations/{integration}/webhooks/{endpoint}/verify": TestEndpoint of Integration, "endpoint.verify" Once;
    "GET" "/portal/integrations/{integration}/destinations": ReadDestinations of Integration, "destination.list" Denials;
    "POST" "/portal/integrations/{integration}/destinations": ManageDestinations of Integration, "destination.create" Twice;
    "GET" "/portal/integrations/{integration}/destinations/{destination}": ReadDestinations of Integration, "destination.read" Denials;
    "PATCH" "/portal/integrations/{integration}/destinations/{destination}": ManageDestinations of Integration, "destination.update" Twice;
    "DELETE" "/portal/integrations/{integration}/destinations/{destination}": ManageDestinations of Integration, "destination.delete" Twice;
    "POST" "/portal/integrations/{integration}/destinations/{destination}/secrets": RotateDestinationSecrets of Integration, "secret.rotate" Twice;
    "POST" "/portal/integrations/{integration}/destinations/{destination}/secrets/{secret}/reveal": RotateDestinationSecrets of Integration, "secret.reveal" Twice;
    "GET" "/portal/integrations/{integration}/requests": ReadRequests of Integration, "request.list" Denials;
    "POST" "/portal/integrations/{integration}/requests": CallProvider of Integration, "request.create" Denials;
    "POST" "/portal/integrations/{integration}/requests:batch": CallProvider of Integration, "request.batch" Denials;
    "GET" "/portal/integrations/{integration}/requests/{request}": ReadRequests of Integration, "request.read" Denials;
    "POST" "/portal/integrations/{integration}/test": TestIntegration of Integration, "credential.test" Denials;
    "DELETE" "/portal/integrations/{integration}/cache": PurgeCache of Integration, "cache.purge" Twice;
    "*" "/portal/integrations/{integration}/proxy/{*path}": CallProvider of Integration, "request.proxy" Denials;
    "POST" "/portal/integrations/{integration}/directory/users:lookup": LookUpUsers of Integration, "directory.lookup" Denials;
    "GET" "/portal/integrations/{integration}/oauth": ReadGrant of Integration, "grant.read" Denials;
    "POST" "/portal/integrations/{integration}/oauth/authorize": ConnectGrant of Integration, "grant.authorize" Twice;
    "POST" "/portal/integrations/{integration}/oauth/revoke": RevokeGrant of Integration, "grant.revoke" Twice;
    "GET" "/portal/records/retention": ReadRetention of Organization, "retention.read" Denials;
    "PUT" "/portal/records/retention": ManageRetention of Organization, "retention.replace" Twice;
    "POST" "/portal/integrations/{integration}/sync": StartSync of Integration, "sync.start" Twice;
    "GET" "/portal/integrations/{integration}/sync/entities": ReadSync of Integration, "sync.list" Denials;
    "GET" "/portal/integrations/{integration}/sync/jobs": ReadSync of Integration, "sync_job.list" Denials;
    "GET" "/portal/integrations/{integration}/sync/jobs/{job}": ReadSync of Integration, "sync_job.read" Denials;
    "POST" "/portal/integrations/{integration}/sync/jobs/{job}/cancel": ManageSync of Integration, "sync_job.cancel" Twice;
    "POST" "/portal/integrations/{integration}/sync/jobs/{job}/retry": ManageSync of Integration, "sync_job.retry" Twice;
    "POST" "/portal/integrations/{integration}/sync/jobs/{job}/skip": ManageSync of Integration, "sync_job.skip" Twice;
    "POST" "/portal/integrations/{integration}/sync/jobs/{job}/approve-deletes": ManageSync of Integration, "sync_job.approve" Twice;
    "POST" "/portal/integrations/{integration}/sync/mapping/suggest": ReadRecords of Integration, "mapping.suggest" Once;
    "GET" "/portal/integrations/{integration}/records": ReadRecords of Integration, "record.list" Denials;
    "GET" "/portal/integrations/{integration}/records/export": ReadRecords of Integration, "record.export" Once;
    "POST" "/portal/integrations/{integration}/records/export": WriteRecords of Integration, "record.create" Twice;
    "POST" "/portal/integrations/{integration}/records/{entity}": WriteRecords of Integration, "record.create" Twice;
    "GET" "/portal/integrations/{integration}/records/{entity}/{record}": ReadRecords of Integration, "record.read" Denials;
    "PUT" "/portal/integrations/{integration}/records/{entity}/{record}": WriteRecords of Integration, "record.replace" Twice;
    "PATCH" "/portal/integrations/{integration}/records/{entity}/{record}": WriteRecords of Integration, "record.update" Twice;
    "DELETE" "/portal/integrations/{integration}/records/{entity}/{record}": WriteRecords of Integration, "record.delete" Twice;
    "GET" "/portal/integrations/{integration}/records/{entity}/{record}/history": ReadRecords of Integration, "record.history" Denials;
    "POST" "/portal/integrations/{integration}/records/{entity}/{record}/push": WriteRecords of Integration, "record.push" Twice;
    "GET" "/portal/integrations/{integration}/conflicts": ReadRecords of Integration, "conflict.list" Denials;
    "GET" "/portal/integrations/{integration}/conflicts/{conflict}": ReadRecords of Integration, "conflict.read" Denials;
    "POST" "/portal/integrations/{integration}/conflicts/{conflict}/resolve": ResolveConflicts of Integration, "conflict.resolve" Twice;
    "GET" "/portal/integrations/{integration}/alerts/rules": ReadAlertRules of Integration, "alert_rules.read_integration" Denials;
    "PUT" "/portal/integrations/{integration}/alerts/rules": ManageAlertRules of Integration, "alert_rules.replace_integration" Twice;
    "GET" "/portal/alerts": ReadAlerts of Organization, "alert.list" Denials;
    "GET" "/portal/alerts/rules": ReadAlerts of Organization, "alert_rules.read" Denials;
    "PUT" "/portal/alerts/rules": ManageAlerts of Organization, "alert_rules.replace" Twice;
    "GET" "/portal/alerts/channels": ReadAlerts of Organization, "channel.list" Denials;
    "POST" "/portal/alerts/channels": ManageAlerts of Organization, "channel.create" Twice;
    "GET" "/portal/alerts/channels/{channel}": ReadAlerts of Organization, "channel.read" Denials;
    "PUT" "/portal/alerts/channels/{channel}": ManageAlerts of Organization, "channel.replace" Twice;
    "DELETE" "/portal/alerts/channels/{channel}": ManageAlerts of Organization, "channel.delete" Twice;
    "POST" "/portal/alerts/channels/{channel}/test": SettleAlerts of Organization, "channel.test" Twice;
    "GET" "/portal/alerts/silences": ReadAlerts of Organization, "silence.list" Denials;
    "POST" "/portal/alerts/silences": SettleAlerts of Organization, "silence.create" Twice;
    "GET" "/portal/alerts/silences/{silence}": ReadAlerts of Organization, "silence.read" Denials;
    "PUT" "/portal/alerts/silences/{silence}": SettleAlerts of Organization, "silence.replace" Twice;
    "DELETE" "/portal/alerts/silences/{silence}": SettleAlerts of Organization, "silence.delete" Twice;
    "GET" "/portal/alerts/{alert}": ReadAlerts of Organization, "alert.read" Denials;
    "POST" "/portal/alerts/{alert}/acknowledge": SettleAlerts of Organization, "alert.acknowledge" Twice;
    "POST" "/portal/alerts/{alert}/resolve": SettleAlerts of Organization, "alert.resolve" Twice;
    "POST" "/portal/integrations/{integration}/credentials/rotate": RotateCredentials of Integration, "rotation.request" Twice;
    "GET" "/portal/integrations/{integration}/rotations": ReadRotations of Integration, "rotation.list" Denials;
    "POST" "/portal/integrations/{integration}/rotations/pause": ManageRotations of Integration, "rotation_policy.pause" Twice;
    "POST" "/portal/integrations/{integration}/rotations/resume": ManageRotations of Integration, "rotation_policy.resume" Twice;
    "GET" "/portal/integrations/{integration}/rotations/{rotation}": ReadRotations of Integration, "rotation.read" Denials;
    "POST" "/portal/integrations/{integration}/rotations/{rotation}/cancel": ManageRotations of Integration, "rotation.cancel" Twice;
    "POST" "/portal/integrations/{integration}/rotations/{rotation}/cleaned-up": ManageRotations of Integration, "rotation.clean_up" Twice;
    "GET" "/portal/integrations/{integration}/rotation-policy": ReadRotations of Integration, "rotation_policy.read" Denials;
    "PUT" "/portal/integrations/{integration}/rotation-policy": ManageRotations of Integration, "rotation_policy.replace" Twice;
    "GET" "/portal/data-keys": ReadRotations of Organization, "data_key.read" Denials;
    "POST" "/portal/data-keys/rotate": RotateDataKey of Organization, "data_key.rotate" Twice;
    "GET" "/portal/rotations/emergency": ReadRotations of Organization, "emergency.list" Denials;
    "POST" "/portal/rotations/emergency": RotateInEmergency of Organization, "emergency.start" Twice;
    "GET" "/portal/rotations/emergency/{rotation}": ReadRotations of Organization, "emergency.read" Denials;
    "GET" "/portal/access/revocations": ListRevocations of Organization, "revocation.list" Denials;
    "POST" "/portal/access/revocations": RevokeTokens of Organization, "revocation.create" Twice;
    "GET" "/portal/access/keys": ListApiKeys of Organization, "api_key.list" Denials;
    "POST" "/portal/access/keys": CreateApiKey of Organization, "api_key.create" Twice;
    "DELETE" "/portal/access/keys/{key}": RevokeApiKey of Organization, "api_key.revoke" Twice;
    "GET" "/portal/access/elevations": ListElevations of Organization, "elevation.list" Denials;
    "POST" "/portal/access/elevations": RequestElevation of Organization, "elevation.request" Twice;
    "POST" "/portal/access/elevations/{elevation}/approve": ApproveElevation of Organization, "elevation.approve" Twice;
    "POST" "/portal/access/elevations/{elevation}/deny": DenyElevation of Organization, "elevation.deny" Twice;
    "DELETE" "/portal/access/elevations/{elevation}": EndElevation of Organization, "elevation.end" Twice;
    "GET" "/portal/incidents": ReadIncidents of Organization, "incident.list" Denials;
    "POST" "/portal/incidents": ManageIncidents of Organization, "incident.create" Twice;
    "GET" "/portal/incidents/{incident}": ReadIncidents of Organization, "incident.read" Denials;
    "PATCH" "/portal/incidents/{incident}": ManageIncidents of Organization, "incident.update" Twice;
    "GET" "/portal/incidents/{incident}/timeline": ReadIncidents of Organization, "incident.timeline" Denials;
    "POST" "/portal/incidents/{incident}/timeline": ManageIncidents of Organization, "incident.note" Twice;
    "PUT" "/portal/incidents/{incident}/notes": ManageIncidents of Organization, "incident.write_notes" Twice;
    "POST" "/portal/incidents/{incident}/acknowledge": ManageIncidents of Organization, "incident.acknowledge" Twice;
    "POST" "/portal/incidents/{incident}/mitigate": ManageIncidents of Organization, "incident.mitigate" Twice;
    "POST" "/portal/incidents/{incident}/resolve": ManageIncidents of Organization, "incident.resolve" Twice;
    "POST" "/portal/incidents/{incident}/close": ManageIncidents of Organization, "incident.close" Twice;
    "POST" "/portal/incidents/{incident}/reopen": ManageIncidents of Organization, "incident.reopen" Twice;
    "GET" "/portal/playbooks": ReadIncidents of Organization, "playbook.list" Denials;
    "POST" "/portal/playbooks": ManagePlaybooks of Organization, "playbook.create" Twice;
    "GET" "/portal/playbooks/{playbook}": ReadIncidents of Organization, "playbook.read" Denials;
    "PUT" "/portal/playbooks/{playbook}": ManagePlaybooks of Organization, "playbook.replace" Twice;
    "DELETE" "/portal/playbooks/{playbook}": ManagePlaybooks of Organization, "playbook.delete" Twice;
    "POST" "/portal/playbooks/{playbook}/runs": RunPlaybooks of Organization, "playbook.run" Twice;
    "GET" "/portal/playbook-runs": ReadIncidents of Organization, "playbook_run.list" Denials;
    "GET" "/portal/playbook-runs/{run}": ReadIncidents of Organization, "playbook_run.read" Denials;
    "POST" "/portal/playbook-runs/{run}/approve": ApprovePlaybooks of Organization, "playbook_run.approve" Twice;
    "POST" "/portal/playbook-runs/{run}/reject": ApprovePlaybooks of Organization, "playbook_run.reject" Twice;
    "POST" "/portal/playbook-runs/{run}/cancel": RunPlaybooks of Organization, "playbook_run.cancel" Twice;
    "POST" "/portal/playbook-runs/{run}/undo": RunPlaybooks of Organization, "playbook_run.undo" Twice;
    "GET" "/portal/audit": ReadAudit of Organization, "audit.read" Once;
    "GET" "/portal/audit/export": ReadAudit of Organization, "audit.export" Once;
    "POST" "/portal/audit/verify": VerifyAudit of Organization, "audit.verify" Once;
    "GET" "/portal/access/review": ReviewAccess of Organization, "access.review" Once;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_route_has_one_row() {
        let rows: BTreeSet<_> = ROUTES
            .iter()
            .map(|route| (route.method, route.path))
            .collect();
        assert_eq!(rows.len(), ROUTES.len());
    }

    #[test]
    fn what_is_about_an_integration_names_it() {
        for route in ROUTES {
            let names = route.path.starts_with("/portal/integrations/{integration}");
            assert_eq!(names, route.about == About::Integration, "{route:?}");
        }
    }

    #[test]
    fn changes_are_recorded_and_the_documentation_names_every_word() {
        let documentation = include_str!("../../../docs/audit.md");
        for route in ROUTES {
            let is_safe = route.method == "GET";
            // The call itself records that it uses credentials.
            let is_call = ["request.", "credential.test", "directory."];
            let is_call = is_call.iter().any(|call| route.word.starts_with(call));
            let is_recorded = route.recording != Recording::Denials;
            assert!(is_safe || is_call || is_recorded, "{route:?}");
            let word = format!("`{}`", route.word);
            assert!(documentation.contains(&word), "docs/audit.md lacks {word}");
        }
    }

    #[test]
    fn a_head_is_a_get_and_what_is_unknown_is_nothing() {
        let path = "/portal/integrations";
        assert_eq!(Route::of("HEAD", path), Route::of("GET", path));
        assert!(Route::of("GET", path).is_some());
        assert_eq!(Route::of("PUT", path), None);
        assert_eq!(Route::of("GET", "/portal/nothing"), None);
        let proxy = "/portal/integrations/{integration}/proxy/{*path}";
        assert!(Route::of("PURGE", proxy).is_some());
    }
}
