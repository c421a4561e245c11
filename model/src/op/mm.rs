//! Operations on tasks and their memory: which memcg does an mm charge?

use crate::{ChargeId, GroupId, MmUserId, Pages, TaskId};

/// Through what an mm is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// The mm of a task: of one that runs, of a child that is being forked, or the one that a kernel thread works on.
    Task(TaskId),
    /// A user that is no task.
    User(MmUserId),
}

/// Something that happens to an mm and is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MmEvent {
    /// A page fault (`PGFAULT`).
    Fault,
    /// A page fault that waited for a device (`PGMAJFAULT`).
    MajorFault,
    /// Its process was killed for want of memory (`OOM_KILL`).
    OomKill,
}

impl MmEvent {
    /// All of them.
    pub const ALL: [MmEvent; 3] = [MmEvent::Fault, MmEvent::MajorFault, MmEvent::OomKill];
}

/// An operation on tasks and mms. `new` fields name what the operation creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MmOp {
    /// Start a process with an mm of its own in a group, as a child of init.
    Task {
        /// The process.
        new: TaskId,
        /// Where it runs.
        group: GroupId,
    },
    /// Start a kernel thread, in root.
    Kthread {
        /// The kernel thread.
        new: TaskId,
    },
    /// A kernel thread works on the mm of a task from now on (`use_mm`).
    Use {
        /// The kernel thread.
        kthread: TaskId,
        /// The task.
        of: TaskId,
    },
    /// Fork: a child with a copy of the mm.
    Fork {
        /// The child.
        new: TaskId,
        /// Its parent.
        parent: TaskId,
    },
    /// First half of a fork: the copy of the mm is made and can be charged, the child is in no group yet.
    ForkBegin {
        /// The child.
        new: TaskId,
        /// Its parent.
        parent: TaskId,
    },
    /// Second half of a fork: the child runs in its parent's group. `fail=alloc`: the fork fails after all.
    ForkEnd {
        /// The child.
        child: TaskId,
    },
    /// Start a thread in the process of a task.
    Thread {
        /// The thread.
        new: TaskId,
        /// A thread of the same process.
        of: TaskId,
    },
    /// Start a process that shares its parent's mm (`vfork`, `CLONE_VM` without `CLONE_THREAD`).
    Vfork {
        /// The child.
        new: TaskId,
        /// Its parent.
        parent: TaskId,
    },
    /// First half of an exec: the new mm is made; the exec is its user.
    ExecMake {
        /// The exec as a user of the new mm; giving it back is a failed exec.
        new: MmUserId,
        /// Who execs.
        task: TaskId,
    },
    /// Second half of an exec: the new mm takes the place of the old one.
    ExecCommit {
        /// The exec.
        exec: MmUserId,
    },
    /// A task exits.
    Exit {
        /// The task.
        task: TaskId,
    },
    /// First half of an exit: the task counts no longer as one of its group.
    ExitBegin {
        /// The task.
        task: TaskId,
    },
    /// Second half of an exit: it lets go of its mm and of its group, and is gone.
    ExitEnd {
        /// The task.
        task: TaskId,
    },
    /// Move the process of a task to another group.
    Migrate {
        /// A thread of the process.
        task: TaskId,
        /// Where it goes.
        group: GroupId,
    },
    /// Move the process of a task to another group, and the charges of its mm with it if it is the leader and its mm
    /// is charged there (`memory.move_charge_at_immigrate`). v1 only; the answer is whether they moved.
    MigrateCharges {
        /// A thread of the process.
        task: TaskId,
        /// Where it goes.
        group: GroupId,
    },
    /// A user that is no task takes hold of an mm: swapoff, ptrace, a reader of `/proc`. Who only holds on to it may become
    /// a user too (`mmget_not_zero`: ksm, userfaultfd, a reader of `/proc/PID/mem`); if nobody uses it by then, the answer
    /// is `ENOENT`.
    Get {
        /// The user.
        new: MmUserId,
        /// The mm.
        of: Via,
    },
    /// Somebody holds on to an mm without using it (`mmgrab`): khugepaged, that works on it later. Its memory stays, also
    /// when its last user has let go. Through it the mm can be charged; if nobody uses it by then, the answer is `ENOENT`.
    Grab {
        /// The holder, who lets go by [`MmOp::Put`].
        new: MmUserId,
        /// The mm.
        of: Via,
    },
    /// A user that is no task, or a holder, lets go of its mm.
    Put {
        /// The user.
        user: MmUserId,
    },
    /// Charge a folio to the group that an mm charges.
    Charge {
        /// The folio.
        new: ChargeId,
        /// The mm.
        through: Via,
        /// Its pages, at least 1.
        pages: Pages,
    },
    /// Ask whether the group that an mm charges is in a subtree (`mm_match_cgroup`).
    Match {
        /// The mm.
        through: Via,
        /// Root of the subtree.
        group: GroupId,
    },
    /// Count an event of an mm in the group that it charges (`count_memcg_event_mm`), which is the answer.
    Event {
        /// The mm.
        through: Via,
        /// What has happened.
        event: MmEvent,
    },
    /// A task opens a socket: its buffers are charged to the group in which the task is (`mem_cgroup_sk_alloc`).
    Socket {
        /// The buffers.
        new: ChargeId,
        /// The task.
        task: TaskId,
        /// Their pages, at least 1.
        pages: Pages,
    },
}
