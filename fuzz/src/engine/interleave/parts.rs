//! The parts of an operation of a lane: what it does one thing after the other, each seen by all others at once.
//!
//! Most operations have one part. Of those with several only the last one's answer is what was observed; what the
//! others would have answered is free within what the specification allows. In parts are: a charge, which finds out who
//! pays and then charges that group, whatever has become of it, and which uses the mm meanwhile if it goes through a
//! holder; fork and exit, in the halves that are operations of their own; a migration, thread by thread, and then what
//! their mm charges; swapping out, which takes slots before it knows whether they can be charged; freeing slots, which
//! leave their mm first; and what is done with files and the swap cache, see [`shmem`].

mod shmem;

use super::verdict::named_groups;
use stocktake_model::{
    Bytes, ChargeId, Errno, Grade, GroupId, GroupLife, MappedOp, MmOp, Mode, Model, Op, Outcome, Pages, Ran,
    ShmemOp, Skip, SlabOp, SlotId, Step, TaskId, Via, Witness,
};

/// An operation that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// Its number in the program, or that of queued work that the scheduler has run.
    pub(super) index: usize,
    pub(super) step: Step,
    pub(super) outcome: Outcome,
    /// Whether it saw itself why it is refused.
    pub(super) evident: bool,
    /// Whether a charge of it met a limit.
    pub(super) met_limit: bool,
    /// The version that it wrote.
    pub(super) version: Option<u32>,
    /// The first of the slots that it swapped a file out to, or how many it looked at.
    pub(super) slot: Option<u32>,
    /// The group that it moves a page from.
    pub(super) from: Option<GroupId>,
    /// Operations that had ended when it began.
    pub(super) began: usize,
}

impl Ended {
    /// One that overlapped nothing.
    pub(super) fn alone(index: usize, step: Step, outcome: Outcome, began: usize) -> Ended {
        let (evident, met_limit) = (outcome == Outcome::Refused(Errno::NoMem), false);
        Ended { index, step, outcome, evident, met_limit, version: None, slot: None, from: None, began }
    }
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum At {
    /// It has done nothing.
    Before,
    /// The first half is done.
    Half,
    /// A charge knows who pays.
    Payer(GroupId),
    /// It is in the middle of something with a file or the swap cache.
    Shmem(shmem::At),
    /// It holds so many free slots, which it gives back.
    Slots(Pages),
    /// It holds them, and a folio that nobody moves any more.
    Isolated(Pages),
    /// It is over.
    Ended,
}

/// What is known of the stocks when a past operation is looked at again: nothing that excuses it.
pub(in crate::engine) struct Blind;

impl Witness for Blind {
    fn usage(&self, _group: GroupId) -> Pages {
        Pages(0)
    }

    fn memsw(&self, _group: GroupId) -> Pages {
        Pages(0)
    }

    fn local_pages(&self) -> Pages {
        Pages(0)
    }

    fn local_bytes(&self) -> Bytes {
        Bytes(0)
    }
}

/// What the operations of an execution have to do with each other, besides the model.
#[derive(Debug)]
pub(super) struct Context {
    /// Slots that files are, or were, swapped out to, by ascending number.
    pub(super) slots: Vec<u32>,
    /// Whether one that is not over asks whether pages have references.
    pub(super) references_count: bool,
    /// Whether one found no free slot.
    pub(super) slots_ran_out: bool,
    /// Whether one moves charges.
    pub(super) charges_move: bool,
}

/// Where the next part of an operation can lead.
pub(super) fn next_parts(model: &Model, ended: &Ended, at: At, context: &Context, to: &mut Vec<(At, Model)>) {
    let mut parts = Parts { model, ended, context, to };
    match (ended.step.op, at) {
        (Op::Mm(MmOp::Fork { new, parent }), At::Before) => {
            parts.half(Op::Mm(MmOp::ForkBegin { new, parent }));
            parts.whole_if_refused();
        }
        (Op::Mm(MmOp::Fork { new, .. }), _) => parts.last(Op::Mm(MmOp::ForkEnd { child: new })),
        (Op::Mm(MmOp::Exit { task }), At::Before) => parts.half(Op::Mm(MmOp::ExitBegin { task })),
        (Op::Mm(MmOp::Exit { task }), _) => parts.last(Op::Mm(MmOp::ExitEnd { task })),
        (Op::SwapIn { .. } | Op::SwapFree { .. }, At::Slots(pages)) => parts.returns(pages),
        (Op::SwapIn { slot, .. } | Op::SwapFree { slot }, At::Half) => parts.slots_go(slot),
        (Op::SwapFree { slot }, At::Before) => parts.swap_free(slot),
        (Op::Mm(MmOp::Charge { through, .. }), At::Half) => parts.gives_back(through),
        (
            Op::SwapIn { .. }
            | Op::Mm(MmOp::Charge { .. } | MmOp::Event { .. } | MmOp::Socket { .. })
            | Op::Slab(SlabOp::Alloc { .. }),
            at,
        ) => parts.charge(at),
        (Op::Mm(MmOp::Migrate { task, group } | MmOp::MigrateCharges { task, group }), at) => {
            parts.migration(at, task, group);
        }
        (Op::SwapOut { charge, .. }, at) => {
            parts.swap_out(at, charge);
        }
        (
            Op::Shmem(
                op @ (ShmemOp::Fault { .. } | ShmemOp::Punch { .. } | ShmemOp::Reclaim | ShmemOp::Out { .. }),
            ),
            at,
        ) => {
            parts.shmem(op, at);
        }
        _ => parts.whole(),
    }
}

/// The next part of one operation.
struct Parts<'a> {
    model: &'a Model,
    ended: &'a Ended,
    context: &'a Context,
    to: &'a mut Vec<(At, Model)>,
}

impl Parts<'_> {
    /// The model, to which the operation is admitted as it was: it holds the groups that it names.
    fn admitting(&self) -> Model {
        let mut model = self.model.clone();
        model.hold(named_groups(&self.ended.step));
        model
    }

    fn go(&mut self, at: At, mut model: Model) {
        model.hold([]);
        self.to.push((at, model));
    }

    /// All of it at once, if the answer is accepted.
    fn whole(&mut self) {
        let Ended { step, outcome, version, .. } = self.ended;
        let mut model = self.admitting();
        if !self.accepts(&model) {
            return;
        }
        let slots = model.slots_used();
        if self.is_admitted(&model) {
            model.commit_admitted(step, *outcome);
            if let (Op::Shmem(ShmemOp::Write { file }), Some(version)) = (step.op, *version) {
                model.shmem_wrote(file, version);
            }
        }
        self.over(slots, model);
    }

    /// It is over, but that a swap-in, or whoever frees slots, returns them last: until then nobody finds them free.
    fn over(&mut self, slots_before: u64, mut model: Model) {
        let freed = Pages(slots_before.saturating_sub(model.slots_used()));
        let frees = matches!(self.ended.step.op, Op::SwapIn { .. } | Op::SwapFree { .. });
        if frees && freed > Pages(0) && self.context.slots_ran_out && model.reserve_slots(freed) {
            self.go(At::Slots(freed), model);
        } else {
            self.go(At::Ended, model);
        }
    }

    fn returns(&mut self, slots: Pages) {
        let mut model = self.model.clone();
        model.return_slots(slots);
        self.go(At::Ended, model);
    }

    fn accepts(&self, model: &Model) -> bool {
        let Ended { step, outcome, evident, .. } = self.ended;
        let queued = match outcome {
            Outcome::Ran(Ran::Nothing | Ran::Drain | Ran::Cache) => true,
            // Which of its children the machine has freed by then is not known here.
            Outcome::Ran(Ran::Release(group)) => model.life(*group) == Some(GroupLife::Dying),
            _ => false,
        };
        if *evident || queued {
            return true;
        }
        if let (Op::Mapped(MappedOp::MovePage { charge, .. }), Some(from)) = (step.op, self.ended.from)
            && model.charge(charge).map(|(group, _)| group) != Some(from)
            && matches!(outcome, Outcome::Done | Outcome::Refused(Errno::Busy))
        {
            // Another mover has the page.
            return *outcome != Outcome::Done;
        }
        if !self.is_admitted(model) {
            return nothing_to_do(&step.op, *outcome);
        }
        model.first(step) == *outcome || model.grade(step, &Blind, *outcome) != Grade::Violation
    }

    /// Whether it makes sense now. A fault in the middle keeps a removal from beginning only where it began before the
    /// lanes, and then the removal was skipped: one in a lane holds its group, and goes on.
    fn is_admitted(&self, model: &Model) -> bool {
        match model.admits(&self.ended.step) {
            Err(Skip::InOperation) => matches!(self.ended.step.op, Op::Rmdir { .. }),
            admitted => admitted.is_ok(),
        }
    }

    fn whole_if_refused(&mut self) {
        if matches!(self.ended.outcome, Outcome::Refused(_)) {
            self.whole();
        }
    }

    /// A first half that succeeds.
    fn half(&mut self, op: Op) {
        let step = Step { op, fail: None, ..self.ended.step };
        let mut model = self.admitting();
        if model.admits(&step).is_ok() {
            model.commit_admitted(&step, Outcome::Done);
            self.go(At::Half, model);
        }
    }

    /// The second half, which gives the answer.
    fn last(&mut self, op: Op) {
        let step = Step { op, fail: None, ..self.ended.step };
        let mut model = self.admitting();
        if model.admits(&step).is_ok() {
            model.commit_admitted(&step, self.ended.outcome);
            self.go(At::Ended, model);
        }
    }

    /// A charge: who pays, then the charge to that group.
    fn charge(&mut self, at: At) {
        let Outcome::To(payer) = self.ended.outcome else { return self.whole() };
        let mut model = self.admitting();
        if model.admits(&self.ended.step).is_err() {
            return;
        }
        if at == At::Before {
            if model.pays(&self.ended.step, payer) {
                model.payer_found(&self.ended.step, payer);
                self.go(At::Payer(payer), model);
            }
        } else {
            let slots = model.slots_used();
            if let (Op::SwapIn { new, slot, .. }, true) = (self.ended.step.op, self.context.charges_move) {
                model.folio_comes_in(new, slot, payer);
                return self.go(At::Half, model);
            }
            model.commit_admitted(&self.ended.step, self.ended.outcome);
            model.payer_let_go(&self.ended.step, payer);
            match self.ended.step.op {
                Op::Mm(MmOp::Charge { through, .. }) if model.mm_borrow(through) => self.go(At::Half, model),
                _ => self.over(slots, model),
            }
        }
    }

    /// A charge through a holder has put its page where it belongs, and is no user of the mm any more.
    fn gives_back(&mut self, through: Via) {
        let mut model = self.model.clone();
        model.mm_give_back(through);
        self.go(At::Ended, model);
    }
}

/// Migrations.
impl Parts<'_> {
    /// Thread by thread, then what their mm charges, then the charges that move along. Whoever looks for charges to move
    /// uses the mm meanwhile, also if there are none, or no room for them.
    fn migration(&mut self, at: At, task: TaskId, to: GroupId) {
        let looks = matches!(self.ended.step.op, Op::Mm(MmOp::MigrateCharges { .. }));
        let with_charges = looks && self.ended.outcome == Outcome::Is(true);
        let refused = matches!(self.ended.outcome, Outcome::Refused(_));
        let mut model = self.admitting();
        if at != At::Before && refused {
            model.migration_gives_up();
            Parts { model: &model, ended: self.ended, context: self.context, to: self.to }.whole();
        } else if at != At::Before {
            // Found one by one: what comes to the mm meanwhile may be found too.
            for charge in model.migration_may_find() {
                let mut found = model.clone();
                found.migration_finds(charge);
                self.go(At::Half, found);
            }
            for page in 0..model.migration_pages().max(1) {
                let mut model = model.clone();
                let at = if model.migration_goes_on(page) { At::Half } else { At::Ended };
                self.go(at, model);
            }
        } else if refused || model.admits(&self.ended.step).is_err() {
            // Nothing is moved.
            self.whole();
            if looks && refused && model.migration_begins(task, to, false) {
                model.migration_uses_mm();
                self.go(At::Half, model);
            }
        } else if matches!(self.ended.outcome, Outcome::Is(moved) if !model.migration_may_answer(task, moved))
        {
            // Whose the charges are is no question of room.
        } else if self.accepts(&model) && model.migration_begins(task, to, with_charges) {
            if looks {
                model.migration_uses_mm();
            }
            self.go(At::Half, model);
        }
    }
}

/// Slots.
impl Parts<'_> {
    /// Slots leave their mm before they are free: a mover finds them no more, and the id recorded for them stays.
    fn swap_free(&mut self, slot: SlotId) {
        let mut model = self.admitting();
        if self.context.charges_move && self.ended.outcome == Outcome::Done && self.is_admitted(&model) {
            model.slots_leave_mm(slot);
            self.go(At::Half, model);
        } else {
            self.whole();
        }
    }

    fn slots_go(&mut self, slot: SlotId) {
        let mut model = self.model.clone();
        let slots = model.slots_used();
        model.slots_go(slot);
        self.over(slots, model);
    }

    /// Slots are taken before it shows who pays for them, and whether they can be charged: others find less meanwhile. In
    /// v1, where pages move, a folio stays in its group from then on, and its group may go before the slots are recorded.
    fn swap_out(&mut self, at: At, charge: ChargeId) {
        let pages = self.model.charge(charge).map(|(_, pages)| pages);
        let takes =
            matches!(self.ended.outcome, Outcome::To(_) | Outcome::Done | Outcome::Refused(Errno::NoMem));
        let mut model = self.model.clone();
        match (at, pages) {
            (At::Slots(slots), Some(_)) if model.config().mode != Mode::V2 => {
                model.isolate(charge);
                self.go(At::Isolated(slots), model);
            }
            (At::Slots(slots) | At::Isolated(slots), _) => {
                model.return_slots(slots);
                model.put_back(charge);
                Parts { model: &model, ended: self.ended, context: self.context, to: self.to }.whole();
            }
            (_, Some(pages)) if takes => {
                if model.reserve_slots(pages) {
                    self.go(At::Slots(pages), model);
                }
            }
            _ => self.whole(),
        }
    }
}

/// Whether an operation may answer this that finds nothing to do, as another one came before it.
fn nothing_to_do(op: &Op, outcome: Outcome) -> bool {
    match op {
        Op::Shmem(ShmemOp::Write { .. } | ShmemOp::Written { .. } | ShmemOp::Notify { .. }) => {
            outcome == Outcome::Done
        }
        Op::Rmdir { .. } => outcome == Outcome::Refused(Errno::NoDev),
        // Somebody else has moved the page.
        Op::Mapped(MappedOp::MovePage { .. }) => outcome == Outcome::Refused(Errno::Busy),
        // Somebody else has moved the process there. Its charges are there too, or belong to others.
        Op::Mm(MmOp::Migrate { .. }) => outcome == Outcome::Done,
        Op::Mm(MmOp::MigrateCharges { .. }) => matches!(outcome, Outcome::Is(_)),
        _ => false,
    }
}
