//! What a client does with its disk: transfers that are broken off and gone on with, whole folders, and programs that die in a write.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures::future::BoxFuture;
use mega_client::{ChangeKind, ChangeOutcome, Error, ErrorKind, Existing, NodeHandle};
use tokio::io::AsyncWriteExt;

use super::{Actor, Ended, Work};
use crate::cancel::after_polls;
use crate::content::{self, FileId};
use crate::disk;
use crate::rng::Rng;
use crate::zone::{Entry, Op, Zone};

/// A transfer is begun so often; from then on nothing goes wrong.
const PATIENCE: u64 = 4;

/// How an attempt goes.
enum How {
    Whole,
    /// The future is dropped after so many polls.
    Dropped(u64),
    /// The program dies in a write.
    Dies(u64, u64),
}

impl Actor {
    /// The ways in which a content gets into the cloud; which one is used depends on the content, so that a second attempt goes on with the first.
    pub(super) fn upload(&self, path: String, id: FileId) -> Work {
        let client = self.client().clone();
        let bytes = content::bytes(id);
        let way = Rng::of(id, &[2]).below(6);
        let source = match (&self.disk, way) {
            (Some(disk), 3..) => {
                Some(disk.source(&format!("{id:x}"), &bytes, 1_600_000_000 + id % 1000))
            }
            _ => None,
        };
        let journals = self.disk.as_ref().map(|disk| disk.live("journals"));
        Box::pin(async move {
            match (way, source, journals) {
                (0, ..) => {
                    // Nobody says how long it is.
                    let reader = std::io::Cursor::new(bytes);
                    client.write_from(path, reader).await.map(drop)
                }
                (1, ..) => {
                    let mut writer = client.writer(path).await?;
                    for piece in bytes.chunks(70_000) {
                        writer.write_all(piece).await.map_err(inner)?;
                    }
                    writer.close().await.map(drop)
                }
                (3, Some(Ok(source)), _) => client.upload(source, path).await.map(drop),
                (_, Some(Ok(source)), Some(journals)) => {
                    let upload = client.upload(source, path).resumable(journals);
                    upload.await.map(drop)
                }
                _ => client.write(path, bytes).await.map(drop),
            }
        })
    }

    fn how(&mut self, attempt: u64) -> How {
        if attempt >= PATIENCE {
            self.wire.calm(true);
            return How::Whole;
        }
        match self.rng.below(4) {
            1 => How::Dropped(self.rng.below(80)),
            2 | 3 if self.impatient => How::Dies(self.rng.below(30), self.rng.next()),
            _ => How::Whole,
        }
    }

    /// Does something as far as it gets: `None` if it was dropped, or the program died. Then it has come back.
    async fn attempt<T>(
        &mut self,
        how: How,
        work: BoxFuture<'static, Result<T, Error>>,
    ) -> Option<Result<T, Error>> {
        match how {
            How::Whole => Some(work.await),
            How::Dropped(polls) => {
                let result = after_polls(Some(polls), work).await;
                if result.is_none() {
                    self.note(format!("  is dropped after {polls} polls"));
                }
                result
            }
            How::Dies(jobs, seed) => {
                let told = self.disk.as_ref()?.die_after(jobs, seed);
                let result = tokio::select! {
                    biased;
                    () = told.notified() => None,
                    result = work => Some(result),
                };
                self.note(format!("  the program dies in its write {jobs}"));
                let here = self.zone.clone();
                self.come_back(&[here]).await;
                result.filter(Result::is_ok)
            }
        }
    }

    /// Notes why a transfer has failed; only the network and an outcome that is unknown are reasons.
    fn tolerate(&self, what: &str, error: &Error) {
        self.note(format!("  {:?}: {error}", error.kind()));
        if !matches!(
            error.kind(),
            ErrorKind::Network
                | ErrorKind::Timeout
                | ErrorKind::RateLimited
                | ErrorKind::Integrity
                | ErrorKind::OutcomeUnknown
        ) {
            self.violation(format!("{what} should be possible: {error:?}"));
        }
    }

    /// A file comes to the disk as a whole, however often that begins anew, and until then there is none of its name.
    pub(super) async fn download(&mut self) {
        let (Some((path, id)), Some(disk)) = (self.zone.any_file(&mut self.rng), &self.disk) else {
            return;
        };
        let local = disk.live("down").join("file");
        let full = format!("{}{path}", self.folder);
        for attempt in 0..=PATIENCE {
            let how = self.how(attempt);
            self.note(format!("download {path}, {attempt}"));
            let download = self.client().download(full.as_str(), &local).resumable();
            let download = download.on_existing(Existing::Update);
            let work = Box::pin(async move { download.await });
            let result = self.attempt(how, work).await;
            self.check_whole(&local, id);
            match result {
                Some(Ok(_)) if local.exists() => break,
                Some(Ok(_)) if attempt < PATIENCE => {
                    self.note("  and what was there is lost with the program")
                }
                Some(Err(error)) if attempt < PATIENCE => self.tolerate("a download", &error),
                None if attempt < PATIENCE => {}
                Some(other) => self.violation(format!("{path} does not come: {other:?}")),
                None => self.violation("an attempt that is not broken off ends"),
            }
        }
        self.wire.calm(false);
        self.clear(&self.live_down());
    }

    fn live_down(&self) -> PathBuf {
        self.disk
            .as_ref()
            .map(|disk| disk.live("down"))
            .unwrap_or_default()
    }

    fn check_whole(&self, local: &Path, id: FileId) {
        if local.exists() && std::fs::read(local).ok() != Some(content::bytes(id)) {
            self.violation(format!("a file of the name of {id:x} has another content"));
        }
    }

    /// Removes what was downloaded. Files that are not complete stay: it is for the next download to remove or use them.
    fn clear(&self, folder: &Path) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let unfinished = entry.file_name().to_string_lossy().starts_with(".mega-");
            let removed = match path.is_dir() {
                true => std::fs::remove_dir_all(&path),
                false if unfinished => Ok(()),
                false => std::fs::remove_file(&path),
            };
            if let Err(error) = removed {
                self.violation(format!("the disk of the simulation fails: {error}"));
            }
        }
    }

    /// A folder with everything in it comes to the disk.
    pub(super) async fn download_folder(&mut self) {
        let dir = self.zone.any_dir(&mut self.rng);
        let local = self.live_down().join("folder");
        let full = format!("{}{dir}", self.folder);
        let mut wanted = BTreeMap::new();
        for (path, entry) in &self.zone.live {
            if let (Some(rest), Entry::File(id, _)) = (path.strip_prefix(&format!("{dir}/")), entry)
            {
                wanted.insert(PathBuf::from(rest), *id);
            }
        }
        for attempt in 0..=PATIENCE {
            let how = self.how(attempt);
            self.note(format!("download the folder {dir}, {attempt}"));
            let download = self
                .client()
                .download_folder(full.as_str(), &local)
                .resumable();
            let download = download.on_existing(Existing::Update);
            let work = Box::pin(async move { download.await?.into_result() });
            let result = self.attempt(how, work).await;
            let found = disk::files(&local).unwrap_or_default();
            for (path, (bytes, _)) in &found {
                let unfinished = path
                    .file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with(".mega-"));
                let right = wanted
                    .get(path)
                    .is_some_and(|id| *bytes == content::bytes(*id));
                if !right && !unfinished {
                    self.violation(format!("{} is not what it should be", path.display()));
                }
            }
            let all = wanted.keys().all(|path| found.contains_key(path));
            match result {
                Some(Ok(_)) if all => break,
                Some(Ok(_)) if attempt < PATIENCE => {
                    self.note("  and something is lost with the program")
                }
                Some(Err(error)) if attempt < PATIENCE => {
                    self.tolerate("a folder download", &error)
                }
                None if attempt < PATIENCE => {}
                other => self.violation(format!("{dir} does not come: {other:?}")),
            }
        }
        self.wire.calm(false);
        self.clear(&self.live_down());
    }

    /// A local folder gets into the cloud, everything in it once, however often that begins anew.
    pub(super) async fn upload_folder(&mut self) {
        let name = format!("n{}", self.rng.below(30));
        let dir = format!("/{name}");
        if self.zone.live.contains_key(&dir) || self.zone.live.len() > 18 {
            return;
        }
        let top = format!("folder-{:x}", self.new_file());
        let mut entries = vec![(dir.clone(), Entry::Dir), (format!("{dir}/n0"), Entry::Dir)];
        for (number, place) in ["n1", "n2", "n0/n3", "n0/n4"].into_iter().enumerate() {
            let id = self.new_file();
            let Some(disk) = &self.disk else { return };
            let time = 1_600_000_000 + number as u64;
            if let Err(error) = disk.source(&format!("{top}/{place}"), &content::bytes(id), time) {
                self.violation(format!("the disk of the simulation fails: {error}"));
                return;
            }
            entries.push((format!("{dir}/{place}"), Entry::File(id, Vec::new())));
        }
        let Some(disk) = &self.disk else { return };
        let (local, journals) = (
            disk.path().join("sources").join(&top),
            disk.live("journals"),
        );
        let full = format!("{}{dir}", self.folder);
        for attempt in 0..=PATIENCE {
            let how = match self.how(attempt) {
                How::Dropped(_) if !self.impatient => How::Whole,
                // What of it has arrived nobody knows then; the model learns of it when all of it has.
                How::Dies(..) => How::Dropped(self.rng.below(200)),
                how => how,
            };
            self.note(format!("upload the folder {dir}, {attempt}"));
            let upload = self.client().upload_folder(&local, full.as_str());
            let upload = upload.resumable(&journals);
            let work = Box::pin(async move { upload.await?.into_result() });
            let result = self.attempt(how, work).await;
            match result {
                Some(Ok(_)) => break,
                Some(Err(error)) if attempt < PATIENCE => self.tolerate("a folder upload", &error),
                None if attempt < PATIENCE => {}
                other => self.violation(format!("{dir} does not go: {other:?}")),
            }
            // What was broken off comes to its end before it begins anew.
            self.catch_up().await;
        }
        self.wire.calm(false);
        self.zone.live.extend(entries);
        self.compare().await;
    }

    /// The program dies in a write, whatever it was about, and starts again with what is on the disk.
    pub(super) async fn crash(&mut self) {
        let op = self.draw().filter(|_| self.impatient);
        let (jobs, seed) = (self.rng.below(12), self.rng.next());
        self.note(format!("dies in its write {jobs} during {op:?}"));
        let Some(told) = self.disk.as_ref().map(|disk| disk.die_after(jobs, seed)) else {
            return;
        };
        let mut possible = vec![self.zone.clone()];
        if let Some(op) = &op {
            let work = self.work_of(op);
            let result = tokio::select! {
                biased;
                () = told.notified() => None,
                result = work => Some(result),
            };
            possible = match self.ended(result) {
                Ended::Done => vec![self.zone.after(op)],
                Ended::Unknown => self.zone.perhaps_after(op),
                Ended::Failed(_) => possible,
            };
        }
        let before = self.zone.clone();
        self.come_back(&possible).await;
        // What was not done is asked for again, and goes on where it was.
        if let Some(op @ (Op::Upload(..) | Op::Replace(..))) = op
            && self.zone == before
        {
            self.perform(op).await;
        }
    }

    /// Starts again from what is on the disk; one of these states has come.
    pub(super) async fn come_back(&mut self, possible: &[Zone]) {
        self.stop().await;
        self.client = None;
        // Work that the old one has handed over comes to its end, and to nothing.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        if let Some(Err(error)) = self.disk.as_ref().map(disk::Disk::come_back) {
            self.violation(format!("the disk of the simulation fails: {error}"));
        }
        self.wire.reconnect();
        for _ in 0..100 {
            // A new process never begins with the request ids of an earlier one (RTY-2).
            let builder = self.builder.clone().seed(self.rng.next());
            match builder.resume(&self.saved).await {
                Ok(client) => {
                    self.client = Some(client);
                    self.watch();
                    self.settle(possible).await;
                    self.check_settled().await;
                    return;
                }
                Err(error) => {
                    self.note(format!("  {:?}: {error}", error.kind()));
                    if !matches!(error.kind(), ErrorKind::Network | ErrorKind::Timeout) {
                        self.violation(format!("the session should open: {error:?}"));
                        break;
                    }
                }
            }
        }
        self.violation("the session never opens");
    }

    /// What the dead program had under way and the new one calls done is done (RTY-8). What it calls not done may still arrive: the network
    /// delivers requests whose sender is gone.
    async fn check_settled(&self) {
        for settled in self.client().take_settled_changes() {
            let (change, outcome) = (settled.change(), settled.outcome());
            self.note(format!(
                "  settled: {:?} of {:?}, {outcome:?}",
                change.kind(),
                change.path()
            ));
            if outcome != ChangeOutcome::Done {
                continue;
            }
            let there = |node: Option<NodeHandle>| async move {
                match node {
                    Some(node) => self.client().stat(node).await.is_ok(),
                    None => false,
                }
            };
            let (made, node) = (there(settled.made()).await, there(change.node()).await);
            let right = match change.kind() {
                ChangeKind::NewFolder | ChangeKind::NewFile | ChangeKind::Copy => made,
                ChangeKind::Delete => !node,
                _ => true,
            };
            if !right {
                self.violation(format!("{change:?} was settled as done, and is not"));
            }
        }
    }
}

/// The error of the client inside one of a writer.
fn inner(error: std::io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        // A run that panics has failed.
        Err(error) => panic!("a writer fails with an error that is not the client's: {error}"),
    }
}
