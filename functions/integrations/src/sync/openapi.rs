//! The description of this part of the API.

use gatehouse::operations;
use utoipa::OpenApi;

use super::conflict_bodies::{ConflictDecision, ConflictView};
use super::job_bodies::{EntityView, JobView, NewSync, StartedJobs};
use super::record_bodies::{ChangePage, HistoryView, RecordView};
use super::retention::{RetentionChange, RetentionView};
use super::suggest::{SuggestionRequest, Suggestions};
use crate::bodies::ListOf;

operations! {
    start_sync: post "/portal/integrations/{integrationId}/sync", tag = "sync",
        summary = "Start a synchronization: a job for each kind of record; one that runs already is the answer",
        params(("integrationId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = NewSync, 202 => StartedJobs;
    list_entities: get "/portal/integrations/{integrationId}/sync/entities", tag = "sync",
        summary = "See what can be synchronized, and how it stands", params(("integrationId" = String, Path)),
        200 => ListOf<EntityView>;
    list_sync_jobs: get "/portal/integrations/{integrationId}/sync/jobs", tag = "sync",
        summary = "List jobs, newest first; a page may hold fewer than `limit`",
        params(("integrationId" = String, Path), ("entity" = Option<String>, Query), ("status" = Option<String>, Query),
            ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
        200 => ListOf<JobView>;
    get_sync_job: get "/portal/integrations/{integrationId}/sync/jobs/{jobId}", tag = "sync",
        summary = "Read a job", params(("integrationId" = String, Path), ("jobId" = String, Path)), 200 => JobView;
    cancel_sync_job: post "/portal/integrations/{integrationId}/sync/jobs/{jobId}/cancel", tag = "sync",
        summary = "End a job for good",
        params(("integrationId" = String, Path), ("jobId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        200 => JobView;
    retry_sync_job: post "/portal/integrations/{integrationId}/sync/jobs/{jobId}/retry", tag = "sync",
        summary = "Have a job that stopped read its page again",
        params(("integrationId" = String, Path), ("jobId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        200 => JobView;
    skip_sync_page: post "/portal/integrations/{integrationId}/sync/jobs/{jobId}/skip", tag = "sync",
        summary = "Have a job that stopped leave out what it cannot take of its page; it deletes nothing then",
        params(("integrationId" = String, Path), ("jobId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        200 => JobView;
    approve_deletes: post "/portal/integrations/{integrationId}/sync/jobs/{jobId}/approve-deletes", tag = "sync",
        summary = "Let a full run that stopped to ask delete the records that are missing",
        params(("integrationId" = String, Path), ("jobId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        200 => JobView;
    suggest_mapping: post "/portal/integrations/{integrationId}/sync/mapping/suggest", tag = "sync",
        summary = "Have a mapping of the provider's fields to ours proposed, each with a score; nothing applies it",
        params(("integrationId" = String, Path)), body = SuggestionRequest, 200 => Suggestions;
    get_record_retention: get "/portal/records/retention", tag = "records",
        summary = "See how long deleted records, ended jobs and settled conflicts are kept", 200 => RetentionView;
    replace_record_retention: put "/portal/records/retention", tag = "records",
        summary = "Say how long what is deleted, ends or is settled from now on is kept",
        params(("If-Match" = String, Header)), body = RetentionChange, 200 => RetentionView;
    list_records: get "/portal/integrations/{integrationId}/records", tag = "records",
        summary = "Read the feed of changes of a kind of record: each record once, at its newest change; a page may hold fewer than `limit`",
        params(("integrationId" = String, Path), ("entity" = String, Query),
            ("changedAfter" = Option<String>, Query, description = "an instant, or the `changesCursor` of an earlier read"),
            ("limit" = Option<u16>, Query),
            ("cursor" = Option<String>, Query, description = "the `nextCursor` of the page before; not together with `changedAfter`, which it goes on with")),
        200 => ChangePage;
    export_records: get "/portal/integrations/{integrationId}/records/export", tag = "records",
        summary = "Export the same as JSON Lines (application/x-ndjson), in pages of some 4 MB; the header Link has the next one, Gatehouse-Changes-Cursor on the last one the next `changedAfter`",
        params(("integrationId" = String, Path), ("entity" = String, Query), ("changedAfter" = Option<String>, Query, description = "an instant, or the `Gatehouse-Changes-Cursor` of an earlier export"),
            ("cursor" = Option<String>, Query, description = "as `Link` of the page before has it; not together with `changedAfter`, which it goes on with")),
        200;
    create_record: post "/portal/integrations/{integrationId}/records/{entity}", tag = "records",
        summary = "Make a record here; the provider is told after",
        params(("integrationId" = String, Path), ("entity" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = serde_json::Value, 201 => RecordView;
    create_export_record: post "/portal/integrations/{integrationId}/records/export", tag = "records",
        summary = "Make a record of a kind that is called `export`, as any other is made",
        params(("integrationId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = serde_json::Value, 201 => RecordView;
    get_record: get "/portal/integrations/{integrationId}/records/{entity}/{recordId}", tag = "records",
        summary = "Read a record, or what is left of a deleted one",
        params(("integrationId" = String, Path), ("entity" = String, Path),
            ("recordId" = String, Path, description = "the id, or `~` and the id in base64url")),
        200 => RecordView;
    replace_record: put "/portal/integrations/{integrationId}/records/{entity}/{recordId}", tag = "records",
        summary = "Replace a record's fields here; the provider is told after",
        params(("integrationId" = String, Path), ("entity" = String, Path), ("recordId" = String, Path), ("If-Match" = String, Header)),
        body = serde_json::Value, 200 => RecordView;
    update_record: patch "/portal/integrations/{integrationId}/records/{entity}/{recordId}", tag = "records",
        summary = "Change fields of a record here, by the rules of RFC 7396; the provider is told after",
        params(("integrationId" = String, Path), ("entity" = String, Path), ("recordId" = String, Path), ("If-Match" = String, Header)),
        body = serde_json::Value as "application/merge-patch+json", 200 => RecordView;
    delete_record: delete "/portal/integrations/{integrationId}/records/{entity}/{recordId}", tag = "records",
        summary = "Delete a record here; the provider is told after",
        params(("integrationId" = String, Path), ("entity" = String, Path), ("recordId" = String, Path), ("If-Match" = String, Header)),
        200 => RecordView;
    get_record_history: get "/portal/integrations/{integrationId}/records/{entity}/{recordId}/history", tag = "records",
        summary = "Read a record's versions, newest first",
        params(("integrationId" = String, Path), ("entity" = String, Path), ("recordId" = String, Path)), 200 => HistoryView;
    push_record: post "/portal/integrations/{integrationId}/records/{entity}/{recordId}/push", tag = "records",
        summary = "Have what could not be sent to the provider of a record sent again; a create that may have been done is made anew",
        params(("integrationId" = String, Path), ("entity" = String, Path), ("recordId" = String, Path),
            ("Idempotency-Key" = Option<String>, Header)),
        202 => RecordView;
    list_conflicts: get "/portal/integrations/{integrationId}/conflicts", tag = "conflicts",
        summary = "List conflicts, newest first; a page may hold fewer than `limit`",
        params(("integrationId" = String, Path), ("entity" = Option<String>, Query), ("status" = Option<String>, Query),
            ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
        200 => ListOf<ConflictView>;
    get_conflict: get "/portal/integrations/{integrationId}/conflicts/{conflictId}", tag = "conflicts",
        summary = "Read a conflict: each field with its base and both sides",
        params(("integrationId" = String, Path), ("conflictId" = String, Path)), 200 => ConflictView;
    resolve_conflict: post "/portal/integrations/{integrationId}/conflicts/{conflictId}/resolve", tag = "conflicts",
        summary = "Settle a conflict, or some fields of it, and, if wanted, those to come",
        params(("integrationId" = String, Path), ("conflictId" = String, Path), ("If-Match" = Option<String>, Header),
            ("Idempotency-Key" = Option<String>, Header)),
        body = ConflictDecision, 200 => ConflictView;
}

/// The description of this part.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
