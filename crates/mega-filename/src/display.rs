//! Names for the eye (threat model NAM-7, NAM-11).

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt::Write;

/// A name with everything invisible made visible, for listings, logs, messages and terminals.
///
/// Control characters, escape sequences, characters that change the direction of text or have no
/// width, unassigned, private and tag characters appear as `\u{202e}`, bytes that are not UTF-8 as
/// `\xff`, and a backslash as `\\`, so that two names that differ never look the same by a trick of
/// this kind. (Letters that merely look alike are not told apart.) A combining mark is shown as
/// such only after a character to combine with.
///
/// The outcome is for reading; no function takes it back. Stored names are never changed this way.
/// Which characters are assigned is what the Unicode tables of the Rust release say.
///
/// ```
/// use mega_filename::display_name;
///
/// assert_eq!(display_name("naïve – 日本語.txt"), "naïve – 日本語.txt");
/// assert_eq!(display_name("invoice\u{202e}fdp.exe"), r"invoice\u{202e}fdp.exe");
/// assert_eq!(display_name("\x1b[2J"), r"\u{1b}[2J");
/// assert_eq!(display_name(b"caf\xe9"), r"caf\xe9");
/// ```
#[must_use]
pub fn display_name<N: AsRef<[u8]> + ?Sized>(name: &N) -> Cow<'_, str> {
    let name = name.as_ref();
    match core::str::from_utf8(name) {
        Ok(text) if text.char_indices().all(|(at, c)| is_visible(c, at == 0)) => {
            return Cow::Borrowed(text);
        }
        _ => {}
    }
    let mut shown = String::with_capacity(name.len().saturating_add(16));
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' {
                shown.push_str("\\\\");
            } else if is_visible(c, shown.is_empty()) {
                shown.push(c);
            } else {
                // Writing to a String does not fail.
                let _ = write!(shown, "{}", c.escape_unicode());
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    Cow::Owned(shown)
}

/// Whether a character can be shown as it is; `first` when nothing stands before it.
fn is_visible(c: char, first: bool) -> bool {
    match c {
        ' '..='~' => c != '\\',
        // Spaces of some width.
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            true
        }
        _ => !is_blank(c) && is_printable(c, first),
    }
}

/// Characters that are assigned, not controls, and still show nothing: fillers and selectors
/// (Unicode's Default_Ignorable_Code_Point, without those of general category Cf), and the empty
/// Braille pattern.
fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2065}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether the standard library would print the character in a debug text: not a control, format,
/// surrogate, private or unassigned character, nor a separator; not a combining mark at the start.
fn is_printable(c: char, first: bool) -> bool {
    let mut buffer = [0; 8];
    let (before, after) = buffer.split_at_mut(1);
    before.copy_from_slice(b"x");
    let length = c.encode_utf8(after).len().saturating_add(1);
    let skip = if first { 1 } else { 0 };
    let text = buffer
        .get(skip..length)
        .and_then(|bytes| core::str::from_utf8(bytes).ok());
    text.is_some_and(|text| text.escape_debug().last() == Some(c))
}
