//! Dealing out the steps of a program to threads, so that none has to ask another what it may do.
//!
//! A name that is used up belongs to one thread. What a thread makes only it uses. A group is for all: it is looked up
//! by each operation, and held meanwhile. An objcg reference, a kmem_cache and a page that is moved may be used by
//! several threads, if none of them uses it up.
//!
//! Some things are left to one thread. *Queued work*: second halves of removals run one after the other in the kernel
//! too, and the order in which objcgs are handed on has to be known. *Tasks and mms*, whose rules tie them together.
//! *Moves* of charges, and nobody removes a group that takes part in one. A kmem_cache is not destroyed, since other
//! threads may have objects of it. Files of shmem are left to the sequential beginning: the model has to be told which
//! slots they took before anything else runs. A CPU is taken down by the thread that runs it. What has no place is
//! dropped.

use crate::engine::interleave::consumed;
use crate::program::{Action, Program, Step};
use crate::trace::{Kind, Role, visit};
use std::collections::{BTreeMap, BTreeSet};
use stocktake_model::{CpuId, MappedOp, MmOp, Op, SlabOp};

/// How many threads run the CPUs of a program: each some that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    threads: usize,
}

impl Parts {
    /// As many threads as are wanted, and no more than there are CPUs.
    pub fn new(threads: usize, cpus: usize) -> Parts {
        Parts { threads: threads.clamp(1, cpus.max(1)) }
    }

    /// How many.
    pub fn threads(self) -> usize {
        self.threads
    }

    /// The thread that runs a CPU, of so many CPUs.
    pub(super) fn thread_of(self, cpu: CpuId, cpus: usize) -> usize {
        (cpu.index() * self.threads / cpus.max(1)).min(self.threads - 1)
    }
}

/// A program with lanes made of a sequential one: its first third stays as it is, and of the rest each thread gets what
/// it can run. `None` if fewer than two threads would have something to do.
pub fn split(program: &Program, parts: Parts) -> Option<Program> {
    let first = program.steps.len() / 3;
    let mut dealer = Dealer::new(program, first, parts);
    let lanes: Vec<Step> = program.steps[first..].iter().copied().filter(|step| dealer.takes(step)).collect();
    let mut busy: Vec<usize> = lanes.iter().map(|step| dealer.thread(step.cpu())).collect();
    busy.sort_unstable();
    busy.dedup();
    if busy.len() < 2 {
        return None;
    }
    let mut split = program.with_steps(program.steps[..first].iter().chain(&lanes).copied().collect());
    split.parallel = Some(first);
    Some(split)
}

/// Something that one thread has for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owned {
    Name(u8, u16),
    Mover(u16),
    Work,
    Mms,
    Moves,
}

struct Dealer {
    parts: Parts,
    cpus: usize,
    owners: BTreeMap<Owned, usize>,
    /// The first thread that uses a name up.
    consumers: BTreeMap<Owned, usize>,
    /// Names that a thread has made.
    made: BTreeSet<Owned>,
    /// Groups that take part in moves.
    moving: Vec<u16>,
}

impl Dealer {
    fn new(program: &Program, first: usize, parts: Parts) -> Dealer {
        let cpus = usize::from(program.header.cpus);
        let (owners, consumers, made) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let mut dealer = Dealer { parts, cpus, owners, consumers, made, moving: Vec::new() };
        for step in &program.steps {
            let Action::Op(op) = step.action else { continue };
            if let Op::Mapped(MappedOp::MoveStart { from, to }) = op.op {
                dealer.moving.extend([from.0, to.0]);
            }
        }
        for step in &program.steps[first..] {
            let Action::Op(op) = step.action else { continue };
            let (thread, kind) = (dealer.thread(op.cpu), consumed(&op.op));
            visit(&mut Action::Op(op), |role, of, n| {
                if role == Role::Use && Some(of) == kind {
                    dealer.consumers.entry(name(of, *n)).or_insert(thread);
                }
            });
        }
        dealer
    }

    fn thread(&self, cpu: CpuId) -> usize {
        self.parts.thread_of(cpu, self.cpus)
    }

    /// Whether a step has a place in the thread that runs its CPU.
    fn takes(&mut self, step: &Step) -> bool {
        let Action::Op(op) = step.action else { return false };
        let thread = self.thread(op.cpu);
        let alone = match op.op {
            Op::Quiesce
            | Op::Shmem(_)
            | Op::Mapped(MappedOp::ForceEmpty { .. })
            | Op::Mm(MmOp::MigrateCharges { .. })
            | Op::Slab(SlabOp::DestroyCache { .. }) => {
                return false;
            }
            Op::CpuDown { target }
            | Op::CpuUp { target }
            | Op::CpuIsolate { target }
            | Op::CpuUnisolate { target }
                if self.thread(target) != thread =>
            {
                return false;
            }
            Op::Rmdir { group } if self.moving.contains(&group.0) => return false,
            Op::Work => Some(Owned::Work),
            Op::Mm(_) => Some(Owned::Mms),
            Op::Mapped(MappedOp::MoveStart { .. } | MappedOp::MovePage { .. } | MappedOp::MoveEnd { .. }) => {
                Some(Owned::Moves)
            }
            _ => None,
        };
        let moves = matches!(op.op, Op::Mapped(MappedOp::MovePage { .. }));
        let owned_by =
            |owners: &BTreeMap<Owned, usize>, key| owners.get(&key).is_none_or(|owner| *owner == thread);
        let mut wanted: Vec<Owned> = alone.into_iter().collect();
        let mut made = Vec::new();
        let mut free = true;
        visit(&mut Action::Op(op), |role, kind, n| {
            let key = name(kind, *n);
            match (role, kind) {
                // A name may be given again after it was refused, but by one thread.
                (Role::New, _) => {
                    free &= owned_by(&self.owners, key);
                    made.push(key);
                }
                // It has an owner only if a thread has made it.
                (Role::Use, Kind::Group) => free &= owned_by(&self.owners, key),
                (Role::Use, Kind::Objcg | Kind::Cache) => {
                    free &= owned_by(&self.owners, key) && owned_by(&self.consumers, key);
                }
                // Whoever maps it meanwhile is another owner, but it is nobody's who has just charged it.
                (Role::Use, Kind::Charge) if moves => {
                    free &= owned_by(&self.consumers, key);
                    free &= !self.made.contains(&key) || owned_by(&self.owners, key);
                    wanted.push(Owned::Mover(*n));
                }
                (Role::Use, _) => {
                    free &= owned_by(&self.consumers, key);
                    wanted.push(key);
                }
            }
        });
        let free = free && wanted.iter().all(|&key| owned_by(&self.owners, key));
        if free {
            self.made.extend(&made);
            wanted.iter().chain(&made).for_each(|&key| _ = self.owners.entry(key).or_insert(thread));
        }
        free
    }
}

fn name(kind: Kind, n: u16) -> Owned {
    let index = Kind::ALL.iter().position(|other| *other == kind);
    Owned::Name(index.unwrap_or(Kind::ALL.len()) as u8, n)
}
