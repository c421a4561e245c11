//! Mapping and unmapping a page, in two halves: the mapcount, and the statistic.

use super::page::Told;
use super::stat::Stat;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::Handle;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Mark};
use crate::substrate::word::Held;
use crate::swap::{Folio, FolioRef};
use crate::{Fault, MappedDesign, Wiring};

/// A mapping or an unmapping whose first half is done.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedHalf {
    folio: FolioRef,
    /// What the statistic has to be told: +1, −1 or nothing.
    due: i64,
}

impl Machine {
    /// Put a folio into one more page table.
    pub fn map_folio<E: Env>(&self, e: &E, cpu: &mut Cpu, folio: FolioRef) {
        let half = self.map_begin(e, cpu, folio);
        e.interrupt(self, cpu);
        self.mapped_end(e, cpu, half);
    }

    /// Take a folio out of one page table.
    pub fn unmap_folio<E: Env>(&self, e: &E, cpu: &mut Cpu, folio: FolioRef) {
        let half = self.unmap_begin(e, cpu, folio);
        e.interrupt(self, cpu);
        self.mapped_end(e, cpu, half);
    }

    /// First half of mapping: the mapcount.
    pub fn map_begin<E: Env>(&self, e: &E, cpu: &mut Cpu, folio: FolioRef) -> MappedHalf {
        self.change_mapcount(e, cpu, folio, 1)
    }

    /// First half of unmapping: the mapcount. From now on the page may be freed under its unmapper, who keeps a
    /// reference to the page but not to its charge.
    pub fn unmap_begin<E: Env>(&self, e: &E, cpu: &mut Cpu, folio: FolioRef) -> MappedHalf {
        self.change_mapcount(e, cpu, folio, -1)
    }

    fn change_mapcount<E: Env>(&self, e: &E, cpu: &mut Cpu, folio: FolioRef, change: i64) -> MappedHalf {
        let node = self.folios.get(e, folio);
        node.page.refs.add(e, 1);
        if self.told() == Told::Nothing {
            self.change_in_section(e, cpu.id, node, change);
            return MappedHalf { folio, due: 0 };
        }
        let due = if leaves_or_reaches_zero(node.page.mapcount.add(e, change), change) { change } else { 0 };
        MappedHalf { folio, due }
    }

    /// Second half: the statistic.
    pub fn mapped_end<E: Env>(&self, e: &E, cpu: &mut Cpu, half: MappedHalf) {
        if half.due != 0 {
            let node = self.folios.get(e, half.folio);
            self.update_file_mapped(e, cpu, node, half.due);
        }
        self.page_put(e, half.folio);
    }

    /// Tell the statistic of the page's group that the page is mapped now, or no longer.
    fn update_file_mapped<E: Env>(&self, e: &E, cpu: &mut Cpu, node: &Folio, due: i64) {
        let _section = self.rcu_read_lock(e, cpu.id);
        let Some((memcg, _lock)) = self.stable_owner(e, cpu.id, node) else {
            e.mark(Mark::UnmapEndedAfterFree);
            return;
        };
        let pages = node.pages.load(e);
        if due > 0 {
            self.count_mapped_here(e, memcg, cpu, pages, 1);
            self.tell(e, &node.page);
            e.mark(Mark::FirstMapped);
        } else {
            if node.page.mapcount.load(e) != 0 {
                e.mark(Mark::MappedBetweenHalves);
            }
            if self.untell(e, &node.page) {
                self.count_mapped_here(e, memcg, cpu, pages, -1);
            }
            e.mark(Mark::LastUnmapped);
        }
    }

    /// Both halves in one section, which is opened before the mapcount changes. A mover that has raised its mark
    /// waits for the section, or the section for the mover's page lock.
    fn change_in_section<E: Env>(&self, e: &E, cpu: usize, node: &Folio, change: i64) {
        let _section = self.rcu_read_lock(e, cpu);
        let owner = self.stable_owner(e, cpu, node);
        let old = node.page.mapcount.add(e, change);
        if let Some((memcg, _lock)) = owner.as_ref().filter(|_| leaves_or_reaches_zero(old, change)) {
            self.count_mapped(e, *memcg, cpu, node.pages.load(e), change);
        }
    }

    /// The page's group, and the page lock if the group might change otherwise; `None` if the page is not charged
    /// any more. The caller is in a read section.
    fn stable_owner<'m, E: Env>(
        &self,
        e: &'m E,
        cpu: usize,
        node: &'m Folio,
    ) -> Option<(MemcgRef, Option<Held<'m, (), E>>)> {
        let always = self.config.design.mapped == MappedDesign::PageLock;
        if !always {
            let memcg = self.charged_to(e, node)?;
            let unmarked = self.stats.word(memcg, cpu, Stat::OnMove).load(e) <= 0;
            // The mark may be down again: then the move that it was for is over, and the page elsewhere.
            let moved = || {
                self.config.design.mapped != MappedDesign::Marked && node.group(node.memcg.load(e)) != memcg
            };
            if unmarked && !moved() {
                return Some((memcg, None));
            }
            e.mark(Mark::UpdateUnderMark);
        }
        let before = e.fault(Fault::S14).then(|| self.charged_to(e, node)).flatten();
        let lock = node.page.lock.lock(e);
        Some((before.or(self.charged_to(e, node))?, Some(lock)))
    }

    /// The group that the page is charged to, if it is.
    pub(crate) fn charged_to<E: Env>(&self, e: &E, node: &Folio) -> Option<MemcgRef> {
        // A page of shmem is found before it is charged.
        let memcg = Handle::from_word(node.memcg.load(e));
        memcg.filter(|_| node.page.used.load(e) != 0)
    }

    /// A page is being uncharged: what has been told of it and not yet been taken back is taken back. The group that
    /// was charged is returned. Movers are kept out; v2 has none.
    #[inline]
    pub(crate) fn uncharge_page<E: Env>(&self, e: &E, cpu: usize, node: &Folio) -> MemcgRef {
        let _lock = (self.config.wiring != Wiring::V2).then(|| node.page.lock.lock(e));
        let memcg = node.group(node.memcg.load(e));
        node.page.used.store(e, 0);
        if node.page.told.load(e) != 0 && self.told() == Told::Count {
            let told = node.page.told.swap(e, 0);
            self.count_mapped(e, memcg, cpu, node.pages.load(e), -told);
            e.mark(Mark::FreedBetweenHalves);
        }
        memcg
    }
}

fn leaves_or_reaches_zero(old: i64, change: i64) -> bool {
    old == 0 || old + change == 0
}
