//! What must always hold. Tests ask after every step.

use std::collections::HashMap;

use super::{Kind, Model};

impl Model {
    /// Everything that is wrong with the state; empty when it is sound.
    ///
    /// Each node has one parent that knows it, nothing is its own ancestor, versions hang on files, one on each, usage is
    /// the sum of sizes, links and shares are known at both ends, every account has its three roots, and every session,
    /// address and share belongs to an account.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let mut out = Vec::new();
        let mut used: HashMap<_, u64> = HashMap::new();
        for node in self.tree.iter() {
            *used.entry(node.owner).or_default() += node.size();
            let name = node.handle;
            match node.parent {
                None if !node.kind.is_root() => out.push(format!("{name} has no parent")),
                Some(_) if node.kind.is_root() => out.push(format!("the root {name} has a parent")),
                Some(parent) => match self.tree.get(parent) {
                    None => out.push(format!("{name} lies in {parent}, which is not there")),
                    Some(parent) => {
                        let times = parent.children.values().filter(|c| **c == name).count();
                        if times != 1 {
                            out.push(format!("{name} is {times} times in its parent"));
                        }
                        if parent.owner != node.owner {
                            out.push(format!("{name} has another owner than its parent"));
                        }
                        if node.version != (parent.kind == Kind::File) {
                            out.push(format!(
                                "{name} is a version and should not be, or the reverse"
                            ));
                        }
                    }
                },
                None => {}
            }
            if self.tree.ancestors(name).take(self.tree.len() + 1).count() > self.tree.len() {
                out.push(format!("{name} is its own ancestor"));
            }
            if (node.kind == Kind::File) != node.content.is_some() {
                out.push(format!("{name} is a file without content, or the reverse"));
            }
            let versions = node
                .children
                .values()
                .filter(|c| self.tree.get(**c).is_some_and(|c| c.version))
                .count();
            if versions > 1 {
                out.push(format!("{name} has {versions} previous versions, not one"));
            }
            if node.version && node.kind != Kind::File {
                out.push(format!("{name} is a version and no file"));
            }
            if !self.users.contains_key(&node.owner) {
                out.push(format!("{name} belongs to nobody"));
            }
            for child in node.children.values() {
                if self.tree.get(*child).and_then(|c| c.parent) != Some(name) {
                    out.push(format!("{child} is in {name} and does not know it"));
                }
            }
            if node
                .link
                .as_ref()
                .is_some_and(|l| self.links.get(&l.handle) != Some(&name))
            {
                out.push(format!("the link of {name} leads elsewhere"));
            }
            for user in node.shares.keys() {
                if !self
                    .users
                    .get(user)
                    .is_some_and(|u| u.incoming.contains(&name))
                {
                    out.push(format!(
                        "{user} does not know that {name} is shared with him"
                    ));
                }
            }
        }
        for user in self.users.values() {
            for (root, kind) in [
                (user.root, Kind::Root),
                (user.vault, Kind::Vault),
                (user.bin, Kind::Bin),
            ] {
                let found = self.tree.get(root).map(|n| (n.kind, n.owner));
                if found != Some((kind, user.handle)) {
                    out.push(format!("{} has no {kind:?} of its own", user.handle));
                }
            }
            for root in &user.incoming {
                if !self
                    .tree
                    .get(*root)
                    .is_some_and(|n| n.shares.contains_key(&user.handle))
                {
                    out.push(format!(
                        "{} thinks that {root} is shared with him",
                        user.handle
                    ));
                }
            }
            let sum = used.get(&user.handle).copied().unwrap_or(0);
            if sum != user.used {
                out.push(format!(
                    "{} uses {} bytes and has nodes of {sum}",
                    user.handle, user.used
                ));
            }
        }
        for user in self.users.values() {
            for album in user.albums.values() {
                for element in album.elements.values() {
                    let file = self.tree.get(element.node);
                    if !file.is_some_and(|n| n.kind == Kind::File && n.owner == user.handle) {
                        out.push(format!(
                            "{} holds {}, no file of the account",
                            album.id, element.node
                        ));
                    }
                    let times = album
                        .elements
                        .values()
                        .filter(|e| e.node == element.node)
                        .count();
                    if times != 1 {
                        out.push(format!("{} holds {} {times} times", album.id, element.node));
                    }
                }
            }
        }
        for (email, user) in &self.emails {
            let there = self.users.get(user);
            if there.is_none_or(|u| u.email.to_lowercase() != *email) {
                out.push(format!("{email} leads to somebody else"));
            }
        }
        for session in self.sessions.values() {
            if session.alive && !self.users.contains_key(&session.user) {
                out.push(format!("a session belongs to nobody: {}", session.user));
            }
        }
        for (link, node) in &self.links {
            if self
                .tree
                .get(*node)
                .and_then(|n| n.link.as_ref())
                .map(|l| l.handle)
                != Some(*link)
            {
                out.push(format!("link {link} leads to a node without it"));
            }
        }
        out
    }
}
