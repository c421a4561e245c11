//! The reference model: what the books say after each step if nothing is ever cached and nothing is put off.
//!
//! A step is run in three calls: [`Model::admits`] tells whether its operands exist at all, [`Model::first`] is the
//! model's own answer, and [`Model::commit`] applies the answer that was *observed*, so that the model follows the
//! machine under test through every choice that the specification leaves open. [`Model::allowed`] is asked only
//! where the two answers differ.
//!
//! One idea a file: [`tree`] groups, their lives and their ids; [`limits`] what fits; [`pages`] folios;
//! [`obj_cgroup`] objects; [`swap`] slots; [`mm`] tasks and mms; [`mapped`] mapped pages and moving charges;
//! [`slab`] kmem_caches; [`charge`] pages charged and inserted; [`shmem`] files of shmem; [`cpus`] CPUs. In each of them stand the rules that an operation is admitted by, its answer
//! and its effect. [`step`] only hands out, [`allowed`] holds the legal divergences and [`questions`] what an invariant checker may ask.
//!
//! Totals are kept running, level by level, because a checker asks for them after every step; the tests recompute
//! each of them from its definition.

mod allowed;
mod charge;
mod cpus;
mod limits;
mod mapped;
mod mm;
mod names;
mod obj_cgroup;
mod pages;
mod questions;
mod shmem;
mod slab;
mod step;
mod swap;
#[cfg(test)]
mod tests;
mod tree;

use crate::{GroupId, Mode};
use allowed::PageCharge;
use cpus::Cpu;
use mapped::Mapped;
pub use mapped::{FileMapped, Half};
pub use mm::MmPage;
use mm::Mms;
use names::Names;
pub use obj_cgroup::ObjectRule;
use obj_cgroup::{Bucket, Object};
use pages::Folio;
pub use questions::Holders;
use shmem::Shmem;
pub use shmem::{ShmemCharge, ShmemIndex, ShmemPage, ShmemPlace, ShmemRule};
use slab::{Cache, SlabObject, Slabs};
pub use slab::{SlabCharge, SlabRule};
use swap::Slot;
use tree::Group;
pub use tree::GroupLife;

/// The machine that a program runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How the counters are wired.
    pub mode: Mode,
    /// CPUs, all of them up at the start.
    pub cpus: u8,
    /// Memcg ids that can be in use at once, root's not counted.
    pub ids: u16,
    /// Swap slots, of one page each.
    pub slots: u16,
}

/// Why a step cannot be run at all. It is then a counted skip, for the model and for the machine under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skip {
    /// An operand was never made, was refused, or is consumed; or the name to be given is already taken.
    Absent,
    /// The CPU is down, or there is no such CPU.
    CpuDown,
    /// The group has been removed, and the caller holds nothing through which it could still name it.
    Removed,
    /// The operation does not exist in this mode.
    NotInMode,
    /// The operation would change nothing: a CPU is up, down or isolated already, or root, which has no limits and
    /// is never removed, is the operand.
    NoChange,
    /// The CPU is in the middle of another operation, or the group takes part in a move.
    InOperation,
    /// Somebody else has a lock that the operation needs, and it would wait.
    Waits,
    /// The folio is mapped, so that nobody can free it; or it is not mapped, so that nobody can unmap it.
    Mapping,
}

/// The sequential reference model.
///
/// Sizes are taken as they come: their sum over one program has to fit in 64 bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Model {
    config: Config,
    groups: Names<Group>,
    /// Groups whose rmdir ran and whose second half of offlining did not yet, the oldest rmdir first.
    offlining: Vec<GroupId>,
    ids_in_use: u64,
    folios: Names<Folio>,
    /// The objcg of each group, by its birth group.
    buckets: Names<Bucket>,
    /// The program's references: the birth group of the objcg held, root where there is none.
    objcgs: Names<GroupId>,
    objects: Names<Object>,
    object_rule: ObjectRule,
    slots: Names<Slot>,
    slots_used: u64,
    caches: Names<Cache>,
    slab_objects: Names<SlabObject>,
    slabs: Slabs,
    cpus: Vec<Cpu>,
    /// Groups that the caller of the next step holds, whatever became of them.
    held: Vec<GroupId>,
    mms: Mms,
    mapped: Mapped,
    shmem: Shmem,
}

impl Model {
    /// A model of a machine on which nothing has happened.
    pub fn new(config: Config) -> Model {
        let mut model = Model {
            config,
            groups: Names::default(),
            offlining: Vec::new(),
            ids_in_use: 0,
            folios: Names::default(),
            buckets: Names::default(),
            objcgs: Names::default(),
            objects: Names::default(),
            object_rule: ObjectRule::default(),
            slots: Names::default(),
            slots_used: 0,
            caches: Names::default(),
            slab_objects: Names::default(),
            slabs: Slabs::default(),
            cpus: Vec::new(),
            held: Vec::new(),
            mms: Mms::default(),
            mapped: Mapped::default(),
            shmem: Shmem::default(),
        };
        model.reset(config);
        model
    }

    /// Forgets everything and starts again, keeping the memory.
    pub fn reset(&mut self, config: Config) {
        self.config = config;
        self.groups.clear();
        self.groups.make(GroupId::ROOT.index(), Group::root());
        self.offlining.clear();
        self.ids_in_use = 0;
        self.folios.clear();
        self.buckets.clear();
        self.objcgs.clear();
        self.objects.clear();
        self.object_rule = ObjectRule::default();
        self.slots.clear();
        self.slots_used = 0;
        self.mms.clear();
        self.caches.clear();
        self.slab_objects.clear();
        self.slabs.clear();
        self.mapped.clear();
        self.shmem.clear();
        self.held.clear();
        self.cpus.clear();
        self.cpus.resize(usize::from(config.cpus), Cpu::AT_START);
    }
}
