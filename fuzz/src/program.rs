//! A program: what one execution runs, however it was made (bytes, a `.trace` file, the minimiser).
//!
//! Any subsequence of a program's steps can be run: a step whose operands do not exist is skipped and counted.

use stocktake_impl::{Design, Fault};
use stocktake_model::{
    CacheId, ChargeId, CpuId, FileId, GroupId, MappedOp, MmEvent, MmOp, MmUserId, Mode, ObjcgId, ObjectId,
    Op, Outcome, PageOp, ShmemOp, ShmemStage, SlabObjectId, SlabOp, SlotId, TaskId,
};

/// One program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// The situation it runs in.
    pub header: Header,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Index of the first step that runs in its CPU's own lane; `None` for a sequential program.
    pub parallel: Option<usize>,
    /// The names that a trace file gave to what it creates; generated programs have none.
    pub names: Names,
}

/// The situation a program runs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// CPUs, 1 to [`Header::MAX_CPUS`].
    pub cpus: u8,
    /// How the counters are wired.
    pub mode: Mode,
    /// Memcg ids that can be in use at once, root's not counted.
    pub ids: u16,
    /// Swap slots.
    pub slots: u16,
    /// The design of each room of the machine under test.
    pub design: Design,
    /// The faults planted into it.
    pub faults: Vec<Fault>,
    /// What a replay must find.
    pub expect: Expect,
    /// The recorded choices of the scheduler, for a parallel program: the lane that runs next, for each point at
    /// which more than one can. Empty if nothing has been recorded.
    pub schedule: Vec<u8>,
    /// How lanes are chosen as long as there is no schedule. No part of a trace.
    pub drive: Drive,
}

/// How the lanes of a program are chosen that has no recorded schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Drive {
    /// All schedules are run, up to a number of preemptions and of executions.
    #[default]
    Explore,
    /// Each byte is a stretch of one lane: which, in the low three bits, and for how many points.
    Bytes(Vec<u8>),
    /// A lane for each point, as in a schedule; where one does not apply, no lane is preempted.
    Guided(Vec<u8>),
    /// At random.
    Random(u64),
    /// Random priorities, and so many random points at which the lane that runs falls behind all others.
    Pct {
        /// Makes the priorities and the points.
        seed: u64,
        /// The number of points.
        depth: u8,
    },
    /// A random priority for what each lane does next, drawn anew where it matters to others.
    Partial(u64),
    /// In turn, each for so many points.
    RoundRobin(u8),
}

impl Header {
    /// The most CPUs that a program may have.
    pub const MAX_CPUS: u8 = 8;
    /// What a schedule says where an interrupt comes: the number behind those of all CPUs.
    pub const IRQ: u8 = Header::MAX_CPUS;
    /// The most memcg ids, and the most swap slots.
    pub const MAX_IDS: u16 = 4096;
}

impl Header {
    /// The design that is run: a fault brings along the variant of the room that it is planted into.
    pub fn design_with_faults(&self) -> Design {
        self.faults.iter().fold(self.design, |design, fault| fault.design(design)).consistent()
    }
}

impl Default for Header {
    fn default() -> Header {
        Header {
            cpus: 2,
            mode: Mode::V2,
            ids: 64,
            slots: 64,
            design: Design::default(),
            faults: Vec::new(),
            expect: Expect::Ok,
            schedule: Vec::new(),
            drive: Drive::Explore,
        }
    }
}

/// What a replay of a trace must find.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// No violation.
    #[default]
    Ok,
    /// A violation of this invariant, with this signature where one is given.
    Violation {
        /// The invariant's name, as `I5`.
        invariant: String,
        /// The signature, if the trace insists on one.
        signature: Option<String>,
    },
}

/// One step of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done. Its `cpu` is that of the line's `@k`.
    pub action: Action,
    /// The outcome that the trace insists on (`-> ENOMEM`), if any.
    pub outcome: Option<Outcome>,
    /// Whether it is an interrupt: it may run in the middle of the operation that stands before it in its lane, where
    /// that lends the CPU, and runs after it otherwise. Only for operations of which [`interrupts`] says so.
    pub irq: bool,
    /// The line of the trace file, from 1; 0 for a generated step.
    pub line: u32,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An operation of the vocabulary.
    Op(stocktake_model::Step),
    /// A number that a hand-written trace insists on.
    Assert(CpuId, Assertion),
}

/// A statement about the machine under test. Page counts are exact and include what is cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assertion {
    /// `usage A 3`: pages charged at the level of A.
    Usage(GroupId, u64),
    /// `swap A 3`: swap slots charged at the level of A.
    Swap(GroupId, u64),
    /// `memsw A 3`: pages and swap slots charged together at the level of A; v1 only.
    Memsw(GroupId, u64),
    /// `kmem A 3`: pages of kernel objects at the level of A, where they have a counter of their own.
    Kmem(GroupId, u64),
    /// `pgfault A 3`: events of mms that A itself has counted.
    Event(GroupId, MmEvent, u64),
    /// `failcnt A 1`: charges that failed at the level of A.
    Failcnt(GroupId, u64),
    /// `watermark A 64`: the most pages ever charged at the level of A.
    Watermark(GroupId, u64),
    /// `state A online`.
    State(GroupId, State),
    /// `ids A 2`: id references of A.
    Ids(GroupId, u64),
    /// `stock A 63`: pages of A in the page stock of this CPU.
    Stock(GroupId, u64),
    /// `bytes o1 4004`: bytes of the objcg in the byte stock of this CPU.
    Bytes(ObjcgId, u64),
    /// `leftover o1 92`: `nr_charged_bytes` of the objcg.
    Leftover(ObjcgId, u64),
    /// `refs A 3`: css references of A.
    Refs(GroupId, u64),
    /// `cache.refs k1 A 2`: references of the cache that k1 has for A.
    CacheRefs(CacheId, GroupId, u64),
    /// `owner o1 A`: the group that the objcg is attached to now.
    Owner(ObjcgId, GroupId),
    /// `visited 3`: tasks that all searches for another user of an mm have looked at so far.
    Visited(u64),
    /// `mapped A 3`: pages that the statistic of A counts as mapped.
    Mapped(GroupId, u64),
    /// `mark A 1`: movers of A that this CPU sees.
    Mark(GroupId, u64),
    /// `stranded 1`: swap entries that nothing leads to, though the swap cache has a page for them.
    Stranded(u64),
    /// `slots 3`: swap slots in use.
    Slots(u64),
}

/// The stage of life of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can be charged and have children.
    Online,
    /// Removed; the second half of its offlining has not run.
    Offlining,
    /// Offlined; something still refers to it.
    Dying,
    /// Its last reference is gone; it waits for a work item or a grace period.
    Released,
    /// Its memory may be somebody else's.
    Freed,
}

/// Names of what a program creates, in the order of the numbers in [`stocktake_model::GroupId`] and its like.
///
/// A missing name is generated: `g1`, `o0`, `p0`, `c0`, `s0`, `k0`, `x0`, `f0`. A group's name is the last part of its path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Names of groups; index 0 is root and is not used.
    pub groups: Vec<String>,
    /// Names of references to obj_cgroups.
    pub objcgs: Vec<String>,
    /// Names of folios.
    pub charges: Vec<String>,
    /// Names of objects.
    pub objects: Vec<String>,
    /// Names of swapped-out folios.
    pub slots: Vec<String>,
    /// Names of tasks.
    pub tasks: Vec<String>,
    /// Names of users of mms.
    pub users: Vec<String>,
    /// Names of kmem_caches.
    pub caches: Vec<String>,
    /// Names of objects of kmem_caches.
    pub slab_objects: Vec<String>,
    /// Names of files of shmem.
    pub files: Vec<String>,
}

/// How many of one kind a program creates. Names need not be given in order: the two can be far apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Room for their names: one more than the highest number in use.
    pub names: usize,
    /// Operations that make one.
    pub made: usize,
}

impl Count {
    fn see(&mut self, number: u16) {
        self.names = self.names.max(usize::from(number) + 1);
        self.made += 1;
    }
}

/// How many of each kind a program creates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Population {
    /// Groups, root included.
    pub groups: Count,
    /// References to obj_cgroups.
    pub objcgs: Count,
    /// Folios.
    pub charges: Count,
    /// Objects.
    pub objects: Count,
    /// Swapped-out folios.
    pub slots: Count,
    /// Tasks.
    pub tasks: Count,
    /// Users of mms that are no tasks.
    pub users: Count,
    /// kmem_caches.
    pub caches: Count,
    /// Objects of kmem_caches.
    pub slab_objects: Count,
    /// Files of shmem.
    pub files: Count,
    /// The most pages of shmem that can exist at once.
    pub shmem_pages: usize,
}

impl Program {
    /// How many of each kind the program creates, so that tables can be laid out before it runs.
    pub fn population(&self) -> Population {
        let mut most = Population { groups: Count { names: 1, made: 1 }, ..Population::default() };
        let mut see = |op: &Op| match *op {
            Op::Mkdir { new: GroupId(n), .. } => most.groups.see(n),
            Op::ObjcgFrom { new: ObjcgId(n), .. } | Op::ObjcgGet { new: ObjcgId(n), .. } => {
                most.objcgs.see(n);
            }
            Op::Charge { new: ChargeId(n), .. } | Op::SwapIn { new: ChargeId(n), .. } => {
                most.charges.see(n);
            }
            Op::Mm(op) => match op {
                MmOp::Charge { new: ChargeId(n), .. } | MmOp::Socket { new: ChargeId(n), .. } => {
                    most.charges.see(n)
                }
                MmOp::Task { new: TaskId(n), .. }
                | MmOp::Kthread { new: TaskId(n) }
                | MmOp::Fork { new: TaskId(n), .. }
                | MmOp::ForkBegin { new: TaskId(n), .. }
                | MmOp::Thread { new: TaskId(n), .. }
                | MmOp::Vfork { new: TaskId(n), .. } => most.tasks.see(n),
                MmOp::ExecMake { new: MmUserId(n), .. }
                | MmOp::Get { new: MmUserId(n), .. }
                | MmOp::Grab { new: MmUserId(n), .. } => {
                    most.users.see(n);
                }
                _ => {}
            },
            Op::ObjCharge { new: ObjectId(n), .. } => most.objects.see(n),
            Op::SwapOut { new: SlotId(n), .. } => most.slots.see(n),
            Op::Slab(SlabOp::CreateCache { new: CacheId(n), .. }) => {
                most.caches.see(n);
            }
            Op::Slab(SlabOp::Alloc { new: SlabObjectId(n), .. }) => {
                most.slab_objects.see(n);
            }
            Op::Page(op) => match op {
                PageOp::File { new, .. } | PageOp::Anon { new, .. } | PageOp::Hugetlb { new } => {
                    most.charges.see(new.0);
                }
                PageOp::FreeList { .. } => {}
            },
            Op::Shmem(op) => match op {
                ShmemOp::File { new: FileId(n) } => most.files.see(n),
                // A fault that tries again, or that gives up a huge page, has the old page for a moment still.
                ShmemOp::Fault { .. } | ShmemOp::Stage(ShmemStage::Read | ShmemStage::Charge) => {
                    most.shmem_pages += 2;
                }
                _ => {}
            },
            _ => {}
        };
        for step in &self.steps {
            if let Action::Op(step) = &step.action {
                see(&step.op);
            }
        }
        most
    }

    /// The same situation and names with other steps.
    pub fn with_steps(&self, steps: Vec<Step>) -> Program {
        Program { header: self.header.clone(), steps, parallel: None, names: self.names.clone() }
    }
}

/// Whether an operation is one of those that the kernel does in interrupts too: pages, objects and references that are
/// let go when an I/O or a grace period has ended, and updates of statistics, as at the end of a writeback. None of
/// them makes anything that has a name.
pub fn interrupts(op: &Op) -> bool {
    match op {
        Op::Uncharge { .. } | Op::ObjUncharge { .. } | Op::ObjcgPut { .. } => true,
        Op::Slab(op) => matches!(op, SlabOp::Free { .. }),
        Op::Mapped(op) => matches!(op, MappedOp::Map { .. } | MappedOp::Unmap { .. }),
        _ => false,
    }
}

impl Step {
    /// The operation, if the step is an interrupt.
    pub fn interrupt(&self) -> Option<&stocktake_model::Step> {
        match &self.action {
            Action::Op(step) if self.irq && interrupts(&step.op) => Some(step),
            _ => None,
        }
    }

    /// A generated step.
    pub fn op(step: stocktake_model::Step) -> Step {
        Step { action: Action::Op(step), outcome: None, irq: false, line: 0 }
    }

    /// The CPU that runs it.
    pub fn cpu(&self) -> CpuId {
        match self.action {
            Action::Op(step) => step.cpu,
            Action::Assert(cpu, _) => cpu,
        }
    }
}
