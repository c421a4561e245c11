//! Scenes about limits.

use crate::decode::script::Script;
use crate::decode::values::{self, BATCH};
use stocktake_model::{Failure, Limit};

/// Two CPUs charge exactly as much as the limit admits; then one page more.
pub(super) fn limit_met_exactly(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let first = s.pages();
    let second = s.pages();
    let group = s.mkdir(a, site, Limit::pages(first + second), Limit::MAX);
    let one = s.charge(a, group, first);
    if how & 1 != 0 {
        s.drain(a);
    }
    if how & 2 != 0 {
        s.drain_all(b, group);
        s.work(a);
    }
    let two = s.charge(b, group, second);
    let over = s.charge(if how & 4 != 0 { a } else { b }, group, 1);
    if how & 8 != 0 {
        s.uncharge(b, one);
        let again = s.charge(b, group, first);
        s.uncharge(a, again);
    }
    s.uncharge(a, over);
    if how & 16 != 0 {
        s.uncharge(a, two);
    }
    if how & 32 != 0 {
        s.remove(b, group, a);
    }
}

/// The limit is lowered below what is used, while a stock still serves charges.
pub(super) fn limit_lowered_below_stock(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let group = s.new_group(a);
    let how = s.byte();
    let first = s.charge(a, group, 1 + u64::from(how & 3));
    if how & 4 != 0 {
        let objcg = s.objcg(a, group);
        s.obj_charge(a, objcg, 92);
        s.set_max(b, group, Limit::pages(1));
        s.obj_charge(a, objcg, 92);
    }
    let max = values::limit(how >> 3 & 3, s.picture.usage(group));
    s.set_max(b, group, max);
    let hit = s.charge(a, group, 1);
    s.charge(b, group, 1);
    if how & 32 != 0 {
        s.charge(a, group, BATCH - 2);
    }
    s.uncharge(b, hit);
    s.charge(b, group, 1);
    if how & 64 != 0 {
        s.uncharge(a, first);
        s.drain_all(b, group);
        s.work(a);
        s.charge(b, group, 1);
    }
}

/// A limit is written around the usage: v1 refuses one below it.
pub(super) fn limit_below_usage(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let group = s.new_group(a);
    let how = s.byte();
    let pages = s.pages();
    let folio = s.charge(a, group, pages);
    if how & 1 != 0 {
        s.drain(a);
    }
    for _ in 0..=how >> 1 & 3 {
        let max = s.limit(group);
        s.set_max(b, group, max);
        s.charge(if how & 8 != 0 { a } else { b }, group, 1);
    }
    if how & 16 != 0 {
        s.uncharge(b, folio);
        s.set_max(a, group, Limit::pages(pages));
    }
    if how & 32 != 0 {
        let above = s.limit(group);
        s.set_max(a, group, above);
        let more = s.pages();
        s.charge(a, group, more);
    }
}

/// A whole batch does not fit but the charge does: what is put into the stock must be what was charged.
pub(super) fn exact_retry(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let pages = 1 + u64::from(how & 7);
    let group = s.mkdir(a, site, Limit::pages(pages + u64::from(how >> 3 & 3)), Limit::MAX);
    let folio = s.charge(a, group, pages);
    let more = s.charge(a, group, 1);
    s.charge(b, group, 1);
    if how & 32 != 0 {
        s.uncharge(a, folio);
        s.charge(b, group, pages);
    }
    if how & 64 != 0 {
        s.uncharge(b, more);
        s.remove(a, group, b);
    }
    s.drain(a);
}

/// A charge that must not fail exceeds the limit; what follows is refused, except where a stock serves it.
pub(super) fn forced_above_limit(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let group = s.mkdir(a, site, Limit::pages(u64::from(how & 3)), Limit::MAX);
    let kept = s.charge(a, group, 1);
    let pages = s.pages();
    if how & 4 != 0 {
        s.fail = Some(Failure::Alloc);
    }
    let forced = s.charge_force(b, group, pages);
    s.charge(b, group, 1);
    s.charge(a, group, 1);
    s.uncharge(if how & 8 != 0 { a } else { b }, forced);
    s.charge(b, group, 1);
    if how & 16 != 0 {
        s.uncharge(a, kept);
        s.charge(a, group, 1);
    }
    if how & 32 != 0 {
        s.set_max(a, group, Limit::MAX);
        s.charge_force(a, group, 1);
    }
}

/// The limit that fails is the parent's, or the child's, or the parent's because of a sibling.
pub(super) fn nested_limits(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let room = 2 + u64::from(how & 7);
    let parent = s.mkdir(a, site, Limit::pages(room), Limit::MAX);
    let child_max = if how & 8 != 0 { Limit::pages(room - 1) } else { Limit::MAX };
    let child = s.mkdir(a, parent, child_max, Limit::MAX);
    let sibling = s.mkdir(b, parent, Limit::MAX, Limit::MAX);
    let objcg = s.objcg(a, child);
    let own = s.charge(b, sibling, room - 1);
    let bytes = s.bytes();
    let object = s.obj_charge(a, objcg, bytes);
    let folio = s.charge(a, child, 1);
    s.uncharge(a, own);
    let second = s.charge(a, child, room);
    if how & 16 != 0 {
        s.set_max(b, parent, Limit::pages(room + BATCH));
        s.charge(a, child, room);
    }
    s.obj_uncharge(b, object);
    s.uncharge(b, folio);
    s.uncharge(b, second);
    if how & 32 != 0 {
        s.remove(a, child, b);
    }
    if how & 64 != 0 {
        s.charge(b, sibling, room);
    }
}
