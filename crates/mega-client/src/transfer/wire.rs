//! Requests to storage hosts, and what their failures ask for (api-and-transfers 6.5, 7.4).

use std::ops::Range;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use mega_protocol::commands::{DownloadSource, FetchDownloadAddress, FetchUploadAddress};
use mega_protocol::storage::raid::PARTS;
use mega_protocol::storage::{ByteRange, StorageError, UploadReply};
use mega_protocol::{Api, ApiCode, Command, RangeStream, Storage, UploadProgress};

pub(crate) use mega_protocol::storage::{DownloadUrl, UploadToken, UploadUrl};

use super::address::{Address, Addresses};
use super::gate::{Gate, Place};
use super::raid::SixParts;
use super::remote::RemoteFile;
use super::retry::{Failure, Remedy, over_quota};
use super::seal::{Part, PartBody};
use crate::error::{Error, ErrorKind, Result};
use crate::{Client, send};

/// The service as transfers see it.
pub(crate) struct Wire {
    api: Api,
    /// Whose session is used, and renewed when it has died.
    client: Weak<crate::client::Inner>,
    storage: Storage,
    /// One place for each download. Whoever has one may wait for a buffer, so nobody who holds a buffer waits for a place: see
    /// [`turn`](Self::turn).
    downloads: Gate,
    /// One place for each part that is sent, apart from the others: the part holds its buffer while it waits for a place.
    uploads: Gate,
}

/// What a storage host says to a part.
#[derive(Debug)]
pub(crate) enum PartReply {
    /// It has the part and waits for others.
    Received,
    /// It has everything.
    Complete(UploadToken),
}

impl Wire {
    pub(crate) fn new(api: Api, client: Weak<crate::client::Inner>, requests: usize) -> Self {
        let storage = api.storage();
        Self {
            api,
            client,
            storage,
            downloads: Gate::new(requests),
            uploads: Gate::new(requests),
        }
    }

    /// From now on so many requests at once, each way.
    pub(crate) fn set_requests(&self, requests: usize) {
        self.downloads.resize(requests);
        self.uploads.resize(requests);
    }

    /// Waits for the place that a transfer needs for [`get`](Self::get). Open readers go without: a transfer that has a place may wait for what
    /// a reader gives.
    ///
    /// A transfer that breaks off with a buffer half full keeps its place until it has filled it. If it gave it up, others could have all the
    /// places and wait for buffers, and those who have the buffers for places.
    pub(crate) async fn turn(&self) -> Place {
        self.downloads.enter().await
    }

    /// Asks for a download address, and checks that the service speaks of the same file (DL-5).
    pub(crate) async fn download_address(&self, file: &RemoteFile) -> Result<Address, Failure> {
        let mut command = match file.source {
            DownloadSource::Link(link) => FetchDownloadAddress::link(link),
            DownloadSource::Node(node) => FetchDownloadAddress::node(node),
            _ => return Err(Error::misuse("this file has no address").into()),
        };
        command.parts = true;
        let address = self.ask(&command).await?;
        if address.size != file.size {
            return Err(Failure::from(Error::new(
                ErrorKind::Integrity,
                format!(
                    "the service says {} bytes now, the listing says {}",
                    address.size, file.size
                ),
            )));
        }
        match <[DownloadUrl; PARTS]>::try_from(address.urls) {
            Ok(urls) => Ok(Address::Parts(Arc::new(urls))),
            Err(urls) => urls.into_iter().next().map(Address::Whole).ok_or_else(|| {
                let text = "the service gave no download address";
                Error::new(ErrorKind::Protocol, text).into()
            }),
        }
    }

    /// Asks for an upload address.
    pub(crate) async fn upload_address(&self, size: u64) -> Result<UploadUrl, Failure> {
        self.ask(&FetchUploadAddress::new(size)).await
    }

    /// Asks for an address. A session that died is renewed, if the caller has given the means; a reader that has outlived its client asks with
    /// the session there was.
    async fn ask<C>(&self, command: &C) -> Result<C::Reply, Failure>
    where
        C: Command + Send + Sync + 'static,
        C::Reply: Send + 'static,
    {
        let answer = match Client::of(&self.client) {
            Some(client) => client
                .answered(command)
                .await
                .map_err(|failure| match failure {
                    send::Failure::Wire(error) => address_failed(error),
                    send::Failure::Renewal(error) => error.into(),
                })?,
            None => self.api.send(command).await.map_err(address_failed)?,
        };
        Ok(answer.reply)
    }

    /// Asks for a range, which is not empty. A connection on which nothing moves is given up by the driver
    /// (LIM-10).
    ///
    /// `addresses` is what `address` comes from. The six requests for a file in parts count as one.
    pub(crate) async fn get(
        &self,
        addresses: &Addresses,
        address: &Address,
        range: Range<u64>,
    ) -> Result<Body, Failure> {
        let kind = match address {
            Address::Whole(url) => {
                let len = range.end.saturating_sub(range.start);
                let range = ByteRange::new(range.start, len)
                    .ok_or_else(|| Error::misuse("an empty range"))?;
                let body = self.storage.download_range(url, range).await;
                BodyKind::Whole(body.map_err(download_failed)?)
            }
            Address::Parts(urls) => {
                let (health, size) = (addresses.health(), addresses.size());
                let parts = SixParts::new(&self.storage, urls, health, size, range)?;
                BodyKind::Parts(Box::new(parts))
            }
        };
        Ok(Body { kind })
    }

    /// Sends one part, with its checksum (UL-3).
    pub(crate) async fn post(
        &self,
        url: &UploadUrl,
        part: &Part,
        progress: UploadProgress,
    ) -> Result<PartReply, Failure> {
        let _turn = self.uploads.enter().await;
        let sent = match &part.body {
            PartBody::Held(bytes) => {
                let bytes = bytes.clone();
                self.storage
                    .upload_part(url, part.offset, bytes, progress)
                    .await
            }
            PartBody::Reread(reread) => {
                let (checksum, (body, broken)) = (reread.checksum(), reread.body());
                let sent = self
                    .storage
                    .upload_made_part(url, part.offset, checksum, body, progress)
                    .await;
                if let Some(error) = broken.error() {
                    return Err(error.into());
                }
                sent
            }
        };
        match sent {
            Ok(UploadReply::Accepted) => Ok(PartReply::Received),
            Ok(UploadReply::Complete(token)) => Ok(PartReply::Complete(token)),
            Ok(_) => Err(Failure::again(Error::new(
                ErrorKind::Protocol,
                "the storage host sent a reply that makes no sense",
            ))),
            Err(error) => Err(upload_failed(error)),
        }
    }
}

/// The body of a range, as it arrives: exactly as many bytes as were asked for, or an error (DL-5).
pub(crate) struct Body {
    kind: BodyKind,
}

enum BodyKind {
    Whole(RangeStream),
    Parts(Box<SixParts>),
}

impl Body {
    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        match &mut self.kind {
            BodyKind::Whole(body) => body.chunk().await.transpose().map_err(download_failed),
            BodyKind::Parts(parts) => parts.next().await,
        }
    }
}

/// What a failed `g` or `u` asks for. The command lane has repeated what can be repeated.
fn address_failed(error: mega_protocol::Error) -> Failure {
    let remedy = match error.code() {
        Some(ApiCode::EOVERQUOTA) => {
            let wait = error.retry_after();
            if wait.is_some() {
                return Failure::new(Remedy::Wait(wait), over_quota(wait).caused_by(error));
            }
            Remedy::GiveUp
        }
        Some(ApiCode::ETEMPUNAVAIL) => Remedy::Again,
        _ => Remedy::GiveUp,
    };
    Failure::new(remedy, error.into())
}

/// What a failed request for content asks for.
pub(crate) fn download_failed(error: mega_protocol::Error) -> Failure {
    let remedy = match &error {
        mega_protocol::Error::Storage(storage) => match storage {
            StorageError::AddressExpired => Remedy::NewAddress,
            StorageError::OverTransferQuota { retry_after } => {
                let wait = Some(*retry_after);
                return Failure::new(Remedy::Wait(wait), over_quota(wait).caused_by(error));
            }
            _ => Remedy::Again,
        },
        mega_protocol::Error::Url(_) | mega_protocol::Error::Misuse(_) => Remedy::GiveUp,
        error => transport_remedy(error),
    };
    Failure::new(remedy, error.into())
}

/// As the SDK does (`src/transferslot.cpp`; api-and-transfers 6.5): a part whose checksum was wrong is
/// sent again, a host that cannot go on makes the upload start again, the rest is final.
fn upload_failed(error: mega_protocol::Error) -> Failure {
    let remedy = match &error {
        mega_protocol::Error::Storage(storage) => match storage {
            StorageError::AddressExpired => Remedy::StartOver,
            StorageError::OverTransferQuota { retry_after } => {
                let wait = Some(*retry_after);
                return Failure::new(Remedy::Wait(wait), over_quota(wait).caused_by(error));
            }
            StorageError::Refused(code) => match *code {
                ApiCode::EKEY => Remedy::Again,
                ApiCode::EAGAIN
                | ApiCode::ERATELIMIT
                | ApiCode::EFAILED
                | ApiCode::ERANGE
                | ApiCode::EEXPIRED => Remedy::StartOver,
                _ => Remedy::GiveUp,
            },
            _ => Remedy::Again,
        },
        mega_protocol::Error::Url(_) | mega_protocol::Error::Misuse(_) => Remedy::GiveUp,
        error => transport_remedy(error),
    };
    Failure::new(remedy, error.into())
}

fn transport_remedy(error: &mega_protocol::Error) -> Remedy {
    if error.is_retryable() {
        Remedy::Again
    } else {
        Remedy::GiveUp
    }
}
