//! The numbers that stand for operations in the fuzzer's bytes.
//!
//! These numbers are a file format: corpora are made of them. A number is never reused or changed; a new
//! operation takes the next reserved one. They are not the order of any enum of the model.

use stocktake_model::{MappedOp, MmOp, Op, SlabOp};

macro_rules! kinds {
    ($($number:literal $kind:ident)*) => {
        /// A kind of operation; its number is its tag.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Kind {
            $($kind = $number,)*
        }

        impl Kind {
            /// All kinds.
            #[cfg(test)]
            pub(super) const ALL: &[Kind] = &[$(Kind::$kind,)*];

            const ASSIGNED: &[(u8, Kind)] = &[$(($number, Kind::$kind),)*];
        }
    };
}

// `ChargeForce` is `charge … force`: a kind of its own, so that no charge spends a byte on a rare choice.
kinds! {
    0 Mkdir
    1 Rmdir
    2 SetMax
    3 SetSwapMax
    4 Charge
    5 ChargeForce
    6 Uncharge
    7 ObjcgFrom
    8 ObjcgGet
    9 ObjcgPut
    10 ObjCharge
    11 ObjUncharge
    12 SwapOut
    13 SwapIn
    14 SwapFree
    15 CpuDown
    16 CpuUp
    17 CpuIsolate
    18 CpuUnisolate
    19 Drain
    20 DrainAll
    21 Work
    22 Grace
    23 Quiesce
    64 MmTask
    65 MmKthread
    66 MmUse
    67 MmFork
    68 MmForkBegin
    69 MmForkEnd
    70 MmThread
    71 MmVfork
    72 MmExecMake
    73 MmExecCommit
    74 MmExit
    75 MmExitBegin
    76 MmExitEnd
    77 MmMigrate
    78 MmGet
    79 MmPut
    80 MmCharge
    81 MmMatch
    82 SetMemswMax
    83 MmMigrateCharges
    84 MmEvent
    85 MmSocket
    86 SetKmemMax
    87 ObjChargeForce
    88 MmGrab
    96 Map
    97 MapBegin
    98 MapEnd
    99 Unmap
    100 UnmapBegin
    101 UnmapEnd
    102 MoveStart
    103 MovePage
    104 MoveEnd
    105 ForceEmpty
    112 CacheCreate
    113 CacheDestroy
    114 SlabAlloc
    115 SlabFree
    129 PageFile
    130 PageAnon
    131 PageHugetlb
    132 FreeList
    136 ShmemFile
    137 ShmemFault
    138 ShmemLookup
    139 ShmemRead
    140 ShmemLock
    141 ShmemConfirm
    142 ShmemCharge
    143 ShmemInsert
    144 ShmemFinish
    145 ShmemWrite
    146 ShmemOut
    147 ShmemWritten
    148 SwapNotify
    149 ShmemPunch
    150 SwapReclaim
    151 Swapoff
}

/// The first page of numbers. Those above it stand for the same as the one with the same low bits, until they are
/// assigned.
const PAGE: usize = 64;
/// Prefix: the next operation has `fail=alloc`.
pub(super) const FAIL_ALLOC: u8 = 60;
/// Prefix: the next operation has `fail=alloc2`.
pub(super) const FAIL_ALLOC2: u8 = 120;
/// Prefix: the next operation has `fail=alloc3`.
pub(super) const FAIL_ALLOC3: u8 = 121;
/// Prefix: the next operation has `fail=trylock`.
pub(super) const FAIL_TRYLOCK: u8 = 61;
/// Prefix: the next operation has `fail=insert`.
pub(super) const FAIL_INSERT: u8 = 128;
/// Prefix: the next operation is an interrupt, if it can be one.
pub(super) const IRQ: u8 = 122;
/// Prefix: the number of what the next operation creates follows.
pub(super) const NAME: u8 = 62;

/// What a tag byte of the direct profile says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// An operation follows.
    Op(Kind),
    /// See [`FAIL_ALLOC`].
    FailAlloc,
    /// See [`FAIL_ALLOC2`].
    FailAlloc2,
    /// See [`FAIL_ALLOC3`].
    FailAlloc3,
    /// See [`FAIL_TRYLOCK`].
    FailTrylock,
    /// See [`FAIL_INSERT`].
    FailInsert,
    /// See [`IRQ`].
    Irq,
    /// See [`NAME`].
    Name,
}

/// What reserved numbers mean until they are assigned, so that no random byte is wasted.
const FILLERS: [Kind; 8] = [
    Kind::Charge,
    Kind::ObjCharge,
    Kind::Uncharge,
    Kind::ObjUncharge,
    Kind::ObjcgFrom,
    Kind::Work,
    Kind::Mkdir,
    Kind::Drain,
];

const TAGS: [Tag; 256] = {
    let mut tags = [Tag::Name; 256];
    let mut number = 0;
    while number < PAGE {
        tags[number] = Tag::Op(FILLERS[number % FILLERS.len()]);
        number += 1;
    }
    assign(&mut tags);
    tags[FAIL_ALLOC as usize] = Tag::FailAlloc;
    tags[FAIL_TRYLOCK as usize] = Tag::FailTrylock;
    tags[NAME as usize] = Tag::Name;
    while number < tags.len() {
        tags[number] = tags[number % PAGE];
        number += 1;
    }
    assign(&mut tags);
    tags[FAIL_INSERT as usize] = Tag::FailInsert;
    tags[FAIL_ALLOC2 as usize] = Tag::FailAlloc2;
    tags[FAIL_ALLOC3 as usize] = Tag::FailAlloc3;
    tags[IRQ as usize] = Tag::Irq;
    tags
};

const fn assign(tags: &mut [Tag; 256]) {
    let mut at = 0;
    while at < Kind::ASSIGNED.len() {
        tags[Kind::ASSIGNED[at].0 as usize] = Tag::Op(Kind::ASSIGNED[at].1);
        at += 1;
    }
}

impl Tag {
    /// The meaning of `byte`.
    pub(super) fn of_byte(byte: u8) -> Tag {
        TAGS[usize::from(byte)]
    }
}

impl Kind {
    /// The kind of `op`.
    pub(super) fn of(op: &Op) -> Kind {
        match op {
            Op::Mkdir { .. } => Kind::Mkdir,
            Op::Rmdir { .. } => Kind::Rmdir,
            Op::SetMax { .. } => Kind::SetMax,
            Op::SetSwapMax { .. } => Kind::SetSwapMax,
            Op::SetKmemMax { .. } => Kind::SetKmemMax,
            Op::SetMemswMax { .. } => Kind::SetMemswMax,
            Op::Charge { force: false, .. } => Kind::Charge,
            Op::Charge { force: true, .. } => Kind::ChargeForce,
            Op::Uncharge { .. } => Kind::Uncharge,
            Op::ObjcgFrom { .. } => Kind::ObjcgFrom,
            Op::ObjcgGet { .. } => Kind::ObjcgGet,
            Op::ObjcgPut { .. } => Kind::ObjcgPut,
            Op::ObjCharge { force: false, .. } => Kind::ObjCharge,
            Op::ObjCharge { force: true, .. } => Kind::ObjChargeForce,
            Op::ObjUncharge { .. } => Kind::ObjUncharge,
            Op::SwapOut { .. } => Kind::SwapOut,
            Op::SwapIn { .. } => Kind::SwapIn,
            Op::SwapFree { .. } => Kind::SwapFree,
            Op::Mm(op) => match op {
                MmOp::Task { .. } => Kind::MmTask,
                MmOp::Kthread { .. } => Kind::MmKthread,
                MmOp::Use { .. } => Kind::MmUse,
                MmOp::Fork { .. } => Kind::MmFork,
                MmOp::ForkBegin { .. } => Kind::MmForkBegin,
                MmOp::ForkEnd { .. } => Kind::MmForkEnd,
                MmOp::Thread { .. } => Kind::MmThread,
                MmOp::Vfork { .. } => Kind::MmVfork,
                MmOp::ExecMake { .. } => Kind::MmExecMake,
                MmOp::ExecCommit { .. } => Kind::MmExecCommit,
                MmOp::Exit { .. } => Kind::MmExit,
                MmOp::ExitBegin { .. } => Kind::MmExitBegin,
                MmOp::ExitEnd { .. } => Kind::MmExitEnd,
                MmOp::Migrate { .. } => Kind::MmMigrate,
                MmOp::Get { .. } => Kind::MmGet,
                MmOp::Grab { .. } => Kind::MmGrab,
                MmOp::Put { .. } => Kind::MmPut,
                MmOp::Charge { .. } => Kind::MmCharge,
                MmOp::Match { .. } => Kind::MmMatch,
                MmOp::MigrateCharges { .. } => Kind::MmMigrateCharges,
                MmOp::Event { .. } => Kind::MmEvent,
                MmOp::Socket { .. } => Kind::MmSocket,
            },
            Op::Slab(SlabOp::CreateCache { .. }) => Kind::CacheCreate,
            Op::Slab(SlabOp::DestroyCache { .. }) => Kind::CacheDestroy,
            Op::Slab(SlabOp::Alloc { .. }) => Kind::SlabAlloc,
            Op::Slab(SlabOp::Free { .. }) => Kind::SlabFree,
            Op::CpuDown { .. } => Kind::CpuDown,
            Op::CpuUp { .. } => Kind::CpuUp,
            Op::CpuIsolate { .. } => Kind::CpuIsolate,
            Op::CpuUnisolate { .. } => Kind::CpuUnisolate,
            Op::Drain => Kind::Drain,
            Op::DrainAll { .. } => Kind::DrainAll,
            Op::Mapped(op) => match op {
                MappedOp::Map { .. } => Kind::Map,
                MappedOp::MapBegin { .. } => Kind::MapBegin,
                MappedOp::MapEnd { .. } => Kind::MapEnd,
                MappedOp::Unmap { .. } => Kind::Unmap,
                MappedOp::UnmapBegin { .. } => Kind::UnmapBegin,
                MappedOp::UnmapEnd { .. } => Kind::UnmapEnd,
                MappedOp::MoveStart { .. } => Kind::MoveStart,
                MappedOp::MovePage { .. } => Kind::MovePage,
                MappedOp::MoveEnd { .. } => Kind::MoveEnd,
                MappedOp::ForceEmpty { .. } => Kind::ForceEmpty,
            },
            Op::Page(op) => Kind::of_page(op),
            Op::Shmem(op) => Kind::of_shmem(op),
            Op::Work => Kind::Work,
            Op::Grace => Kind::Grace,
            Op::Quiesce => Kind::Quiesce,
        }
    }

    /// The canonical tag byte.
    pub(super) fn tag(self) -> u8 {
        self as u8
    }
}
