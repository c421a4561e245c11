//! Files, and what their indexes hold.

use crate::machine::Machine;
use crate::substrate::arena::Handle;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Label, Loop, What};
use crate::substrate::word::Word;
use crate::swap::FolioRef;

/// A file: the number of its index entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRef(pub usize);

/// The indexes of all files. They are empty at the start.
#[derive(Debug)]
pub(crate) struct ShmemRoom {
    entries: Box<[Word]>,
}

impl ShmemRoom {
    pub(crate) fn new() -> ShmemRoom {
        ShmemRoom { entries: Box::default() }
    }

    pub(crate) fn reset(&mut self, files: usize) {
        if files > self.entries.len() {
            self.entries = (0..files).map(|index| Word::new(Label::new(What::ShmemEntry, index))).collect();
        }
        self.entries.iter().for_each(|entry| entry.init(0));
    }
}

/// What an index entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexView {
    /// A hole.
    Empty,
    /// Swapped out: the number of the first slot.
    Swap(usize),
    /// A page.
    Page(FolioRef),
}

impl IndexView {
    /// Handles are positive numbers, so swap entries are negative ones.
    pub(super) fn from_word(word: i64) -> IndexView {
        match Handle::from_word(word) {
            None => IndexView::Empty,
            Some(_) if word < 0 => IndexView::Swap(-(word + 1) as usize),
            Some(folio) => IndexView::Page(folio),
        }
    }

    pub(super) fn to_word(self) -> i64 {
        match self {
            IndexView::Empty => 0,
            IndexView::Swap(slot) => -(slot as i64) - 1,
            IndexView::Page(folio) => folio.to_word(),
        }
    }
}

impl Machine {
    pub(super) fn index_load<E: Env>(&self, e: &E, file: FileRef) -> IndexView {
        IndexView::from_word(self.shmem.entries[file.0].load(e))
    }

    /// Replace an index entry, under the lock of the index, if it is still what the caller thinks.
    pub(super) fn index_replace<E: Env>(&self, e: &E, file: FileRef, old: IndexView, new: IndexView) -> bool {
        self.shmem.entries[file.0].replace(e, old.to_word(), new.to_word())
    }

    /// What an index entry is, seen from outside the run.
    pub fn index_entry(&self, file: FileRef) -> IndexView {
        IndexView::from_word(self.shmem.entries[file.0].peek())
    }

    /// Wait for the lock of a page. The caller has a reference to the page. Whether it was got: if not, whoever has it
    /// will never give it back.
    pub(super) fn lock_page<E: Env>(&self, e: &E, folio: FolioRef) -> bool {
        let locked = &self.folios.get(e, folio).locked;
        while !locked.replace(e, 0, 1) {
            if !e.retry(Loop::PageLock, locked.label()) {
                return false;
            }
        }
        true
    }

    /// Take the lock of a page if it is free. The caller has a reference to the page.
    pub(super) fn trylock_page<E: Env>(&self, e: &E, folio: FolioRef) -> bool {
        self.folios.get(e, folio).locked.replace(e, 0, 1)
    }

    pub(super) fn unlock_page<E: Env>(&self, e: &E, folio: FolioRef) {
        self.folios.get(e, folio).locked.store(e, 0);
    }

    /// The page of a file, locked and with a reference, if its index has a page.
    pub(super) fn find_lock_page<E: Env>(&self, e: &E, cpu: &Cpu, file: FileRef, folio: FolioRef) -> Locking {
        if !self.get_page_unless_zero(e, cpu, folio) {
            return Locking::Gone;
        }
        if !self.lock_page(e, folio) {
            return Locking::Stuck;
        }
        if self.index_load(e, file) == IndexView::Page(folio) { Locking::Locked } else { Locking::Changed }
    }
}

/// What came of an attempt to lock the page of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locking {
    /// It is locked, and still the file's.
    Locked,
    /// It is locked, but no longer the file's.
    Changed,
    /// It was being freed: there is neither lock nor reference.
    Gone,
    /// The lock is never given back.
    Stuck,
}
