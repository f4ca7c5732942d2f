//! Writing commands: compact JSON, members in the order given.

use std::fmt::Display;

use crate::base64;

/// Writes the members of one object.
#[derive(Debug)]
pub struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> ObjectWriter<'a> {
    /// Writes one object to `out`; `fill` gives its members.
    pub fn write(out: &'a mut Vec<u8>, fill: impl FnOnce(&mut ObjectWriter<'_>)) {
        out.push(b'{');
        fill(&mut ObjectWriter { out, empty: true });
        out.push(b'}');
    }

    /// A string.
    pub fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        write_text(self.out, value);
        self
    }

    /// Something that is a string on the wire, such as a handle.
    pub fn shown(&mut self, key: &str, value: impl Display) -> &mut Self {
        self.text(key, &value.to_string())
    }

    /// Bytes, as base64.
    pub fn blob(&mut self, key: &str, value: &[u8]) -> &mut Self {
        self.key(key);
        write_blob(self.out, value);
        self
    }

    /// An integer.
    pub fn number(&mut self, key: &str, value: impl Into<i128>) -> &mut Self {
        self.key(key);
        self.out.extend(value.into().to_string().bytes());
        self
    }

    /// The integer 1 if set, nothing otherwise.
    pub fn flag(&mut self, key: &str, set: bool) -> &mut Self {
        if set {
            self.number(key, 1);
        }
        self
    }

    /// An object.
    pub fn object(&mut self, key: &str, fill: impl FnOnce(&mut ObjectWriter<'_>)) -> &mut Self {
        self.key(key);
        ObjectWriter::write(self.out, fill);
        self
    }

    /// An array.
    pub fn array(&mut self, key: &str, fill: impl FnOnce(&mut ArrayWriter<'_>)) -> &mut Self {
        self.key(key);
        ArrayWriter::write(self.out, fill);
        self
    }

    /// A value that already is JSON.
    pub(crate) fn raw(&mut self, key: &str, json: &[u8]) -> &mut Self {
        self.key(key);
        self.out.extend_from_slice(json);
        self
    }

    fn key(&mut self, key: &str) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        write_text(self.out, key);
        self.out.push(b':');
    }
}

/// Writes the elements of one array.
#[derive(Debug)]
pub struct ArrayWriter<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> ArrayWriter<'a> {
    /// Writes one array to `out`; `fill` gives its elements.
    pub fn write(out: &'a mut Vec<u8>, fill: impl FnOnce(&mut ArrayWriter<'_>)) {
        out.push(b'[');
        fill(&mut ArrayWriter { out, empty: true });
        out.push(b']');
    }

    /// A string.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.comma();
        write_text(self.out, value);
        self
    }

    /// Something that is a string on the wire, such as a handle.
    pub fn shown(&mut self, value: impl Display) -> &mut Self {
        self.text(&value.to_string())
    }

    /// Bytes, as base64.
    pub fn blob(&mut self, value: &[u8]) -> &mut Self {
        self.comma();
        write_blob(self.out, value);
        self
    }

    /// An integer.
    pub fn number(&mut self, value: impl Into<i128>) -> &mut Self {
        self.comma();
        self.out.extend(value.into().to_string().bytes());
        self
    }

    /// An object.
    pub fn object(&mut self, fill: impl FnOnce(&mut ObjectWriter<'_>)) -> &mut Self {
        self.comma();
        ObjectWriter::write(self.out, fill);
        self
    }

    /// An array.
    pub fn array(&mut self, fill: impl FnOnce(&mut ArrayWriter<'_>)) -> &mut Self {
        self.comma();
        ArrayWriter::write(self.out, fill);
        self
    }

    fn comma(&mut self) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
    }
}

fn write_blob(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    base64::encode_into(bytes, out);
    out.push(b'"');
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            0..0x20 | 0x7f => out.extend(format!("\\u{byte:04x}").bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn output_is_compact_and_ordered() {
        let mut out = Vec::new();
        ObjectWriter::write(&mut out, |o| {
            o.text("a", "x")
                .flag("no", false)
                .flag("yes", true)
                .blob("b", &[1, 2, 3]);
            o.array("l", |l| {
                l.number(1).object(|o| {
                    o.number("n", u64::MAX);
                });
            });
        });
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            r#"{"a":"x","yes":1,"b":"AQID","l":[1,{"n":18446744073709551615}]}"#
        );
    }

    proptest! {
        #[test]
        fn any_text_is_valid_json(text: String) {
            let mut out = Vec::new();
            write_text(&mut out, &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
