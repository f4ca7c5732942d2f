//! The service in memory: addresses, and storage hosts that fail as a script says, a byte for each request.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use mega_protocol::ServerUrl;
use mega_protocol::storage::raid::PARTS;
use mega_protocol::storage::upload_checksum;
use mega_protocol::transport::{Headers, TransportError, TransportErrorKind};
use mega_protocol::{Body, BoxFuture, HttpRequest, HttpResponse, Transport};

use super::super::wire::UploadToken;

/// The service, and what has happened to it.
#[derive(Clone)]
pub(super) struct Host {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    script: VecDeque<u8>,
    faults: usize,
    /// How many addresses were given out.
    addresses: u32,
    /// The file to be downloaded, in one piece or in six.
    files: Vec<Bytes>,
    size: u64,
    /// What was uploaded, by address and offset.
    uploads: BTreeMap<u32, Upload>,
}

#[derive(Default)]
struct Upload {
    size: u64,
    parts: BTreeMap<u64, Bytes>,
    /// What was sent, kept or not.
    offered: BTreeMap<u64, Bytes>,
    /// Whether the host has called it complete when it was not.
    lied: bool,
}

impl Upload {
    /// All of it, if nothing is missing.
    fn whole(&self) -> Option<Vec<u8>> {
        joined(&self.parts, self.size)
    }
}

fn joined(parts: &BTreeMap<u64, Bytes>, size: u64) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    for (&offset, part) in parts {
        if offset != whole.len() as u64 {
            return None;
        }
        whole.extend_from_slice(part);
    }
    (whole.len() as u64 == size && !parts.is_empty()).then_some(whole)
}

impl Host {
    pub(super) fn new(script: &[u8]) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                script: script.iter().copied().collect(),
                faults: 0,
                addresses: 0,
                files: Vec::new(),
                size: 0,
                uploads: BTreeMap::new(),
            })),
        }
    }

    /// With a file that can be downloaded.
    pub(super) fn with_file(sealed: Vec<u8>, parts: bool, script: &[u8]) -> Self {
        let host = Self::new(script);
        let mut inner = host.lock();
        inner.size = sealed.len() as u64;
        inner.files = if parts {
            in_parts(&sealed)
        } else {
            vec![sealed.into()]
        };
        drop(inner);
        host
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests went wrong.
    pub(super) fn faults(&self) -> usize {
        self.lock().faults
    }

    /// What lies at the address that a token is of, if nothing is missing. Of a host that lied it is what it was sent.
    pub(super) fn stored_under(&self, token: &UploadToken) -> Option<Vec<u8>> {
        let inner = self.lock();
        let mut found = inner.uploads.iter();
        let (_, upload) = found.find(|(number, _)| token_of(**number) == *token.expose_bytes())?;
        if upload.lied {
            joined(&upload.offered, upload.size)
        } else {
            upload.whole()
        }
    }

    /// UL-4: under no two addresses anything is encrypted with the same key.
    pub(super) fn check_keys(&self) {
        let inner = self.lock();
        let mut starts: Vec<_> = inner
            .uploads
            .values()
            .filter_map(|upload| upload.offered.get(&0)?.get(..16).map(<[u8]>::to_vec))
            .collect();
        let all = starts.len();
        starts.sort();
        starts.dedup();
        assert_eq!(starts.len(), all, "UL-4");
    }
}

/// The six stored parts of a file: five take turns with 16 bytes each, the sixth is their exclusive or.
fn in_parts(file: &[u8]) -> Vec<Bytes> {
    let mut parts = vec![Vec::new(); PARTS];
    for (number, sector) in file.chunks(16).enumerate() {
        let (line, part) = (number / (PARTS - 1) * 16, number % (PARTS - 1) + 1);
        parts[part].extend_from_slice(sector);
        let parity = &mut parts[0];
        for (at, byte) in sector.iter().enumerate() {
            match parity.get_mut(line + at) {
                Some(to) => *to ^= byte,
                None => parity.push(*byte),
            }
        }
    }
    parts.into_iter().map(Bytes::from).collect()
}

fn token_of(number: u32) -> [u8; 36] {
    let mut token = [b'T'; 36];
    token[..4].copy_from_slice(&number.to_be_bytes());
    token
}

impl Transport for Host {
    fn request(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let body = request.body.into_bytes().await;
            let body = body.map_err(|_| TransportError::new(TransportErrorKind::Reset))?;
            let answer = self.lock().answer(&request.url, &body);
            // Nothing travels in no time.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }
}

type Answer = Option<Result<HttpResponse, TransportError>>;

impl Inner {
    fn answer(&mut self, url: &ServerUrl, body: &Bytes) -> Answer {
        let url = url.as_str();
        let path: Vec<&str> = url.split('/').skip(3).collect();
        match path.as_slice() {
            ["dl", name, range] => {
                let (part, _) = name.split_once('-').expect("an address of ours");
                let (first, last) = range.split_once('-').expect("a range");
                let number = |text: &str| text.parse::<usize>().expect("a number");
                self.download(number(part), number(first), number(last))
            }
            ["ul", name, rest] => {
                let (offset, checksum) = rest.split_once("?d=").expect("with its checksum");
                let checksum = mega_crypto::base64::decode_array(checksum).expect("12 bytes");
                let offset = offset.parse().expect("an offset");
                let address = name.parse().expect("an address of ours");
                self.upload(address, offset, checksum, body)
            }
            _ => Some(self.command(body)),
        }
    }

    /// Gives an address out.
    fn command(&mut self, body: &Bytes) -> Result<HttpResponse, TransportError> {
        self.addresses += 1;
        let (number, size) = (self.addresses, self.size);
        let text = std::str::from_utf8(body).expect("JSON");
        let reply = if text.contains(r#""a":"g""#) {
            let url = |part| format!(r#""https://gfs.userstorage.mega.co.nz/dl/{part}-{number}""#);
            let urls: Vec<String> = (0..self.files.len()).map(url).collect();
            let urls = urls.join(",");
            let urls = if self.files.len() == 1 {
                urls
            } else {
                format!("[{urls}]")
            };
            format!(r#"[{{"s":{size},"g":{urls}}}]"#)
        } else {
            let (_, size) = text.split_once(r#""s":"#).expect("a size");
            let digits = size.split(|c: char| !c.is_ascii_digit()).next();
            let size = digits
                .and_then(|digits| digits.parse().ok())
                .expect("a size");
            let upload = Upload {
                size,
                ..Upload::default()
            };
            self.uploads.insert(number, upload);
            format!(r#"[{{"p":"https://gfs.userstorage.mega.co.nz/ul/{number}"}}]"#)
        };
        Ok(response(200, reply.into()))
    }

    fn fault(&mut self) -> u8 {
        let byte = self.script.pop_front().unwrap_or(0);
        self.faults += usize::from(byte % 16 >= 8);
        byte
    }

    fn download(&mut self, part: usize, first: usize, last: usize) -> Answer {
        let file = self.files.get(part).expect("a part that there is");
        let mut body = file.slice(first..=last).to_vec();
        let fault = self.fault();
        let place = usize::from(fault / 16) * body.len() / 16;
        let mut headers = Headers::new();
        let mut status = 200;
        let mut broken = false;
        match fault % 16 {
            8 => return Some(Err(TransportError::new(TransportErrorKind::Reset))),
            9 => {
                body.truncate(place);
                broken = true;
            }
            10 => body.truncate(place),
            11 => body[place] ^= 1 << (fault / 32),
            12 => body.push(7),
            13 => status = if fault & 16 == 0 { 500 } else { 404 },
            14 => {
                status = 509;
                headers.insert("X-MEGA-Time-Left", "30");
            }
            15 => return None,
            _ => {}
        }
        let size = [
            1 << 14,
            1000,
            1 << 17,
            31,
            1 << 20,
            15_999,
            1 << 16,
            1 << 18,
        ];
        let size = size
            .get(usize::from(fault % 8))
            .copied()
            .unwrap_or(1000)
            .max(body.len() / 64 + 1);
        let mut pieces: Vec<_> = body
            .chunks(size)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        if broken {
            pieces.push(Err(TransportError::new(TransportErrorKind::Reset)));
        }
        let body = Body::from_stream(futures::stream::iter(pieces));
        Some(Ok(HttpResponse::new(status, headers, body)))
    }

    fn upload(&mut self, address: u32, offset: u64, checksum: [u8; 12], body: &Bytes) -> Answer {
        assert_eq!(checksum, upload_checksum(body), "UL-3");
        let fault = self.fault();
        let upload = self.uploads.get_mut(&address).expect("an address of ours");
        assert!(
            offset + body.len() as u64 <= upload.size,
            "nothing beyond the end"
        );
        upload.offered.insert(offset, body.clone());
        let reset = Some(Err(TransportError::new(TransportErrorKind::Reset)));
        let refused =
            |code: &'static str| Some(Ok(response(200, Bytes::from_static(code.as_bytes()))));
        match fault % 16 {
            8 => return reset,
            9 => return refused(if fault & 16 == 0 { "-3" } else { "-4" }),
            10 => return refused("-14"),
            11 => {
                return Some(Ok(response(
                    if fault & 16 == 0 { 500 } else { 404 },
                    Bytes::new(),
                )));
            }
            12 => return None,
            // The token before there is anything to complete, as a host may say it that lies.
            13 => {
                upload.lied = true;
                return Some(Ok(response(200, token_of(address).to_vec().into())));
            }
            _ => {}
        }
        let before = upload.parts.insert(offset, body.clone());
        assert!(
            before.is_none_or(|before| before == body),
            "a place has one content"
        );
        match fault % 16 {
            14 => reset,
            // What was said is not what is so.
            15 => refused(""),
            _ if upload.whole().is_some() => {
                Some(Ok(response(200, token_of(address).to_vec().into())))
            }
            _ => refused(""),
        }
    }
}

fn response(status: u16, body: Bytes) -> HttpResponse {
    HttpResponse::new(status, Headers::new(), Body::from_bytes(body))
}
