//! Alerts: what is watched, when it fires and resolves, who is told and who is not. Pure.
//!
//! A rule looks at one number of an integration. It fires once the number was over its bound so many
//! times in a row, and resolves once it was under a lower bound so many times in a row; between the two
//! bounds nothing changes. So a number that swings about one bound raises one alert and not twenty.

#[expect(
    clippy::module_inception,
    reason = "an alert is what the module is about"
)]
mod alert;
mod book;
mod channel;
mod evaluate;
mod kind;
mod message;
mod notice;
mod observation;
mod rule;
mod setup;
mod silence;
mod volume;

pub use alert::{Alert, AlertEvent, AlertMoment, AlertState};
pub use book::AlertBook;
pub use channel::{AlertChannel, ChannelState, ChannelTarget};
pub use evaluate::{Evaluation, RuleState, Turn};
pub use kind::{AlertKind, AlertSeverity};
pub use message::{ChannelMessage, messages, told};
pub use notice::{AlertNotice, NoticeBody, PlaybookNotice};
pub use observation::{
    CallWindow, Expiry, HourVolume, Observation, Reading, RotationEnd, WebhookWindow,
};
pub use rule::{AlertRule, AlertRuleChange, AlertRuleChanges, Bounds, effective_rule};
pub use setup::AlertSetup;
pub use silence::{AlertMatcher, Recurrence, Silence, SilenceEffect};
pub use volume::{VolumeSlot, slot_of};

#[cfg(test)]
mod tests;
