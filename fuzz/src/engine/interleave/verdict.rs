//! What is checked where an operation of a lane ends, and at the end of all.
//!
//! The model follows the operations in the order in which they end, and the books are those of operations that have
//! ended: what others are in the middle of is subtracted from the machine's words. An object that one of them has
//! changed otherwise than by adding is not looked at before it has ended: then the whole check waits for the next calm
//! moment, and is counted.
//!
//! Once the order of operations is open, see [`super::openness`], the model may be another one than that which explains them:
//! then what a model has to know is judged when all have ended. What the machine itself notices (uses after free, counts below
//! zero, loops that do not end), and limits, are judged at once all the same.
//!
//! One kind of executions is exempt still: in designs whose groups have kmem_caches of their own, operations on caches that
//! overlapped have parts that the search does not know. If it finds no order of those, that is counted as an execution that was
//! not searched.

use super::Interleave;
use super::board::Board;
use super::claims::consumed;
use super::openness::Openness;
use super::order::Explained;
use super::parts::Ended;
use crate::check::{Broken, InFlight, Owner, Thing, World, delegation};
use crate::engine::oops;
use crate::engine::step_laws::{Counted, above_limit};
use crate::engine::witness::Seen;
use crate::tally::Tally;
use crate::trace::Kind;
use crate::violation::Invariant;
use stocktake_impl::{DrainDesign, Label, SlabDesign, What};
use stocktake_model::{
    Errno, Failure, Grade, GroupId, GroupLife, MappedOp, MmOp, Model, Op, Outcome, PageOp, Ran, Reason,
    ShmemOp, SlabOp, Step,
};

impl InFlight for Board {
    fn added(&self, label: Label) -> i64 {
        self.in_flight(label)
    }

    fn maps(&self) -> bool {
        self.maps.get()
    }

    fn disturbs_group(&self, slot: usize) -> bool {
        // Whether the id still holds the group depends on who puts the last reference to it.
        self.replaces(slot, |what| matches!(what, What::MemcgGeneration | What::CssState | What::Id))
            || self.adds(Label::new(What::IdRefs, slot))
    }

    fn disturbs_objcg(&self, slot: usize, last: bool) -> bool {
        self.replaces(slot, |what| {
            matches!(what, What::ObjcgGeneration | What::ObjcgMemcg | What::ObjcgPlace | What::ObjcgRefMode)
        }) || last && self.adds(Label::new(What::ObjcgRefs, slot))
    }
}

impl Interleave {
    /// An operation has ended with this answer: grade it, and let model and books follow.
    pub(super) fn judge(
        &mut self,
        lane: usize,
        index: usize,
        step: &Step,
        observed: Outcome,
        tally: &mut Tally,
    ) -> Result<(), Box<Broken>> {
        tally.steps += 1;
        let item_taken = self.item_taken(lane, observed);
        let core = &mut self.core;
        core.model.hold(named_groups(step));
        let first = core.model.first(step);
        let seen = Seen::new(core, step, first, observed);
        let own_stock = seen.served_from_stock();
        let flight = self.shared.board.flights[lane].borrow();
        let above = flight.limits.above().filter(|_| !own_stock && is_charge(step, observed));
        let refusal_seen = flight.limits.explains(step, observed);
        let met_limit = flight.limits.last_refused.is_some();
        // It was within each limit when it added to that level, though never within all of them at once. Whom it charges
        // is another question.
        let within = above.is_none() && is_charge(step, observed) && pays(&core.model, step, observed);
        let mut grade = match observed == first {
            true => Grade::Exact,
            false => core.model.grade(step, &seen, observed),
        };
        if grade == Grade::Violation && (within || item_taken) {
            grade = Grade::Exact;
        }
        if grade == Grade::Violation && refusal_seen {
            grade = match flight.limits.last_refused {
                // Swap is not cached in stocks.
                Some(refused)
                    if refused.usage - refused.others > refused.max && refused.of.what != What::SwapUsage =>
                {
                    Grade::Divergent(Reason::RemoteStock)
                }
                Some(_) if observed == Outcome::Refused(Errno::NoMem) => {
                    Grade::Divergent(Reason::FalseLockOut)
                }
                // It found another one at work on what it asked for, or fell back to less.
                _ => Grade::Exact,
            };
        }
        if observed == Outcome::Refused(Errno::NoMem)
            && core.machine.config().design.drain == DrainDesign::Wait
            && self
                .shared
                .board
                .awaited_drains(lane)
                .iter()
                .any(|cpu| core.machine.cpu_online(cpu) && !core.machine.cpu_isolated(cpu))
            && core.checks.has(Invariant::I16)
        {
            return Err(Broken::new(
                Invariant::I16,
                "premature",
                Thing::Step,
                "no refusal before the drains that it has asked for have run",
                "ENOMEM",
                String::from("in this design a charge waits for them, and then tries once more"),
            ));
        }
        let escaped = delegation(&core.model, core.checks, step, observed).err();
        let refuted = match (grade, first, observed) {
            (Grade::Violation, Outcome::Read(expected), Outcome::Read(found)) => {
                Some(core.content(step, expected, found))
            }
            (Grade::Violation, ..) => Some(oops::outcome(observed, core.model.allowed(step, &seen))),
            _ => None,
        };
        core.count(tally, step, observed, grade);
        drop(flight);
        self.keep_step(index, Some((observed, first, grade)));
        self.notice_overlaps(lane, step);
        if let Some(broken) = escaped.or(refuted) {
            if never_answered(step, observed) {
                return Err(broken);
            }
            self.order.refute(index, broken);
        }
        if self.overlapped(lane, |_| true) {
            self.overlaps = true;
            self.order.overlap();
            let caches = self.core.machine.config().design.slab != SlabDesign::Objcg;
            if caches && (concerns_caches(&step.op) || self.overlapped(lane, concerns_caches)) {
                self.obscure = true;
                self.order.doubt();
            }
        }
        if self.overlapped(lane, |op| leaves_open(&step.op, op)) {
            self.order.doubt();
        }
        // What was cached when it ended is not known to the search.
        let by_stocks = matches!(
            grade,
            Grade::Divergent(Reason::RemoteStock | Reason::StockHitOverMax | Reason::FalseLockOut)
        );
        let member = &self.crew[lane];
        self.outcomes.push(Ended {
            index,
            step: *step,
            outcome: observed,
            evident: refusal_seen || by_stocks || above.is_none() && is_plain_charge(step, observed),
            met_limit,
            version: member.version,
            slot: match (step.op, observed) {
                (Op::Shmem(ShmemOp::Out { .. }), Outcome::To(_) | Outcome::Done) => {
                    member.bindings.swapped_to
                }
                (Op::Shmem(ShmemOp::Reclaim), _) => member.bindings.reclaimed,
                _ => None,
            },
            from: match step.op {
                Op::Mapped(MappedOp::MovePage { .. }) => member.bindings.moves_from,
                _ => None,
            },
            began: member.began,
        });
        let version = member.version;
        let core = &mut self.core;
        core.touch_operands(step, observed);
        let writes = version.filter(|_| core.model.admits(step).is_ok());
        core.model.commit(step, observed);
        if let (Op::Shmem(ShmemOp::Write { file }), Some(version)) = (step.op, writes) {
            core.model.shmem_wrote(file, version);
        }
        core.model.hold([]);
        core.books.touch_labels(self.shared.board.flights[lane].borrow().written());
        core.notice_offlined(step, observed, tally);
        core.notice_shmem(step, observed);
        if let Some(refused) = above
            && core.checks.has(Invariant::I10)
        {
            let group = core.books.group_at(refused.of.index as usize);
            let counted = match refused.of.what {
                What::MemswUsage => Counted::MemoryAndSwap,
                What::KmemUsage => Counted::KernelMemory,
                _ => Counted::Memory,
            };
            return Err(above_limit(counted, group, refused.usage, refused.max));
        }
        let other = match step.op {
            Op::CpuDown { target } | Op::CpuUp { target } => target.index(),
            _ => step.cpu.index(),
        };
        for id in [step.cpu.index(), other] {
            if self.crew[id].busy.is_none() {
                let core = &mut self.core;
                core.books.look_at_cpu(&core.machine, &core.model, &core.cpus[id])?;
            }
        }
        Ok(())
    }

    /// Whether queued work answered what it may while others were in the middle of running, or queueing, the items that the
    /// model holds for due. None of these answers changes the model.
    fn item_taken(&self, lane: usize, observed: Outcome) -> bool {
        let Outcome::Ran(ran) = observed else { return false };
        let model = &self.core.model;
        let handles = |op: &Op| matches!(op, Op::Work | Op::Rmdir { .. } | Op::Slab(_));
        match ran {
            Ran::Nothing => self.count_overlapped(lane, handles) >= model.offlining().len(),
            Ran::Release(group) => {
                model.life(group) == Some(GroupLife::Dying)
                    || model.life(group) == Some(GroupLife::Offlining) && self.overlapped(lane, handles)
            }
            Ran::Drain | Ran::Cache => true,
            Ran::Offline(_) | Ran::Create(_) => false,
        }
    }

    /// Whether something is stranded that the model does not know of: it is paid for until the swap cache is reclaimed.
    fn strands(&self) -> bool {
        let core = &self.core;
        core.model.shmem_used() && core.machine.stranded_slots().count() != core.model.stranded().count()
    }

    /// Whether a lane is in the middle of an operation on files of shmem.
    fn shmem_overlaps(&self) -> bool {
        self.crew.iter().any(|member| member.busy.is_some_and(|(_, step)| matches!(step.op, Op::Shmem(_))))
    }

    /// Whether such an operation of another lane was under way at the same time as the one that the lane has ended.
    fn overlapped(&self, lane: usize, of: impl Fn(&Op) -> bool) -> bool {
        let ended = self.outcomes[self.crew[lane].began..].iter().any(|ended| of(&ended.step.op));
        ended || self.crew.iter().any(|member| member.busy.is_some_and(|(_, step)| of(&step.op)))
    }

    fn count_overlapped(&self, lane: usize, of: impl Fn(&Op) -> bool) -> usize {
        let ended = self.outcomes[self.crew[lane].began..].iter().filter(|ended| of(&ended.step.op)).count();
        let under_way = self.crew.iter().filter_map(|member| member.busy);
        ended + under_way.filter(|(_, step)| of(&step.op)).count()
    }

    /// Check what has been touched, unless an operation under way is in the middle of changing it.
    pub(super) fn check_calm(
        &mut self,
        lane: usize,
        step: &Step,
        observed: Outcome,
        tally: &mut Tally,
    ) -> Result<(), Box<Broken>> {
        // The operation itself has been entered among those that have ended, as the last.
        let alone = self.crew[lane].began + 1 == self.outcomes.len()
            && self.crew.iter().all(|member| member.busy.is_none());
        let swap_is_calm = swaps(&step.op)
            && !self.crew.iter().filter_map(|member| member.busy).any(|(_, step)| swaps(&step.op));
        let board = &self.shared.board;
        let mut under_way = self.crew.iter().filter_map(|member| member.busy);
        board.maps.set(under_way.any(|(_, step)| maps(&step.op)));
        let elsewhere = |what: What| !matches!(Owner::of(what), Owner::Group | Owner::Objcg);
        let disturbed = board
            .flights
            .iter()
            .any(|flight| flight.borrow().replaced().iter().any(|label| elsewhere(label.what)));
        if disturbed
            || self.order.is_open()
            || self.shmem_overlaps()
            || self.strands()
            || self.crew.iter().any(|member| member.interrupted && member.busy.is_some())
            || board.holds(What::CacheSlabs)
            // Whose ids the slots record cannot be looked up then.
            || swap_is_calm && board.holds(What::IdTable)
            || self.core.books.is_disturbed(&self.core.machine, board)
        {
            tally.deferred += 1;
            return Ok(());
        }
        let core = &mut self.core;
        let mut world = World {
            machine: &core.machine,
            model: &mut core.model,
            checks: core.checks,
            flight: Some(board),
        };
        core.books.check_touched(&mut world)?;
        if swap_is_calm {
            world.check_slots()?;
        }
        if alone { core.check_alone(step, observed) } else { Ok(()) }
    }

    /// Bring everything to rest. Faults that were begun before the lanes, and no lane has ended, are judged with the
    /// operations of lanes if those have overlapped.
    fn come_to_rest(&mut self, end: usize) -> Result<(), Box<Broken>> {
        if !self.overlaps {
            return self.core.come_to_rest(end);
        }
        self.core.env.begin(end, None);
        self.core.end_halves();
        let (answers, reclaimed) = self.core.end_shmem_unjudged(end);
        for (step, outcome) in answers {
            self.outcomes.push(Ended::alone(end, step, outcome, self.outcomes.len()));
        }
        let settled = self.core.settle(end);
        reclaimed.and(settled)
    }

    /// Bring the machine to rest and compare everything: with the model that followed the operations as they ended, or
    /// else with those that follow them in other orders.
    pub(super) fn finish(&mut self, end: usize, tally: &mut Tally) -> Result<(), (usize, Box<Broken>)> {
        if !self.checked {
            return Ok(());
        }
        let at_end = |broken| (end, broken);
        // On the way to rest the books follow a model that may be of another order: then only what the machine notices
        // itself counts, and what is left in the swap cache after reclaim, whoever has left it there.
        let rested = match self.come_to_rest(end) {
            Err(broken)
                if matches!(
                    broken.invariant,
                    Invariant::I3 | Invariant::I8 | Invariant::I12 | Invariant::I13
                ) =>
            {
                return Err(at_end(broken));
            }
            rested => rested,
        };
        let found = match std::mem::take(&mut self.order) {
            Openness::Refuted(index, broken) => Err((index, broken)),
            _ => rested.and_then(|()| self.core.compare_at_rest()).map_err(at_end),
        };
        match found {
            Err(broken) if self.overlaps => match self.search_orders(tally) {
                Explained::Yes | Explained::Unknown => Ok(()),
                Explained::No(_) | Explained::NotAtRest(..) if self.obscure => {
                    tally.excused += 1;
                    Ok(())
                }
                Explained::No(deepest) => Err(self.blame(broken, deepest)),
                Explained::NotAtRest(broken, models) => Err(at_end(self.least_broken(broken, &models))),
            },
            found => found,
        }
    }
}

/// The groups that an operation names.
pub(in crate::engine) fn named_groups(step: &Step) -> Vec<GroupId> {
    use crate::program::Action;
    use crate::trace::{Role, visit};
    let mut groups = Vec::new();
    visit(&mut Action::Op(*step), |role, kind, n| {
        if role == Role::Use && kind == Kind::Group {
            groups.push(GroupId(*n));
        }
    });
    groups
}

/// Whether of two operations that overlapped the order shows only in what they leave behind: in which group a task is that
/// is forked, which page a file has, who pays for one that is read, whether what is being freed, swapped or moved had moved
/// with its mm before.
fn leaves_open(one: &Op, other: &Op) -> bool {
    let file = |op: &Op| matches!(op, Op::Shmem(_));
    let removes = |op: &Op| matches!(op, Op::Rmdir { .. } | Op::Work);
    let moves = |op: &Op| matches!(op, Op::Mm(MmOp::MigrateCharges { .. }));
    let takes = |op: &Op| {
        matches!(consumed(op), Some(Kind::Charge | Kind::Slot))
            || matches!(op, Op::Mapped(MappedOp::MovePage { .. } | MappedOp::ForceEmpty { .. }))
    };
    matches!((one, other), (Op::Mm(_), Op::Mm(_)))
        || moves(one) && takes(other)
        || takes(one) && moves(other)
        || file(one) && (file(other) || removes(other))
        || removes(one) && file(other)
}

/// Whether no order of whatever overlaps makes an operation answer this: a fault that finds the index changed looks again.
fn never_answered(step: &Step, observed: Outcome) -> bool {
    let changed = matches!(observed, Outcome::Refused(Errno::NoEnt | Errno::Exist));
    matches!(step.op, Op::Shmem(ShmemOp::Fault { .. })) && changed
}

/// Whether an operation makes, reparents or ends the kmem_caches of groups, where groups have some: work that it queues
/// or finds decides what others do, and is not told by its answer.
fn concerns_caches(op: &Op) -> bool {
    matches!(op, Op::Slab(_) | Op::Rmdir { .. } | Op::Work | Op::Grace)
}

/// Whether an operation takes or frees swap slots, or changes their records.
fn swaps(op: &Op) -> bool {
    matches!(
        op,
        Op::SwapOut { .. }
            | Op::SwapIn { .. }
            | Op::SwapFree { .. }
            | Op::Shmem(_)
            | Op::Mm(MmOp::MigrateCharges { .. })
    )
}

/// Whether an operation changes a page's mapcount, or a statistic.
fn maps(op: &Op) -> bool {
    matches!(
        op,
        Op::Mapped(_)
            | Op::Uncharge { .. }
            | Op::SwapOut { .. }
            | Op::Mm(MmOp::Event { .. } | MmOp::MigrateCharges { .. })
    )
}

/// Whether a step is a charge that was not forced and has succeeded.
fn is_charge(step: &Step, observed: Outcome) -> bool {
    is_plain_charge(step, observed)
        || matches!(
            (step.op, observed),
            (
                Op::SwapIn { .. }
                    | Op::Mm(MmOp::Charge { .. } | MmOp::Socket { .. })
                    | Op::Slab(SlabOp::Alloc { .. }),
                Outcome::To(_)
            )
        )
}

/// The same of one whose answer does not say who pays.
fn is_plain_charge(step: &Step, observed: Outcome) -> bool {
    match step.op {
        Op::Charge { force, .. } => !force && observed == Outcome::Done,
        Op::ObjCharge { force, .. } => !force && observed == Outcome::Done,
        Op::Mapped(MappedOp::MovePage { .. }) => observed == Outcome::Done,
        // What moves is found before it is charged, and may be another thing when it ends.
        Op::Mm(MmOp::MigrateCharges { .. }) => observed == Outcome::Is(true),
        // It was charged before somebody else was found in its place.
        Op::Page(PageOp::Anon { .. }) if step.fail == Some(Failure::Insert) => {
            observed == Outcome::Refused(Errno::Exist)
        }
        Op::Page(PageOp::File { .. } | PageOp::Anon { .. }) => observed == Outcome::Done,
        _ => false,
    }
}

/// Whether the group that an answer names may pay, and charges may move as it says.
fn pays(model: &Model, step: &Step, observed: Outcome) -> bool {
    match (step.op, observed) {
        (Op::Mm(MmOp::MigrateCharges { task, .. }), Outcome::Is(moved)) => {
            model.migration_may_answer(task, moved)
        }
        (_, Outcome::To(payer)) => model.pays(step, payer),
        _ => true,
    }
}
