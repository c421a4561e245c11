//! Scenes about kmem_caches: objects that outlive their group, caches that are destroyed while something is under way.

use crate::decode::script::Script;
use stocktake_model::{CacheId, CpuId, Failure, GroupId, Limit, SlabObjectId};

/// Two objects by tasks of a group, with the work between them that gives the group a cache of its own where groups
/// have caches; the second one is charged everywhere.
fn two_objects(s: &mut Script<'_, '_>, at: CpuId, cache: CacheId, group: GroupId) -> [SlabObjectId; 2] {
    let first = s.slab_alloc(at, cache, group);
    s.work(at);
    [first, s.slab_alloc(at, cache, group)]
}

/// An object lives on when its group, and then its group's parent, are removed.
pub(super) fn object_outlives_groups(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let cache = s.random_cache(a);
    let parent = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    let group = if how & 1 != 0 { s.mkdir(a, parent, Limit::MAX, Limit::MAX) } else { parent };
    let objects = two_objects(s, a, cache, group);
    if how & 2 != 0 {
        s.slab_free(b, objects[0]);
    }
    s.remove(a, group, b);
    if how & 4 != 0 {
        s.slab_free(b, objects[1]);
        s.settle(a, b);
    }
    if how & 1 != 0 {
        s.remove(b, parent, a);
    }
    if how & 8 != 0 {
        s.slab_free(a, objects[1]);
    }
    s.settle(a, b);
    if how & 16 != 0 {
        s.slab_free(a, objects[0]);
        s.cache_destroy(a, cache);
        s.settle(b, a);
    }
}

/// A cache is destroyed while that of a removed group is on its way out, at any stage of it.
pub(super) fn destroyed_after_removal(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let group = s.new_group(a);
    let how = s.byte();
    let cache = s.random_cache(a);
    let objects = two_objects(s, a, cache, group);
    for object in objects {
        s.slab_free(b, object);
    }
    if how & 1 != 0 {
        s.rmdir(a, group);
        s.work(a);
    }
    if how & 2 != 0 {
        s.grace(b);
    }
    if how & 4 != 0 {
        s.work(b);
    }
    s.cache_destroy(a, cache);
    if how & 8 != 0 {
        s.grace(a);
    }
    if how & 16 != 0 {
        s.remove(a, group, b);
    }
    s.settle(a, b);
}

/// No page can be had for a slab, or none for what an allocation has to schedule.
pub(super) fn allocation_fails(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let group = s.new_group(a);
    let how = s.byte();
    let cache = s.random_cache(a);
    if how & 1 != 0 {
        s.slab_alloc(a, cache, group);
        s.work(a);
    }
    s.fail = Some(Failure::Alloc);
    let refused = s.slab_alloc(a, cache, group);
    let object = s.slab_alloc(b, cache, group);
    if how & 2 != 0 {
        s.fail = Some(Failure::Alloc);
        s.work(b);
    }
    if how & 4 != 0 {
        s.remove(a, group, b);
    }
    s.slab_free(a, object);
    s.slab_free(b, refused);
    s.settle(a, b);
}

/// A slab does not fit below the limit; once it did, its other objects need no more.
pub(super) fn slab_meets_limit(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let group = s.mkdir(a, site, Limit::pages(u64::from(how & 3)), Limit::MAX);
    let cache = s.cache_create(a, 2048, how >> 2 & 1, how & 8 != 0);
    s.slab_alloc(a, cache, group);
    s.work(a);
    let mut last = SlabObjectId(0);
    for _ in 0..2 + (how >> 6) {
        last = s.slab_alloc(a, cache, group);
    }
    if how & 16 != 0 {
        s.set_max(b, group, Limit::pages(0));
        s.slab_free(b, last);
        s.slab_alloc(a, cache, group);
    }
    if how & 32 != 0 {
        s.remove(b, group, a);
    }
    s.settle(a, b);
}
