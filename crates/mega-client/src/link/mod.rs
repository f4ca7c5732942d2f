//! Opening public links without an account (crypto-and-accounts 8).

use std::str::FromStr;

use mega_crypto::link::{Link, LinkKind, PublicLink};
use mega_protocol::commands::FetchDownloadAddress;
use mega_protocol::{Identity as WireIdentity, NodeHandle, PublicHandle, WriteAuth};

use crate::builder::ClientBuilder;
use crate::client::Identity;
use crate::error::{Error, ErrorKind, Result};
use crate::keyring::Keyring;
use crate::node::{NodeKind, Trouble};
use crate::tree::Tree;
use crate::tree::decrypt::{Decrypter, key_bytes};
use crate::tree::edit::{Inserted, NewNode};
use crate::tree::load::Loader;
use crate::{Client, account, attributes, blocking};

/// Opens a link of any form.
pub(crate) async fn open(
    builder: &ClientBuilder,
    text: &str,
    password: Option<&str>,
) -> Result<Client> {
    let link = match Link::parse(text).map_err(invalid)? {
        Link::Public(link) => link,
        Link::Password(locked) => {
            let Some(password) = password.map(str::to_owned) else {
                return Err(Error::new(
                    ErrorKind::InvalidLink,
                    "the link is protected by a password; give it",
                ));
            };
            // The password is checked here, before anything is sent (SH-3).
            blocking(move || {
                locked.open(&password).map_err(|error| {
                    Error::new(
                        ErrorKind::Key,
                        "the password of the link is wrong, or the link is damaged",
                    )
                    .caused_by(error)
                })
            })
            .await?
        }
        _ => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "links of this kind cannot be opened",
            ));
        }
    };
    match link.kind() {
        LinkKind::File => file(builder, &link).await,
        LinkKind::Folder => folder(builder, &link).await,
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            "links to collections cannot be opened",
        )),
    }
}

async fn folder(builder: &ClientBuilder, link: &PublicLink) -> Result<Client> {
    let key = link.folder_key().map_err(invalid)?.clone();
    let handle = PublicHandle::from_bytes(link.handle().to_bytes());
    let api = builder.api()?;
    let write_auth = match link.write_auth() {
        Some(auth) => Some(WriteAuth::from_str(auth.expose_secret()).map_err(|error| {
            Error::new(
                ErrorKind::InvalidLink,
                "the write authorisation is malformed",
            )
            .caused_by(error)
        })?),
        None => None,
    };
    api.set_identity(WireIdentity::FolderLink {
        handle,
        write_auth,
        session: None,
    });
    let loader = Loader::folder_link(builder.options.mask, key);
    let inside = link
        .sub_node()
        .map(|inside| NodeHandle::from_bytes(inside.handle.to_bytes()));
    let identity = Identity::FolderLink { inside };
    let client = account::open::load(builder, api, identity, loader, (None, None))
        .await
        .map_err(gone)?;
    // SH-2: a wrong key must not show as a folder full of nameless things.
    let root = client.root()?;
    if matches!(
        root.trouble(),
        Some(Trouble::NoKey | Trouble::BadKey | Trouble::BadAttributes)
    ) {
        return Err(Error::new(
            ErrorKind::Key,
            "the key in the link does not open the folder",
        ));
    }
    if let Some(inside) = inside {
        client.with_tree_mut(|tree| narrow(tree, inside))?;
    }
    Ok(client)
}

/// Makes a node inside a link the place where paths start: a folder becomes the root, a file the only thing in a made-up one.
pub(crate) fn narrow(tree: &mut Tree, handle: NodeHandle) -> Result<()> {
    if narrowed(tree, handle) {
        return Ok(());
    }
    let text = "the folder of the link does not hold the node that the link names";
    Err(Error::new(ErrorKind::NotFound, text).about(handle.to_string()))
}

fn narrowed(tree: &mut Tree, handle: NodeHandle) -> bool {
    let Some(index) = tree.find(handle) else {
        return false;
    };
    if tree
        .record(index)
        .is_some_and(|record| record.kind.is_folder())
    {
        tree.set_cloud_root(index);
        return true;
    }
    let root = NewNode::bare(beside(handle), None, NodeKind::Root);
    let (Inserted::New(root) | Inserted::Known(root)) = tree.insert(&root) else {
        return false;
    };
    tree.detach(index);
    tree.set_cloud_root(root);
    tree.attach(index, root)
}

/// A handle for a made-up root: any but the node's own serves.
fn beside(handle: NodeHandle) -> NodeHandle {
    let [first, a, b, c, d, e] = handle.to_bytes();
    NodeHandle::from_bytes([!first, a, b, c, d, e])
}

/// A file link shows as a made-up root that holds the one file. Its handle is the public handle.
async fn file(builder: &ClientBuilder, link: &PublicLink) -> Result<Client> {
    let key = link.file_key().map_err(invalid)?.clone();
    let public = PublicHandle::from_bytes(link.handle().to_bytes());
    let api = builder.api()?;
    let info = api
        .send(FetchDownloadAddress::link_info(public))
        .await
        .map_err(|error| gone(error.into()))?
        .reply;
    let node_key = mega_crypto::NodeKey::File(key);
    let bytes = key_bytes(&node_key);
    let mut decrypter = Decrypter::default();
    let field = info
        .attributes
        .as_ref()
        .map(|blob| blob.to_text())
        .unwrap_or_default();
    let text = decrypter
        .attributes(NodeKind::File, &bytes, &field)
        .map_err(|_| Error::new(ErrorKind::Key, "the key in the link does not open the file"))?;
    let mut tree = Tree::new(builder.options.mask);
    let handle = NodeHandle::from_bytes(public.to_bytes());
    let root = beside(handle);
    let nodes = [
        NewNode::bare(root, None, NodeKind::Root),
        NewNode {
            size: info.size,
            key: bytes,
            text,
            trouble: attributes::name_in(text)
                .is_none()
                .then_some(Trouble::NoName),
            ..NewNode::bare(handle, Some(root), NodeKind::File)
        },
    ];
    for node in &nodes {
        if tree.insert(node) == Inserted::Full {
            return Err(Error::new(ErrorKind::Protocol, "the tree is full"));
        }
    }
    tree.finish_load();
    Ok(Client::assemble(
        api,
        builder.options.clone(),
        Identity::FileLink(public),
        Keyring::default(),
        tree,
        None,
        None,
    ))
}

fn invalid(error: mega_crypto::Error) -> Error {
    Error::new(ErrorKind::InvalidLink, "this is not a complete link").caused_by(error)
}

/// The codes for links that are no more (api-and-transfers 7.6).
fn gone(error: Error) -> Error {
    use mega_protocol::ApiCode;
    match error.code() {
        Some(ApiCode::ENOENT | ApiCode::EEXPIRED) => error.with_kind(ErrorKind::NotFound),
        Some(ApiCode::EBLOCKED | ApiCode::ETOOMANY) => error.with_kind(ErrorKind::Blocked),
        _ => error,
    }
}
