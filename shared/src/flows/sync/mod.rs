//! Keeps records in step with a provider: jobs of many small steps, each of which can be done twice,
//! or die, without harm. `docs/sync.md` says what is guaranteed.

mod apply;
mod jobs;
mod local;
mod observe;
mod pages;
mod settings;
mod settle;
mod steps;
mod sweep;
mod tick;
mod trouble;

pub use apply::{Change, Changed, Kind, Need, Records, Tally};
pub use jobs::{Jobs, StartedJob};
pub use local::LocalRecords;
pub use observe::{BadRecord, Observed, RecordError, observe};
pub use settings::EntitySettings;
pub use settle::{FoundConflict, Verdict};
pub use steps::{StepDue, StepEnd, Synchronizer};
pub use tick::TickReport;
