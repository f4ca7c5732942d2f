//! Replies as no honest server writes them: the JSON text is walked token by token and written again with changes, so that
//! the order of keys stays what it was.

use std::fmt;
use std::sync::Arc;

/// A change of the text.
#[derive(Clone)]
pub(crate) enum Reshape {
    Member(String, Arc<dyn Fn(&str) -> String + Send + Sync>),
    Replace(String, String),
    Hide(String),
    Unknown,
    Quote,
    Swap,
    Shorter(usize),
    Longer(usize),
    Add(String, String),
}

impl fmt::Debug for Reshape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(name, _) => write!(f, "Member({name:?})"),
            Self::Replace(name, json) => write!(f, "Replace({name:?}, {json})"),
            Self::Hide(name) => write!(f, "Hide({name:?})"),
            Self::Unknown => f.write_str("Unknown"),
            Self::Quote => f.write_str("Quote"),
            Self::Swap => f.write_str("Swap"),
            Self::Shorter(n) => write!(f, "Shorter({n})"),
            Self::Longer(n) => write!(f, "Longer({n})"),
            Self::Add(name, json) => write!(f, "Add({name:?}, {json})"),
        }
    }
}

impl Reshape {
    /// The text with this change. What is no compact JSON is passed on as far as it is understood.
    pub(crate) fn apply(&self, text: &str) -> String {
        match self {
            Self::Shorter(n) => resize(text, |elements| {
                elements.truncate(elements.len().saturating_sub(*n));
            }),
            Self::Longer(n) => resize(text, |elements| {
                elements.extend(std::iter::repeat_n("0", *n));
            }),
            Self::Add(name, json) => add(
                text,
                &format!("{}:{json}", serde_json::Value::from(name.as_str())),
            ),
            _ => {
                let mut out = String::with_capacity(text.len());
                let mut walk = Walk { text, at: 0 };
                self.value(&mut walk, None, &mut out, 0);
                out.push_str(walk.text.get(walk.at..).unwrap_or_default());
                out
            }
        }
    }

    /// Copies one value with the change.
    fn value(&self, walk: &mut Walk<'_>, name: Option<&str>, out: &mut String, depth: usize) {
        match self {
            Self::Replace(wanted, json) if name == Some(wanted.as_str()) => {
                walk.skip_value();
                out.push_str(json);
                return;
            }
            // The walker is not made for deeper texts than the service writes.
            _ if depth > 64 => {
                out.push_str(walk.skip_value());
                return;
            }
            _ => {}
        }
        match walk.peek() {
            Some(open @ ('{' | '[')) => {
                walk.at += 1;
                out.push(open);
                let object = open == '{';
                if object && matches!(self, Self::Unknown) {
                    out.push_str("\"zz_\":[{\"zz\":\"x\"}],");
                }
                let mut first = true;
                while let Some(next) = walk.peek() {
                    if matches!(next, '}' | ']') {
                        walk.at += 1;
                        if object && matches!(self, Self::Unknown) {
                            out.push_str(if first { "\"_zz\":0" } else { ",\"_zz\":0" });
                        }
                        out.push(next);
                        break;
                    }
                    if next == ',' {
                        walk.at += 1;
                        continue;
                    }
                    let before = walk.at;
                    let key = object.then(|| walk.skip_value());
                    if object {
                        // The colon.
                        walk.at += 1;
                    }
                    let plain = key.map(|k| k.trim_matches('"'));
                    if let (Self::Hide(hidden), Some(plain)) = (self, plain)
                        && hidden == plain
                    {
                        walk.skip_value();
                        continue;
                    }
                    if !first {
                        out.push(',');
                    }
                    first = false;
                    if let Some(key) = key {
                        out.push_str(key);
                        out.push(':');
                    }
                    self.value(walk, plain, out, depth + 1);
                    if walk.at == before {
                        // Not understood: the rest is copied as it is.
                        return;
                    }
                }
            }
            Some('"') => {
                let quoted = walk.skip_value();
                let inner = quoted
                    .get(1..quoted.len().saturating_sub(1))
                    .unwrap_or_default();
                match self {
                    Self::Member(wanted, change) if name == Some(wanted.as_str()) => {
                        out.push_str(&serde_json::Value::from(change(inner)).to_string());
                    }
                    Self::Swap => out.push_str(&inner.len().to_string()),
                    _ => out.push_str(quoted),
                }
            }
            Some(_) => {
                let number = walk.skip_value();
                match self {
                    Self::Quote | Self::Swap => {
                        out.push('"');
                        out.push_str(number);
                        out.push('"');
                    }
                    _ => out.push_str(number),
                }
            }
            None => {}
        }
    }
}

/// Adds a member at the end of every result that is an object: of a single one, or of the elements of a batch, tagged ones too.
fn add(text: &str, member: &str) -> String {
    if let Some(inner) = text.strip_suffix('}').filter(|t| t.starts_with('{')) {
        let comma = if inner.len() > 1 { "," } else { "" };
        return format!("{inner}{comma}{member}}}");
    }
    match elements(text) {
        Some(elements) => {
            let changed: Vec<String> = elements.iter().map(|e| add(e, member)).collect();
            format!("[{}]", changed.join(","))
        }
        None => text.to_owned(),
    }
}

/// Changes the list of elements of an array; anything else stays.
fn resize<'a>(text: &'a str, change: impl FnOnce(&mut Vec<&'a str>)) -> String {
    let Some(mut elements) = elements(text) else {
        return text.to_owned();
    };
    change(&mut elements);
    format!("[{}]", elements.join(","))
}

/// The elements of an array; `None` where the text is none.
fn elements(text: &str) -> Option<Vec<&str>> {
    let mut walk = Walk { text, at: 0 };
    if walk.peek() != Some('[') {
        return None;
    }
    walk.at = 1;
    let mut elements = Vec::new();
    while let Some(next) = walk.peek() {
        match next {
            ']' => break,
            ',' => walk.at += 1,
            _ => {
                let element = walk.skip_value();
                if element.is_empty() {
                    return None;
                }
                elements.push(element);
            }
        }
    }
    Some(elements)
}

/// A place in compact JSON.
struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    /// Passes over one value and returns its text.
    fn skip_value(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut depth = 0_usize;
        let mut in_text = false;
        let mut escaped = false;
        let mut end = rest.len();
        for (i, c) in rest.char_indices() {
            if in_text {
                match c {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    '"' => {
                        in_text = false;
                        if depth == 0 {
                            end = i + 1;
                            break;
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match c {
                '"' => in_text = true,
                '{' | '[' => depth += 1,
                '}' | ']' if depth == 0 => {
                    end = i;
                    break;
                }
                '}' | ']' => {
                    depth -= 1;
                    if depth == 0 {
                        end = i + 1;
                        break;
                    }
                }
                ',' | ':' if depth == 0 => {
                    end = i;
                    break;
                }
                _ => {}
            }
        }
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        r#"[{"f":[{"h":"a\"b,","s":5},{"h":"c","s":[1,-2]}],"u":"x"},-9,["st",{"e":[]}],"t"]"#;

    #[test]
    fn nothing_else_changes() {
        assert_eq!(Reshape::Hide("none".into()).apply(TEXT), TEXT);
        assert_eq!(Reshape::Shorter(0).apply(TEXT), TEXT);
        for odd in ["", "-3", "[", "{\"a\"", "]", "<html>", "[}"] {
            // Whatever comes out, it ends.
            let _ = Reshape::Swap.apply(odd);
            let _ = Reshape::Longer(1).apply(odd);
        }
    }

    #[test]
    fn members_are_changed_replaced_and_hidden_wherever_they_are() {
        let upper = Reshape::Member("h".into(), Arc::new(str::to_uppercase));
        assert!(upper.apply(TEXT).contains(r#""h":"C""#));
        let lie = Reshape::Replace("s".into(), "-1".into());
        let lies = TEXT
            .replace(r#""s":5"#, r#""s":-1"#)
            .replace("[1,-2]", "-1");
        assert_eq!(lie.apply(TEXT), lies);
        assert_eq!(
            Reshape::Hide("f".into()).apply(TEXT),
            r#"[{"u":"x"},-9,["st",{"e":[]}],"t"]"#
        );
        assert_eq!(
            Reshape::Hide("u".into()).apply(TEXT),
            TEXT.replace(r#","u":"x""#, "")
        );
    }

    #[test]
    fn types_and_lengths_are_changed() {
        assert_eq!(
            Reshape::Quote.apply("[1,{\"a\":-2},\"x\"]"),
            r#"["1",{"a":"-2"},"x"]"#
        );
        assert_eq!(Reshape::Swap.apply("[1,\"abc\"]"), r#"["1",3]"#);
        assert_eq!(Reshape::Shorter(3).apply(TEXT).matches("st").count(), 0);
        assert_eq!(Reshape::Longer(2).apply("[0]"), "[0,0,0]");
        assert_eq!(Reshape::Longer(2).apply("-3"), "-3");
        let more = Reshape::Unknown.apply("[{},{\"a\":1}]");
        let more: serde_json::Value = serde_json::from_str(&more).unwrap();
        assert_eq!(more[1]["a"], 1);
        assert!(more[1]["zz_"].is_array() && more[0]["_zz"] == 0);
    }
}
