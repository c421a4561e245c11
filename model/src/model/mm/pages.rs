//! What belongs to an mm: what was charged through it, whether it is a page now or has been swapped out.

use super::Mms;
use crate::{ChargeId, SlotId};

/// A page of an mm, or the swap entry that it was swapped out to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MmPage {
    /// A folio.
    Page(ChargeId),
    /// Slots.
    Swapped(SlotId),
}

/// Pages and swap entries of mms.
impl Mms {
    /// A page, or a swap entry, belongs to an mm.
    pub(super) fn belongs(&mut self, page: MmPage, mm: usize) {
        let (owners, number) = match page {
            MmPage::Page(charge) => (&mut self.mm_of_page, charge.index()),
            MmPage::Swapped(slot) => (&mut self.mm_of_slot, slot.index()),
        };
        if owners.len() <= number {
            owners.resize(number + 1, None);
        }
        owners[number] = Some(mm);
        self.mms[mm].pages.push(page);
    }

    /// A folio is swapped out: if it belongs to an mm, so do the slots.
    pub(in crate::model) fn swapped_out(&mut self, charge: ChargeId, slot: SlotId) {
        if let Some(mm) = self.mm_of_page.get(charge.index()).copied().flatten() {
            self.belongs(MmPage::Swapped(slot), mm);
        }
    }

    /// Slots are swapped in: if they belong to an mm, so does the folio.
    pub(in crate::model) fn swapped_in(&mut self, slot: SlotId, charge: ChargeId) {
        if let Some(mm) = self.mm_of_slot.get(slot.index()).copied().flatten() {
            self.belongs(MmPage::Page(charge), mm);
        }
    }

    /// Nothing in an mm leads to these slots any more.
    pub(in crate::model) fn slot_leaves(&mut self, slot: SlotId) {
        let Some(mm) = self.mm_of_slot.get_mut(slot.index()).and_then(Option::take) else { return };
        self.mms[mm].pages.retain(|page| *page != MmPage::Swapped(slot));
    }
}
