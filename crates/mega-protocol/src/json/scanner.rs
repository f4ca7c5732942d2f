//! Finds where a JSON value ends, in pieces of any size, with constant memory.

use super::cursor::find_end;
use super::{Fault, MAX_DEPTH, MAX_STRING};

/// What became of the bytes given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The value ends after this many of the bytes.
    Done(usize),
    /// All bytes belong to the value, and it goes on.
    More,
}

/// A walk over one JSON value that can stop and go on at any byte.
///
/// It checks balance, depth and string length. The grammar inside (commas, colons, spelling of
/// numbers) is left to whoever reads the value.
#[derive(Clone, Debug, Default)]
pub(crate) struct ValueScanner {
    /// One bit per open bracket: 1 for `{`, 0 for `[`. The newest is the lowest.
    brackets: u64,
    depth: usize,
    place: Place,
    string_len: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before the value, or between the members of a container.
    #[default]
    Between,
    InString,
    AfterBackslash,
    /// In a number or a word that is the whole value.
    Scalar,
}

impl ValueScanner {
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Progress, Fault> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.place {
                Place::InString => {
                    let rest = bytes.get(at..).unwrap_or_default();
                    let run = find_end(rest).unwrap_or(rest.len());
                    self.string_len = self.string_len.saturating_add(run);
                    if self.string_len > MAX_STRING {
                        return Err(Fault::Limit("string too long"));
                    }
                    at += run;
                    match rest.get(run) {
                        None => return Ok(Progress::More),
                        Some(b'"') => {
                            at += 1;
                            self.place = Place::Between;
                            if self.depth == 0 {
                                return Ok(Progress::Done(at));
                            }
                        }
                        Some(_) => {
                            at += 1;
                            self.place = Place::AfterBackslash;
                        }
                    }
                    continue;
                }
                Place::AfterBackslash => {
                    self.string_len = self.string_len.saturating_add(2);
                    self.place = Place::InString;
                }
                Place::Scalar => match byte {
                    b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t' => {
                        return Ok(Progress::Done(at));
                    }
                    b'"' | b'{' | b'[' | b':' => return Err(Fault::Invalid("broken number")),
                    _ => {}
                },
                Place::Between => match byte {
                    b'"' => {
                        self.place = Place::InString;
                        self.string_len = 0;
                    }
                    b'{' | b'[' => {
                        if self.depth >= MAX_DEPTH {
                            return Err(Fault::Limit("nested too deep"));
                        }
                        self.depth += 1;
                        self.brackets = self.brackets << 1 | u64::from(byte == b'{');
                    }
                    b'}' | b']' => {
                        if self.depth == 0 || (self.brackets & 1 == 1) != (byte == b'}') {
                            return Err(Fault::Invalid("unbalanced bracket"));
                        }
                        self.depth -= 1;
                        self.brackets >>= 1;
                        if self.depth == 0 {
                            return Ok(Progress::Done(at + 1));
                        }
                    }
                    b' ' | b'\n' | b'\r' | b'\t' => {}
                    b',' | b':' if self.depth > 0 => {}
                    b'0'..=b'9' | b'-' | b'+' | b'.' | b'a'..=b'z' | b'A'..=b'Z' => {
                        if self.depth == 0 {
                            self.place = Place::Scalar;
                        }
                    }
                    _ => return Err(Fault::Invalid("unexpected byte")),
                },
            }
            at += 1;
        }
        Ok(Progress::More)
    }

    /// Whether the value is complete if nothing follows.
    pub(crate) fn complete_at_end(&self) -> bool {
        self.place == Place::Scalar
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(text: &str) -> Result<Progress, Fault> {
        ValueScanner::default().feed(text.as_bytes())
    }

    #[test]
    fn the_end_of_each_kind_of_value_is_found() {
        assert_eq!(
            whole(r#"{"a":[1,{"b":"]}\""}]} rest"#),
            Ok(Progress::Done(22))
        );
        assert_eq!(whole(r#""a\\"x"#), Ok(Progress::Done(5)));
        assert_eq!(whole("-12,3"), Ok(Progress::Done(3)));
        assert_eq!(whole("[1"), Ok(Progress::More));
    }

    #[test]
    fn tre_14_lim_3_depth_and_length_are_bounded() {
        assert_eq!(
            whole(&"[".repeat(100_000)),
            Err(Fault::Limit("nested too deep"))
        );
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(whole(&nested(64)).is_ok());
        assert!(whole(&nested(65)).is_err());
        let mut scanner = ValueScanner::default();
        assert_eq!(scanner.feed(b"\""), Ok(Progress::More));
        let mut result = Ok(Progress::More);
        for _ in 0..=MAX_STRING / 1024 {
            result = scanner.feed(&[b'x'; 1024]);
            if result.is_err() {
                break;
            }
        }
        assert_eq!(result, Err(Fault::Limit("string too long")));
        assert!(whole("[}").is_err());
        assert!(whole("]").is_err());
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_end(text in r#"[\[\]{}",:0-9a\\ ]{0,40}"#, cut in 0usize..41) {
            let whole = whole(&text);
            let cut = cut.min(text.len());
            let mut scanner = ValueScanner::default();
            let first = scanner.feed(&text.as_bytes()[..cut]);
            let split = match first {
                Ok(Progress::More) => scanner.feed(&text.as_bytes()[cut..]).map(|p| match p {
                    Progress::Done(n) => Progress::Done(n + cut),
                    Progress::More => Progress::More,
                }),
                other => other,
            };
            prop_assert_eq!(whole, split);
        }
    }
}
