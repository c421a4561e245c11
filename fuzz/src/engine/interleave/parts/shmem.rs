//! The parts of operations on files and the swap cache.
//!
//! Whoever does anything with a page takes a reference to it, takes its lock or only tries to, does it, and gives back first the
//! lock and then the reference; each of these is a part, since others meet it: a lock that is only tried is lost to
//! whoever has it just then, and reclaim leaves a page in the swap cache that somebody has a reference to. A fault is
//! in its stages, and the read of a page and the end of a fault in parts of those.

use super::Parts;
use stocktake_model::{
    CpuId, Errno, Failure, FileId, GroupId, Model, Op, Outcome, ShmemIndex, ShmemOp, ShmemPage, ShmemStage,
    Step,
};

/// How far such an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in super::super) enum At {
    /// It has a reference to the page that an index has.
    Got(ShmemPage),
    /// And its lock.
    Locked(ShmemPage),
    /// A page is swapped out, and the slots are taken for it.
    Taken(ShmemPage),
    /// It has a reference to the page that the swap cache has for these slots.
    Cached(u32, ShmemPage),
    /// And its lock.
    CachedLocked(u32, ShmemPage),
    /// It has written the page, to whose slots an index entry led or did not.
    WrittenOut { number: u32, page: ShmemPage, referenced: bool },
    /// It has done what it does with a page, and gives back lock and reference.
    Unlocking(ShmemPage, Then),
    /// And now the reference.
    Putting(ShmemPage, Then),
    /// A punch has emptied the index entry that led to these slots.
    Hole(u32),
    /// It has given them back.
    Unreferenced(u32),
    /// A reclaim of the swap cache has dealt with all slots below this one.
    Reclaiming(u32),
    /// A fault is in the stage that the model knows. `small`: a small page has taken the place of a huge one.
    Stage { small: bool },
    /// It reads its page, and does not know who pays.
    Reading { small: bool },
    /// It has a page, whether in the swap cache or not yet, which it charges this group.
    Paying { small: bool, payer: GroupId },
    /// Its page is in the index, and no longer in the swap cache.
    LeftSwapCache { small: bool, number: u32 },
    /// Its page is in the index, and nothing of swap is its business any more.
    Inserted { small: bool },
    /// It knows what it answers, or that it has to look again.
    Decided(Then),
    /// And its page is not locked any more.
    Unlocked(Then),
}

/// What comes after a page has been let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in super::super) enum Then {
    /// The end.
    End,
    /// It looks at the index again.
    Again,
    /// The slots from this one on.
    From(u32),
}

const NO_MEMORY: Outcome = Outcome::Refused(Errno::NoMem);
const BUSY: Outcome = Outcome::Refused(Errno::Busy);

impl Parts<'_> {
    pub(super) fn shmem(&mut self, op: ShmemOp, at: super::At) {
        let at = match at {
            super::At::Shmem(at) => at,
            _ => return self.begin(op),
        };
        match (at, op) {
            (At::Unlocking(page, then), _) => self.unlock(page, then),
            (At::Putting(page, then), _) => self.put(page, then, self.admitting()),
            (At::Cached(number, page), _) => self.lock_cached(op, number, page),
            (At::CachedLocked(number, page), ShmemOp::Punch { .. }) => self.free_swap(number, page),
            (At::CachedLocked(number, page), _) => self.write_out(number, page),
            (At::WrittenOut { number, page, referenced }, _) => self.take_out(number, page, referenced),
            (At::Hole(number), _) => self.unreference(number),
            (At::Unreferenced(number), _) => self.look_up_cached(number),
            (At::Reclaiming(from), _) => self.reclaim(from),
            (At::Got(page), _) => self.lock(op, page),
            (At::Locked(page), ShmemOp::Fault { file, .. }) => self.content(file, page),
            (At::Locked(page), ShmemOp::Punch { file }) => self.empty(file, page),
            (At::Locked(page), ShmemOp::Out { file }) => self.take_slots(file, page),
            (At::Taken(page), ShmemOp::Out { file }) => self.swap_page_out(file, page),
            (At::Stage { small }, ShmemOp::Fault { huge, .. }) => self.fault(small, huge),
            (At::Reading { small }, _) => self.reading(small),
            (At::Paying { small, payer }, _) => self.paying(small, payer),
            (At::LeftSwapCache { small, number }, _) => self.give_slots(small, number),
            (At::Inserted { small }, _) => self.decide(small),
            (At::Decided(then), _) => self.unlock_fault(then),
            (At::Unlocked(then), _) => self.end_fault(then, self.admitting()),
            _ => {}
        }
    }

    fn on(&mut self, at: At, model: Model) {
        self.go(super::At::Shmem(at), model);
    }

    fn then(&mut self, then: Then, model: Model) {
        match then {
            Then::End => self.go(super::At::Ended, model),
            Then::Again => self.go(super::At::Before, model),
            Then::From(number) => self.on(At::Reclaiming(number), model),
        }
    }

    /// It ends, if that is what it answered.
    fn ends_with(&mut self, answer: Outcome, model: Model) {
        if answer == self.ended.outcome {
            self.go(super::At::Ended, model);
        }
    }

    /// The same when it has given back the page that it has locked.
    fn unlocks_with(&mut self, answer: Outcome, page: ShmemPage, model: Model) {
        if answer == self.ended.outcome {
            self.on(At::Unlocking(page, Then::End), model);
        }
    }

    fn begin(&mut self, op: ShmemOp) {
        let mut model = self.admitting();
        let (file, if_hole) = match op {
            ShmemOp::Fault { file, group, huge } => match model.shmem_index(file) {
                ShmemIndex::Page(_) => (file, None),
                ShmemIndex::Hole | ShmemIndex::Swap(_) => return self.look_up(file, group, huge),
            },
            ShmemOp::Punch { file } => (file, Some(Outcome::Done)),
            ShmemOp::Out { file } => (file, Some(BUSY)),
            _ if self.ended.step.fail == Some(Failure::Trylock) => return self.whole(),
            _ => return self.reclaim(0),
        };
        match (model.shmem_index(file), if_hole) {
            (ShmemIndex::Page(page), _) => {
                model.shmem_get(page);
                self.on(At::Got(page), model);
            }
            (ShmemIndex::Swap(_), Some(Outcome::Done)) => {
                if let Some(number) = model.shmem_hole(file) {
                    self.on(At::Hole(number), model);
                }
            }
            (_, Some(answer)) => self.ends_with(answer, model),
            (_, None) => {}
        }
    }

    fn unlock(&mut self, page: ShmemPage, then: Then) {
        let mut model = self.admitting();
        model.shmem_unlock(page);
        if self.context.references_count {
            self.on(At::Putting(page, then), model);
        } else {
            self.put(page, then, model);
        }
    }

    fn put(&mut self, page: ShmemPage, then: Then, mut model: Model) {
        model.shmem_put(page);
        self.then(then, model);
    }

    /// The lock of a page that an index has: it is waited for, or only tried.
    fn lock(&mut self, op: ShmemOp, page: ShmemPage) {
        let mut model = self.admitting();
        let tries = matches!(op, ShmemOp::Out { .. });
        if tries && self.ended.step.fail == Some(Failure::Trylock) || !model.shmem_trylock(page) {
            if tries && self.ended.outcome == BUSY {
                self.on(At::Putting(page, Then::End), self.admitting());
            }
            return;
        }
        self.on(At::Locked(page), model);
    }

    /// A fault finds a page.
    fn content(&mut self, file: FileId, page: ShmemPage) {
        let model = self.admitting();
        match model.shmem_index(file) == ShmemIndex::Page(page) {
            true => self.unlocks_with(Outcome::Read(model.shmem_version(file)), page, model),
            false => self.on(At::Unlocking(page, Then::Again), model),
        }
    }

    /// A punch finds a page.
    fn empty(&mut self, file: FileId, page: ShmemPage) {
        let mut model = self.admitting();
        if model.shmem_index(file) == ShmemIndex::Page(page) {
            model.shmem_hole(file);
            self.unlocks_with(Outcome::Done, page, model);
        } else {
            self.on(At::Unlocking(page, Then::Again), model);
        }
    }
}

/// Pages of the swap cache.
impl Parts<'_> {
    fn unreference(&mut self, number: u32) {
        let mut model = self.admitting();
        match model.shmem_unreference(number) {
            true => self.on(At::Unreferenced(number), model),
            false => self.ends_with(Outcome::Done, model),
        }
    }

    /// A punch looks for the page of slots that it has given back. By now the swap cache may have none any more, or, as
    /// the slots are used again, that of another file.
    fn look_up_cached(&mut self, number: u32) {
        let mut model = self.admitting();
        match model.shmem_cached(number) {
            Some(page) => {
                model.shmem_get(page);
                self.on(At::Cached(number, page), model);
            }
            None => self.ends_with(Outcome::Stranded, model),
        }
    }

    fn lock_cached(&mut self, op: ShmemOp, number: u32, page: ShmemPage) {
        let mut model = self.admitting();
        let punches = matches!(op, ShmemOp::Punch { .. });
        let fails = punches && self.ended.step.fail == Some(Failure::Trylock);
        if !fails && model.shmem_trylock(page) {
            return self.on(At::CachedLocked(number, page), model);
        }
        let waits = punches && !fails && model.shmem_punch_waits();
        if !waits && (!punches || self.ended.outcome == Outcome::Stranded) {
            let then = if punches { Then::End } else { Then::From(number + 1) };
            self.on(At::Putting(page, then), self.admitting());
        }
    }

    fn free_swap(&mut self, number: u32, page: ShmemPage) {
        let mut model = self.admitting();
        let answer = if model.shmem_free_swap(number, page) { Outcome::Done } else { Outcome::Stranded };
        self.unlocks_with(answer, page, model);
    }

    /// Slot by slot, as far as slots had been used when it began.
    fn reclaim(&mut self, from: u32) {
        let mut model = self.admitting();
        let below = self.ended.slot.unwrap_or(u32::MAX);
        let next = self.context.slots.iter().find(|&&number| number >= from && number < below);
        match next.map(|&number| (number, model.shmem_cached(number))) {
            None => self.ends_with(Outcome::Done, model),
            Some((number, None)) => self.on(At::Reclaiming(number + 1), model),
            Some((number, Some(page))) => {
                model.shmem_get(page);
                self.on(At::Cached(number, page), model);
            }
        }
    }

    fn write_out(&mut self, number: u32, page: ShmemPage) {
        let mut model = self.admitting();
        if model.shmem_cached(number) == Some(page) {
            let referenced = model.shmem_write_out(number, page);
            self.on(At::WrittenOut { number, page, referenced }, model);
        } else {
            self.on(At::Unlocking(page, Then::From(number + 1)), model);
        }
    }

    fn take_out(&mut self, number: u32, page: ShmemPage, referenced: bool) {
        let mut model = self.admitting();
        model.shmem_take_out(number, page, referenced);
        self.on(At::Unlocking(page, Then::From(number + 1)), model);
    }

    /// The page that is to be swapped out is locked: slots are taken before it shows who pays for them, and whether they can
    /// be charged.
    fn take_slots(&mut self, file: FileId, page: ShmemPage) {
        let mut model = self.admitting();
        if model.shmem_index(file) != ShmemIndex::Page(page) {
            return self.unlocks_with(BUSY, page, model);
        }
        if model.reserve_slots(model.shmem_size(page)) {
            if !matches!(self.ended.outcome, BUSY | Outcome::Refused(Errno::NoSpace)) {
                self.on(At::Taken(page), model);
            }
        } else {
            self.unlocks_with(Outcome::Refused(Errno::NoSpace), page, model);
        }
    }

    fn swap_page_out(&mut self, file: FileId, page: ShmemPage) {
        let mut model = self.admitting();
        model.return_slots(model.shmem_size(page));
        // It is its own lock that the page has.
        model.shmem_unlock(page);
        if !self.accepts(&model) {
            return;
        }
        model.commit(&self.ended.step, self.ended.outcome);
        model.shmem_trylock(page);
        if self.ended.slot.is_none_or(|slot| model.swapped_to(file, slot)) {
            self.on(At::Unlocking(page, Then::End), model);
        }
    }
}

/// Faults.
impl Parts<'_> {
    fn cpu(&self) -> CpuId {
        self.ended.step.cpu
    }

    /// Whether an attempt to get a page can have failed: it met a limit, or a failure was injected.
    fn may_fail(&self) -> bool {
        self.ended.met_limit || self.injected()
    }

    fn injected(&self) -> bool {
        matches!(self.ended.step.fail, Some(fail) if fail != Failure::Trylock)
    }

    fn stage_of(&self, stage: ShmemStage) -> Step {
        Step { op: Op::Shmem(ShmemOp::Stage(stage)), fail: None, ..self.ended.step }
    }

    /// It does not find a page.
    fn look_up(&mut self, file: FileId, group: GroupId, huge: bool) {
        let step =
            Step { op: Op::Shmem(ShmemOp::Lookup { file, group, huge }), fail: None, ..self.ended.step };
        let mut model = self.admitting();
        if model.admits(&step).is_ok() {
            model.commit_admitted(&step, Outcome::Done);
            self.on(At::Stage { small: false }, model);
        }
    }

    fn fault(&mut self, small: bool, huge: bool) {
        let cpu = self.cpu();
        let next = self.model.open_faults().find(|(of, _)| *of == cpu).map(|(_, stage)| stage);
        let Some(stage) = next else { return };
        let step = self.stage_of(stage);
        let mut model = self.admitting();
        if model.admits(&step).is_err() {
            return;
        }
        let first = model.first(&step);
        let huge = huge && model.fault_tries_huge(cpu);
        match stage {
            ShmemStage::Read => self.read(small),
            ShmemStage::Lock | ShmemStage::Confirm => self.answered(&step, first, small),
            ShmemStage::Charge => match model.shmem_asks(&step) {
                Some((payer, _)) if !huge => {
                    self.on(At::Paying { small, payer }, model);
                }
                asks => {
                    if let Outcome::To(payer) = first {
                        self.answered(&step, Outcome::To(payer), small);
                    } else if let Some((payer, _)) = asks {
                        self.answered(&step, Outcome::To(payer), small);
                    }
                    if huge {
                        self.answered(&step, Outcome::Small, true);
                    }
                    if asks.is_some() && (self.may_fail() || first == NO_MEMORY) {
                        self.answered(&step, NO_MEMORY, small);
                    }
                }
            },
            ShmemStage::Insert => {
                let failing = Step { fail: Some(Failure::Insert), ..step };
                if self.ended.step.fail == failing.fail && model.first(&failing) == NO_MEMORY {
                    self.answered(&failing, NO_MEMORY, small || huge);
                }
                self.answered(&step, first, small);
            }
            ShmemStage::Finish => match model.shmem_leaves_swap_cache(cpu) {
                Some(number) => self.on(At::LeftSwapCache { small, number }, model),
                None => self.decide(small),
            },
        }
    }

    fn answered(&mut self, step: &Step, answer: Outcome, small: bool) {
        let mut model = self.admitting();
        model.commit_admitted(step, answer);
        if step.op == Op::Shmem(ShmemOp::Stage(ShmemStage::Insert))
            && answer == Outcome::Refused(Errno::Exist)
        {
            model.shmem_uninserted(step.cpu);
        }
        self.on(At::Stage { small }, model);
    }

    fn read(&mut self, small: bool) {
        let step = self.stage_of(ShmemStage::Read);
        let (cached, referenced) = self.model.shmem_read_finds(self.cpu());
        if cached {
            self.answered(&step, Outcome::Done, small);
        }
        // Whoever finds no page asks for the count a moment later.
        if !referenced {
            self.answered(&step, Outcome::Refused(Errno::Exist), small);
        }
        let mut model = self.admitting();
        if model.shmem_read_begins(self.cpu()) {
            if self.injected() {
                self.answered(&step, NO_MEMORY, small);
            }
            self.on(At::Reading { small }, model);
        }
    }

    fn reading(&mut self, small: bool) {
        let mut model = self.admitting();
        if let Some(payer) = model.shmem_read_payer(self.cpu()) {
            return self.on(At::Paying { small, payer }, model);
        }
        if self.injected() {
            let mut failed = model.clone();
            failed.shmem_read_ends(self.cpu(), Err(Errno::NoMem));
            self.on(At::Stage { small }, failed);
        }
        model.shmem_read_ends(self.cpu(), Ok(None));
        self.on(At::Stage { small }, model);
    }

    /// What is cached may serve a charge that does not fit, or fail one that does.
    fn paying(&mut self, small: bool, payer: GroupId) {
        let step = self.stage_of(ShmemStage::Charge);
        let mut model = self.admitting();
        if model.admits(&step).is_ok() {
            let first = model.first(&step);
            self.answered(&step, Outcome::To(payer), small);
            if self.may_fail() || first == NO_MEMORY {
                self.answered(&step, NO_MEMORY, small);
            }
            return;
        }
        if self.may_fail() {
            let mut failed = model.clone();
            failed.shmem_read_ends(self.cpu(), Err(Errno::NoMem));
            self.on(At::Stage { small }, failed);
        }
        model.shmem_read_ends(self.cpu(), Ok(Some(payer)));
        self.on(At::Stage { small }, model);
    }

    fn give_slots(&mut self, small: bool, number: u32) {
        let mut model = self.admitting();
        model.shmem_unreference(number);
        self.on(At::Inserted { small }, model);
    }

    /// What it answers; or the index entry has changed, and it looks again.
    fn decide(&mut self, small: bool) {
        let step = self.stage_of(ShmemStage::Finish);
        let model = self.admitting();
        let first = model.first(&step);
        let answer = if small && matches!(first, Outcome::Read(_)) { Outcome::Small } else { first };
        let then = match first {
            Outcome::Refused(Errno::Exist) => Then::Again,
            _ if answer == self.ended.outcome => Then::End,
            _ => return,
        };
        self.on(At::Decided(then), model);
    }

    fn unlock_fault(&mut self, then: Then) {
        let mut model = self.admitting();
        model.shmem_fault_unlocks(self.cpu());
        if self.context.references_count {
            self.on(At::Unlocked(then), model);
        } else {
            self.end_fault(then, model);
        }
    }

    fn end_fault(&mut self, then: Then, mut model: Model) {
        let step = self.stage_of(ShmemStage::Finish);
        let answer = model.first(&step);
        model.commit_admitted(&step, answer);
        self.then(then, model);
    }
}
