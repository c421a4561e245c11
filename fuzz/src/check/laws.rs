//! The laws: each compares the machine's own words with the model and the books.

use super::Checks;
use super::books::{BucketBook, GroupBook};
use super::broken::{Broken, Law, Thing};
use crate::trace::Labels;
use crate::violation::Invariant;
use stocktake_impl::{Label, Machine, MemcgRef, MemcgView, ObjcgRef, ObjcgView, PAGE_SIZE, State, What};
use stocktake_model::{GroupId, GroupLife, Holders, Mode, Model, ObjectRule, SlabRule};

/// Both sides, and which laws apply.
pub(crate) struct World<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) model: &'a mut Model,
    pub(crate) checks: Checks,
    /// What operations have in flight that have not ended: neither model nor books know of it.
    pub(crate) flight: Option<&'a dyn InFlight>,
}

/// What operations under way have added to words that are sums.
pub(crate) trait InFlight {
    /// To this one.
    fn added(&self, label: Label) -> i64;
    /// Whether one of them maps, unmaps, moves or frees a page: it changes a mapcount, a statistic and what is known of
    /// the page one after the other.
    fn maps(&self) -> bool;
    /// Whether one of them is in the middle of changing the life of the group in a slot.
    fn disturbs_group(&self, slot: usize) -> bool;
    /// Whether one of them is in the middle of changing what the objcg in a slot belongs to. `last`: whether one of its
    /// references might be the last.
    fn disturbs_objcg(&self, slot: usize, last: bool) -> bool;
}

impl World<'_> {
    fn added(&self, what: What, index: usize) -> i64 {
        self.flight.map_or(0, |flight| flight.added(Label::new(what, index)))
    }

    /// A group's words without what is in flight.
    #[inline]
    pub(crate) fn memcg(&self, memcg: MemcgRef) -> Option<MemcgView> {
        let mut view = self.machine.memcg(memcg)?;
        if self.flight.is_some() {
            let index = memcg.index();
            view.usage -= self.added(What::MemoryUsage, index);
            view.swap_usage -= self.added(What::SwapUsage, index);
            view.memsw_usage -= self.added(What::MemswUsage, index);
            view.kmem_usage -= self.added(What::KmemUsage, index);
            view.refs -= self.added(What::CssRefs, index);
            view.id_refs -= self.added(What::IdRefs, index);
        }
        Some(view)
    }

    /// An objcg's words without what is in flight.
    #[inline]
    pub(crate) fn objcg(&self, objcg: ObjcgRef) -> Option<ObjcgView> {
        let mut view = self.machine.objcg(objcg)?;
        if self.flight.is_some() {
            view.refs -= self.added(What::ObjcgRefs, objcg.index());
            view.leftover -= self.added(What::ObjcgLeftover, objcg.index());
        }
        Some(view)
    }

    /// `found == expected`, if the invariant is checked; `because` is asked only if it does not hold.
    pub(super) fn law(
        &self,
        invariant: Invariant,
        aspect: &'static str,
        thing: Thing,
        (expected, found): (i64, i64),
        because: impl FnOnce() -> String,
    ) -> Law {
        if expected == found || !self.checks.has(invariant) {
            return Ok(());
        }
        Err(Broken::new(invariant, aspect, thing, expected, found, because()))
    }

    /// The laws of a group that lives.
    pub(super) fn check_group(&self, group: GroupId, book: &GroupBook) -> Law {
        let Some(view) = book.memcg.and_then(|memcg| self.memcg(memcg)) else { return Ok(()) };
        self.check_signs(group, &view)?;
        self.check_life(group, &view)?;
        self.check_refs(group, book, &view)?;
        self.check_usage(group, book, &view)?;
        self.check_kmem(group, book, &view)?;
        self.check_swap(group, &view)
    }

    /// I3.
    fn check_signs(&self, group: GroupId, view: &MemcgView) -> Law {
        if view.usage.min(view.swap_usage).min(view.memsw_usage).min(view.kmem_usage) >= 0 {
            return Ok(());
        }
        let counters = [
            ("usage", view.usage),
            ("swap", view.swap_usage),
            ("memsw", view.memsw_usage),
            ("kmem", view.kmem_usage),
        ];
        let Some(&(aspect, value)) = counters.iter().find(|(_, value)| *value < 0) else { return Ok(()) };
        if !self.checks.has(Invariant::I3) {
            return Ok(());
        }
        let because = String::from("more was uncharged here than had been charged");
        Err(Broken::new(Invariant::I3, aspect, Thing::Group(group), "at least 0", value, because))
    }

    /// I16, for what can be seen of a group's life.
    fn check_life(&self, group: GroupId, view: &MemcgView) -> Law {
        let (life, state) = (self.model.life(group), view.state);
        let agrees = matches!(
            (life, state),
            (Some(GroupLife::Online), State::Online)
                | (Some(GroupLife::Offlining), State::Offlining)
                | (Some(GroupLife::Dying), State::Dying | State::Released)
        );
        if agrees || !self.checks.has(Invariant::I16) {
            return Ok(());
        }
        let because = String::from("the two sides saw different operations on the group");
        let expected = match life {
            Some(GroupLife::Online) => "online",
            Some(GroupLife::Offlining) => "offlining",
            Some(GroupLife::Dying) => "dying",
            Some(GroupLife::Ended) | None => "freed",
        };
        let found = format!("{state:?}").to_lowercase();
        Err(Broken::new(Invariant::I16, "life", Thing::Group(group), expected, found, because))
    }

    /// I5 for a group. Root is not counted.
    fn check_refs(&self, group: GroupId, book: &GroupBook, view: &MemcgView) -> Law {
        if group == GroupId::ROOT {
            return Ok(());
        }
        // While a lane has the queue of creations locked it is not known what that holds; the next look will tell.
        let Some(creations) = self.creations(book) else { return Ok(()) };
        let mut expected = 0;
        self.each_holder(creations, group, book, |_, n| expected += n);
        self.law(Invariant::I5, "css-refs", Thing::Group(group), (expected, view.refs), || {
            list(&self.holders(group, book))
        })
    }

    /// Creations of kmem_caches that are queued, each of which holds the group. `None` if that cannot be seen now.
    fn creations(&self, book: &GroupBook) -> Option<i64> {
        book.memcg.map_or(Some(0), |memcg| Some(self.machine.creations_of(memcg)? as i64))
    }

    /// Who holds a group.
    pub(crate) fn holders(&self, group: GroupId, book: &GroupBook) -> Vec<(&'static str, i64)> {
        let mut holders = Vec::new();
        let creations = self.creations(book).unwrap_or(0);
        self.each_holder(creations, group, book, |what, n| holders.push((what, n)));
        holders
    }

    /// Each kind of holder of a group, and how many there are.
    #[inline]
    fn each_holder(
        &self,
        creations: i64,
        group: GroupId,
        book: &GroupBook,
        mut holder: impl FnMut(&'static str, i64),
    ) {
        let online = matches!(self.model.life(group), Some(GroupLife::Online | GroupLife::Offlining));
        holder("base", i64::from(online));
        holder("id", i64::from(self.model.id_refs(group) > 0));
        holder("children", book.children);
        holder("folios", self.model.own_folios(group) as i64);
        holder("page stock slots", book.stock_slots);
        holder("reparented objcgs", book.objcgs);
        holder("tasks", self.model.tasks_in(group) as i64);
        holder("mms", book.mms);
        holder("kmem_caches", book.slab.caches);
        holder("pages of slabs", book.slab.pins);
        holder("creations of kmem_caches", creations);
        holder("references of the program", self.model.kmem_refs(group) as i64);
        holder("kmem pages", self.model.kmem_pins(group).0 as i64);
    }

    /// I1. The local counter of a dying group means nothing: what was reparented is uncharged above it.
    fn check_usage(&self, group: GroupId, book: &GroupBook, view: &MemcgView) -> Law {
        if !self.usage_means_something(group) {
            return Ok(());
        }
        let thing = Thing::Group(group);
        let mut expected = 0;
        self.each_usage_part(group, book, |_, n| expected += n);
        self.law(Invariant::I1, "usage", thing, (expected, view.usage), || {
            list(&self.usage_parts(group, book))
        })?;
        if !self.counts_memsw() {
            return Ok(());
        }
        let swapped = ("swap slots", self.model.swapped(group).0 as i64);
        self.law(Invariant::I1, "memsw", thing, (expected + swapped.1, view.memsw_usage), || {
            let parts = self.usage_parts(group, book);
            list(&parts.into_iter().chain([swapped]).collect::<Vec<_>>())
        })
    }

    /// I1 for the counter of kernel memory.
    fn check_kmem(&self, group: GroupId, book: &GroupBook, view: &MemcgView) -> Law {
        if !self.kmem_means_something(group) {
            return Ok(());
        }
        let parts = || self.kmem_parts(group, book);
        let expected = parts().iter().map(|(_, n)| n).sum();
        let thing = Thing::Group(group);
        self.law(Invariant::I1, "kmem", thing, (expected, view.kmem_usage), || list(&parts()))
    }

    /// Whether the counter of a group's kernel memory is exact: also in a removed group, unless its slabs were handed on.
    /// Then it keeps their pages, as its usage does.
    pub(crate) fn kmem_means_something(&self, group: GroupId) -> bool {
        self.model.slab_rule() != SlabRule::SlabsReparented || self.usage_means_something(group)
    }

    /// What a group's kernel memory consists of, where it has a counter.
    pub(crate) fn kmem_parts(&self, group: GroupId, book: &GroupBook) -> [(&'static str, i64); 3] {
        let slabs = self.model.counts_slab_kmem();
        [
            ("pages of live kernel objects and of slabs in use", self.model.kmem(group).0 as i64),
            ("pages of slabs without objects", if slabs { book.slab.idle } else { 0 }),
            (
                "pages that root is not given back",
                if slabs && group == GroupId::ROOT { self.machine.unreturned_slab_pages() } else { 0 },
            ),
        ]
    }

    /// Whether memory and swap are counted together.
    pub(crate) fn counts_memsw(&self) -> bool {
        self.model.config().mode != Mode::V2
    }

    /// Whether the counter of a group is exact: until its objcgs are handed on.
    pub(crate) fn usage_means_something(&self, group: GroupId) -> bool {
        matches!(self.model.life(group), Some(GroupLife::Online | GroupLife::Offlining))
    }

    /// What a group's usage consists of.
    pub(crate) fn usage_parts(&self, group: GroupId, book: &GroupBook) -> Vec<(&'static str, i64)> {
        let mut parts = Vec::new();
        self.each_usage_part(group, book, |what, n| parts.push((what, n)));
        parts
    }

    /// Each kind of pages that a group's usage consists of, and how many there are.
    #[inline]
    fn each_usage_part(&self, group: GroupId, book: &GroupBook, mut part: impl FnMut(&'static str, i64)) {
        part("pages of live folios", self.model.live_pages(group).0 as i64);
        part("pages in stocks", book.stocked);
        part("pages bound by objcgs", book.bound);
        part("pages of slabs in use", self.model.slab_pages(group).0 as i64);
        part("pages of slabs without objects", book.slab.idle);
        if group == GroupId::ROOT {
            part("pages that root is not given back", self.machine.unreturned_slab_pages());
        }
    }

    /// I7 for a group. In v1 what memory+swap counts beside memory are the slots, also after offlining: whatever else
    /// moves one of the two counters moves both.
    fn check_swap(&self, group: GroupId, view: &MemcgView) -> Law {
        let thing = Thing::Group(group);
        let swapped = self.model.swapped(group).0 as i64;
        let because = || String::from("swap slots recorded for the group and those below it");
        if self.counts_memsw() {
            let beside = view.memsw_usage - view.usage;
            self.law(Invariant::I7, "memsw-swap", thing, (swapped, beside), because)?;
        } else {
            self.law(Invariant::I7, "swap", thing, (swapped, view.swap_usage), because)?;
        }
        let id_refs = self.model.id_refs(group) as i64;
        self.law(Invariant::I7, "id-refs", thing, (id_refs, view.id_refs), || {
            String::from("one until offlining has ended, and one per recorded slot")
        })
    }

    /// I12, for a group that the machine has just freed.
    pub(super) fn check_end_of_group(&mut self, group: GroupId, book: &GroupBook) -> Law {
        let known = self.model.ended(group).err();
        let stocks = book.stock_slots;
        let slab = (book.slab.caches, book.slab.pins, self.creations(book).unwrap_or(0));
        let kmem = (self.model.kmem_refs(group) as i64, self.model.kmem_pins(group).0 as i64);
        let unheld = known.is_none() && stocks == 0 && book.mms == 0 && slab == (0, 0, 0) && kmem == (0, 0);
        if unheld || !self.checks.has(Invariant::I12) {
            return Ok(());
        }
        let Holders { folios, slots, objcgs, children, tasks } = known.unwrap_or_default();
        let because = list(&[
            ("folios", folios as i64),
            ("swap slots", slots as i64),
            ("reparented objcgs", objcgs as i64),
            ("children", children as i64),
            ("page stock slots", stocks),
            ("tasks", tasks as i64),
            ("mms", book.mms),
            ("kmem_caches", slab.0),
            ("pages of slabs", slab.1),
            ("creations of kmem_caches", slab.2),
            ("references of the program", kmem.0),
            ("kmem pages", kmem.1),
        ]);
        let expected = "not freed while somebody holds it";
        Err(Broken::new(Invariant::I12, "freed-early", Thing::Group(group), expected, "freed", because))
    }

    /// Who holds an objcg, whose words are these if it lives.
    pub(crate) fn objcg_holders(
        &self,
        birth: GroupId,
        book: &BucketBook,
        view: Option<ObjcgView>,
    ) -> [(&'static str, i64); 3] {
        [
            ("references of base, program and objects", self.model.bucket_refs(birth) as i64),
            ("byte stocks", book.stocks),
            ("switch to atomic mode", view.map_or(0, |view| i64::from(view.switching))),
        ]
    }

    /// The laws of an objcg, whose words are these if it lives.
    pub(super) fn check_bucket(&self, birth: GroupId, book: &BucketBook, view: Option<ObjcgView>) -> Law {
        if self.model.object_rule() == ObjectRule::Pages {
            // It stands for its group, which has its own laws.
            return Ok(());
        }
        let thing = Thing::ObjcgOf(birth);
        let holders = self.objcg_holders(birth, book, view);
        let expected = holders.iter().map(|(_, n)| n).sum();
        let Some(view) = view else {
            if expected == 0 || !self.checks.has(Invariant::I12) {
                return Ok(());
            }
            return Err(Broken::new(
                Invariant::I12,
                "objcg-freed-early",
                thing,
                "not freed while somebody holds it",
                "freed",
                list(&holders),
            ));
        };
        // As it is, with what is in flight.
        let leftover =
            view.leftover + book.objcg.map_or(0, |objcg| self.added(What::ObjcgLeftover, objcg.index()));
        if leftover < 0 && self.checks.has(Invariant::I3) {
            let because =
                String::from("nr_charged_bytes is what objects and stocks do not use of charged pages");
            return Err(Broken::new(Invariant::I3, "leftover", thing, "at least 0", leftover, because));
        }
        self.law(Invariant::I5, "objcg-refs", thing, (expected, view.refs), || list(&holders))?;
        self.check_bytes(birth, book, view.leftover)?;
        let owner = self.model.bucket_owner(birth);
        let pointer = self.machine.memcg_lives(view.memcg);
        if !pointer && view.refs > 0 && self.checks.has(Invariant::I12) {
            let because = move |names: &Labels| format!("it should point to {}", names.group(owner));
            return Err(Broken::new(
                Invariant::I12,
                "objcg-owner",
                thing,
                "a live group",
                "a freed group",
                because,
            ));
        }
        Ok(())
    }

    /// I4.
    fn check_bytes(&self, birth: GroupId, book: &BucketBook, leftover: i64) -> Law {
        let live = self.model.bucket_live_bytes(birth).0 as i64;
        let sum = live + book.stocked + leftover;
        let odd = sum.rem_euclid(PAGE_SIZE as i64);
        if odd == 0 || !self.checks.has(Invariant::I4) {
            return Ok(());
        }
        let parts = [("live bytes", live), ("bytes in stocks", book.stocked), ("nr_charged_bytes", leftover)];
        Err(Broken::new(
            Invariant::I4,
            "bytes",
            Thing::ObjcgOf(birth),
            "a whole number of pages",
            format!("{sum} bytes: {odd} more than whole pages, or {} less", PAGE_SIZE as i64 - odd),
            list(&parts),
        ))
    }
}

/// `2 folios + 1 id`, leaving out what is zero.
pub(super) fn list(parts: &[(&'static str, i64)]) -> String {
    let present: Vec<String> =
        parts.iter().filter(|(_, n)| *n != 0).map(|(what, n)| format!("{n} {what}")).collect();
    if present.is_empty() { String::from("nothing") } else { present.join(" + ") }
}
