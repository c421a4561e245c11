//! Files in v1, where memory and swap are counted together, and pages move.
//!
//! Either the page or its slots pay for memory and swap together. A page that is swapped out goes on paying while the
//! swap cache has it: its slots are recorded to nobody. They take over its charge when it leaves the swap cache, to the
//! group that any swap-out records: the first whose id is alive. A page that was read and never charged has nothing to
//! hand over. When a page is charged that comes from swap, the slots hand their charge back, though they may live on.

use super::{Entry, Model, PageNo, ShmemCharge};
use crate::model::pages::Folio;
use crate::model::swap::Slot;
use crate::{CpuId, FileId, GroupId, Mode, Pages, ShmemStage};

/// Where a page of shmem can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShmemPlace {
    /// In the index of a file.
    Index(FileId),
    /// In the swap cache, for the slots of this number.
    SwapCache(u32),
    /// In the hands of the fault that a CPU is in the middle of.
    Fault(CpuId),
}

/// Slots and pages that pay for each other.
impl Model {
    /// A page leaves the swap cache while an index entry leads to its slots: they pay instead of it.
    pub(super) fn take_over(&mut self, number: u32) {
        let Some(swap) = self.shmem.swap(number).filter(|swap| swap.referenced) else { return };
        let (Some(page), pages) = (swap.cached, swap.pages) else { return };
        let owner = self.shmem.page(page).and_then(|page| page.paid);
        let Some(owner) = owner.filter(|_| self.config.mode != Mode::V2) else { return };
        let recorded = self.swap_payers(owner).next().unwrap_or(GroupId::ROOT);
        self.unpay(page);
        self.record_slots(Slot { recorded, pages });
        if let Some(swap) = self.shmem.swap_mut(number) {
            swap.recorded = Some(recorded);
        }
    }

    /// The page of slots, if there are any, has been charged: it pays instead of them.
    pub(super) fn hand_back(&mut self, number: Option<u32>) {
        let swap =
            number.filter(|_| self.config.mode != Mode::V2).and_then(|number| self.shmem.swap_mut(number));
        if let Some(swap) = swap
            && let Some(recorded) = swap.recorded.take()
        {
            let slot = Slot { recorded, pages: swap.pages };
            self.unrecord_slots(slot);
        }
    }

    /// Slots in use that are recorded to nobody.
    pub fn slots_unrecorded(&self) -> u64 {
        let unrecorded = self.shmem.swaps.iter().filter(|(_, swap)| swap.recorded.is_none());
        unrecorded.map(|(_, swap)| swap.pages.0).sum()
    }
}

/// Pages that move.
impl Model {
    /// The pages of files that are charged to a group and can be moved, and how large each is. One that is tried and
    /// not committed is nobody's yet.
    pub(in crate::model) fn shmem_pages_of(
        &self,
        group: GroupId,
    ) -> impl Iterator<Item = (PageNo, Pages)> + '_ {
        let pages = self.shmem.pages.iter().enumerate();
        let charged = pages.filter_map(|(number, page)| Some((number, page.as_ref()?)));
        let of_group =
            charged.filter(move |(number, page)| page.paid == Some(group) && !self.is_tried(*number));
        of_group.map(|(number, page)| (number, page.pages))
    }

    fn is_tried(&self, page: PageNo) -> bool {
        self.shmem.rule.charge == ShmemCharge::AtChargeUntilInserted
            && self
                .shmem
                .faults
                .iter()
                .any(|fault| fault.page == Some(page) && fault.tried && fault.next == ShmemStage::Insert)
    }

    /// Where the pages of files that are charged to a group are found.
    pub fn shmem_places_of(&self, group: GroupId) -> Vec<ShmemPlace> {
        self.shmem_pages_of(group).filter_map(|(page, _)| self.place_of(page)).collect()
    }

    fn place_of(&self, page: PageNo) -> Option<ShmemPlace> {
        let file = self.shmem_files().find(|&file| self.shmem.entry(file) == Entry::Page(page));
        let swap = self.shmem.swaps.iter().find(|(_, swap)| swap.cached == Some(page));
        let fault = self.shmem.faults.iter().find(|fault| fault.page == Some(page));
        file.map(ShmemPlace::Index)
            .or(swap.map(|(number, _)| ShmemPlace::SwapCache(*number)))
            .or(fault.map(|fault| ShmemPlace::Fault(fault.cpu)))
    }

    fn page_at(&self, place: ShmemPlace) -> Option<PageNo> {
        match place {
            ShmemPlace::Index(file) => self.shmem.page_of(file),
            ShmemPlace::SwapCache(number) => self.shmem.swap(number)?.cached,
            ShmemPlace::Fault(cpu) => self.shmem.faults.iter().find(|fault| fault.cpu == cpu)?.page,
        }
    }

    /// A page was seen to be charged to another group now: part of a move that was refused in the end.
    pub fn shmem_page_moved(&mut self, place: ShmemPlace, to: GroupId) {
        if let Some(page) = self.page_at(place) {
            self.move_page(page, to);
        }
    }

    pub(in crate::model) fn move_page(&mut self, page: PageNo, to: GroupId) {
        if self.groups.get(to.index()).is_none() {
            return;
        }
        let Some(found) = self.shmem.page_mut(page) else { return };
        let pages = found.pages;
        if let Some(from) = found.paid.replace(to) {
            self.drop_folio(Folio { group: from, pages });
            self.add_folio(Folio { group: to, pages });
        }
    }
}
