//! Randomness from a seed, virtual time of day, and no threads: for the simulation, so that a run of one seed is the same each time.
//!
//! It holds for one thread, as long as a [`Seeded`] lives there. Every key that is made meanwhile is known to whoever knows the seed.

use std::cell::RefCell;
use std::convert::Infallible;
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use mega_crypto::rand_core::{Rng, TryCryptoRng, TryRng};
use tokio::task::JoinHandle;
use tokio::time::Instant;

thread_local! {
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

type Hook = Rc<dyn Fn(Moment)>;

struct State {
    hooks: Vec<Hook>,
    random: u64,
    begin: Instant,
    epoch: SystemTime,
}

impl State {
    /// SplitMix64. Whoever knows one number knows all: right for a simulation, and for nothing else.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// While this lives, whatever clients of this thread draw comes from a seed, nonces and keys too.
#[derive(Debug)]
#[must_use = "it holds until it is dropped"]
pub struct Seeded {
    /// It must be dropped where it was made.
    stays_here: PhantomData<*const ()>,
}

impl Seeded {
    /// Begins on this thread. The time of day starts at a Unix time in seconds and runs with tokio's clock.
    ///
    /// **Insecure**: there are no secrets any more.
    pub fn insecure_for_simulation(seed: u64, unix: u64) -> Self {
        let state = State {
            hooks: Vec::new(),
            random: seed,
            begin: Instant::now(),
            epoch: SystemTime::UNIX_EPOCH + Duration::from_secs(unix),
        };
        STATE.set(Some(state));
        Self {
            stays_here: PhantomData,
        }
    }
}

impl Drop for Seeded {
    fn drop(&mut self) {
        STATE.set(None);
    }
}

/// Where a piece of blocking work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moment {
    /// It is about to begin.
    Before,
    /// It has just ended.
    After,
}

/// Is called around each piece of blocking work of this thread, until the [`Seeded`] is dropped: whatever is written to a disk is written in one.
pub fn around_jobs(hook: impl Fn(Moment) + 'static) {
    let _seeded = with(|state| state.hooks.push(Rc::new(hook)));
}

fn tell(moment: Moment) {
    // Not while the state is borrowed: a hook may draw.
    let hooks = with(|state| state.hooks.clone()).unwrap_or_default();
    for hook in hooks {
        hook(moment);
    }
}

fn with<T>(use_it: impl FnOnce(&mut State) -> T) -> Option<T> {
    STATE.with_borrow_mut(|state| state.as_mut().map(use_it))
}

pub(super) fn fill(bytes: &mut [u8]) -> bool {
    with(|state| {
        for piece in bytes.chunks_mut(8) {
            let word = state.next().to_le_bytes();
            for (to, from) in piece.iter_mut().zip(word) {
                *to = from;
            }
        }
    })
    .is_some()
}

pub(super) fn time_of_day() -> Option<SystemTime> {
    with(|state| state.epoch + state.begin.elapsed())
}

/// A task of the same thread instead of another thread: it starts some turns later. Gives the work back where nothing is seeded.
pub(super) fn spawn<T: Send + 'static, W: FnOnce() -> T + Send + 'static>(
    work: W,
) -> Result<JoinHandle<T>, W> {
    let Some(turns) = with(|state| state.next() % 4) else {
        return Err(work);
    };
    Ok(tokio::spawn(async move {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        tell(Moment::Before);
        let done = work();
        tell(Moment::After);
        done
    }))
}

/// The seeded generator where one is on, the system's elsewhere.
pub(super) struct Generator;

impl TryRng for Generator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(with(State::next).map_or_else(|| mega_crypto::os_rng().next_u32(), |word| word as u32))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(with(State::next).unwrap_or_else(|| mega_crypto::os_rng().next_u64()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        if !fill(bytes) {
            mega_crypto::os_rng().fill_bytes(bytes);
        }
        Ok(())
    }
}

impl TryCryptoRng for Generator {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance;

    #[tokio::test(start_paused = true)]
    async fn sec_9_only_a_thread_that_asked_for_it_draws_from_a_seed() {
        let draw = || {
            let mut bytes = [0; 24];
            chance::rng().fill_bytes(&mut bytes);
            bytes
        };
        let (first, second, elsewhere) = {
            let _seeded = Seeded::insecure_for_simulation(7, 1_700_000_000);
            let elsewhere = std::thread::scope(|scope| scope.spawn(draw).join());
            (draw(), draw(), elsewhere.ok())
        };
        let afterwards = draw();
        let again = {
            let _seeded = Seeded::insecure_for_simulation(7, 1_700_000_000);
            draw()
        };
        assert_eq!(first, again);
        assert_ne!(first, second);
        assert!(elsewhere.is_some_and(|elsewhere| elsewhere != first));
        assert!(afterwards != first && afterwards != second);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_day_runs_with_the_virtual_clock() {
        let _seeded = Seeded::insecure_for_simulation(7, 1_700_000_000);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let time = chance::time_of_day().duration_since(SystemTime::UNIX_EPOCH);
        assert_eq!(time.unwrap().as_secs(), 1_700_000_060);
    }
}
