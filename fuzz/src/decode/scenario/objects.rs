//! Scenes about kernel objects: byte stocks, leftovers, the last reference of an objcg.

use crate::decode::script::Script;
use crate::decode::values::BATCH;
use stocktake_model::{GroupId, Limit, PAGE_SIZE};

/// Bytes are charged on one CPU and freed on another, and both byte stocks are flushed in between.
pub(super) fn split_between_cpus(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let group = s.new_group(a);
    let decoys = s.new_group(a);
    let objcg = s.objcg(a, group);
    let decoy = s.objcg(a, decoys);
    let how = s.byte();
    let (first_bytes, bytes) = (s.bytes(), s.bytes());
    let first = s.obj_charge(b, objcg, first_bytes);
    let object = s.obj_charge(a, objcg, bytes);
    if how & 1 != 0 {
        s.obj_uncharge(b, first);
    }
    s.flush(a, decoy);
    s.obj_uncharge(b, object);
    if how & 2 != 0 {
        s.flush(b, decoy);
    }
    if how & 1 == 0 {
        s.obj_uncharge(a, first);
    }
    if how & 4 != 0 {
        s.objcg_put(a, objcg);
    }
    if how & 8 != 0 {
        s.remove(a, group, b);
    }
    if how & 16 != 0 {
        s.flush(a, decoy);
    }
}

/// Each of two CPUs keeps one part of a page; both parts reach the leftover before the last reference is put.
pub(super) fn whole_page_left_at_release(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let group = s.new_group(a);
    let decoys = s.new_group(b);
    let objcg = s.objcg(b, group);
    let decoy = s.objcg(b, decoys);
    let how = s.byte();
    let bytes = if how & 3 == 0 { s.bytes() } else { 92 };
    let first = s.obj_charge(a, objcg, bytes);
    let second = s.obj_charge(b, objcg, bytes);
    s.obj_uncharge(b, first);
    s.obj_uncharge(b, second);
    if how & 4 != 0 {
        s.drain(b);
    }
    if how & 8 != 0 {
        s.remove(b, group, a);
    }
    if how & 16 != 0 {
        // The stock of A holds the last reference.
        s.objcg_put(b, objcg);
        s.flush(a, decoy);
    } else {
        s.flush(a, decoy);
        s.objcg_put(b, objcg);
    }
    s.settle(a, b);
}

/// Two objcgs take turns on one CPU with sizes that leave remainders.
pub(super) fn two_objcgs_alternate(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let groups = [s.new_group(a), s.new_group(a)];
    let objcgs = groups.map(|group| s.objcg(a, group));
    let how = s.byte();
    let rounds = 1 + usize::from(how & 3);
    let mut objects = [[stocktake_model::ObjectId(0); 2]; 4];
    for round in &mut objects[..rounds] {
        for (object, objcg) in round.iter_mut().zip(objcgs) {
            let bytes = s.bytes();
            *object = s.obj_charge(a, objcg, bytes);
        }
    }
    let freed_on = if how & 4 != 0 { b } else { a };
    for round in &objects[..rounds] {
        for object in round {
            if s.chance(3) {
                s.obj_uncharge(freed_on, *object);
            }
        }
    }
    if how & 8 != 0 {
        s.remove(a, groups[0], b);
    }
    for (objcg, put) in objcgs.into_iter().zip([16, 32]) {
        if how & put != 0 {
            s.objcg_put(a, objcg);
        }
    }
    if how & 64 != 0 {
        s.drain(freed_on);
    }
}

/// The byte stock comes to hold exactly a page, which it keeps, and then one byte more, which it does not.
pub(super) fn full_page_in_byte_stock(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let group = s.new_group(a);
    let objcg = s.objcg(a, group);
    let how = s.byte();
    let bytes = s.bytes().min(PAGE_SIZE - 1);
    let extra = s.obj_charge(b, objcg, 1 + u64::from(how >> 5));
    let object = s.obj_charge(a, objcg, bytes);
    s.obj_uncharge(a, object);
    if how & 1 != 0 {
        // Served by the full page.
        let whole = s.obj_charge(a, objcg, PAGE_SIZE);
        if how & 2 != 0 {
            s.obj_uncharge(a, whole);
        }
    }
    if how & 4 != 0 {
        s.obj_uncharge(a, extra);
    }
    if how & 8 != 0 {
        s.drain_all(b, group);
        s.work(a);
    }
    if how & 16 != 0 {
        s.objcg_put(a, objcg);
        s.remove(b, group, a);
    }
}

/// A byte stock has the only reference to an objcg, whose group may be gone, when it is drained.
pub(super) fn last_reference_put_by_drain(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let group = s.new_group(a);
    let decoys = s.new_group(a);
    let objcg = s.objcg(a, group);
    let decoy = s.objcg(b, decoys);
    let how = s.byte();
    let bytes = s.bytes();
    let object = s.obj_charge(a, objcg, bytes);
    if how & 1 != 0 {
        let more = s.objcg_get(b, objcg);
        s.objcg_put(a, objcg);
        s.objcg_put(b, more);
    } else {
        s.objcg_put(b, objcg);
    }
    if how & 2 != 0 {
        s.remove(b, group, a);
    }
    s.obj_uncharge(b, object);
    if how & 2 == 0 {
        s.remove(b, group, a);
    }
    s.flush(b, decoy);
    if how & 4 != 0 {
        s.flush(a, decoy);
    }
    s.settle(a, b);
}

/// The group is full, so an object is refused; the program frees it all the same.
pub(super) fn refused_at_limit(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let max = u64::from(how & 3);
    let group = s.mkdir(a, site, Limit::pages(max), Limit::MAX);
    let objcg = s.objcg(a, group);
    let small = s.bytes();
    let first = s.obj_charge(a, objcg, small);
    if how & 4 != 0 && max > 0 {
        s.charge(a, group, max);
    }
    let refused = s.obj_charge(b, objcg, (max + 1) * PAGE_SIZE);
    if how & 8 != 0 {
        s.fail = Some(stocktake_model::Failure::Alloc);
    }
    let again = s.obj_charge(b, objcg, 92);
    s.obj_uncharge(a, refused);
    s.obj_uncharge(a, again);
    s.obj_uncharge(b, first);
    if how & 16 != 0 {
        s.drain_all(a, group);
        s.work(b);
    }
    if how & 32 != 0 {
        s.set_max(a, group, Limit::pages(max + BATCH));
        s.obj_charge(a, objcg, small);
    }
}

/// Objects of root are not charged; those inherited by root from a removed group were.
pub(super) fn objects_of_root(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let group = s.mkdir(a, GroupId::ROOT, Limit::MAX, Limit::MAX);
    let how = s.byte();
    let objcg = s.objcg(a, group);
    let of_root = s.objcg(a, GroupId::ROOT);
    let (bytes, root_bytes) = (s.bytes(), s.bytes());
    let object = s.obj_charge(a, objcg, bytes);
    let root_object = s.obj_charge(a, of_root, root_bytes);
    if how & 1 != 0 {
        s.remove(b, group, a);
    }
    if how & 2 != 0 {
        let inherited_bytes = s.bytes();
        let inherited = s.obj_charge(b, objcg, inherited_bytes);
        s.obj_uncharge(a, inherited);
    }
    s.obj_uncharge(b, root_object);
    s.obj_uncharge(b, object);
    if how & 4 != 0 {
        s.objcg_put(a, objcg);
        s.objcg_put(b, of_root);
    }
    s.drain(b);
    if how & 8 != 0 {
        s.drain(a);
    }
}

/// Kernel memory meets a limit of its own, which v1 has where objects are charged by the page.
pub(super) fn kmem_limit_met(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let how = s.byte();
    let site = s.site();
    let parent = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    let group = s.mkdir(a, parent, Limit::MAX, Limit::MAX);
    let limited = if how & 1 != 0 { parent } else { group };
    s.set_kmem_max(b, limited, Limit::pages(1 + u64::from(how >> 1 & 1)));
    let objcg = s.objcg(a, group);
    let first = s.obj_charge(a, objcg, if how & 4 != 0 { 4097 } else { 100 });
    s.obj_charge(b, objcg, 4096);
    let second = s.obj_charge(a, objcg, 1);
    if how & 8 != 0 {
        s.obj_charge_force(b, objcg, 4097);
    }
    if how & 16 != 0 {
        s.set_kmem_max(a, limited, Limit::pages(0));
    }
    if how & 32 != 0 {
        s.obj_uncharge(b, first);
        s.obj_charge(a, objcg, 4096);
    }
    if how & 64 != 0 {
        s.rmdir(a, group);
        s.work(b);
    }
    s.obj_uncharge(a, second);
    s.objcg_put(b, objcg);
    s.settle(a, b);
}
