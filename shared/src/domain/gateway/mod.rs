//! What the gateway decides about a call before and after it is made: where it may go, which
//! headers pass, what is transformed and masked, what an answer means, and what is tried again.

mod call_retry;
mod config;
mod detect;
mod headers;
mod mask_path;
mod masking;
mod path_pattern;
mod rate_headers;
mod schema;
mod target;
mod transform;
mod upstream;

pub use call_retry::{CallRetry, FailedCall, Failure, is_repeatable};
pub use config::{CacheRules, EffectiveRules, GatewayConfig, RouteRules};
pub use detect::Detector;
pub use headers::{
    CallerHeaders, HeaderPattern, HeaderPatternError, HeaderRules, Passage, check_settable,
    headers_to_caller,
};
pub use mask_path::{MaskPath, MaskPathError};
pub use masking::Masking;
pub use path_pattern::{PathPattern, PathPatternError};
pub use rate_headers::{Headroom, retry_after};
pub use schema::{RequestSchema, SchemaError};
pub use target::{Target, TargetError, is_of_hosts};
pub use transform::{Transform, TransformError, TransformSide};
pub use upstream::{Answer, ErrorCategory, UpstreamProblem};
