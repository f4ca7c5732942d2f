//! The end of a run: nothing is under way, nothing goes wrong any more, and everybody must agree.

use std::collections::BTreeMap;

use mega_client::{Client, Error, Node};
use mega_testserver::Model;
use mega_testserver::model::Kind;
use mega_testserver::wire::NodeHandle;

use crate::actor::Actor;
use crate::content::{self, FileId};
use crate::history::History;
use crate::shared::{Told, Uploads};
use crate::zone::Entry;

/// What is known of a node: where it lies, its name, its size, what it is.
type Fact = (Option<String>, String, u64, bool);

/// All nodes of the account, as the service has them.
pub(crate) fn on_server(model: &Model, email: &str) -> BTreeMap<String, Fact> {
    let Some(user) = model.user(email) else {
        return BTreeMap::new();
    };
    let tops = [user.root, user.bin];
    let mut facts = BTreeMap::new();
    for handle in tops.iter().flat_map(|top| model.tree().subtree(*top)) {
        let Some(node) = model.tree().get(handle) else {
            continue;
        };
        if node.kind.is_root() {
            continue;
        }
        let parent = node.parent.map(|parent| parent.to_string());
        let name = model.name_of(handle).unwrap_or_default();
        facts.insert(
            handle.to_string(),
            (parent, name, node.size(), node.kind == Kind::File),
        );
    }
    facts
}

/// All nodes, as a client shows them.
pub(crate) async fn in_client(client: &Client) -> Result<BTreeMap<String, Fact>, Error> {
    let mut facts = BTreeMap::new();
    for top in [client.root()?, client.rubbish_bin()?] {
        let mut nodes: Vec<Node> = client.list(&top).recursive().await?;
        let files: Vec<Node> = nodes.iter().filter(|n| n.is_file()).cloned().collect();
        for file in files {
            nodes.extend(client.versions(&file).await?);
        }
        for node in nodes {
            let parent = node.parent().map(|parent| parent.to_string());
            let name = node.name().to_owned();
            let fact = (parent, name, node.size(), node.is_file());
            facts.insert(node.handle().to_string(), fact);
        }
    }
    Ok(facts)
}

/// A tree that is not the service's is a divergence.
pub(crate) async fn agrees(
    history: &History,
    who: &str,
    client: &Client,
    server: &BTreeMap<String, Fact>,
) {
    match in_client(client).await {
        Err(error) => history.violation(who, format!("cannot list: {error:?}")),
        Ok(own) => {
            for (handle, fact) in server {
                match own.get(handle) {
                    Some(other) if other == fact => {}
                    other => history.violation(
                        who,
                        format!("{handle} is {fact:?} on the service and {other:?} here"),
                    ),
                }
            }
            for (handle, fact) in &own {
                if !server.contains_key(handle) {
                    history.violation(who, format!("{handle} {fact:?} is not on the service"));
                }
            }
        }
    }
}

/// Each client's own folder is what its model says, to the last byte, as the service's own cipher reads it.
pub(crate) fn own_folder(history: &History, model: &Model, email: &str, actor: &Actor) {
    let Some(top) = model.find(email, &actor.folder) else {
        history.violation(&actor.name, "the own folder is gone");
        return;
    };
    contents(history, model, &actor.name, top, &actor.zone.live);
    for (handle, (_, entries)) in &actor.zone.bin {
        match NodeHandle::parse(&handle.to_string()) {
            Some(top) => contents(history, model, &actor.name, top, entries),
            None => history.violation(&actor.name, "a handle that is none"),
        }
    }
}

fn contents(
    history: &History,
    model: &Model,
    who: &str,
    top: NodeHandle,
    entries: &BTreeMap<String, Entry>,
) {
    for (path, entry) in entries {
        let mut at = Some(top);
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at = at.and_then(|folder| {
                model
                    .tree()
                    .children(folder)
                    .map(|node| node.handle)
                    .find(|handle| model.name_of(*handle).as_deref() == Some(part))
            });
        }
        let Entry::File(id, older) = entry else {
            continue;
        };
        for id in std::iter::once(id).chain(older) {
            let read = at.and_then(|file| model.read_file(file));
            if read.is_none_or(|bytes| bytes != content::bytes(*id)) {
                history.violation(who, format!("{path} is not {id:x} on the service"));
            }
            at = at.and_then(|file| model.tree().children(file).next().map(|node| node.handle));
        }
    }
}

/// Every upload into the shared folder that was reported as done is there, once; none that was reported as failed is.
pub(crate) fn shared_uploads(history: &History, model: &Model, uploads: &Uploads) {
    let mut found: BTreeMap<FileId, u64> = BTreeMap::new();
    let all = uploads.all();
    // Empty files say nothing about themselves.
    let known: BTreeMap<Vec<u8>, FileId> = all
        .keys()
        .filter(|id| content::size(**id) >= 8)
        .map(|id| (content::bytes(*id), *id))
        .collect();
    for node in model.tree().iter().filter(|node| node.kind == Kind::File) {
        match model.read_file(node.handle) {
            Some(bytes) => {
                if let Some(id) = known.get(&bytes) {
                    *found.entry(*id).or_default() += 1;
                }
            }
            None => history.violation("", format!("{} is corrupt on the service", node.handle)),
        }
    }
    for id in known.values() {
        let count = found.get(id).copied().unwrap_or(0);
        let sound = match all.get(id) {
            Some(Told::Done) => count == 1,
            Some(Told::Unknown) => count <= 1,
            Some(Told::Failed) => count == 0,
            None => true,
        };
        if !sound {
            let told = all.get(id);
            history.violation(
                "",
                format!("upload {id:x}: told {told:?}, found {count} times"),
            );
        }
    }
}
