//! Mapped pages and moving charges: applying their operations, and telling model and books what came of them.

use super::apply::{Applier, BOUND, done};
use super::hunting::Write;
use super::lockstep::Lockstep;
use crate::goals::{Goal, Seen};
use crate::tally::Tally;
use stocktake_impl::{Env, FileRef, FolioRef, IndexView, Label, STAT_CPUS, What};
use stocktake_model::{Errno, GroupId, MappedOp, Op, Outcome, PageOp, Pages, ShmemPlace, Step};

impl<E: Env> Applier<'_, E> {
    /// Run one of the room's operations on the machine.
    pub(super) fn apply_mapped(&mut self, at: usize, op: &MappedOp) -> Outcome {
        let (m, e) = (self.machine, self.env);
        let b = &mut *self.bindings;
        let cpu = &mut self.cpus[at - self.first_cpu];
        match *op {
            MappedOp::Map { charge } => m.map_folio(e, cpu, b.charges[charge.index()].expect(BOUND)),
            MappedOp::Unmap { charge } => m.unmap_folio(e, cpu, b.charges[charge.index()].expect(BOUND)),
            MappedOp::MapBegin { charge } => {
                let half = m.map_begin(e, cpu, b.charges[charge.index()].expect(BOUND));
                b.halves.push((at, half));
            }
            MappedOp::UnmapBegin { charge } => {
                let half = m.unmap_begin(e, cpu, b.charges[charge.index()].expect(BOUND));
                b.halves.push((at, half));
            }
            MappedOp::MapEnd { .. } | MappedOp::UnmapEnd { .. } => {
                if let Some(index) = b.halves.iter().position(|(cpu, _)| *cpu == at) {
                    m.mapped_end(e, cpu, b.halves.swap_remove(index).1);
                }
            }
            MappedOp::MoveStart { from, .. } => m.start_move(e, b.groups[from.index()].expect(BOUND)),
            MappedOp::MoveEnd { from, .. } => m.end_move(e, b.groups[from.index()].expect(BOUND)),
            MappedOp::MovePage { charge, to } => {
                let folio = b.charges[charge.index()].expect(BOUND);
                let from = b.moves_from.and_then(|from| b.groups[from.index()]);
                let from = from.or_else(|| m.folio_owner(folio)).expect(BOUND);
                return done(m.move_account(e, cpu, folio, from, b.groups[to.index()].expect(BOUND))).0;
            }
            MappedOp::ForceEmpty { group } => {
                return done(m.force_empty(e, cpu, b.groups[group.index()].expect(BOUND))).0;
            }
        }
        Outcome::Done
    }
}

impl Lockstep {
    /// What the operation names is looked at again, whatever the machine wrote.
    pub(super) fn touch_mapped(&mut self, op: &MappedOp) {
        let owner = |charge| self.model.charge(charge).map(|(group, _)| group);
        let groups = match *op {
            MappedOp::Map { charge }
            | MappedOp::MapBegin { charge }
            | MappedOp::MapEnd { charge }
            | MappedOp::Unmap { charge }
            | MappedOp::UnmapBegin { charge }
            | MappedOp::UnmapEnd { charge } => [owner(charge), None],
            MappedOp::MoveStart { from, to } | MappedOp::MoveEnd { from, to } => [Some(from), Some(to)],
            MappedOp::MovePage { charge, to } => [owner(charge), Some(to)],
            MappedOp::ForceEmpty { group } => [Some(group), self.model.parent(group)],
        };
        let moves = matches!(op, MappedOp::MovePage { .. } | MappedOp::ForceEmpty { .. });
        for group in groups.into_iter().flatten() {
            self.books.touch_stat(group);
            let mut level = Some(group).filter(|_| moves);
            while let Some(group) = level {
                self.books.touch_group(group);
                level = self.model.counter_parent(group);
            }
        }
    }

    /// A CPU that comes up sees the marks of every group.
    pub(super) fn touch_marks(&mut self) {
        if self.model.mapped_used() {
            (0..self.bindings.groups.len()).for_each(|index| self.books.touch_stat(GroupId(index as u16)));
        }
    }

    /// Emptying a group that ended in a refusal has moved some folios all the same: which ones, the model is told.
    pub(super) fn notice_moved(&mut self, action: &Step, observed: Outcome) {
        let Op::Mapped(MappedOp::ForceEmpty { group }) = action.op else { return };
        if observed != Outcome::Refused(Errno::NoMem) {
            return;
        }
        let charges: Vec<_> = self.model.folios_of(group).map(|(charge, _)| charge).collect();
        for charge in charges {
            let folio = self.bindings.charges[charge.index()];
            let owner = folio.and_then(|folio| self.machine.folio_owner(folio));
            let owner: Option<GroupId> = owner.map(|memcg| self.books.group_of(memcg));
            if let Some(owner) = owner.filter(|&owner| owner != group) {
                self.model.folio_moved(charge, owner);
            }
        }
        for place in self.model.shmem_places_of(group) {
            let owner = self.folio_at(place).and_then(|folio| self.machine.folio_owner(folio));
            let owner = owner.map(|memcg| self.books.group_of(memcg));
            if let Some(owner) = owner.filter(|&owner| owner != group) {
                self.model.shmem_page_moved(place, owner);
            }
        }
    }

    fn folio_at(&self, place: ShmemPlace) -> Option<FolioRef> {
        match place {
            ShmemPlace::Index(file) => match self.machine.index_entry(FileRef(file.index())) {
                IndexView::Page(folio) => Some(folio),
                IndexView::Swap(_) | IndexView::Empty => None,
            },
            ShmemPlace::SwapCache(number) => self.machine.cached_folio(number as usize),
            ShmemPlace::Fault(cpu) => {
                let mut faults = self.bindings.faults.iter();
                faults.find(|(of, _)| *of == cpu.index()).and_then(|(_, fault)| fault.folio())
            }
        }
    }

    /// Goals that only the outside can see, before the model has taken the step in.
    pub(super) fn count_mapped(&self, tally: &mut Tally, action: &Step, observed: Outcome) {
        let Op::Mapped(op) = action.op else { return };
        let reached = match op {
            MappedOp::MovePage { charge, .. } if observed == Outcome::Done => {
                let pages = self.model.charge(charge).map_or(Pages(0), |(_, pages)| pages);
                if pages == PageOp::HUGE && self.model.mappings(charge) > 0 {
                    tally.goals[Goal::seen(Seen::OrderNineMoved)] += 1;
                }
                let halves = self.model.open_halves();
                halves.iter().any(|half| half.charge == charge).then_some(Seen::MovedBetweenHalves)
            }
            MappedOp::ForceEmpty { group } if observed == Outcome::Refused(Errno::NoMem) => {
                let mut folios = self.model.folios_of(group);
                let gone = folios.any(|(charge, _)| {
                    let folio = self.bindings.charges[charge.index()];
                    let owner = folio.and_then(|folio| self.machine.folio_owner(folio));
                    owner.is_some_and(|memcg| self.books.group_of(memcg) != group)
                });
                gone.then_some(Seen::EmptiedInPart)
            }
            _ => None,
        };
        if let Some(seen) = reached {
            tally.goals[Goal::seen(seen)] += 1;
        }
    }

    /// The history of a statistic whose first word has this label: of its sum over the CPUs. `None` if the label is
    /// of another kind.
    pub(super) fn stat_history(&self, label: Label) -> Option<Vec<Write>> {
        if !matches!(
            label.what,
            What::StatFileMapped
                | What::StatFilePmdMapped
                | What::StatPgFault
                | What::StatPgMajFault
                | What::StatOomKill
        ) {
            return None;
        }
        let mut history = self.env.history();
        let owner = |label: Label| (label.what, label.index as usize / STAT_CPUS);
        history.retain(|write| owner(write.label) == owner(label));
        let mut sum = 0;
        for write in &mut history {
            let more = write.new - write.old;
            *write = Write { label, old: sum, new: sum + more, ..*write };
            sum += more;
        }
        Some(history)
    }

    /// End every operation that is half done.
    pub(super) fn end_halves(&mut self) {
        while let Some(half) = self.model.open_halves().first() {
            let action = half.end();
            self.applier().apply(&action);
            self.model.commit(&action, Outcome::Done);
        }
    }
}
