//! Files of shmem, their way to swap and back, and holes in them: the vocabulary of seed 004, second half.

use crate::{FileId, GroupId};

/// An operation on files of shmem. A file has one index entry, for a page or for a huge page.
///
/// Faulting has stages, and each of them can be an operation of its own, so that others come between them. From its
/// lookup to its finish the CPU is in the middle of the fault and runs nothing but its stages. A stage that fails leads
/// to the finish, which ends the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShmemOp {
    /// Create a file.
    File {
        /// The file.
        new: FileId,
    },
    /// Fault on a file from beginning to end, by a task of a group: the answer is the version that the page contains.
    Fault {
        /// The file.
        file: FileId,
        /// The group of the task.
        group: GroupId,
        /// Where there is a hole, try a huge page first.
        huge: bool,
    },
    /// First stage: what the index has. If it is a page, the fault is over.
    Lookup {
        /// The file.
        file: FileId,
        /// The group of the task.
        group: GroupId,
        /// Where there is a hole, try a huge page first.
        huge: bool,
    },
    /// Next stage of the fault that this CPU is in the middle of.
    Stage(ShmemStage),
    /// Write to the page of a file: a new version.
    Write {
        /// The file.
        file: FileId,
    },
    /// Swap a file's page out: its writeback begins, and the swap cache keeps it.
    Out {
        /// The file.
        file: FileId,
    },
    /// The writeback of a file's page ends.
    Written {
        /// The file.
        file: FileId,
    },
    /// The swap device frees its copy of a page that was read, so that the one in the swap cache is the only one.
    Notify {
        /// The file.
        file: FileId,
    },
    /// Punch a hole.
    Punch {
        /// The file.
        file: FileId,
    },
    /// Reclaim every page of the swap cache that is not locked.
    Reclaim,
    /// Swap everything in, by a task of a group: swapoff.
    Swapoff {
        /// The group of the task.
        group: GroupId,
    },
}

/// The stages that follow a lookup, in their order. After a lookup that found a hole come [`ShmemStage::Charge`] and
/// those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShmemStage {
    /// Find the page in the swap cache, or read it into it.
    Read,
    /// Lock it.
    Lock,
    /// Confirm that page and index entry belong together, and wait for writeback.
    Confirm,
    /// Charge it.
    Charge,
    /// Put it into the index.
    Insert,
    /// End the fault: the version that the page contains, or what has failed.
    Finish,
}

impl ShmemStage {
    /// All of them.
    pub const ALL: [ShmemStage; 6] = [
        ShmemStage::Read,
        ShmemStage::Lock,
        ShmemStage::Confirm,
        ShmemStage::Charge,
        ShmemStage::Insert,
        ShmemStage::Finish,
    ];
}
