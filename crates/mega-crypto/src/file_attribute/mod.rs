//! File attributes: thumbnails, previews and media data that belong to a file
//! (crypto-and-accounts 9).
//!
//! A node names them in its field `fa`. Thumbnails and previews lie on servers of their own, are
//! named by an 8-byte handle and encrypted with the node's [`AttributeKey`](crate::AttributeKey).
//! The "handle" of media data is the data itself: see [`media`](crate::media).
//!
//! ```
//! use mega_crypto::file_attribute::{FileAttributeKind, FileAttributes};
//! let fa = FileAttributes::parse("924:0*TzyTJSIAHYE/924:1*tPwd3geGEoM");
//! let thumbnail = fa.find(FileAttributeKind::THUMBNAIL).unwrap();
//! assert_eq!(thumbnail.cluster, Some(924));
//! assert_eq!(fa.to_string(), "924:0*TzyTJSIAHYE/924:1*tPwd3geGEoM");
//! ```

mod image;
mod list;
mod records;

pub use self::image::{MAX_LEN, decrypt_image, encrypt_image};
pub use self::list::{FileAttribute, FileAttributeHandle, FileAttributeKind, FileAttributes};
pub use self::records::{FetchedAttribute, fetched_attributes};
