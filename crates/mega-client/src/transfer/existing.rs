//! What happens when there is something of that name already.

/// What a download does when the local path exists already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Existing {
    /// An [`AlreadyExists`](crate::ErrorKind::AlreadyExists) error; nothing is touched. A file that is
    /// identical is no conflict for a folder download: it is the same.
    #[default]
    Fail,
    /// The file is replaced, in one step and only when the new content is verified (threat model, DL-2).
    Overwrite,
    /// An identical file (size and fingerprint and time, or where the fingerprint does not tell, the MAC
    /// over all of it) is left alone, any other is replaced.
    Update,
    /// Whatever is there is left alone.
    Skip,
    /// The new file gets a name with a number: `name (1).txt`.
    Rename,
}

/// The name with a number before its last extension; the number is at least 1.
pub(crate) fn numbered(name: &[u8], number: u32) -> Vec<u8> {
    let dot = name
        .iter()
        .rposition(|byte| *byte == b'.')
        // What is longer is no extension; the number would not fit beside it.
        .filter(|at| *at > 0 && name.len().saturating_sub(*at) <= 128);
    let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
    let suffix = format!(" ({number})");
    // 255 bytes are the most that file systems take; the number must not be what is cut.
    let room = 255_usize.saturating_sub(suffix.len().saturating_add(extension.len()));
    let mut cut = stem.len().min(room);
    // Not inside a character.
    while cut > 0 && cut < stem.len() && stem.get(cut).is_some_and(|byte| byte & 0xc0 == 0x80) {
        cut = cut.saturating_sub(1);
    }
    let (stem, _) = stem.split_at(cut);
    [stem, suffix.as_bytes(), extension].concat()
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn a_number_goes_before_the_extension() {
        assert_eq!(numbered(b"a.txt", 1), b"a (1).txt");
        assert_eq!(numbered(b"a.tar.gz", 12), b"a.tar (12).gz");
        assert_eq!(numbered(b".profile", 1), b".profile (1)");
        assert_eq!(numbered(b"plain", 2), b"plain (2)");
    }

    #[test]
    fn a_name_that_is_nearly_all_behind_its_dot_is_cut_like_any_other() {
        let name = numbered(format!("a.{}", "x".repeat(253)).as_bytes(), 1);
        assert_eq!(name.len(), 255);
        assert!(name.starts_with(b"a.x") && name.ends_with(b"x (1)"));
    }

    #[test]
    fn a_numbered_name_stays_within_what_file_systems_take_and_whole_characters() {
        let long = "ä".repeat(127) + ".x";
        let name = numbered(long.as_bytes(), 100);
        assert!(name.len() <= 255);
        let text = String::from_utf8(name).unwrap();
        assert!(text.ends_with("ä (100).x"));
    }
}
