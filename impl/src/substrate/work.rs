//! Deferred work. Nothing here runs by itself: an operation or the scheduler runs one item at a time.

use super::cpu::Cpu;
use super::env::{Env, Mark};
use super::word::Held;
use crate::Fault;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::slab::SlabWork;

/// A work item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Drain the stocks of the CPU on which it is queued.
    Drain,
    /// The second half of removing a group.
    Offline(MemcgRef),
    /// The first half of a group's end.
    CssRelease(MemcgRef),
    /// Something about a kmem_cache.
    Slab(SlabWork),
}

impl Machine {
    /// Run one work item: the oldest that is bound to this CPU, or else the oldest that is bound to none.
    pub fn run_work<E: Env>(&self, e: &E, cpu: &mut Cpu) -> Option<Work> {
        let bound = self.cpus[cpu.id].queue.lock(e).pop_front();
        let (work, _tree) = match bound {
            Some(work) => (work, None),
            None => self.next_unbound(e)?,
        };
        match work {
            Work::Drain => {
                e.mark(Mark::DrainWorkRan);
                self.drain_local(e, cpu);
            }
            Work::Offline(memcg) => self.offline(e, cpu, memcg),
            Work::CssRelease(memcg) => self.css_release(e, memcg),
            Work::Slab(work) => self.slab_work(e, cpu, work),
        }
        Some(work)
    }

    /// The oldest item that is bound to no CPU. Second halves of removals run one at a time and in the order of the
    /// removals, so that a child is handed on before its parent is; whoever runs one keeps groups from being made and
    /// removed meanwhile.
    fn next_unbound<'m, E: Env>(&'m self, e: &'m E) -> Option<(Work, Option<Held<'m, (), E>>)> {
        loop {
            {
                let mut queue = self.unbound.lock(e);
                match queue.front()? {
                    Work::Offline(_) if e.fault(Fault::N5) => {
                        let tree = self.tree.lock(e);
                        return queue.pop_front().map(|work| (work, Some(tree)));
                    }
                    Work::Offline(_) => {}
                    Work::Slab(_) => {
                        self.slab.running.add(e, 1);
                        return queue.pop_front().map(|work| (work, None));
                    }
                    _ => return queue.pop_front().map(|work| (work, None)),
                }
            }
            let tree = self.tree.lock(e);
            let mut queue = self.unbound.lock(e);
            // Somebody else may have run it meanwhile.
            if matches!(queue.front()?, Work::Offline(_)) {
                return queue.pop_front().map(|work| (work, Some(tree)));
            }
        }
    }

    /// Whether no work and no callback is queued anywhere.
    pub fn is_idle(&self) -> bool {
        self.rcu.waiting() == 0
            && self.unbound.peek().is_empty()
            && self.cpus.iter().all(|cpu| cpu.queue.peek().is_empty())
    }
}
