//! What a client shows of its tree, in a form that can be compared.

use std::collections::BTreeMap;

use mega_client::{Client, Error, Node, NodeHandle};

use crate::zone::{Shown, Zone};

/// The entries below a folder by path, and those that are there more than once.
pub(crate) type Listing = BTreeMap<String, Vec<Shown>>;

/// Lists what lies below a node.
pub(crate) async fn below(client: &Client, top: &Node) -> Result<Listing, Error> {
    let nodes = client.list(top).recursive().await?;
    let mut paths: BTreeMap<NodeHandle, String> = BTreeMap::new();
    paths.insert(top.handle(), String::new());
    let mut listing = Listing::new();
    for node in nodes {
        let above = node.parent().and_then(|parent| paths.get(&parent)).cloned();
        let path = format!("{}/{}", above.unwrap_or_default(), node.name());
        paths.insert(node.handle(), path.clone());
        let shown = shown(client, &node).await?;
        listing.entry(path).or_default().push(shown);
    }
    Ok(listing)
}

/// What is seen of one node.
pub(crate) async fn shown(client: &Client, node: &Node) -> Result<Shown, Error> {
    if node.is_folder() {
        return Ok(Shown::Dir);
    }
    let mut sizes = vec![node.size()];
    sizes.extend(client.versions(node).await?.iter().map(Node::size));
    Ok(Shown::File(sizes))
}

/// How what a client shows differs from the model; `None` if it does not.
pub(crate) async fn difference(
    client: &Client,
    folder: &str,
    zone: &Zone,
) -> Result<Option<String>, Error> {
    let top = client.stat(folder).await?;
    let live = below(client, &top).await?;
    if let Some(difference) = unlike(&live, &zone.live) {
        return Ok(Some(difference));
    }
    let bin = client.rubbish_bin()?;
    for (handle, (origin, entries)) in &zone.bin {
        let Ok(node) = client.stat(*handle).await else {
            return Ok(Some(format!(
                "{origin} ({handle}) is not in the bin any more"
            )));
        };
        if node.parent() != Some(bin.handle()) {
            return Ok(Some(format!("{origin} ({handle}) is not in the bin")));
        }
        let mut listing = if node.is_folder() {
            below(client, &node).await?
        } else {
            Listing::new()
        };
        listing.insert(String::new(), vec![shown(client, &node).await?]);
        if let Some(difference) = unlike(&listing, entries) {
            return Ok(Some(format!(
                "in the bin, {origin} ({handle}): {difference}"
            )));
        }
    }
    // What is in the folder again must not be in the bin as well: handles are unique, so this needs no look.
    Ok(None)
}

fn unlike(listing: &Listing, entries: &crate::zone::Entries) -> Option<String> {
    for (path, shown) in listing {
        match (entries.get(path), shown.as_slice()) {
            (None, _) => return Some(format!("{path} is there and should not be")),
            (Some(entry), [one]) if entry.shown() == *one => {}
            (Some(entry), shown) => {
                return Some(format!(
                    "{path} is {shown:?} and should be {:?}",
                    entry.shown()
                ));
            }
        }
    }
    entries
        .keys()
        .find(|path| !listing.contains_key(*path))
        .map(|path| format!("{path} is not there"))
}
