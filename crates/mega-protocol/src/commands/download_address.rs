//! `g`: where to download a file (api-and-transfers 5.7). On the lockless lane.

use std::time::Duration;

use crate::code::ApiCode;
use crate::json::{DecodeError, ObjectWriter, Value};
use crate::storage::DownloadUrl;
use crate::{Blob, Command, Effect, Lane, NodeHandle, PublicHandle, ReplyError};

/// Asks for the download address of a file, or just for what is known of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FetchDownloadAddress {
    /// Which file.
    pub source: DownloadSource,
    /// Whether addresses are wanted, not only size and attributes.
    pub addresses: bool,
    /// Whether the address must use TLS.
    pub secure: bool,
    /// Whether six addresses of a file stored in parts are welcome (`v:2`).
    pub parts: bool,
}

/// Which file to download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownloadSource {
    /// A node of the own tree; or of the folder link that is the identity of the request.
    Node(NodeHandle),
    /// The file of a public link.
    Link(PublicHandle),
}

impl FetchDownloadAddress {
    /// The download address of a node.
    pub fn node(node: NodeHandle) -> Self {
        Self::new(DownloadSource::Node(node))
    }

    /// The download address of a public file link.
    pub fn link(link: PublicHandle) -> Self {
        Self::new(DownloadSource::Link(link))
    }

    /// Size and attributes of a public file link, without an address.
    pub fn link_info(link: PublicHandle) -> Self {
        Self {
            addresses: false,
            ..Self::link(link)
        }
    }

    fn new(source: DownloadSource) -> Self {
        Self {
            source,
            addresses: true,
            secure: true,
            parts: false,
        }
    }
}

/// The answer to [`FetchDownloadAddress`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DownloadAddress {
    /// One address, or six when the file is stored in parts and that was welcome, or none when
    /// none were asked for.
    pub urls: Vec<DownloadUrl>,
    /// The size of the file in bytes.
    pub size: u64,
    /// The encrypted attributes (`at`).
    pub attributes: Option<Blob>,
    /// The file attributes (`fa`).
    pub file_attributes: Option<String>,
}

impl Command for FetchDownloadAddress {
    type Reply = DownloadAddress;

    fn name(&self) -> &str {
        "g"
    }

    fn lane(&self) -> Lane {
        Lane::Lockless
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.flag("g", self.addresses);
        match self.source {
            DownloadSource::Node(node) => fields.shown("n", node),
            DownloadSource::Link(link) => fields.shown("p", link),
        };
        if self.parts {
            fields.number("v", 2);
        }
        if self.secure {
            fields.number("ssl", 2);
        }
    }

    fn decode(&self, reply: Value<'_>) -> Result<DownloadAddress, ReplyError> {
        let reply = reply.object()?;
        if let Some(code) = reply.i64_opt("e")?.filter(|code| *code != 0) {
            let code = i32::try_from(code).map_err(|_| DecodeError::field("e", "code"))?;
            return Err(ReplyError::Refused {
                code: ApiCode::new(code),
                retry_after: reply
                    .u64_opt("tl")?
                    .filter(|t| *t > 0)
                    .map(Duration::from_secs),
            });
        }
        if reply.has("d") {
            // Taken down; the SDK reports it as blocked.
            return Err(ReplyError::Refused {
                code: ApiCode::EBLOCKED,
                retry_after: None,
            });
        }
        let mut urls = Vec::new();
        match reply.get("g") {
            Some(list) if list.is_array() => {
                for url in list.array()? {
                    urls.push(url.read().map_err(|e| e.within("g"))?);
                }
                if !matches!(urls.len(), 1 | 6) {
                    return Err(DecodeError::field("g", "one address or six").into());
                }
            }
            Some(url) => urls.push(url.read().map_err(|e| e.within("g"))?),
            None if self.addresses => {
                return Err(DecodeError::field("g", "missing").into());
            }
            None => {}
        }
        Ok(DownloadAddress {
            urls,
            size: reply.u64("s")?,
            attributes: reply.read_opt("at")?,
            file_attributes: reply.read_opt("fa")?,
        })
    }
}
