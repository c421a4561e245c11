//! A reference counter that counts on each CPU by itself for as long as its object is in use.
//!
//! Three modes, in this order. *Per-CPU*: every CPU changes a number of its own, and nobody knows the sum. *Killed*:
//! changes go to one atomic count, which has a large bias, since numbers of the CPUs are still missing in it; so
//! nobody can find it at zero. *Atomic*: after a grace period, when no CPU can be in the middle of a change of its
//! number any more, the numbers have been added and the bias taken away; from now on the last put is seen.
//!
//! An object begins with a base reference. Killing hands it to the switch to atomic mode, which puts it.
//!
//! A CPU's numbers are plain loads and stores. That a change is not cut in two by the switch is what disabled
//! preemption gives in the kernel, and what a read section gives here; no scheduling point lies within.

use super::cpu::CpuShared;
use super::env::{Access, Env, Label, Oops};
use super::rcu::Undisturbed;
use super::word::Word;
use crate::Fault;
use std::sync::atomic::{AtomicI64, Ordering};

/// Added to the atomic count until the numbers of the CPUs are in it.
const BIAS: i64 = 1 << 40;

/// How a counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
enum Mode {
    PerCpu = 0,
    Killed = 1,
    Atomic = 2,
}

impl Mode {
    fn from_word(word: i64) -> Mode {
        match word {
            0 => Mode::PerCpu,
            1 => Mode::Killed,
            _ => Mode::Atomic,
        }
    }
}

/// Whose counters: each kind has numbers of its own on every CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owners {
    /// objcgs.
    Objcgs = 0,
    /// kmem_caches of groups.
    Caches = 1,
}

/// The numbers of one CPU of all kinds.
pub(crate) type AllLocalCounts = [LocalCounts; 2];

/// The numbers of one CPU, one for each counter of a kind.
#[derive(Debug, Default)]
pub(crate) struct LocalCounts(Box<[AtomicI64]>);

impl LocalCounts {
    /// Room for so many counters.
    pub(crate) fn fit(&mut self, counters: usize) {
        if self.0.len() < counters {
            self.0 = (0..counters).map(|_| AtomicI64::new(0)).collect();
        }
    }
}

/// Whom a reference is taken from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Take {
    /// Somebody who has one.
    Held,
    /// A counter that has not been killed.
    Live,
    /// A counter that is not at zero.
    NotZero,
}

/// A counter. Its index says which of each CPU's numbers is its own.
#[derive(Debug)]
pub(crate) struct PercpuRef {
    owners: Owners,
    count: Word,
    mode: Word,
}

impl PercpuRef {
    pub(crate) fn empty(owners: Owners, count: Label, mode: Label) -> PercpuRef {
        PercpuRef { owners, count: Word::new(count), mode: Word::new(mode) }
    }

    /// The label under which changes are reported, with the sum before and after.
    pub(crate) fn label(&self) -> Label {
        self.count.label()
    }

    fn local<'c>(&self, cpu: &'c CpuShared) -> &'c AtomicI64 {
        &cpu.counts[self.owners as usize].0[self.count.label().index as usize]
    }

    /// Begin with the base reference, before anybody else can see the object.
    pub(crate) fn init(&self, cpus: &[CpuShared]) {
        for cpu in cpus {
            self.local(cpu).store(0, Ordering::Relaxed);
        }
        self.count.init(BIAS + 1);
        self.mode.init(Mode::PerCpu as i64);
    }

    fn mode(&self) -> Mode {
        Mode::from_word(self.mode.raw().load(Ordering::SeqCst))
    }

    /// All references, seen from outside the run.
    pub(crate) fn total(&self, cpus: &[CpuShared]) -> i64 {
        let count = self.count.peek();
        if Mode::from_word(self.mode.peek()) == Mode::Atomic {
            return count;
        }
        let bias = if count >= BIAS / 2 { BIAS } else { 0 };
        count - bias + self.sum(cpus)
    }

    /// Whether it has been killed, seen from outside the run.
    pub(crate) fn is_killed(&self) -> bool {
        Mode::from_word(self.mode.peek()) != Mode::PerCpu
    }

    /// Whether it has been killed and its switch to atomic mode holds a reference, seen from outside the run.
    pub(crate) fn is_switching(&self) -> bool {
        Mode::from_word(self.mode.peek()) == Mode::Killed
    }

    fn sum<'c>(&self, cpus: impl IntoIterator<Item = &'c CpuShared>) -> i64 {
        cpus.into_iter().map(|cpu| self.local(cpu).load(Ordering::Relaxed)).sum()
    }

    /// Change the number of this CPU, or else the atomic count: then its value before.
    #[inline(always)]
    fn change<E: Env>(
        &self,
        e: &E,
        cpus: &[CpuShared],
        cpu: usize,
        n: i64,
        take: Take,
    ) -> Result<Option<i64>, ()> {
        if E::WATCHED {
            e.before(self.label(), Access::Update);
        }
        let _undisturbed = Undisturbed::begin(&cpus[cpu].section);
        let before = if E::WATCHED { self.total(cpus) } else { 0 };
        let old = if self.mode() == Mode::PerCpu {
            let local = self.local(&cpus[cpu]);
            local.store(local.load(Ordering::Relaxed) + n, Ordering::Relaxed);
            None
        } else if take == Take::Live {
            return Err(());
        } else if take == Take::NotZero {
            let count = self.count.raw();
            let more = |count: i64| (count > 0).then_some(count + n);
            Some(count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).map_err(drop)?)
        } else {
            Some(self.count.raw().fetch_add(n, Ordering::SeqCst))
        };
        if E::WATCHED {
            e.after(self.label(), Access::Update, before, before + n);
        }
        Ok(old)
    }

    /// Take a reference. Only for somebody who has one.
    #[inline]
    pub(crate) fn get<E: Env>(&self, e: &E, cpus: &[CpuShared], cpu: usize) {
        self.get_many(e, cpus, cpu, 1);
    }

    /// Take several.
    #[inline]
    pub(crate) fn get_many<E: Env>(&self, e: &E, cpus: &[CpuShared], cpu: usize, n: i64) {
        if let Ok(Some(..=0)) = self.change(e, cpus, cpu, n, Take::Held) {
            e.oops(Oops::Resurrected(self.label()));
        }
    }

    /// Take a reference unless the counter has been killed.
    pub(crate) fn tryget_live<E: Env>(&self, e: &E, cpus: &[CpuShared], cpu: usize) -> bool {
        self.change(e, cpus, cpu, 1, Take::Live).is_ok()
    }

    /// Take a reference unless there is none left.
    pub(crate) fn tryget<E: Env>(&self, e: &E, cpus: &[CpuShared], cpu: usize) -> bool {
        self.change(e, cpus, cpu, 1, Take::NotZero).is_ok()
    }

    /// Give a reference back; whether it was the last one.
    #[inline]
    pub(crate) fn put<E: Env>(&self, e: &E, cpus: &[CpuShared], cpu: usize) -> bool {
        self.put_many(e, cpus, cpu, 1)
    }

    /// Give several back; whether the last one was among them.
    #[inline]
    pub(crate) fn put_many<E: Env>(&self, e: &E, cpus: &[CpuShared], cpu: usize, n: i64) -> bool {
        match self.change(e, cpus, cpu, -n, Take::Held) {
            Ok(Some(old)) if old < n => e.oops(Oops::RefUnderflow(self.label())),
            Ok(Some(old)) => return old == n,
            _ => {}
        }
        false
    }

    /// No reference is taken by [`PercpuRef::tryget_live`] any more. The caller lets a grace period elapse and then
    /// calls [`PercpuRef::switch`], and puts the base reference after that.
    pub(crate) fn kill<E: Env>(&self, e: &E) {
        self.mode.swap(e, Mode::Killed as i64);
        if e.fault(Fault::O3) {
            self.count.raw().fetch_sub(BIAS, Ordering::SeqCst);
        }
    }

    /// A grace period after the kill: nobody changes a CPU's number any more, and the sum is known. What is left,
    /// the base reference included.
    pub(crate) fn switch<E: Env>(&self, e: &E, cpus: &[CpuShared]) -> i64 {
        let before = self.total(cpus);
        let counted = cpus.iter().filter(|cpu| !e.fault(Fault::O4) || cpu.online.peek() != 0);
        let bias = if e.fault(Fault::O3) { 0 } else { BIAS };
        let sum = self.sum(counted) - bias;
        let left = self.count.raw().fetch_add(sum, Ordering::SeqCst) + sum;
        // Nobody may add the numbers of the CPUs up between the two: they are in the count now.
        self.mode.raw().store(Mode::Atomic as i64, Ordering::SeqCst);
        if E::WATCHED {
            e.after(self.label(), Access::Update, before, left);
            e.after(self.mode.label(), Access::Store, Mode::Killed as i64, Mode::Atomic as i64);
        }
        left
    }
}
