//! Pages in page tables, and charges that move: the vocabulary of seed 002.

use crate::{ChargeId, GroupId};

/// An operation on the file_mapped statistic, or one that moves charges from group to group.
///
/// Mapping a page has two halves: the change of its mapcount, and the update of the statistic, which is due only
/// when the mapcount leaves zero or returns to it. The operations that end in `Begin` and `End` are one of the
/// halves each: what other CPUs do may come between them. Until its second half the CPU is in the middle of the
/// operation and runs nothing else.
///
/// Moving exists in v1 alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MappedOp {
    /// Put a folio into one more page table.
    Map {
        /// The folio.
        charge: ChargeId,
    },
    /// The first half of it.
    MapBegin {
        /// The folio.
        charge: ChargeId,
    },
    /// The second half, on the same CPU.
    MapEnd {
        /// The folio.
        charge: ChargeId,
    },
    /// Take a folio out of one page table.
    Unmap {
        /// The folio.
        charge: ChargeId,
    },
    /// The first half of it. Once the mapcount is zero the folio may be freed before the second half.
    UnmapBegin {
        /// The folio.
        charge: ChargeId,
    },
    /// The second half, on the same CPU.
    UnmapEnd {
        /// The folio, which may be gone.
        charge: ChargeId,
    },
    /// Begin to move charges, as a task that migrates with its charges does. Several movers may be at work, also
    /// several of the same group.
    MoveStart {
        /// The group whose charges are moved.
        from: GroupId,
        /// The group that gets them.
        to: GroupId,
    },
    /// Move the charge of one folio within a move that has begun. It is charged to its new group before it is
    /// uncharged from the old one.
    MovePage {
        /// The folio.
        charge: ChargeId,
        /// The group that gets it.
        to: GroupId,
    },
    /// End a move.
    MoveEnd {
        /// The group whose charges were moved.
        from: GroupId,
        /// The group that got them.
        to: GroupId,
    },
    /// Move every folio of a group to its parent, one after the other: `memory.force_empty`, and the first part
    /// of a v1 rmdir. When one does not fit, those before it have been moved, and the answer is `ENOMEM`.
    ForceEmpty {
        /// The group.
        group: GroupId,
    },
}
