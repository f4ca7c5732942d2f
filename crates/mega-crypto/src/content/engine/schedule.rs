use alloc::vec::Vec;
use core::cmp::Reverse;

use super::Lane;

/// The most chains that run side by side.
pub(super) const MAX_WIDTH: usize = 16;

/// How many chains may be at the same place of their chunks.
const CROWD: usize = 8;

/// A place where a chain runs.
#[derive(Clone, Copy, Default)]
pub(super) struct Slot {
    /// Number of its next block in the buffer.
    pub(super) at: usize,
    /// How many blocks are left.
    left: usize,
    /// Which lane it is.
    lane: usize,
    /// The state of the chain.
    pub(super) state: [u8; 16],
}

/// Decides which lanes run side by side, and how far.
///
/// The longest go first, so that few run alone at the end. When one has ended, the next takes its
/// slot.
///
pub(super) struct Schedule<'a> {
    lanes: &'a mut [Lane],
    /// The lanes that have not started, the next one last.
    waiting: Vec<usize>,
    pub(super) slots: [Slot; MAX_WIDTH],
    /// How many slots have a chain. The others are copies of the first.
    active: usize,
    width: usize,
    /// How many blocks each chain leads the one before by.
    lead: usize,
    /// The next slot to get its lead.
    next_lead: usize,
    /// The slot that is running alone, in the first place, to get its lead.
    leading: Option<usize>,
}

impl<'a> Schedule<'a> {
    /// Up to `width` chains side by side.
    pub(super) fn new(lanes: &'a mut [Lane], width: usize) -> Self {
        let mut waiting: Vec<usize> = (0..lanes.len()).collect();
        // Stable: lanes of equal length, nearly all, are taken in the order of the file.
        waiting.sort_by_key(|lane| Reverse(lanes.get(*lane).map_or(0, |lane| lane.len)));
        waiting.reverse();
        Self {
            lanes,
            waiting,
            slots: [Slot::default(); MAX_WIDTH],
            active: 0,
            width: width.clamp(1, MAX_WIDTH),
            lead: 0,
            next_lead: 1,
            leading: None,
        }
    }

    /// Gives each chain a lead over the one before, in blocks, if there are many.
    ///
    /// Whole chunks lie a multiple of 128 KiB apart, so many of them at the same place compete for the
    /// same few lines of the first cache. The safe kernel, which goes in tiles, does not mind.
    #[cfg(any(test, feature = "accelerated"))]
    pub(super) fn with_lead(mut self, lead: usize) -> Self {
        self.lead = lead;
        self
    }

    /// The width to run at, 1 to 4, 8 or 16, and for how many blocks, or `None` at the end.
    pub(super) fn next(&mut self) -> Option<(usize, usize)> {
        while self.active < self.width
            && let Some(next) = self.waiting.pop()
        {
            if let (Some(lane), Some(slot)) =
                (self.lanes.get(next), self.slots.get_mut(self.active))
                && lane.len >= 16
            {
                *slot = Slot {
                    at: lane.start / 16,
                    left: lane.len / 16,
                    lane: next,
                    state: lane.state,
                };
                self.active += 1;
            }
        }
        let (active, idle) = self.slots.split_at_mut_checked(self.active)?;
        let first = *active.first()?;
        idle.fill(first);
        let steps = active.iter().map(|slot| slot.left).min()?;
        if self.next_lead < self.active
            && self.active > CROWD
            && steps > MAX_WIDTH * self.lead
            && self.lead > 0
        {
            let leading = self.next_lead;
            self.slots.swap(0, leading);
            self.leading = Some(leading);
            self.next_lead += 1;
            return Some((1, leading * self.lead));
        }
        let width = match self.active {
            few @ 1..=4 => few,
            5..=8 => 8,
            _ => 16,
        };
        Some((width, steps))
    }

    /// How many chains run now, from the first slot on.
    #[inline(always)]
    pub(super) fn running(&self) -> usize {
        if self.leading.is_some() {
            1
        } else {
            self.active
        }
    }

    /// Moves the chains that ran on, and writes back the ones that have ended.
    pub(super) fn advance(&mut self, steps: usize) {
        if let Some(leading) = self.leading.take() {
            // It is longer than its lead.
            if let Some(slot) = self.slots.first_mut() {
                slot.at += steps;
                slot.left -= steps;
            }
            self.slots.swap(0, leading);
            return;
        }
        for index in (0..self.active).rev() {
            let Some(slot) = self.slots.get_mut(index) else {
                continue;
            };
            slot.at += steps;
            slot.left -= steps;
            if slot.left == 0 {
                if let Some(lane) = self.lanes.get_mut(slot.lane) {
                    lane.state = slot.state;
                }
                self.active -= 1;
                self.slots.swap(index, self.active);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(count: usize, blocks: usize) -> Vec<Lane> {
        let lane = |number| Lane {
            start: number * blocks * 16,
            len: blocks * 16,
            state: [0; 16],
        };
        (0..count).map(lane).collect()
    }

    #[test]
    fn each_of_many_long_chains_leads_the_one_before() {
        let mut lanes = lanes(12, 1000);
        let mut schedule = Schedule::new(&mut lanes, MAX_WIDTH).with_lead(8);
        for leading in 1..12 {
            assert_eq!(schedule.next(), Some((1, leading * 8)));
            assert_eq!(schedule.running(), 1);
            assert_eq!(schedule.slots[0].at, leading * 1000);
            schedule.advance(leading * 8);
        }
        // Until the last one, which leads all others, has come to its end.
        assert_eq!(schedule.next(), Some((16, 1000 - 11 * 8)));
        assert_eq!(schedule.running(), 12);
        for number in 0..12 {
            assert_eq!(schedule.slots[number].at, number * 1008);
        }
        schedule.advance(1000 - 11 * 8);
        assert_eq!(schedule.next(), Some((16, 8)));
    }

    #[test]
    fn few_chains_or_short_ones_get_no_lead() {
        for (count, blocks, first) in [
            (8, 1000, (8, 1000)),
            (9, 1000, (1, 8)),
            (9, 16 * 8, (16, 16 * 8)),
            (9, 16 * 8 + 1, (1, 8)),
        ] {
            let mut lanes = lanes(count, blocks);
            let mut schedule = Schedule::new(&mut lanes, MAX_WIDTH).with_lead(8);
            assert_eq!(schedule.next(), Some(first), "{count} of {blocks}");
        }
        let mut lanes = lanes(9, 1000);
        let next = Schedule::new(&mut lanes, MAX_WIDTH).next();
        assert_eq!(next, Some((16, 1000)), "none is asked for");
    }
}
