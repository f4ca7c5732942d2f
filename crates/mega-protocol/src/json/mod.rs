//! JSON as the service speaks it: a compact writer, a bounded reader, and scanners that resume.
//!
//! The readers work on borrowed bytes and allocate only for strings with escapes. They never
//! recurse: nesting is counted, at most [`MAX_DEPTH`] deep, and a single string is at most
//! [`MAX_STRING`] bytes (LIM-3, TRE-14). Numbers in quotes are read as numbers and `null` counts as
//! absent, because the service's own client reads them so (api-and-transfers 0.3).

mod cursor;
mod scanner;
mod value;
mod writer;

pub(crate) use cursor::{Cursor, Fault, RawString, parse_i64};
pub(crate) use scanner::{Progress, ValueScanner};
pub(crate) use value::ObjectMembers;
pub use value::{DecodeError, FromText, Object, Value};
pub use writer::{ArrayWriter, ObjectWriter};

/// The deepest nesting accepted from the service (LIM-3).
pub const MAX_DEPTH: usize = 64;

/// The longest string accepted from the service, in bytes (LIM-3).
pub const MAX_STRING: usize = 1 << 20;
