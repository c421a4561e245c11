//! A memory cgroup: what it consists of, its birth and its removal.

use crate::machine::Machine;
use crate::obj_cgroup::Objcg;
use crate::substrate::arena::{Handle, Item, word_of};
use crate::substrate::cpu::Cpu;
use crate::substrate::css::{Css, State};
use crate::substrate::env::{Env, Failing, Label, Mark, Oops, What};
use crate::substrate::page_counter::{NodeLabels, PageCounter};
use crate::substrate::units::{Errno, NO_LIMIT};
use crate::substrate::word::Word;
use crate::substrate::work::Work;
use crate::{Fault, ObjcgDesign, OfflineDesign, Wiring};

/// A reference to a memcg.
pub type MemcgRef = Handle<Memcg>;

/// A memory cgroup.
#[derive(Debug)]
pub struct Memcg {
    pub(crate) css: Css,
    pub(crate) memory: PageCounter,
    /// Swap slots; v2 only.
    pub(crate) swap: PageCounter,
    /// Memory and swap slots together; v1 only.
    pub(crate) memsw: PageCounter,
    pub(crate) kmem: PageCounter,
    /// Number under which swap slots record this group; 0 once nothing records it any more.
    pub(crate) id: Word,
    /// One while online, and one per recorded slot. The id holds one css reference until this is zero.
    pub(crate) id_refs: Word,
    /// The objcg that new objects are charged through; none once the group has been reparented. RCU. In the design
    /// without objcgs the object that stands for the group.
    pub(crate) objcg: Word,
}

impl Item for Memcg {
    const GENERATION: What = What::MemcgGeneration;

    fn empty(index: usize) -> Memcg {
        let word = |what| Word::new(Label::new(what, index));
        Memcg {
            css: Css::empty(index),
            memory: PageCounter::empty(
                NodeLabels {
                    usage: What::MemoryUsage,
                    max: What::MemoryMax,
                    failcnt: What::MemoryFailcnt,
                    watermark: What::MemoryWatermark,
                },
                index,
            ),
            swap: PageCounter::empty(
                NodeLabels {
                    usage: What::SwapUsage,
                    max: What::SwapMax,
                    failcnt: What::SwapFailcnt,
                    watermark: What::SwapWatermark,
                },
                index,
            ),
            memsw: PageCounter::empty(
                NodeLabels {
                    usage: What::MemswUsage,
                    max: What::MemswMax,
                    failcnt: What::MemswFailcnt,
                    watermark: What::MemswWatermark,
                },
                index,
            ),
            kmem: PageCounter::empty(
                NodeLabels {
                    usage: What::KmemUsage,
                    max: What::KmemLimit,
                    failcnt: What::KmemLimit,
                    watermark: What::KmemLimit,
                },
                index,
            ),
            id: word(What::Id),
            id_refs: word(What::IdRefs),
            objcg: word(What::ActiveObjcg),
        }
    }
}

impl Memcg {
    /// Number of the id; 0 for none.
    pub(crate) fn objcg_of<E: Env>(&self, e: &E) -> Option<Handle<Objcg>> {
        Handle::from_word(self.objcg.load(e))
    }
}

impl Machine {
    /// Create a group below `parent`, with limits of so many pages from the start. v1 knows no swap limit, and that of
    /// memory+swap is written later.
    ///
    /// # Errors
    /// [`Errno::NoDev`] if the parent has been removed, [`Errno::NoMem`] if an allocation fails,
    /// [`Errno::NoSpace`] if no memcg id is left.
    pub fn mkdir<E: Env>(&self, e: &E, parent: MemcgRef, max: u64, swap_max: u64) -> Result<MemcgRef, Errno> {
        let _tree = self.tree.lock(e);
        if !self.is_online(e, parent) {
            return Err(Errno::NoDev);
        }
        if e.failing(Failing::Alloc) {
            return Err(Errno::NoMem);
        }
        let memcg = self.memcgs.allocate(e).ok_or(Errno::NoMem)?;
        let node = self.memcgs.get(e, memcg);
        let counter_parent = match self.config.wiring {
            Wiring::V1Flat if e.fault(Fault::B17) => None,
            Wiring::V1Flat => Some(self.root),
            Wiring::V1 | Wiring::V2 => Some(parent),
        };
        node.css.init(Some(parent), counter_parent);
        node.memory.init(max);
        node.swap.init(swap_max);
        node.memsw.init(NO_LIMIT);
        node.kmem.init(NO_LIMIT);
        node.objcg.init(0);
        self.stats.init(memcg);
        let Some(id) = self.ids.lock(e).assign(memcg) else {
            self.memcgs.free(e, memcg);
            e.mark(Mark::IdsExhausted);
            return Err(Errno::NoSpace);
        };
        self.objcg_lists.lock(e)[memcg.index()].clear();
        if self.online_kmem(e, memcg).is_err() {
            self.undo_mkdir(e, memcg, id);
            return Err(Errno::NoMem);
        }
        node.id.init(id);
        node.id_refs.init(1);
        node.css.refs.init(2); // the base reference, and the id's
        self.css_get(e, parent);
        self.memcgs.get(e, parent).css.children.add(e, 1);
        node.css.state.store(e, State::Online as i64);
        Ok(memcg)
    }

    /// The part of bringing a group online that is about kernel memory: it gets its objcg.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if one of the two allocations for it fails; as mailed that is not noticed.
    fn online_kmem<E: Env>(&self, e: &E, memcg: MemcgRef) -> Result<(), Errno> {
        let design = self.config.design.objcg;
        let Some(objcg) = self.objcg_alloc(e, memcg) else {
            // The mail returns a variable that was never set. It is read as 0 here.
            return if design == ObjcgDesign::Rfc { Ok(()) } else { Err(Errno::NoMem) };
        };
        self.memcgs.get(e, memcg).objcg.store(e, word_of(Some(objcg)));
        if design == ObjcgDesign::Rfc {
            self.host_itself(e, memcg, objcg);
        }
        Ok(())
    }

    /// Take back what was done for a group that cannot be made: so far it has an id, and nothing refers to it.
    fn undo_mkdir<E: Env>(&self, e: &E, memcg: MemcgRef, id: i64) {
        e.mark(Mark::MkdirUndone);
        if e.fault(Fault::B85) {
            // The whole way down of a group that was up: it has no objcg to hand on.
            let objcg = &self.memcgs.get(e, memcg).objcg;
            if objcg.load(e) == 0 {
                e.oops(Oops::Null(objcg.label()));
            }
        }
        if !e.fault(Fault::B42) {
            self.ids.lock(e).forget(id);
        }
        self.memcgs.free(e, memcg);
    }

    /// Remove a group. It cannot be found any more when this returns; the second half of its offlining is
    /// queued as a work item that is bound to no CPU.
    ///
    /// # Errors
    /// [`Errno::NoDev`] if it has been removed already, [`Errno::Busy`] while it has children that have not been
    /// removed, or tasks that are not exiting.
    pub fn rmdir<E: Env>(&self, e: &E, memcg: MemcgRef) -> Result<(), Errno> {
        let _tree = self.tree.lock(e);
        let node = self.memcgs.get(e, memcg);
        // Two that remove the same group have both found it; only the tree lock tells them apart.
        if !self.is_online(e, memcg) && !e.fault(Fault::N2) {
            return Err(Errno::NoDev);
        }
        if node.css.children.load(e) != 0 || node.css.tasks.load(e) != 0 {
            return Err(Errno::Busy);
        }
        node.css.state.store(e, State::Offlining as i64);
        if let Some(parent) = node.css.parent(e) {
            self.memcgs.get(e, parent).css.children.sub(e, 1);
        }
        self.unbound.lock(e).push_back(Work::Offline(memcg));
        Ok(())
    }

    /// The second half of removing a group, run from a work item: its stocks are drained, its objcgs handed to
    /// its parent, and its id's and its own base reference given back.
    pub(crate) fn offline<E: Env>(&self, e: &E, cpu: &mut Cpu, memcg: MemcgRef) {
        let node = self.memcgs.get(e, memcg);
        let reparent_first =
            self.config.design.offline == OfflineDesign::ReparentFirst || e.fault(Fault::S12);
        if reparent_first {
            self.reparent_objcgs(e, memcg);
            self.drain_all_stock(e, cpu, memcg);
        } else {
            self.drain_all_stock(e, cpu, memcg);
            self.reparent_objcgs(e, memcg);
        }
        self.offline_caches(e, memcg);
        node.css.state.store(e, State::Dying as i64);
        if node.css.parent(e).is_some_and(|parent| !self.is_online(e, parent)) {
            e.mark(Mark::ParentRemovedFirst);
        }
        self.id_put(e, memcg, 1);
        self.css_put(e, memcg);
    }
}
