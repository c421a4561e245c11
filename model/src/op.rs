//! The vocabulary: every operation that a program may contain.

mod charge;
mod mapped;
mod mm;
mod shmem;
mod slab;

pub use charge::{FreeList, PageOp};
pub use mapped::MappedOp;
pub use mm::{MmEvent, MmOp, Via};
pub use shmem::{ShmemOp, ShmemStage};
pub use slab::SlabOp;

use crate::{Bytes, ChargeId, CpuId, GroupId, Limit, ObjcgId, ObjectId, Pages, SlotId};

/// How the counters of one run are wired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// cgroup v2: a limit write always succeeds; memory and swap are independent counters.
    #[default]
    V2,
    /// cgroup v1, hierarchical: a limit below the usage is refused with `EBUSY`. Memory and swap are counted together:
    /// a slot takes over the charge of the page.
    V1,
    /// cgroup v1 with `use_hierarchy=0`: the counter of every group is linked to root's alone, whatever its
    /// place in the tree, and objcgs are reparented to root (8de15e920dc8).
    V1Flat,
}

/// A failure that is injected into one operation: a property of the operation, not of a random generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The operation's first allocation fails.
    Alloc,
    /// Its second one fails, the first does not: what was done half way has to be undone.
    Alloc2,
    /// Its third one fails.
    Alloc3,
    /// The first trylock that the operation tries fails: the stock's `local_trylock`, the drain mutex, or a page lock.
    Trylock,
    /// The first insertion of a page where it belongs fails.
    Insert,
}

impl Failure {
    /// Which of the operation's allocations fails, from 1.
    pub fn allocation(self) -> Option<u8> {
        match self {
            Failure::Alloc => Some(1),
            Failure::Alloc2 => Some(2),
            Failure::Alloc3 => Some(3),
            Failure::Trylock | Failure::Insert => None,
        }
    }

    /// What is left of it after one allocation that did not fail.
    pub fn after_allocation(self) -> Failure {
        match self {
            Failure::Alloc3 => Failure::Alloc2,
            Failure::Alloc2 => Failure::Alloc,
            Failure::Alloc | Failure::Trylock | Failure::Insert => self,
        }
    }
}

/// One operation, the CPU it runs on, and the failure injected into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// The CPU that runs the operation.
    pub cpu: CpuId,
    /// What is done.
    pub op: Op,
    /// The failure injected into it, if any.
    pub fail: Option<Failure>,
}

/// An operation. `new` fields name what the operation creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Create a group below `parent`.
    Mkdir {
        /// The group created.
        new: GroupId,
        /// Its parent.
        parent: GroupId,
        /// Its memory limit from the start.
        max: Limit,
        /// Its swap limit from the start; v2 only.
        swap_max: Limit,
    },
    /// Remove a group: it is dying from now on; the second half of its offlining is a work item.
    Rmdir {
        /// The group removed.
        group: GroupId,
    },
    /// Write the memory limit of a group. v1 refuses a limit below the usage, v2 does not.
    SetMax {
        /// The group.
        group: GroupId,
        /// Its new limit.
        max: Limit,
    },
    /// Write the swap limit of a group; v2 only.
    SetSwapMax {
        /// The group.
        group: GroupId,
        /// Its new limit.
        max: Limit,
    },
    /// Write the limit of memory and swap together; v1 only. Refused below the usage, and below the memory limit.
    SetMemswMax {
        /// The group.
        group: GroupId,
        /// Its new limit.
        max: Limit,
    },
    /// Write the limit of kernel memory; v1 only, where kernel objects are charged by the page. Refused below the usage.
    SetKmemMax {
        /// The group.
        group: GroupId,
        /// Its new limit.
        max: Limit,
    },
    /// Charge a folio of `pages` pages to a group.
    Charge {
        /// The folio.
        new: ChargeId,
        /// The group that pays.
        group: GroupId,
        /// Its pages, at least 1.
        pages: Pages,
        /// Charge above the limit rather than fail (`__GFP_NOFAIL`).
        force: bool,
    },
    /// Free a folio.
    Uncharge {
        /// The folio.
        charge: ChargeId,
    },
    /// Take a reference to the obj_cgroup that pays for new objects of a group.
    ObjcgFrom {
        /// The reference.
        new: ObjcgId,
        /// The group.
        group: GroupId,
    },
    /// Take one more reference to an obj_cgroup through one that is held.
    ObjcgGet {
        /// The new reference.
        new: ObjcgId,
        /// The reference held.
        held: ObjcgId,
    },
    /// Give a reference to an obj_cgroup back.
    ObjcgPut {
        /// The reference.
        held: ObjcgId,
    },
    /// Charge an object of some bytes through an obj_cgroup. A live object holds a reference of its own.
    ObjCharge {
        /// The object.
        new: ObjectId,
        /// The reference through which it is charged.
        objcg: ObjcgId,
        /// Its size, at least 1.
        bytes: Bytes,
        /// Charge above the limit rather than fail (`__GFP_NOFAIL`).
        force: bool,
    },
    /// Free an object, on any CPU.
    ObjUncharge {
        /// The object.
        object: ObjectId,
    },
    /// Swap a folio out: its pages are freed, as many swap slots are charged.
    SwapOut {
        /// The slots.
        new: SlotId,
        /// The folio, gone afterwards.
        charge: ChargeId,
    },
    /// Swap in: a folio is charged, the slots are freed.
    SwapIn {
        /// The folio.
        new: ChargeId,
        /// The slots, free afterwards.
        slot: SlotId,
        /// The group of the task that faults.
        faulter: GroupId,
    },
    /// Free swap slots whose content nobody needs.
    SwapFree {
        /// The slots.
        slot: SlotId,
    },
    /// Tasks and their memory.
    Mm(MmOp),
    /// An operation of the slab allocator.
    Slab(SlabOp),
    /// Take another CPU down: its stocks are drained by the CPU that runs this.
    CpuDown {
        /// The CPU taken down.
        target: CpuId,
    },
    /// Bring a CPU up again.
    CpuUp {
        /// The CPU brought up.
        target: CpuId,
    },
    /// Isolate a CPU: no work is queued on it from elsewhere.
    CpuIsolate {
        /// The CPU isolated.
        target: CpuId,
    },
    /// End the isolation of a CPU.
    CpuUnisolate {
        /// The CPU.
        target: CpuId,
    },
    /// Drain the stocks of the CPU that runs this.
    Drain,
    /// Drain the stocks of a subtree on every CPU: this one at once, the others by work items.
    DrainAll {
        /// Root of the subtree.
        group: GroupId,
    },
    /// An operation on mapped pages, or on charges that move.
    Mapped(MappedOp),
    /// An operation that charges a page and inserts it, or frees several.
    Page(PageOp),
    /// An operation on files of shmem.
    Shmem(ShmemOp),
    /// Run one queued work item: of this CPU, or else one that is bound to no CPU.
    Work,
    /// Let a grace period elapse, and run the callbacks that waited for it.
    Grace,
    /// Drain every stock, run all work, let grace periods elapse, until nothing is left to do.
    Quiesce,
}
