#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation
    )
)]

mod base64;
mod code;
mod command;
pub mod commands;
#[cfg(feature = "driver")]
mod driver;
mod error;
pub mod events;
pub mod fetch;
mod handle;
mod hashcash;
mod identity;
pub mod json;
pub mod lane;
mod node;
mod random;
mod records;
#[cfg(feature = "reqwest")]
mod reqwest_body;
#[cfg(feature = "reqwest")]
mod reqwest_transport;
mod retry;
mod secret;
mod sequence;
pub mod storage;
pub mod transport;
mod url;

pub use code::ApiCode;
pub use command::{
    Answer, Command, Effect, EncodedCommand, Lane, ReplyError, ReplyForm, decode_reply,
};
#[cfg(feature = "driver")]
pub use driver::{
    Api, ApiBuilder, ApiNotice, Body, BoxFuture, EventStream, HashcashSolver, Hold, HttpRequest,
    HttpResponse, LeavingBatch, Method, Outbox, PendingAnswer, RangeStream, RequestBody,
    RequestPieces, SolverCancel, Storage, Timeouts, Transport, UploadProgress,
};
pub use error::{Error, ErrorKind, ProofOfWorkError, Refusal};
pub use handle::{
    AttributeHandle, InvalidHandle, NodeHandle, PendingContactHandle, PublicHandle, SessionNumber,
    UserHandle,
};
pub use hashcash::HashcashChallenge;
pub use identity::{Identity, InvalidWriteAuth, WriteAuth};
pub use lane::{ChangeOutcome, EndedChange, RequestId, SentCommand, SentRequest};
pub use node::{AccessLevel, NodeDefects, NodeKind, NodeRecord, RawNode, RawShare};
pub use records::{
    Invitation, OutgoingShare, OutgoingShareTarget, PublicLink, ShareKeyRecord, UserRecord,
    UserRelation,
};
#[cfg(feature = "reqwest")]
pub use reqwest_transport::{ReqwestTransport, ReqwestTransportBuilder, TransportSetupError};
pub use retry::RetryPolicy;
pub use secret::{Blob, PrivateText, Secret, SessionId};
pub use sequence::{InvalidSequenceTag, SequenceNumber, SequenceTag};
pub use url::{ServerUrl, UrlError, UrlPolicy, UrlUse};
