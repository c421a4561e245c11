//! What a page has beside its charge: who uses it, where it is mapped, and what has been told of it.

use crate::substrate::env::{Env, Label, What};
use crate::substrate::word::{Lock, Word};
use crate::swap::FolioRef;
use crate::{Fault, MappedDesign, machine::Machine};

/// The state of a page, and of its page_cgroup.
#[derive(Debug)]
pub(crate) struct PageState {
    /// One of whoever frees it, and one of each task in the middle of mapping or unmapping it.
    pub(crate) refs: Word,
    /// 1 while the page is charged. Its pointer to its group is not cleared with this.
    pub(crate) used: Word,
    /// Page tables that it is in.
    pub(super) mapcount: Word,
    /// What the statistic has been told of it: a flag, or a count, as the design has it.
    pub(super) told: Word,
    pub(super) lock: Lock<()>,
    /// The mm in whose page table it is; 0 for none. Set before anybody can find the page.
    pub(crate) mm: Word,
}

impl PageState {
    pub(crate) fn empty(index: usize) -> PageState {
        let word = |what| Word::new(Label::new(what, index));
        PageState {
            refs: word(What::PageRefs),
            used: word(What::PageUsed),
            mapcount: word(What::PageMapcount),
            told: word(What::PageTold),
            lock: Lock::new(Label::new(What::PageLock, index), ()),
            mm: word(What::PageMm),
        }
    }

    /// A new page that is charged and not mapped.
    #[inline]
    pub(crate) fn init(&self) {
        self.refs.init(1);
        self.used.init(1);
        self.mapcount.init(0);
        self.told.init(0);
        self.mm.init(0);
    }
}

/// What [`PageState::told`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// 1 or 0: the last update set or cleared it.
    Flag,
    /// How often +1 was told and not yet −1.
    Count,
    /// Nothing: the mapcount is asked.
    Nothing,
}

impl Machine {
    pub(super) fn told(&self) -> Told {
        match self.config.design.mapped {
            MappedDesign::PageLock | MappedDesign::Marked => Told::Flag,
            MappedDesign::MarkedCount | MappedDesign::MarkedOnline => Told::Count,
            MappedDesign::SectionFirst => Told::Nothing,
        }
    }

    /// Give a reference to a page back; with the last one the page is free.
    pub(crate) fn page_put<E: Env>(&self, e: &E, folio: FolioRef) {
        if self.folios.get(e, folio).page.refs.sub(e, 1) == 1 {
            self.folios.free(e, folio);
        }
    }

    /// Note that +1 was told of a page.
    pub(super) fn tell<E: Env>(&self, e: &E, page: &PageState) {
        match self.told() {
            Told::Flag => page.told.store(e, 1),
            Told::Count => {
                page.told.add(e, 1);
            }
            Told::Nothing => {}
        }
    }

    /// Note that −1 is being told of a page. Whether it is still due: an uncharge may have taken it.
    pub(super) fn untell<E: Env>(&self, e: &E, page: &PageState) -> bool {
        let mapped = || page.mapcount.load(e) != 0;
        if e.fault(Fault::S15) {
            page.told.store(e, 0);
        } else if e.fault(Fault::B48) {
            if mapped() {
                page.told.store(e, 0);
            }
        } else {
            match self.told() {
                Told::Flag => {
                    // As 2.6.36 has it, the page may have been mapped again meanwhile; the mail asks.
                    if self.config.design.mapped == MappedDesign::PageLock || !mapped() {
                        page.told.store(e, 0);
                    }
                }
                Told::Count => return page.told.dec_not_zero(e),
                Told::Nothing => {}
            }
        }
        true
    }
}
