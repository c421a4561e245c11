//! Read sections, grace periods and what waits for them.
//!
//! An object found inside a read section is not freed before the section ends, but its count may already be
//! zero. A grace period waits for the sections that were open when it began, not for later ones. It elapses
//! only when somebody lets it: [`Machine::grace`].

use super::cpu::Cpu;
use super::env::{Env, Label, Loop, What};
use super::word::{Lock, Word, smp_mb};
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::mm::TaskRef;
use crate::obj_cgroup::ObjcgRef;
use crate::slab::SlabCallback;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

/// What is done once a grace period has elapsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callback {
    FreeMemcg(MemcgRef),
    /// Nobody counts references to a killed objcg on its own CPU any more.
    SwitchObjcg(ObjcgRef),
    FreeObjcg(ObjcgRef),
    Slab(SlabCallback),
    PutTask(TaskRef),
}

/// The callbacks that wait.
#[derive(Debug)]
pub(crate) struct Rcu {
    callbacks: Lock<Callbacks>,
}

#[derive(Debug, Default)]
struct Callbacks {
    waiting: VecDeque<Callback>,
    /// Callbacks that have been taken out, ever.
    taken: u64,
    /// The numbers of those that somebody is in the middle of.
    running: Vec<u64>,
}

impl Callbacks {
    /// One more than the number of the last callback.
    fn end(&self) -> u64 {
        self.taken + self.waiting.len() as u64
    }

    /// The oldest callback and its number, unless that is `end` or later. The one that was `finished` before it is not
    /// running any more.
    fn take_before(&mut self, end: u64, finished: Option<u64>) -> Option<(u64, Callback)> {
        self.running.retain(|number| Some(*number) != finished);
        if self.taken >= end {
            return None;
        }
        let callback = self.waiting.pop_front()?;
        let number = self.taken;
        self.taken += 1;
        self.running.push(number);
        Some((number, callback))
    }

    /// Whether every callback before number `end` has run.
    fn have_run_before(&self, end: u64) -> bool {
        self.taken >= end && self.running.iter().all(|number| *number >= end)
    }
}

impl Rcu {
    pub(crate) fn new() -> Rcu {
        Rcu { callbacks: Lock::new(Label::new(What::Callbacks, 0), Callbacks::default()) }
    }

    pub(crate) fn reset(&mut self) {
        let callbacks = self.callbacks.get_mut();
        callbacks.waiting.clear();
        callbacks.running.clear();
    }

    pub(crate) fn call<E: Env>(&self, e: &E, callback: Callback) {
        self.callbacks.lock(e).waiting.push_back(callback);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.callbacks.peek().waiting.len()
    }
}

/// An open read section of one CPU. Sections may nest.
pub(crate) struct Section<'m, E: Env> {
    word: &'m Word,
    e: &'m E,
    outermost: bool,
}

impl<E: Env> Drop for Section<'_, E> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.outermost && !std::thread::panicking() {
            self.word.store(self.e, self.word.peek() + 1);
        }
    }
}

/// A read section of one CPU in which it is not looked at: it holds off a grace period, and no other CPU runs within,
/// as if preemption were off.
pub(super) struct Undisturbed<'m> {
    section: Option<&'m Word>,
}

impl<'m> Undisturbed<'m> {
    #[inline]
    pub(super) fn begin(section: &'m Word) -> Undisturbed<'m> {
        let raw = section.raw();
        let now = raw.load(Ordering::Relaxed);
        let outermost = now % 2 == 0;
        if outermost {
            raw.swap(now + 1, Ordering::SeqCst);
        }
        Undisturbed { section: outermost.then_some(section) }
    }
}

impl Drop for Undisturbed<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(section) = self.section {
            section.raw().store(section.peek() + 1, Ordering::Release);
        }
    }
}

impl Machine {
    /// Open a read section on a CPU.
    #[inline(always)]
    pub(crate) fn rcu_read_lock<'m, E: Env>(&'m self, e: &'m E, cpu: usize) -> Section<'m, E> {
        let word = &self.cpus[cpu].section;
        let section = word.peek();
        let outermost = section % 2 == 0;
        if outermost {
            // A full barrier: the grace period sees the section, or the section sees what was published before.
            word.swap(e, section + 1);
            word.mb_after(e);
        }
        Section { word, e, outermost }
    }

    /// Wait for every read section that is open now.
    pub(crate) fn synchronize_rcu<E: Env>(&self, e: &E) {
        // Pairs with the barrier of a section: this sees the section, or the section what was written before this.
        smp_mb();
        for cpu in &self.cpus {
            let section = cpu.section.load(e);
            while section % 2 == 1 && cpu.section.load(e) == section {
                if !e.retry(Loop::Grace, cpu.section.label()) {
                    break;
                }
            }
        }
    }

    /// Let a grace period elapse, and wait for the callbacks that were queued before it: also for those that somebody
    /// else is in the middle of.
    pub(crate) fn rcu_barrier<E: Env>(&self, e: &E, cpu: &mut Cpu) {
        let end = self.rcu.callbacks.lock(e).end();
        self.grace(e, cpu);
        while !self.rcu.callbacks.lock(e).have_run_before(end) {
            if !e.retry(Loop::Barrier, Label::new(What::Callbacks, 0)) {
                break;
            }
        }
    }

    /// Let a grace period elapse, then run the callbacks that were waiting when it began, unless the end of another
    /// one has run them. The number run.
    pub fn grace<E: Env>(&self, e: &E, cpu: &mut Cpu) -> usize {
        let end = self.rcu.callbacks.lock(e).end();
        self.synchronize_rcu(e);
        let mut run = 0;
        let mut finished = None;
        loop {
            // Queued later, a callback waits for a later grace period.
            let taken = self.rcu.callbacks.lock(e).take_before(end, finished);
            let Some((number, callback)) = taken else { return run };
            finished = Some(number);
            run += 1;
            match callback {
                Callback::FreeMemcg(memcg) => {
                    self.free_caches_of(e, cpu.id, memcg);
                    self.css_free(e, memcg);
                }
                Callback::SwitchObjcg(objcg) => self.objcg_switched(e, cpu, objcg),
                Callback::FreeObjcg(objcg) => self.objcgs.free(e, objcg),
                Callback::Slab(callback) => self.slab_callback(e, cpu, callback),
                Callback::PutTask(task) => self.task_free(e, task),
            }
        }
    }
}
