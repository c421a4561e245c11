//! Reachability goals: situations that a hunt must reach, counted in every run.
//!
//! A harness that never drives the machine into a situation proves nothing about it. Most goals are marks that
//! the machine sets itself; a few are seen only from outside.

use stocktake_impl::Mark;

/// One goal.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// A short name, as in reports.
    pub name: &'static str,
    /// The situation in words.
    pub what: &'static str,
    /// Whether only designs other than the default one can reach it.
    pub elsewhere: bool,
}

/// The goals that count, with their hits: those of other designs only where they were reached.
pub fn counted(hits: [u64; COUNT]) -> impl Iterator<Item = (&'static Goal, u64)> {
    GOALS.iter().zip(hits).filter(|(goal, hits)| !goal.elsewhere || *hits > 0)
}

/// Number of goals.
pub const COUNT: usize = GOALS.len();

macro_rules! goals {
    (
        marks { $($mark:ident, $name:literal, $what:literal;)* }
        elsewhere { $($emark:ident, $ename:literal, $ewhat:literal;)* }
        lanes { $($lane:ident, $lname:literal, $lwhat:literal;)* }
        seen { $($seen:ident, $sname:literal, $swhat:literal;)* }
    ) => {
        /// All goals, in the order in which reports list them.
        pub const GOALS: &[Goal] = &[
            $(Goal { name: $name, what: $what, elsewhere: false },)*
            $(Goal { name: $ename, what: $ewhat, elsewhere: true },)*
            $(Goal { name: $lname, what: $lwhat, elsewhere: true },)*
            $(Goal { name: $sname, what: $swhat, elsewhere: false },)*
        ];

        /// The machine's marks in the order of [`GOALS`].
        const MARKS: &[Mark] = &[$(Mark::$mark,)* $(Mark::$emark,)*];

        /// Goals of overlapping operations: the first of [`Seen`].
        pub(crate) const OVERLAPS: &[Seen] = &[$(Seen::$lane,)*];

        /// Goals that are seen from outside the machine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        #[allow(missing_docs)] // Each is described in `GOALS`.
        pub enum Seen { $($lane,)* $($seen,)* }
    };
}

goals! {
    marks {
        StockHit, "stock-hit", "a charge is served from the page stock, and pages stay in it";
        StockHitLastPage, "stock-hit-last-page", "a charge takes the last page of a stock slot";
        StockRefillSameSlot, "stock-refill-same-slot", "pages are added to a slot that caches the group already";
        StockOverflowDrained, "stock-overflow-drained", "a slot above a batch is drained entirely";
        StockVictimEvicted, "stock-victim-evicted", "a stock slot of another group is evicted";
        StockTooLarge, "stock-too-large", "more pages than a batch bypass the stock";
        StockBypassed, "stock-bypassed", "the stock's trylock fails, and the counters are used";
        BatchRetriedExactly, "batch-retried-exactly", "a batch does not fit, and exactly what is needed is tried";
        LimitMetExactly, "limit-met-exactly", "a charge makes the usage equal to the limit";
        RolledBackBelowAncestor, "rolled-back-below-ancestor", "an ancestor refuses, and the levels below are rolled back";
        RetriedAfterDrain, "retried-after-drain", "a charge fits after the stocks have been drained";
        ForcedOverLimit, "forced-over-limit", "a forced charge ends above a limit";
        RootFolio, "root-folio", "a folio is bound to root and not counted";
        BytesHit, "bytes-hit", "an object is served from the byte stock";
        BytesEvictOther, "bytes-evict-other", "another objcg is evicted from the byte stock";
        BytesPullLeftover, "bytes-pull-leftover", "a leftover is taken into a byte stock";
        BytesKeepOnePage, "bytes-keep-one-page", "exactly a page stays in the byte stock";
        BytesDrainWholePages, "bytes-drain-whole-pages", "whole pages of a byte stock are uncharged";
        BytesBypassed, "bytes-bypassed", "the byte stock's trylock fails, and the leftover is used";
        ObjectOverPage, "object-over-page", "an object larger than a page is charged";
        ObjcgWalkUp, "objcg-walk-up", "a removed group has no objcg any more, and an ancestor's is taken";
        ObjcgSwitched, "objcg-switched", "a grace period after a group's removal its objcg's references are counted in one place";
        ObjcgSwitchedInUse, "objcg-switched-in-use", "an objcg is still held when its references come to be counted in one place";
        MkdirUndone, "mkdir-undone", "a group that has its id cannot be made, and is undone";
        ObjcgReleasedByDrain, "objcg-released-by-drain", "a drain puts the last reference of an objcg";
        ObjcgReleasedWithPages, "objcg-released-with-pages", "an objcg is released with whole pages left over";
        ReparentedActive, "reparented-active", "the objcg of a removed group goes to its parent";
        ReparentedInherited, "reparented-inherited", "an objcg is reparented for the second time";
        ChargedThroughReparented, "charged-through-reparented", "an object is charged through a reparented objcg";
        DrainQueued, "drain-queued", "a drain is queued on another CPU";
        DrainAlreadyQueued, "drain-already-queued", "a drain meets an earlier one that has not run";
        DrainSkippedIsolated, "drain-skipped-isolated", "a drain leaves an isolated CPU alone";
        DrainLostRace, "drain-lost-race", "a drain gives up because another one is running";
        DrainWorkRan, "drain-work-ran", "a queued drain runs";
        DeadCpuHadPages, "dead-cpu-had-pages", "a CPU with a page stock goes down";
        DeadCpuHadBytes, "dead-cpu-had-bytes", "a CPU with a byte stock goes down";
        DeadCpuHadWork, "dead-cpu-had-work", "a CPU with a queued drain goes down";
        CssReleased, "css-released", "the last reference to a group is put";
        CssFreed, "css-freed", "a group is freed after a grace period";
        SwapToRemovedOwner, "swap-to-removed-owner", "swap-out is charged to a removed group whose id is alive";
        SwapToAncestor, "swap-to-ancestor", "swap-out of a removed group's folio is charged to an ancestor";
        SwapLimitMet, "swap-limit-met", "a swap limit refuses a swap-out";
        SwapInRecorded, "swap-in-recorded", "swap-in is charged to the recorded group";
        SwapInRecordedGone, "swap-in-recorded-gone", "swap-in is charged to the faulting task's group";
        IdsExhausted, "ids-exhausted", "no memcg id is left for a new group";
        SlotsExhausted, "slots-exhausted", "no swap slot is left";
        MemswLimitMet, "memsw-limit-met", "v1: the limit of memory+swap refuses a charge";
        MemswRolledBack, "memsw-rolled-back", "v1: memory refuses a charge, and memory+swap is given back";
        MemswTransferred, "memsw-transferred", "v1: a swap slot takes over a page's charge to memory+swap";
        MemswToAncestor, "memsw-to-ancestor", "v1: a removed group's charge to memory+swap goes to an ancestor with its slot";
        SwapCacheTransferred, "swap-cache-transferred", "v1: a page leaves the swap cache, and its slots take over its charge";
        MemswTakenBack, "memsw-taken-back", "v1: a page is charged again, and its slot's charge goes back";
        LimitsOutOfOrder, "limits-out-of-order", "v1: a memory limit above that of memory+swap is refused";
        LimitBusy, "limit-busy", "a v1 limit below the usage is refused";
        LimitBelowUsage, "limit-below-usage", "a v2 limit below the usage is written";
        ParentRemovedFirst, "parent-removed-first", "a group goes offline after its parent has been removed";
        TaskStarted, "task-started", "a process is started in a group";
        KthreadStarted, "kthread-started", "a kernel thread is started";
        KthreadUsesMm, "kthread-uses-mm", "a kernel thread works on the mm of a task";
        Forked, "forked", "a task forks";
        ForkFailed, "fork-failed", "a fork fails after its mm was made";
        ThreadStarted, "thread-started", "a thread is started";
        Vforked, "vforked", "a process is started that shares its parent's mm";
        MmInitFailed, "mm-init-failed", "the making of an mm fails half way";
        Execed, "execed", "a task execs";
        HelperExeced, "helper-execed", "a kernel thread without mm execs";
        ExecFailed, "exec-failed", "an exec fails after its mm was made";
        ExecAfterMigration, "exec-after-migration", "a task migrated between the two halves of its exec";
        Migrated, "migrated", "a process is moved to another group";
        NoMmToUpdate, "no-mm-to-update", "a kernel thread is forked, moved or execs, and no mm consumes the reference";
        Exited, "exited", "a task exits";
        ExitedOffline, "exited-offline", "a task ends its exit after its group has been removed";
        LeaderExitedFirst, "leader-exited-first", "the leader of a process exits before its threads";
        MmMixed, "mm-mixed", "some of the tasks that use an mm are moved to another group";
        MmInherited, "mm-inherited", "a task leaves an mm whose tasks were in different groups to one that stays";
        MmEnded, "mm-ended", "the last user of an mm lets go";
        MmCharged, "mm-charged", "a folio is charged through an mm";
        MmMatched, "mm-matched", "an mm is asked whether it charges a group";
        LookupWalkedUp, "lookup-walked-up", "the group of an mm has been removed, and an ancestor is charged";
        LookupPassedDying, "lookup-passed-dying", "on its way up a lookup passes an ancestor that has been removed";
        ChargesMovedAlong, "charges-moved-along", "v1: a task that migrates takes the charges of its mm along";
        ChargesLeftBehind, "charges-left-behind", "v1: a task migrates, and the charges of its mm are not its to move";
        SwapMovedAlong, "swap-moved-along", "v1: a task that migrates takes swap entries of its mm along";
        PrechargeRefused, "precharge-refused", "v1: a task does not migrate, as the charges of its mm do not fit";
        MmGrabbed, "mm-grabbed", "somebody holds on to an mm without using it";
        HolderUses, "holder-uses", "somebody who has held on to an mm becomes a user of it";
        HolderTooLate, "holder-too-late", "somebody who has held on to an mm cannot use it: nobody does any more";
        ChargedAfterExit, "charged-after-exit", "an mm is charged that nobody uses any more, and the page is freed again";
        MmEventCounted, "mm-event-counted", "an event of an mm is counted in the group that it charges";
        SocketCharged, "socket-charged", "a task opens a socket, and its group is charged";
        FirstMapped, "first-mapped", "the statistic is told that a page is mapped now";
        LastUnmapped, "last-unmapped", "the statistic is told that a page is mapped no longer";
        MappedBetweenHalves, "mapped-between-halves", "a page is mapped again before its unmapping is told";
        FreedBetweenHalves, "freed-between-halves", "a page is uncharged before its unmapping is told";
        UnmapEndedAfterFree, "unmap-ended-after-free", "an unmapping finds the page uncharged";
        UpdateUnderMark, "update-under-mark", "an update sees a mover's mark and takes the page lock";
        MovesNested, "moves-nested", "a second mover begins on the same group";
        MarkedWhileCpuDown, "marked-while-cpu-down", "a mark is changed while a CPU is down";
        MovedMapped, "moved-mapped", "the charge of a mapped page is moved";
        MovedUnmapped, "moved-unmapped", "the charge of a page that is not mapped is moved";
        MovedToldTwice, "moved-told-twice", "a page is moved while two mappings of it are told and one unmapping is not";
        MovedHuge, "moved-huge", "the charge of a mapped folio of several pages is moved";
        MoveRefused, "move-refused", "a page does not fit into the group that it is moved to";
        Emptied, "emptied", "every page of a group is moved to its parent";
        EmptyRefused, "empty-refused", "a group is not emptied, as its parent has no room";
        SlabKeptIdle, "slab-kept-idle", "a cache keeps a slab whose last object was freed";
        SlabTakenFromIdle, "slab-taken-from-idle", "an object is served from a slab that was kept without objects";
        SlabFreedAfterGrace, "slab-freed-after-grace", "a slab without objects is freed only after a grace period";
        SlabChargeRefunded, "slab-charge-refunded", "an object is charged, then no slab can be had, and the charge goes back";
        CacheReleased, "cache-released", "a kmem_cache is freed";
        HugeFallback, "huge-fallback", "a huge page cannot be had or charged, and a small one takes its place";
        InsertFailed, "insert-failed", "a page that has been charged cannot be inserted";
        InsertRaced, "insert-raced", "a fault finds the index entry changed after it has charged its page";
        BatchGrew, "batch-grew", "two pages of a list are uncharged in one piece";
        BatchEnded, "batch-ended", "a list of pages goes on with a page of another group";
        ShmemSwappedOut, "shmem-swapped-out", "a page of shmem is swapped out";
        SwapCacheHit, "swap-cache-hit", "a fault finds its page in the swap cache";
        SwapCacheRead, "swap-cache-read", "a page is read into the swap cache";
        SwapCacheInsertFailed, "swap-cache-insert-failed", "a page cannot be inserted into the swap cache";
        SwapCacheRedirtied, "swap-cache-redirtied", "a page in the swap cache is written to";
        SlotCopyFreed, "slot-copy-freed", "a swap device frees its copy of a page that has just been read";
        SlotGoneBeforeRead, "slot-gone-before-read", "a slot is freed between lookup and read";
        SwapNotConfirmed, "swap-not-confirmed", "page and index entry no longer belong together when the page is locked";
        WaitedForWriteback, "waited-for-writeback", "a fault waits for the writeback of its page";
        StrandedByLock, "stranded-by-lock", "a hole punch leaves a page in the swap cache that somebody has locked";
        StrandedByWriteback, "stranded-by-writeback", "a hole punch leaves a page in the swap cache that is being written";
        StaleReclaimed, "stale-reclaimed", "a stranded page is reclaimed";
        SwapCacheReclaimed, "swap-cache-reclaimed", "a page of the swap cache is reclaimed, and its slots stay";
        ReclaimFoundReference, "reclaim-found-reference", "a page of the swap cache stays, as somebody has a reference to it";
        SwappedOff, "swapped-off", "every file is swapped in";
        FailedFaultRaced, "failed-fault-raced", "a fault fails after its index entry has changed";
    }
    elsewhere {
        SwappedOutUncharged, "swapped-out-uncharged", "v1: a page that was read and never charged leaves the swap cache";
        ObjcgWalkUpKilled, "objcg-walk-up-killed", "overlapping operations: the objcg of a group is found, but it has just been killed";
        KmemRefused, "kmem-refused", "v1, where objects or slabs are charged by the page: the kmem counter refuses, and the memory counter is given back";
        KmemForced, "kmem-forced", "objcg=page-kmem, v1: a charge that may not fail goes above the limit of kernel memory";
        KmemFreedByRemovedGroup, "kmem-freed-by-removed-group", "objcg=page-kmem: pages of a removed group are freed";
        SlabKmemRefused, "slab-kmem-refused", "slab=page-pins, 5.3, v1: a slab does not fit below the limit of kernel memory";
        SlabKmemUncharged, "slab-kmem-uncharged", "slab=page-pins, 5.3, v1: the pages of a slab leave the kmem counter";
        CacheMissing, "cache-missing", "slab=page-pins, 5.3: a group has no cache of its own yet, and an object is not charged";
        CacheNotScheduled, "cache-not-scheduled", "slab=page-pins, 5.3: the creation of a group's cache cannot be scheduled";
        CacheReparented, "cache-reparented", "slab=5.3: a cache goes to the parent of a removed group";
        CacheReparentedAgain, "cache-reparented-again", "slab=5.3: a cache is reparented for the second time";
        CacheDestroyedWithRoot, "cache-destroyed-with-root", "slab=page-pins, 5.3: a root cache is destroyed while a group has a cache of it";
        DestroyMetKill, "destroy-met-kill", "slab=5.3: a root cache is destroyed while a group's cache is being killed";
        SlabFreedAtRoot, "slab-freed-at-root", "slab=5.3: a slab that was reparented to root is freed, and root's counter keeps it";
        SlabFreedByRemovedGroup, "slab-freed-by-removed-group", "slab=page-pins: the slab of a removed group is freed";
        SwapInChargeFailed, "swap-in-charge-failed", "shmem=5.4 and the mail's: a page in the swap cache cannot be charged";
        StaleUnchargedReclaimed, "stale-uncharged-reclaimed", "shmem=5.4 and the mail's: a stranded page that nobody is charged for is reclaimed";
        RecordMovedMeanwhile, "record-moved-meanwhile", "v1, where operations overlap: a slot's record moves to another group while a swap-in looks it up";
        FaultRetried, "fault-retried", "where operations overlap: a fault looks again, as the index entry has changed";
        StrandedByRead, "stranded-by-read", "where operations overlap: a hole punch meets a page that is not in the swap cache yet, though its slot says so";
        ReadAgain, "read-again", "where operations overlap: a swap-in gives its slot back while another one reads the page into the swap cache once more";
    }
    lanes {
        Interrupted, "interrupted", "an operation lends its CPU to an interrupt, which runs in its middle";
        ChargeMetRmdir, "charge-met-rmdir", "a group is charged while it is being removed";
        DrainMetCharge, "drain-met-charge", "a drain asks for the stock of a CPU that is in the middle of a charge";
        ReparentMetUncharge, "reparent-met-uncharge", "an object is freed while objcgs are being reparented";
        MoveMetUncharge, "move-met-uncharge", "a page is freed while the charge of another one moves";
        MoveMetMapping, "move-met-mapping", "a page is mapped or unmapped while its charge moves";
        ListMetMover, "list-met-mover", "a list of pages is freed while a task takes its charges along";
        CpuDownMetDrain, "cpu-down-met-drain", "a CPU goes down while a drain looks at the stocks of all CPUs";
        CallbackMetOperation, "callback-met-operation", "RCU callbacks run while another CPU is in the middle of an operation";
        LimitMetCharge, "limit-met-charge", "a limit is written after a charge has added to the usage, and before that has ended";
        FaultMetFault, "fault-met-fault", "two faults on one file are under way at the same time";
        FaultMetPunch, "fault-met-punch", "a hole is punched into a file while a fault on it is under way";
        FaultMetReclaim, "fault-met-reclaim", "the swap cache is reclaimed while a fault on a file is under way";
        LockWaitedFor, "lock-waited-for", "an operation waits for a lock that another CPU holds";
        TrylockLost, "trylock-lost", "a trylock fails, since another CPU holds the lock";
        GraceWaitedForSection, "grace-waited-for-section", "a grace period waits for the end of a read section";
    }
    seen {
        OfflinePinnedByStock, "offline-pinned-by-stock", "a group is offline and only a stock still holds it";
        OfflinePinnedByFolio, "offline-pinned-by-folio", "a group goes offline while folios are bound to it";
        OfflinePinnedById, "offline-pinned-by-id", "a group goes offline while swap slots record it";
        DrainMetOffline, "drain-met-offline", "a group goes offline while its bytes are in another CPU's stock";
        ChargedWhileRemoved, "charged-while-removed", "a group is charged after its removal";
        FreedOnOtherCpu, "freed-on-other-cpu", "an object is freed on another CPU than it was charged on";
        MovedBetweenHalves, "moved-between-halves", "a page is moved while a mapping of it is half done";
        EmptiedInPart, "emptied-in-part", "some pages of a group are moved to its parent before one is refused";
        ObjectsOutliveGroup, "objects-outlive-group", "a group goes offline while objects charged in it live";
        UnboundMmCharged, "unbound-mm-charged", "an mm is charged that no task uses any more";
        EmbryoCharged, "embryo-charged", "the mm of a fork or an exec is charged before that is finished";
        PagesMovedAlong, "pages-moved-along", "v1: a task migrates, and pages of its mm change their group with it";
        OrderNineMovedAlong, "order-9-moved-along", "v1: a task migrates, and pages of its mm in the number of a huge page change their group with it";
        OrderNineMoved, "order-9-moved", "the charge of a huge page that is mapped is moved";
        OrderNineChargedByMm, "order-9-charged-by-mm", "a huge page is charged through an mm";
        EventOfRemovedGroup, "event-of-removed-group", "an event of an mm is counted in a group that has been removed";
        SocketBesideSharer, "socket-beside-sharer", "a socket is charged to the group of its task, and its mm has tasks elsewhere";
        RemovalHinderedByTask, "removal-hindered-by-task", "a group is not removed because a task runs in it";
    }
}

impl Goal {
    /// Index of a goal that is seen from outside.
    pub fn seen(seen: Seen) -> usize {
        MARKS.len() + seen as usize
    }
}

/// Index in [`GOALS`] by mark.
pub(crate) const BY_MARK: [usize; Mark::COUNT] = {
    let mut table = [usize::MAX; Mark::COUNT];
    let mut index = 0;
    while index < MARKS.len() {
        table[MARKS[index] as usize] = index;
        index += 1;
    }
    let mut mark = 0;
    while mark < Mark::COUNT {
        assert!(table[mark] != usize::MAX, "every mark of the machine is a goal");
        mark += 1;
    }
    table
};
