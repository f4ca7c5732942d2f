use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::value::{RawName, RawValue, write_string};
use super::{Members, container};
use crate::{AttributeKey, Error, base64};

/// The attributes of a node: an ordered set of named values, most of them strings.
///
/// Changing one leaves all others as they were, byte for byte and in their order, also those this
/// crate knows nothing about (threat model, NOD-7). So the way to change something is: read the
/// current attributes, change them here, encrypt all of them, send.
///
/// ```
/// use mega_crypto::{AttributeKey, attributes::Attributes};
///
/// let key = AttributeKey::from_bytes([7; 16]);
/// let mut attributes = Attributes::parse(br#"{"n":"photo.jpg","zzz":[1, 2],"fav":"1"}"#)?;
/// attributes.set_name("holiday.jpg")?;
/// attributes.set_favourite(false);
/// let sent = attributes.encrypt(&key)?;
///
/// let read = Attributes::decrypt(&key, &sent)?;
/// assert_eq!(read.name().as_deref(), Some("holiday.jpg"));
/// assert_eq!(read.to_json(), br#"{"n":"holiday.jpg","zzz":[1, 2]}"#);
/// # Ok::<(), mega_crypto::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    members: Vec<Member>,
}

impl Attributes {
    /// An empty set. Give it a name before you encrypt it.
    pub const fn new() -> Self {
        Self {
            members: Vec::new(),
        }
    }

    /// Reads the text of a JSON object.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if it is not one object, and as [`Members`] says.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let members = Members::new(json)
            .map(|member| {
                member.map(|(name, value)| Member::new(name.as_written(), value.as_written()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { members })
    }

    /// Decrypts and reads an attribute field.
    ///
    /// # Errors
    ///
    /// As for [`decrypt_in_place`](super::decrypt_in_place) and [`Attributes::parse`].
    pub fn decrypt(key: &AttributeKey, field: &[u8]) -> Result<Self, Error> {
        if field.len() > container::MAX_READ {
            return Err(Error::TooLarge {
                what: "attribute field",
                limit: container::MAX_READ,
            });
        }
        let mut data = field.to_vec();
        Self::parse(container::decrypt_in_place(key, &mut data)?)
    }

    /// The same from the text of the `a` or `at` field.
    ///
    /// # Errors
    ///
    /// As for [`Attributes::decrypt`], and [`Error::Base64`].
    pub fn decrypt_text(key: &AttributeKey, text: &str) -> Result<Self, Error> {
        if text.len() > base64::encoded_len(container::MAX_READ) {
            return Err(Error::TooLarge {
                what: "attribute field",
                limit: container::MAX_READ,
            });
        }
        let mut data = base64::decode(text).map_err(|e| e.of("attribute field"))?;
        Self::parse(container::decrypt_in_place(key, &mut data)?)
    }

    /// Encrypts them for sending.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if there are none: no client can tell an empty object from a wrong key.
    /// [`Error::TooLarge`] beyond [`MAX_WRITTEN`](super::MAX_WRITTEN).
    pub fn encrypt(&self, key: &AttributeKey) -> Result<Vec<u8>, Error> {
        if self.members.is_empty() {
            return Err(Error::Refused {
                reason: "a node without any attribute cannot be read by any client",
            });
        }
        container::encrypt(key, &self.to_json())
    }

    /// The same as text for the `a` or `at` field.
    ///
    /// # Errors
    ///
    /// As for [`Attributes::encrypt`].
    pub fn encrypt_to_text(&self, key: &AttributeKey) -> Result<String, Error> {
        self.encrypt(key).map(|field| base64::encode(&field))
    }

    /// The JSON text: no white space between members, each as it was read or as it was set.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::new();
        json.push(b'{');
        for member in &self.members {
            if json.len() > 1 {
                json.push(b',');
            }
            json.push(b'"');
            json.extend_from_slice(&member.name);
            json.extend_from_slice(b"\":");
            json.extend_from_slice(&member.value);
        }
        json.push(b'}');
        json
    }

    /// The value of an attribute. If a name occurs twice, its last value, as every client takes it.
    pub fn get(&self, name: &str) -> Option<RawValue<'_>> {
        let member = self
            .members
            .iter()
            .rev()
            .find(|member| member.name().is(name))?;
        Some(RawValue::new(&member.value))
    }

    /// The text of an attribute: what a string says, and of anything else its JSON text. `None` if
    /// there is no such attribute or it is not well-formed UTF-8.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name)?.text()
    }

    /// Sets an attribute to a string. It keeps its place, or gets the one that the official client
    /// would give it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the name does not have 1 to 8 bytes or needs escaping: the official
    /// client would cut it.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), Error> {
        if !(1..=MAX_NAME).contains(&name.len()) {
            return Err(Error::Refused {
                reason: "an attribute's name must have 1 to 8 bytes",
            });
        }
        if name
            .bytes()
            .any(|byte| byte < 32 || matches!(byte, b'"' | b'\\'))
        {
            return Err(Error::Refused {
                reason: "an attribute's name must not need escaping",
            });
        }
        self.put(name, text);
        Ok(())
    }

    /// Removes an attribute. Says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.members.len();
        self.members.retain(|member| !member.name().is(name));
        self.members.len() != before
    }

    /// The attributes in their order.
    pub fn iter(&self) -> impl Iterator<Item = (RawName<'_>, RawValue<'_>)> {
        self.members
            .iter()
            .map(|member| (member.name(), RawValue::new(&member.value)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Sets a member whose name is known to be good.
    pub(super) fn put(&mut self, name: &str, text: &str) {
        let mut value = Vec::new();
        write_string(text, &mut value);
        let mut kept = false;
        let mut index = self.members.len();
        // Of several members with this name the last one counts, so that one stays.
        while let Some(member) = index.checked_sub(1).and_then(|i| self.members.get_mut(i)) {
            index -= 1;
            if !member.name().is(name) {
                continue;
            }
            if kept {
                self.members.remove(index);
            } else {
                member.value = value.as_slice().into();
                kept = true;
            }
        }
        if !kept {
            let place = if self.members.is_sorted_by(|a, b| a.order() <= b.order()) {
                self.members
                    .partition_point(|member| member.order() < (name.len(), name.as_bytes()))
            } else {
                self.members.len()
            };
            self.members
                .insert(place, Member::new(name.as_bytes(), &value));
        }
    }
}

impl fmt::Debug for Attributes {
    /// Shows the names only: the values are the user's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attributes ")?;
        f.debug_set()
            .entries(self.members.iter().map(Member::name))
            .finish()
    }
}

/// The longest name of an attribute, in bytes. The official client keeps names as 64-bit numbers.
pub const MAX_NAME: usize = 8;

/// Both parts as they are written.
#[derive(Clone, PartialEq, Eq)]
struct Member {
    name: Box<[u8]>,
    value: Box<[u8]>,
}

impl Member {
    fn new(name: &[u8], value: &[u8]) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }

    fn name(&self) -> RawName<'_> {
        RawName::new(&self.name)
    }

    /// The official client sorts names as big-endian numbers: shorter ones first.
    fn order(&self) -> (usize, &[u8]) {
        (self.name.len(), &self.name)
    }
}
