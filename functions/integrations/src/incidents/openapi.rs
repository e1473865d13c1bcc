//! The description of this part of the API.

use gatehouse::domain::incident::{Incident, TimelineEntry};
use gatehouse::domain::playbook::{PlaybookRun, PlaybookSpec};
use gatehouse::operations;
use utoipa::OpenApi;

use super::bodies::{IncidentDetail, IncidentUpdate, NewEntry, NewIncident, NewNotes, Remark};
use super::playbook_bodies::PlaybookView;
use super::run_bodies::{NewRunRequest, StartedRun, StepDecision};
use crate::bodies::ListOf;

operations! {
    open_incident: post "/portal/incidents", tag = "incidents", summary = "Open an incident",
        params(("Idempotency-Key" = Option<String>, Header)), body = NewIncident, 201 => Incident;
    list_incidents: get "/portal/incidents", tag = "incidents",
        summary = "List incidents: those that are looked after first, each part newest first; a page may hold fewer than `limit`",
        params(("status" = Option<String>, Query), ("integration" = Option<String>, Query),
            ("minSeverity" = Option<String>, Query), ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
        200 => ListOf<Incident>;
    get_incident: get "/portal/incidents/{incidentId}", tag = "incidents",
        summary = "Read an incident, with the playbooks that are for it",
        params(("incidentId" = String, Path)), 200 => IncidentDetail;
    update_incident: patch "/portal/incidents/{incidentId}", tag = "incidents",
        summary = "Change title and severity",
        params(("incidentId" = String, Path), ("If-Match" = String, Header)),
        body = IncidentUpdate, 200 => Incident;
    list_timeline: get "/portal/incidents/{incidentId}/timeline", tag = "incidents",
        summary = "Read the timeline, newest first",
        params(("incidentId" = String, Path), ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
        200 => ListOf<TimelineEntry>;
    add_to_timeline: post "/portal/incidents/{incidentId}/timeline", tag = "incidents",
        summary = "Say something in the timeline",
        params(("incidentId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = NewEntry, 200 => Incident;
    write_notes: put "/portal/incidents/{incidentId}/notes", tag = "incidents",
        summary = "Put down what was learned, in place of what was there before",
        params(("incidentId" = String, Path), ("If-Match" = String, Header)),
        body = NewNotes, 200 => Incident;
    acknowledge_incident: post "/portal/incidents/{incidentId}/acknowledge", tag = "incidents",
        summary = "Say that you look after it",
        params(("incidentId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = Option<Remark>, 200 => Incident;
    mitigate_incident: post "/portal/incidents/{incidentId}/mitigate", tag = "incidents",
        summary = "Say that it does no more harm",
        params(("incidentId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = Option<Remark>, 200 => Incident;
    resolve_incident: post "/portal/incidents/{incidentId}/resolve", tag = "incidents",
        summary = "Say that it is over",
        params(("incidentId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = Option<Remark>, 200 => Incident;
    close_incident: post "/portal/incidents/{incidentId}/close", tag = "incidents",
        summary = "Close it for good, once its notes are written",
        params(("incidentId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = Option<Remark>, 200 => Incident;
    reopen_incident: post "/portal/incidents/{incidentId}/reopen", tag = "incidents",
        summary = "Say that it was not over after all",
        params(("incidentId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = Option<Remark>, 200 => Incident;
    create_playbook: post "/portal/playbooks", tag = "playbooks", summary = "Make a playbook",
        params(("Idempotency-Key" = Option<String>, Header)), body = PlaybookSpec, 201 => PlaybookView;
    list_playbooks: get "/portal/playbooks", tag = "playbooks",
        summary = "List playbooks: one's own, then those that are built in", 200 => ListOf<PlaybookView>;
    get_playbook: get "/portal/playbooks/{playbookId}", tag = "playbooks", summary = "Read a playbook",
        params(("playbookId" = String, Path)), 200 => PlaybookView;
    replace_playbook: put "/portal/playbooks/{playbookId}", tag = "playbooks",
        summary = "Replace what a playbook says; runs that have begun go on as they were",
        params(("playbookId" = String, Path), ("If-Match" = String, Header)),
        body = PlaybookSpec, 200 => PlaybookView;
    delete_playbook: delete "/portal/playbooks/{playbookId}", tag = "playbooks",
        summary = "Delete a playbook; runs that have begun go on",
        params(("playbookId" = String, Path), ("If-Match" = Option<String>, Header)), 204;
    run_playbook: post "/portal/playbooks/{playbookId}/runs", tag = "playbooks",
        summary = "Run a playbook on an integration; with `dryRun`, say what that would do (200)",
        params(("playbookId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = NewRunRequest, 201 => StartedRun;
    list_runs: get "/portal/playbook-runs", tag = "playbooks",
        summary = "List runs, newest first; a page may hold fewer than `limit`",
        params(("incident" = Option<String>, Query), ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
        200 => ListOf<PlaybookRun>;
    get_run: get "/portal/playbook-runs/{runId}", tag = "playbooks", summary = "Read a run: each step, and what came of it",
        params(("runId" = String, Path)), 200 => PlaybookRun;
    approve_step: post "/portal/playbook-runs/{runId}/approve", tag = "playbooks",
        summary = "Say yes to the step that waits; the run goes on",
        params(("runId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = StepDecision, 200 => PlaybookRun;
    reject_step: post "/portal/playbook-runs/{runId}/reject", tag = "playbooks",
        summary = "Say no to the step that waits; the run ends",
        params(("runId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = StepDecision, 200 => PlaybookRun;
    cancel_run: post "/portal/playbook-runs/{runId}/cancel", tag = "playbooks",
        summary = "End a run; what it has done stays",
        params(("runId" = String, Path), ("Idempotency-Key" = Option<String>, Header)), 200 => PlaybookRun;
    undo_run: post "/portal/playbook-runs/{runId}/undo", tag = "playbooks",
        summary = "Undo what a run that has ended has done, as far as there is a way back",
        params(("runId" = String, Path), ("Idempotency-Key" = Option<String>, Header)), 200 => PlaybookRun;
}

/// The description of this part.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
