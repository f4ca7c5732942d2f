//! Chapters. Each has one program that is run with the tests, against the embedded server; the one on faults is made by them.

#[doc = include_str!("accounts.md")]
pub mod accounts {}

#[doc = include_str!("cache.md")]
pub mod cache {}

#[doc = include_str!("paths.md")]
pub mod paths {}

#[doc = include_str!("names.md")]
pub mod names {}

#[doc = include_str!("integrity.md")]
pub mod integrity {}

#[doc = include_str!("links.md")]
pub mod links {}

#[doc = include_str!("events.md")]
pub mod events {}

#[doc = include_str!("faults.md")]
pub mod faults {}

#[doc = include_str!("limits.md")]
pub mod limits {}

#[doc = include_str!("security.md")]
pub mod security {}

#[doc = include_str!("coming_from.md")]
pub mod coming_from {}
