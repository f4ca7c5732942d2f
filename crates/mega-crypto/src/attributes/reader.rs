use super::find::find_either;
use super::value::{RawName, RawValue};
use crate::Error;

/// Reads the members of a JSON object one after the other, in order, without copying anything.
///
/// More tolerant than the official client where that costs nothing: white space, `true`, `false`
/// and `null`, real `\u` escapes, raw control characters and ill-formed UTF-8 inside strings.
/// Stricter where nonsense would slip in: the object must be closed, nothing may follow it, and
/// nesting ends at [`MAX_DEPTH`] (threat model, NOD-6).
///
/// After an error it ends.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    rest: &'a [u8],
    state: State,
}

impl<'a> Members<'a> {
    /// Starts reading the text that [`decrypt_in_place`](super::decrypt_in_place) gave.
    pub const fn new(json: &'a [u8]) -> Self {
        Self {
            rest: json,
            state: State::Start,
        }
    }

    #[inline]
    fn step(&mut self) -> Result<Option<(RawName<'a>, RawValue<'a>)>, Error> {
        if let Some(member) = self.quick() {
            return Ok(Some(member));
        }
        // The end as clients write it.
        if matches!((&self.state, self.rest), (State::Inside, b"}")) {
            self.state = State::Done;
            return Ok(None);
        }
        self.thorough()
    }

    /// A member as clients write nearly all of them: no white space, a name and a string without escapes. Of anything else nothing is read.
    #[inline]
    fn quick(&mut self) -> Option<(RawName<'a>, RawValue<'a>)> {
        let text = match self.state {
            State::Start => self.rest.strip_prefix(b"{\"")?,
            State::Inside => self.rest.strip_prefix(b",\"")?,
            State::Done => return None,
        };
        let (name, text) = match text.first_chunk() {
            Some([name, b'"', b':']) if !matches!(name, b'"' | b'\\') => {
                text.split_at_checked(1)?
            }
            _ => text.split_at_checked(find_either(text, b'"', b'\\')?)?,
        };
        let value = text.strip_prefix(b"\":")?;
        let inside = value.strip_prefix(b"\"")?;
        let end = find_either(inside, b'"', b'\\')?;
        if inside.get(end) != Some(&b'"') {
            return None;
        }
        let (value, rest) = value.split_at_checked(end + 2)?;
        self.rest = rest;
        self.state = State::Inside;
        Some((RawName::new(name), RawValue::plain(value)))
    }

    #[cold]
    fn thorough(&mut self) -> Result<Option<(RawName<'a>, RawValue<'a>)>, Error> {
        match self.state {
            State::Start => {
                self.skip_white();
                self.expect(b'{', "it is no object")?;
                self.skip_white();
                if self.take(b'}') {
                    return self.close();
                }
            }
            State::Inside => {
                self.skip_white();
                if self.take(b'}') {
                    return self.close();
                }
                self.expect(b',', "a comma is missing")?;
                self.skip_white();
            }
            State::Done => return Ok(None),
        }
        let name = self.string("a member has no name")?;
        self.skip_white();
        self.expect(b':', "a colon is missing")?;
        self.skip_white();
        let value = self.value()?;
        self.state = State::Inside;
        Ok(Some((RawName::new(name), RawValue::new(value))))
    }

    fn close(&mut self) -> Result<Option<(RawName<'a>, RawValue<'a>)>, Error> {
        self.state = State::Done;
        self.skip_white();
        if self.rest.is_empty() {
            Ok(None)
        } else {
            Err(malformed("something follows it"))
        }
    }

    /// What is between the quotes, as it is written.
    fn string(&mut self, reason: &'static str) -> Result<&'a [u8], Error> {
        self.expect(b'"', reason)?;
        let len = string_len(self.rest).ok_or(malformed("a string is not closed"))?;
        let text = self.advance(len);
        self.advance(1);
        Ok(text)
    }

    fn value(&mut self) -> Result<&'a [u8], Error> {
        let whole = self.rest;
        match whole.first() {
            Some(b'"') => {
                self.string("")?;
            }
            Some(b'{' | b'[') => self.skip_nested()?,
            Some(_) => {
                let word =
                    |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
                let len = whole.iter().take_while(|byte| word(byte)).count();
                let token = self.advance(len);
                let number = token
                    .first()
                    .is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-');
                if !number && !matches!(token, b"true" | b"false" | b"null") {
                    return Err(malformed(
                        "a value is neither string, number, object nor array",
                    ));
                }
            }
            None => return Err(malformed("it ends too early")),
        }
        let len = whole.len().saturating_sub(self.rest.len());
        Ok(whole.get(..len).unwrap_or_default())
    }

    /// Skips an object or array: brackets must match, strings are skipped whole, the rest is not
    /// looked at.
    fn skip_nested(&mut self) -> Result<(), Error> {
        // One bit per open bracket, the innermost lowest: 1 for an object. The first bit marks the
        // end.
        let mut open: u64 = 1;
        loop {
            let Some((&byte, rest)) = self.rest.split_first() else {
                return Err(malformed("it ends too early"));
            };
            self.rest = rest;
            match byte {
                b'{' | b'[' => {
                    // The object around it counts too.
                    if open.leading_zeros() <= u64::BITS - MAX_DEPTH {
                        return Err(malformed("it is nested too deeply"));
                    }
                    open = open << 1 | u64::from(byte == b'{');
                }
                b'}' | b']' => {
                    if open & 1 != u64::from(byte == b'}') {
                        return Err(malformed("brackets do not match"));
                    }
                    open >>= 1;
                    if open == 1 {
                        return Ok(());
                    }
                }
                b'"' => {
                    let len = string_len(self.rest).ok_or(malformed("a string is not closed"))?;
                    self.advance(len + 1);
                }
                _ => {}
            }
        }
    }

    fn skip_white(&mut self) {
        while let Some((b' ' | b'\t' | b'\r' | b'\n', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((&first, rest)) if first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), Error> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(malformed(reason))
        }
    }

    fn advance(&mut self, len: usize) -> &'a [u8] {
        let (front, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, &[]));
        self.rest = rest;
        front
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<(RawName<'a>, RawValue<'a>), Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if matches!(self.state, State::Inside) && self.rest == b"}" {
            self.rest = &[];
            self.state = State::Done;
            return None;
        }
        let step = self.step();
        if step.is_err() {
            self.state = State::Done;
        }
        step.transpose()
    }
}

impl core::iter::FusedIterator for Members<'_> {}

/// How deep values may nest, the attribute object included (threat model, NOD-6).
pub const MAX_DEPTH: u32 = 32;

#[derive(Clone, Copy, Debug)]
enum State {
    Start,
    Inside,
    Done,
}

/// How many bytes there are before the quote that closes the string.
fn string_len(text: &[u8]) -> Option<usize> {
    let mut len = 0;
    loop {
        let rest = text.get(len..)?;
        let run = find_either(rest, b'"', b'\\')?;
        len += run;
        if rest.get(run) == Some(&b'"') {
            return Some(len);
        }
        // The backslash and what it escapes.
        len += 2;
    }
}

const fn malformed(reason: &'static str) -> Error {
    Error::Malformed {
        what: "attribute object",
        reason,
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Each member is what the thorough way reads, and so is what is left behind it.
        #[test]
        fn the_quick_way_reads_what_the_thorough_one_reads(
            pieces in prop::collection::vec(prop::sample::select(&[
                "{", "}", ",", ":", "\"", "\\", " ", "n", "name", "\"n\":", "\"c\":\"x\"", ",\"n\":\"a \\\" b\"",
                "{\"n\":\"Holiday picture\"", "1", "[]", "\u{e4}",
            ][..]), 0..12),
        ) {
            let text: String = pieces.concat();
            let mut quick = Members::new(text.as_bytes());
            let mut thorough = quick.clone();
            loop {
                let (one, other) = (quick.step(), thorough.thorough());
                prop_assert_eq!(quick.rest.len(), thorough.rest.len());
                prop_assert_eq!(&one, &other);
                if !matches!(one, Ok(Some(_))) {
                    break;
                }
            }
        }
    }
}
