//! Local names for the children of one remote folder: harmless, and no two alike.

use std::collections::HashMap;

use mega_filename::LocalPolicy;
use mega_protocol::NodeHandle;

/// A child that needs a local name.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) handle: NodeHandle,
    /// When the service got it, in seconds since 1970.
    pub(super) created: i64,
    /// The decoded name.
    pub(super) raw: Vec<u8>,
}

/// Gives each child its local name, in the order of the children.
///
/// Where several have the same one (twins, or names that differ only in case on a system that does not
/// tell them apart), the oldest keeps it and the others get one that is made of name and handle, so the
/// same nodes get the same names the next time (NAM-8).
pub(super) fn local_names(policy: LocalPolicy, children: &[Child]) -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = children
        .iter()
        .map(|child| policy.local_name(&child.raw).into_bytes())
        .collect();
    let mut keeper: HashMap<Vec<u8>, usize> = HashMap::with_capacity(children.len());
    let age = |at: usize| children.get(at).map(|child| (child.created, child.handle));
    for (at, name) in names.iter().enumerate() {
        keeper
            .entry(folded(policy, name))
            .and_modify(|first| {
                if age(at) < age(*first) {
                    *first = at;
                }
            })
            .or_insert(at);
    }
    for (at, (name, child)) in names.iter_mut().zip(children).enumerate() {
        if keeper.get(&folded(policy, name)) != Some(&at) {
            *name = policy
                .distinct_local_name(&child.raw, child.handle.as_bytes())
                .into_bytes();
        }
    }
    names
}

/// What a file system of the policy's kind takes for the same name.
pub(super) fn folded(policy: LocalPolicy, name: &[u8]) -> Vec<u8> {
    if tells_case_apart(policy) {
        return name.to_vec();
    }
    String::from_utf8_lossy(name).to_lowercase().into_bytes()
}

/// Whether names that differ in case only are different ones on a file system of the policy's kind.
pub(super) fn tells_case_apart(policy: LocalPolicy) -> bool {
    [LocalPolicy::LINUX, LocalPolicy::LINUX.faithful()].contains(&policy)
}

/// What the journal of a file's upload is known by: the folder it goes into and its name.
pub(super) fn journal_target(folder: mega_protocol::NodeHandle, raw: &[u8]) -> String {
    format!("{folder}/{}", String::from_utf8_lossy(raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(handle: u8, created: i64, raw: &str) -> Child {
        let handle = NodeHandle::from_bytes([handle; 6]);
        Child {
            handle,
            created,
            raw: raw.as_bytes().to_vec(),
        }
    }

    #[test]
    fn nam_8_twins_get_different_names_and_the_same_ones_the_next_time() {
        let twins = [
            child(1, 20, "a.txt"),
            child(2, 10, "a.txt"),
            child(3, 30, "a.txt"),
        ];
        let names = local_names(LocalPolicy::LINUX, &twins);
        assert_eq!(names[1], b"a.txt");
        assert_ne!(names[0], names[2]);
        assert!(names[0].ends_with(b".txt") && names[2].ends_with(b".txt"));

        let reversed: Vec<_> = twins.iter().rev().cloned().collect();
        let mut again = local_names(LocalPolicy::LINUX, &reversed);
        again.reverse();
        assert_eq!(again, names);
    }

    #[test]
    fn nam_8_case_twins_are_twins_where_the_system_takes_them_for_equal() {
        let twins = [child(1, 1, "Readme"), child(2, 2, "README")];
        assert_eq!(
            local_names(LocalPolicy::LINUX, &twins),
            [&b"Readme"[..], b"README"]
        );
        let names = local_names(LocalPolicy::WINDOWS, &twins);
        assert_eq!(names[0], b"Readme");
        assert_ne!(names[1].to_ascii_lowercase(), b"readme");
    }

    #[test]
    fn nam_1_and_nam_2_no_name_leads_out_of_the_folder() {
        let hostile = ["", ".", "..", "../../etc/passwd", "/etc/passwd", "a\0b"];
        let children: Vec<_> = hostile
            .iter()
            .enumerate()
            .map(|(at, name)| child(at as u8, 0, name))
            .collect();
        for name in local_names(LocalPolicy::CURRENT.faithful(), &children) {
            assert!(!name.is_empty() && name != b"." && name != b"..");
            assert!(!name.contains(&b'/') && !name.contains(&0));
        }
    }
}
