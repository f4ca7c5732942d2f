#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod actor;
mod cancel;
mod check;
mod content;
mod defect;
mod disk;
mod fault;
mod history;
mod packets;
mod rng;
mod run;
mod shared;
mod view;
mod wire;
mod zone;

pub use self::defect::Defect;
pub use self::run::{Report, run};
