//! Page tables: which pages and which swap entries belong to an mm, so that whoever walks an mm meets those alone.
//!
//! What was charged through an mm is in its page table until it is freed, as a page or, after it was swapped out, as a
//! swap entry; what is swapped in becomes a page again. An mm that ends leaves its page table empty, and what was in it
//! belongs to no mm from then on. One lock stands for the page table locks of all mms: whoever frees a swap entry has
//! taken it out of the page table first, so that a walker that has the lock meets only entries that nobody frees.

use super::{Mm, MmRef};
use crate::machine::Machine;
use crate::substrate::arena::Handle;
use crate::substrate::env::Env;
use crate::swap::{FolioRef, SwapEntry};
use std::collections::BTreeMap;

/// The page table of one mm.
#[derive(Debug, Default)]
pub(super) struct PageTable {
    /// Whose it is.
    mm: Option<MmRef>,
    /// By the number of the folio's slot in its arena.
    pub(super) pages: BTreeMap<usize, FolioRef>,
    /// By the number of the entry's first swap slot.
    pub(super) swapped: BTreeMap<usize, SwapPte>,
}

/// A swap entry in a page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SwapPte {
    pub(super) entry: SwapEntry,
    /// Its number among all that have been in page tables: what comes into the same slots later is another one.
    serial: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct PageTables {
    /// By the number of the mm's slot in its arena.
    tables: Vec<PageTable>,
    /// Swap entries that have come into page tables so far.
    entered: u64,
}

impl PageTables {
    pub(super) fn clear(&mut self) {
        self.tables.clear();
        self.entered = 0;
    }

    /// The page table of an mm that has one.
    pub(super) fn of(&mut self, mm: MmRef) -> Option<&mut PageTable> {
        self.tables.get_mut(mm.index()).filter(|table| table.mm == Some(mm))
    }

    /// The page table of an mm that lives.
    fn make(&mut self, mm: MmRef) -> &mut PageTable {
        if self.tables.len() <= mm.index() {
            self.tables.resize_with(mm.index() + 1, PageTable::default);
        }
        let table = &mut self.tables[mm.index()];
        if table.mm != Some(mm) {
            *table = PageTable { mm: Some(mm), ..PageTable::default() };
        }
        table
    }
}

impl Machine {
    /// A page that nobody else can have found yet comes into the page table of an mm. The caller has a user of the mm.
    pub(super) fn set_pte<E: Env>(&self, e: &E, mm: MmRef, folio: FolioRef) {
        self.folios.get(e, folio).page.mm.init(mm.to_word());
        self.mm.page_tables.lock(e).make(mm).pages.insert(folio.index(), folio);
    }

    /// A page leaves the page table that it is in, as it is about to be freed.
    pub(crate) fn clear_pte<E: Env>(&self, e: &E, folio: FolioRef) {
        let page = &self.folios.get(e, folio).page;
        let Some(mm) = Handle::from_word(page.mm.peek()) else { return };
        page.mm.init(0);
        if let Some(table) = self.mm.page_tables.lock(e).of(mm) {
            table.pages.remove(&folio.index());
        }
    }

    /// A page is swapped out by `unmap`, which frees it and has its slots recorded: the entry takes its place in the page
    /// table that it is in, and nobody who walks that finds neither of the two.
    pub(crate) fn replace_pte<E: Env, T>(
        &self,
        e: &E,
        folio: FolioRef,
        entry: SwapEntry,
        unmap: impl FnOnce() -> T,
    ) -> T {
        let page = &self.folios.get(e, folio).page;
        let Some(mm) = Handle::<Mm>::from_word(page.mm.peek()) else { return unmap() };
        page.mm.init(0);
        self.slots[entry.first()].mm.init(mm.to_word());
        let mut tables = self.mm.page_tables.lock(e);
        tables.entered += 1;
        let serial = tables.entered;
        if let Some(table) = tables.of(mm) {
            table.pages.remove(&folio.index());
            table.swapped.insert(entry.first(), SwapPte { entry, serial });
        }
        unmap()
    }

    /// An entry is about to be freed: it leaves the page table that it is in, in which the page that was swapped in, if
    /// there is one, takes its place.
    pub(crate) fn clear_swap_pte<E: Env>(&self, e: &E, entry: SwapEntry, page: Option<FolioRef>) {
        let slot = &self.slots[entry.first()].mm;
        let Some(mm) = Handle::from_word(slot.peek()) else { return };
        slot.init(0);
        let mut tables = self.mm.page_tables.lock(e);
        let Some(table) = tables.of(mm) else { return };
        table.swapped.remove(&entry.first());
        if let Some(folio) = page {
            self.folios.get(e, folio).page.mm.init(mm.to_word());
            table.pages.insert(folio.index(), folio);
        }
    }

    /// An mm ends, and its page table with it.
    pub(super) fn exit_mmap<E: Env>(&self, e: &E, mm: MmRef) {
        if let Some(table) = self.mm.page_tables.lock(e).of(mm) {
            *table = PageTable::default();
        }
    }
}
