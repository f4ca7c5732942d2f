//! Reading one request from a connection.

use bytes::{Buf as _, Bytes, BytesMut};
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Socket;
use crate::fault::Lane;
use crate::service::{Head, Service};

/// A request that was read, with the length of its body where that was thrown away.
pub(super) struct Received {
    pub(super) request: Request<Bytes>,
    pub(super) body_len: u64,
    pub(super) keep_alive: bool,
}

/// Why there is no request.
pub(super) enum Refused {
    /// The other side is gone, or never came.
    Closed,
    /// It cannot be understood or is too large; the status says which.
    Status(u16),
}

impl From<std::io::Error> for Refused {
    fn from(_: std::io::Error) -> Self {
        Self::Closed
    }
}

/// Reads one request; what follows it stays in the buffer. What is no request, or not all of one, is noted in the journal.
pub(super) async fn read(
    stream: &mut impl Socket,
    buffer: &mut BytesMut,
    service: &Service,
) -> Result<Received, Refused> {
    let head = match head(stream, buffer).await {
        Ok(head) => head,
        Err(refused) => {
            if let Refused::Status(status) = refused {
                service.unread(None, status);
            }
            return Err(refused);
        }
    };
    match body(stream, buffer, service, &head).await {
        Ok((body, body_len)) => Ok(Received {
            request: head.request.map(|()| body),
            body_len,
            keep_alive: head.keep_alive,
        }),
        Err(refused) => {
            let status = match refused {
                Refused::Status(status) => status,
                Refused::Closed => 0,
            };
            service.unread(Some(head.request), status);
            Err(refused)
        }
    }
}

async fn head(stream: &mut impl Socket, buffer: &mut BytesMut) -> Result<Parsed, Refused> {
    loop {
        if let Some(head) = parse(buffer)? {
            return Ok(head);
        }
        if buffer.len() > MAX_HEAD {
            return Err(Refused::Status(431));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(Refused::Closed);
        }
    }
}

/// The body that follows a head, and its length. Where it is thrown away, or longer than storage wants it, it is read past and
/// what is left of it is empty: storage answers a part that is too long with a number, as it does everything else.
async fn body(
    stream: &mut impl Socket,
    buffer: &mut BytesMut,
    service: &Service,
    head: &Parsed,
) -> Result<(Bytes, u64), Refused> {
    let lane = Head::read(head.request.uri().path());
    let limit = service.body_limit(&lane);
    let too_long = match lane.lane {
        Lane::Upload | Lane::Attributes => TooLong::PassOver,
        _ => TooLong::Refuse,
    };
    if let (Length::Known(length), TooLong::Refuse) = (&head.length, too_long)
        && *length > limit
    {
        return Err(Refused::Status(413));
    }
    if head.expects_continue && !matches!(head.length, Length::Known(0)) {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    match head.length {
        Length::Known(length) if length > limit || service.discards(&lane) => {
            discard(stream, buffer, length).await?;
            Ok((Bytes::new(), length))
        }
        Length::Known(length) => Ok((exactly(stream, buffer, length).await?, length)),
        Length::Chunked => chunked(stream, buffer, limit, too_long).await,
    }
}

/// What happens to a body that is longer than anybody wants it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TooLong {
    /// It is not read, and the connection ends.
    Refuse,
    /// It is read and not kept.
    PassOver,
}

struct Parsed {
    request: Request<()>,
    length: Length,
    keep_alive: bool,
    expects_continue: bool,
}

enum Length {
    Known(u64),
    Chunked,
}

/// The head of a request, once all of it is there; it is taken out of the buffer.
fn parse(buffer: &mut BytesMut) -> Result<Option<Parsed>, Refused> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let used = match head.parse(buffer) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Refused::Status(400)),
    };
    let path = head.path.unwrap_or("/");
    // A client behind a proxy names the whole URL.
    let target = match path.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => path,
    };
    // Some clients use the base URL with and without a slash: `//cs` is `/cs`.
    let target = format!("/{}", target.trim_start_matches('/'));
    let mut request = Request::builder()
        .method(head.method.unwrap_or("GET"))
        .uri(target);
    let mut length = Length::Known(0);
    let mut keep_alive = head.version == Some(1);
    let mut expects_continue = false;
    for header in head.headers.iter() {
        let value = || {
            String::from_utf8_lossy(header.value)
                .trim()
                .to_ascii_lowercase()
        };
        match header.name.to_ascii_lowercase().as_str() {
            "content-length" => {
                length = Length::Known(value().parse().map_err(|_| Refused::Status(400))?)
            }
            "transfer-encoding" if value().contains("chunked") => length = Length::Chunked,
            "connection" if value().contains("close") => keep_alive = false,
            "connection" if value().contains("keep-alive") => keep_alive = true,
            "expect" => expects_continue = value().contains("100-continue"),
            _ => {}
        }
        request = request.header(header.name, header.value);
    }
    let request = request.body(()).map_err(|_| Refused::Status(400))?;
    buffer.advance(used);
    Ok(Some(Parsed {
        request,
        length,
        keep_alive,
        expects_continue,
    }))
}

/// A body of known length, into one allocation of that length.
async fn exactly(
    stream: &mut impl Socket,
    buffer: &mut BytesMut,
    length: u64,
) -> Result<Bytes, Refused> {
    let length = usize::try_from(length).map_err(|_| Refused::Status(413))?;
    let mut body = BytesMut::with_capacity(length);
    let have = buffer.split_to(length.min(buffer.len()));
    body.extend_from_slice(&have);
    while body.len() < length {
        let left = length - body.len();
        if (&mut *stream).take(left as u64).read_buf(&mut body).await? == 0 {
            return Err(Refused::Closed);
        }
    }
    Ok(body.freeze())
}

/// Reads past a body.
async fn discard(
    stream: &mut impl Socket,
    buffer: &mut BytesMut,
    length: u64,
) -> Result<(), Refused> {
    let have = (buffer.len() as u64).min(length);
    buffer.advance(usize::try_from(have).unwrap_or(0));
    let mut left = length - have;
    let mut scratch = vec![0; 1 << 18];
    while left > 0 {
        let want = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(scratch.len());
        let got = stream
            .read(scratch.get_mut(..want).unwrap_or_default())
            .await?;
        if got == 0 {
            return Err(Refused::Closed);
        }
        left -= got as u64;
    }
    Ok(())
}

/// A body in chunked encoding, and its length.
async fn chunked(
    stream: &mut impl Socket,
    buffer: &mut BytesMut,
    limit: u64,
    too_long: TooLong,
) -> Result<(Bytes, u64), Refused> {
    let mut body = BytesMut::new();
    let mut total = 0_u64;
    loop {
        let (start, size) = loop {
            match httparse::parse_chunk_size(buffer) {
                Ok(httparse::Status::Complete(found)) => break found,
                Ok(httparse::Status::Partial) => {
                    if buffer.len() > MAX_HEAD || stream.read_buf(buffer).await? == 0 {
                        return Err(Refused::Closed);
                    }
                }
                Err(_) => return Err(Refused::Status(400)),
            }
        };
        buffer.advance(start);
        total = total.saturating_add(size);
        match too_long {
            _ if total <= limit => body.extend_from_slice(&exactly(stream, buffer, size).await?),
            TooLong::Refuse => return Err(Refused::Status(413)),
            TooLong::PassOver => {
                body.clear();
                discard(stream, buffer, size).await?;
            }
        }
        // The line end after the data (after the last, empty chunk: the end of the trailers).
        while buffer.len() < 2 {
            if stream.read_buf(buffer).await? == 0 {
                return Err(Refused::Closed);
            }
        }
        buffer.advance(2);
        if size == 0 {
            return Ok((body.freeze(), total));
        }
    }
}

const MAX_HEAD: usize = 64 << 10;
