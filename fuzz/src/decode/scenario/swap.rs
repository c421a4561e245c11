//! Scenes about swap: who pays for slots, and what keeps an id alive. In v1 the swap limits are skipped.

use crate::decode::script::Script;
use crate::decode::values;
use stocktake_model::{ChargeId, GroupId, Limit, SlotId};

/// Free slots, or swap them in by a task of `faulter`.
pub(super) fn finish(s: &mut Script<'_, '_>, slot: SlotId, faulter: GroupId) {
    let (a, b) = s.two_cpus();
    if s.chance(1) {
        s.swap_free(a, slot);
    } else {
        let folio = s.swap_in(a, slot, faulter);
        if s.chance(1) {
            s.uncharge(b, folio);
        }
    }
}

/// A removed group still owns slots, so its id is alive and it pays for more of them.
pub(super) fn out_while_id_is_alive(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let group = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    let first = s.charge(a, group, 1 + u64::from(how & 1));
    let second = s.charge(b, group, 1 + u64::from(how >> 1 & 1));
    let recorded = s.swap_out(a, first);
    s.rmdir(b, group);
    if how & 4 != 0 {
        s.work(a);
    }
    let later = s.swap_out(a, second);
    if how & 8 != 0 {
        s.work(b);
    }
    let faulter = if how & 16 != 0 { site } else { group };
    finish(s, recorded, faulter);
    if how & 32 != 0 {
        let folio = s.charge(b, group, 1);
        let last = s.swap_out(b, folio);
        finish(s, last, faulter);
    }
    finish(s, later, faulter);
    s.settle(a, b);
}

/// A removed group has no id left, so an ancestor pays; the nearest one may have none either.
pub(super) fn out_after_id_is_gone(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let parent = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    let group = s.mkdir(a, parent, Limit::MAX, Limit::MAX);
    let folio = s.charge(a, group, 1 + u64::from(how & 3));
    let kept = if how & 4 != 0 { Some(s.charge(b, parent, 1)) } else { None };
    s.rmdir(a, group);
    if how & 8 == 0 {
        s.work(b);
    }
    if how & 16 != 0 {
        if let (Some(kept), true) = (kept, how & 32 != 0) {
            // Keeps the parent's id.
            s.swap_out(b, kept);
        }
        s.rmdir(b, parent);
        s.work(a);
    }
    let slot = s.swap_out(b, folio);
    s.settle(a, b);
    let faulter = if how & 64 != 0 { s.some_group() } else { site };
    finish(s, slot, faulter);
    s.settle(b, a);
}

/// More is swapped out than the swap limits, or the slots, admit.
pub(super) fn exhausted(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let parent = s.mkdir(a, site, Limit::MAX, values::swap_limit(how));
    let group = s.mkdir(a, parent, Limit::MAX, values::swap_limit(how >> 3));
    let mut slots = [SlotId(0); 4];
    for slot in &mut slots {
        let pages = s.pages();
        let folio = s.charge(a, group, pages);
        *slot = s.swap_out(b, folio);
    }
    if how & 64 != 0 {
        s.swap_free(a, slots[0]);
        let folio = s.charge(b, group, 1);
        s.swap_out(a, folio);
    }
    if how & 128 != 0 {
        let max = values::swap_limit(s.byte());
        s.set_swap_max(a, parent, max);
        let folio = s.charge(b, group, 1);
        s.swap_out(a, folio);
    }
    finish(s, slots[1], group);
    finish(s, slots[2], parent);
}

/// A folio cannot be swapped in because its group is full: the slots must stay as they were.
pub(super) fn in_at_limit(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let pages = 1 + u64::from(how & 3);
    let group = s.mkdir(a, site, Limit::pages(pages), Limit::MAX);
    let faulter = s.new_group(a);
    let folio = s.charge(a, group, pages);
    let slot = s.swap_out(a, folio);
    let filler = s.charge(b, group, pages);
    s.swap_in(b, slot, faulter);
    if how & 4 != 0 {
        s.uncharge(a, filler);
        s.drain(a);
    }
    if how & 8 != 0 {
        s.set_max(a, faulter, Limit::pages(0));
        s.remove(b, group, a);
    }
    s.swap_in(a, slot, faulter);
    if how & 16 != 0 {
        s.set_max(b, faulter, Limit::MAX);
        s.swap_in(b, slot, faulter);
    }
    s.swap_free(a, slot);
    s.settle(a, b);
}

/// Removed groups keep their ids by one slot each until no id is left; freeing the slots brings them back.
pub(super) fn ids_exhausted(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let rounds = usize::from(2 + how % 7);
    let mut slots = [SlotId(0); 8];
    let mut folios = [ChargeId(0); 8];
    for (slot, folio) in slots.iter_mut().zip(&mut folios).take(rounds) {
        let group = s.mkdir(a, site, Limit::MAX, Limit::MAX);
        let out = s.charge(a, group, 1);
        *folio = s.charge(b, group, 1);
        *slot = s.swap_out(b, out);
        s.rmdir(a, group);
        if how & 16 != 0 {
            s.work(b);
        }
    }
    s.settle(a, b);
    if how & 32 != 0 {
        s.swap_out(a, folios[0]);
    }
    for slot in &slots[..rounds] {
        if s.chance(3) {
            s.swap_free(b, *slot);
        }
    }
    let group = s.mkdir(b, site, Limit::MAX, Limit::MAX);
    s.charge(b, group, 1);
    for folio in &folios[..rounds] {
        if s.chance(1) {
            s.uncharge(a, *folio);
        }
    }
}
