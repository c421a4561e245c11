//! Freeing many pages at once: as long as they belong to the same group, their charges go back in one piece.

use crate::Fault;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Mark};
use crate::substrate::units::Pages;
use crate::swap::FolioRef;

/// What has been gathered of one group.
#[derive(Default)]
struct UnchargeGather {
    memcg: Option<MemcgRef>,
    pages: u64,
    /// References of pages to the group: one a page of the list, whatever its size.
    folios: u64,
}

impl Machine {
    /// Free pages of a list: each gives its reference up, and those that are free are uncharged.
    pub fn free_list<E: Env>(&self, e: &E, cpu: &Cpu, list: impl IntoIterator<Item = FolioRef>) {
        let mut gather = UnchargeGather::default();
        for folio in list {
            let node = self.folios.get(e, folio);
            // Until the page lock is held, a mover may give the page to another group.
            let early = e.fault(Fault::U2).then(|| node.group(node.memcg.load(e)));
            self.clear_pte(e, folio);
            let charged = self.uncharge_page(e, cpu.id, node);
            let memcg = early.unwrap_or(charged);
            if gather.memcg.is_some_and(|gathered| gathered != memcg) {
                e.mark(Mark::BatchEnded);
                if !e.fault(Fault::U1) {
                    self.uncharge_batch(e, std::mem::take(&mut gather));
                }
            }
            if gather.memcg.is_some() {
                e.mark(Mark::BatchGrew);
            }
            gather.memcg = gather.memcg.or(Some(memcg));
            gather.pages += node.pages.load(e) as u64;
            gather.folios += 1;
            self.page_put(e, folio);
        }
        self.uncharge_batch(e, gather);
    }

    fn uncharge_batch<E: Env>(&self, e: &E, gather: UnchargeGather) {
        let Some(memcg) = gather.memcg else { return };
        if memcg != self.root {
            self.memcg_uncharge(e, memcg, Pages(gather.pages));
        }
        for _ in 0..gather.folios {
            self.css_put(e, memcg);
        }
    }
}
