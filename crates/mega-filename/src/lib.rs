#![doc = include_str!("../README.md")]
#![no_std]
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

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod decode;
mod display;
mod encode;
mod local;
mod local_name;
mod lookup;
mod mask;
mod mask_text;
mod replacement;
mod reversible;
mod sha256;
mod shorten;
mod shown;
mod splice;

pub use display::display_name;
pub use local::LocalPolicy;
pub use local_name::LocalName;
pub use lookup::Wanted;
pub use mask::Mask;
pub use mask_text::{ParseMaskError, ParseMaskErrorKind};
pub use reversible::Reversible;
