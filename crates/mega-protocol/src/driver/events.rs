//! The event channel on the wire.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::api::{Settings, Shared, Which};
use super::exchange::{Announced, api_headers, next_piece, retry_after, send};
use super::http::{HttpRequest, Method};
use super::inflate::Inflate;
use super::pump::now;
use crate::error::Error;
use crate::events::{
    ChannelEnd, ChannelEvent, ChannelFault, EventBatch, EventChannel, EventParser, EventReply,
    EventRequest,
};
use crate::identity::Identity;
use crate::sequence::SequenceNumber;
use crate::transport::{TransportError, TransportErrorKind};

/// The events of an account or folder link, batch by batch. It has no task of its own: it works
/// while [`EventStream::next_batch`] is awaited.
pub struct EventStream {
    channel: EventChannel,
    shared: Arc<Shared>,
    ended: Option<ChannelEnd>,
}

impl EventStream {
    pub(super) fn new(channel: EventChannel, shared: Arc<Shared>) -> Self {
        Self {
            channel,
            shared,
            ended: None,
        }
    }

    /// The position after the last batch returned.
    pub fn position(&self) -> SequenceNumber {
        self.channel.position()
    }

    /// In whose name it asks: the one of the handle when it was made.
    pub fn identity(&self) -> &Identity {
        self.channel.identity()
    }

    /// Waits for the next batch. Broken connections are repaired inside, for as long as it takes;
    /// the observer of the handle is told.
    ///
    /// A batch may be empty: then the position was confirmed, and without
    /// [`EventBatch::more`] the tree is current.
    ///
    /// # Errors
    ///
    /// Why the channel is over; the same from then on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a batch not returned is asked for again.
    pub async fn next_batch(&mut self) -> Result<EventBatch, ChannelEnd> {
        loop {
            while let Some(event) = self.channel.poll_event() {
                match event {
                    ChannelEvent::Batch(batch) => return Ok(batch),
                    ChannelEvent::Ended(end) => self.ended = Some(end),
                    ChannelEvent::Retrying { delay, cause } => self.notice(delay, cause),
                }
            }
            if let Some(end) = self.ended {
                return Err(end);
            }
            // A request whose future was dropped on the way is made again.
            self.channel.handle_abandoned(now());
            self.channel.handle_timeout(now());
            if let Some(request) = self.channel.poll_transmit(now()) {
                let reply = ask(&self.shared.settings, request).await;
                if reply.is_ok() {
                    // The service is there: whoever waits to try again need not wait longer.
                    self.shared.cell(Which::Ordered).lock().lane.hurry(now());
                    self.shared.cell(Which::Ordered).wake.notify_one();
                }
                self.channel.handle_reply(now(), reply);
            } else {
                match self.channel.poll_timeout() {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    // Only an origin that makes no valid URL leads here.
                    None => self.ended = Some(ChannelEnd::Reload),
                }
            }
        }
    }

    fn notice(&self, delay: std::time::Duration, cause: Error) {
        if let Some(observer) = &self.shared.settings.observer {
            observer(super::builder::ApiNotice::Retrying { delay, cause });
        }
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("position", &self.position())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

async fn ask(settings: &Settings, request: EventRequest) -> Result<EventReply, ChannelFault> {
    let mut http = HttpRequest::new(Method::Post, request.url, Bytes::new());
    http.headers = api_headers(settings);
    let transport = ChannelFault::Transport;
    let mut response = send(settings, http, request.idle)
        .await
        .map_err(transport)?;
    if response.status != 200 {
        return Err(ChannelFault::Status {
            status: response.status,
            retry_after: retry_after(&response.headers),
        });
    }
    let announced = Announced::new(&response.headers);
    let mut inflate = Inflate::new(response.headers.get("Content-Encoding")).map_err(transport)?;
    let mut parser = EventParser::new();
    let (mut wire, mut content) = (0u64, 0u64);
    let mut take = |bytes: Bytes| {
        content = content.saturating_add(bytes.len() as u64);
        if content > settings.max_events {
            return Err(ChannelFault::Transport(TransportError::new(
                TransportErrorKind::Body,
            )));
        }
        parser.feed(&bytes).map_err(ChannelFault::Unreadable)
    };
    while let Some(piece) = next_piece(&mut response, request.idle)
        .await
        .map_err(transport)?
    {
        wire = wire.saturating_add(piece.len() as u64);
        inflate.feed(piece, &mut take)?;
    }
    inflate.finish(&mut take)?;
    announced.check(wire, content).map_err(transport)?;
    parser.finish().map_err(ChannelFault::Unreadable)
}

impl From<TransportError> for ChannelFault {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}
