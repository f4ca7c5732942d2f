use alloc::vec::Vec;

use rand_core::CryptoRng;

use crate::{KeyCipher, NodeHandle, WrappedNodeKey};

/// Finds node keys that were put together from pieces of others (threat model, NOD-4).
///
/// Whoever stores keys that are wrapped block by block can exchange the blocks. A server that knows
/// the key of one file, say from a public link, can so make a node that looks like the user's own
/// and holds content of the server's choice (threat model, ATT-4). It cannot do that without using
/// a block twice. So note everything that is wrapped under the master key: a block that occurs in
/// two different keys gives the forgery away as long as the donor is still there.
///
/// Equal *whole* keys are nothing unusual: copies and versions of a file have them.
///
/// It keeps a keyed hash of each block, so that nobody can choose blocks that collide, in 16 bytes: a
/// million files take 64 MiB. Leave it out for trees beyond the size you want to pay for.
///
/// ```
/// use mega_crypto::{BlockReuse, NodeHandle, Reused, WrappedNodeKey, os_rng};
///
/// let [honest, copy, forged] = [1, 2, 3].map(|n| NodeHandle::from_bytes([n; 6]));
/// let mut reuse = BlockReuse::new(&mut os_rng());
/// let mut key = [7; 32];
/// key[16..].fill(8);
/// assert_eq!(reuse.note_node(honest, &WrappedNodeKey::File(key)), None);
/// assert_eq!(reuse.note_node(copy, &WrappedNodeKey::File(key)), None);
/// key[16..].fill(9);
/// assert_eq!(reuse.note_node(forged, &WrappedNodeKey::File(key)), Some(Reused::ByNode(honest)));
/// ```
#[derive(Debug)]
pub struct BlockReuse {
    hash: KeyCipher,
    /// Open addressing: a block lies at the place its hash names, or at the next free one.
    slots: Vec<Slot>,
    used: usize,
}

/// Where a block was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reused {
    /// In the key of another node, the first that had it.
    ByNode(NodeHandle),
    /// In something else that is wrapped under the master key, such as the RSA key.
    ByAccount,
}

impl BlockReuse {
    /// Starts with nothing noted.
    pub fn new<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut key = [0; 16];
        rng.fill_bytes(&mut key);
        Self {
            hash: KeyCipher::new(&key),
            slots: Vec::new(),
            used: 0,
        }
    }

    /// Notes the key of a node, as it came, wrapped under the master key. Says where one of its blocks
    /// occurred before in another key. Noting a node again changes nothing.
    pub fn note_node(&mut self, node: NodeHandle, wrapped: &WrappedNodeKey) -> Option<Reused> {
        let handle = node
            .as_bytes()
            .iter()
            .fold(0, |n, byte| n << 8 | u64::from(*byte));
        self.note(handle, wrapped.as_bytes())
    }

    /// Notes something else that is wrapped under the master key: `privk`, or the `ok` of a share.
    pub fn note_account(&mut self, wrapped: &[u8]) -> Option<Reused> {
        self.note(ACCOUNT, wrapped)
    }

    /// How many different blocks are noted.
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Whether nothing is noted.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    fn note(&mut self, handle: u64, wrapped: &[u8]) -> Option<Reused> {
        let blocks = wrapped.as_chunks().0;
        // Tells whole keys apart. Two that differ are taken for equal once in 65536 times, which
        // costs a warning; nobody can bring it about, because the hash is keyed.
        let key = blocks.iter().fold(0, |sum: u64, block| {
            sum.wrapping_mul(ODD).wrapping_add(self.digest(block))
        });
        let key = key >> HANDLE_BITS << HANDLE_BITS;
        let mut reused = None;
        for block in blocks {
            let slot = Slot {
                digest: self.digest(block),
                owner: key | handle,
            };
            if let Some(seen) = self.insert(slot)
                && seen.owner >> HANDLE_BITS != slot.owner >> HANDLE_BITS
            {
                reused = reused.or(Some(seen.reused()));
            }
        }
        reused
    }

    /// 64 bits of a block under the hash key; never 0, which marks a free slot.
    fn digest(&self, block: &[u8; 16]) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.hash.encrypt_block(*block);
        u64::from_ne_bytes([a, b, c, d, e, f, g, h]).max(1)
    }

    /// Adds a block, or gives what is noted of it.
    fn insert(&mut self, slot: Slot) -> Option<Slot> {
        if self.used >= self.slots.len() / 4 * 3 {
            self.grow();
        }
        let (there, free) = probe(&mut self.slots, slot.digest)?;
        if free {
            *there = slot;
            self.used += 1;
            return None;
        }
        Some(*there)
    }

    fn grow(&mut self) {
        let larger = (self.slots.len() * 2).max(FEWEST);
        let old = core::mem::replace(&mut self.slots, alloc::vec![Slot::FREE; larger]);
        for slot in old.into_iter().filter(|slot| slot.digest != 0) {
            if let Some((there, _)) = probe(&mut self.slots, slot.digest) {
                *there = slot;
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    digest: u64,
    /// The handle below, the digest of the whole key above.
    owner: u64,
}

impl Slot {
    const FREE: Self = Self {
        digest: 0,
        owner: 0,
    };

    fn reused(self) -> Reused {
        let [_, _, handle @ ..] = (self.owner & ACCOUNT).to_be_bytes();
        if self.owner & ACCOUNT == ACCOUNT {
            Reused::ByAccount
        } else {
            Reused::ByNode(NodeHandle::from_bytes(handle))
        }
    }
}

/// The slot of a block, or the free one where it belongs, and whether it is free. `None` if there is
/// neither, which cannot be while a quarter of the slots is free.
fn probe(slots: &mut [Slot], digest: u64) -> Option<(&mut Slot, bool)> {
    // A power of two. The low bits of the digest are as good as any.
    let mask = slots.len().checked_sub(1)?;
    let start = digest as usize & mask;
    let is_it = |slot: &Slot| slot.digest == 0 || slot.digest == digest;
    let (before, after) = slots.split_at_mut_checked(start)?;
    let there = after.iter_mut().chain(before).find(|slot| is_it(slot))?;
    let free = there.digest == 0;
    Some((there, free))
}

const HANDLE_BITS: u32 = 48;

/// Stands for the account itself: all bits set is no handle (crypto-and-accounts 1.3).
const ACCOUNT: u64 = (1 << HANDLE_BITS) - 1;

/// Any odd number keeps all bits of the digests.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
const FEWEST: usize = 1024;
