//! Operations on kmem_caches and on the objects that are allocated from them.

use crate::{Bytes, CacheId, GroupId, SlabObjectId};

/// An operation of the slab allocator. `new` fields name what the operation creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlabOp {
    /// Create a kmem_cache: objects of one size, in slabs of `2^order` pages.
    CreateCache {
        /// The cache.
        new: CacheId,
        /// Size of its objects, 1 to [`SlabOp::MOST_SIZE`].
        size: Bytes,
        /// Order of its slabs, 0 to [`SlabOp::MOST_ORDER`]; raised until one object fits.
        order: u8,
        /// A slab that has become empty is freed only after a grace period (`SLAB_TYPESAFE_BY_RCU`).
        rcu: bool,
    },
    /// Destroy a kmem_cache. Refused while objects of it live.
    DestroyCache {
        /// The cache, gone afterwards.
        cache: CacheId,
    },
    /// Allocate an object, by a task of a group.
    Alloc {
        /// The object.
        new: SlabObjectId,
        /// The cache that it is allocated from.
        cache: CacheId,
        /// The group of the task.
        group: GroupId,
    },
    /// Free an object, on any CPU.
    Free {
        /// The object.
        object: SlabObjectId,
    },
}

impl SlabOp {
    /// The highest order of a slab.
    pub const MOST_ORDER: u8 = 3;
    /// The largest object: one that fills a slab of the highest order.
    pub const MOST_SIZE: u64 = crate::PAGE_SIZE << SlabOp::MOST_ORDER;
}
