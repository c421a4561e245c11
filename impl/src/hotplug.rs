//! CPUs that go down, come up, and are isolated.

use crate::Fault;
use crate::machine::Machine;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Mark};
use crate::substrate::work::Work;

impl Machine {
    /// Take a CPU down, running on another one. The dead callback empties its stocks, and takes back what was
    /// queued on it: a drain of a CPU without stocks has nothing to do.
    pub fn cpu_down<E: Env>(&self, e: &E, cpu: &mut Cpu, dead: &mut Cpu) {
        let shared = &self.cpus[dead.id];
        shared.online.swap(e, 0);
        let stock = std::mem::take(&mut dead.bytes);
        if stock.cached().is_some() {
            e.mark(Mark::DeadCpuHadBytes);
        }
        if e.fault(Fault::B4) {
            dead.bytes = stock;
        } else {
            self.settle_byte_stock(e, cpu, dead.id, stock);
        }
        if dead.pages.cached().next().is_some() {
            e.mark(Mark::DeadCpuHadPages);
        }
        self.drain_page_stock(e, dead);
        let mut queue = shared.queue.lock(e);
        if queue.iter().any(|work| *work == Work::Drain) {
            e.mark(Mark::DeadCpuHadWork);
            queue.retain(|work| *work != Work::Drain);
        }
        drop(queue);
        if !e.fault(Fault::P3) {
            shared.flushing.store(e, 0);
        }
    }

    /// Bring a CPU up again.
    pub fn cpu_up<E: Env>(&self, e: &E, id: usize) {
        self.cpus[id].online.swap(e, 1);
    }

    /// Isolate a CPU, or end its isolation.
    pub fn cpu_isolate<E: Env>(&self, e: &E, id: usize, isolated: bool) {
        self.cpus[id].isolated.swap(e, i64::from(isolated));
    }
}
