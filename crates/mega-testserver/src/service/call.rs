//! A request taken apart: which lane it is for, its query, its commands.

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use serde_json::Value;

use crate::fault::Lane;

/// What the first lines of a request say about its body.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) lane: Lane,
    path: String,
}

impl Head {
    pub(crate) fn read(path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default().to_owned();
        Self {
            lane: lane(&path),
            path,
        }
    }

    /// Upload name and offset of an upload path.
    pub(crate) fn upload(&self) -> Option<(&str, u64)> {
        upload_path(&self.path)
    }
}

/// A request, read once.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) lane: Lane,
    pub(crate) method: Method,
    pub(crate) path: String,
    query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) body_len: u64,
    /// The commands of a batch; `None` when the body is not a JSON array.
    pub(crate) commands: Option<Vec<Value>>,
    pub(crate) wants_gzip: bool,
}

impl Call {
    pub(crate) fn read(request: Request<Bytes>, body_len: u64) -> Self {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let query = head.uri.query().unwrap_or_default();
        let query = query
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .map(|(key, value)| (unescape(key), unescape(value)))
            .collect();
        let lane = lane(&path);
        let commands = match lane {
            Lane::Api => serde_json::from_slice::<Value>(&body)
                .ok()
                .and_then(|v| match v {
                    Value::Array(commands) => Some(commands),
                    _ => None,
                }),
            _ => None,
        };
        let wants_gzip = head
            .headers
            .get("accept-encoding")
            .and_then(|v| v.to_str().ok())
            .is_some_and(|v| v.to_ascii_lowercase().contains("gzip"));
        let wants_gzip = wants_gzip && matches!(lane, Lane::Api | Lane::Events);
        Self {
            lane,
            method: head.method,
            path,
            query,
            headers: head.headers,
            body,
            body_len,
            commands,
            wants_gzip,
        }
    }

    /// A value of the query string.
    pub(crate) fn query(&self, key: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v.as_str())
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// The names of the commands.
    pub(crate) fn command_names(&self) -> Vec<String> {
        let commands = self.commands.iter().flatten();
        commands
            .map(|c| {
                crate::json::read::text(c, "a")
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect()
    }

    /// The parts of the path.
    pub(crate) fn parts(&self) -> Vec<&str> {
        self.path.split('/').filter(|p| !p.is_empty()).collect()
    }

    /// Upload name and offset.
    pub(crate) fn upload(&self) -> Option<(&str, u64)> {
        upload_path(&self.path)
    }

    /// The reply dialect is that of the sequence tags.
    pub(crate) fn tagged(&self) -> bool {
        self.query("v")
            .and_then(|v| v.parse::<u32>().ok())
            .is_some_and(|v| v >= 3)
    }
}

fn lane(path: &str) -> Lane {
    let mut parts = path.split('/').filter(|p| !p.is_empty());
    match (parts.next(), parts.next()) {
        (Some("cs"), None) => Lane::Api,
        (Some("sc"), None | Some("wsc")) | (Some("wsc"), None) => Lane::Events,
        (Some("w"), Some(_)) => Lane::Wait,
        (Some("ul"), _) => Lane::Upload,
        (Some("dl"), _) => Lane::Download,
        (Some("fa"), _) => Lane::Attributes,
        _ => Lane::Other,
    }
}

fn upload_path(path: &str) -> Option<(&str, u64)> {
    let mut parts = path.split('/').filter(|p| !p.is_empty()).skip(1);
    let name = parts.next()?;
    let offset = match parts.next() {
        Some(offset) => offset.parse().ok()?,
        None => 0,
    };
    Some((name, offset))
}

/// Undoes `%xx`; anything else stays as it is.
fn unescape(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail
            .get(..2)
            .and_then(|h| std::str::from_utf8(h).ok())
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
