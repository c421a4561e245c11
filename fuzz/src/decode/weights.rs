//! How probable each operation is in one execution.
//!
//! Swarm testing: without weights of its own each program would contain a little of everything, and hardly ever
//! enough of one thing to fill a stock, empty an id space or reach a limit.

use super::input::Input;
use super::tags::Kind;
use std::ops::Range;
use stocktake_model::Mode;

/// Classes of operations that are weighted together; the number of all but the last is the place of its two bits in
/// the header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Groups = 0,
    Limits = 1,
    SwapLimits = 2,
    Folios = 3,
    Force = 4,
    Refs = 5,
    Objects = 6,
    Swap = 7,
    Hotplug = 8,
    Isolation = 9,
    Drains = 10,
    Deferred = 11,
    /// From here on classes have bytes of their own.
    Tasks = 12,
    Mapping = 13,
    Moving = 14,
    Slab = 15,
    Pages = 16,
    Files = 17,
}

/// How much each class weighs, by its number.
type ClassWeights = [u16; CLASSES];
const CLASSES: usize = 18;
/// Classes with bits in the header.
const COMMON: usize = 12;

/// Weight of each operation within its class, when the class is at 1.
const BASE: [(Kind, Class, u16); 81] = [
    (Kind::Mkdir, Class::Groups, 5),
    (Kind::Rmdir, Class::Groups, 5),
    (Kind::SetMax, Class::Limits, 5),
    (Kind::SetSwapMax, Class::SwapLimits, 3),
    (Kind::Charge, Class::Folios, 12),
    (Kind::Uncharge, Class::Folios, 8),
    (Kind::ChargeForce, Class::Force, 2),
    (Kind::ObjcgFrom, Class::Refs, 5),
    (Kind::ObjcgGet, Class::Refs, 1),
    (Kind::ObjcgPut, Class::Refs, 5),
    (Kind::ObjCharge, Class::Objects, 14),
    (Kind::ObjUncharge, Class::Objects, 10),
    (Kind::ObjChargeForce, Class::Force, 1),
    (Kind::SwapOut, Class::Swap, 7),
    (Kind::SwapIn, Class::Swap, 4),
    (Kind::SwapFree, Class::Swap, 4),
    (Kind::CpuDown, Class::Hotplug, 2),
    (Kind::CpuUp, Class::Hotplug, 2),
    (Kind::CpuIsolate, Class::Isolation, 2),
    (Kind::CpuUnisolate, Class::Isolation, 2),
    (Kind::Drain, Class::Drains, 4),
    (Kind::DrainAll, Class::Drains, 5),
    (Kind::Work, Class::Deferred, 8),
    (Kind::Grace, Class::Deferred, 3),
    (Kind::Quiesce, Class::Deferred, 1),
    (Kind::MmTask, Class::Tasks, 6),
    (Kind::MmKthread, Class::Tasks, 2),
    (Kind::MmUse, Class::Tasks, 2),
    (Kind::MmFork, Class::Tasks, 3),
    (Kind::MmForkBegin, Class::Tasks, 3),
    (Kind::MmForkEnd, Class::Tasks, 3),
    (Kind::MmThread, Class::Tasks, 3),
    (Kind::MmVfork, Class::Tasks, 3),
    (Kind::MmExecMake, Class::Tasks, 3),
    (Kind::MmExecCommit, Class::Tasks, 3),
    (Kind::MmExit, Class::Tasks, 5),
    (Kind::MmExitBegin, Class::Tasks, 2),
    (Kind::MmExitEnd, Class::Tasks, 3),
    (Kind::MmMigrate, Class::Tasks, 6),
    (Kind::MmGet, Class::Tasks, 3),
    (Kind::MmGrab, Class::Tasks, 2),
    (Kind::MmPut, Class::Tasks, 3),
    (Kind::MmCharge, Class::Tasks, 9),
    (Kind::MmMatch, Class::Tasks, 3),
    (Kind::MmMigrateCharges, Class::Tasks, 4),
    (Kind::MmEvent, Class::Tasks, 3),
    (Kind::MmSocket, Class::Tasks, 3),
    (Kind::CacheCreate, Class::Slab, 2),
    (Kind::CacheDestroy, Class::Slab, 2),
    (Kind::SlabAlloc, Class::Slab, 12),
    (Kind::SlabFree, Class::Slab, 8),
    (Kind::Map, Class::Mapping, 5),
    (Kind::Unmap, Class::Mapping, 3),
    (Kind::MapBegin, Class::Mapping, 3),
    (Kind::UnmapBegin, Class::Mapping, 4),
    (Kind::MapEnd, Class::Mapping, 3),
    (Kind::UnmapEnd, Class::Mapping, 3),
    (Kind::MoveStart, Class::Moving, 3),
    (Kind::MovePage, Class::Moving, 6),
    (Kind::MoveEnd, Class::Moving, 3),
    (Kind::ForceEmpty, Class::Moving, 3),
    (Kind::PageFile, Class::Pages, 5),
    (Kind::PageAnon, Class::Pages, 5),
    (Kind::PageHugetlb, Class::Pages, 1),
    (Kind::FreeList, Class::Pages, 3),
    (Kind::ShmemFile, Class::Files, 3),
    (Kind::ShmemFault, Class::Files, 8),
    (Kind::ShmemLookup, Class::Files, 8),
    (Kind::ShmemRead, Class::Files, 2),
    (Kind::ShmemLock, Class::Files, 2),
    (Kind::ShmemConfirm, Class::Files, 2),
    (Kind::ShmemCharge, Class::Files, 2),
    (Kind::ShmemInsert, Class::Files, 2),
    (Kind::ShmemFinish, Class::Files, 3),
    (Kind::ShmemWrite, Class::Files, 5),
    (Kind::ShmemOut, Class::Files, 7),
    (Kind::ShmemWritten, Class::Files, 3),
    (Kind::SwapNotify, Class::Files, 2),
    (Kind::ShmemPunch, Class::Files, 5),
    (Kind::SwapReclaim, Class::Files, 4),
    (Kind::Swapoff, Class::Files, 1),
];

/// What two bits of the header do to the weight of a class.
const MAY_BE_OFF: [u16; 4] = [0, 1, 2, 4];
const NEVER_OFF: [u16; 4] = [1, 2, 2, 4];
const SELDOM_ON: [u16; 4] = [0, 0, 0, 3];

/// With many groups hardly anything meets, but only with more groups than a stock has slots some are evicted.
const FEW: Range<usize> = 0..10;
const CROWD: Range<usize> = 9..20;

/// Which operation a byte means; the highest bit of the byte has another use.
type Kinds = [Kind; 128];

/// The operations, each as often as its weight asks for.
const fn kinds(classes: &ClassWeights) -> Kinds {
    let mut weights = [0; BASE.len()];
    let mut total = 0;
    let mut at = 0;
    while at < BASE.len() {
        let (_, class, base) = BASE[at];
        weights[at] = base as usize * classes[class as usize] as usize;
        total += weights[at];
        at += 1;
    }
    let mut kinds = [Kind::Work; 128];
    let (mut sum, mut from, mut at) = (0, 0, 0);
    while at < BASE.len() {
        sum += weights[at];
        let end = sum * kinds.len() / total;
        while from < end {
            kinds[from] = BASE[at].0;
            from += 1;
        }
        at += 1;
    }
    kinds
}

/// v1 has a limit of memory and swap together where v2 has one of swap, and moves charges with a task.
fn in_mode(mut kinds: Kinds, mode: Mode) -> Kinds {
    if mode == Mode::V2 {
        for kind in kinds.iter_mut().filter(|kind| **kind == Kind::MmMigrateCharges) {
            *kind = Kind::MmMigrate;
        }
    }
    if mode != Mode::V2 {
        for (index, kind) in kinds.iter_mut().filter(|kind| **kind == Kind::SetSwapMax).enumerate() {
            *kind = if index % 4 == 3 { Kind::SetKmemMax } else { Kind::SetMemswMax };
        }
    }
    kinds
}

/// Which operation each byte means in one execution.
pub(super) struct Weights {
    kinds: Kinds,
    /// Whether `fail=alloc` may be injected.
    pub(super) alloc: bool,
    /// Whether `fail=trylock` may be injected.
    pub(super) trylock: bool,
    /// Whether `fail=insert` may be injected: where there is something to insert.
    pub(super) insert: bool,
    /// While there are fewer groups, `rmdir` becomes `mkdir`; when there are as many as the end, the other way
    /// round.
    pub(super) groups: Range<usize>,
}

impl Weights {
    /// The operation that the low seven bits of `choice` mean.
    #[inline]
    pub(super) fn kind(&self, choice: u8) -> Kind {
        self.kinds[usize::from(choice & 0x7f)]
    }

    /// Read the class weights, the failures, and whether there will be a crowd.
    pub(super) fn read(input: &mut Input<'_>, mode: Mode) -> Weights {
        let bits = input.little_endian::<3>();
        let mut classes: ClassWeights = std::array::from_fn(|class| {
            if class < COMMON { MAY_BE_OFF[(bits >> (2 * class)) as usize & 3] } else { 0 }
        });
        for class in [Class::Groups, Class::Deferred] {
            classes[class as usize] = NEVER_OFF[(bits >> (2 * class as u32)) as usize & 3];
        }
        // Rooms of their own are closed in most executions.
        let rooms = input.byte();
        for (class, shift) in [(Class::Tasks, 0), (Class::Slab, 2), (Class::Pages, 4), (Class::Files, 6)] {
            classes[class as usize] = SELDOM_ON[usize::from(rooms >> shift & 3)];
        }
        let mapped = input.byte();
        let is_on = if mode == Mode::V2 { mapped & 7 == 0 } else { mapped & 3 != 0 };
        if is_on {
            classes[Class::Mapping as usize] = NEVER_OFF[usize::from(mapped >> 3 & 3)];
            if mode != Mode::V2 {
                classes[Class::Moving as usize] = NEVER_OFF[usize::from(mapped >> 5 & 3)];
            }
        }
        let rare = input.byte();
        let crowded = rare & 0x70 == 0;
        if crowded {
            // Each drain empties the stocks of all groups.
            classes[Class::Drains as usize] = 0;
            classes[Class::Deferred as usize] = 1;
            classes[Class::Folios as usize] = 4;
        }
        Weights {
            kinds: in_mode(kinds(&classes), mode),
            alloc: rare & 3 == 0,
            trylock: rare & 0xc == 0,
            insert: classes[Class::Pages as usize] + classes[Class::Files as usize] != 0,
            groups: if crowded { CROWD } else { FEW },
        }
    }

    /// Weights for a program of a few steps in a few groups that all exist: one subject, and what belongs to it.
    pub(super) fn of_subject(subject: u8, mode: Mode) -> Weights {
        let kinds = match subject & 3 {
            _ if subject & 0x60 == 0 => OF_TASKS,
            0 => OF_FOLIOS,
            1 => OF_OBJECTS,
            2 if subject & 0x18 != 0 && (mode == Mode::V2 || subject & 0x80 != 0) => OF_FILES,
            2 if mode == Mode::V2 || subject & 0x80 != 0 => OF_SWAP,
            2 => OF_MAPPED,
            _ if subject & 0x60 == 0x60 => OF_SLABS,
            _ => OF_EVERYTHING,
        };
        Weights {
            kinds: in_mode(kinds, mode),
            alloc: subject & 0x1c == 0,
            trylock: subject & 0x1c == 4,
            insert: subject & 0x1c == 8,
            groups: FEW,
        }
    }
}

const OF_FOLIOS: Kinds =
    of_subject(&[(Class::Folios, 4), (Class::Pages, 2), (Class::Limits, 2), (Class::Force, 1)]);
const OF_OBJECTS: Kinds = of_subject(&[(Class::Objects, 3), (Class::Refs, 3)]);
const OF_SWAP: Kinds = of_subject(&[(Class::Swap, 2), (Class::Folios, 1), (Class::SwapLimits, 1)]);
const OF_FILES: Kinds = of_subject(&[(Class::Files, 4), (Class::Folios, 1), (Class::Limits, 1)]);
const OF_TASKS: Kinds = of_subject(&[(Class::Tasks, 3)]);
const OF_SLABS: Kinds = of_subject(&[(Class::Slab, 3), (Class::Deferred, 3)]);
const OF_MAPPED: Kinds = of_subject(&[(Class::Mapping, 3), (Class::Moving, 3), (Class::Folios, 1)]);
const OF_EVERYTHING: Kinds = {
    let mut every = [1; CLASSES];
    every[Class::Tasks as usize] = 0;
    every[Class::Mapping as usize] = 0;
    every[Class::Moving as usize] = 0;
    every[Class::Groups as usize] = 0;
    every[Class::Slab as usize] = 0;
    every[Class::Files as usize] = 0;
    with_removal(kinds(&every))
};

const fn of_subject(subject: &[(Class, u16)]) -> Kinds {
    let mut classes = [0; CLASSES];
    classes[Class::Drains as usize] = 1;
    classes[Class::Deferred as usize] = 1;
    let mut at = 0;
    while at < subject.len() {
        classes[subject[at].0 as usize] = subject[at].1;
        at += 1;
    }
    with_removal(kinds(&classes))
}

/// The groups may be removed, whatever the subject, but no more of them are created.
const fn with_removal(mut kinds: Kinds) -> Kinds {
    let mut at = 0;
    while at < kinds.len() {
        kinds[at] = Kind::Rmdir;
        at += 11;
    }
    kinds
}
