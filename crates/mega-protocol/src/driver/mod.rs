//! The async driver: the machines of this crate, put on a wire.

mod api;
mod builder;
mod events;
mod exchange;
mod fetch;
mod http;
mod inflate;
mod outbox;
mod pending;
mod pump;
mod request_body;
mod solver;
mod storage;

pub use api::{Api, Hold};
pub use builder::{ApiBuilder, ApiNotice, Timeouts};
pub use events::EventStream;
pub use http::{Body, BoxFuture, HttpRequest, HttpResponse, Method, Transport, UploadProgress};
pub use outbox::{LeavingBatch, Outbox};
pub use pending::PendingAnswer;
pub use request_body::{RequestBody, RequestPieces};
pub use solver::{HashcashSolver, SolverCancel};
pub use storage::{RangeStream, Storage};
