//! Which accesses conflict: their order matters, so that it is worth while to try both.

use stocktake_impl::{Access, Label, Place};

/// An access that a lane is about to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) label: Label,
    pub(super) access: Access,
}

impl Pending {
    /// Whether the order of two accesses matters: they are to one word, or to an object that one of them makes or frees,
    /// and one of them is not a load.
    pub(super) fn conflicts_with(self, other: Pending) -> bool {
        let writes = self.access != Access::Load || other.access != Access::Load;
        let makes_or_frees = |one: Pending, other: Pending| {
            one.access != Access::Load && object(other.label).is_some_and(|object| object == one.label)
        };
        self.label == other.label && writes || makes_or_frees(self, other) || makes_or_frees(other, self)
    }
}

/// The generation word of the object that a word is part of.
fn object(label: Label) -> Option<Label> {
    match label.place() {
        Place::Object(object) | Place::ObjectOnCpu(object, _) => Some(object),
        _ => None,
    }
}

/// Entries of the table: more than programs with lanes have words. Words that share an entry are taken for one.
const ENTRIES: usize = 2048;

/// Which lanes have read and written what in one execution, or in several.
#[derive(Debug)]
pub(super) struct Touched {
    entries: Box<[Entry; ENTRIES]>,
    /// Whether something has been added since that was asked.
    news: bool,
}

/// Lanes, a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Entry {
    readers: u16,
    writers: u16,
}

impl Default for Touched {
    fn default() -> Touched {
        Touched { entries: Box::new([Entry::default(); ENTRIES]), news: false }
    }
}

impl Touched {
    pub(super) fn clear(&mut self) {
        self.entries.fill(Entry::default());
        self.news = false;
    }

    pub(super) fn note(&mut self, lane: usize, access: Pending) {
        let entry = &mut self.entries[place_of(access.label)];
        let before = *entry;
        match access.access {
            Access::Load => entry.readers |= 1 << lane,
            _ => entry.writers |= 1 << lane,
        }
        self.news |= *entry != before;
    }

    /// Whether something has been added since this was asked.
    pub(super) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Whether another lane has made an access with which this one conflicts.
    pub(super) fn concerns_others(&self, lane: usize, access: Pending) -> bool {
        let others = !(1u16 << lane);
        let word = self.entries[place_of(access.label)];
        let by_word = match access.access {
            Access::Load => word.writers & others,
            _ => (word.writers | word.readers) & others,
        };
        by_word != 0
            || object(access.label).is_some_and(|object| self.entries[place_of(object)].writers & others != 0)
    }
}

fn place_of(label: Label) -> usize {
    let number = (label.what as u32).wrapping_mul(0x9e37_79b1) ^ label.index.wrapping_mul(0x85eb_ca77);
    (number >> 16) as usize % ENTRIES
}
