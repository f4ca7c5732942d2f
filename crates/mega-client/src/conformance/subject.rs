//! What a check works with: a folder of its own, and calls in the form of the run.

use std::future::IntoFuture;
use std::path::PathBuf;
use std::sync::Arc;

use mega_crypto::FolderKey;
use mega_protocol::NodeHandle;

use super::Stop;
use super::bench::{Backstage, Bench, Form, Scale};
use crate::blocking::{Refusable, Wait};
use crate::chance::rng;
use crate::{Client, CreateDir, ErrorKind, Node, Result, Target, Upload};

/// The place of a whole run.
pub(super) struct Ground {
    pub(super) bench: Arc<dyn Bench>,
    pub(super) form: Form,
    pub(super) scale: Scale,
    pub(super) mega: Client,
    second: Client,
    home: String,
    scratch: PathBuf,
    pub(super) was_empty: bool,
    /// Making two people contacts is done once.
    friends: tokio::sync::Mutex<Option<Client>>,
}

impl Ground {
    pub(super) async fn prepare(bench: Arc<dyn Bench>, form: Form, scale: Scale) -> Result<Self> {
        let mega = bench.client().await?;
        let second = bench.client().await?;
        let was_empty = mega.list("/").await?.is_empty();
        let number = random();
        let home = format!("/conformance-{number:012x}");
        mega.create_dir(&home).await?;
        let scratch = bench
            .scratch()
            .join(format!("mega-conformance-{number:012x}"));
        Ok(Self {
            bench,
            form,
            scale,
            mega,
            second,
            home,
            scratch,
            was_empty,
            friends: tokio::sync::Mutex::new(None),
        })
    }

    /// Removes what was made. Best effort: a check may have failed half-way.
    pub(super) async fn clean(&self) {
        let removed = self.mega.delete(&self.home).await;
        if let Err(error) = removed {
            tracing::warn!(%error, "what the checks made could not be removed");
        }
        let _ = std::fs::remove_dir_all(&self.scratch);
    }
}

/// Six random bytes as a number.
fn random() -> u64 {
    let random = FolderKey::random(&mut rng());
    let bytes = random.expose_secret().iter().take(6);
    bytes.fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// What one check works with.
#[derive(Clone)]
pub(super) struct Cx {
    ground: Arc<Ground>,
    pub(super) mega: Client,
    /// The path of the check's own folder.
    pub(super) home: String,
    /// Its handle.
    pub(super) folder: NodeHandle,
    id: &'static str,
}

/// A handle that no node has.
pub(super) const NOBODY: NodeHandle = NodeHandle::from_bytes([0xFE, 1, 2, 3, 4, 5]);

impl Cx {
    pub(super) async fn enter(ground: &Arc<Ground>, id: &'static str) -> Result<Self> {
        let home = format!("{}/{id}", ground.home);
        let made = ground.mega.create_dir(&home).await?;
        Ok(Self {
            ground: Arc::clone(ground),
            mega: ground.mega.clone(),
            home,
            folder: made.handle(),
            id,
        })
    }

    /// A number that is another one each time.
    pub(super) fn random(&self) -> u64 {
        random()
    }

    pub(super) fn scale(&self) -> Scale {
        self.ground.scale
    }

    pub(super) fn was_empty(&self) -> bool {
        self.ground.was_empty
    }

    pub(super) fn bench(&self) -> &dyn Bench {
        &*self.ground.bench
    }

    pub(super) fn backstage(&self) -> Option<&dyn Backstage> {
        self.ground.bench.backstage()
    }

    /// The hand behind the scenes, or the end of the check.
    pub(super) fn stage(&self) -> std::result::Result<&dyn Backstage, Stop> {
        self.backstage().ok_or_else(|| {
            Stop::NotApplicable("the bench has no hand behind the scenes".to_owned())
        })
    }

    pub(super) fn form(&self) -> Form {
        self.ground.form
    }

    /// The whole path of a place in the check's folder.
    pub(super) fn path(&self, place: &str) -> String {
        if place.is_empty() {
            self.home.clone()
        } else {
            format!("{}/{place}", self.home)
        }
    }

    /// A place in the check's folder, named in the form of the run.
    pub(super) fn at(&self, place: &str) -> Target {
        let path = self.path(place);
        if self.form() != Form::Handle {
            return Target::Path(path);
        }
        match self.mega.find_all(&path) {
            Ok(found) => match found.as_slice() {
                [] => Target::Handle(NOBODY),
                [one] => Target::Handle(one.handle()),
                // Only paths are ambiguous.
                _ => Target::Path(path),
            },
            Err(_) => Target::Path(path),
        }
    }

    /// Runs a call in the form of the run.
    pub(super) async fn go<C>(&self, call: C) -> C::Output
    where
        C: IntoFuture + Send + 'static,
        C::IntoFuture: Send,
        C::Output: Refusable + Send + 'static,
    {
        if self.form() != Form::Blocking {
            return call.await;
        }
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let spawned = std::thread::Builder::new().spawn(move || {
            let _ = sender.send(call.wait());
        });
        match (spawned, receiver.await) {
            (Ok(_), Ok(done)) => done,
            _ => Refusable::refused(crate::Error::new(
                ErrorKind::Cancelled,
                "the waiting thread has ended",
            )),
        }
    }

    /// A client and a path from which new things are made: a view of the nearest folder's handle, or the path as it is.
    fn maker(&self, place: &str) -> (Client, String) {
        let whole = (self.mega.clone(), self.path(place));
        if self.form() != Form::Handle {
            return whole;
        }
        let (above, name) = place.rsplit_once('/').unwrap_or(("", place));
        match self.mega.view(self.at(above)) {
            Ok(view) => (view, name.to_owned()),
            Err(_) => match self.mega.view(self.folder) {
                Ok(view) => (view, place.to_owned()),
                Err(_) => whole,
            },
        }
    }

    /// The writing of a file, not yet begun.
    pub(super) fn writing(&self, place: &str, content: impl Into<bytes::Bytes>) -> Upload {
        let (client, path) = self.maker(place);
        client.write(path, content)
    }

    /// The writing of a file from a reader, not yet begun.
    pub(super) fn piping(
        &self,
        place: &str,
        reader: impl tokio::io::AsyncRead + Send + 'static,
    ) -> Upload {
        let (client, path) = self.maker(place);
        client.write_from(path, reader)
    }

    pub(super) async fn write(
        &self,
        place: &str,
        content: impl Into<bytes::Bytes>,
    ) -> Result<Node> {
        self.go(self.writing(place, content)).await
    }

    pub(super) fn making(&self, place: &str) -> CreateDir {
        match self.form() {
            Form::Handle => self.mega.create_dir(place).below(self.folder),
            _ => self.mega.create_dir(self.path(place)),
        }
    }

    pub(super) async fn mkdir(&self, place: &str) -> Result<Node> {
        self.go(self.making(place)).await
    }

    pub(super) async fn read(&self, place: &str) -> Result<bytes::Bytes> {
        self.go(self.mega.read(self.at(place))).await
    }

    pub(super) async fn stat(&self, place: &str) -> Result<Node> {
        self.go(self.mega.stat(self.at(place))).await
    }

    pub(super) async fn exists(&self, place: &str) -> Result<bool> {
        self.go(self.mega.exists(self.at(place))).await
    }

    pub(super) async fn list(&self, place: &str) -> Result<Vec<Node>> {
        self.go(self.mega.list(self.at(place))).await
    }

    /// The names in a folder, sorted.
    pub(super) async fn names(&self, place: &str) -> Result<Vec<String>> {
        names_in(&self.mega, self.at(place)).await
    }

    /// The second client of the account, which knows of everything that has happened.
    pub(super) async fn second(&self) -> Result<Client> {
        self.ground.second.refresh().await?;
        Ok(self.ground.second.clone())
    }

    /// A client that has just signed in.
    pub(super) async fn fresh(&self) -> Result<Client> {
        self.ground.bench.client().await
    }

    /// Another person, who is a contact.
    pub(super) async fn friend(&self) -> std::result::Result<Client, Stop> {
        let mut friends = self.ground.friends.lock().await;
        if let Some(friend) = &*friends {
            return Ok(friend.clone());
        }
        let Some(friend) = self.ground.bench.other_person() else {
            return super::not_applicable("the bench knows no other person");
        };
        let friend = friend.await?;
        let (ours, theirs) = (
            self.mega.email().unwrap_or_default(),
            friend.email().unwrap_or_default().to_owned(),
        );
        friend.refresh().await?;
        if !self
            .mega
            .contacts()
            .iter()
            .any(|contact| Some(contact.user) == friend.user())
        {
            self.mega.invite(theirs).await?;
            friend.refresh().await?;
            let invitation = friend
                .invitations()
                .into_iter()
                .find(|invitation| invitation.email.as_deref() == Some(ours));
            friend
                .accept_invitation(super::some(invitation, "the invitation")?.handle)
                .await?;
            self.mega.refresh().await?;
        }
        *friends = Some(friend.clone());
        Ok(friend)
    }

    /// An empty local folder of the check's own.
    pub(super) fn local(&self, name: &str) -> std::io::Result<PathBuf> {
        let folder = self.ground.scratch.join(self.id).join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

/// The names in a folder, sorted.
pub(super) async fn names_in(mega: &Client, folder: impl Into<Target>) -> Result<Vec<String>> {
    let mut names: Vec<String> = mega
        .list(folder)
        .await?
        .iter()
        .map(|node| node.name().to_owned())
        .collect();
    names.sort_unstable();
    Ok(names)
}
