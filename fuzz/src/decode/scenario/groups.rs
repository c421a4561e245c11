//! Scenes about the life of groups: removal, inheritance, ids.

use crate::decode::script::Script;
use stocktake_model::{GroupId, Limit};

/// Grandchild, child and parent are removed in turn while objects live that are inherited each time.
pub(super) fn three_generations_removed(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let mut family = [GroupId::ROOT; 3];
    let mut above = site;
    for group in &mut family {
        *group = s.mkdir(a, above, Limit::MAX, Limit::MAX);
        above = *group;
    }
    let objcgs = family.map(|group| s.objcg(a, group));
    let objects = objcgs.map(|objcg| {
        let bytes = s.bytes();
        let at = if s.chance(1) { a } else { b };
        s.obj_charge(at, objcg, bytes)
    });
    for generation in [2, 1, 0] {
        if how & 1 << generation != 0 {
            s.objcg_put(b, objcgs[generation]);
        }
        s.remove(a, family[generation], b);
        if how & 8 << generation != 0 {
            s.obj_uncharge(b, objects[generation]);
        }
    }
    for generation in [0, 1, 2] {
        if how & 8 << generation == 0 {
            s.obj_uncharge(a, objects[generation]);
        }
        if how & 1 << generation == 0 && how & 64 != 0 {
            s.objcg_put(a, objcgs[generation]);
        }
    }
    s.settle(a, b);
}

/// A group is removed while another CPU's byte stock holds bytes of its objcg; then its subtree is drained.
pub(super) fn removed_with_remote_bytes(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let parent = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    let how = s.byte();
    let group = if how & 1 != 0 { s.mkdir(a, parent, Limit::MAX, Limit::MAX) } else { parent };
    let objcg = s.objcg(a, group);
    let bytes = s.bytes();
    let object = s.obj_charge(b, objcg, bytes);
    if how & 2 != 0 {
        s.obj_uncharge(b, object);
    }
    if how & 4 != 0 {
        s.objcg_put(a, objcg);
    }
    s.rmdir(a, group);
    let drained = if how & 8 != 0 { parent } else { group };
    if how & 16 != 0 {
        s.work(a);
    }
    s.drain_all(a, drained);
    s.work(b);
    s.settle(a, b);
    if how & 32 != 0 {
        // The subtree should have been left with nothing: drain it once more and look.
        s.drain_all(a, drained);
        s.work(b);
    }
    s.obj_uncharge(a, object);
}

/// A group is removed while a folio is charged to it, and charged again.
pub(super) fn removed_group_charged(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let group = s.new_group(a);
    let how = s.byte();
    let pages = s.pages();
    let folio = s.charge(a, group, pages);
    s.remove(b, group, a);
    let more = s.pages();
    let second = s.charge(b, group, more);
    if how & 1 != 0 {
        s.charge_force(a, group, 1);
    }
    if how & 2 != 0 {
        s.drain_all(b, group);
    }
    if how & 4 != 0 {
        // The parent is online but not the group.
        s.mkdir(a, group, Limit::MAX, Limit::MAX);
        s.set_max(a, group, Limit::pages(u64::from(how >> 4)));
    }
    s.uncharge(b, folio);
    s.settle(a, b);
    if how & 8 != 0 {
        s.charge(a, group, 1);
    }
    s.uncharge(a, second);
    s.settle(b, a);
}

/// The objcg of a removed group, or of one whose parents are removed too, is asked for: the walk up.
pub(super) fn objcg_of_removed_group(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let parent = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    let group = s.mkdir(a, parent, Limit::MAX, Limit::MAX);
    // Without this the group may be freed before it is asked for.
    let holder = s.charge(b, group, 1);
    s.remove(a, group, b);
    if how & 1 != 0 {
        s.charge(b, parent, 1);
        s.remove(a, parent, b);
    }
    let objcg = s.objcg(b, group);
    let bytes = s.bytes();
    let object = s.obj_charge(b, objcg, bytes);
    if how & 2 != 0 {
        s.uncharge(a, holder);
        s.settle(a, b);
    }
    let again = s.objcg(a, group);
    if how & 4 != 0 {
        s.objcg_put(a, objcg);
        s.objcg_put(a, again);
    }
    s.obj_uncharge(if how & 8 != 0 { a } else { b }, object);
    if how & 16 != 0 {
        s.drain(b);
    }
}

/// A parent is removed before its child, in vain, and after it, while the child's end is still under way.
pub(super) fn parent_removed_after_child(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let parent = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    let child = s.mkdir(a, parent, Limit::MAX, Limit::MAX);
    if how & 1 != 0 {
        s.charge(b, child, 1);
    }
    if how & 2 != 0 {
        s.rmdir(b, parent);
    }
    s.rmdir(a, child);
    if how & 4 != 0 {
        s.settle(a, b);
    }
    if how & 8 != 0 {
        let second = s.mkdir(b, parent, Limit::MAX, Limit::MAX);
        s.rmdir(a, second);
    }
    s.rmdir(a, parent);
    s.settle(a, b);
    s.work(b);
    if how & 16 != 0 {
        s.drain_all(b, site);
        s.work(a);
    }
    s.settle(b, a);
}

/// Groups are created and removed, each held by something, until no id is left; then something gives.
pub(super) fn ids_exhausted(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let how = s.byte();
    let rounds = 2 + how % 8;
    let mut last = stocktake_model::ChargeId(0);
    for _ in 0..rounds {
        let group = s.mkdir(a, GroupId::ROOT, Limit::MAX, Limit::MAX);
        if how & 16 != 0 {
            last = s.charge(a, group, 1);
        }
        s.rmdir(b, group);
        if how & 32 != 0 {
            s.work(a);
        }
    }
    if how & 64 != 0 {
        s.uncharge(a, last);
        s.drain(a);
    }
    s.settle(a, b);
    let group = s.mkdir(b, GroupId::ROOT, Limit::MAX, Limit::MAX);
    s.charge(b, group, 1);
}
