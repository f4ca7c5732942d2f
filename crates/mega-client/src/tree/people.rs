//! Who else there is: contacts, invitations, and whom which folder is shared with.

use std::collections::BTreeMap;

use mega_protocol::{
    AccessLevel, Invitation, NodeHandle, OutgoingShare, OutgoingShareTarget, PendingContactHandle,
    PrivateText, UserHandle, UserRecord, UserRelation,
};

use super::Tree;

/// Everybody that an account has to do with.
#[derive(Default)]
pub(crate) struct People {
    /// Contacts, with their addresses.
    contacts: BTreeMap<UserHandle, Option<PrivateText>>,
    /// Invitations that this account has received and sent.
    incoming: BTreeMap<PendingContactHandle, Invitation>,
    outgoing: BTreeMap<PendingContactHandle, Invitation>,
    /// Folders that have an outgoing share or a folder link: with whom, and what they may do.
    shares: BTreeMap<NodeHandle, Vec<(OutgoingShareTarget, AccessLevel)>>,
}

impl People {
    /// Takes over what the service says about an account.
    pub(crate) fn user(&mut self, record: &UserRecord) {
        match record.relation {
            UserRelation::Contact => {
                self.contacts.insert(record.user, record.email.clone());
            }
            UserRelation::Own => {}
            _ => {
                self.contacts.remove(&record.user);
            }
        }
    }

    pub(crate) fn contacts(&self) -> impl Iterator<Item = (UserHandle, Option<&PrivateText>)> {
        self.contacts
            .iter()
            .map(|(&user, email)| (user, email.as_ref()))
    }

    /// Takes over an invitation, or forgets one that was taken back.
    pub(crate) fn invitation(&mut self, invitation: &Invitation, incoming: bool) {
        let list = if incoming {
            &mut self.incoming
        } else {
            &mut self.outgoing
        };
        if invitation.deleted.is_some() {
            list.remove(&invitation.invitation);
        } else {
            list.insert(invitation.invitation, invitation.clone());
        }
    }

    /// An invitation was answered: it is none any more, and shares that waited for it wait no longer.
    pub(crate) fn answered(&mut self, invitation: PendingContactHandle) {
        self.incoming.remove(&invitation);
        self.outgoing.remove(&invitation);
        for targets in self.shares.values_mut() {
            targets.retain(|(target, _)| *target != OutgoingShareTarget::Pending(invitation));
        }
        self.shares.retain(|_, targets| !targets.is_empty());
    }

    pub(crate) fn incoming_invitations(&self) -> impl Iterator<Item = &Invitation> {
        self.incoming.values()
    }

    pub(crate) fn outgoing_invitations(&self) -> impl Iterator<Item = &Invitation> {
        self.outgoing.values()
    }

    /// Takes over one share; `None` ends it.
    pub(crate) fn share(
        &mut self,
        node: NodeHandle,
        target: OutgoingShareTarget,
        access: Option<AccessLevel>,
    ) {
        let targets = self.shares.entry(node).or_default();
        targets.retain(|(known, _)| *known != target);
        match access {
            Some(access) => targets.push((target, access)),
            None if targets.is_empty() => {
                self.shares.remove(&node);
            }
            None => {}
        }
    }

    /// A folder is gone, and its shares with it.
    pub(crate) fn forget(&mut self, node: NodeHandle) {
        self.shares.remove(&node);
    }

    /// Takes over a contact from an earlier run.
    pub(crate) fn restore_contact(&mut self, user: UserHandle, email: Option<PrivateText>) {
        self.contacts.insert(user, email);
    }

    /// Whether a folder is shared with anybody, visitors of its link included.
    pub(crate) fn is_shared(&self, node: NodeHandle) -> bool {
        self.shares.contains_key(&node)
    }

    /// Whether a folder is open to visitors of a link.
    pub(crate) fn is_open(&self, node: NodeHandle) -> bool {
        let mut targets = self.shared_with(node).iter();
        targets.any(|(target, _)| *target == OutgoingShareTarget::Everyone)
    }

    /// The address of whoever has not answered the invitation that a share waits for.
    pub(crate) fn invited(&self, target: OutgoingShareTarget) -> Option<&PrivateText> {
        match target {
            OutgoingShareTarget::Pending(invitation) => {
                self.outgoing.get(&invitation)?.email.as_ref()
            }
            _ => None,
        }
    }

    /// With whom a folder is shared.
    pub(crate) fn shared_with(&self, node: NodeHandle) -> &[(OutgoingShareTarget, AccessLevel)] {
        self.shares
            .get(&node)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// All outgoing shares.
    pub(crate) fn shares(
        &self,
    ) -> impl Iterator<Item = (NodeHandle, OutgoingShareTarget, AccessLevel)> {
        self.shares.iter().flat_map(|(&node, targets)| {
            targets
                .iter()
                .map(move |&(target, access)| (node, target, access))
        })
    }
}

impl Tree {
    /// Whether a folder has an outgoing share or a folder link.
    pub(crate) fn is_shared_out(&self, handle: NodeHandle) -> bool {
        self.people.is_shared(handle)
    }

    /// Takes over a record of the list of outgoing shares.
    pub(crate) fn add_outgoing_share(&mut self, record: &OutgoingShare) {
        self.people
            .share(record.node, record.target, Some(record.access));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stays_shared_until_its_last_share_ends() {
        let mut people = People::default();
        let folder = NodeHandle::from_bytes([1; 6]);
        let friend = OutgoingShareTarget::User(UserHandle::from_bytes([2; 8]));
        let pending = PendingContactHandle::from_bytes([3; 8]);
        people.share(folder, friend, Some(AccessLevel::Read));
        people.share(folder, friend, Some(AccessLevel::Full));
        people.share(
            folder,
            OutgoingShareTarget::Everyone,
            Some(AccessLevel::Read),
        );
        people.share(
            folder,
            OutgoingShareTarget::Pending(pending),
            Some(AccessLevel::Read),
        );
        assert_eq!(people.shared_with(folder).len(), 3);
        assert!(
            people
                .shared_with(folder)
                .contains(&(friend, AccessLevel::Full))
        );
        people.share(folder, OutgoingShareTarget::Everyone, None);
        people.share(folder, OutgoingShareTarget::Everyone, None);
        people.answered(pending);
        assert_eq!(people.shares().count(), 1);
        people.share(folder, friend, None);
        assert!(!people.is_shared(folder));
    }
}
