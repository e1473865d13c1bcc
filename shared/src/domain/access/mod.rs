//! Who may do what: the words in which it is said. The rules themselves are policies.

mod action;
mod api_key;
mod elevation;
mod protection;
mod role;
mod sighting;

pub use action::{Action, ActionGroup};
pub use api_key::{ApiKey, MAX_KEY_LIFETIME, MAX_KEY_NETWORKS};
pub use elevation::{ActiveElevation, Elevation, ElevationDecision, ElevationState};
pub use protection::{Classification, DeploymentEnvironment, IntegrationAttributes};
pub use role::{Role, Roles};
pub use sighting::Sighting;
