//! Faults: real and likely defects that can be planted into the machine, one branch each.
//!
//! A fault is present only where the environment allows faults ([`crate::Env::FAULTS`]); the plain machine
//! contains none of these branches.

use crate::{ChargeDesign, Design, DrainDesign, ObjcgDesign, ShmemDesign, SlabDesign};

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident, $id:literal, $source:literal, $title:literal;)*) => {
        /// One defect that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Fault {
            $(#[doc = $title] $(#[$doc])* $variant,)*
        }

        impl Fault {
            /// All faults, in the order in which reports list them.
            pub const ALL: &[Fault] = &[$(Fault::$variant,)*];

            /// The id, as on the command line.
            pub fn id(self) -> &'static str {
                match self { $(Fault::$variant => $id,)* }
            }

            /// What is wrong, in one line.
            pub fn title(self) -> &'static str {
                match self { $(Fault::$variant => $title,)* }
            }

            /// The mail, commit or observation that it is taken from.
            pub fn source(self) -> &'static str {
                match self { $(Fault::$variant => $source,)* }
            }
        }
    };
}

faults! {
    S1, "S1", "seed 000, mm_update_next_owner",
        "the search for a new owner looks at leaders only, so an mm whose leader has exited has none";
    S2, "S2", "seed 000, mm_init_memcg",
        "the mm of a fork charges root until the child is in its group";
    S3, "S3", "seed 000, mm_init_memcg",
        "the pointer of a copied mm is not reset: a reference is put that was never taken";
    S4, "S4", "seed 000, get_mem_cgroup_from_mm",
        "a lookup that walks up takes one reference, where the caller and the mm consume two";
    S5, "S5", "seed 000, get_mem_cgroup_from_mm",
        "a lookup that walks up stops at an ancestor that is dying";
    B55, "B55", "31a78f23bac0, Linux 2.6.28",
        "an mm that only others than tasks still use keeps a task as owner that is freed";
    B56, "B56", "733eda7ac316, Linux 3.0",
        "an mm that nobody else uses keeps the task that leaves it as owner, though somebody may hold on to it and charge it";
    B58, "B58", "00d484f354d8, Linux 5.4",
        "a lookup waits for the group of an exiting task to be online, which it never is again";
    M1, "M1", "this project, after seed 000, mem_cgroup_can_attach",
        "whether a task takes the charges of its mm along is asked after the pointer of the mm has followed the task";
    M2, "M2", "this project, after mem_cgroup_clear_mc",
        "charges that have moved are not given back by the group that they came from";
    M3, "M3", "this project, after seed 000, count_memcg_event_mm",
        "events of an mm whose group has been removed are not counted";
    M4, "M4", "this project, after seed 000, count_memcg_event_mm",
        "an event of an mm is counted twice";
    M5, "M5", "this project, after seed 000, mem_cgroup_sk_alloc",
        "a socket is charged to the group that the mm of its task charges";
    M6, "M6", "this project, after mmget_not_zero",
        "whoever holds on to an mm becomes a user of it without asking whether it has one left";
    S7, "S7", "seed 001, review of memcg_reparent_objcgs",
        "offline takes no css reference for the active objcg before its list is walked";
    S9, "S9", "seed 001, obj_cgroup_release",
        "release ignores the whole pages left in nr_charged_bytes";
    S10, "S10", "seed 001, drain_obj_stock",
        "draining a byte stock loses the remainder below a page";
    S11, "S11", "seed 001, memcg_reparent_objcgs",
        "reparent moves the active objcg but not those inherited from children";
    S6, "S6", "seed 001, review of obj_cgroup_charge",
        "a charge takes a reference to the group that it finds under RCU without asking whether it can be had";
    S8, "S8", "seed 001, review of obj_cgroup_release",
        "release reads the group before it takes the lock, and puts the reference of that one";
    S12, "S12", "seed 001 and mainline, mem_cgroup_css_offline",
        "offline reparents before it drains, so byte stocks of the group's objcgs are not flushed";
    B4, "B4", "9f01b4954490, Linux 6.15",
        "the CPU dead callback drains the page stock but not the byte stock";
    B1, "B1", "9f50fad65b87, Linux 3.1",
        "a drain follows what another CPU caches outside a read section, since it has set the flush mark";
    B3, "B3", "e1a366be5cb4, Linux 5.4",
        "a drain takes a reference to a group that another CPU caches, and that may be freed, outside a read section";
    B10, "B10", "RFC of May 2025, drains that are waited for",
        "a charge does not wait for the drains that it has asked for, and fails although it would fit";
    B8, "B8", "fix of 6a792697a53a posted July 2026",
        "a drain marks an isolated CPU as flushing and queues no work, so the mark stays for ever";
    B14, "B14", "eefbfa7fd678, Linux 5.10",
        "obj_cgroup_charge takes a plain css reference, as merged: what the review of the mail had asked (S6)";
    B14b, "B14b", "9f38f03ae8d5, Linux 5.13",
        "uncharging the pages of an objcg takes a plain css reference to the group found under RCU";
    B15, "B15", "2f7659a31473, Linux 5.10",
        "the walk for an objcg that ends at root hands out the last one that it could not get a reference to";
    B21, "B21", "3b8abb323953, Linux 6.4",
        "a drain reads the pointer of a remote byte stock once to test it and once to follow it";
    B21b, "B21b", "3b8abb323953, as found in Linux 5.10",
        "a byte stock puts its reference to an objcg before it clears the pointer that others may follow";
    B42, "B42", "7e97de0b033b, Linux 4.19",
        "the id of a group that could not be made is not given back";
    B85, "B85", "after 7961eee39784, Linux 5.4",
        "a group that could not be made is taken down as if it had been up: an objcg that is not there is followed";
    B17, "B17", "8de15e920dc8, Linux 5.10",
        "without use_hierarchy a group's counter has no parent, yet its objcgs are reparented to root";
    B19, "B19", "becaba65f62f, Linux 5.10",
        "an object whose charge was refused is allocated all the same, without account";
    B39, "B39", "1f47b61fb407, Linux 4.8",
        "swap-out from a removed group charges its counter but records no id";
    R1, "R1", "c5c8b16b596e, Linux 5.16",
        "charging objects skips root, uncharging them does not";
    P1, "P1", "this project",
        "draining a stock slot whose pages are used up keeps its css reference";
    P2, "P2", "this project",
        "after the exact retry of a charge the stock is filled as if the whole batch had been charged";
    P3, "P3", "this project",
        "the CPU dead callback leaves the flush mark of the dead CPU set";
    O1, "O1", "this project, after 00d484f354d8",
        "an object charge waits for its group to be online, which a removed group never is again";
    O2, "O2", "this project",
        "a byte stock caches an objcg without taking a reference";
    O3, "O3", "this project, after percpu_ref",
        "a killed counter has no bias: a put before the CPUs' numbers are added can look like the last one";
    O4, "O4", "this project, after percpu_ref",
        "the switch to atomic mode adds up the numbers of the CPUs that are online, not of all";
    O5, "O5", "seed 001, question of the review",
        "offline leaves the pointer to the objcg that it reparents in the group";
    W1, "W1", "this project, after seed 004",
        "swap-in of an entry whose recorded group is gone does not free the slots";
    V1, "V1", "this project, after try_charge of cgroup v1",
        "a charge that memory refuses leaves memory+swap charged";
    V2, "V2", "this project, after drain_stock of cgroup v1",
        "draining a stock gives its pages back to memory but not to memory+swap";
    V3, "V3", "this project, after mem_cgroup_swapout",
        "swapping out gives memory+swap back although the slot takes the charge over";
    V4, "V4", "this project, after mem_cgroup_swapin_uncharge_swap",
        "swap-in takes a slot's charge to memory+swap back and leaves the record, so that freeing it does so again";
    V5, "V5", "this project, after try_charge of cgroup v1",
        "a charge asks the limit of memory alone, and memory+swap is charged by force";
    V6, "V6", "this project, after mem_cgroup_resize_max",
        "a memory limit above that of memory+swap is taken";
    V7, "V7", "this project, after mem_cgroup_swapout",
        "swapping out a removed group's page gives memory+swap back without charging the ancestor that is recorded";
    S13, "S13", "seed 002, mem_cgroup_start_move",
        "a mover does not wait for a grace period after it has raised its mark";
    S14, "S14", "seed 002, mem_cgroup_update_file_mapped",
        "an update that has taken the page lock goes on with the group that it read before";
    S15, "S15", "seed 002, race that the companion fix is about",
        "unmapping forgets what was told of the page although the page was mapped again meanwhile";
    S16, "S16", "seed 002, mem_cgroup_start_move",
        "a mover marks the CPUs that are online only: one that comes up inside the move sees no mark";
    B48, "B48", "companion fix of 13 September 2010, as posted",
        "unmapping forgets what was told of the page if it is mapped: the condition is inverted";
    B53, "B53", "c3cc39118c36, Linux 4.16",
        "an update reads a counter and writes it back: an interrupt on the same CPU in between is lost";
    B54, "B54", "fixed in Linux 5.12",
        "a mover moves the statistic of mapped huge pages by pages, which is counted by folios";
    B78, "B78", "after a fix of the LRU reparenting series of January 2026",
        "emptying a group hands its statistic on as a whole, after it has gone page by page";
    F1, "F1", "this project, after seed 002",
        "the mark of a group on the move is a flag, not a count: the end of one mover hides another";
    F2, "F2", "this project, after seed 002",
        "a page that is moved keeps its css reference to the group that it came from";
    N1, "N1", "this project",
        "a counter is read, added to and written back: what another CPU does to it in between is lost";
    N2, "N2", "this project",
        "rmdir does not look again, under the lock of the tree, whether the group is still there: it is offlined twice";
    N3, "N3", "this project",
        "a task begins its exit without excluding a migration of its process, which may be half way";
    N4, "N4", "this project, found by the interleave engine",
        "an exec gives its task a new mm without excluding a migration of its process, which may be half way";
    N5, "N5", "this project, after cgroup_mutex and the lock of a worker pool",
        "a worker takes the lock of the tree while it has that of its queue: rmdir, which queues under the lock of the tree, takes both in the other order";
    N6, "N6", "this project, found by the interleave engine",
        "a socket takes a reference to the group of its task without asking whether there is one left: the task may have been migrated meanwhile";
    S18, "S18", "seed 003, reparenting of kmem_caches",
        "reparenting hands caches to the parent without a reference to it";
    S19, "S19", "seed 003, references of a kmem_cache",
        "a slab holds its cache with one reference, whatever its order, and gives back one per page";
    B34, "B34", "fix of fb2f2b0adb98, Linux 5.4",
        "a cache forgets its group when it is unlinked, although slabs wait for a grace period to be uncharged";
    B35, "B35", "a264df74df38, Linux 5.5",
        "destroying a root cache does not wait for the grace period of a cache that is being killed";
    B36, "B36", "fix of f0a3a24b532d, 2020",
        "when the creation of a group's cache cannot be scheduled, the reference to the group is kept";
    K1, "K1", "this project, after the slab hooks of Linux 5.9",
        "an object whose slab cannot be allocated stays charged";
    K2, "K2", "this project, after __memcg_kmem_charge of Linux 5.8",
        "v1: kernel pages that the kmem counter refuses stay charged to memory";
    K3, "K3", "this project, after __memcg_kmem_uncharge of Linux 5.8",
        "v1: kernel pages that are freed stay charged to the kmem counter";
    K4, "K4", "this project, after __memcg_kmem_charge of Linux 5.8",
        "v1: a charge that may not fail and meets the kmem limit is not counted there";
    K5, "K5", "this project, after __memcg_kmem_charge of Linux 5.8",
        "v1: kernel pages are charged to the kmem counter whatever its limit";
    K6, "K6", "this project, after memcg_uncharge_slab of Linux 5.2",
        "v1: pages of a slab that is freed stay charged to the kmem counter";
    S20, "S20", "seed 004, try_charge, commit and cancel",
        "a try that succeeded is neither committed nor cancelled when the page cannot be inserted";
    S21, "S21", "seed 004, mem_cgroup_charge",
        "a charged page that cannot be inserted is freed without being uncharged";
    S21b, "S21b", "seed 004, mem_cgroup_charge",
        "a charged page that cannot be inserted is uncharged by hand, and once more when it is freed";
    S22, "S22", "seed 004, shmem_swapin_page",
        "a page that cannot be charged is taken out of the swap cache though its index entry still needs it";
    S23, "S23", "seed 004, shmem_undo_range against shmem_swapin_page",
        "reclaim passes over pages of the swap cache that nothing leads to";
    S24, "S24", "seed 004, Weiner's question of 22 April 2020",
        "reclaim walks the pages of groups only, and finds no stale page whose charge has failed";
    B38, "B38", "73f576c04b94, Linux 4.8",
        "a memcg id is given back only when its group is freed, so that page cache pins it";
    B41, "B41", "cae3af62b33a, Linux 5.12",
        "swap-in gives the swap charge back although the slot lives on, as only v1 may";
    B44, "B44", "8d22a9351035, Linux 5.8",
        "v1: the id of the group that swap entries move to is referenced only after all of them have been moved";
    B71, "B71", "fix of swap_cgroup_record posted in January 2026",
        "v1: a page that stays in the swap cache and is swapped out again records slots that are recorded already";
    B72, "B72", "9acbe135588e, Linux 5.13, the order of charge and insertion",
        "a page that is charged and cannot be inserted into the swap cache is freed without being uncharged";
    U1, "U1", "this project, after mem_cgroup_uncharge_list",
        "a list of pages is uncharged from the group of its first page";
    U2, "U2", "this project, a defect of its own that the interleave engine found",
        "whose a page of a list is, is looked up before the page is locked against a mover";
}

impl Fault {
    /// Whether only operations that overlap can show it: a run of whole operations, one after the other, is clean.
    pub fn needs_overlap(self) -> bool {
        matches!(
            self,
            Fault::S6
                | Fault::S8
                | Fault::B14
                | Fault::B14b
                | Fault::B15
                | Fault::B21
                | Fault::B21b
                | Fault::S13
                | Fault::S14
                | Fault::B1
                | Fault::B3
                | Fault::B10
                | Fault::N1
                | Fault::N3
                | Fault::N4
                | Fault::B44
                | Fault::N5
                | Fault::N6
                | Fault::B53
                | Fault::U2
        )
    }

    /// The faults that whole operations, one after the other, can show.
    pub fn sequential() -> impl Iterator<Item = Fault> {
        Fault::ALL.iter().copied().filter(|fault| !fault.needs_overlap())
    }

    /// The design that the fault is planted into, if `chosen` is: a fault of code that only another variant of a room
    /// has brings that variant along.
    pub fn design(self, chosen: Design) -> Design {
        match self {
            Fault::S18 | Fault::S19 | Fault::B34 | Fault::B35 | Fault::B36 => {
                Design { slab: SlabDesign::Caches53, ..chosen }
            }
            Fault::K1 => Design { slab: SlabDesign::Objcg, ..chosen },
            Fault::K2 | Fault::K3 | Fault::K4 | Fault::K5 => {
                Design { objcg: ObjcgDesign::PageKmem, slab: SlabDesign::PagePins, ..chosen }
            }
            Fault::K6 => Design { slab: SlabDesign::PagePins, ..chosen },
            Fault::S20 => Design { charge: ChargeDesign::TryCommit, ..chosen },
            Fault::S22 => Design { shmem: ShmemDesign::EexistOnly, ..chosen },
            Fault::S24 | Fault::B71 => Design { shmem: ShmemDesign::Linux54, ..chosen },
            Fault::B72 => Design { shmem: ShmemDesign::Final, ..chosen },
            Fault::B10 => Design { drain: DrainDesign::Wait, ..chosen },
            _ => chosen,
        }
    }
}

/// A set of faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults(u128);

impl Faults {
    /// No fault.
    pub const NONE: Faults = Faults(0);

    /// Whether `fault` is planted.
    pub fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u8) != 0
    }
}

impl FromIterator<Fault> for Faults {
    fn from_iter<I: IntoIterator<Item = Fault>>(faults: I) -> Faults {
        Faults(faults.into_iter().fold(0, |set, fault| set | 1 << fault as u8))
    }
}
