//! The one parameter of the machine: the environment in which it runs.
//!
//! The machine's source is the same in every environment. [`Plain`] compiles every hook away: it is what the
//! benchmarks measure. The harness brings its own: one that records accesses, plants faults and collects
//! [`Oops`]es, and one in which each shared access is a point where another CPU may run.

use super::cpu::Cpu;
use crate::Fault;
use crate::machine::Machine;

/// What a shared word is. The index in [`Label`] says whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // The names are the kernel's; `What::meaning` spells them out.
pub enum What {
    MemcgGeneration,
    MemoryUsage,
    MemoryMax,
    MemoryFailcnt,
    MemoryWatermark,
    KmemUsage,
    KmemLimit,
    SwapUsage,
    SwapMax,
    SwapFailcnt,
    SwapWatermark,
    MemswUsage,
    MemswMax,
    MemswFailcnt,
    MemswWatermark,
    CssRefs,
    CssState,
    Children,
    Parent,
    CounterParent,
    Id,
    IdRefs,
    ActiveObjcg,
    ObjcgGeneration,
    ObjcgRefs,
    ObjcgRefMode,
    ObjcgMemcg,
    ObjcgLeftover,
    ObjcgPlace,
    FolioGeneration,
    FolioMemcg,
    FolioPages,
    SlotUsed,
    SlotRecord,
    SlotNext,
    CacheGeneration,
    CacheRoot,
    CacheMemcg,
    CacheRefs,
    CacheRefMode,
    CacheStage,
    CacheDying,
    CacheShape,
    CacheSlabs,
    CacheSlot,
    SlabGeneration,
    SlabCache,
    SlabMemcg,
    SlabObjects,
    SlabNumber,
    SlabMutex,
    SlabUnreturned,
    CpuCached,
    CpuCachedObjcg,
    CpuFlushing,
    CpuOnline,
    CpuIsolated,
    CpuSection,
    CpuQueue,
    UnboundQueue,
    Callbacks,
    IdTable,
    SlotTable,
    ObjcgLists,
    TreeLock,
    LimitMutex,
    DrainMutex,
    Free,
    CssTasks,
    TaskGeneration,
    TaskMm,
    TaskMemcg,
    TaskFlags,
    TaskLeader,
    TaskParent,
    TaskLock,
    TaskList,
    TasksVisited,
    PageTables,
    MmGeneration,
    MmUsers,
    MmCount,
    MmMemcg,
    MmOwner,
    MmMixed,
    PageRefs,
    PageUsed,
    PageMapcount,
    PageTold,
    PageLock,
    PageMm,
    StatFileMapped,
    StatFilePmdMapped,
    StatOnMove,
    StatPgFault,
    StatPgMajFault,
    StatOomKill,
    Movers,
    ShmemEntry,
    SlotMap,
    SlotCache,
    SlotContent,
    SlotPages,
    SlotMm,
    FolioSwap,
    FolioLocked,
    FolioContent,
    FolioFlags,
}

/// Which shared word: what it is, and the index of its owner (an arena's slot, a CPU, a swap slot).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// What it is.
    pub what: What,
    /// Whose it is.
    pub index: u32,
}

impl Label {
    /// The label of `what` of owner number `index`.
    pub const fn new(what: What, index: usize) -> Label {
        Label { what, index: index as u32 }
    }
}

/// A kind of shared access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// An atomic load.
    Load,
    /// An atomic store.
    Store,
    /// An atomic read-modify-write.
    Update,
    /// A lock taken.
    Lock,
    /// A trylock, successful or not.
    Trylock,
    /// A lock given back.
    Unlock,
}

/// A failure that an environment may inject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failing {
    /// An allocation.
    Alloc,
    /// A trylock.
    Trylock,
    /// Inserting a page where it belongs: its place is taken, or cannot be made.
    Insert,
}

/// A loop that tries again until it succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loop {
    /// Looking for a reference to the group of an objcg.
    MemcgOfObjcg,
    /// Taking a reference unless the count is zero.
    TryGet,
    /// Writing a v1 limit.
    SetMax,
    /// Waiting for a lock.
    Lock,
    /// Waiting for the end of a read section.
    Grace,
    /// Waiting for drains of other CPUs.
    Drains,
    /// Waiting for callbacks that somebody else runs.
    Barrier,
    /// Looking for a reference to the group that an mm charges.
    MemcgOfMm,
    /// Looking for a reference to the group of a task.
    TaskGetCss,
    /// Looking for another owner of an mm.
    NextOwner,
    /// Waiting for the lock of a page.
    PageLock,
    /// Looking for a reference to the group that a swap slot records.
    SwapRecord,
    /// Looking for a page in the swap cache.
    SwapCache,
    /// Faulting on a file again, as its index entry has changed.
    ShmemFault,
}

/// A defect that the machine itself notices, as a kernel would warn or a sanitizer would report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Oops {
    /// A handle was used after its object had been freed.
    Stale(Label),
    /// A reference was taken while the count was zero or less.
    Resurrected(Label),
    /// More references were put than taken.
    RefUnderflow(Label),
    /// A counter went below zero.
    Underflow(Label),
    /// An objcg was released with a leftover that is not a whole number of pages; the leftover in bytes.
    FractionAtRelease(Label, i64),
    /// A loop did not end within the environment's bound.
    Stuck(Loop, Label),
    /// A swap record names an id that no group has.
    LostRecord(Label),
    /// A slot was recorded to a group that had been recorded to one already.
    RecordedTwice(Label),
    /// A pointer was followed after it had been cleared.
    Null(Label),
}

/// A rare situation that a run should reach; the harness counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // Described where the harness lists its goals.
pub enum Mark {
    StockHit,
    StockHitLastPage,
    StockRefillSameSlot,
    StockOverflowDrained,
    StockVictimEvicted,
    StockTooLarge,
    StockBypassed,
    BatchRetriedExactly,
    LimitMetExactly,
    RolledBackBelowAncestor,
    RetriedAfterDrain,
    ForcedOverLimit,
    RootFolio,
    BytesHit,
    BytesEvictOther,
    BytesPullLeftover,
    BytesKeepOnePage,
    BytesDrainWholePages,
    BytesBypassed,
    ObjectOverPage,
    ObjcgWalkUp,
    ObjcgReleasedByDrain,
    ObjcgReleasedWithPages,
    ReparentedActive,
    ReparentedInherited,
    ChargedThroughReparented,
    ObjcgSwitched,
    ObjcgSwitchedInUse,
    ObjcgWalkUpKilled,
    MkdirUndone,
    KmemRefused,
    KmemForced,
    KmemFreedByRemovedGroup,
    SlabKmemRefused,
    SlabKmemUncharged,
    DrainQueued,
    DrainAlreadyQueued,
    DrainSkippedIsolated,
    DrainLostRace,
    DrainWorkRan,
    DeadCpuHadPages,
    DeadCpuHadBytes,
    DeadCpuHadWork,
    CssReleased,
    CssFreed,
    SwapToRemovedOwner,
    SwapToAncestor,
    SwapLimitMet,
    SwapInRecorded,
    SwapInRecordedGone,
    IdsExhausted,
    SlotsExhausted,
    MemswLimitMet,
    MemswRolledBack,
    MemswTransferred,
    MemswToAncestor,
    SwapCacheTransferred,
    SwappedOutUncharged,
    MemswTakenBack,
    LimitsOutOfOrder,
    LimitBusy,
    LimitBelowUsage,
    ParentRemovedFirst,
    TaskStarted,
    KthreadStarted,
    KthreadUsesMm,
    Forked,
    ForkFailed,
    ThreadStarted,
    Vforked,
    MmInitFailed,
    Execed,
    HelperExeced,
    ExecFailed,
    ExecAfterMigration,
    Migrated,
    NoMmToUpdate,
    Exited,
    ExitedOffline,
    LeaderExitedFirst,
    MmMixed,
    MmInherited,
    MmEnded,
    MmCharged,
    MmMatched,
    LookupWalkedUp,
    LookupPassedDying,
    ChargesMovedAlong,
    ChargesLeftBehind,
    SwapMovedAlong,
    RecordMovedMeanwhile,
    PrechargeRefused,
    MmGrabbed,
    HolderUses,
    HolderTooLate,
    ChargedAfterExit,
    MmEventCounted,
    SocketCharged,
    SlabKeptIdle,
    SlabTakenFromIdle,
    SlabFreedAfterGrace,
    SlabChargeRefunded,
    CacheReleased,
    CacheMissing,
    CacheNotScheduled,
    CacheReparented,
    CacheReparentedAgain,
    CacheDestroyedWithRoot,
    DestroyMetKill,
    SlabFreedAtRoot,
    SlabFreedByRemovedGroup,
    FirstMapped,
    LastUnmapped,
    MappedBetweenHalves,
    FreedBetweenHalves,
    UnmapEndedAfterFree,
    UpdateUnderMark,
    MovesNested,
    MarkedWhileCpuDown,
    MovedMapped,
    MovedUnmapped,
    MovedToldTwice,
    MovedHuge,
    MoveRefused,
    Emptied,
    EmptyRefused,
    HugeFallback,
    InsertFailed,
    InsertRaced,
    BatchGrew,
    BatchEnded,
    ShmemSwappedOut,
    SwapCacheHit,
    SwapCacheRead,
    SwapCacheInsertFailed,
    SwapCacheRedirtied,
    SlotCopyFreed,
    SlotGoneBeforeRead,
    SwapNotConfirmed,
    WaitedForWriteback,
    SwapInChargeFailed,
    FailedFaultRaced,
    FaultRetried,
    StrandedByLock,
    StrandedByWriteback,
    StrandedByRead,
    ReadAgain,
    StaleReclaimed,
    StaleUnchargedReclaimed,
    SwapCacheReclaimed,
    ReclaimFoundReference,
    SwappedOff,
}

impl Mark {
    /// Number of marks.
    pub const COUNT: usize = Mark::SwappedOff as usize + 1;
}

/// The environment. Every hook has an empty default, so that [`Plain`] costs nothing.
pub trait Env {
    /// Whether faults may be planted and failures injected.
    const FAULTS: bool;
    /// Whether shared accesses are reported, and handles checked.
    const WATCHED: bool;

    /// A shared access is about to happen: another CPU may run first.
    #[inline(always)]
    fn before(&self, _label: Label, _access: Access) {}

    /// A shared access has happened; the word's value before and after it.
    #[inline(always)]
    fn after(&self, _label: Label, _access: Access, _old: i64, _new: i64) {}

    /// Whether this fault is planted.
    #[inline(always)]
    fn fault(&self, _fault: Fault) -> bool {
        false
    }

    /// Whether this kind of access to this word has lost its ordering: a planted fault for tests of weak memory.
    #[inline(always)]
    fn weakened(&self, _label: Label, _access: Access) -> bool {
        false
    }

    /// Whether to fail here. An injected failure is used up by the first place that asks.
    #[inline(always)]
    fn failing(&self, _failing: Failing) -> bool {
        false
    }

    /// A rare situation has been reached.
    #[inline(always)]
    fn mark(&self, _mark: Mark) {}

    /// The machine noticed a defect. It goes on as a kernel would, on what memory it has.
    #[inline(always)]
    fn oops(&self, _oops: Oops) {}

    /// Interrupts are on here, in the middle of a sequence that only this CPU runs: one may come, and run something
    /// else of the program on this CPU before it gives it back. Nothing of `cpu` may be kept in a variable over this.
    #[inline(always)]
    fn interrupt(&self, _machine: &Machine, _cpu: &mut Cpu) {}

    /// A loop is about to try again. `false` asks it to give up, since it has tried too often.
    #[inline(always)]
    fn retry(&self, _what: Loop, _on: Label) -> bool {
        std::hint::spin_loop();
        true
    }
}

/// Nothing compiled in: the machine as it would ship.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Env for Plain {
    const FAULTS: bool = false;
    const WATCHED: bool = false;
}
