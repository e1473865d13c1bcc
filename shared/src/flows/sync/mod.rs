//! Keeps records in step with a provider: jobs of many small steps, each of which can be done twice,
//! or die, without harm. `docs/sync.md` says what is guaranteed.

mod apply;
mod decided;
mod drifts;
mod events;
mod hints;
mod jobs;
mod link;
mod local;
mod observe;
mod pages;
mod pump;
mod purge;
mod push;
mod settings;
mod settle;
mod steps;
mod sweep;
mod tick;
mod trouble;

pub use apply::{Change, Changed, Kind, Need, Records, Tally};
pub use events::{EventDue, EventReader};
pub use hints::Hints;
pub use jobs::{Jobs, StartedJob};
pub use link::Linker;
pub use local::LocalRecords;
pub use observe::{BadRecord, Observed, RecordError, observe};
pub use pump::{FeedDue, Pump};
pub use purge::{PurgeDue, Purger};
pub use push::{Pusher, RecordDue};
pub use settings::EntitySettings;
pub use settle::{FoundConflict, Verdict};
pub use steps::{StepDue, StepEnd, Synchronizer};
pub use tick::TickReport;
