//! URLs from the service, and which of them may be used.

use std::fmt;
use std::net::IpAddr;

/// A URL that has been read strictly.
///
/// Only a narrow form is accepted: `http` or `https`, a host name or address, an optional port, a
/// path and query of visible ASCII. There is no user information, no fragment, no backslash, no
/// percent-encoded host: nothing on which two URL parsers might disagree (ATT-17).
///
/// Printing shows scheme and host only, since paths and queries are capabilities here (SEC-3).
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    text: String,
    https: bool,
    host: String,
    port: Option<u16>,
    /// Where the path begins in `text`.
    path: usize,
}

impl ServerUrl {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// When it is not of the accepted form.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_URL || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(UrlError::Malformed);
        }
        if text.contains(['\\', '#', '<', '>', '"', '`', '{', '}', '|', '^']) {
            return Err(UrlError::Malformed);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Malformed)?;
        let https = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(UrlError::Scheme),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end).ok_or(UrlError::Malformed)?;
        if authority.contains('@') {
            return Err(UrlError::UserInformation);
        }
        if tail.starts_with('?') {
            return Err(UrlError::Malformed);
        }
        // Dot segments are where a URL library would rewrite the path.
        let path_only = tail.split('?').next().unwrap_or_default();
        let dots = |s: &str| {
            matches!(
                s.to_ascii_lowercase().replace("%2e", ".").as_str(),
                "." | ".."
            )
        };
        if path_only.split('/').any(dots) {
            return Err(UrlError::Malformed);
        }
        let (host, port) = split_port(authority)?;
        let host = host.to_ascii_lowercase();
        if !valid_host(&host) {
            return Err(UrlError::Malformed);
        }
        let path = text.len() - tail.len();
        Ok(Self {
            text: text.to_owned(),
            https,
            host,
            port,
            path,
        })
    }

    /// The whole URL. It may hold secrets; do not log it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host in lower case, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port if one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether the host is an address of this machine.
    pub fn is_loopback(&self) -> bool {
        let bare = self
            .host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'));
        let bare = bare.unwrap_or(&self.host);
        bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Path and query, from the first slash on; empty if there is none.
    pub fn path_and_query(&self) -> &str {
        self.text.get(self.path..).unwrap_or_default()
    }

    /// Whether there is a query.
    pub fn has_query(&self) -> bool {
        self.path_and_query().contains('?')
    }

    /// This URL with more text at its end.
    ///
    /// # Errors
    ///
    /// When the result is not of the accepted form.
    pub fn join_text(&self, tail: &str) -> Result<Self, UrlError> {
        let joined = Self::parse(&format!("{}{tail}", self.text))?;
        // More path must never become more host.
        if joined.host == self.host && joined.port == self.port {
            Ok(joined)
        } else {
            Err(UrlError::Malformed)
        }
    }

    /// This URL with exactly one slash at its end.
    pub(crate) fn with_trailing_slash(&self) -> Result<Self, UrlError> {
        if self.has_query() {
            return Err(UrlError::Malformed);
        }
        Self::parse(&format!("{}/", self.text.trim_end_matches('/')))
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.https { "https://" } else { "http://" })?;
        f.write_str(&self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str("/..")
    }
}

/// What a URL is used for. Plain `http` is never for the API, and for transfers only on request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UrlUse {
    /// The API itself; carries the session.
    Api,
    /// The long poll of the event channel; carries the session (NET-6).
    Wait,
    /// Reading from storage.
    Download,
    /// Writing to storage.
    Upload,
}

/// Which URLs may be used (NET-1 to NET-3).
///
/// The default is `https` on the standard port of the known MEGA domains. Everything looser has to
/// be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlPolicy {
    suffixes: Vec<String>,
    loopback: bool,
    plain_downloads: bool,
    plain_uploads: bool,
    any_port: bool,
}

impl Default for UrlPolicy {
    fn default() -> Self {
        Self {
            suffixes: MEGA_DOMAINS.iter().map(|&d| d.to_owned()).collect(),
            loopback: false,
            plain_downloads: false,
            plain_uploads: false,
            any_port: false,
        }
    }
}

impl UrlPolicy {
    /// The default policy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also allows plain `http` (and `https` on any port) to addresses of this machine, for tests
    /// and local servers.
    #[must_use]
    pub fn allow_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// Also allows this domain and everything under it.
    #[must_use]
    pub fn allow_domain(mut self, domain: &str) -> Self {
        self.suffixes
            .push(domain.trim_start_matches('.').to_ascii_lowercase());
        self
    }

    /// Also allows ports other than the standard one.
    #[must_use]
    pub fn allow_any_port(mut self) -> Self {
        self.any_port = true;
        self
    }

    /// Allows plain `http` for downloads. Contents stay encrypted and verified, but sizes and
    /// addresses are visible to everyone on the way.
    #[must_use]
    pub fn danger_allow_plain_http_downloads(mut self) -> Self {
        self.plain_downloads = true;
        self
    }

    /// Allows plain `http` for uploads. Someone on the way can destroy what is uploaded without
    /// anybody noticing before the next download.
    #[must_use]
    pub fn danger_allow_plain_http_uploads(mut self) -> Self {
        self.plain_uploads = true;
        self
    }

    /// Whether storage URLs should be asked for with TLS (`ssl:2`).
    pub fn wants_secure_storage(&self) -> bool {
        !(self.plain_downloads || self.plain_uploads)
    }

    /// Checks a URL.
    ///
    /// # Errors
    ///
    /// When the policy does not allow it for this use.
    pub fn check(&self, url: &ServerUrl, used_for: UrlUse) -> Result<(), UrlError> {
        if self.loopback && url.is_loopback() {
            return Ok(());
        }
        let inside = |domain: &String| {
            url.host()
                .strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if !self.suffixes.iter().any(inside) {
            return Err(UrlError::Host);
        }
        let plain_ok = match used_for {
            UrlUse::Api | UrlUse::Wait => false,
            UrlUse::Download => self.plain_downloads,
            UrlUse::Upload => self.plain_uploads,
        };
        if !url.is_https() && !plain_ok {
            return Err(UrlError::NotSecure);
        }
        let standard = if url.is_https() { 443 } else { 80 };
        if !self.any_port && url.port().is_some_and(|port| port != standard) {
            return Err(UrlError::Port);
        }
        Ok(())
    }

    /// Reads and checks a URL.
    ///
    /// # Errors
    ///
    /// When it is malformed or not allowed.
    pub fn admit(&self, text: &str, used_for: UrlUse) -> Result<ServerUrl, UrlError> {
        let url = ServerUrl::parse(text)?;
        self.check(&url, used_for)?;
        Ok(url)
    }
}

/// Why a URL was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is not a URL of the narrow form accepted here.
    #[error("malformed URL")]
    Malformed,
    /// The scheme is neither `https` nor `http`.
    #[error("unsupported URL scheme")]
    Scheme,
    /// It carries a user name or password.
    #[error("URL with user information")]
    UserInformation,
    /// It is plain `http`, which is not allowed for this use.
    #[error("URL without TLS; the policy does not allow plain http here")]
    NotSecure,
    /// The host is none of the allowed domains.
    #[error("URL of a host that is not allowed")]
    Host,
    /// The port is not the standard one.
    #[error("URL with a port that is not allowed")]
    Port,
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']').ok_or(UrlError::Malformed)?;
            authority
                .split_at_checked(end + 2)
                .ok_or(UrlError::Malformed)?
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let Some(digits) = port.strip_prefix(':') else {
        return if port.is_empty() {
            Ok((host, None))
        } else {
            Err(UrlError::Malformed)
        };
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(UrlError::Malformed);
    }
    let port = digits
        .parse()
        .ok()
        .filter(|p| *p != 0)
        .ok_or(UrlError::Malformed)?;
    Ok((host, Some(port)))
}

fn valid_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let numeric_end = host
        .rsplit('.')
        .next()
        .is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
    // A host that ends in a number is an IPv4 address or nothing: `127.1` means different things
    // to different parsers.
    let number_ok = !numeric_end || host.parse::<std::net::Ipv4Addr>().is_ok();
    let hex_ok = !host.rsplit('.').next().is_some_and(|l| l.starts_with("0x"));
    host.len() <= 253 && host.split('.').all(label) && number_ok && hex_ok
}

/// The domains that the service's own clients talk to.
const MEGA_DOMAINS: [&str; 4] = ["mega.co.nz", "mega.nz", "mega.io", "mega.app"];
const MAX_URL: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn net_3_only_secure_urls_of_known_domains_pass_by_default() {
        let policy = UrlPolicy::default();
        let ok = |u: &str| policy.admit(u, UrlUse::Download).map(|_| ());
        assert_eq!(
            ok("https://gfs270n123.userstorage.mega.co.nz/dl/abc"),
            Ok(())
        );
        assert_eq!(ok("https://MEGA.NZ/x"), Ok(()));
        assert_eq!(ok("https://mega.nz:443/x"), Ok(()));
        assert_eq!(
            ok("http://gfs.userstorage.mega.co.nz/dl/abc"),
            Err(UrlError::NotSecure)
        );
        assert_eq!(ok("https://evilmega.nz/x"), Err(UrlError::Host));
        assert_eq!(ok("https://mega.nz.evil.example/x"), Err(UrlError::Host));
        assert_eq!(ok("https://mega.nz:8443/x"), Err(UrlError::Port));
        assert_eq!(ok("https://127.0.0.1/x"), Err(UrlError::Host));
    }

    #[test]
    fn att_17_odd_urls_are_refused_outright() {
        for bad in [
            "https://user@mega.nz/",
            "https://mega.nz@evil.example/",
            "file:///etc/passwd",
            "gopher://mega.nz/",
            "https://evil.example\\.mega.nz/",
            "https://mega.nz/../x",
            "https://mega.nz/%2e%2E/x",
            "https://mega.nz/a b",
            "https://mega.nz/\u{e9}",
            "https://mega.nz/#f",
            "https://mega.nz:/x",
            "https://mega.nz:99999/x",
            "https://[::1/x",
            "https://127.1/",
            "https://0x7f000001/",
            "https:///x",
            "https://mega.nz?x",
            "//mega.nz/x",
            "",
        ] {
            assert!(ServerUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn net_2_plain_http_has_to_be_said_separately_for_each_direction() {
        let policy = UrlPolicy::default().danger_allow_plain_http_downloads();
        let url = ServerUrl::parse("http://gfs.userstorage.mega.co.nz/x").unwrap();
        assert_eq!(policy.check(&url, UrlUse::Download), Ok(()));
        assert_eq!(policy.check(&url, UrlUse::Upload), Err(UrlError::NotSecure));
        assert_eq!(policy.check(&url, UrlUse::Wait), Err(UrlError::NotSecure));
    }

    #[test]
    fn loopback_is_open_only_on_request() {
        let url = ServerUrl::parse("http://127.0.0.1:8080/cs").unwrap();
        assert!(UrlPolicy::default().check(&url, UrlUse::Api).is_err());
        assert_eq!(
            UrlPolicy::default()
                .allow_loopback()
                .check(&url, UrlUse::Api),
            Ok(())
        );
        let v6 = ServerUrl::parse("http://[::1]:8080/cs").unwrap();
        assert!(v6.is_loopback());
    }

    #[test]
    fn sec_3_printing_shows_no_path_and_no_query() {
        let url = ServerUrl::parse("https://g.api.mega.co.nz/cs?sid=SECRET").unwrap();
        assert_eq!(url.to_string(), "https://g.api.mega.co.nz/..");
        assert!(!format!("{url:?}").contains("SECRET"));
    }
}
