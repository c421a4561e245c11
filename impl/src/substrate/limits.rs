//! Writing limits.
//!
//! v2 takes any limit at once. v1 refuses one that is below the usage, and one that would put the limit of memory
//! above that of memory+swap.

use super::cpu::Cpu;
use super::env::{Env, Mark};
use super::page_counter::Which;
use super::units::Errno;
use crate::Fault;
use crate::machine::Machine;
use crate::memcg::MemcgRef;

impl Machine {
    /// Write a group's memory limit the v2 way: it holds at once, then the stocks are drained if need be.
    pub fn set_max_v2<E: Env>(&self, e: &E, cpu: &mut Cpu, memcg: MemcgRef, max: u64) {
        let counter = &self.memcgs.get(e, memcg).memory;
        counter.set_max_v2(e, max);
        if counter.usage.load(e) > max as i64 {
            e.mark(Mark::LimitBelowUsage);
            self.drain_all_stock(e, cpu, memcg);
        }
    }

    /// Write a group's memory limit the v1 way.
    ///
    /// # Errors
    /// [`Errno::Invalid`] if the limit of memory+swap is below it. [`Errno::Busy`] if the usage is above it, also
    /// after what can be drained at once has been.
    pub fn set_max_v1<E: Env>(&self, e: &E, cpu: &mut Cpu, memcg: MemcgRef, max: u64) -> Result<(), Errno> {
        self.resize_max(e, cpu, memcg, Which::Memory, max)
    }

    /// Write a group's limit of memory and swap together; v1 only.
    ///
    /// # Errors
    /// [`Errno::Invalid`] if the limit of memory is above it. [`Errno::Busy`] if the usage is above it, also after
    /// what can be drained at once has been.
    pub fn set_memsw_max<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        memcg: MemcgRef,
        max: u64,
    ) -> Result<(), Errno> {
        self.resize_max(e, cpu, memcg, Which::Memsw, max)
    }

    /// Write a group's limit of kernel memory; v1, where that is charged by the page. Nothing is drained to make room:
    /// no kernel page is in a stock.
    ///
    /// # Errors
    /// [`Errno::Busy`] if the usage is above it.
    pub fn set_kmem_max<E: Env>(&self, e: &E, memcg: MemcgRef, max: u64) -> Result<(), Errno> {
        self.try_resize_max(e, memcg, Which::Kmem, max).inspect_err(|_| e.mark(Mark::LimitBusy))
    }

    fn resize_max<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        memcg: MemcgRef,
        which: Which,
        max: u64,
    ) -> Result<(), Errno> {
        let mut drained = false;
        loop {
            match self.try_resize_max(e, memcg, which, max) {
                Err(Errno::Busy) if !drained => {
                    e.mark(Mark::LimitBusy);
                    self.drain_all_stock(e, cpu, memcg);
                    drained = true;
                }
                result => return result,
            }
        }
    }

    /// The limit of memory is never above that of memory+swap: both are looked at under one mutex.
    fn try_resize_max<E: Env>(&self, e: &E, memcg: MemcgRef, which: Which, max: u64) -> Result<(), Errno> {
        let _mutex = self.limit_mutex.lock(e);
        let node = self.memcgs.get(e, memcg);
        let (counter, in_order) = match which {
            Which::Memsw => (&node.memsw, max as i64 >= node.memory.max.load(e)),
            Which::Kmem => (&node.kmem, true),
            Which::Memory | Which::Swap => (&node.memory, max as i64 <= node.memsw.max.load(e)),
        };
        if !in_order {
            e.mark(Mark::LimitsOutOfOrder);
            if !e.fault(Fault::V6) {
                return Err(Errno::Invalid);
            }
        }
        counter.set_max_v1(e, max)
    }

    /// Write a group's swap limit; v2 only.
    pub fn set_swap_max<E: Env>(&self, e: &E, memcg: MemcgRef, max: u64) {
        self.memcgs.get(e, memcg).swap.set_max_v2(e, max);
    }
}
