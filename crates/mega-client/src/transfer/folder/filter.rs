//! Which entries of a tree take part in a folder transfer.

use std::time::SystemTime;

/// Which entries of a tree take part in a folder transfer. Without any rule, all do.
///
/// Patterns are matched against the path below the top folder, with `/` between the parts. `*` stands
/// for anything within a part, `?` for one character of it, `**` for any number of whole parts, `[a-z]`
/// and `[!a-z]` for one character of a set. A pattern without `/` matches the last part at any depth;
/// one that begins with `/`, or has one inside, matches from the top.
///
/// A folder that is excluded is excluded with everything in it. Includes concern files only: if there
/// are any, a file has to match one of them.
///
/// ```
/// use mega_client::Filter;
/// let filter = Filter::new().exclude("*.tmp").exclude("target").include("src/**").max_size(1 << 20);
/// assert!(filter.takes_file("src/main.rs", 100, None));
/// assert!(!filter.takes_file("src/x.tmp", 100, None));
/// assert!(!filter.takes_file("README.md", 100, None));
/// assert!(!filter.takes_folder("a/b/target"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Filter {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    max_size: Option<u64>,
    min_size: Option<u64>,
    newer_than: Option<SystemTime>,
    older_than: Option<SystemTime>,
}

impl Filter {
    /// Everything takes part.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves out what matches.
    #[must_use]
    pub fn exclude(mut self, pattern: &str) -> Self {
        self.exclude.push(Pattern::new(pattern));
        self
    }

    /// Takes only files that match this or another include.
    #[must_use]
    pub fn include(mut self, pattern: &str) -> Self {
        self.include.push(Pattern::new(pattern));
        self
    }

    /// Leaves out files with more bytes.
    #[must_use]
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.max_size = Some(bytes);
        self
    }

    /// Leaves out files with fewer bytes.
    #[must_use]
    pub fn min_size(mut self, bytes: u64) -> Self {
        self.min_size = Some(bytes);
        self
    }

    /// Leaves out files that were last changed before this.
    #[must_use]
    pub fn newer_than(mut self, time: SystemTime) -> Self {
        self.newer_than = Some(time);
        self
    }

    /// Leaves out files that were last changed after this.
    #[must_use]
    pub fn older_than(mut self, time: SystemTime) -> Self {
        self.older_than = Some(time);
        self
    }

    /// Whether a file takes part. One without a time passes rules about time.
    #[must_use]
    pub fn takes_file(&self, path: &str, size: u64, modified: Option<SystemTime>) -> bool {
        self.max_size.is_none_or(|most| size <= most)
            && self.min_size.is_none_or(|least| size >= least)
            && self
                .newer_than
                .zip(modified)
                .is_none_or(|(limit, time)| time >= limit)
            && self
                .older_than
                .zip(modified)
                .is_none_or(|(limit, time)| time <= limit)
            && !self.exclude.iter().any(|pattern| pattern.matches(path))
            && (self.include.is_empty() || self.include.iter().any(|pattern| pattern.matches(path)))
    }

    /// Whether there is no rule at all.
    pub(super) fn takes_everything(&self) -> bool {
        let Self {
            include,
            exclude,
            max_size,
            min_size,
            newer_than,
            older_than,
        } = self;
        include.is_empty()
            && exclude.is_empty()
            && max_size.is_none()
            && min_size.is_none()
            && newer_than.is_none()
            && older_than.is_none()
    }

    /// Whether a folder is entered.
    #[must_use]
    pub fn takes_folder(&self, path: &str) -> bool {
        !self.exclude.iter().any(|pattern| pattern.matches(path))
    }
}

/// A pattern, cut into its parts.
#[derive(Clone, Debug)]
struct Pattern {
    parts: Vec<String>,
}

impl Pattern {
    fn new(text: &str) -> Self {
        let text = text.strip_suffix('/').unwrap_or(text);
        let mut parts: Vec<String> = Vec::new();
        if !text.contains('/') {
            parts.push("**".to_owned());
        }
        parts.extend(
            text.split('/')
                .filter(|part| !part.is_empty())
                .map(str::to_owned),
        );
        // `**` twice says no more than once, and costs a power more.
        parts.dedup_by(|left, right| left == "**" && right == "**");
        Self { parts }
    }

    fn matches(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        wild(
            &self.parts,
            &parts,
            |pattern| pattern == "**",
            |pattern, part| part_matches(pattern, part),
        )
    }
}

/// Matches a sequence against a pattern in which some elements stand for any number of elements. It goes
/// back to the last of those only, so the work is bounded by the product of the lengths.
fn wild<P, T>(
    pattern: &[P],
    text: &[T],
    is_any: impl Fn(&P) -> bool,
    matches: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while from < text.len() {
        let element = pattern.get(at);
        if element.is_some_and(&is_any) {
            retry = Some((at, from));
            at = at.saturating_add(1);
        } else if let (Some(element), Some(item)) = (element, text.get(from))
            && matches(element, item)
        {
            at = at.saturating_add(1);
            from = from.saturating_add(1);
        } else if let Some((star, start)) = retry {
            let start = start.saturating_add(1);
            retry = Some((star, start));
            at = star.saturating_add(1);
            from = start;
        } else {
            return false;
        }
    }
    pattern.iter().skip(at).all(is_any)
}

/// One element of a pattern within a part.
enum Element {
    Any,
    One,
    Char(char),
    Set(Vec<(char, char)>, bool),
}

fn part_matches(pattern: &str, part: &str) -> bool {
    let elements = elements(pattern);
    let text: Vec<char> = part.chars().collect();
    wild(
        &elements,
        &text,
        |element| matches!(element, Element::Any),
        |element, found| match element {
            Element::Any => false,
            Element::One => true,
            Element::Char(wanted) => wanted == found,
            Element::Set(ranges, negated) => {
                ranges
                    .iter()
                    .any(|(low, high)| (low..=high).contains(&found))
                    != *negated
            }
        },
    )
}

fn elements(pattern: &str) -> Vec<Element> {
    let mut elements = Vec::new();
    let mut rest = pattern.chars();
    while let Some(next) = rest.next() {
        elements.push(match next {
            '*' => {
                if matches!(elements.last(), Some(Element::Any)) {
                    continue;
                }
                Element::Any
            }
            '?' => Element::One,
            '[' => match set(rest.as_str()) {
                Some((element, after)) => {
                    rest = after.chars();
                    element
                }
                None => Element::Char('['),
            },
            other => Element::Char(other),
        });
    }
    elements
}

/// A set, without its opening bracket, and what follows it; `None` if it is not closed.
fn set(text: &str) -> Option<(Element, &str)> {
    let (inside, negated) = match text.strip_prefix(['!', '^']) {
        Some(inside) => (inside, true),
        None => (text, false),
    };
    // A bracket in the first place stands for itself.
    let first = inside.chars().next()?;
    let after_first = inside.get(first.len_utf8()..)?;
    let close = after_first.find(']')?.saturating_add(first.len_utf8());
    let (members, after) = inside.split_at_checked(close)?;
    let members: Vec<char> = members.chars().collect();
    let mut ranges = Vec::new();
    let mut rest = members.as_slice();
    loop {
        rest = match rest {
            [low, '-', high, rest @ ..] => {
                ranges.push((*low, *high));
                rest
            }
            [one, rest @ ..] => {
                ranges.push((*one, *one));
                rest
            }
            [] => break,
        };
    }
    Some((Element::Set(ranges, negated), after.strip_prefix(']')?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::new(pattern).matches(path)
    }

    #[test]
    fn patterns_match_as_people_expect() {
        for (pattern, path, expected) in [
            ("*.rs", "src/deep/main.rs", true),
            ("*.rs", "main.rs.bak", false),
            ("/main.rs", "main.rs", true),
            ("/main.rs", "src/main.rs", false),
            ("src/*.rs", "src/main.rs", true),
            ("src/*.rs", "src/deep/main.rs", false),
            ("src/**", "src/deep/main.rs", true),
            ("src/**/x", "src/x", true),
            ("**/x/**", "a/x/b", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[!a-c]x", "dx", true),
            ("[]]", "]", true),
            ("[open", "[open", true),
            ("target/", "a/target", true),
            ("ä*", "ähm", true),
            ("*", "anything", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_exponential_time() {
        assert!(!matches(
            &"*a".repeat(200),
            &"a".repeat(5000).replace("aaaa", "aaab")
        ));
        assert!(!matches(
            &"**/a/".repeat(100),
            &"a/".repeat(2000).replace("a/a/a/a", "a/a/a/b")
        ));
    }

    #[test]
    fn sizes_and_times_bound_what_takes_part() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let filter = Filter::new().min_size(10).max_size(20).newer_than(now);
        assert!(filter.takes_file("x", 10, Some(now)));
        assert!(filter.takes_file("x", 20, None));
        assert!(!filter.takes_file("x", 9, Some(now)));
        assert!(!filter.takes_file("x", 21, Some(now)));
        assert!(!filter.takes_file("x", 10, Some(now - Duration::from_secs(1))));
    }
}
