//! How integrations are doing: what is measured of their calls and webhooks, what is checked of them,
//! and when either is looked at next.

mod certificate;
mod check;
mod durations;
mod gate;
mod roll_up;
mod silence;
mod watch;
mod width;
mod window;

pub use certificate::validity;
pub use check::{
    Check, CheckKind, CheckState, CheckTrigger, Checked, certificate_checked, credential_checked,
    grant_checked,
};
pub use durations::Durations;
pub use gate::Gate;
pub use roll_up::{LastError, RequestCounts, RollUp, WebhookCounts};
pub use silence::{HOURS_OF_HISTORY, silence_checked};
pub use watch::{CHECK_EVERY, Late, MARK_EVERY, SETTLED_AFTER, Span, Watch};
pub use width::Width;
pub use window::{Window, WindowError};
