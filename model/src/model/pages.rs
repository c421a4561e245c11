//! Folios: whole pages, charged at once to one group and to every level above it.

use super::Model;
use crate::{ChargeId, Errno, Failure, GroupId, Outcome, Pages};

/// A live folio and the group that it is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Folio {
    pub(super) group: GroupId,
    pub(super) pages: Pages,
}

impl Model {
    /// `Alloc` fails the folio itself, before there is anything to charge. `Trylock` only takes the stocks out of
    /// the way, which the model has not got.
    pub(super) fn charge_answer(
        &self,
        group: GroupId,
        pages: Pages,
        force: bool,
        fail: Option<Failure>,
    ) -> Outcome {
        if fail != Some(Failure::Alloc) && (force || self.fits(group, pages)) {
            Outcome::Done
        } else {
            Outcome::Refused(Errno::NoMem)
        }
    }

    /// Charges a folio and binds it.
    pub(super) fn bind(&mut self, new: ChargeId, folio: Folio) {
        if self.groups.get(folio.group.index()).is_some() {
            self.add_folio(folio);
            self.folios.make(new.index(), folio);
        }
    }

    /// A folio that exists is charged, whatever it is called.
    pub(super) fn add_folio(&mut self, folio: Folio) {
        if let Some(group) = self.groups.get_mut(folio.group.index()) {
            group.folios += 1;
        }
        self.count_folio(folio, |total, pages| *total += pages);
    }

    /// It is uncharged.
    pub(super) fn drop_folio(&mut self, folio: Folio) {
        if let Some(group) = self.groups.get_mut(folio.group.index()) {
            group.folios -= 1;
        }
        self.count_folio(folio, |total, pages| *total -= pages);
    }

    /// Uncharges a folio, which is gone afterwards.
    pub(super) fn unbind(&mut self, charge: ChargeId) -> Option<Folio> {
        let folio = self.folios.take(charge.index())?;
        self.drop_folio(folio);
        Some(folio)
    }

    /// Charges a folio to another group instead of its own.
    pub(super) fn rebind(&mut self, charge: ChargeId, to: GroupId) {
        let Some(folio) = self.unbind(charge) else { return };
        self.bind(charge, Folio { group: to, ..folio });
    }

    /// A folio of root moves no counter, though root's counter moves with the folios of every other group.
    fn count_folio(&mut self, folio: Folio, count: fn(&mut Pages, Pages)) {
        if folio.group != GroupId::ROOT {
            self.at_each_level(folio.group, |level| count(&mut level.live_pages, folio.pages));
        }
    }
}
