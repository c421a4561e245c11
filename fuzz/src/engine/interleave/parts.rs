//! The parts of an operation of a lane: what it does one thing after the other, each seen by all others at once.
//!
//! Most operations have one part. Of those with several only the last one's answer is what was observed; what the others
//! would have answered is free within what the specification allows. In parts are: a charge, which finds out who pays
//! and then charges that group, whatever has become of it; fork and exit, in the halves that are operations of their own;
//! a migration, thread by thread, and then what
//! their mm charges; swapping out, which takes slots before it knows whether they can be charged; a fault on a file, in its stages; a
//! punch, which empties the index entry before the slots are given back; and reclaim of the swap cache, page by page.

use super::verdict::named_groups;
use stocktake_model::{
    Bytes, CpuId, Errno, Failure, FileId, Grade, GroupId, GroupLife, MmOp, Model, Op, Outcome, Pages,
    PunchLeft, Ran, ShmemOp, ShmemStage, SlabOp, Step, TaskId, Witness,
};

/// An operation that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) step: Step,
    pub(super) outcome: Outcome,
    /// Whether it saw itself why it is refused.
    pub(super) evident: bool,
    /// Whether a charge of it met a limit.
    pub(super) met_limit: bool,
    /// The version that it wrote.
    pub(super) version: Option<u32>,
    /// The first of the slots that it swapped a file out to.
    pub(super) slot: Option<u32>,
    /// Operations that had ended when it began.
    pub(super) began: usize,
}

impl Ended {
    /// One that overlapped nothing.
    pub(super) fn alone(step: Step, outcome: Outcome, began: usize) -> Ended {
        let (evident, met_limit) = (outcome == Outcome::Refused(Errno::NoMem), false);
        Ended { step, outcome, evident, met_limit, version: None, slot: None, began }
    }
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    /// It has done nothing.
    Before,
    /// The first half is done.
    Half,
    /// A charge knows who pays.
    Payer(GroupId),
    /// A fault is in the stage that the model knows. `small`: a small page has taken the place of a huge one.
    Stage { small: bool },
    /// A fault has its page in the swap cache and knows who pays.
    Reading { small: bool, payer: GroupId },
    /// A punch has emptied the index entry that led to these slots.
    Hole(u32),
    /// It has given them back.
    Unreferenced(u32),
    /// It holds so many free slots, which it gives back.
    Slots(Pages),
    /// A reclaim of the swap cache has dealt with all slots up to this one.
    Reclaimed(Option<u32>),
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

/// Where the next part of an operation can lead.
pub(super) fn next_parts(model: &Model, ended: &Ended, at: At, to: &mut Vec<(At, Model)>) {
    let mut parts = Parts { model, ended, to };
    match (ended.step.op, at) {
        (Op::Mm(MmOp::Fork { new, parent }), At::Before) => {
            parts.half(Op::Mm(MmOp::ForkBegin { new, parent }));
            parts.whole_if_refused();
        }
        (Op::Mm(MmOp::Fork { new, .. }), _) => parts.last(Op::Mm(MmOp::ForkEnd { child: new })),
        (Op::Mm(MmOp::Exit { task }), At::Before) => parts.half(Op::Mm(MmOp::ExitBegin { task })),
        (Op::Mm(MmOp::Exit { task }), _) => parts.last(Op::Mm(MmOp::ExitEnd { task })),
        (
            Op::SwapIn { .. }
            | Op::Mm(MmOp::Charge { .. } | MmOp::Event { .. } | MmOp::Socket { .. })
            | Op::Slab(SlabOp::Alloc { .. }),
            at,
        ) => parts.charge(at),
        (Op::Mm(MmOp::Migrate { task, group }), at) => parts.migration(at, task, group, false),
        (Op::Mm(MmOp::MigrateCharges { task, group }), at) => {
            parts.migration(at, task, group, ended.outcome == Outcome::Is(true));
        }
        (Op::Shmem(ShmemOp::Fault { file, group, huge }), at) => parts.fault(file, group, huge, at),
        (Op::Shmem(ShmemOp::Punch { file }), at) => parts.punch(file, at),
        (Op::Shmem(ShmemOp::Reclaim), at) => parts.reclaim(at),
        (Op::SwapOut { charge, .. }, at) => {
            parts.swap_out(at, model.charge(charge).map(|(_, pages)| pages));
        }
        (Op::Shmem(ShmemOp::Out { file }), at) => parts.swap_out(at, model.shmem_pages(file)),
        _ => parts.whole(),
    }
}

/// The next part of one operation.
struct Parts<'a> {
    model: &'a Model,
    ended: &'a Ended,
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
        let Ended { step, outcome, version, slot, .. } = self.ended;
        let mut model = self.admitting();
        if !self.accepts(&model) {
            return;
        }
        let wrote = version.filter(|_| model.admits(step).is_ok());
        model.commit(step, *outcome);
        let told = match (step.op, wrote, *slot) {
            (Op::Shmem(ShmemOp::Write { file }), Some(version), _) => {
                model.shmem_wrote(file, version);
                true
            }
            (Op::Shmem(ShmemOp::Out { file }), _, Some(slot)) => model.swapped_to(file, slot),
            _ => true,
        };
        if told {
            self.go(At::Ended, model);
        }
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
        if model.admits(step).is_err() {
            return nothing_to_do(&step.op, *outcome);
        }
        model.first(step) == *outcome || model.allowed(step, &Blind).grade(*outcome) != Grade::Violation
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
                model.payer_found(&self.ended.step);
                self.go(At::Payer(payer), model);
            }
        } else {
            model.commit_admitted(&self.ended.step, self.ended.outcome);
            self.go(At::Ended, model);
        }
    }
}

/// Migrations.
impl Parts<'_> {
    /// Thread by thread, then what their mm charges, then the charges that move along.
    fn migration(&mut self, at: At, task: TaskId, to: GroupId, with_charges: bool) {
        let mut model = self.admitting();
        if at != At::Before {
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
        } else if matches!(self.ended.outcome, Outcome::Refused(_)) || model.admits(&self.ended.step).is_err()
        {
            // Nothing is moved.
            self.whole();
        } else if self.accepts(&model) && model.migration_begins(task, to, with_charges) {
            self.go(At::Half, model);
        }
    }
}

/// Slots.
impl Parts<'_> {
    /// Slots are taken before it shows who pays for them, and whether they can be charged: others find less meanwhile.
    fn swap_out(&mut self, at: At, pages: Option<Pages>) {
        let takes =
            matches!(self.ended.outcome, Outcome::To(_) | Outcome::Done | Outcome::Refused(Errno::NoMem));
        let mut model = self.model.clone();
        match (at, pages) {
            (At::Slots(pages), _) => {
                model.return_slots(pages);
                Parts { model: &model, ended: self.ended, to: self.to }.whole();
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

/// Faults.
impl Parts<'_> {
    fn fault(&mut self, file: FileId, group: GroupId, huge: bool, at: At) {
        match at {
            At::Before => self.look_up(file, group, huge),
            At::Reading { small, payer } => {
                let mut model = self.admitting();
                if self.may_fail() {
                    let mut failed = model.clone();
                    failed.shmem_read_ends(self.cpu(), None);
                    self.go(At::Stage { small }, failed);
                }
                model.shmem_read_ends(self.cpu(), Some(payer));
                self.go(At::Stage { small }, model);
            }
            At::Stage { small } => {
                let cpu = self.cpu();
                let stage = self.model.open_faults().find(|(of, _)| *of == cpu).map(|(_, stage)| stage);
                if let Some(stage) = stage {
                    self.stage(stage, small, huge);
                }
            }
            _ => {}
        }
    }

    fn cpu(&self) -> CpuId {
        self.ended.step.cpu
    }

    /// Whether an attempt to get a page can have failed: it met a limit, or a failure was injected.
    fn may_fail(&self) -> bool {
        let Ended { step, met_limit, .. } = self.ended;
        *met_limit || matches!(step.fail, Some(fail) if fail != Failure::Trylock)
    }

    fn look_up(&mut self, file: FileId, group: GroupId, huge: bool) {
        let op = Op::Shmem(ShmemOp::Lookup { file, group, huge });
        let step = Step { op, fail: None, ..self.ended.step };
        let mut model = self.admitting();
        if model.admits(&step).is_err() {
            return;
        }
        match model.first(&step) {
            Outcome::Done => {
                model.commit_admitted(&step, Outcome::Done);
                self.go(At::Stage { small: false }, model);
            }
            found if found == self.ended.outcome => self.go(At::Ended, model),
            _ => {}
        }
    }

    fn stage(&mut self, stage: ShmemStage, small: bool, huge: bool) {
        let step = Step { op: Op::Shmem(ShmemOp::Stage(stage)), fail: None, ..self.ended.step };
        let mut model = self.admitting();
        if model.admits(&step).is_err() {
            return;
        }
        let first = model.first(&step);
        let huge = huge && model.fault_tries_huge(step.cpu);
        let no_memory = Outcome::Refused(Errno::NoMem);
        match stage {
            ShmemStage::Finish => {
                let answer = if small && matches!(first, Outcome::Read(_)) { Outcome::Small } else { first };
                model.commit_admitted(&step, first);
                if first == Outcome::Refused(Errno::Exist) {
                    // Somebody has changed the index entry: it looks again.
                    self.go(At::Before, model);
                } else if answer == self.ended.outcome {
                    self.go(At::Ended, model);
                }
            }
            ShmemStage::Charge => {
                // What is cached may serve a charge that does not fit, or fail one that does.
                if let Outcome::To(payer) = first {
                    self.answered(&step, Outcome::To(payer), small);
                } else if let Some((payer, _)) = model.shmem_asks(&step) {
                    self.answered(&step, Outcome::To(payer), small);
                }
                if huge {
                    self.answered(&step, Outcome::Small, true);
                }
                if self.may_fail() || first == no_memory {
                    self.answered(&step, no_memory, small);
                }
            }
            ShmemStage::Insert => {
                let failing = Step { fail: Some(Failure::Insert), ..step };
                if self.ended.step.fail == failing.fail && model.first(&failing) == no_memory {
                    self.answered(&failing, no_memory, small || huge);
                }
                self.answered(&step, first, small);
            }
            ShmemStage::Read => {
                if self.may_fail() || first == no_memory {
                    self.answered(&step, no_memory, small);
                }
                match model.shmem_read_begins(step.cpu) {
                    Some(payer) => self.go(At::Reading { small, payer }, model),
                    None => self.answered(&step, first, small),
                }
            }
            ShmemStage::Lock | ShmemStage::Confirm => self.answered(&step, first, small),
        }
    }

    fn answered(&mut self, step: &Step, answer: Outcome, small: bool) {
        let mut model = self.admitting();
        model.commit_admitted(step, answer);
        self.go(At::Stage { small }, model);
    }
}

/// Holes and reclaim.
impl Parts<'_> {
    fn punch(&mut self, file: FileId, at: At) {
        let mut model = self.admitting();
        match at {
            At::Before => match model.admits(&self.ended.step).ok().and_then(|()| model.shmem_hole(file)) {
                Some(number) => self.go(At::Hole(number), model),
                None => self.whole(),
            },
            At::Hole(number) => {
                let left = model.shmem_unreference(number);
                if left != PunchLeft::Nothing {
                    self.go(At::Unreferenced(number), model);
                } else if self.ended.outcome == Outcome::Done {
                    self.go(At::Ended, model);
                }
            }
            At::Unreferenced(number) => {
                let stranded = self.ended.outcome == Outcome::Stranded;
                let forced = self.ended.step.fail == Some(Failure::Trylock);
                match model.punch_left(number) {
                    // Somebody else has taken it, or uses the slots again.
                    PunchLeft::Nothing => self.go(At::Ended, model),
                    PunchLeft::Held if stranded => self.go(At::Ended, model),
                    PunchLeft::Cached if stranded == forced => {
                        if !stranded {
                            model.shmem_reclaim(number);
                        }
                        self.go(At::Ended, model);
                    }
                    PunchLeft::Held | PunchLeft::Cached => {}
                }
            }
            _ => {}
        }
    }

    /// Page by page, in the order of the slots.
    fn reclaim(&mut self, at: At) {
        let done = match at {
            At::Reclaimed(done) => done,
            _ => None,
        };
        let mut model = self.admitting();
        match model.swap_cached().filter(|number| done.is_none_or(|done| *number > done)).min() {
            Some(number) => {
                model.shmem_reclaim(number);
                self.go(At::Reclaimed(Some(number)), model);
            }
            None => self.go(At::Ended, model),
        }
    }
}

/// Whether an operation may answer this that finds nothing to do, as another one came before it.
fn nothing_to_do(op: &Op, outcome: Outcome) -> bool {
    match op {
        Op::Shmem(
            ShmemOp::Write { .. } | ShmemOp::Written { .. } | ShmemOp::Notify { .. } | ShmemOp::Punch { .. },
        ) => outcome == Outcome::Done,
        Op::Shmem(ShmemOp::Out { .. }) => outcome == Outcome::Refused(Errno::Busy),
        Op::Rmdir { .. } => outcome == Outcome::Refused(Errno::NoDev),
        // Somebody else has moved the process there. Its charges are there too, or belong to others.
        Op::Mm(MmOp::Migrate { .. }) => outcome == Outcome::Done,
        Op::Mm(MmOp::MigrateCharges { .. }) => matches!(outcome, Outcome::Is(_)),
        _ => false,
    }
}
