//! Thumbnails and previews: small pictures that are stored beside a file (crypto-and-accounts 9).

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use mega_crypto::AttributeKey;
use mega_crypto::file_attribute::{
    FileAttributeKind, FileAttributes, decrypt_image, encrypt_image,
};
use mega_protocol::commands::{
    AttachFileAttribute, FetchFileAttributeAddress, FetchFileAttributeUploadAddress,
};
use mega_protocol::{AttributeHandle, NodeHandle};

use super::access::{check_access, check_no_version, find};
use super::release::released_key;
use crate::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{AccessLevel, Node};
use crate::target::{Target, Want};

/// The largest picture that is stored. The service takes 16 MiB; what people see in a listing is a few kilobytes.
const MAX_PICTURE: usize = 4 << 20;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Picture {
    Thumbnail,
    Preview,
}

impl Picture {
    fn kind(self) -> FileAttributeKind {
        match self {
            Self::Thumbnail => FileAttributeKind::THUMBNAIL,
            Self::Preview => FileAttributeKind::PREVIEW,
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Thumbnail => 0,
            Self::Preview => 1,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Thumbnail => "thumbnail",
            Self::Preview => "preview",
        }
    }
}

impl Client {
    /// The thumbnail of a file, if it has one: a JPEG of 200 by 200 pixels, as the official clients make it.
    ///
    /// Nothing authenticates it, so treat it as hostile: whoever can write to the account, and the service, can make it show anything that
    /// decodes. It may end with zeros, which image decoders ignore.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) for the file, [`IsADirectory`](ErrorKind::IsADirectory), [`Key`](ErrorKind::Key) for a file that cannot be read.
    ///
    /// Cancel safe: nothing is changed.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/cat.jpg", "a large picture").await?;
    /// assert!(mega.thumbnail("/cat.jpg").await?.is_none());
    /// mega.set_thumbnail("/cat.jpg", "a small picture").await?;
    /// assert!(mega.thumbnail("/cat.jpg").await?.unwrap().starts_with(b"a small picture"));
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn thumbnail(
        &self,
        target: impl Into<Target>,
    ) -> BoxFuture<'static, Result<Option<Bytes>>> {
        self.picture(target.into(), Picture::Thumbnail)
    }

    /// The preview of a file, if it has one: a JPEG of at most 1000 by 1000 pixels. As [`thumbnail`](Self::thumbnail) otherwise.
    ///
    /// Cancel safe: nothing is changed.
    pub fn preview(&self, target: impl Into<Target>) -> BoxFuture<'static, Result<Option<Bytes>>> {
        self.picture(target.into(), Picture::Preview)
    }

    /// Stores the thumbnail of a file; it should be a JPEG of 200 by 200 pixels. One that was there is replaced. Await it for the node.
    ///
    /// # Errors
    ///
    /// As for [`thumbnail`](Self::thumbnail), and [`Misuse`](ErrorKind::Misuse) for nothing and for more than 4 MiB, [`AccessDenied`](ErrorKind::AccessDenied) in
    /// read-only shares.
    ///
    /// Cancel safety: before it is attached, nothing refers to what was sent.
    pub fn set_thumbnail(
        &self,
        target: impl Into<Target>,
        jpeg: impl Into<Bytes>,
    ) -> BoxFuture<'static, Result<Node>> {
        self.set_picture(target.into(), jpeg.into(), Picture::Thumbnail)
    }

    /// Stores the preview of a file; it should be a JPEG of at most 1000 by 1000 pixels. As [`set_thumbnail`](Self::set_thumbnail) otherwise.
    ///
    /// Cancel safety: before it is attached, nothing refers to what was sent.
    pub fn set_preview(
        &self,
        target: impl Into<Target>,
        jpeg: impl Into<Bytes>,
    ) -> BoxFuture<'static, Result<Node>> {
        self.set_picture(target.into(), jpeg.into(), Picture::Preview)
    }

    fn picture(&self, target: Target, which: Picture) -> BoxFuture<'static, Result<Option<Bytes>>> {
        let client = self.clone();
        async move {
            let found = client.fetch_picture(&target, which).await;
            found.map_err(|error| error.during(which.name()).about(target.to_string()))
        }
        .boxed()
    }

    async fn fetch_picture(&self, target: &Target, which: Picture) -> Result<Option<Bytes>> {
        let node = self.handle_of(target, Want::File)?;
        let (key, known) = self.with_tree(|tree, _| {
            let index = find(tree, node)?;
            let known = FileAttributes::parse(&String::from_utf8_lossy(tree.tail(index)));
            Ok::<_, Error>((key_of(tree, index)?, known))
        })?;
        let Some(entry) = known.find(which.kind()) else {
            return Ok(None);
        };
        let handle = AttributeHandle::from_bytes(entry.handle.0);
        let address = self.ask(FetchFileAttributeAddress::new(handle)).await?;
        let found = self
            .api()
            .storage()
            .download_file_attributes(&address, &[handle])
            .await?;
        let Some((_, sealed)) = found.into_iter().next() else {
            return Ok(None);
        };
        let opened = decrypt_image(&key, &sealed).map_err(|error| {
            Error::new(ErrorKind::Protocol, "the stored picture is malformed").caused_by(error)
        })?;
        Ok(Some(opened.into()))
    }

    fn set_picture(
        &self,
        target: Target,
        jpeg: Bytes,
        which: Picture,
    ) -> BoxFuture<'static, Result<Node>> {
        let client = self.clone();
        async move {
            let stored = async {
                let node = client.handle_of(&target, Want::File)?;
                client.store_picture(node, &jpeg, which).await?;
                client.node_of(node)
            };
            stored.await.map_err(|error: Error| {
                let operation = match which {
                    Picture::Thumbnail => "set thumbnail",
                    Picture::Preview => "set preview",
                };
                error.during(operation).about(target.to_string())
            })
        }
        .boxed()
    }

    async fn store_picture(&self, node: NodeHandle, jpeg: &[u8], which: Picture) -> Result<()> {
        self.account()?;
        if jpeg.is_empty() || jpeg.len() > MAX_PICTURE {
            return Err(Error::misuse(format!(
                "a {} has between 1 and {MAX_PICTURE} bytes, not {}",
                which.name(),
                jpeg.len()
            )));
        }
        let key = self.with_tree(|tree, _| {
            let index = find(tree, node)?;
            check_no_version(tree, index)?;
            check_access(tree, index, AccessLevel::ReadWrite)?;
            key_of(tree, index)
        })?;
        let sealed = encrypt_image(&key, jpeg)
            .map_err(|error| Error::misuse("the picture cannot be encrypted").caused_by(error))?;
        let mut address = FetchFileAttributeUploadAddress::new(sealed.len() as u64);
        address.node = Some(node);
        let address = self.ask(address).await?;
        let handle = self
            .api()
            .storage()
            .upload_file_attribute(&address, sealed.into())
            .await?;
        let command = AttachFileAttribute::new(node, which.number(), handle);
        let wanted = format!("{}*{handle}", which.number());
        self.change_or_done(command, |tree| {
            tree.find(node)
                .is_some_and(|index| String::from_utf8_lossy(tree.tail(index)).contains(&wanted))
        })
        .await
    }
}

/// The key that the pictures of a file are encrypted with.
fn key_of(tree: &crate::tree::Tree, index: crate::tree::arena::Index) -> Result<AttributeKey> {
    released_key(tree, index)
        .map(|key| key.attribute_key())
        .ok_or_else(|| Error::new(ErrorKind::Key, "the file cannot be read"))
}
