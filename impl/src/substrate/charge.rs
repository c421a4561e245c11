//! What a charge of memory moves: in v2 the memory counter, in v1 the memory+swap counter too.
//!
//! In v1 memory+swap is charged first and given back last, so that it is never below memory. Every page in a stock
//! is charged to both. Only swap tells them apart: a slot takes over a page's charge to memory+swap.

use super::env::{Env, Mark};
use super::page_counter::Which;
use super::units::Pages;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::{Fault, Wiring};

impl Machine {
    /// Whether memory and swap are counted together.
    #[inline]
    pub(crate) fn do_memsw_account(&self) -> bool {
        self.config.wiring != Wiring::V2
    }

    /// Charge `pages` to a group and to all above it, unless that is too much for one of them.
    ///
    /// # Errors
    /// The group at whose level it did not fit. Nothing stays charged.
    pub(crate) fn memcg_try_charge<E: Env>(
        &self,
        e: &E,
        memcg: MemcgRef,
        pages: Pages,
    ) -> Result<(), MemcgRef> {
        if !self.do_memsw_account() {
            return self.counter_try_charge(e, memcg, Which::Memory, pages);
        }
        if e.fault(Fault::V5) {
            self.counter_charge(e, memcg, Which::Memsw, pages);
        } else {
            self.counter_try_charge(e, memcg, Which::Memsw, pages)
                .inspect_err(|_| e.mark(Mark::MemswLimitMet))?;
        }
        self.counter_try_charge(e, memcg, Which::Memory, pages).inspect_err(|_| {
            e.mark(Mark::MemswRolledBack);
            if !e.fault(Fault::V1) {
                self.counter_uncharge(e, memcg, Which::Memsw, pages);
            }
        })
    }

    /// Charge whatever the limits say.
    pub(crate) fn memcg_charge<E: Env>(&self, e: &E, memcg: MemcgRef, pages: Pages) {
        if self.do_memsw_account() {
            self.counter_charge(e, memcg, Which::Memsw, pages);
        }
        self.counter_charge(e, memcg, Which::Memory, pages);
    }

    /// Give pages back.
    pub(crate) fn memcg_uncharge<E: Env>(&self, e: &E, memcg: MemcgRef, pages: Pages) {
        self.counter_uncharge(e, memcg, Which::Memory, pages);
        if self.do_memsw_account() {
            self.counter_uncharge(e, memcg, Which::Memsw, pages);
        }
    }
}
