//! The machine: everything that the CPUs share.

use crate::Design;
use crate::file_mapped::Stats;
use crate::memcg::{Memcg, MemcgRef};
use crate::mm;
use crate::obj_cgroup::{Objcg, ObjcgLists};
use crate::shmem::ShmemRoom;
use crate::slab::SlabRoom;
use crate::substrate::arena::Arena;
use crate::substrate::cpu::{Cpu, CpuShared};
use crate::substrate::css::State;
use crate::substrate::env::{Label, Plain, What};
use crate::substrate::rcu::Rcu;
use crate::substrate::units::NO_LIMIT;
use crate::substrate::word::Lock;
use crate::substrate::work::Work;
use crate::swap::{Folio, IdTable, SlotTable, SwapSlot};
use std::collections::VecDeque;

/// How the counters are wired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wiring {
    /// cgroup v2.
    #[default]
    V2,
    /// cgroup v1, hierarchical.
    V1,
    /// cgroup v1 without `use_hierarchy`: the parent of every counter is root's.
    V1Flat,
}

/// The size and the wiring of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// CPUs, all of them online at first.
    pub cpus: usize,
    /// Groups that can exist at once, root included, dying ones too.
    pub memcgs: usize,
    /// Folios that can exist at once.
    pub folios: usize,
    /// Swap slots.
    pub slots: usize,
    /// Memcg ids that can be in use at once, root's not counted.
    pub ids: usize,
    /// Tasks that can exist at once.
    pub tasks: usize,
    /// Address spaces that can exist at once.
    pub mms: usize,
    /// Root kmem_caches that can exist at once.
    pub caches: usize,
    /// Caches of groups that can exist at once, those of all root caches.
    pub memcg_caches: usize,
    /// Objects of kmem_caches that can exist at once.
    pub slab_objects: usize,
    /// Files of shmem.
    pub files: usize,
    /// How the counters are wired.
    pub wiring: Wiring,
    /// Which variant each room uses.
    pub design: Design,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            cpus: 2,
            memcgs: 16,
            folios: 64,
            slots: 64,
            ids: 64,
            tasks: 16,
            mms: 16,
            caches: 0,
            memcg_caches: 0,
            slab_objects: 0,
            files: 0,
            wiring: Wiring::default(),
            design: Design::default(),
        }
    }
}

/// Everything that the CPUs share. Operations take the environment and the CPU that runs them.
#[derive(Debug)]
pub struct Machine {
    pub(crate) config: Config,
    pub(crate) memcgs: Arena<Memcg>,
    pub(crate) objcgs: Arena<Objcg>,
    pub(crate) folios: Arena<Folio>,
    pub(crate) slots: Box<[SwapSlot]>,
    pub(crate) slot_table: Lock<SlotTable>,
    pub(crate) ids: Lock<IdTable>,
    pub(crate) objcg_lists: Lock<ObjcgLists>,
    pub(crate) slab: SlabRoom,
    pub(crate) shmem: ShmemRoom,
    pub(crate) cpus: Vec<CpuShared>,
    /// Work that any CPU may run.
    pub(crate) unbound: Lock<VecDeque<Work>>,
    pub(crate) rcu: Rcu,
    pub(crate) mm: mm::Room,
    /// Held while groups are made and removed.
    pub(crate) tree: Lock<()>,
    /// Held while v1 limits are compared with each other and written.
    pub(crate) limit_mutex: Lock<()>,
    /// Held by the one drainer.
    pub(crate) drain_mutex: Lock<()>,
    pub(crate) stats: Stats,
    /// Held while marks are raised and lowered.
    pub(crate) movers: Lock<()>,
    pub(crate) root: MemcgRef,
}

impl Machine {
    /// A machine with nothing but root, and its CPUs.
    pub fn new(config: Config) -> (Machine, Vec<Cpu>) {
        let memcgs = Arena::new(config.memcgs);
        let root = memcgs.allocate(&Plain).expect("room for root");
        let mut machine = Machine {
            config,
            memcgs,
            objcgs: Arena::new(config.memcgs * 2),
            folios: Arena::new(config.folios),
            slots: (0..config.slots).map(SwapSlot::empty).collect(),
            slot_table: Lock::new(Label::new(What::SlotTable, 0), SlotTable::default()),
            ids: Lock::new(Label::new(What::IdTable, 0), IdTable::default()),
            objcg_lists: Lock::new(Label::new(What::ObjcgLists, 0), vec![Vec::new(); config.memcgs].into()),
            slab: SlabRoom::new(),
            shmem: ShmemRoom::new(),
            cpus: (0..config.cpus).map(CpuShared::new).collect(),
            unbound: Lock::new(Label::new(What::UnboundQueue, 0), VecDeque::new()),
            rcu: Rcu::new(),
            mm: mm::Room::new(&config),
            tree: Lock::new(Label::new(What::TreeLock, 0), ()),
            limit_mutex: Lock::new(Label::new(What::LimitMutex, 0), ()),
            drain_mutex: Lock::new(Label::new(What::DrainMutex, 0), ()),
            stats: Stats::default(),
            movers: Lock::new(Label::new(What::Movers, 0), ()),
            root,
        };
        let mut cpus = Vec::new();
        machine.reset(config, &mut cpus);
        (machine, cpus)
    }

    /// Start anew, as [`Machine::new`] would, but cheaply: what has been used is cleared, and memory is taken only
    /// if `config` asks for more than ever before.
    pub fn reset(&mut self, config: Config, cpus: &mut Vec<Cpu>) {
        if config.memcgs > self.memcgs.capacity() {
            self.memcgs = Arena::new(config.memcgs);
            self.objcgs = Arena::new(config.memcgs * 2);
            *self.objcg_lists.get_mut() = vec![Vec::new(); config.memcgs].into();
        }
        if config.folios > self.folios.capacity() {
            self.folios = Arena::new(config.folios);
        }
        let slots_used = self.slot_table.get_mut().high_water();
        for slot in &self.slots[..slots_used] {
            slot.used.init(0);
            slot.record.init(0);
            slot.map.init(0);
            slot.cache.init(0);
            slot.mm.init(0);
        }
        if config.slots > self.slots.len() {
            self.slots = (0..config.slots).map(SwapSlot::empty).collect();
        }
        self.config = config;
        self.stats.fit(self.memcgs.capacity(), config.cpus);
        self.memcgs.reset();
        self.objcgs.reset();
        self.folios.reset();
        self.slot_table.get_mut().reset(config.slots);
        self.slab.reset(&config);
        self.shmem.reset(config.files);
        self.unbound.get_mut().clear();
        self.rcu.reset();
        self.mm.reset(&config);
        self.cpus.truncate(config.cpus);
        self.cpus.extend((self.cpus.len()..config.cpus).map(CpuShared::new));
        let counters = [self.objcgs.capacity(), self.slab.caches()];
        self.cpus.iter_mut().for_each(|cpu| cpu.reset(counters));
        cpus.clear();
        cpus.extend((0..config.cpus).map(Cpu::new));

        self.root = self.memcgs.allocate(&Plain).expect("room for root");
        let root = self.memcgs.get(&Plain, self.root);
        root.css.init(None, None);
        root.css.state.init(State::Online as i64);
        root.css.refs.init(1);
        root.memory.init(NO_LIMIT);
        root.swap.init(NO_LIMIT);
        root.memsw.init(NO_LIMIT);
        root.kmem.init(NO_LIMIT);
        root.id.init(IdTable::ROOT);
        root.id_refs.init(1);
        root.objcg.init(0);
        self.stats.init(self.root);
        self.ids.get_mut().reset(self.root, config.ids);
        self.objcg_lists.get_mut()[self.root.index()].clear();
    }

    /// The root group.
    pub fn root(&self) -> MemcgRef {
        self.root
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }
}
