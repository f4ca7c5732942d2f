//! The memory that all transfers of a client share, counted and bounded (LIM-12).

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Hands out buffers as long as their sum stays within the budget, and keeps large ones for the
/// next to come: a fresh buffer costs a page fault for every 4 KiB, a good part of what encrypting
/// them costs.
///
/// Nobody who holds a buffer waits for another one to finish the one it holds, so waiting for one
/// always ends.
#[derive(Clone)]
pub(crate) struct Buffers {
    shared: Arc<Shared>,
}

struct Shared {
    budget: Arc<Semaphore>,
    size: Mutex<Size>,
    /// Tells whoever waits that the budget is another one.
    resized: Notify,
    in_use: AtomicUsize,
    peak: AtomicUsize,
    free: Mutex<Vec<Vec<u8>>>,
}

/// The budget in units, and how many of them are still handed out that it has no more.
#[derive(Clone, Copy)]
struct Size {
    units: usize,
    owed: usize,
}

impl Buffers {
    /// A budget of so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let units = units_in(bytes);
        Self {
            shared: Arc::new(Shared {
                budget: Arc::new(Semaphore::new(units)),
                size: Mutex::new(Size { units, owed: 0 }),
                resized: Notify::new(),
                in_use: AtomicUsize::new(0),
                peak: AtomicUsize::new(0),
                free: Mutex::new(Vec::new()),
            }),
        }
    }

    /// Changes the budget while it is in use. What is handed out beyond a smaller one stays so, and nothing more is until enough has come back.
    pub(crate) fn resize(&self, bytes: usize) {
        let wanted = units_in(bytes);
        let mut size = self.shared.size();
        let more = wanted.saturating_sub(size.units);
        let paid = size.owed.min(more);
        self.shared.budget.add_permits(more.saturating_sub(paid));
        let less = size.units.saturating_sub(wanted);
        let gone = self.shared.budget.forget_permits(less);
        *size = Size {
            units: wanted,
            owed: size
                .owed
                .saturating_sub(paid)
                .saturating_add(less.saturating_sub(gone)),
        };
        drop(size);
        if less > 0 {
            self.shared.free().clear();
        }
        self.shared.resized.notify_waiters();
    }

    /// Waits until an empty buffer for `len` bytes fits into the budget. One that is larger than the
    /// whole budget waits for all of it.
    ///
    /// Cancel safe: nothing is taken when the future is dropped.
    pub(crate) async fn take(&self, len: usize) -> Buffer {
        self.granted(len, len).await
    }

    /// Waits for `len` bytes of the budget, and makes a buffer for `room` of them.
    async fn granted(&self, len: usize, room: usize) -> Buffer {
        loop {
            let mut resized = pin!(self.shared.resized.notified());
            // From here on no change is missed.
            resized.as_mut().enable();
            let units = self.units_for(len);
            let permits = u32::try_from(units).unwrap_or(u32::MAX);
            let budget = Arc::clone(&self.shared.budget);
            let permit = tokio::select! {
                biased;
                // The semaphore is never closed, so there is always a permit in the end.
                permit = budget.acquire_many_owned(permits) => permit.ok(),
                // What was all of the budget may be more than there is by now.
                () = resized => continue,
            };
            if let Some(permit) = self.shared.in_budget(permit) {
                return self.hand_out(room, units, permit);
            }
        }
    }

    /// So many buffers for `len` bytes each, once all of them fit into the budget; as many as fit into a smaller one, but at least one.
    ///
    /// Cancel safe: nothing is taken when the future is dropped.
    pub(crate) async fn take_several(&self, len: usize, count: usize) -> Vec<Buffer> {
        let all = self.granted(len.saturating_mul(count), 0).await;
        all.split(len, count)
    }

    /// A buffer, if it fits into the budget right now.
    pub(crate) fn try_take(&self, len: usize) -> Option<Buffer> {
        let units = self.units_for(len);
        let permits = u32::try_from(units).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.shared.budget)
            .try_acquire_many_owned(permits)
            .ok()?;
        let permit = self.shared.in_budget(Some(permit))?;
        Some(self.hand_out(0, units, permit))
    }

    fn units_for(&self, len: usize) -> usize {
        len.div_ceil(UNIT).clamp(1, self.shared.size().units)
    }

    fn hand_out(&self, len: usize, units: usize, permit: Option<OwnedSemaphorePermit>) -> Buffer {
        let bytes = units.saturating_mul(UNIT);
        let now = self
            .shared
            .in_use
            .fetch_add(bytes, Ordering::AcqRel)
            .saturating_add(bytes);
        self.shared.peak.fetch_max(now, Ordering::AcqRel);
        Buffer {
            data: self.shared.recycled(len, now),
            held: bytes,
            permit,
            home: Arc::clone(&self.shared),
        }
    }

    /// The whole budget, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.shared.size().units.saturating_mul(UNIT)
    }

    /// The bytes that are handed out now.
    #[cfg(test)]
    pub(crate) fn in_use(&self) -> usize {
        self.shared.in_use.load(Ordering::Acquire)
    }

    /// The most bytes that were handed out at one time.
    pub(crate) fn peak(&self) -> usize {
        self.shared.peak.load(Ordering::Acquire)
    }
}

impl Shared {
    fn size(&self) -> MutexGuard<'_, Size> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn free(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a smaller budget has no more is taken from a permit, whether it comes back or was only just given. How much.
    fn settle(&self, permit: &mut OwnedSemaphorePermit) -> usize {
        let mut size = self.size();
        let gone = size.owed.min(permit.num_permits());
        match permit.split(gone) {
            Some(taken) if gone > 0 => {
                size.owed = size.owed.saturating_sub(gone);
                taken.forget();
                gone
            }
            _ => 0,
        }
    }

    /// The permit, unless the budget has become smaller and is owed some of it: then nothing is handed out for it.
    fn in_budget(
        &self,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Option<Option<OwnedSemaphorePermit>> {
        let Some(mut permit) = permit else {
            return Some(None);
        };
        (self.settle(&mut permit) == 0).then_some(Some(permit))
    }

    /// An empty buffer, a kept one if it fits. What is kept beyond the budget, with so much in use now, is let go.
    fn recycled(&self, len: usize, in_use: usize) -> Vec<u8> {
        let budget = self.size().units.saturating_mul(UNIT);
        let mut free = self.free();
        if len >= KEPT {
            // One that is much longer would take more memory than is counted for it.
            let fits = len..=len.saturating_mul(2);
            let mut kept = free.iter().map(Vec::capacity);
            if let Some(at) = kept.position(|capacity| fits.contains(&capacity)) {
                return free.swap_remove(at);
            }
            // What is there is of no use for the work at hand.
            free.pop();
        }
        let mut kept: usize = free.iter().map(Vec::capacity).sum();
        while kept.saturating_add(in_use) > budget
            && let Some(buffer) = free.pop()
        {
            kept = kept.saturating_sub(buffer.capacity());
        }
        drop(free);
        Vec::with_capacity(len)
    }

    /// Keeps a buffer, as long as all that are kept or in use stay within the budget; once nothing is
    /// in use nothing is kept either.
    fn give_back(&self, mut buffer: Vec<u8>, held: usize) {
        let left = self
            .in_use
            .fetch_sub(held, Ordering::AcqRel)
            .saturating_sub(held);
        let budget = self.size().units.saturating_mul(UNIT);
        let mut free = self.free();
        if left == 0 {
            free.clear();
        } else if buffer.capacity() >= KEPT {
            let kept: usize = free.iter().map(Vec::capacity).sum();
            let total = kept.saturating_add(buffer.capacity()).saturating_add(left);
            if total <= budget {
                buffer.clear();
                free.push(buffer);
            }
        }
    }
}

impl fmt::Debug for Buffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffers")
            .field("peak", &self.peak())
            .finish_non_exhaustive()
    }
}

/// A buffer that counts against the budget until it is dropped.
pub(crate) struct Buffer {
    data: Vec<u8>,
    held: usize,
    permit: Option<OwnedSemaphorePermit>,
    home: Arc<Shared>,
}

impl Buffer {
    /// Makes several of the budget of this one, which has no content.
    fn split(mut self, len: usize, count: usize) -> Vec<Buffer> {
        let count = (self.held / len.max(1)).clamp(1, count.max(1));
        let share = self.held / count / UNIT;
        let mut parts = Vec::with_capacity(count);
        for _ in 1..count {
            let held = share.saturating_mul(UNIT);
            self.held = self.held.saturating_sub(held);
            parts.push(Buffer {
                data: self
                    .home
                    .recycled(len, self.home.in_use.load(Ordering::Acquire)),
                held,
                permit: self.permit.as_mut().and_then(|all| all.split(share)),
                home: Arc::clone(&self.home),
            });
        }
        self.data = self
            .home
            .recycled(len, self.home.in_use.load(Ordering::Acquire));
        parts.push(self);
        parts
    }

    /// Shares the content without copying. The last clone gives the buffer back.
    pub(crate) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }

    /// Holds this content instead.
    pub(crate) fn with(mut self, content: Vec<u8>) -> Self {
        self.data = content;
        self
    }

    /// Takes the content out of the budget, for a caller who keeps it.
    pub(crate) fn into_vec(mut self) -> Vec<u8> {
        std::mem::take(&mut self.data)
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.data
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.home
            .give_back(std::mem::take(&mut self.data), self.held);
        if let Some(permit) = &mut self.permit {
            self.home.settle(permit);
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("len", &self.data.len())
            .finish_non_exhaustive()
    }
}

fn units_in(bytes: usize) -> usize {
    (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize))
}

/// The budget is counted in units of this many bytes.
const UNIT: usize = 4096;
/// Shorter buffers are left to the allocator.
const KEPT: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn lim_12_a_buffer_waits_until_the_budget_has_room_for_it() {
        let buffers = Buffers::new(1 << 20);
        let first = buffers.take(700 << 10).await;
        let mut second = Box::pin(buffers.take(700 << 10));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        let second = second.await;
        assert_eq!(buffers.in_use(), 700 << 10);
        assert_eq!(buffers.peak(), 700 << 10);
        drop(second.into_bytes());
        assert_eq!(buffers.in_use(), 0);
    }

    #[tokio::test]
    async fn a_buffer_beyond_the_whole_budget_takes_all_of_it() {
        let buffers = Buffers::new(1 << 20);
        let large = buffers.take(5 << 20).await;
        assert_eq!(buffers.in_use(), 1 << 20);
        assert!(buffers.take(1).now_or_never().is_none());
        drop(large);
        assert!(buffers.take(1).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_large_buffer_is_used_again_while_others_are_in_use() {
        let buffers = Buffers::new(8 << 20);
        let other = buffers.take(1).await;
        let mut first = buffers.take(1 << 20).await;
        first.extend_from_slice(b"old");
        let place = first.as_ptr();
        drop(first);
        let again = buffers.take(1 << 20).await;
        assert!(again.is_empty());
        assert_eq!(again.as_ptr(), place);
        drop((again, other));
        assert!(buffers.shared.free.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn lim_12_several_buffers_come_together_and_go_one_by_one() {
        let buffers = Buffers::new(4 << 20);
        let other = buffers.take(2 << 20).await;
        // A third of them would fit, but whoever has one and waits for another may wait for ever.
        let mut several = Box::pin(buffers.take_several(1 << 20, 3));
        assert!(several.as_mut().now_or_never().is_none());
        assert_eq!(buffers.in_use(), 2 << 20);
        drop(other);
        let mut several = several.await;
        assert_eq!(several.len(), 3);
        assert!(several.iter().all(|buffer| buffer.capacity() >= 1 << 20));
        assert_eq!(buffers.in_use(), 3 << 20);
        for left in (0..3).rev() {
            several.pop();
            assert_eq!(buffers.in_use(), left << 20);
        }
        assert!(buffers.take(4 << 20).now_or_never().is_some());
        // More than there is: what fits, in all of it.
        let all = buffers.take_several(2 << 20, 3).await;
        assert_eq!((all.len(), buffers.in_use()), (2, 4 << 20));
        drop(all);
        assert_eq!(buffers.in_use(), 0);
        assert!(buffers.take(4 << 20).now_or_never().is_some());
    }

    #[tokio::test]
    async fn lim_12_a_buffer_that_is_much_too_long_is_not_used_again() {
        let buffers = Buffers::new(8 << 20);
        let other = buffers.take(1).await;
        drop(buffers.take(4 << 20).await);
        assert!(buffers.take(1 << 20).await.capacity() < 4 << 20);
        drop(other);
    }

    #[tokio::test]
    async fn lim_12_what_is_kept_makes_room_for_what_is_handed_out() {
        let buffers = Buffers::new(4 << 20);
        let held = |buffers: &Buffers| {
            let kept: usize = buffers.shared.free().iter().map(Vec::capacity).sum();
            kept + buffers.in_use()
        };
        let other = buffers.take(1).await;
        let large = [buffers.take(1 << 20).await, buffers.take(1 << 20).await];
        drop(large);
        assert_eq!(held(&buffers), (2 << 20) + UNIT, "both are kept");
        // Short ones are not taken from those.
        let mut short = Vec::new();
        while let Some(buffer) = buffers.take(128 << 10).now_or_never() {
            short.push(buffer);
            assert!(held(&buffers) <= 4 << 20, "{}", held(&buffers));
        }
        assert_eq!(short.len(), 31);
        drop((other, short));
    }

    #[tokio::test]
    async fn can_1_a_dropped_waiter_takes_nothing() {
        let buffers = Buffers::new(1 << 20);
        let first = buffers.take(1 << 20).await;
        assert!(buffers.take(1 << 20).now_or_never().is_none());
        drop(first);
        assert!(buffers.take(1 << 20).now_or_never().is_some());
    }

    #[tokio::test]
    async fn lim_12_a_smaller_budget_counts_from_what_comes_back() {
        let buffers = Buffers::new(4 << 20);
        let (first, second) = (buffers.take(2 << 20).await, buffers.take(2 << 20).await);
        buffers.resize(1 << 20);
        assert!(buffers.take(1).now_or_never().is_none());
        drop(first);
        // Two of four came back, and three are owed.
        assert!(buffers.take(1).now_or_never().is_none());
        drop(second);
        let all = buffers.take(1 << 20).await;
        assert!(buffers.take(1).now_or_never().is_none());
        drop(all);
        // Larger and smaller once more, with everything at home.
        buffers.resize(3 << 20);
        let all = buffers.take(3 << 20).await;
        assert_eq!(buffers.in_use(), 3 << 20);
        buffers.resize(2 << 20);
        buffers.resize(3 << 20);
        drop(all);
        let all = buffers.take(3 << 20).await;
        assert_eq!(buffers.in_use(), 3 << 20);
        assert!(buffers.take(1).now_or_never().is_none());
        drop(all);
    }

    #[tokio::test]
    async fn whoever_waits_for_all_of_a_budget_waits_for_the_smaller_one_and_a_larger_one_lets_go_on()
     {
        let buffers = Buffers::new(4 << 20);
        let other = buffers.take(1 << 20).await;
        let mut all = Box::pin(buffers.take(9 << 20));
        assert!(all.as_mut().now_or_never().is_none());
        buffers.resize(2 << 20);
        assert!(all.as_mut().now_or_never().is_none());
        drop(other);
        let all = all.await;
        assert_eq!(buffers.in_use(), 2 << 20);
        let mut more = Box::pin(buffers.take(1 << 20));
        assert!(more.as_mut().now_or_never().is_none());
        buffers.resize(8 << 20);
        let more = more.await;
        assert_eq!(buffers.in_use(), 3 << 20);
        drop((all, more));
        assert_eq!(buffers.in_use(), 0);
    }
}
