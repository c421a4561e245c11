//! Moving charges: a task that takes its charges along, and a group that is emptied into its parent.

use super::page::Told;
use super::stat::Stat;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Mark};
use crate::substrate::units::{Errno, Pages};
use crate::swap::{Folio, FolioRef};
use crate::{Fault, MappedDesign};

impl Machine {
    /// Begin to move charges away from a group: its mark is raised on every CPU, and whoever saw it down is waited
    /// for. The caller keeps the group from being removed.
    pub fn start_move<E: Env>(&self, e: &E, from: MemcgRef) {
        if !self.has_marks() {
            return;
        }
        if self.stats.word(from, 0, Stat::OnMove).load(e) > 0 {
            e.mark(Mark::MovesNested);
        }
        self.change_marks(e, from, 1);
        if !e.fault(Fault::S13) {
            self.synchronize_rcu(e);
        }
    }

    /// End a move.
    pub fn end_move<E: Env>(&self, e: &E, from: MemcgRef) {
        if self.has_marks() {
            self.change_marks(e, from, -1);
        }
    }

    pub(super) fn has_marks(&self) -> bool {
        self.config.design.mapped != MappedDesign::PageLock
    }

    fn change_marks<E: Env>(&self, e: &E, from: MemcgRef, change: i64) {
        let _movers = self.movers.lock(e);
        for cpu in 0..self.cpus.len() {
            let online = self.cpus[cpu].online.load(e) != 0;
            if !online {
                e.mark(Mark::MarkedWhileCpuDown);
                if self.config.design.mapped == MappedDesign::MarkedOnline || e.fault(Fault::S16) {
                    continue;
                }
            }
            let mark = self.stats.word(from, cpu, Stat::OnMove);
            if change < 0 && e.fault(Fault::F1) {
                mark.store(e, 0);
            } else {
                mark.add(e, change);
            }
        }
    }

    /// Move the charge of one page, while a move from its group is under way. The caller has a reference to the
    /// page, and knows that `to` is online.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if the page does not fit into `to`, [`Errno::Busy`] if it is not charged to `from`.
    pub fn move_account<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        folio: FolioRef,
        from: MemcgRef,
        to: MemcgRef,
    ) -> Result<(), Errno> {
        let node = self.folios.get(e, folio);
        let pages = Pages(node.pages.load(e) as u64);
        if to != self.root {
            self.try_charge(e, cpu, to, pages, false).inspect_err(|_| e.mark(Mark::MoveRefused))?;
        }
        if self.move_charged(e, cpu, (folio, pages), from, to) { Ok(()) } else { Err(Errno::Busy) }
    }

    /// Move the charge of one page to a group that has been charged for it already. Whoever does not get the page is
    /// uncharged: the group that it came from or, if it is not there, `to`. Whether it was moved.
    pub(crate) fn move_charged<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        (folio, pages): (FolioRef, Pages),
        from: MemcgRef,
        to: MemcgRef,
    ) -> bool {
        let node = self.folios.get(e, folio);
        self.css_get(e, to);
        let moved = {
            let _lock = node.page.lock.lock(e);
            let charged = self.charged_to(e, node) == Some(from);
            if charged {
                self.move_stat(e, cpu.id, node, from, to);
                node.memcg.store(e, to.to_word());
            }
            charged
        };
        let loser = if moved { from } else { to };
        if loser != self.root && !e.fault(Fault::M2) {
            self.memcg_uncharge(e, loser, pages);
        }
        if !e.fault(Fault::F2) {
            self.css_put(e, loser);
        }
        moved
    }

    /// Take a page out of the statistics of one group and into those of another, as often as it has been told of.
    fn move_stat<E: Env>(&self, e: &E, cpu: usize, node: &Folio, from: MemcgRef, to: MemcgRef) {
        let page = &node.page;
        let times = match self.told() {
            Told::Flag | Told::Count => page.told.load(e),
            Told::Nothing => i64::from(page.mapcount.load(e) != 0),
        };
        if times == 0 {
            return e.mark(Mark::MovedUnmapped);
        }
        e.mark(Mark::MovedMapped);
        if times > 1 {
            e.mark(Mark::MovedToldTwice);
        }
        let pages = node.pages.load(e);
        if pages > 1 {
            e.mark(Mark::MovedHuge);
            if e.fault(Fault::B54) {
                let wrong = pages - 1;
                self.stat_add(e, from, cpu, Stat::FilePmdMapped, -wrong);
                self.stat_add(e, to, cpu, Stat::FilePmdMapped, wrong);
            }
        }
        self.count_mapped(e, from, cpu, pages, -times);
        self.count_mapped(e, to, cpu, pages, times);
    }

    /// Move every page of a group to its parent, as a v1 rmdir does first. The caller knows that the group is
    /// online.
    ///
    /// # Errors
    /// [`Errno::Busy`] while the group has children. [`Errno::NoMem`] if a page does not fit into the parent: those
    /// before it have been moved.
    pub fn force_empty<E: Env>(&self, e: &E, cpu: &mut Cpu, memcg: MemcgRef) -> Result<(), Errno> {
        let node = self.memcgs.get(e, memcg);
        if node.css.children.load(e) != 0 {
            return Err(Errno::Busy);
        }
        let parent = node.css.parent(e).unwrap_or(self.root);
        self.start_move(e, memcg);
        let before = [Stat::FileMapped, Stat::FilePmdMapped].map(|stat| (stat, self.stat(memcg, stat)));
        let result = self.move_all(e, cpu, memcg, parent);
        if e.fault(Fault::B78) {
            for (stat, total) in before {
                self.stat_add(e, parent, cpu.id, stat, total);
            }
        }
        self.end_move(e, memcg);
        e.mark(if result.is_ok() { Mark::Emptied } else { Mark::EmptyRefused });
        result
    }

    /// The pages are found without a lock, as on an LRU list; one that is about to be freed is left alone.
    fn move_all<E: Env>(&self, e: &E, cpu: &mut Cpu, from: MemcgRef, to: MemcgRef) -> Result<(), Errno> {
        for (folio, node) in self.folios.live() {
            if self.charged_to(e, node) != Some(from) || !node.page.refs.inc_not_zero(e) {
                continue;
            }
            let moved = self.move_account(e, cpu, folio, from, to);
            self.page_put(e, folio);
            if moved == Err(Errno::NoMem) {
                return moved;
            }
        }
        Ok(())
    }
}
