//! Data synchronization: what is synchronized and how, jobs, records, conflicts. Pure.

mod config;
pub mod conflict;
mod entity_name;
mod job;
mod local;
mod merge_patch;
pub mod paging;
mod record;
mod record_conflict;
mod source_version;
mod state;

pub use config::{
    DeleteGuard, DriftPolicy, EntitySync, EventRule, FieldMapping, FieldType, RecordCall,
    RecordCalls, SyncConfig, SyncTarget,
};
pub use entity_name::{EntityName, EntityNameError};
pub use job::{
    JobCounts, JobStatus, PagePosition, ParkedPage, SyncJob, SyncPhase, SyncTrigger, SyncType,
};
pub use local::{LocalWrite, Standing, check_new};
pub use merge_patch::merge_patch;
pub use record::{ChangeOrigin, PastVersion, RecordBody, RecordChange, RecordHead, record_digest};
pub use record_conflict::{ConflictStatus, RecordConflict};
pub use source_version::SourceVersion;
pub use state::EntityState;

/// The content of a record: its fields by name.
pub type Fields = serde_json::Map<String, serde_json::Value>;
