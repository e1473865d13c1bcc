//! What is the same for everything that answers HTTP: problems, extractors, page tokens.

mod authenticate;
mod authorize;
mod body;
mod change;
mod cors;
mod cursor;
mod edge;
mod extract;
mod openapi;
mod problem;
mod record;
mod request_limits;
mod security_headers;
mod upstream;

#[cfg(test)]
mod problem_tests;
#[cfg(test)]
mod tests;

pub use authenticate::{Authentication, authenticated};
pub use authorize::{Authorization, Authorized, authorized};
pub use body::{BodyLimit, Json, MergePatch};
pub use change::Change;
pub use cors::Cors;
pub use cursor::Cursor;
pub use edge::{Edge, RequestId};
pub use extract::{
    ClientAddress, IfMatch, OriginOf, PathId, PathIds, Query, etag, idempotency_key,
};
pub use openapi::{AccessTokenScheme, ProblemSchema};
pub(crate) use problem::renamed_problem;
pub use problem::{ApiError, Code, code_of};
pub use record::{Part, Recorder, recorded};
pub use security_headers::MayBeCached;
pub use upstream::UpstreamView;
