//! Designs: which variant each room of the machine uses.
//!
//! A *design* is a way in which the field built, or proposed to build, a thing; it may be flawed. A *fault*
//! ([`crate::Fault`]) is one named defect planted into a design.

use std::fmt;

/// Which variant each room uses. The default is the corrected one of every room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Design {
    /// The per-CPU page stock.
    pub stock: StockDesign,
    /// Whether a charge waits for the drains that it asks for.
    pub drain: DrainDesign,
    /// The order of the steps that take a group offline.
    pub offline: OfflineDesign,
    /// How kernel objects are charged.
    pub objcg: ObjcgDesign,
    /// Whether kernel objects are charged to root.
    pub kmem_root: KmemRootDesign,
    /// Which memcg an mm charges.
    pub mm: MmDesign,
    /// Who pays for kmem_caches.
    pub slab: SlabDesign,
    /// How mapped pages are counted while charges move.
    pub mapped: MappedDesign,
    /// How pages of the page cache and anonymous pages are charged.
    pub charge: ChargeDesign,
    /// How pages of shmem are charged and swapped in.
    pub shmem: ShmemDesign,
}

/// The kind of a design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What a seed or a fix replaced.
    Old,
    /// What replaced it.
    New,
    /// As a mail sent it, mistakes included.
    AsMailed,
    /// With what the harness proved necessary.
    Corrected,
}

impl Kind {
    /// The word used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Old => "old",
            Kind::New => "new",
            Kind::AsMailed => "as-mailed",
            Kind::Corrected => "corrected",
        }
    }
}

/// One variant of one room, as `designs` lists it.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// The room, as in `design room=variant`.
    pub room: &'static str,
    /// The variant, as in `design room=variant`.
    pub name: &'static str,
    /// Old, new, as mailed or corrected.
    pub kind: Kind,
    /// The mail or commit that it is built from.
    pub source: &'static str,
    /// What distinguishes it.
    pub what: &'static str,
    set: fn(&mut Design),
    is: fn(&Design) -> bool,
}

macro_rules! rooms {
    ($($(#[$rdoc:meta])* $field:ident: $ty:ident = $room:literal {
        $($(#[$vdoc:meta])* $(($default:ident))? $variant:ident = $name:literal, $kind:ident, $source:literal, $what:literal;)*
    })*) => {
        $(
            $(#[$rdoc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
            pub enum $ty {
                $(#[doc = $what] $(#[$default])? $variant,)*
            }
        )*

        /// Every variant of every room, in the order in which reports list them.
        pub const VARIANTS: &[Variant] = &[
            $($(Variant {
                room: $room,
                name: $name,
                kind: Kind::$kind,
                source: $source,
                what: $what,
                set: |design| design.$field = $ty::$variant,
                is: |design| design.$field == $ty::$variant,
            },)*)*
        ];
    };
}

rooms! {
    /// The per-CPU page stock.
    stock: StockDesign = "stock" {
        (default) SevenSlots = "seven-slots", New, "Linux 6.16 to 7.1, KERNEL-FACTS 1.0.3",
            "seven cached groups per CPU, victims in round robin";
        SingleSlot = "single-slot", Old, "Linux 2.6.33 to 6.15, KERNEL-FACTS 1.0.3",
            "one cached group per CPU";
    }
    /// Whether a charge waits for the drains that it asks for.
    drain: DrainDesign = "drain" {
        (default) Async = "async", New, "Linux to 7.1, KERNEL-FACTS 1.0.3",
            "a charge that does not fit asks other CPUs to drain and tries once more without waiting for them";
        Wait = "wait", New, "RFC of May 2025, bug B10",
            "a charge that does not fit waits until the CPUs that it asked have drained";
    }
    /// The order of the steps that take a group offline.
    offline: OfflineDesign = "offline" {
        (default) DrainFirst = "drain-first", Corrected, "KERNEL-FACTS 1.2, bug S12",
            "stocks are asked to drain while the group's objcgs are still its own";
        ReparentFirst = "reparent-first", New, "Linux 5.9 to 7.1, KERNEL-FACTS 1.2",
            "objcgs are reparented first, so the drain's flush test no longer finds their byte stocks";
    }
    /// How kernel objects are charged.
    objcg: ObjcgDesign = "objcg" {
        (default) Corrected510 = "5.10", Corrected, "seed 001, Linux 5.10 to 7.1 (eefbfa7fd678, 9f38f03ae8d5)",
            "as merged, but references to a group that was found under RCU are taken by tryget";
        Merged59 = "5.9", New, "seed 001, Linux 5.9",
            "as merged: the active objcg is on no list and holds no group, release works under one lock";
        Rfc = "rfc", AsMailed, "seed 001, the mail of 27 January 2020",
            "as in the mail's hunks: an objcg is on its own group's list, and takes a reference on the way out";
        PageKmem = "page-kmem", Old, "seed 001, what it replaces: Linux to 5.8",
            "no objcgs: each object is charged in whole pages, and each page holds the group";
    }
    /// Whether kernel objects are charged to root, once their objcg has been reparented to it.
    kmem_root: KmemRootDesign = "kmem-root" {
        (default) Charged = "charged", Corrected, "Linux 5.16 (c5c8b16b596e)",
            "what is uncharged from root had been charged to it";
        Skipped = "skipped", Old, "Linux to 5.15, and what the mail of seed 001 was made for",
            "charging root does nothing, uncharging it does";
    }
    /// Which memcg an mm charges.
    mm: MmDesign = "mm" {
        (default) MemcgCorrected = "memcg-corrected", Corrected, "seed 000, with what the harness proved necessary",
            "an mm holds a reference to the group that it charges, and every way in and out of it is balanced";
        MemcgAsMailed = "memcg-as-mailed", AsMailed, "seed 000, the mail of 31 May 2018",
            "an mm holds a reference to the group that it charges, as in the mail's hunks";
        Owner = "owner", Old, "seed 000, Linux 2.6.26 to 4.17",
            "an mm charges the group of its owner, which looks for another one when it exits or execs";
        OwnerRepaired = "owner-repaired", Corrected, "Linux 5.2 (c3f3ce049f7d), 5.4 (00d484f354d8) and later",
            "as owner; failed forks and execs clear the owner, and lookups accept a group that is offline";
    }
    /// Who pays for kmem_caches.
    slab: SlabDesign = "slab" {
        (default) Objcg = "objcg", Corrected, "Linux 5.9 to 7.1, KERNEL-FACTS 1.2 and 1.4",
            "no caches of groups: each object is charged through an objcg, slabs are shared";
        PagePins = "page-pins", Old, "seed 003, what it replaces: Linux to 5.2",
            "each page of a group's slabs is charged to the group and holds it";
        Caches53 = "5.3", New, "seed 003, merged in Linux 5.3, with the fixes to 5.8",
            "a group's cache holds the group, its pages hold the cache, and removal reparents caches";
    }
    /// How mapped pages are counted while charges move.
    mapped: MappedDesign = "mapped" {
        PageLock = "page-lock", Old, "Linux 2.6.36, KERNEL-FACTS 1.3",
            "the page lock is taken for every update; a flag on the page tells the mover what was counted";
        Marked = "marked", AsMailed, "seed 002, mail of 13 September 2010",
            "the page lock is taken only under a per-CPU mark of the mover; the flag as before";
        (default) MarkedCount = "marked-count", Corrected, "seed 002, and what the hunt found in it",
            "the page counts what was told of it, an uncharge takes that back, and its group is read again after the mark";
        MarkedOnline = "marked-online", New, "bug S16",
            "the corrected one, but the mark is raised on online CPUs alone";
        SectionFirst = "section-first", Corrected, "Linux 3.18, mem_cgroup_begin_page_stat",
            "both halves of a mapping lie in one section, and the mover asks the mapcount";
    }
    /// How pages of the page cache and anonymous pages are charged.
    charge: ChargeDesign = "charge" {
        TryCommit = "try-commit", Old, "Linux 3.17 to 5.7, what seed 004 replaces",
            "a try charges the counters, and a commit or a cancel follows when the page has been inserted or not";
        AsMailed = "as-mailed", AsMailed, "seed 004, the mail of 20 April 2020",
            "page cache is charged and bound in one step, anonymous pages in three calls still";
        (default) SingleStep = "single-step", Corrected, "Linux 5.8 (9d82c69438d0, be5d0a74c62d)",
            "all pages are charged and bound in one step, and uncharged when they are freed";
    }
    /// How pages of shmem are charged and swapped in.
    shmem: ShmemDesign = "shmem" {
        Linux54 = "5.4", Old, "Linux 3.7 (215c02bc33bb) to 5.7, what seed 004 replaces",
            "try, insert, commit or cancel; a page whose insertion fails is taken out of the swap cache";
        AsMailed = "as-mailed", AsMailed, "seed 004, the mail of 20 April 2020",
            "charged in one step within the insertion: the swap cache is cleared whatever has failed";
        EexistOnly = "eexist-only", New, "seed 004, Kim's answer of 22 April 2020",
            "as mailed, but the swap cache is cleared only if the index entry is another";
        Enoent = "enoent", New, "seed 004, the first repair, KERNEL-FACTS 1.5",
            "an index entry that is gone is ENOENT, and only then the swap cache is cleared";
        PunchLocks = "punch-locks", New, "seed 004, Kim's answer of 23 April 2020",
            "as eexist-only, and a hole punch waits for the lock of a page in the swap cache";
        (default) Final = "final", Corrected, "Linux 5.8 (14235ab36019, 3fea5a499d57, 4c6355b25e8b)",
            "charged as it is read into the swap cache, which no failure clears; stale pages are reclaim's";
    }
}

impl Variant {
    /// Whether this is the variant that the default design uses.
    pub fn is_default(&self) -> bool {
        (self.is)(&Design::default())
    }

    /// The default design with this room's variant instead.
    pub fn design(&self) -> Design {
        let mut design = Design::default();
        (self.set)(&mut design);
        design
    }
}

impl Design {
    /// The same with what cannot go together changed: without objcgs there are none for the slab allocator to charge
    /// objects through, and groups have kmem_caches of their own.
    pub fn consistent(self) -> Design {
        match (self.objcg, self.slab) {
            (ObjcgDesign::PageKmem, SlabDesign::Objcg) => Design { slab: SlabDesign::PagePins, ..self },
            _ => self,
        }
    }

    /// Choose `variant` for `room`.
    ///
    /// # Errors
    /// [`UnknownVariant`] when no room, or no variant of that room, has this name.
    pub fn choose(&mut self, room: &str, variant: &str) -> Result<(), UnknownVariant> {
        let found = VARIANTS
            .iter()
            .find(|v| v.room == room && v.name == variant)
            .ok_or_else(|| UnknownVariant { room_known: VARIANTS.iter().any(|v| v.room == room) })?;
        (found.set)(self);
        Ok(())
    }
}

/// A name that is no room, or no variant of the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownVariant {
    /// Whether the room exists.
    pub room_known: bool,
}

/// `current` for the default, otherwise `room=variant,…` for the rooms that differ from it.
impl fmt::Display for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for variant in VARIANTS.iter().filter(|v| !v.is_default() && (v.is)(self)) {
            write!(f, "{separator}{}={}", variant.room, variant.name)?;
            separator = ",";
        }
        if separator.is_empty() { f.write_str("current") } else { Ok(()) }
    }
}
