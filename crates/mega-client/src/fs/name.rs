//! Names that a caller chooses: checked, stored, and made unique.

use mega_filename::Mask;

use crate::error::{Error, ErrorKind, Result};
use crate::node::SHOWN;
use crate::tree::Tree;
use crate::tree::arena::Index;

/// The longest name in bytes, as it is stored. The encrypted attributes hold at most 64 KiB (crypto-and-accounts 5.1), with room for
/// the other attributes.
pub(crate) const MAX_NAME: usize = 60 << 10;

/// A name in the two forms that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// What lookups compare.
    pub(crate) decoded: Box<[u8]>,
    /// What is written into the attributes.
    pub(crate) stored: String,
}

impl Name {
    /// Reads a name that a caller gives in the shown form.
    ///
    /// Anything but an empty or endless text is a name: what a path cannot hold, such as `/`, `.` and `..`, is encoded by the mask.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`].
    pub(crate) fn shown(mask: Mask, shown: &str) -> Result<Self> {
        Self::decoded(mask, &SHOWN.decode(shown.as_bytes()))
    }

    /// Takes a name in the decoded form.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`].
    pub(crate) fn decoded(mask: Mask, decoded: &[u8]) -> Result<Self> {
        let stored = String::from_utf8_lossy(&mask.encode(decoded)).into_owned();
        if stored.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidName,
                "a name must not be empty",
            ));
        }
        if stored.len() > MAX_NAME {
            return Err(Error::new(
                ErrorKind::InvalidName,
                format!(
                    "a name of {} bytes is too long; the limit is {MAX_NAME}",
                    stored.len()
                ),
            ));
        }
        // What lookups will see: encoding may have replaced what the mask cannot express.
        let decoded = mask
            .decode(stored.as_bytes())
            .into_owned()
            .into_boxed_slice();
        Ok(Self { decoded, stored })
    }

    /// The first of `name (1)`, `name (2)` and so on that no other node of the folder has and that `take` gives; for files the number goes before
    /// the extension.
    pub(crate) fn free(
        &self,
        tree: &Tree,
        folder: Index,
        file: bool,
        mut take: impl FnMut(&Self) -> bool,
    ) -> Result<Self> {
        let dot = self
            .decoded
            .iter()
            .rposition(|&byte| byte == b'.')
            .filter(|&at| file && at > 0);
        let (stem, extension) = self.decoded.split_at(dot.unwrap_or(self.decoded.len()));
        for number in 1_u32..=u32::MAX {
            let mut decoded = stem.to_vec();
            decoded.extend_from_slice(format!(" ({number})").as_bytes());
            decoded.extend_from_slice(extension);
            if tree.named(folder, &decoded).next().is_none() {
                let name = Self::decoded(tree.mask(), &decoded)?;
                if take(&name) {
                    return Ok(name);
                }
            }
        }
        Err(Error::new(
            ErrorKind::AlreadyExists,
            "every numbered name is taken",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(shown: &str) -> String {
        Name::shown(Mask::MEGA, shown).unwrap().stored
    }

    #[test]
    fn names_that_no_path_can_hold_are_encoded() {
        assert_eq!(stored("plain.txt"), "plain.txt");
        assert_eq!(stored("a/b"), "a／b");
        assert_eq!(stored("."), "．");
        assert_eq!(stored(".."), "．．");
        // The shown form of a stored slash leads back to the same stored name.
        assert_eq!(stored("a／b"), "a／b");
    }

    #[test]
    fn empty_and_endless_names_are_refused() {
        for bad in ["", &"x".repeat(64 << 10)] {
            let error = Name::shown(Mask::MEGA, bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidName);
        }
        assert_eq!(stored(&"x".repeat(255)).len(), 255);
        assert_eq!(stored(&"語".repeat(255)).len(), 765);
    }
}
