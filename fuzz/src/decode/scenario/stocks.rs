//! Scenes about per-CPU stocks: who is evicted, who is drained, and what happens to a CPU that is not there.

use crate::decode::script::Script;
use crate::decode::values::BATCH;
use stocktake_model::{CpuId, Failure, GroupId, Limit, ObjcgId};

/// Slots of a page stock.
const SLOTS: u8 = 7;

/// A group with pages, bytes or both in the stocks of `at`; answers its objcg.
fn cached_on(s: &mut Script<'_, '_>, at: CpuId, from: CpuId) -> (GroupId, ObjcgId) {
    let group = s.new_group(from);
    let objcg = s.objcg(from, group);
    let what = s.byte();
    if what & 3 != 1 {
        let bytes = s.bytes();
        s.obj_charge(at, objcg, bytes);
    }
    if what & 3 != 2 {
        let pages = s.pages();
        s.charge(at, group, pages);
    }
    (group, objcg)
}

/// A CPU goes down with pages and bytes in its stocks, and comes up again.
pub(super) fn cpu_down_with_stocks(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let (group, objcg) = cached_on(s, b, a);
    let how = s.byte();
    if how & 1 != 0 {
        // Work is queued on the CPU that goes.
        s.drain_all(a, group);
    }
    s.cpu_down(a, b);
    if how & 2 != 0 {
        s.work(a);
    }
    if how & 4 != 0 {
        s.objcg_put(a, objcg);
        s.remove(a, group, a);
    }
    if how & 8 != 0 {
        s.drain_all(a, group);
    }
    s.cpu_up(a, b);
    if how & 16 != 0 {
        let pages = s.pages();
        s.charge(b, group, pages);
        let bytes = s.bytes();
        s.obj_charge(b, objcg, bytes);
    }
    if how & 32 != 0 {
        // A mark left by the first drain would keep this one from that CPU.
        s.drain_all(a, group);
        s.work(b);
    }
    s.settle(b, a);
}

/// A drain passes over an isolated CPU; when the isolation ends it must not be passed over again.
pub(super) fn drain_of_isolated_cpu(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let (group, objcg) = cached_on(s, b, a);
    let how = s.byte();
    s.isolate(a, b);
    s.drain_all(a, group);
    if how & 1 != 0 {
        s.work(b);
    }
    if how & 2 != 0 {
        s.drain(b);
    }
    s.unisolate(a, b);
    if how & 4 != 0 {
        s.charge(b, group, 1);
        s.obj_charge(b, objcg, 92);
    }
    s.drain_all(a, group);
    s.work(b);
    if how & 8 != 0 {
        s.remove(a, group, b);
    }
}

/// One CPU charges for more groups than its page stock has slots.
pub(super) fn more_groups_than_slots(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let how = s.byte();
    let count = usize::from(SLOTS + (how & 3));
    let mut groups = [GroupId::ROOT; SLOTS as usize + 3];
    let mut above = s.site();
    for group in &mut groups[..count] {
        // Groups that exist will do.
        let known = if how & 4 != 0 { s.picture.groups.live().len() } else { 0 };
        *group = if known >= count {
            let choice = s.byte();
            s.picture.groups.choose(choice).map_or(above, |group| GroupId(group.into()))
        } else {
            s.mkdir(b, above, Limit::MAX, Limit::MAX)
        };
        if how & 8 != 0 && s.picture.group(above).depth < 3 {
            above = *group;
        }
    }
    let pages = s.pages();
    for group in &groups[..count] {
        s.charge(a, *group, pages);
    }
    if how & 16 != 0 {
        // Evicted by now, or not.
        s.charge(a, groups[0], 1);
        s.charge(a, groups[1], 1);
    }
    if how & 32 != 0 {
        s.remove(a, groups[count - 1], b);
    }
    if how & 64 != 0 {
        s.drain_all(b, groups[0]);
        s.work(a);
    } else {
        s.drain(a);
    }
}

/// Folios are freed until the page stock holds a batch, and one page more.
pub(super) fn page_stock_overflows(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let group = s.new_group(a);
    let how = s.byte();
    let pages = s.pages();
    let first = s.charge(a, group, pages);
    let second = s.charge(b, group, 1 + u64::from(how & 3));
    let third = s.charge(a, group, BATCH - 1);
    s.uncharge(a, first);
    if how & 4 != 0 {
        s.fail = Some(Failure::Trylock);
    }
    s.uncharge(a, second);
    s.uncharge(if how & 8 != 0 { a } else { b }, third);
    let big = s.charge(a, group, BATCH + u64::from(how >> 6));
    if how & 16 != 0 {
        s.uncharge(a, big);
    }
    if how & 32 != 0 {
        s.remove(b, group, a);
    }
    s.settle(a, b);
}

/// A drain finds another one running, or its work still queued.
pub(super) fn two_drains(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let (group, _) = cached_on(s, b, a);
    let (other, _) = cached_on(s, b, a);
    let how = s.byte();
    s.drain_all(a, group);
    if how & 1 != 0 {
        s.drain(b);
        s.charge(b, other, 1);
    }
    if how & 2 != 0 {
        s.fail = Some(Failure::Trylock);
    }
    s.drain_all(a, other);
    if how & 4 != 0 {
        s.work(b);
    }
    s.work(b);
    if how & 8 != 0 {
        s.drain_all(b, GroupId::ROOT);
        s.settle(a, b);
    }
    if how & 16 != 0 {
        s.remove(a, group, b);
    }
}
