//! Charging by the byte, through a per-CPU stock of bytes.

use super::ObjcgRef;
use crate::machine::Machine;
use crate::substrate::arena::word_of;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Failing, Mark};
use crate::substrate::units::{Bytes, Errno, PAGE_SIZE, Pages};
use crate::{Fault, KmemRootDesign, ObjcgDesign};

/// The owned part of a byte stock: bytes of one objcg, to which it holds a reference.
#[derive(Debug, Default)]
pub(crate) struct ByteStock {
    objcg: Option<ObjcgRef>,
    bytes: u64,
}

impl ByteStock {
    /// What is cached.
    #[inline]
    pub(crate) fn cached(&self) -> Option<(ObjcgRef, Bytes)> {
        self.objcg.map(|objcg| (objcg, Bytes(self.bytes)))
    }

    #[inline]
    fn take(&mut self, objcg: ObjcgRef, size: Bytes) -> bool {
        if objcg.is_in(self.objcg)
            && let Some(rest) = self.bytes.checked_sub(size.0)
        {
            self.bytes = rest;
            return true;
        }
        false
    }
}

/// How the pages of an object are charged.
#[derive(Clone, Copy)]
pub(super) struct ChargeMode {
    /// The stock's lock could not be had.
    pub(super) bypass: bool,
    /// Above the limit rather than fail.
    pub(super) force: bool,
}

impl Machine {
    /// Charge an object that holds its objcg for as long as it lives, whatever the limits with `force`
    /// (`__GFP_NOFAIL`). The caller has a reference to the objcg.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if the pages do not fit.
    #[inline]
    pub fn obj_cgroup_charge_object<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        objcg: ObjcgRef,
        size: Bytes,
        force: bool,
    ) -> Result<(), Errno> {
        if self.config.design.objcg == ObjcgDesign::PageKmem {
            return self.charge_bytes(e, cpu, objcg, size, force);
        }
        self.objcg_get(e, cpu, objcg);
        self.charge_bytes(e, cpu, objcg, size, force).inspect_err(|_| self.objcg_put(e, cpu, objcg))
    }

    /// Free an object that holds its objcg, on whatever CPU.
    #[inline]
    pub fn obj_cgroup_uncharge_object<E: Env>(&self, e: &E, cpu: &mut Cpu, objcg: ObjcgRef, size: Bytes) {
        self.obj_cgroup_uncharge(e, cpu, objcg, size);
        if self.config.design.objcg != ObjcgDesign::PageKmem {
            self.objcg_put(e, cpu, objcg);
        }
    }

    /// Charge an object of `size` bytes, from this CPU's stock or else by whole pages. The caller has a reference
    /// to the objcg.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if the pages do not fit.
    #[inline]
    pub fn obj_cgroup_charge<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        objcg: ObjcgRef,
        size: Bytes,
    ) -> Result<(), Errno> {
        self.charge_bytes(e, cpu, objcg, size, false)
    }

    #[inline]
    fn charge_bytes<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        objcg: ObjcgRef,
        size: Bytes,
        force: bool,
    ) -> Result<(), Errno> {
        let bypass = E::FAULTS && e.failing(Failing::Trylock);
        if !bypass && cpu.bytes.take(objcg, size) {
            e.mark(Mark::BytesHit);
            return Ok(());
        }
        self.obj_cgroup_charge_slow(e, cpu, objcg, size, ChargeMode { bypass, force })
    }

    #[cold]
    fn obj_cgroup_charge_slow<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        objcg: ObjcgRef,
        size: Bytes,
        mode: ChargeMode,
    ) -> Result<(), Errno> {
        let ChargeMode { bypass, force } = mode;
        let design = self.config.design.objcg;
        let pages = Pages(size.0.div_ceil(PAGE_SIZE));
        if size.0 > PAGE_SIZE {
            e.mark(Mark::ObjectOverPage);
        }
        if design == ObjcgDesign::PageKmem {
            return self.kmem_charge_pages(e, cpu, self.objcg_memcg(e, objcg), pages, mode);
        }
        let plainly = design != ObjcgDesign::Corrected510 || e.fault(Fault::S6) || e.fault(Fault::B14);
        let memcg = if plainly {
            self.get_memcg_plainly(e, cpu, objcg)
        } else {
            self.get_memcg_by_tryget(e, cpu, objcg).ok_or(Errno::NoMem)?
        };
        if self.objcgs.get(e, objcg).refs.is_killed() {
            e.mark(Mark::ChargedThroughReparented);
        }
        let skips_root = self.config.design.kmem_root == KmemRootDesign::Skipped || e.fault(Fault::R1);
        let charged = if skips_root && memcg == self.root {
            Ok(())
        } else if bypass {
            self.try_charge_past_stock(e, cpu, memcg, pages, force)
        } else {
            self.try_charge(e, cpu, memcg, pages, force)
        };
        // The two stocks are changed with interrupts off; between them they are on.
        e.interrupt(self, cpu);
        let rest = Bytes(pages.0 * PAGE_SIZE - size.0);
        if charged.is_ok() && rest.0 > 0 {
            if bypass {
                e.mark(Mark::BytesBypassed);
                self.objcgs.get(e, objcg).leftover.add(e, rest.0 as i64);
            } else {
                self.refill_byte_stock(e, cpu, objcg, rest);
            }
        }
        self.css_put(e, memcg);
        if e.fault(Fault::B19) { Ok(()) } else { charged }
    }

    /// Give the bytes of a freed object back, on whatever CPU. The caller has a reference to the objcg.
    #[inline]
    pub fn obj_cgroup_uncharge<E: Env>(&self, e: &E, cpu: &mut Cpu, objcg: ObjcgRef, size: Bytes) {
        if !objcg.is_in(cpu.bytes.objcg) && self.config.design.objcg == ObjcgDesign::PageKmem {
            let pages = Pages(size.0.div_ceil(PAGE_SIZE));
            return self.kmem_uncharge_pages(e, self.objcg_memcg(e, objcg), pages);
        }
        if E::FAULTS && e.failing(Failing::Trylock) {
            e.mark(Mark::BytesBypassed);
            let leftover = &self.objcgs.get(e, objcg).leftover;
            leftover.add(e, size.fraction().0 as i64);
            return self.uncharge_pages_of(e, cpu, objcg, size.whole_pages());
        }
        self.refill_byte_stock(e, cpu, objcg, size);
    }

    /// Put bytes into this CPU's stock. More than a page is too much to keep; exactly a page is not.
    #[inline]
    fn refill_byte_stock<E: Env>(&self, e: &E, cpu: &mut Cpu, objcg: ObjcgRef, bytes: Bytes) {
        if !objcg.is_in(cpu.bytes.objcg) {
            self.change_byte_stock(e, cpu, objcg);
        }
        cpu.bytes.bytes += bytes.0;
        if cpu.bytes.bytes > PAGE_SIZE {
            self.drain_byte_stock(e, cpu);
        } else if cpu.bytes.bytes == PAGE_SIZE {
            e.mark(Mark::BytesKeepOnePage);
        }
    }

    #[cold]
    fn change_byte_stock<E: Env>(&self, e: &E, cpu: &mut Cpu, objcg: ObjcgRef) {
        if cpu.bytes.objcg.is_some() {
            e.mark(Mark::BytesEvictOther);
        }
        self.drain_byte_stock(e, cpu);
        if !e.fault(Fault::O2) {
            self.objcg_get(e, cpu, objcg);
        }
        let leftover = self.objcgs.get(e, objcg).leftover.swap(e, 0);
        if leftover != 0 {
            e.mark(Mark::BytesPullLeftover);
        }
        cpu.bytes = ByteStock { objcg: Some(objcg), bytes: leftover as u64 };
        self.cpus[cpu.id].cached_objcg.store(e, word_of(Some(objcg)));
    }

    /// Empty this CPU's byte stock.
    pub(crate) fn drain_byte_stock<E: Env>(&self, e: &E, cpu: &mut Cpu) {
        let owner = cpu.id;
        let stock = std::mem::take(&mut cpu.bytes);
        self.settle_byte_stock(e, cpu, owner, stock);
    }

    /// Give back what was in the byte stock of CPU `owner`, running on `cpu`: whole pages to the group, the rest
    /// to the leftover, then the reference.
    pub(crate) fn settle_byte_stock<E: Env>(&self, e: &E, cpu: &mut Cpu, owner: usize, stock: ByteStock) {
        let Some(objcg) = stock.objcg else { return };
        let bytes = Bytes(stock.bytes);
        if bytes.whole_pages().0 > 0 {
            e.mark(Mark::BytesDrainWholePages);
            self.uncharge_pages_of(e, cpu, objcg, bytes.whole_pages());
        }
        if bytes.fraction().0 > 0 && !e.fault(Fault::S10) {
            self.objcgs.get(e, objcg).leftover.add(e, bytes.fraction().0 as i64);
        }
        if self.puts_before_clearing(e) {
            // With interrupts off, which is a read section too.
            let _section = self.rcu_read_lock(e, cpu.id);
            self.put_of_byte_stock(e, cpu, objcg);
            self.cpus[owner].cached_objcg.store(e, 0);
        } else {
            // The pointer goes before the reference: whoever reads it remotely under RCU may still follow it.
            self.cpus[owner].cached_objcg.store(e, 0);
            self.put_of_byte_stock(e, cpu, objcg);
        }
    }

    /// The order until 6.4: whoever reads the pointer remotely can find an objcg that is about to be freed.
    fn puts_before_clearing<E: Env>(&self, e: &E) -> bool {
        matches!(self.config.design.objcg, ObjcgDesign::Rfc | ObjcgDesign::Merged59) || e.fault(Fault::B21b)
    }

    fn put_of_byte_stock<E: Env>(&self, e: &E, cpu: &mut Cpu, objcg: ObjcgRef) {
        if e.fault(Fault::O2) {
            return;
        }
        if self.objcgs.get(e, objcg).refs.total(&self.cpus) == 1 {
            e.mark(Mark::ObjcgReleasedByDrain);
        }
        self.objcg_put(e, cpu, objcg);
    }

    /// Uncharge whole pages that were charged through an objcg, from the group that it belongs to now.
    pub(crate) fn uncharge_pages_of<E: Env>(&self, e: &E, cpu: &mut Cpu, objcg: ObjcgRef, pages: Pages) {
        if self.config.design.objcg != ObjcgDesign::Corrected510 {
            return self.uncharge_under_rcu(e, cpu, objcg, pages);
        }
        if pages.0 == 0 {
            return;
        }
        let memcg = if e.fault(Fault::B14b) {
            Some(self.get_memcg_plainly(e, cpu, objcg))
        } else {
            self.get_memcg_by_tryget(e, cpu, objcg)
        };
        let Some(memcg) = memcg else { return };
        self.refill_stock(e, cpu, memcg, pages);
        self.css_put(e, memcg);
    }
}
