//! Pages that are charged as they are put where they belong, and pages that are freed in one batch.
//!
//! Whether a page is charged in one step, or tried and then committed or cancelled, is nobody's business here: a page
//! that could be inserted is charged, one that could not is not. A huge page that cannot be had or does not fit becomes
//! a small one.

use super::allowed::{PageCharge, allow};
use super::pages::Folio;
use super::{Model, Skip};
use crate::{Allowed, ChargeId, Errno, Failure, GroupId, Outcome, PageOp, Pages, Reason, Step, Witness};

impl Model {
    pub(super) fn admits_page(&self, op: &PageOp) -> Result<(), Skip> {
        match *op {
            PageOp::File { new, group } | PageOp::Anon { new, group, .. } => {
                self.folios.fresh(new.index())?;
                self.admits_online(group)
            }
            PageOp::Hugetlb { new } => self.folios.fresh(new.index()),
            PageOp::FreeList { list } => list.iter().try_for_each(|charge| self.admits_freeing(charge)),
        }
    }

    pub(super) fn page_answer(&self, op: &PageOp, fail: Option<Failure>) -> Outcome {
        let (group, huge, taken) = match *op {
            PageOp::File { group, .. } => (group, false, Errno::NoMem),
            PageOp::Anon { group, huge, .. } => (group, huge, Errno::Exist),
            PageOp::Hugetlb { .. } if nth_fails(fail, 1) => return Outcome::Refused(Errno::NoMem),
            PageOp::Hugetlb { .. } | PageOp::FreeList { .. } => return Outcome::Done,
        };
        let charged = if huge && !nth_fails(fail, 1) && self.fits(group, PageOp::HUGE) {
            Outcome::Done
        } else if !nth_fails(fail, if huge { 2 } else { 1 }) && self.fits(group, Pages(1)) {
            if huge { Outcome::Small } else { Outcome::Done }
        } else {
            return Outcome::Refused(Errno::NoMem);
        };
        if fail == Some(Failure::Insert) { Outcome::Refused(taken) } else { charged }
    }

    /// The group that an operation asks pages of; of a huge page its alternative counts, a small one.
    pub fn page_asks(&self, op: &PageOp) -> Option<(GroupId, Pages)> {
        match *op {
            PageOp::File { group, .. } | PageOp::Anon { group, .. } => Some((group, Pages(1))),
            PageOp::Hugetlb { .. } | PageOp::FreeList { .. } => None,
        }
    }

    pub(super) fn allow_page(&self, allowed: &mut Allowed, step: &Step, op: &PageOp, witness: &dyn Witness) {
        let (group, huge) = match *op {
            PageOp::File { group, .. } => (group, false),
            PageOp::Anon { group, huge, .. } => (group, huge),
            PageOp::Hugetlb { .. } | PageOp::FreeList { .. } => return,
        };
        let from_stock = step.fail != Some(Failure::Trylock) && witness.local_pages() >= Pages(1);
        match (step.fail, huge) {
            (Some(Failure::Alloc), false) => {}
            (Some(Failure::Insert), _) => {
                // Whether the page was charged before it could not be inserted shows only where the answers differ.
                let taken = Outcome::Refused(Errno::Exist);
                if matches!(op, PageOp::Anon { .. }) {
                    let charge = PageCharge { group, asked: Pages(1), from_stock };
                    self.allow_cached(allowed, taken, &charge, witness);
                }
            }
            (_, true) => self.huge_allowed(allowed, Outcome::Done, step, group, witness),
            (_, false) => {
                let charge = PageCharge { group, asked: Pages(1), from_stock };
                self.allow_cached(allowed, Outcome::Done, &charge, witness);
            }
        }
    }

    /// A huge page that meets what is cached becomes a small one; that may meet it too, or be served by a stock: also if
    /// a lock cannot be had, for it is the drain on behalf of the huge page that meets it.
    pub(super) fn huge_allowed(
        &self,
        allowed: &mut Allowed,
        success: Outcome,
        step: &Step,
        group: GroupId,
        witness: &dyn Witness,
    ) {
        let meets = |pages| self.refused_by_cached(group, pages, witness);
        let first = allowed.exact.first().copied();
        if first == Some(success) && meets(PageOp::HUGE) {
            allow(allowed, Outcome::Small, Reason::RemoteStock);
        }
        if first == Some(success) && meets(PageOp::HUGE) && nth_fails(step.fail, 2) {
            allow(allowed, Outcome::Refused(Errno::NoMem), Reason::RemoteStock);
        }
        let small = first == Some(Outcome::Small) || first == Some(success) && meets(PageOp::HUGE);
        if small && meets(Pages(1)) {
            allow(allowed, Outcome::Refused(Errno::NoMem), Reason::RemoteStock);
        }
        let from_stock = witness.local_pages() >= Pages(1);
        if first == Some(Outcome::Refused(Errno::NoMem)) && from_stock {
            allow(allowed, Outcome::Small, Reason::StockHitOverMax);
        }
    }

    pub(super) fn commit_page(&mut self, op: &PageOp, observed: Outcome) {
        match (*op, observed) {
            (PageOp::File { new, group }, Outcome::Done)
            | (PageOp::Anon { new, group, huge: false }, Outcome::Done)
            | (PageOp::Anon { new, group, huge: true }, Outcome::Small) => {
                self.bind(new, Folio { group, pages: Pages(1) });
            }
            (PageOp::Anon { new, group, huge: true }, Outcome::Done) => {
                self.bind(new, Folio { group, pages: PageOp::HUGE });
            }
            // Bound to root, which is not counted.
            (PageOp::Hugetlb { new }, Outcome::Done) => {
                self.bind(new, Folio { group: GroupId::ROOT, pages: PageOp::HUGE });
            }
            (PageOp::FreeList { list }, Outcome::Done) => {
                let pages: Vec<ChargeId> = list.iter().collect();
                for charge in pages {
                    self.unbind(charge);
                }
            }
            _ => {}
        }
    }
}

/// Whether the allocation of this number within an operation fails. A small page is the second one after a huge one.
pub(super) fn nth_fails(fail: Option<Failure>, number: u8) -> bool {
    fail.and_then(Failure::allocation) == Some(number)
}
