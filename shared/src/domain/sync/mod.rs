//! Data synchronization: what is synchronized and how, jobs, records, conflicts. Pure.

mod config;
mod config_check;
pub mod conflict;
mod content_hash;
mod content_size;
mod drift;
mod entity_name;
mod feed_cursor;
mod field_mapping;
mod job;
mod local;
mod mapping;
mod merge_patch;
mod observed;
pub mod paging;
mod push;
mod record;
mod record_conflict;
mod record_link;
mod retention;
mod schedule;
mod settled;
mod source_version;
mod state;
mod suggestions;

pub use config::{
    DeleteGuard, DriftPolicy, EntitySync, EventRule, RecordCall, RecordCalls, SyncConfig,
    SyncTarget,
};
pub use content_hash::{HASH_OF_NOTHING, content_hash};
pub use content_size::{
    ContentError, MAX_CONTENT_BYTES, MAX_CONTENT_DEPTH, check_content, is_too_deep,
};
pub use drift::{Drift, DriftKind, FoundDrift, RecordSchema, SchemaChange, SchemaSeen};
pub use entity_name::{EntityName, EntityNameError};
pub use feed_cursor::FeedCursor;
pub use field_mapping::{FieldMapping, FieldType};
pub use job::{
    JobCounts, JobStatus, PagePosition, ParkedPage, SyncJob, SyncPhase, SyncTrigger, SyncType,
};
pub use local::{LocalWrite, Standing, new_content};
pub use mapping::{Mapping, MappingError, PartialRecord};
pub use merge_patch::merge_patch;
pub use observed::{Novelty, Observation, Observed};
pub use push::{
    Answered, OutgoingCall, OutgoingError, PushError, PushFailure, PushStep, Pushed, RecordPush,
    Sent, StartedCreate,
};
pub use record::{ChangeOrigin, PastVersion, RecordBody, RecordChange, RecordHead, record_digest};
pub use record_conflict::{ConflictSides, ConflictStatus, RecordConflict};
pub use record_link::RecordLink;
pub use retention::RecordRetention;
pub use schedule::{Schedule, ScheduleError};
pub use settled::Settlement;
pub use source_version::SourceVersion;
pub use state::EntityState;
pub use suggestions::{MIN_SCORE, SourceField, Suggestion, WantedField, source_fields, suggest};

/// The content of a record: its fields by name.
pub type Fields = serde_json::Map<String, serde_json::Value>;
