//! Name patterns with `*` and `?`.

/// A pattern that names are compared with as a whole.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    chars: Vec<char>,
    ignore_case: bool,
}

impl Pattern {
    pub(super) fn new(text: &str, ignore_case: bool) -> Self {
        Self {
            chars: folded(text, ignore_case),
            ignore_case,
        }
    }

    /// Whether a name matches. Takes at most the product of both lengths: after a mismatch only the latest `*` takes one character more.
    pub(super) fn matches(&self, name: &str) -> bool {
        let name = folded(name, self.ignore_case);
        let (mut at, mut here) = (0_usize, 0_usize);
        // The latest `*`, and where in the name it was met.
        let mut star: Option<(usize, usize)> = None;
        while let Some(&have) = name.get(here) {
            match self.chars.get(at) {
                Some('*') => {
                    star = Some((at, here));
                    at = at.saturating_add(1);
                }
                Some(&want) if want == '?' || want == have => {
                    at = at.saturating_add(1);
                    here = here.saturating_add(1);
                }
                _ => match star {
                    Some((back, taken)) => {
                        let taken = taken.saturating_add(1);
                        star = Some((back, taken));
                        at = back.saturating_add(1);
                        here = taken;
                    }
                    None => return false,
                },
            }
        }
        self.chars
            .get(at..)
            .is_some_and(|rest| rest.iter().all(|&left| left == '*'))
    }
}

fn folded(text: &str, ignore_case: bool) -> Vec<char> {
    if ignore_case {
        text.chars().flat_map(char::to_lowercase).collect()
    } else {
        text.chars().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new(pattern, false).matches(name)
    }

    #[test]
    fn stars_and_question_marks_stand_for_text() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "a"),
            ("a*", "a"),
            ("*.txt", "a.txt"),
            ("*a*b*", "xxaxxbxx"),
            ("a?c", "abc"),
            ("?", "ü"),
            ("*b", "abab"),
            ("a**b", "ab"),
            ("", ""),
            ("*a", "aaab a"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("", "a"),
            ("?", ""),
            ("a", "ab"),
            ("*.txt", "a.txt.gz"),
            ("a?c", "ac"),
            ("*ab", "abc"),
            ("A", "a"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        assert!(Pattern::new("*.JPG", true).matches("ä.jpg"));
        assert!(Pattern::new("Ä*", true).matches("äx"));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "*a".repeat(500) + "b";
        assert!(!matches(&pattern, &"a".repeat(5000)));
    }

    /// The obvious recursive definition.
    fn slow(pattern: &[char], name: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('*', rest)) => (0..=name.len()).any(|taken| slow(rest, &name[taken..])),
            Some((want, rest)) => name
                .split_first()
                .is_some_and(|(have, name)| (*want == '?' || want == have) && slow(rest, name)),
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_obvious_definition(pattern in "[ab*?]{0,7}", name in "[ab]{0,9}") {
            let (p, n): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
            prop_assert_eq!(matches(&pattern, &name), slow(&p, &n));
        }
    }
}
