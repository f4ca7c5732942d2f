use super::{
    CollectionKey, Link, LinkKey, LinkKind, PasswordLink, PublicLink, SubKind, SubNode, WriteAuth,
};
use crate::{Error, FileKey, NodeHandle, PublicHandle, ShareKey, base64};

/// See [`Link::parse`].
pub(super) fn parse(text: &str) -> Result<Link, Error> {
    if text.len() > MAX_LEN {
        return Err(Error::TooLarge {
            what: "link",
            limit: MAX_LEN,
        });
    }
    let text = text.trim();
    if let Some(rest) = after(text, "#P!") {
        return PasswordLink::parse_payload(rest).map(Link::Password);
    }
    let form = FORMS
        .iter()
        .find_map(|(form, kind)| Some((*kind, after(text, form)?)));
    let has_form = form.is_some();
    let (kind, rest) = form.unwrap_or((LinkKind::File, text));
    let (handle, rest) = rest
        .split_at_checked(HANDLE_CHARS)
        .ok_or(malformed("it has no handle"))?;
    let handle = PublicHandle::from_text(handle).map_err(|_| malformed("its handle is damaged"))?;
    if !has_form && !rest.is_empty() && !rest.starts_with(['!', '#']) {
        // Any text that begins with a long word would be a link otherwise.
        return Err(malformed("it has no handle"));
    }
    let mut link = PublicLink::new(kind, handle);
    // Whatever stands between handle and key, such as a tracking parameter, is skipped.
    if let Some(separator) = rest.find(['!', '#'])
        && let Some(rest) = rest.get(separator + 1..)
    {
        read_key(&mut link, rest)?;
    }
    Ok(Link::Public(link))
}

/// Reads the key that is needed for a link of this kind, and what follows it.
fn read_key(link: &mut PublicLink, text: &str) -> Result<(), Error> {
    let chars = match link.kind() {
        LinkKind::File => base64::encoded_len(FileKey::LEN),
        LinkKind::Folder | LinkKind::Collection => base64::encoded_len(ShareKey::LEN),
    };
    let (key, rest) = text.split_at(text.find(SEPARATORS).unwrap_or(text.len()));
    if !key.is_empty() {
        // Longer keys are cut: the official client prints folder keys with 43 characters.
        let key = key
            .get(..chars)
            .ok_or(malformed("its key is too short or damaged"))?;
        link.set_key(key_from_text(link.kind(), key)?);
    }
    if link.kind() == LinkKind::Folder {
        read_suffix(link, rest)?;
    }
    Ok(())
}

/// Reads the text of a key, of exactly the right length.
pub(super) fn key_from_text(kind: LinkKind, text: &str) -> Result<LinkKey, Error> {
    let damaged = |_| malformed("its key is too short or damaged");
    Ok(match kind {
        LinkKind::File => LinkKey::File(FileKey::from_bytes(
            base64::decode_array(text).map_err(damaged)?,
        )?),
        LinkKind::Folder => LinkKey::Folder(ShareKey::from_bytes(
            base64::decode_array(text).map_err(damaged)?,
        )?),
        LinkKind::Collection => LinkKey::Collection(CollectionKey::from_bytes(
            base64::decode_array(text).map_err(damaged)?,
        )),
    })
}

/// What may follow the key of a folder link: nodes inside it, of which the last one is meant, and the right to write.
/// Anything else ends the reading, as everything after a key does in the official client.
fn read_suffix(link: &mut PublicLink, mut suffix: &str) -> Result<(), Error> {
    loop {
        let (kind, rest) = if let Some(auth) = suffix.strip_prefix(':') {
            let (auth, rest) = auth.split_at(auth.find(SEPARATORS).unwrap_or(auth.len()));
            link.set_write_auth(WriteAuth::new(auth)?);
            suffix = rest;
            continue;
        } else if let Some(rest) = suffix
            .strip_prefix("/folder/")
            .or_else(|| suffix.strip_prefix('!'))
        {
            (SubKind::Folder, rest)
        } else if let Some(rest) = suffix.strip_prefix("/file/") {
            (SubKind::File, rest)
        } else if let Some(rest) = suffix.strip_prefix('?')
            && !rest.contains('=')
        {
            (SubKind::File, rest)
        } else {
            // The end, a tracking parameter, or text around the link.
            return Ok(());
        };
        let (handle, rest) = rest
            .split_at_checked(HANDLE_CHARS)
            .ok_or(malformed("the handle of the node inside is too short"))?;
        let handle = NodeHandle::from_text(handle)
            .map_err(|_| malformed("the handle of the node inside is damaged"))?;
        link.set_sub_node(SubNode { kind, handle });
        suffix = rest;
    }
}

fn after<'t>(text: &'t str, form: &str) -> Option<&'t str> {
    text.split_once(form).map(|(_, rest)| rest)
}

const fn malformed(reason: &'static str) -> Error {
    Error::Malformed {
        what: "link",
        reason,
    }
}

/// In the order in which the official client looks for them: `folder/PH#DK/file/H` is a folder
/// link.
const FORMS: &[(&str, LinkKind)] = &[
    ("#F!", LinkKind::Folder),
    ("folder/", LinkKind::Folder),
    ("#!", LinkKind::File),
    ("file/", LinkKind::File),
    ("collection/", LinkKind::Collection),
];

/// What ends a key. `/` is one too: links never use it as a base64 digit (crypto-and-accounts 8.1).
const SEPARATORS: [char; 8] = ['/', '!', '?', ':', '#', '&', ' ', '%'];
const HANDLE_CHARS: usize = base64::encoded_len(PublicHandle::LEN);
const MAX_LEN: usize = 4096;
