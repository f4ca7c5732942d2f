#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod account;
mod clock;
mod command;
mod fault;
mod journal;
pub mod json;
pub mod model;
#[doc(hidden)]
pub mod program;
mod raw_client;
mod seed;
mod server;
mod service;
mod shell;
mod state;
pub mod wire;

pub use account::{Account, AccountBuilder, totp};
pub use clock::Clock;
pub use fault::{Fault, Faults, Lane, NoFault};
pub use journal::Entry;
pub use model::{
    BlockEdit, Business, Hostile, LoginBlock, Model, Options, Order, Payment, edit_block, resize,
};
pub use raw_client::RawClient;
pub use seed::Seed;
pub use server::{Builder, TestServer};
pub use service::{Body, Delivery, Hold, Manner, Outcome, Reply, Service};
pub use shell::{Tls, TlsError};
pub use state::StateError;
