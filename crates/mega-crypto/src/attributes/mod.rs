//! The attributes of a node: its name, its fingerprint and whatever else clients store with it
//! (crypto-and-accounts 5).
//!
//! | you want to | use |
//! |---|---|
//! | read and change the attributes of one node | [`Attributes`] |
//! | load a million nodes | [`decrypt_many`] and [`text_in`], or [`decrypt_in_place`], and [`Members`] |

mod container;
mod fields;
mod find;
mod reader;
mod set;
mod value;

pub use self::container::{
    MAX_READ, MAX_WRITTEN, decrypt_in_place, decrypt_many, encrypt, text_in,
};
pub use self::fields::{Label, MAX_DESCRIPTION, MAX_TAGS};
pub use self::reader::{MAX_DEPTH, Members};
pub use self::set::{Attributes, MAX_NAME};
pub use self::value::{RawName, RawValue};
