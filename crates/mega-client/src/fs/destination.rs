//! Where something goes that is moved, copied or imported.

use mega_protocol::NodeHandle;

use super::access::find;
use super::conflict::OnConflict;
use super::name::Name;
use crate::Client;
use crate::error::Result;
use crate::target::{Target, Want};
use crate::tree::Tree;
use crate::tree::arena::Index;

/// Into which folder, under which name, and what is to be done if that is taken.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    /// None: where it belongs of itself.
    pub(super) folder: Option<Target>,
    /// In the shown form; none: the one it has.
    pub(super) name: Option<String>,
    pub(super) rule: OnConflict,
}

impl Destination {
    pub(super) fn new(folder: impl Into<Option<Target>>) -> Self {
        Self {
            folder: folder.into(),
            name: None,
            rule: OnConflict::Fail,
        }
    }

    /// The folder, if one was named.
    pub(super) fn named_folder(&self, client: &Client) -> Result<Option<NodeHandle>> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        client
            .handle_of(folder, Want::Folder)
            .map(Some)
            .map_err(|error| error.about(folder.to_string()))
    }

    /// The folder, which has to be named.
    pub(super) fn folder(&self, client: &Client) -> Result<NodeHandle> {
        let missing = || crate::Error::misuse("no folder was named");
        self.named_folder(client)?.ok_or_else(missing)
    }

    /// The name that a node of this tree gets there; `mask` is that of the account it goes into.
    pub(super) fn name_of(
        &self,
        tree: &Tree,
        node: NodeHandle,
        mask: mega_filename::Mask,
    ) -> Result<Name> {
        let index: Index = find(tree, node)?;
        match &self.name {
            Some(shown) => Name::shown(mask, shown),
            None => {
                let stored = tree.stored_name(index).unwrap_or_default();
                Name::decoded(mask, &tree.mask().decode(&stored))
            }
        }
    }
}
