//! Slots that nothing leads to, pages that leave the swap cache, and who looks for both.

use super::{Model, Swap};
use crate::model::swap::Slot;

/// Effects.
impl Model {
    /// Everything that is written out has the last version in its slots, so that the page can go.
    pub(super) fn reclaim_swap_cache(&mut self) {
        let cached: Vec<u32> = self.swap_cached().collect();
        cached.into_iter().for_each(|number| self.reclaim_cached(number));
    }

    /// One page of the swap cache, unless it is locked. While anything leads to its slots it stays with whoever has a
    /// reference to it, and is only written.
    fn reclaim_cached(&mut self, number: u32) {
        let page = self.shmem.swap(number).and_then(|swap| swap.cached);
        let Some(found) = page.and_then(|page| self.shmem.page_mut(page)).filter(|page| !page.locked) else {
            return;
        };
        let written = found.dirty.then_some(found.version);
        let alone = found.holders == 1;
        (found.dirty, found.writeback) = (false, false);
        if let Some(swap) = self.shmem.swap_mut(number) {
            swap.version = written.unwrap_or(swap.version);
            if swap.referenced && !alone {
                return;
            }
        }
        self.take_over(number);
        self.uncache(number);
    }

    /// The index entry that led to some slots does so no more.
    pub(super) fn unreference(&mut self, number: u32) {
        if let Some(swap) = self.shmem.swap_mut(number) {
            swap.referenced = false;
        }
        self.free_unused(number);
    }

    /// The swap cache has no page for some slots any more.
    pub(super) fn uncache(&mut self, number: u32) {
        let page = self.shmem.swap_mut(number).and_then(|swap| swap.cached.take());
        if let Some(page) = page {
            self.put(page);
        }
        self.free_unused(number);
    }

    pub(super) fn free_unused(&mut self, number: u32) {
        let unused = |(first, swap): &(u32, Swap)| {
            *first == number && !swap.referenced && swap.cached.is_none() && !swap.reading
        };
        if let Some(at) = self.shmem.swaps.iter().position(unused) {
            let (_, swap) = self.shmem.swaps.remove(at);
            match swap.recorded {
                Some(recorded) => self.give_slots(Slot { recorded, pages: swap.pages }),
                None => self.return_slots(swap.pages),
            }
        }
    }
}
