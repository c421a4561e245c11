//! Pages that are charged as they are put somewhere: page cache, page tables, hugetlb.

use super::HUGE_PAGE;
use crate::ChargeDesign;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Failing, Mark};
use crate::substrate::units::{Errno, Pages};
use crate::swap::FolioRef;

/// What became of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faulted {
    /// A page of the size that was asked for.
    AsAsked(FolioRef),
    /// A small page, as no huge one could be allocated and charged.
    Small(FolioRef),
}

impl Faulted {
    /// The page.
    pub fn folio(self) -> FolioRef {
        match self {
            Faulted::AsAsked(folio) | Faulted::Small(folio) => folio,
        }
    }
}

impl Machine {
    /// Read a page of a file into the page cache, for a task of a group that the caller knows to be online.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if the page or its place cannot be allocated, or it does not fit.
    pub fn add_to_page_cache<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        memcg: MemcgRef,
    ) -> Result<FolioRef, Errno> {
        let single = self.config.design.charge != ChargeDesign::TryCommit;
        self.charge_and_insert(e, cpu, memcg, Pages(1), single).map_err(|_| Errno::NoMem)
    }

    /// Fault in an anonymous page, huge if that is asked for and can be had, for a task of a group that the caller
    /// knows to be online.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if the page cannot be allocated or does not fit; [`Errno::Exist`] if somebody else has filled
    /// the page table's entry meanwhile.
    pub fn do_anonymous_page<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        memcg: MemcgRef,
        huge: bool,
    ) -> Result<Faulted, Errno> {
        let single = self.config.design.charge == ChargeDesign::SingleStep;
        if huge {
            match self.charge_and_insert(e, cpu, memcg, HUGE_PAGE, single) {
                Ok(folio) => return Ok(Faulted::AsAsked(folio)),
                Err(Errno::Exist) => return Err(Errno::Exist),
                Err(_) => e.mark(Mark::HugeFallback),
            }
        }
        let folio = self.charge_and_insert(e, cpu, memcg, Pages(1), single)?;
        Ok(if huge { Faulted::Small(folio) } else { Faulted::AsAsked(folio) })
    }

    /// A huge page of hugetlb, which is not charged.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if it cannot be allocated.
    pub fn hugetlb_page<E: Env>(&self, e: &E) -> Result<FolioRef, Errno> {
        if e.failing(Failing::Alloc) {
            return Err(Errno::NoMem);
        }
        let folio = self.page_alloc(e, HUGE_PAGE).ok_or(Errno::NoMem)?;
        self.mem_cgroup_commit_charge(e, folio, self.root);
        Ok(folio)
    }

    /// The failure to insert is [`Errno::Exist`] here, whatever it is for the caller.
    fn charge_and_insert<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        memcg: MemcgRef,
        pages: Pages,
        single: bool,
    ) -> Result<FolioRef, Errno> {
        if e.failing(Failing::Alloc) {
            return Err(Errno::NoMem);
        }
        let folio = self.page_alloc(e, pages).ok_or(Errno::NoMem)?;
        let charged = if single {
            self.charge_page(e, cpu, folio, memcg)
        } else {
            self.mem_cgroup_try_charge(e, cpu, memcg, pages)
        };
        if let Err(errno) = charged {
            self.put_page(e, cpu, folio);
            return Err(errno);
        }
        let inserted = !e.failing(Failing::Insert);
        if !inserted {
            e.mark(Mark::InsertFailed);
        }
        match (single, inserted) {
            (true, true) => {}
            (true, false) => self.put_uninserted(e, cpu, folio),
            (false, true) => self.mem_cgroup_commit_charge(e, folio, memcg),
            (false, false) => {
                self.mem_cgroup_cancel_charge(e, memcg, pages);
                self.put_page(e, cpu, folio);
            }
        }
        if inserted { Ok(folio) } else { Err(Errno::Exist) }
    }
}
