use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::{Error, base64};

/// The file attributes of a node: its field `fa`.
///
/// Attributes of unknown types are kept. Entries that make no sense are counted and left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileAttributes {
    entries: Vec<FileAttribute>,
    skipped: usize,
}

/// One entry of `fa`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "the three parts of the text")]
pub struct FileAttribute {
    /// The server cluster that has it. `None` in what a client writes.
    pub cluster: Option<u32>,
    /// What it is.
    pub kind: FileAttributeKind,
    /// Which one it is, or the data itself.
    pub handle: FileAttributeHandle,
}

/// The type of a file attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a number, known or not")]
pub struct FileAttributeKind(pub u32);

impl FileAttributeKind {
    /// A JPEG of 200 × 200, cropped square.
    pub const THUMBNAIL: Self = Self(0);
    /// A JPEG of at most 1000 × 1000.
    pub const PREVIEW: Self = Self(1);
    /// Size, frame rate, play time and format of a video or sound.
    pub const MEDIA: Self = Self(8);
    /// Container and codecs, where the format of [`MEDIA`](Self::MEDIA) is not enough.
    pub const MEDIA_CODECS: Self = Self(9);
}

/// The 8 bytes that name a thumbnail or preview, or that are the media data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "eight opaque bytes")]
pub struct FileAttributeHandle(pub [u8; 8]);

impl FileAttributeHandle {
    /// Reads the 11 characters of base64.
    ///
    /// # Errors
    ///
    /// [`Error::Base64`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bytes = base64::decode_array(text);
        bytes.map(Self).map_err(|source| Error::Base64 {
            what: "file attribute handle",
            source,
        })
    }
}

impl fmt::Display for FileAttributeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64::encode(&self.0))
    }
}

impl FileAttributes {
    /// The length which `fa` has to stay below (crypto-and-accounts 9.1). A longer text is not read.
    pub const MAX_TEXT: usize = 64 << 10;

    /// Reads `fa`: entries `cluster:type*handle` or `type*handle`, with `/` between them. Cluster and type are decimal numbers,
    /// the handle is 11 characters of base64.
    ///
    /// There is no error: what makes no sense is [counted](Self::skipped), a text of [`MAX_TEXT`](Self::MAX_TEXT) bytes or more as one.
    pub fn parse(text: &str) -> Self {
        let mut all = Self::default();
        if text.is_empty() {
            return all;
        }
        if text.len() >= Self::MAX_TEXT {
            all.skipped = 1;
            return all;
        }
        for entry in text.split('/') {
            match FileAttribute::parse(entry) {
                Some(entry) => all.entries.push(entry),
                None => all.skipped += 1,
            }
        }
        all
    }

    /// All entries, in the order of the text.
    pub fn entries(&self) -> &[FileAttribute] {
        &self.entries
    }

    /// The first entry of a type.
    pub fn find(&self, kind: FileAttributeKind) -> Option<&FileAttribute> {
        self.entries.iter().find(|entry| entry.kind == kind)
    }

    /// How many entries made no sense.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The text to write, in `p` or `pfa`: without clusters.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] if it would reach [`MAX_TEXT`](Self::MAX_TEXT).
    pub fn to_written(&self) -> Result<String, Error> {
        let text = self.text(|entry| FileAttribute {
            cluster: None,
            ..*entry
        });
        if text.len() < Self::MAX_TEXT {
            Ok(text)
        } else {
            Err(Error::TooLarge {
                what: "list of file attributes",
                limit: Self::MAX_TEXT - 1,
            })
        }
    }

    fn text(&self, view: impl Fn(&FileAttribute) -> FileAttribute) -> String {
        let mut text = String::with_capacity(self.entries.len() * 18);
        for entry in &self.entries {
            if !text.is_empty() {
                text.push('/');
            }
            text.push_str(&alloc::format!("{}", view(entry)));
        }
        text
    }
}

impl FromIterator<FileAttribute> for FileAttributes {
    fn from_iter<I: IntoIterator<Item = FileAttribute>>(entries: I) -> Self {
        Self {
            entries: entries.into_iter().collect(),
            skipped: 0,
        }
    }
}

impl fmt::Display for FileAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(|entry| *entry))
    }
}

impl FileAttribute {
    /// An attribute to be written: the server knows the cluster.
    pub const fn new(kind: FileAttributeKind, handle: FileAttributeHandle) -> Self {
        Self {
            cluster: None,
            kind,
            handle,
        }
    }

    fn parse(entry: &str) -> Option<Self> {
        let (place, handle) = entry.split_once('*')?;
        let (cluster, kind) = match place.split_once(':') {
            Some((cluster, kind)) => (Some(number(cluster)?), kind),
            None => (None, place),
        };
        let handle = FileAttributeHandle::parse(handle).ok()?;
        Some(Self {
            cluster,
            kind: FileAttributeKind(number(kind)?),
            handle,
        })
    }
}

impl fmt::Display for FileAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(cluster) = self.cluster {
            write!(f, "{cluster}:")?;
        }
        write!(f, "{}*{}", self.kind.0, self.handle)
    }
}

/// A decimal number of digits only: no sign, no space.
fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}
