//! Applying an operation to the machine: the program's names become handles, the machine's answers outcomes.

mod mm;

pub(super) use mm::stat;
mod slab;

use crate::check::Books;
use crate::program::{Action, Population};
use crate::trace::{Kind, visit};
use stocktake_impl as machine;
use stocktake_impl::{
    CacheRef, Cpu, Env, FolioRef, Machine, MappedHalf, MemcgRef, NO_LIMIT, ObjcgRef, ShmemFault, SlabObject,
    SwapEntry, Work,
};
use stocktake_model::{
    Bytes, CacheId, CpuId, Errno, GroupId, Limit, MappedOp, Mode, Model, Op, Outcome, Pages, Ran, Step,
};

/// A live object of the machine: the objcg it is charged to (none for an unaccounted one), its size, and the CPU
/// that charged it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object {
    pub(crate) objcg: Option<ObjcgRef>,
    pub(crate) bytes: Bytes,
    pub(crate) cpu: CpuId,
}

/// What the program's names stand for in the machine. A name whose operation failed stands for nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bindings {
    pub(crate) groups: Vec<Option<MemcgRef>>,
    /// A reference; `Some(None)` is root's, which has no objcg.
    pub(crate) objcgs: Vec<Option<Option<ObjcgRef>>>,
    pub(crate) charges: Vec<Option<FolioRef>>,
    pub(crate) objects: Vec<Option<Object>>,
    pub(crate) slots: Vec<Option<SwapEntry>>,
    pub(crate) mm: mm::MmBindings,
    pub(crate) caches: Vec<Option<CacheRef>>,
    pub(crate) slab_objects: Vec<Option<SlabObject>>,
    /// Mappings that are half done, and the CPU of each.
    pub(crate) halves: Vec<(usize, MappedHalf)>,
    /// Faults on files that are under way, and the CPU of each.
    pub(crate) faults: Vec<(usize, ShmemFault)>,
    /// Versions written to each file so far.
    pub(crate) versions: Vec<u32>,
    /// The first of the slots that the last file was swapped out to.
    pub(crate) swapped_to: Option<u32>,
    /// How many slots the last reclaim of the swap cache looked at.
    pub(crate) reclaimed: Option<u32>,
    /// Where the page is that is moved next, as the mover knows it.
    pub(crate) moves_from: Option<GroupId>,
}

impl Bindings {
    pub(crate) fn reset(&mut self, population: Population, root: MemcgRef) {
        fn empty<T>(table: &mut Vec<Option<T>>, len: usize) {
            table.clear();
            table.resize_with(len, || None);
        }
        empty(&mut self.groups, population.groups.names);
        empty(&mut self.objcgs, population.objcgs.names);
        empty(&mut self.charges, population.charges.names);
        empty(&mut self.objects, population.objects.names);
        empty(&mut self.slots, population.slots.names);
        empty(&mut self.mm.tasks, population.tasks.names);
        empty(&mut self.mm.users, population.users.names);
        empty(&mut self.caches, population.caches.names);
        empty(&mut self.slab_objects, population.slab_objects.names);
        self.halves.clear();
        self.faults.clear();
        self.versions.clear();
        self.versions.resize(population.files.names, 0);
        (self.swapped_to, self.reclaimed) = (None, None);
        self.groups[0] = Some(root);
    }
}

impl Bindings {
    /// An operation is about to be applied. Who moves a page moves it from the group that the move was started for, also
    /// if another mover has the page by then.
    pub(crate) fn aim(&mut self, step: &Step, model: &Model) {
        if let Op::Mapped(MappedOp::MovePage { charge, .. }) = step.op {
            self.moves_from = model.charge(charge).map(|(group, _)| group);
        }
    }

    /// Whether a name stands for something.
    pub(crate) fn has(&self, kind: Kind, n: u16) -> bool {
        fn some<T>(table: &[Option<T>], n: u16) -> bool {
            table.get(usize::from(n)).is_some_and(Option::is_some)
        }
        match kind {
            Kind::Group => some(&self.groups, n),
            Kind::Objcg => some(&self.objcgs, n),
            Kind::Charge => some(&self.charges, n),
            Kind::Object => some(&self.objects, n),
            Kind::Slot => some(&self.slots, n),
            Kind::Task => some(&self.mm.tasks, n),
            Kind::User => some(&self.mm.users, n),
            Kind::Cache => some(&self.caches, n),
            Kind::SlabObject => some(&self.slab_objects, n),
            Kind::File => true,
        }
    }

    /// Take over what an operation of a lane has made of the names that it uses.
    pub(crate) fn adopt(&mut self, other: &Bindings, step: &Step, cpu: usize) {
        fn copy<T: Copy>(to: &mut [Option<T>], from: &[Option<T>], n: u16) {
            if let (Some(to), Some(from)) = (to.get_mut(usize::from(n)), from.get(usize::from(n))) {
                *to = *from;
            }
        }
        visit(&mut Action::Op(*step), |_, kind, n| match kind {
            Kind::Group => copy(&mut self.groups, &other.groups, *n),
            Kind::Objcg => copy(&mut self.objcgs, &other.objcgs, *n),
            Kind::Charge => copy(&mut self.charges, &other.charges, *n),
            Kind::Object => copy(&mut self.objects, &other.objects, *n),
            Kind::Slot => copy(&mut self.slots, &other.slots, *n),
            Kind::Task => copy(&mut self.mm.tasks, &other.mm.tasks, *n),
            Kind::User => copy(&mut self.mm.users, &other.mm.users, *n),
            Kind::Cache => copy(&mut self.caches, &other.caches, *n),
            Kind::SlabObject => copy(&mut self.slab_objects, &other.slab_objects, *n),
            Kind::File => {
                if let (Some(to), Some(&from)) =
                    (self.versions.get_mut(usize::from(*n)), other.versions.get(usize::from(*n)))
                {
                    // Lanes that write at the same time have counted on from the same number.
                    *to = from.max(*to);
                }
            }
        });
        if matches!(step.op, Op::Mapped(_)) {
            self.halves.retain(|(of, _)| *of != cpu);
            self.halves.extend(other.halves.iter().filter(|(of, _)| *of == cpu).copied());
        }
        if matches!(step.op, Op::Shmem(_)) {
            self.swapped_to = other.swapped_to;
            self.faults.retain(|(of, _)| *of != cpu);
            self.faults.extend(other.faults.iter().filter(|(of, _)| *of == cpu).copied());
        }
    }
}

/// What the model admits has a handle: only a step that the machine refused leaves a name without one.
pub(super) const BOUND: &str = "the model admits only operations on names that are bound";

pub(super) fn refused(errno: machine::Errno) -> Outcome {
    Outcome::Refused(match errno {
        machine::Errno::NoMem => Errno::NoMem,
        machine::Errno::Busy => Errno::Busy,
        machine::Errno::NoSpace => Errno::NoSpace,
        machine::Errno::NoDev => Errno::NoDev,
        machine::Errno::Exist => Errno::Exist,
        machine::Errno::NoEnt => Errno::NoEnt,
        machine::Errno::Invalid => Errno::Invalid,
    })
}

fn limit(limit: Limit) -> u64 {
    limit.0.map_or(NO_LIMIT, |pages| pages.0)
}

pub(super) fn done<T>(result: Result<T, machine::Errno>) -> (Outcome, Option<T>) {
    match result {
        Ok(value) => (Outcome::Done, Some(value)),
        Err(errno) => (refused(errno), None),
    }
}

/// What the books are told and asked while an operation is applied: which group of the program a handle is.
pub(crate) trait Ledger {
    /// See [`Books::born`].
    fn born(&mut self, machine: &Machine, group: GroupId, parent: GroupId, memcg: MemcgRef);
    /// See [`Books::cache_made`].
    fn cache_made(&mut self, name: CacheId, cache: CacheRef);
    /// See [`Books::group_of`].
    fn group_of(&self, memcg: MemcgRef) -> GroupId;
    /// See [`Books::birth_of`].
    fn birth_of(&self, objcg: ObjcgRef) -> GroupId;
}

impl Ledger for Books {
    fn born(&mut self, machine: &Machine, group: GroupId, parent: GroupId, memcg: MemcgRef) {
        Books::born(self, machine, group, parent, memcg);
    }

    fn cache_made(&mut self, name: CacheId, cache: CacheRef) {
        Books::cache_made(self, name, cache);
    }

    fn group_of(&self, memcg: MemcgRef) -> GroupId {
        Books::group_of(self, memcg)
    }

    fn birth_of(&self, objcg: ObjcgRef) -> GroupId {
        Books::birth_of(self, objcg)
    }
}

/// Everything an operation works on.
pub(crate) struct Applier<'a, E: Env> {
    pub(crate) machine: &'a Machine,
    pub(crate) cpus: &'a mut [Cpu],
    /// Number of the first of them: a lane has no other CPU than its own.
    pub(crate) first_cpu: usize,
    pub(crate) bindings: &'a mut Bindings,
    pub(crate) books: &'a mut dyn Ledger,
    pub(crate) mode: Mode,
    pub(crate) env: &'a E,
}

impl<E: Env> Applier<'_, E> {
    /// Run one operation on the machine.
    pub(crate) fn apply(&mut self, step: &Step) -> Outcome {
        let (m, e) = (self.machine, self.env);
        let b = &mut *self.bindings;
        let at = step.cpu.index();
        let cpu = &mut self.cpus[at - self.first_cpu];
        match step.op {
            Op::Mm(op) => self.apply_mm(&op, at),
            Op::Mkdir { new, parent, max, swap_max } => {
                let parent_ref = b.groups[parent.index()].expect(BOUND);
                if m.memcg(parent_ref).is_none() {
                    // A directory that is gone is not found: no code that owns the group is asked.
                    return Outcome::Refused(Errno::NoDev);
                }
                let (outcome, memcg) = done(m.mkdir(e, parent_ref, limit(max), limit(swap_max)));
                if let Some(memcg) = memcg {
                    b.groups[new.index()] = Some(memcg);
                    self.books.born(m, new, parent, memcg);
                }
                outcome
            }
            Op::Rmdir { group } => {
                let memcg = b.groups[group.index()].expect(BOUND);
                match m.memcg(memcg) {
                    Some(_) => done(m.rmdir(e, memcg)).0,
                    None => Outcome::Refused(Errno::NoDev),
                }
            }
            Op::SetMax { group, max } => {
                let memcg = b.groups[group.index()].expect(BOUND);
                if self.mode == Mode::V2 {
                    m.set_max_v2(e, cpu, memcg, limit(max));
                    Outcome::Done
                } else {
                    done(m.set_max_v1(e, cpu, memcg, limit(max))).0
                }
            }
            Op::SetSwapMax { group, max } => {
                m.set_swap_max(e, b.groups[group.index()].expect(BOUND), limit(max));
                Outcome::Done
            }
            Op::SetKmemMax { group, max } => {
                let memcg = b.groups[group.index()].expect(BOUND);
                done(m.set_kmem_max(e, memcg, limit(max))).0
            }
            Op::SetMemswMax { group, max } => {
                let memcg = b.groups[group.index()].expect(BOUND);
                done(m.set_memsw_max(e, cpu, memcg, limit(max))).0
            }
            Op::Charge { new, group, pages: Pages(pages), force } => {
                let memcg = b.groups[group.index()].expect(BOUND);
                let (outcome, folio) = done(m.mem_cgroup_charge(e, cpu, memcg, machine::Pages(pages), force));
                b.charges[new.index()] = folio;
                outcome
            }
            Op::Uncharge { charge } => {
                m.mem_cgroup_uncharge(e, cpu, b.charges[charge.index()].take().expect(BOUND));
                Outcome::Done
            }
            Op::ObjcgFrom { new, group } => {
                let objcg = m.objcg_of_memcg(e, cpu, b.groups[group.index()].expect(BOUND));
                b.objcgs[new.index()] = Some(objcg);
                Outcome::To(objcg.map_or(GroupId::ROOT, |objcg| self.books.birth_of(objcg)))
            }
            Op::ObjcgGet { new, held } => {
                let objcg = b.objcgs[held.index()].expect(BOUND);
                if let Some(objcg) = objcg {
                    m.objcg_get(e, cpu, objcg);
                }
                b.objcgs[new.index()] = Some(objcg);
                Outcome::Done
            }
            Op::ObjcgPut { held } => {
                if let Some(objcg) = b.objcgs[held.index()].take().expect(BOUND) {
                    m.objcg_put(e, cpu, objcg);
                }
                Outcome::Done
            }
            Op::ObjCharge { new, objcg, bytes, force } => {
                let objcg = b.objcgs[objcg.index()].expect(BOUND);
                let outcome = charge_object(m, e, cpu, objcg, (bytes, force));
                if outcome == Outcome::Done {
                    b.objects[new.index()] = Some(Object { objcg, bytes, cpu: step.cpu });
                }
                outcome
            }
            Op::ObjUncharge { object } => {
                let object = b.objects[object.index()].take().expect(BOUND);
                if let Some(objcg) = object.objcg {
                    m.obj_cgroup_uncharge_object(e, cpu, objcg, machine::Bytes(object.bytes.0));
                }
                Outcome::Done
            }
            Op::SwapOut { new, charge } => {
                match m.swap_out(e, cpu, b.charges[charge.index()].expect(BOUND)) {
                    Ok((entry, memcg)) => {
                        b.charges[charge.index()] = None;
                        b.slots[new.index()] = Some(entry);
                        Outcome::To(self.books.group_of(memcg))
                    }
                    Err(errno) => refused(errno),
                }
            }
            Op::SwapIn { new, slot, faulter } => {
                let entry = b.slots[slot.index()].expect(BOUND);
                let faulter = b.groups[faulter.index()].expect(BOUND);
                match m.swap_in(e, cpu, entry, faulter) {
                    Ok((folio, memcg)) => {
                        b.slots[slot.index()] = None;
                        b.charges[new.index()] = Some(folio);
                        Outcome::To(self.books.group_of(memcg))
                    }
                    Err(errno) => refused(errno),
                }
            }
            Op::SwapFree { slot } => {
                m.swap_free(e, b.slots[slot.index()].take().expect(BOUND));
                Outcome::Done
            }
            Op::Slab(op) => self.apply_slab(&op, step.cpu),
            Op::CpuDown { target } => {
                if let Ok([cpu, dead]) = self.cpus.get_disjoint_mut([at, target.index()]) {
                    m.cpu_down(e, cpu, dead);
                }
                Outcome::Done
            }
            Op::CpuUp { target } => {
                m.cpu_up(e, target.index());
                Outcome::Done
            }
            Op::CpuIsolate { target } => {
                m.cpu_isolate(e, target.index(), true);
                Outcome::Done
            }
            Op::CpuUnisolate { target } => {
                m.cpu_isolate(e, target.index(), false);
                Outcome::Done
            }
            Op::Drain => {
                m.drain_local(e, cpu);
                Outcome::Done
            }
            Op::DrainAll { group } => {
                if m.drain_all_stock(e, cpu, b.groups[group.index()].expect(BOUND)) {
                    Outcome::Done
                } else {
                    Outcome::Refused(Errno::Busy)
                }
            }
            Op::Mapped(ref op) => self.apply_mapped(at, op),
            Op::Page(ref op) => self.apply_page(at, op),
            Op::Shmem(ref op) => self.apply_shmem(at, op),
            Op::Work => Outcome::Ran(match m.run_work(e, cpu) {
                None => Ran::Nothing,
                Some(Work::Drain) => Ran::Drain,
                Some(Work::Offline(memcg)) => Ran::Offline(self.books.group_of(memcg)),
                Some(Work::CssRelease(memcg)) => Ran::Release(self.books.group_of(memcg)),
                Some(Work::Slab(work)) => self.ran_slab(work),
            }),
            Op::Grace => {
                m.grace(e, cpu);
                Outcome::Done
            }
            Op::Quiesce => {
                quiesce(m, e, self.cpus);
                Outcome::Done
            }
        }
    }
}

/// An object holds a reference to its objcg for as long as it lives.
fn charge_object<E: Env>(
    m: &Machine,
    e: &E,
    cpu: &mut Cpu,
    objcg: Option<ObjcgRef>,
    (bytes, force): (Bytes, bool),
) -> Outcome {
    let Some(objcg) = objcg else { return Outcome::Done };
    match m.obj_cgroup_charge_object(e, cpu, objcg, machine::Bytes(bytes.0), force) {
        Ok(()) => Outcome::Done,
        Err(errno) => refused(errno),
    }
}

/// Rounds after which a machine that is still busy will never come to rest. A group that dies takes three rounds
/// for its parent to die after it.
const MOST_ROUNDS: usize = 4000;

/// Drain every CPU that is up, run all work, let grace periods elapse, until nothing is left to do. Whether the
/// machine came to rest.
pub(crate) fn quiesce<E: Env>(m: &Machine, e: &E, cpus: &mut [Cpu]) -> bool {
    for _ in 0..MOST_ROUNDS {
        let mut busy = false;
        for cpu in cpus.iter_mut().filter(|cpu| m.cpu_online(cpu.id())) {
            if cpu.cached_bytes().is_some() || cpu.cached_pages().next().is_some() {
                busy = true;
                m.drain_local(e, cpu);
            }
            while m.run_work(e, cpu).is_some() {
                busy = true;
            }
        }
        if let Some(cpu) = cpus.iter_mut().find(|cpu| m.cpu_online(cpu.id())) {
            busy |= m.grace(e, cpu) > 0;
        }
        if !busy {
            return true;
        }
    }
    false
}
