//! What shared words are called, whose they are and what their values stand for: for whoever shows accesses.
//!
//! The machine itself never asks.

use super::cpu::STOCK_SLOTS;
use super::env::{Label, What};
use crate::file_mapped::STAT_CPUS;

/// What a kind of shared word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The kernel's word for it, as it reads before "of A".
    pub name: &'static str,
    /// Whose it is.
    pub whose: Whose,
    /// What its values stand for. A lock has none.
    pub holds: Holds,
}

/// Whose a word is: what the index of its [`Label`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Nobody's: there is only one in the machine.
    Machine,
    /// A CPU's.
    Cpu,
    /// One slot of a CPU's page stock.
    StockSlot,
    /// A swap slot's.
    SwapSlot,
    /// That of the object which lives in a slot of the arena with this generation word.
    Object(What),
    /// A group's on one CPU.
    GroupOnCpu,
    /// An entry of a table that is only numbered.
    Entry,
}

/// What the values of a word stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A number.
    Number,
    /// A limit in pages; the largest number is none.
    Limit,
    /// 1 or 0.
    Flag,
    /// A pointer to an object of the arena with this generation word, or to nothing.
    Pointer(What),
    /// A generation: odd while an object lives in the slot.
    Generation,
    /// A [`State`](super::css::State).
    State,
    /// Odd inside a read section.
    Section,
}

/// Where a label's word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The only one of the machine.
    Machine,
    /// Of this CPU.
    Cpu(usize),
    /// Of this slot of this CPU's page stock.
    StockSlot {
        /// The CPU.
        cpu: usize,
        /// The slot.
        slot: usize,
    },
    /// Of this swap slot.
    SwapSlot(usize),
    /// Of the object in the arena's slot whose generation word has this label.
    Object(Label),
    /// Of the object in that slot, on this CPU.
    ObjectOnCpu(Label, usize),
    /// With this number.
    Entry(usize),
}

impl Label {
    /// Where the word is.
    pub fn place(self) -> Place {
        let index = self.index as usize;
        match self.what.meaning().whose {
            Whose::Machine => Place::Machine,
            Whose::Cpu => Place::Cpu(index),
            Whose::StockSlot => Place::StockSlot { cpu: index / STOCK_SLOTS, slot: index % STOCK_SLOTS },
            Whose::SwapSlot => Place::SwapSlot(index),
            Whose::Object(generation) => Place::Object(Label::new(generation, index)),
            Whose::GroupOnCpu => {
                let group = Label::new(What::MemcgGeneration, index / STAT_CPUS);
                Place::ObjectOnCpu(group, index % STAT_CPUS)
            }
            Whose::Entry => Place::Entry(index),
        }
    }

    /// The generation word of the object that a pointer leads to; `None` for a pointer to nothing.
    pub fn pointed_to(generation: What, pointer: i64) -> Option<Label> {
        (pointer != 0).then(|| Label::new(generation, (pointer & i64::from(u32::MAX)) as usize))
    }
}

impl What {
    /// What this kind of word means.
    pub fn meaning(self) -> Meaning {
        use Holds::{Flag, Generation, Limit, Number, Pointer, Section};
        use What::{
            CacheGeneration, FolioGeneration, MemcgGeneration, MmGeneration, ObjcgGeneration, SlabGeneration,
            TaskGeneration,
        };
        let group = Whose::Object(MemcgGeneration);
        let objcg = Whose::Object(ObjcgGeneration);
        let folio = Whose::Object(FolioGeneration);
        let cache = Whose::Object(CacheGeneration);
        let slab = Whose::Object(SlabGeneration);
        let task = Whose::Object(TaskGeneration);
        let mm = Whose::Object(MmGeneration);
        let (name, whose, holds) = match self {
            What::MemcgGeneration => ("memory", group, Generation),
            What::MemoryUsage => ("usage", group, Number),
            What::MemoryMax => ("max", group, Limit),
            What::MemoryFailcnt => ("failcnt", group, Number),
            What::MemoryWatermark => ("watermark", group, Number),
            What::KmemUsage => ("kmem", group, Number),
            What::KmemLimit => ("kmem limit", group, Limit),
            What::SwapUsage => ("swap", group, Number),
            What::SwapMax => ("swap.max", group, Limit),
            What::SwapFailcnt => ("swap failcnt", group, Number),
            What::SwapWatermark => ("swap watermark", group, Number),
            What::MemswUsage => ("memory+swap", group, Number),
            What::MemswMax => ("memsw.max", group, Limit),
            What::MemswFailcnt => ("memsw failcnt", group, Number),
            What::MemswWatermark => ("memsw watermark", group, Number),
            What::CssRefs => ("css refs", group, Number),
            What::CssState => ("state", group, Holds::State),
            What::CssTasks => ("tasks", group, Number),
            What::Children => ("children", group, Number),
            What::Parent => ("parent", group, Pointer(MemcgGeneration)),
            What::CounterParent => ("counter parent", group, Pointer(MemcgGeneration)),
            What::Id => ("id", group, Number),
            What::IdRefs => ("id refs", group, Number),
            What::ActiveObjcg => ("objcg", group, Pointer(ObjcgGeneration)),
            What::ObjcgGeneration => ("memory", objcg, Generation),
            What::ObjcgRefs => ("refs", objcg, Number),
            What::ObjcgRefMode => ("mode of refs", objcg, Number),
            What::ObjcgMemcg => ("memcg", objcg, Pointer(MemcgGeneration)),
            What::ObjcgLeftover => ("nr_charged_bytes", objcg, Number),
            What::ObjcgPlace => ("place on its list", objcg, Number),
            What::FolioGeneration => ("memory", folio, Generation),
            What::FolioMemcg => ("memcg", folio, Pointer(MemcgGeneration)),
            What::FolioPages => ("pages", folio, Number),
            What::PageRefs => ("page refs", folio, Number),
            What::PageUsed => ("used bit", folio, Flag),
            What::PageMapcount => ("mapcount", folio, Number),
            What::PageTold => ("file_mapped flag", folio, Number),
            What::PageLock => ("page lock", folio, Number),
            What::PageMm => ("mm", folio, Pointer(MmGeneration)),
            What::SlotUsed => ("in use", Whose::SwapSlot, Flag),
            What::SlotRecord => ("record", Whose::SwapSlot, Number),
            What::SlotNext => ("next", Whose::SwapSlot, Number),
            What::CacheGeneration => ("memory", cache, Generation),
            What::CacheRoot => ("root cache", cache, Pointer(CacheGeneration)),
            What::CacheMemcg => ("memcg", cache, Pointer(MemcgGeneration)),
            What::CacheRefs => ("refs", cache, Number),
            What::CacheRefMode => ("mode of refs", cache, Number),
            What::CacheStage => ("stage", cache, Number),
            What::CacheDying => ("dying bit", cache, Flag),
            What::CacheShape => ("shape", cache, Number),
            What::CacheSlabs => ("slab list", cache, Number),
            What::CacheSlot => ("memcg_caches entry", Whose::Entry, Pointer(CacheGeneration)),
            What::SlabGeneration => ("memory", slab, Generation),
            What::SlabCache => ("cache", slab, Pointer(CacheGeneration)),
            What::SlabMemcg => ("memcg", slab, Pointer(MemcgGeneration)),
            What::SlabObjects => ("objects", slab, Number),
            What::SlabNumber => ("number", slab, Number),
            What::SlabMutex => ("slab_mutex", Whose::Machine, Number),
            What::SlabUnreturned => ("unreturned slab pages", Whose::Machine, Number),
            What::CpuCached => ("cached memcg", Whose::StockSlot, Pointer(MemcgGeneration)),
            What::CpuCachedObjcg => ("cached objcg", Whose::Cpu, Pointer(ObjcgGeneration)),
            What::CpuFlushing => ("flushing bit", Whose::Cpu, Flag),
            What::CpuOnline => ("online bit", Whose::Cpu, Flag),
            What::CpuIsolated => ("isolated bit", Whose::Cpu, Flag),
            What::CpuSection => ("read section", Whose::Cpu, Section),
            What::CpuQueue => ("work queue", Whose::Cpu, Number),
            What::UnboundQueue => ("unbound work queue", Whose::Machine, Number),
            What::Callbacks => ("RCU callbacks", Whose::Machine, Number),
            What::IdTable => ("memcg id table", Whose::Machine, Number),
            What::SlotTable => ("swap slot table", Whose::Machine, Number),
            What::ObjcgLists => ("objcg lists", Whose::Machine, Number),
            What::LimitMutex => ("memcg_max_mutex", Whose::Machine, Number),
            What::TreeLock => ("cgroup_mutex", Whose::Machine, Number),
            What::DrainMutex => ("percpu_charge_mutex", Whose::Machine, Number),
            What::Movers => ("movers lock", Whose::Machine, Number),
            What::Free => ("free list", Whose::Entry, Number),
            What::TaskGeneration => ("memory", task, Generation),
            What::TaskMm => ("mm", task, Pointer(MmGeneration)),
            What::TaskMemcg => ("memcg", task, Pointer(MemcgGeneration)),
            What::TaskFlags => ("flags", task, Number),
            What::TaskLeader => ("leader", task, Pointer(TaskGeneration)),
            What::TaskParent => ("parent", task, Pointer(TaskGeneration)),
            What::TaskLock => ("task_lock", task, Number),
            What::TaskList => ("tasklist_lock", Whose::Machine, Number),
            What::PageTables => ("page_table_lock", Whose::Machine, Number),
            What::TasksVisited => ("tasks visited", Whose::Machine, Number),
            What::MmGeneration => ("memory", mm, Generation),
            What::MmUsers => ("mm_users", mm, Number),
            What::MmCount => ("mm_count", mm, Number),
            What::MmMemcg => ("memcg", mm, Pointer(MemcgGeneration)),
            What::MmOwner => ("owner", mm, Pointer(TaskGeneration)),
            What::MmMixed => ("mixed bit", mm, Flag),
            What::StatFileMapped => ("NR_FILE_MAPPED", Whose::GroupOnCpu, Number),
            What::StatFilePmdMapped => ("NR_FILE_PMDMAPPED", Whose::GroupOnCpu, Number),
            What::StatOnMove => ("on_move mark", Whose::GroupOnCpu, Number),
            What::StatPgFault => ("pgfault", Whose::GroupOnCpu, Number),
            What::StatPgMajFault => ("pgmajfault", Whose::GroupOnCpu, Number),
            What::StatOomKill => ("oom_kill", Whose::GroupOnCpu, Number),
            What::ShmemEntry => ("index entry", Whose::Entry, Number),
            What::SlotMap => ("swap_map", Whose::SwapSlot, Number),
            What::SlotCache => ("swap cache", Whose::SwapSlot, Pointer(FolioGeneration)),
            What::SlotContent => ("content", Whose::SwapSlot, Number),
            What::SlotPages => ("pages", Whose::SwapSlot, Number),
            What::SlotMm => ("mm", Whose::SwapSlot, Pointer(MmGeneration)),
            What::FolioSwap => ("swap cache entry", folio, Number),
            What::FolioLocked => ("PG_locked", folio, Flag),
            What::FolioContent => ("content", folio, Number),
            What::FolioFlags => ("dirty and writeback bits", folio, Number),
        };
        Meaning { name, whose, holds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_taken_apart_as_they_were_put_together() {
        let stock = Label::new(What::CpuCached, 2 * STOCK_SLOTS + 3);
        assert_eq!(stock.place(), Place::StockSlot { cpu: 2, slot: 3 });
        let group = Label::new(What::MemcgGeneration, 5);
        assert_eq!(Label::new(What::MemoryUsage, 5).place(), Place::Object(group));
        let statistic = Label::new(What::StatFileMapped, 5 * STAT_CPUS + 1);
        assert_eq!(statistic.place(), Place::ObjectOnCpu(group, 1));
        assert_eq!(Label::new(What::TreeLock, 0).place(), Place::Machine);
    }

    #[test]
    fn a_pointer_leads_to_the_generation_word_of_its_object() {
        let pointer = (3 << 32) | 5;
        let group = Label::new(What::MemcgGeneration, 5);
        assert_eq!(Label::pointed_to(What::MemcgGeneration, pointer), Some(group));
        assert_eq!(Label::pointed_to(What::MemcgGeneration, 0), None);
    }
}
