//! Swap slots: recorded to the group that pays for them, charged to it and to every level above it.
//!
//! In v2 they have a counter and a limit of their own. In v1 they are counted together with the memory: a slot takes
//! over what its page was charged, so that no limit can refuse it, whoever the payer is.

use super::pages::Folio;
use super::{Model, Skip};
use crate::{ChargeId, Errno, Failure, GroupId, Mode, Outcome, Pages, SlotId};

/// The slots of one swapped-out folio, and the group recorded for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Slot {
    pub(super) recorded: GroupId,
    pub(super) pages: Pages,
}

impl Model {
    pub(super) fn admits_swap_limit(&self, group: GroupId) -> Result<(), Skip> {
        if self.config.mode == Mode::V2 { self.admits_set_max(group) } else { Err(Skip::NotInMode) }
    }

    /// Who pays for the slots of a folio of `group`: the first group upwards whose id has a reference, so that a
    /// removed group that still has slots goes on paying. First today's answer, then those of a near future, see
    /// [`Model::standing_in`].
    pub(super) fn swap_payers(&self, group: GroupId) -> impl Iterator<Item = GroupId> {
        self.standing_in(group, |group| group.id_refs() > 0, |group| group.is_online() || group.slots > 0)
    }

    pub(super) fn swap_out_answer(&self, charge: ChargeId) -> Outcome {
        let folio = self.folios.get(charge.index());
        let payer = folio.and_then(|folio| self.swap_payers(folio.group).next());
        match (folio, payer) {
            (Some(folio), Some(payer)) => self.swap_out_answer_for(payer, folio.pages),
            _ => Outcome::Refused(Errno::NoDev),
        }
    }

    /// Slots recorded to root are charged to nobody.
    pub(super) fn swap_out_answer_for(&self, payer: GroupId, slots: Pages) -> Outcome {
        if self.slots_left() < slots.0 {
            Outcome::Refused(Errno::NoSpace)
        } else if self.swap_fits(payer, slots) {
            Outcome::To(payer)
        } else {
            Outcome::Refused(Errno::NoMem)
        }
    }

    pub(super) fn swap_out(&mut self, new: SlotId, charge: ChargeId, recorded: GroupId) {
        if self.groups.get(recorded.index()).is_none() {
            return;
        }
        if let Some(folio) = self.unbind(charge) {
            self.mms.swapped_out(charge, new);
            self.record(new, Slot { recorded, pages: folio.pages });
        }
    }

    /// Who is charged for a page that comes back: the group recorded if that is online, or else the group of the
    /// task that faults.
    pub(super) fn swap_in_payer(&self, recorded: GroupId, faulter: GroupId) -> GroupId {
        match self.groups.get(recorded.index()) {
            Some(group) if group.is_online() => recorded,
            _ => faulter,
        }
    }

    /// A folio is needed to swap in to, so `Alloc` fails it as it fails a charge. Until the folio is charged, the slots
    /// are too: in v1 both have to fit.
    pub(super) fn swap_in_answer(&self, slot: SlotId, faulter: GroupId, fail: Option<Failure>) -> Outcome {
        let Some(slot) = self.slots.get(slot.index()) else { return Outcome::Refused(Errno::NoDev) };
        let payer = self.swap_in_payer(slot.recorded, faulter);
        if fail != Some(Failure::Alloc) && self.fits(payer, slot.pages) {
            Outcome::To(payer)
        } else {
            Outcome::Refused(Errno::NoMem)
        }
    }

    pub(super) fn swap_in(&mut self, new: ChargeId, slot: SlotId, group: GroupId) {
        if self.groups.get(group.index()).is_none() {
            return;
        }
        if let Some(Slot { pages, .. }) = self.free_slot(slot) {
            self.bind(new, Folio { group, pages });
            self.mms.swapped_in(slot, new);
        }
    }

    /// The first half of a swap-in: the folio has taken the place of the slots in their mm. Until [`Model::slots_go`] they
    /// are in use, and whoever is recorded for them keeps the id.
    pub fn folio_comes_in(&mut self, new: ChargeId, slot: SlotId, group: GroupId) {
        let pages = self.slots.get(slot.index()).map(|slot| slot.pages);
        if let Some(pages) = pages.filter(|_| self.groups.get(group.index()).is_some()) {
            self.bind(new, Folio { group, pages });
            self.mms.swapped_in(slot, new);
            self.mms.slot_leaves(slot);
        }
    }

    /// The first half of freeing slots: nobody who walks their mm finds them, and they stay recorded until
    /// [`Model::slots_go`].
    pub fn slots_leave_mm(&mut self, slot: SlotId) {
        self.mms.slot_leaves(slot);
    }

    /// The second half of both: the slots are free, and so is the id recorded for them if nothing else keeps it.
    pub fn slots_go(&mut self, slot: SlotId) {
        self.free_slot(slot);
    }

    /// Slots are recorded to another group, which pays for them from now on.
    pub(super) fn slot_moved(&mut self, slot: SlotId, to: GroupId) {
        let Some(found) = self.slots.get_mut(slot.index()) else { return };
        let old = *found;
        found.recorded = to;
        self.unrecord_slots(old);
        self.record_slots(Slot { recorded: to, ..old });
    }

    fn record(&mut self, new: SlotId, slot: Slot) {
        if self.groups.get(slot.recorded.index()).is_some() {
            self.take_slots(slot);
            self.slots.make(new.index(), slot);
        }
    }

    /// Slots are taken, recorded and charged, whatever they are called.
    pub(super) fn take_slots(&mut self, slot: Slot) {
        if self.groups.get(slot.recorded.index()).is_some() {
            self.slots_used += slot.pages.0;
            self.record_slots(slot);
        }
    }

    /// Somebody pays for slots from now on.
    pub(super) fn record_slots(&mut self, slot: Slot) {
        let Some(group) = self.groups.get_mut(slot.recorded.index()) else { return };
        // A machine under test that records an id which is gone is caught by others; the totals stay right.
        self.ids_in_use += u64::from(group.id_refs() == 0);
        group.slots += slot.pages.0;
        self.count_slot(slot, |total, pages| *total += pages);
    }

    /// Nobody pays for slots any more, which are in use as before.
    pub(super) fn unrecord_slots(&mut self, slot: Slot) {
        if let Some(group) = self.groups.get_mut(slot.recorded.index()) {
            group.slots -= slot.pages.0;
            self.ids_in_use -= u64::from(group.id_refs() == 0);
        }
        self.count_slot(slot, |total, pages| *total -= pages);
    }

    /// Frees slots, and the id recorded for them if nothing else keeps it.
    pub(super) fn free_slot(&mut self, slot: SlotId) -> Option<Slot> {
        let slot = self.slots.take(slot.index())?;
        self.give_slots(slot);
        Some(slot)
    }

    /// Slots are given back.
    pub(super) fn give_slots(&mut self, slot: Slot) {
        self.unrecord_slots(slot);
        self.slots_used -= slot.pages.0;
    }

    /// Somebody holds free slots, which are recorded to nobody yet. Whether there are so many.
    pub fn reserve_slots(&mut self, slots: Pages) -> bool {
        let left = self.slots_left() >= slots.0;
        if left {
            self.slots_used += slots.0;
        }
        left
    }

    /// They are given back.
    pub fn return_slots(&mut self, slots: Pages) {
        self.slots_used -= slots.0;
    }

    fn count_slot(&mut self, slot: Slot, count: fn(&mut Pages, Pages)) {
        if slot.recorded != GroupId::ROOT {
            self.at_each_level(slot.recorded, |level| count(&mut level.swapped, slot.pages));
        }
    }
}
