//! Names of the objects that a program creates.
//!
//! Each operation that creates something names it with a fresh number, counted per kind from 0 within one
//! program, and never reused in that program. A number whose creating operation failed, or was dropped, names
//! nothing: operations on it are skipped.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl $name {
            /// The number as an index.
            pub fn index(self) -> usize {
                usize::from(self.0)
            }
        }
    };
}

id! {
    /// A CPU, counted from 0.
    CpuId(u8)
}
id! {
    /// A memory cgroup (memcg). [`GroupId::ROOT`] always exists; the first `mkdir` of a program makes group 1.
    GroupId(u16)
}
id! {
    /// A reference to an obj_cgroup held by the program: `o1 = objcg A` takes it, `objcg.put o1` gives it back.
    ObjcgId(u16)
}
id! {
    /// A page charge: one folio of some pages, `p1 = charge A 3` or `p2 = swap.in s1 A`.
    ChargeId(u16)
}
id! {
    /// A charged kernel object of some bytes: `c1 = obj.charge o1 3000`.
    ObjectId(u16)
}
id! {
    /// The swap slots of one swapped-out folio: `s1 = swap.out p1`.
    SlotId(u16)
}

id! {
    /// A task: `t1 = task A`, `t2 = fork t1`, `k1 = kthread`.
    TaskId(u16)
}
id! {
    /// A user of an mm that is no task: `m1 = mm.get t1`, or an exec that is not finished, `m1 = exec.make t1`.
    MmUserId(u16)
}
id! {
    /// A kmem_cache: `k1 = cache.create 256`.
    CacheId(u16)
}
id! {
    /// An object allocated from a kmem_cache: `x1 = slab.alloc k1 A`.
    SlabObjectId(u16)
}

id! {
    /// A file of shmem: `f1 = shmem.file`.
    FileId(u16)
}

impl GroupId {
    /// The root cgroup.
    pub const ROOT: GroupId = GroupId(0);
}
