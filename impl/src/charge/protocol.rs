//! Try, commit and cancel; charging in one step; and the end of a page.

use crate::Fault;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::Env;
use crate::substrate::units::{Errno, Pages};
use crate::swap::FolioRef;

impl Machine {
    /// A page that nobody else can see, with one reference, which belongs to the caller; it is not charged. `None`
    /// if there is no memory.
    pub(crate) fn page_alloc<E: Env>(&self, e: &E, pages: Pages) -> Option<FolioRef> {
        let folio = self.folios.allocate(e)?;
        let node = self.folios.get(e, folio);
        node.pages.init(pages.0 as i64);
        node.page.init();
        node.page.used.init(0);
        node.memcg.init(0);
        node.swap.init(0);
        node.locked.init(0);
        node.content.init(0);
        node.flags.init(0);
        Some(folio)
    }

    /// Charge the counters of a group, and take the reference by which the page will hold it. The caller has a
    /// reference to the group, or knows that it is online. A commit or a cancel must follow.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if it does not fit. Nothing stays charged.
    pub(crate) fn mem_cgroup_try_charge<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        memcg: MemcgRef,
        pages: Pages,
    ) -> Result<(), Errno> {
        if memcg != self.root {
            self.try_charge(e, cpu, memcg, pages, false)?;
        }
        self.css_get(e, memcg);
        Ok(())
    }

    /// Bind a page to the group that has been charged for it.
    pub(crate) fn mem_cgroup_commit_charge<E: Env>(&self, e: &E, folio: FolioRef, memcg: MemcgRef) {
        let node = self.folios.get(e, folio);
        node.memcg.store(e, memcg.to_word());
        node.page.used.store(e, 1);
    }

    /// Give back what a try has charged.
    pub(crate) fn mem_cgroup_cancel_charge<E: Env>(&self, e: &E, memcg: MemcgRef, pages: Pages) {
        if e.fault(Fault::S20) {
            return;
        }
        if memcg != self.root {
            self.memcg_uncharge(e, memcg, pages);
        }
        self.css_put(e, memcg);
    }

    /// Charge a page and bind it, in one step. The caller has a reference to the group, or knows that it is online.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if it does not fit. The page stays uncharged.
    pub(crate) fn charge_page<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        folio: FolioRef,
        memcg: MemcgRef,
    ) -> Result<(), Errno> {
        let pages = Pages(self.folios.get(e, folio).pages.load(e) as u64);
        self.mem_cgroup_try_charge(e, cpu, memcg, pages)?;
        self.mem_cgroup_commit_charge(e, folio, memcg);
        Ok(())
    }

    /// The group that a page is charged to, if it is.
    pub(crate) fn page_memcg<E: Env>(&self, e: &E, folio: FolioRef) -> Option<MemcgRef> {
        let node = self.folios.get(e, folio);
        (node.page.used.load(e) != 0).then(|| node.group(node.memcg.load(e)))
    }

    /// Uncharge a page that is about to be freed, and give its reference to its group back.
    pub(crate) fn uncharge_charged<E: Env>(&self, e: &E, cpu: &Cpu, folio: FolioRef) {
        let node = self.folios.get(e, folio);
        let memcg = self.uncharge_page(e, cpu.id, node);
        if memcg != self.root {
            self.memcg_uncharge(e, memcg, Pages(node.pages.load(e) as u64));
        }
        self.css_put(e, memcg);
    }

    /// Put a reference to a page. With the last one it is physically freed, and so uncharged.
    pub(crate) fn put_page<E: Env>(&self, e: &E, cpu: &Cpu, folio: FolioRef) {
        let node = self.folios.get(e, folio);
        if node.page.refs.sub(e, 1) == 1 {
            if node.page.used.load(e) != 0 {
                self.uncharge_charged(e, cpu, folio);
            }
            self.folios.free(e, folio);
        }
    }

    /// Take a reference to a page that was found without a lock, unless it is being freed, or has been.
    pub(crate) fn get_page_unless_zero<E: Env>(&self, e: &E, cpu: &Cpu, folio: FolioRef) -> bool {
        let Some(node) = self.folios.peek(folio) else { return false };
        if !node.page.refs.inc_not_zero(e) {
            return false;
        }
        // It may have been freed in between, and be another page by now.
        if self.folios.peek(folio).is_some() {
            return true;
        }
        if let Some((other, _)) = self.folios.at(folio.index()) {
            self.put_page(e, cpu, other);
        }
        false
    }

    /// A page that has been charged in one step cannot be inserted: it is put, and that is all.
    pub(crate) fn put_uninserted<E: Env>(&self, e: &E, cpu: &Cpu, folio: FolioRef) {
        let node = self.folios.get(e, folio);
        if node.page.used.load(e) != 0 {
            if e.fault(Fault::S21) {
                node.page.used.store(e, 0);
            } else if e.fault(Fault::S21b) {
                let memcg = node.group(node.memcg.load(e));
                self.memcg_uncharge(e, memcg, Pages(node.pages.load(e) as u64));
            }
        }
        self.put_page(e, cpu, folio);
    }
}
