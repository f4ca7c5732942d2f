//! A file on a server, and looking at what a transfer did.

use std::path::Path;

use mega_client::Client;

use crate::place::Place;
use crate::transfer_content::content;

pub(crate) const SIZE: usize = 6_000_000;

/// A server with one file, a client, and a local folder.
pub(crate) async fn with_file() -> (Place, Client, tempfile::TempDir, Vec<u8>) {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let bytes = content(SIZE);
    mega.write("/file", bytes.clone()).await.unwrap();
    (place, mega, tempfile::tempdir().unwrap(), bytes)
}

pub(crate) fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(crate) fn commands(place: &Place, name: &str) -> usize {
    place
        .server
        .journal()
        .iter()
        .filter(|e| e.commands.iter().any(|c| c == name))
        .count()
}
