//! Reading small replies: borrowed values and the members of objects.

use std::borrow::Cow;
use std::fmt;

use super::{Cursor, Fault, parse_i64};

/// Why a reply could not be read: which field, and what was wanted of it. It never quotes the
/// reply, which may hold secrets.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
#[non_exhaustive]
pub struct DecodeError {
    field: Option<Cow<'static, str>>,
    problem: &'static str,
}

impl DecodeError {
    /// An error about the value as a whole.
    pub fn new(problem: &'static str) -> Self {
        Self {
            field: None,
            problem,
        }
    }

    /// An error about one field.
    pub fn field(field: impl Into<Cow<'static, str>>, problem: &'static str) -> Self {
        Self {
            field: Some(field.into()),
            problem,
        }
    }

    /// The same error, seen from the field that holds the value.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        let field = match self.field {
            Some(inner) => format!("{outer}.{inner}"),
            None => outer.to_owned(),
        };
        Self {
            field: Some(field.into()),
            problem: self.problem,
        }
    }

    fn text(&self) -> String {
        match &self.field {
            Some(field) => format!("field `{field}`: {}", self.problem),
            None => self.problem.to_owned(),
        }
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecodeError({})", self.text())
    }
}

impl From<Fault> for DecodeError {
    fn from(fault: Fault) -> Self {
        Self::new(match fault {
            Fault::Incomplete => "the text ends too early",
            Fault::Invalid(what) | Fault::Limit(what) => what,
        })
    }
}

/// A type that is a JSON string on the wire.
pub trait FromText: Sized {
    /// What the text should be, for error messages.
    const WHAT: &'static str;

    /// Reads the text.
    fn from_text(text: &str) -> Option<Self>;
}

impl FromText for String {
    const WHAT: &'static str = "string";

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// One JSON value inside a reply, borrowed from it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Value<'a>(&'a [u8]);

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.0.len())
    }
}

impl<'a> Value<'a> {
    /// The one value that `bytes` hold, within the bounds of this module.
    ///
    /// # Errors
    ///
    /// When brackets do not balance, a bound is exceeded, or something follows the value.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::whole(bytes);
        let value = cursor.skip_value()?;
        if !cursor.at_end() {
            return Err(DecodeError::new("something follows the value"));
        }
        Ok(Self(value))
    }

    pub(crate) const ZERO: Value<'static> = Value(b"0");

    /// The value that the cursor stands before, which it moves over.
    pub(crate) fn skipped(cursor: &mut Cursor<'a>) -> Result<Self, Fault> {
        cursor.skip_value().map(Self)
    }

    /// The text of the value, exactly as received.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether the value is `null`.
    pub fn is_null(self) -> bool {
        self.0 == b"null"
    }

    /// Whether the value is an object.
    pub fn is_object(self) -> bool {
        self.0.first() == Some(&b'{')
    }

    /// Whether the value is an array.
    pub fn is_array(self) -> bool {
        self.0.first() == Some(&b'[')
    }

    /// Whether the value is a string.
    pub fn is_string(self) -> bool {
        self.0.first() == Some(&b'"')
    }

    /// The value as an integer; integers in quotes and the words `true` and `false` count.
    pub fn as_i64(self) -> Option<i64> {
        match self.0 {
            b"true" => Some(1),
            b"false" => Some(0),
            [b'"', inner @ .., b'"'] => parse_i64(inner),
            other => parse_i64(other),
        }
    }

    /// The value as an integer that is not negative.
    pub fn as_u64(self) -> Option<u64> {
        self.as_i64().and_then(|n| u64::try_from(n).ok())
    }

    /// The value as a number that may have decimals; never NaN or infinite.
    pub fn as_f64(self) -> Option<f64> {
        let text = match self.0 {
            [b'"', inner @ .., b'"'] => inner,
            other => other,
        };
        let plain = |b: &u8| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        if !text.iter().all(plain) {
            return None;
        }
        std::str::from_utf8(text)
            .ok()?
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite())
    }

    /// The value as text.
    pub fn as_text(self) -> Option<Cow<'a, str>> {
        if !self.is_string() {
            return None;
        }
        Cursor::whole(self.0).string().ok()?.text()
    }

    /// The value as something that is a string on the wire.
    ///
    /// # Errors
    ///
    /// When it is not a string, or not one of that form.
    pub fn read<T: FromText>(self) -> Result<T, DecodeError> {
        self.as_text()
            .and_then(|text| T::from_text(&text))
            .ok_or(DecodeError::new(T::WHAT))
    }

    /// The members of the object.
    ///
    /// # Errors
    ///
    /// When the value is not a well-formed object.
    pub fn object(self) -> Result<Object<'a>, DecodeError> {
        let mut cursor = Cursor::whole(self.0);
        cursor.expect(b'{', "an object is wanted")?;
        let mut members = Vec::new();
        while cursor.next_member(b'}', members.is_empty())? {
            let key = cursor.string()?;
            let key = key.text().ok_or(DecodeError::new("a key is not text"))?;
            cursor.expect(b':', "a colon is wanted")?;
            members.push((key, Value::skipped(&mut cursor)?));
        }
        Ok(Object { members })
    }

    /// The elements of the array.
    ///
    /// # Errors
    ///
    /// When the value is not a well-formed array.
    pub fn array(self) -> Result<Vec<Value<'a>>, DecodeError> {
        let mut cursor = Cursor::whole(self.0);
        cursor.expect(b'[', "an array is wanted")?;
        let mut elements = Vec::new();
        while cursor.next_member(b']', elements.is_empty())? {
            elements.push(Value(cursor.skip_value()?));
        }
        Ok(elements)
    }
}

/// The members of a JSON object, in order. Of a repeated key the first member counts.
#[derive(Clone, Debug, Default)]
pub struct Object<'a> {
    members: ObjectMembers<'a>,
}

/// Keys and values, in order.
pub(crate) type ObjectMembers<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

impl<'a> Object<'a> {
    /// The object with these members.
    pub(crate) fn of(members: ObjectMembers<'a>) -> Self {
        Self { members }
    }

    /// The value of this key; `null` counts as absent.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        let (_, value) = self.members.iter().find(|(name, _)| name == key)?;
        (!value.is_null()).then_some(*value)
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// All members in order.
    pub fn members(&self) -> impl Iterator<Item = (&str, Value<'a>)> {
        self.members
            .iter()
            .map(|(key, value)| (key.as_ref(), *value))
    }

    /// The value of a key that must be there.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub fn need(&self, key: &'static str) -> Result<Value<'a>, DecodeError> {
        self.get(key)
            .ok_or_else(|| DecodeError::field(key, "missing"))
    }

    /// A string-like value that must be there.
    ///
    /// # Errors
    ///
    /// When it is missing or malformed.
    pub fn read<T: FromText>(&self, key: &'static str) -> Result<T, DecodeError> {
        self.need(key)?.read().map_err(|e| e.within(key))
    }

    /// A string-like value; absent and empty give `None`.
    ///
    /// # Errors
    ///
    /// When it is there and malformed.
    pub fn read_opt<T: FromText>(&self, key: &'static str) -> Result<Option<T>, DecodeError> {
        match self.get(key) {
            None => Ok(None),
            Some(value) if value.as_bytes() == b"\"\"" => Ok(None),
            Some(value) => value.read().map(Some).map_err(|e| e.within(key)),
        }
    }

    /// A text that may be absent; an empty one is kept.
    ///
    /// # Errors
    ///
    /// When it is there and not a string.
    pub fn text_opt(&self, key: &'static str) -> Result<Option<Cow<'a, str>>, DecodeError> {
        self.get(key)
            .map(|v| v.as_text().ok_or_else(|| DecodeError::field(key, "string")))
            .transpose()
    }

    /// An integer that must be there.
    ///
    /// # Errors
    ///
    /// When it is missing or not an integer.
    pub fn i64(&self, key: &'static str) -> Result<i64, DecodeError> {
        self.need(key)?
            .as_i64()
            .ok_or_else(|| DecodeError::field(key, "integer"))
    }

    /// An integer that may be absent.
    ///
    /// # Errors
    ///
    /// When it is there and not an integer.
    pub fn i64_opt(&self, key: &'static str) -> Result<Option<i64>, DecodeError> {
        self.get(key)
            .map(|v| v.as_i64().ok_or_else(|| DecodeError::field(key, "integer")))
            .transpose()
    }

    /// A non-negative integer that must be there.
    ///
    /// # Errors
    ///
    /// When it is missing or something else.
    pub fn u64(&self, key: &'static str) -> Result<u64, DecodeError> {
        self.need(key)?
            .as_u64()
            .ok_or_else(|| DecodeError::field(key, NOT_NEGATIVE))
    }

    /// A non-negative integer that may be absent.
    ///
    /// # Errors
    ///
    /// When it is there and something else.
    pub fn u64_opt(&self, key: &'static str) -> Result<Option<u64>, DecodeError> {
        self.get(key)
            .map(|v| {
                v.as_u64()
                    .ok_or_else(|| DecodeError::field(key, NOT_NEGATIVE))
            })
            .transpose()
    }

    /// A flag: set when the key is there and its value is a number other than 0.
    pub fn flag(&self, key: &str) -> bool {
        self.get(key)
            .and_then(Value::as_i64)
            .is_some_and(|n| n != 0)
    }

    /// The elements of an array; absent gives none.
    ///
    /// # Errors
    ///
    /// When it is there and not an array.
    pub fn list(&self, key: &'static str) -> Result<Vec<Value<'a>>, DecodeError> {
        self.get(key)
            .map_or(Ok(Vec::new()), |v| v.array().map_err(|e| e.within(key)))
    }
}

const NOT_NEGATIVE: &str = "integer that is not negative";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_are_read_by_name_and_type() {
        let value = Value::parse(br#" {"n":5,"q":"7","s":"a\/b","z":null,"e":"","l":[1,2]} "#);
        let object = value.unwrap().object().unwrap();
        assert_eq!(object.u64("n"), Ok(5));
        assert_eq!(object.u64("q"), Ok(7));
        assert_eq!(object.read::<String>("s").unwrap(), "a/b");
        assert!(!object.has("z"));
        assert_eq!(object.read_opt::<String>("e"), Ok(None));
        assert_eq!(object.list("l").unwrap().len(), 2);
        assert_eq!(
            object.u64("m").unwrap_err().to_string(),
            "field `m`: missing"
        );
    }

    #[test]
    fn tre_14_trailing_garbage_is_an_error() {
        assert!(Value::parse(b"[1]x").is_err());
        assert!(Value::parse(b"[1").is_err());
        assert!(Value::parse(b"").is_err());
        assert_eq!(Value::parse(b"NaN").unwrap().as_f64(), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            if let Ok(value) = Value::parse(&bytes) {
                let _ = (value.as_f64(), value.as_i64(), value.as_text());
                let _ = value.object().map(|o| o.members().count());
                let _ = value.array();
            }
        }

        #[test]
        fn json_like_bytes_never_panic(text in r#"[\[\]{}",:0-9anu\\ .-]{0,60}"#) {
            if let Ok(value) = Value::parse(text.as_bytes()) {
                let _ = value.object().map(|o| o.members().count());
                let _ = value.array();
            }
        }
    }
}
