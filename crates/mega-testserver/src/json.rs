//! Writing JSON the way the official client reads it (api-and-transfers 0.3).
//!
//! Key order is what was pushed, nothing but numbers, strings, arrays and objects can be written, there is no white
//! space, `/` is not escaped and text stays UTF-8. Reading requests uses an ordinary parser.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A value to be sent. There is no `null`, no `true` and no `false`, so none can slip out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Json {
    /// An integer.
    Number(i64),
    /// A string; escaped when written.
    Text(String),
    /// Text that is JSON already and is written as it is.
    Raw(String),
    /// An array.
    Array(Vec<Json>),
    /// An object whose keys stay in this order.
    Object(Object),
}

impl Json {
    /// The compact text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// Appends the compact text.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Number(n) => {
                let _ = write!(out, "{n}");
            }
            Self::Text(text) => write_text(out, text),
            Self::Raw(text) => out.push_str(text),
            Self::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(object) => object.write(out),
        }
    }
}

/// An object under construction: keys keep the order in which they were added.
#[derive(Clone, Debug, Default)]
pub struct Object(Vec<(Cow<'static, str>, Json)>);

impl Object {
    /// An empty object.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a member at the end.
    #[must_use]
    pub fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Json>) -> Self {
        self.push(key, value);
        self
    }

    /// Adds a member if there is a value.
    #[must_use]
    pub fn maybe(self, key: &'static str, value: Option<impl Into<Json>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Adds a member at the end.
    pub fn push(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Json>) {
        self.0.push((key.into(), value.into()));
    }

    /// Whether nothing was added yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends the compact text.
    pub fn write(&self, out: &mut String) {
        out.push('{');
        for (i, (key, value)) in self.0.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            write_text(out, key);
            out.push(':');
            value.write(out);
        }
        out.push('}');
    }

    /// Appends the members only, each with a leading comma.
    pub fn write_tail(&self, out: &mut String) {
        for (key, value) in &self.0 {
            out.push(',');
            write_text(out, key);
            out.push(':');
            value.write(out);
        }
    }
}

/// Appends a quoted string, escaping only what JSON demands.
pub fn write_text(out: &mut String, text: &str) {
    out.push('"');
    write_within(out, text);
    out.push('"');
}

/// Appends a part of a string, without the quotes.
pub(crate) fn write_within(out: &mut String, text: &str) {
    // Nearly every text is base64, and listings have millions of them.
    if !text.bytes().any(|b| matches!(b, b'"' | b'\\') || b < b' ') {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

impl From<i64> for Json {
    fn from(n: i64) -> Self {
        Self::Number(n)
    }
}
impl From<i32> for Json {
    fn from(n: i32) -> Self {
        Self::Number(n.into())
    }
}
impl From<u8> for Json {
    fn from(n: u8) -> Self {
        Self::Number(n.into())
    }
}
impl From<u64> for Json {
    fn from(n: u64) -> Self {
        Self::Number(i64::try_from(n).unwrap_or(i64::MAX))
    }
}
impl From<bool> for Json {
    fn from(flag: bool) -> Self {
        Self::Number(flag.into())
    }
}
impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}
impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Self {
        Self::Array(items)
    }
}
impl From<Object> for Json {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

macro_rules! from_handle {
    ($($name:ident),*) => {$(
        impl From<crate::wire::$name> for Json {
            fn from(handle: crate::wire::$name) -> Self {
                Self::Text(handle.to_string())
            }
        }
    )*};
}
from_handle!(
    NodeHandle,
    PublicHandle,
    UserHandle,
    RequestHandle,
    SetHandle,
    ElementHandle,
    ContactLinkHandle,
    BackupHandle
);

/// Reading requests: members by name, tolerant of the spellings real clients use.
pub(crate) mod read {
    use serde_json::Value;

    /// A string member.
    pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
        value.get(key).and_then(Value::as_str)
    }

    /// A number, given as a number or as digits in a string.
    pub(crate) fn number(value: &Value, key: &str) -> Option<i64> {
        match value.get(key)? {
            Value::Number(n) => n.as_i64(),
            Value::String(s) => s.parse().ok(),
            Value::Bool(b) => Some((*b).into()),
            _ => None,
        }
    }

    /// A flag: a number other than 0, `true`, or a text other than "" and "0".
    pub(crate) fn flag(value: &Value, key: &str) -> bool {
        match value.get(key) {
            Some(Value::Number(n)) => n.as_i64() != Some(0),
            Some(Value::Bool(b)) => *b,
            Some(Value::String(s)) => !s.is_empty() && s != "0",
            _ => false,
        }
    }

    /// An array member.
    pub(crate) fn array<'a>(value: &'a Value, key: &str) -> Option<&'a [Value]> {
        value.get(key).and_then(Value::as_array).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_keep_their_order_and_are_compact() {
        let object = Object::new()
            .with("b", 1)
            .with("a", "x/y \"ü\"\n")
            .maybe("none", None::<i64>)
            .with("l", vec![Json::from(true), Json::from("s")]);
        assert_eq!(
            Json::from(object).text(),
            r#"{"b":1,"a":"x/y \"ü\"\u000a","l":[1,"s"]}"#
        );
    }
}
