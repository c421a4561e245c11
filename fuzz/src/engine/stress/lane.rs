//! What one thread does.

use super::env::Threaded;
use super::gives_back;
use crate::check::Books;
use crate::engine::apply::{Applier, Bindings, Ledger};
use crate::engine::interleave::named_groups;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use stocktake_impl::{CacheRef, Cpu, Faults, Machine, MemcgRef, ObjcgRef, Oops};
use stocktake_model::{CacheId, GroupId, GroupLife, Mode, Model, Op, Outcome, Step};

/// Lets all threads begin at once.
pub(super) struct Start {
    missing: AtomicUsize,
}

impl Start {
    pub(super) fn new(threads: usize) -> Start {
        Start { missing: AtomicUsize::new(threads) }
    }

    /// Wait until all are here. Who waits keeps its core for a while: whoever sleeps when the last one comes is late.
    fn wait(&self) {
        const AWAKE: Duration = Duration::from_millis(4);
        self.missing.fetch_sub(1, Ordering::AcqRel);
        let mut since = Instant::now();
        while self.missing.load(Ordering::Acquire) > 0 {
            std::hint::spin_loop();
            if since.elapsed() > AWAKE {
                std::thread::yield_now();
                since = Instant::now();
            }
        }
    }
}

/// Everything that a thread needs, owned by it.
pub(super) struct Lane {
    /// Its operations, with their numbers in the program.
    pub(super) steps: Vec<(usize, Step)>,
    /// CPUs that follow each other.
    pub(super) cpus: Vec<Cpu>,
    /// Tells what the thread may do, as far as it knows.
    pub(super) model: Model,
    pub(super) bindings: Bindings,
    pub(super) known: Known,
    pub(super) faults: Faults,
    pub(super) mode: Mode,
}

/// An operation that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) step: Step,
    /// Groups that the thread does not know are placeholders, see [`Known::resolve`].
    pub(super) outcome: Outcome,
    pub(super) began: Instant,
    pub(super) ended: Instant,
}

impl Ended {
    /// When the model takes it in.
    pub(super) fn takes_effect(&self) -> Instant {
        if gives_back(&self.step.op) { self.ended } else { self.began }
    }
}

/// Something that an operation made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Made {
    Group { group: GroupId, parent: GroupId, memcg: MemcgRef, objcg: Option<ObjcgRef> },
    Cache { name: CacheId, cache: CacheRef },
}

/// What a thread did.
pub(super) struct Report {
    pub(super) ended: Vec<Ended>,
    pub(super) skipped: u64,
    pub(super) made: Vec<(Instant, Made)>,
    pub(super) cpus: Vec<Cpu>,
    pub(super) bindings: Bindings,
    pub(super) known: Known,
    /// The first defect that the machine noticed, and the step.
    pub(super) oops: Option<(usize, Oops)>,
}

/// Which group of the program a handle is, as far as one thread knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    groups: Vec<(MemcgRef, GroupId)>,
    births: Vec<(ObjcgRef, GroupId)>,
    /// Handles of groups that others have made.
    unknown: std::cell::RefCell<Vec<MemcgRef>>,
}

/// Numbers from here on are placeholders: programs do not have as many groups.
const PLACEHOLDERS: u16 = 0x8000;

impl Known {
    /// What is known before the threads begin.
    pub(super) fn of(books: &Books, bindings: &Bindings) -> Known {
        let mut known = Known::default();
        for (index, memcg) in bindings.groups.iter().enumerate() {
            let group = GroupId(index as u16);
            known.groups.extend(memcg.map(|memcg| (memcg, group)));
            known.births.extend(books.group(group).bucket.objcg.map(|objcg| (objcg, group)));
        }
        known
    }

    /// The group behind a placeholder, once it is known who made what.
    pub(super) fn resolve(&self, group: GroupId, made: &[(MemcgRef, GroupId)]) -> GroupId {
        let Some(index) = group.0.checked_sub(PLACEHOLDERS) else { return group };
        let memcg = self.unknown.borrow()[usize::from(index)];
        made.iter().find(|(other, _)| *other == memcg).map_or(GroupId::ROOT, |(_, group)| *group)
    }
}

/// What an operation of a thread tells and asks.
struct Notes<'a> {
    known: &'a mut Known,
    made: &'a mut Vec<(Instant, Made)>,
    began: Instant,
}

impl Ledger for Notes<'_> {
    fn born(&mut self, machine: &Machine, group: GroupId, parent: GroupId, memcg: MemcgRef) {
        // Nobody else knows the group yet, so its objcg is still its own.
        let objcg = machine.memcg(memcg).and_then(|view| view.objcg);
        self.known.groups.push((memcg, group));
        self.known.births.extend(objcg.map(|objcg| (objcg, group)));
        self.made.push((self.began, Made::Group { group, parent, memcg, objcg }));
    }

    fn cache_made(&mut self, name: CacheId, cache: CacheRef) {
        self.made.push((self.began, Made::Cache { name, cache }));
    }

    fn group_of(&self, memcg: MemcgRef) -> GroupId {
        match self.known.groups.iter().rev().find(|(known, _)| *known == memcg) {
            Some((_, group)) => *group,
            None => {
                let mut unknown = self.known.unknown.borrow_mut();
                unknown.push(memcg);
                GroupId(PLACEHOLDERS + unknown.len() as u16 - 1)
            }
        }
    }

    fn birth_of(&self, objcg: ObjcgRef) -> GroupId {
        self.known
            .births
            .iter()
            .rev()
            .find(|(known, _)| *known == objcg)
            .map_or(GroupId::ROOT, |(_, birth)| *birth)
    }
}

impl Lane {
    /// Wait for the others, then run everything.
    pub(super) fn run(mut self, machine: &Machine, start: &Start) -> Report {
        let env = Threaded::new(self.faults);
        let mut report = Report {
            ended: Vec::with_capacity(self.steps.len()),
            skipped: 0,
            made: Vec::new(),
            cpus: Vec::new(),
            bindings: Bindings::default(),
            known: Known::default(),
            oops: None,
        };
        start.wait();
        for (index, step) in std::mem::take(&mut self.steps) {
            match self.operate(machine, &env, &step, &mut report.made) {
                Some(ended) => report.ended.push(ended),
                None => report.skipped += 1,
            }
            if report.oops.is_none() {
                report.oops = env.oops_seen().map(|oops| (index, oops));
            }
        }
        Report { cpus: self.cpus, bindings: self.bindings, known: self.known, ..report }
    }

    /// Run one operation; `None` if it is skipped.
    fn operate(
        &mut self,
        machine: &Machine,
        env: &Threaded,
        step: &Step,
        made: &mut Vec<(Instant, Made)>,
    ) -> Option<Ended> {
        self.model.hold([]);
        self.model.admits(step).ok()?;
        self.bindings.aim(step, &self.model);
        env.begin(step.fail);
        let named = named_groups(step);
        let began = Instant::now();
        // As a system call looks a group up: it holds it, or it does not find it.
        let mut held = Vec::new();
        let cpu = &self.cpus[step.cpu.index() - self.cpus[0].id()];
        for &group in &named {
            let online = self.model.life(group) == Some(GroupLife::Online);
            match self.bindings.groups[group.index()] {
                Some(memcg) if machine.memcg_look_up(env, cpu, memcg, online) => held.push(memcg),
                _ => break,
            }
        }
        let outcome = (held.len() == named.len()).then(|| self.apply(machine, env, step, began, made));
        held.iter().for_each(|&memcg| machine.memcg_let_go(env, memcg));
        let (ended, outcome) = (Instant::now(), outcome?);
        self.model.hold(named);
        self.model.commit(step, outcome);
        Some(Ended { step: *step, outcome, began, ended })
    }

    fn apply(
        &mut self,
        machine: &Machine,
        env: &Threaded,
        step: &Step,
        began: Instant,
        made: &mut Vec<(Instant, Made)>,
    ) -> Outcome {
        let first_cpu = self.cpus[0].id();
        if let Op::CpuDown { target } = step.op {
            let places = [step.cpu.index() - first_cpu, target.index() - first_cpu];
            if let Ok([cpu, dead]) = self.cpus.get_disjoint_mut(places) {
                machine.cpu_down(env, cpu, dead);
            }
            return Outcome::Done;
        }
        Applier {
            machine,
            cpus: &mut self.cpus,
            first_cpu,
            bindings: &mut self.bindings,
            books: &mut Notes { known: &mut self.known, made, began },
            mode: self.mode,
            env,
        }
        .apply(step)
    }
}
