//! Looking at the machine from outside the run: nothing here is an access of any CPU.

use crate::ObjcgDesign;
use crate::machine::Machine;
use crate::memcg::{Memcg, MemcgRef};
use crate::obj_cgroup::{Objcg, ObjcgRef};
use crate::substrate::arena::Handle;
use crate::substrate::cpu::{Cpu, STOCK_SLOTS};
use crate::substrate::css::State;
use crate::substrate::env::{Label, What};
use crate::substrate::page_stock::StockSlot;
use crate::substrate::units::{Bytes, Pages};
use crate::substrate::work::Work;
use crate::swap::FolioRef;

/// What a group's words hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemcgView {
    /// Pages charged; negative after an underflow.
    pub usage: i64,
    /// Memory limit in pages.
    pub max: i64,
    /// Failed charges at this level.
    pub failcnt: i64,
    /// The most pages ever charged.
    pub watermark: i64,
    /// Swap slots charged.
    pub swap_usage: i64,
    /// Swap limit in slots.
    pub swap_max: i64,
    /// Pages and swap slots charged together; v1 only.
    pub memsw_usage: i64,
    /// Limit of memory and swap together in pages; v1 only.
    pub memsw_max: i64,
    /// Pages of kernel objects, where they have a counter of their own.
    pub kmem_usage: i64,
    /// Their limit.
    pub kmem_max: i64,
    /// css references; not kept for root.
    pub refs: i64,
    /// Stage of life.
    pub state: State,
    /// References to the id.
    pub id_refs: i64,
    /// The id; 0 once it has been given back.
    pub id: i64,
    /// The parent in the tree.
    pub parent: Option<MemcgRef>,
    /// The group whose counters count what this one's count.
    pub counter_parent: Option<MemcgRef>,
    /// The objcg that new objects are charged through.
    pub objcg: Option<ObjcgRef>,
}

/// What an objcg's words hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjcgView {
    /// References, those that CPUs count by themselves included.
    pub refs: i64,
    /// Whether one of them is that of the switch to atomic mode, which waits for a grace period.
    pub switching: bool,
    /// The group that it charges.
    pub memcg: MemcgRef,
    /// `nr_charged_bytes`.
    pub leftover: i64,
    /// Whether it is on its group's list and holds a css reference for that.
    pub listed: bool,
}

#[inline]
fn memcg_view(node: &Memcg) -> MemcgView {
    MemcgView {
        usage: node.memory.usage.peek(),
        max: node.memory.max.peek(),
        failcnt: node.memory.failcnt.peek(),
        watermark: node.memory.watermark.peek(),
        swap_usage: node.swap.usage.peek(),
        swap_max: node.swap.max.peek(),
        memsw_usage: node.memsw.usage.peek(),
        memsw_max: node.memsw.max.peek(),
        kmem_usage: node.kmem.usage.peek(),
        kmem_max: node.kmem.max.peek(),
        refs: node.css.refs.peek(),
        state: State::from_word(node.css.state.peek()),
        id_refs: node.id_refs.peek(),
        id: node.id.peek(),
        parent: node.css.parent(&crate::Plain),
        counter_parent: node.css.counter_parent(),
        objcg: Handle::from_word(node.objcg.peek()),
    }
}

impl Machine {
    #[inline]
    fn objcg_view(&self, node: &Objcg) -> Option<ObjcgView> {
        // As mailed it is on the list from the start, but holds nothing until its group is removed.
        let holds = node.refs.is_killed() || self.config.design.objcg != ObjcgDesign::Rfc;
        Some(ObjcgView {
            refs: node.refs.total(&self.cpus),
            switching: node.refs.is_switching(),
            memcg: Handle::from_word(node.memcg.peek())?,
            leftover: node.leftover.peek(),
            listed: node.place.peek() != 0 && holds,
        })
    }

    /// Whether something lives in the slot of an arena that the label of its generation names, as
    /// [`Label::place`](crate::Label::place) does.
    pub fn lives_at(&self, slot: Label) -> bool {
        let index = slot.index as usize;
        match slot.what {
            What::MemcgGeneration => self.memcgs.at(index).is_some(),
            What::ObjcgGeneration => self.objcgs.at(index).is_some(),
            What::FolioGeneration => self.folios.at(index).is_some(),
            What::TaskGeneration | What::MmGeneration => self.mm.lives_at(slot),
            What::CacheGeneration | What::SlabGeneration => self.slab.lives_at(slot),
            _ => true,
        }
    }

    /// Whether a group has not been freed.
    #[inline]
    pub fn memcg_lives(&self, memcg: MemcgRef) -> bool {
        self.memcgs.peek(memcg).is_some()
    }

    /// A group's words; `None` once it has been freed.
    #[inline]
    pub fn memcg(&self, memcg: MemcgRef) -> Option<MemcgView> {
        self.memcgs.peek(memcg).map(memcg_view)
    }

    /// The group that lives in slot number `index` of the arena.
    pub fn memcg_at(&self, index: usize) -> Option<MemcgRef> {
        self.memcgs.at(index).map(|(memcg, _)| memcg)
    }

    /// Every group that has not been freed, root first.
    pub fn live_memcgs(&self) -> impl Iterator<Item = (MemcgRef, MemcgView)> {
        self.memcgs.live().map(|(memcg, node)| (memcg, memcg_view(node)))
    }

    /// Whether an objcg has not been freed.
    #[inline]
    pub fn objcg_lives(&self, objcg: ObjcgRef) -> bool {
        self.objcgs.peek(objcg).is_some()
    }

    /// An objcg's words; `None` once it has been freed.
    #[inline]
    pub fn objcg(&self, objcg: ObjcgRef) -> Option<ObjcgView> {
        self.objcgs.peek(objcg).and_then(|node| self.objcg_view(node))
    }

    /// The objcg that lives in slot number `index` of the arena.
    pub fn objcg_at(&self, index: usize) -> Option<ObjcgRef> {
        self.objcgs.at(index).map(|(objcg, _)| objcg)
    }

    /// Every objcg that has not been freed.
    pub fn live_objcgs(&self) -> impl Iterator<Item = (ObjcgRef, ObjcgView)> {
        self.objcgs.live().filter_map(|(objcg, node)| Some((objcg, self.objcg_view(node)?)))
    }

    /// Every folio, with its group and its pages.
    pub fn live_folios(&self) -> impl Iterator<Item = (FolioRef, MemcgRef, Pages)> {
        let charged = self.folios.live().filter(|(_, node)| node.page.used.peek() != 0);
        charged.filter_map(|(folio, node)| {
            Some((folio, Handle::from_word(node.memcg.peek())?, Pages(node.pages.peek() as u64)))
        })
    }

    /// The group that a folio is charged to.
    pub fn folio_owner(&self, folio: FolioRef) -> Option<MemcgRef> {
        self.folios.peek(folio).and_then(|node| Handle::from_word(node.memcg.peek()))
    }

    /// Every swap slot in use, with the id recorded for it.
    pub fn used_slots(&self) -> impl Iterator<Item = (usize, i64)> {
        let used = self.slot_table.peek().high_water();
        self.slots[..used]
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.used.peek() != 0)
            .map(|(index, slot)| (index, slot.record.peek()))
    }

    /// Number of swap slots in use.
    pub fn slots_in_use(&self) -> usize {
        self.slot_table.peek().in_use()
    }

    /// The slot's record of who pays, if the slot is in use.
    pub fn slot_record(&self, slot: usize) -> Option<i64> {
        let slot = self.slots.get(slot)?;
        (slot.used.peek() != 0).then(|| slot.record.peek())
    }

    /// The group with an id.
    pub fn memcg_with_id(&self, id: i64) -> Option<MemcgRef> {
        self.ids.peek().find(id)
    }

    /// Ids in use beside root's.
    pub fn ids_in_use(&self) -> usize {
        self.ids.peek().in_use()
    }

    /// Whether a CPU is online.
    #[inline]
    pub fn cpu_online(&self, id: usize) -> bool {
        self.cpus[id].online.peek() != 0
    }

    /// Whether a CPU is isolated.
    pub fn cpu_isolated(&self, id: usize) -> bool {
        self.cpus[id].isolated.peek() != 0
    }

    /// Whether a drain is queued on a CPU.
    pub fn drain_queued(&self, id: usize) -> bool {
        self.cpus[id].queue.peek().contains(&Work::Drain)
    }

    /// Whether work is queued that only this CPU may run. Not to be asked while somebody holds the queue's lock.
    pub fn has_bound_work(&self, id: usize) -> bool {
        !self.cpus[id].queue.peek().is_empty()
    }

    /// Whether work is queued that any CPU may run. Not to be asked while somebody holds the queue's lock.
    pub fn has_unbound_work(&self) -> bool {
        !self.unbound.peek().is_empty()
    }

    /// Whether `memcg` is `root` or below it in the tree.
    pub fn is_below(&self, memcg: MemcgRef, root: MemcgRef) -> bool {
        self.is_descendant(&crate::Plain, memcg, root)
    }
}

impl Cpu {
    /// The slots of the page stock.
    #[inline]
    pub fn stock_slots(&self) -> &[StockSlot; STOCK_SLOTS] {
        self.pages.slots()
    }

    /// What is in the page stock.
    pub fn cached_pages(&self) -> impl Iterator<Item = (MemcgRef, Pages)> + '_ {
        self.pages.cached()
    }

    /// What is in the byte stock.
    #[inline]
    pub fn cached_bytes(&self) -> Option<(ObjcgRef, Bytes)> {
        self.bytes.cached()
    }
}
