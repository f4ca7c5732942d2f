//! Who waits for news, and whether somebody drives the event channel for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mega_protocol::SequenceTag;
use tokio::sync::{Notify, watch};

use crate::error::{Error, ErrorKind};

/// The book of those who wait. As long as it is not empty, one task drives the channel.
#[derive(Default)]
pub(super) struct Wants {
    book: Mutex<Book>,
    /// Wakes the driver: nobody waits any more, or there is something else to do.
    pub(super) nudge: Notify,
}

#[derive(Default)]
struct Book {
    next: u64,
    /// Those who want everything there is.
    watchers: usize,
    /// Those who want one effect.
    tags: HashMap<u64, SequenceTag>,
    driving: bool,
}

impl Book {
    fn needed(&self, applied: Option<&SequenceTag>) -> bool {
        self.watchers > 0
            || self
                .tags
                .values()
                .any(|tag| applied.is_none_or(|applied| applied < tag))
    }
}

impl Wants {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes who waits, and says under which number. A tag is an effect; none is everything.
    pub(super) fn add(&self, tag: Option<&SequenceTag>) -> Option<u64> {
        let mut book = self.book();
        match tag {
            None => {
                book.watchers = book.watchers.saturating_add(1);
                None
            }
            Some(tag) => {
                let number = book.next;
                book.next = number.wrapping_add(1);
                book.tags.insert(number, tag.clone());
                Some(number)
            }
        }
    }

    /// Strikes somebody out who was noted.
    pub(super) fn remove(&self, number: Option<u64>, applied: Option<&SequenceTag>) {
        let mut book = self.book();
        match number {
            None => book.watchers = book.watchers.saturating_sub(1),
            Some(number) => {
                book.tags.remove(&number);
            }
        }
        if book.driving && !book.needed(applied) {
            self.nudge.notify_one();
        }
    }

    /// Takes the driver's seat if it is free.
    pub(super) fn take_seat(self: &Arc<Self>) -> Option<Seat> {
        let mut book = self.book();
        if book.driving {
            return None;
        }
        book.driving = true;
        Some(Seat {
            wants: Arc::clone(self),
            left: false,
        })
    }
}

/// The driver's seat. It is free again when this is dropped, even if a runtime shuts down around the driver.
pub(super) struct Seat {
    wants: Arc<Wants>,
    left: bool,
}

impl Seat {
    /// Whether somebody still waits. If not, the seat is free from this moment on: who comes now needs another driver.
    pub(super) fn needed(&mut self, applied: Option<&SequenceTag>) -> bool {
        let mut book = self.wants.book();
        let needed = book.needed(applied);
        if !needed {
            book.driving = false;
            self.left = true;
        }
        needed
    }

    /// Frees the seat.
    pub(super) fn leave(&mut self) {
        if !self.left {
            self.left = true;
            self.wants.book().driving = false;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Why the last driver stopped, for everybody who waited for it.
#[derive(Clone)]
pub(super) struct Stopped(Option<Arc<Error>>);

impl Stopped {
    pub(super) fn channel() -> watch::Sender<Self> {
        watch::Sender::new(Self::shut_down())
    }

    /// The runtime went away. Also what is said before there was any driver.
    pub(super) fn shut_down() -> Self {
        Self(None)
    }

    pub(super) fn because(error: Error) -> Self {
        Self(Some(Arc::new(error)))
    }

    /// The reason as an error of one's own.
    pub(super) fn error(&self) -> Error {
        match &self.0 {
            Some(shared) => Error::shared(shared),
            None => Error::new(
                ErrorKind::Cancelled,
                "the runtime that followed the events was shut down",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> SequenceTag {
        text.parse().unwrap()
    }

    #[test]
    fn a_driver_is_needed_until_all_tags_are_applied_and_all_watchers_are_gone() {
        let wants = Arc::new(Wants::default());
        let (first, second) = (tag("1a"), tag("1b"));
        let one = wants.add(Some(&first));
        let two = wants.add(Some(&second));
        let mut seat = wants.take_seat().unwrap();
        assert!(wants.take_seat().is_none(), "one drives at a time");
        assert!(seat.needed(None));
        assert!(seat.needed(Some(&first)), "the second waits still");
        wants.remove(one, Some(&first));
        let watcher = wants.add(None);
        assert!(seat.needed(Some(&second)), "a watcher wants everything");
        wants.remove(watcher, Some(&second));
        assert!(!seat.needed(Some(&second)));
        wants.remove(two, Some(&second));

        // Left or dropped, the seat is free for the next one.
        let next = wants.take_seat().unwrap();
        drop(seat);
        assert!(wants.take_seat().is_none(), "leaving twice frees nothing");
        drop(next);
        assert!(wants.take_seat().is_some());
    }
}
