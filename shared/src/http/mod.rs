//! What is the same for everything that answers HTTP: problems, extractors, page tokens.

mod authenticate;
mod cursor;
mod edge;
mod extract;
mod openapi;
mod problem;

pub use authenticate::Authentication;
pub use cursor::Cursor;
pub use edge::{Edge, RequestId};
pub use extract::{ClientAddress, IfMatch, Json, PathId, PathIds, Query, etag};
pub use openapi::ProblemSchema;
pub use problem::{ApiError, Code, code_of};
