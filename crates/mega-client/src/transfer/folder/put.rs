//! What has arrived of a folder's upload becomes nodes, many at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use mega_protocol::NodeHandle;

use super::super::journal::UploadJournal;
use super::super::progress::Meter;
use super::super::send::Sent;
use super::super::upload::{meaningless_token, token_refused};
use super::report::Outcome;
use super::scan::ScannedFile;
use super::upload::UploadFolder;
use crate::error::Error;
use crate::fs::NewFile;

/// A content that has arrived, and the decoded name of its node.
pub(super) struct New {
    pub(super) sent: Sent,
    pub(super) raw: Vec<u8>,
    pub(super) journal: Option<Arc<UploadJournal>>,
    pub(super) meter: Meter,
}

/// What became of a file that was to be made into a node.
pub(super) enum Made {
    Ended(Outcome),
    /// The service does not know the completion token; the content has to be sent again.
    Refused(Meter, Error),
}

pub(super) struct Arrived {
    pub(super) file: ScannedFile,
    pub(super) folder: NodeHandle,
    pub(super) new: New,
    pub(super) outcome: Outcome,
}

impl UploadFolder {
    /// Makes nodes of what has arrived, one command for each folder; all of them travel together.
    pub(super) async fn put(&self, round: Vec<Arrived>) -> Vec<(ScannedFile, Made)> {
        type Journal = Option<Arc<UploadJournal>>;
        type Group = (Vec<NewFile>, Vec<(ScannedFile, Outcome, Journal, Meter)>);
        let mut by_folder: BTreeMap<NodeHandle, Group> = BTreeMap::new();
        let count = round.len();
        for Arrived {
            file,
            folder,
            new,
            outcome,
        } in round
        {
            let (files, rest) = by_folder.entry(folder).or_default();
            files.push(new.sent.into_file(new.raw));
            rest.push((file, outcome, new.journal, new.meter));
        }
        let puts = by_folder
            .into_iter()
            .map(|(folder, (files, rest))| async move {
                (
                    self.client
                        .create_files(folder, files, self.conflict, &self.options.progress)
                        .await,
                    rest,
                )
            });
        let mut done = Vec::with_capacity(count);
        for (made, rest) in futures::future::join_all(puts).await {
            for ((file, outcome, journal, meter), made) in rest.into_iter().zip(made) {
                let refused = token_refused(&made);
                let made = meaningless_token(made);
                if let Some(journal) = journal {
                    journal.settle(&made);
                }
                let made = match made {
                    Ok(_) => Made::Ended(outcome),
                    Err(error) if refused => Made::Refused(meter, error),
                    Err(error) => Made::Ended(Outcome::Failed(error.during("upload"))),
                };
                done.push((file, made));
            }
        }
        done
    }
}
