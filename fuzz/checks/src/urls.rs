//! Which URLs are accepted from the service.

use mega_protocol::storage::{DownloadUrl, UploadUrl};
use mega_protocol::{ServerUrl, UrlPolicy, UrlUse};

use crate::input::Input;

/// What is accepted means the same to the URL library of the HTTP client.
pub fn urls(input: &[u8]) {
    let text = Input(input).text();
    let policy = UrlPolicy::default();
    let Ok(read) = ServerUrl::parse(&text) else {
        assert!(policy.admit(&text, UrlUse::Download).is_err());
        assert!(UploadUrl::parse(&text).is_err() && DownloadUrl::parse(&text).is_err());
        return;
    };
    // A host of broken Punycode is refused there, before anything is sent.
    let Ok(other) = url::Url::parse(read.as_str()) else {
        assert!(
            read.host().contains("xn--"),
            "{read} is refused by the other reader"
        );
        return;
    };
    assert_eq!(other.scheme() == "https", read.is_https());
    match other.host() {
        // `[::0]` and `[::]` are one address.
        Some(url::Host::Ipv6(address)) => {
            let written = read.host().trim_matches(['[', ']']);
            assert_eq!(written.parse(), Ok(address));
        }
        _ => assert_eq!(other.host_str(), Some(read.host())),
    }
    assert!(
        other.username().is_empty() && other.password().is_none() && other.fragment().is_none()
    );
    let standard = if read.is_https() { 443 } else { 80 };
    assert_eq!(
        other.port_or_known_default(),
        Some(read.port().unwrap_or(standard))
    );
    let path = read.path_and_query();
    // The only character that is written otherwise there, and only in a query.
    let theirs = other[url::Position::BeforePath..].replace("%27", "'");
    let ours = if path.is_empty() { "/" } else { path };
    assert_eq!(theirs, ours.replace("%27", "'"));
    for used_for in [UrlUse::Api, UrlUse::Wait, UrlUse::Download, UrlUse::Upload] {
        if policy.check(&read, used_for).is_ok() {
            assert!(read.is_https());
            assert!(read.port().is_none_or(|port| port == 443));
            let host = other.host_str().expect("a host");
            let known = ["mega.co.nz", "mega.nz", "mega.io", "mega.app"];
            assert!(
                known
                    .iter()
                    .any(|d| host == *d || host.ends_with(&format!(".{d}")))
            );
        }
        assert!(
            read.is_loopback()
                || policy.check(&read, used_for)
                    == policy.clone().allow_loopback().check(&read, used_for)
        );
    }
    for tail in [
        "",
        "/0?d=AAAA",
        "x@evil.example/",
        ".evil.example",
        ":1/",
        "\\x",
        "?sid=x",
    ] {
        if let Ok(longer) = read.join_text(tail) {
            assert_eq!((longer.host(), longer.port()), (read.host(), read.port()));
        }
    }
    // What is capability in it never shows.
    let shown = format!("{read} {read:?}").replace(&format!("//{}", read.host()), "");
    assert!(path.len() < 8 || !shown.contains(path));
}
