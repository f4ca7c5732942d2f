//! The attributes that the format gives a meaning (crypto-and-accounts 5.3, 5.4).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::Attributes;
use crate::{Error, NodeHandle, UserHandle, base64};

impl Attributes {
    /// The name (`n`), in Unicode NFC, as the official client shows it. `None` if there is none, or
    /// if it is not well-formed: see [`Attributes::name_bytes`].
    ///
    /// It is untrusted text: any character, `/` and control characters included. It is no file name
    /// yet.
    pub fn name(&self) -> Option<Cow<'_, str>> {
        self.get("n")
            .and_then(|value| value.is_string().then(|| value.text()).flatten())
            .map(nfc)
    }

    /// The name exactly as it is stored: not normalised, and nothing lost that is not Unicode
    /// (threat model, NAM-6).
    pub fn name_bytes(&self) -> Option<Cow<'_, [u8]>> {
        Some(self.get("n")?.bytes())
    }

    /// Sets the name, in Unicode NFC as every client writes it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if it is empty: clients show such a node as damaged.
    pub fn set_name(&mut self, name: &str) -> Result<(), Error> {
        self.set_name_verbatim(&nfc(Cow::Borrowed(name)))
    }

    /// Sets the name without normalising it. The official client normalises names when it reads
    /// them, so two names that differ only in that become equal there.
    ///
    /// # Errors
    ///
    /// As for [`Attributes::set_name`].
    pub fn set_name_verbatim(&mut self, name: &str) -> Result<(), Error> {
        if name.is_empty() {
            return Err(Error::Refused {
                reason: "a node must have a name",
            });
        }
        self.put("n", name);
        Ok(())
    }

    /// The fingerprint (`c`) as text: CRC and modification time of a file.
    pub fn fingerprint(&self) -> Option<Cow<'_, str>> {
        self.text("c")
    }

    /// Sets the fingerprint.
    pub fn set_fingerprint(&mut self, text: &str) {
        self.put("c", text);
    }

    /// The fingerprint of the original file (`c0`), if the uploaded data was transformed.
    pub fn original_fingerprint(&self) -> Option<Cow<'_, str>> {
        self.text("c0")
    }

    /// The modification time that very old web clients wrote into `t`: seconds since 1970. Only of
    /// files without a fingerprint; otherwise `t` holds tags.
    pub fn legacy_mtime(&self) -> Option<i64> {
        if self.get("c").is_some() {
            return None;
        }
        self.text("t")?.parse().ok()
    }

    /// The folder to restore a node in the rubbish bin to (`rr`).
    pub fn restore_to(&self) -> Option<NodeHandle> {
        self.text("rr")?.parse().ok()
    }

    /// Notes the folder to restore to; set it *before* moving the node into the rubbish bin. `None`
    /// removes the note, when the node moves back or is copied.
    pub fn set_restore_to(&mut self, folder: Option<NodeHandle>) {
        match folder {
            Some(folder) => self.put("rr", &base64::encode(folder.as_bytes())),
            None => _ = self.remove("rr"),
        }
    }

    /// Whether it is marked as a favourite (`fav`).
    pub fn favourite(&self) -> bool {
        self.text("fav").as_deref() == Some("1")
    }

    /// Marks it as a favourite, or removes the mark. A personal mark of the owner: a partner must
    /// not set it inside an incoming share (crypto-and-accounts 4.9).
    pub fn set_favourite(&mut self, on: bool) {
        self.flag("fav", on);
    }

    /// Whether it is marked as sensitive (`sen`). Descendants inherit the mark.
    pub fn sensitive(&self) -> bool {
        self.text("sen").as_deref() == Some("1")
    }

    /// Marks it as sensitive, or removes the mark. Like the favourite mark, the owner's alone.
    pub fn set_sensitive(&mut self, on: bool) {
        self.flag("sen", on);
    }

    /// The colour label (`lbl`).
    pub fn label(&self) -> Option<Label> {
        Label::from_digit(&self.text("lbl")?)
    }

    /// Sets the colour label, or removes it.
    pub fn set_label(&mut self, label: Option<Label>) {
        match label {
            Some(label) => self.put("lbl", label.digit()),
            None => _ = self.remove("lbl"),
        }
    }

    /// The description (`des`).
    pub fn description(&self) -> Option<Cow<'_, str>> {
        self.text("des")
    }

    /// Sets the description; an empty one removes it.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] beyond [`MAX_DESCRIPTION`] bytes.
    pub fn set_description(&mut self, text: &str) -> Result<(), Error> {
        if text.len() > MAX_DESCRIPTION {
            return Err(Error::TooLarge {
                what: "description",
                limit: MAX_DESCRIPTION,
            });
        }
        if text.is_empty() {
            self.remove("des");
        } else {
            self.put("des", text);
        }
        Ok(())
    }

    /// The tags (`t`), in their order.
    pub fn tags(&self) -> Vec<String> {
        let text = self.text("t").unwrap_or_default();
        if self.legacy_mtime().is_some() {
            return Vec::new();
        }
        text.split(',')
            .filter(|tag| !tag.is_empty())
            .map(String::from)
            .collect()
    }

    /// Sets the tags; none removes the attribute.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if there are more than [`MAX_TAGS`], or one is empty or has a comma in
    /// it. [`Error::TooLarge`] if all of them together have more than [`MAX_DESCRIPTION`] bytes.
    pub fn set_tags<T: AsRef<str>>(&mut self, tags: &[T]) -> Result<(), Error> {
        if tags.len() > MAX_TAGS {
            return Err(Error::Refused {
                reason: "a node has at most 10 tags",
            });
        }
        let mut text = String::new();
        for tag in tags {
            let tag = tag.as_ref();
            if tag.is_empty() || tag.contains(',') {
                return Err(Error::Refused {
                    reason: "a tag must not be empty or contain a comma",
                });
            }
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(tag);
        }
        if text.len() > MAX_DESCRIPTION {
            return Err(Error::TooLarge {
                what: "list of tags",
                limit: MAX_DESCRIPTION,
            });
        }
        if text.is_empty() {
            self.remove("t");
        } else {
            self.put("t", &text);
        }
        Ok(())
    }

    /// The duration of a film or song in seconds (`d`).
    pub fn duration(&self) -> Option<u64> {
        base64::decode_integer(self.text("d")?.as_bytes())
    }

    /// Sets the duration in seconds.
    pub fn set_duration(&mut self, seconds: u64) {
        self.put("d", &base64::encode_integer(seconds));
    }

    /// The account that was refused when it wanted to repair the thumbnails (`f`).
    pub fn thumbnails_refused_to(&self) -> Option<UserHandle> {
        self.text("f")?.parse().ok()
    }

    /// An attribute of the application's own: `_` and the name given here.
    pub fn application(&self, name: &str) -> Option<Cow<'_, str>> {
        self.text(&application_name(name).ok()?)
    }

    /// Sets an attribute of the application's own, or removes it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the name does not have 1 to 7 bytes or needs escaping.
    pub fn set_application(&mut self, name: &str, text: Option<&str>) -> Result<(), Error> {
        let name = application_name(name)?;
        match text {
            Some(text) => self.set(&name, text),
            None => {
                self.remove(&name);
                Ok(())
            }
        }
    }

    /// Takes over what a new version of a file inherits from the previous one: favourite, label,
    /// sensitive, description and tags (SDK `Node::attributesToCopyIntoPreviousVersions`). What is
    /// set here already stays.
    pub fn inherit_from(&mut self, previous: &Self) {
        for name in ["fav", "lbl", "sen", "des", "t"] {
            if self.get(name).is_none()
                && let Some(text) = previous.text(name)
            {
                self.put(name, &text);
            }
        }
    }

    fn flag(&mut self, name: &str, on: bool) {
        if on {
            self.put(name, "1");
        } else {
            self.remove(name);
        }
    }
}

/// A colour label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "they are colours")]
#[non_exhaustive]
pub enum Label {
    Red = 1,
    Orange,
    Yellow,
    Green,
    Blue,
    Purple,
    Grey,
}

impl Label {
    fn from_digit(digit: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.digit() == digit)
    }

    const fn digit(self) -> &'static str {
        match self {
            Self::Red => "1",
            Self::Orange => "2",
            Self::Yellow => "3",
            Self::Green => "4",
            Self::Blue => "5",
            Self::Purple => "6",
            Self::Grey => "7",
        }
    }

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Red,
        Self::Orange,
        Self::Yellow,
        Self::Green,
        Self::Blue,
        Self::Purple,
        Self::Grey,
    ];
}

/// The longest description, and the longest list of tags, in bytes.
pub const MAX_DESCRIPTION: usize = 3000;

/// How many tags a node may have.
pub const MAX_TAGS: usize = 10;

fn nfc(text: Cow<'_, str>) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text,
        _ => Cow::Owned(text.nfc().collect()),
    }
}

fn application_name(name: &str) -> Result<String, Error> {
    if name.is_empty() {
        return Err(Error::Refused {
            reason: "an attribute's name must not be empty",
        });
    }
    let mut full = String::from("_");
    full.push_str(name);
    Ok(full)
}
