//! Folios, swap slots and the memcg ids under which slots are recorded: what seed 004's rooms, [`crate::charge`] and
//! [`crate::shmem`], stand on, and swap in its simplest form, without a swap cache.
//!
//! A folio is charged in a single step and is bound to its group until it is freed. Swapping it out frees its
//! pages and charges as many swap slots. A slot records the *id* of the group that pays for it: the first, from the
//! folio's own group upwards, whose id is still alive (`model/KERNEL-FACTS.md` 1.7). Each recorded slot keeps that id
//! alive, and the id keeps one css reference.
//!
//! In cgroup v2 memory and swap are independent counters: a slot is charged when a page goes out, and stays charged
//! until it is freed. In v1 ([`memsw`]) the slot takes over the page's charge to memory+swap, and gives it back as
//! soon as the page that came in has a charge of its own.

mod ids;
mod memsw;
mod slots;

pub(crate) use ids::IdTable;
pub use slots::SwapEntry;
pub(crate) use slots::{SlotTable, SwapSlot};

use crate::file_mapped::PageState;
use crate::machine::Machine;
use crate::memcg::{Memcg, MemcgRef};
use crate::substrate::arena::{Handle, Item};
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Failing, Label, Mark, What};
use crate::substrate::units::{Errno, Pages};
use crate::substrate::word::Word;

/// A reference to a folio.
pub type FolioRef = Handle<Folio>;

/// Some pages that are charged, and freed, together. Its pointer to its group is a css reference.
#[derive(Debug)]
pub struct Folio {
    pub(crate) memcg: Word,
    pub(crate) pages: Word,
    pub(crate) page: PageState,
    /// First slot for which the swap cache has it, from 1; 0 if it is not there.
    pub(crate) swap: Word,
    /// 1 while somebody has the page lock.
    pub(crate) locked: Word,
    /// The version last written to it.
    pub(crate) content: Word,
    /// Dirty, under writeback.
    pub(crate) flags: Word,
}

impl Item for Folio {
    const GENERATION: What = What::FolioGeneration;

    fn empty(index: usize) -> Folio {
        let word = |what| Word::new(Label::new(what, index));
        Folio {
            memcg: word(What::FolioMemcg),
            pages: word(What::FolioPages),
            page: PageState::empty(index),
            swap: word(What::FolioSwap),
            locked: word(What::FolioLocked),
            content: word(What::FolioContent),
            flags: word(What::FolioFlags),
        }
    }
}

impl Folio {
    pub(crate) fn group(&self, word: i64) -> Handle<Memcg> {
        Handle::from_word(word).expect("a folio is bound to a group before it is published")
    }
}

impl Machine {
    /// Charge a new folio of `pages` pages to a group, in one step. Root's folios are bound but not counted.
    /// The caller has a reference to the group, or knows that it is online.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if the folio cannot be allocated or, without `force`, if it does not fit.
    pub fn mem_cgroup_charge<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        memcg: MemcgRef,
        pages: Pages,
        force: bool,
    ) -> Result<FolioRef, Errno> {
        if e.failing(Failing::Alloc) {
            return Err(Errno::NoMem);
        }
        let folio = self.folios.allocate(e).ok_or(Errno::NoMem)?;
        // Whoever looks for the pages of an mm finds it from now on: it is in none.
        self.folios.get(e, folio).page.mm.init(0);
        if memcg == self.root {
            e.mark(Mark::RootFolio);
        } else if let Err(errno) = self.try_charge(e, cpu, memcg, pages, force) {
            self.folios.free(e, folio);
            return Err(errno);
        }
        self.css_get(e, memcg);
        let node = self.folios.get(e, folio);
        node.pages.init(pages.0 as i64);
        node.page.init();
        node.memcg.store(e, memcg.to_word());
        Ok(folio)
    }

    /// Free a folio: its pages go back to the counters, its reference to its group.
    pub fn mem_cgroup_uncharge<E: Env>(&self, e: &E, cpu: &Cpu, folio: FolioRef) {
        self.clear_pte(e, folio);
        self.release_folio(e, cpu, folio, |memcg, pages| self.memcg_uncharge(e, memcg, pages));
    }

    fn release_folio<E: Env>(
        &self,
        e: &E,
        cpu: &Cpu,
        folio: FolioRef,
        give_back: impl FnOnce(MemcgRef, Pages),
    ) {
        let node = self.folios.get(e, folio);
        let memcg = self.uncharge_page(e, cpu.id, node);
        let pages = Pages(node.pages.load(e) as u64);
        if memcg != self.root {
            give_back(memcg, pages);
        }
        self.page_put(e, folio);
        self.css_put(e, memcg);
    }
}
