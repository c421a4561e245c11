//! What is checked where an operation of a lane ends, and at the end of all.
//!
//! The model follows the operations in the order in which they end, and the books are those of operations that have
//! ended: what others are in the middle of is subtracted from the machine's words. An object that one of them has
//! changed otherwise than by adding is not looked at before it has ended: then the whole check waits for the next calm
//! moment, and is counted.
//!
//! Where operations on tasks, files, pages with a fall-back or the kmem_caches of groups have overlapped with others,
//! books and orders are not judged: they decide in the middle whom they charge, and often more than once. What the
//! machine itself notices (uses after free, counts below zero, loops that do not end) is judged there too, and so are
//! limits. Such executions are counted as ones whose order was not searched. The stages of a fault on a file, and the halves of fork, exec and
//! exit, are operations of their own in the lockstep engine, which judges them in every order.

use super::board::Board;
use super::{Ended, Interleave};
use crate::check::{Broken, InFlight, Thing, World, delegation};
use crate::engine::oops;
use crate::engine::witness::Seen;
use crate::tally::Tally;
use crate::violation::Invariant;
use stocktake_impl::{DrainDesign, Label, SlabDesign, What};
use stocktake_model::{Errno, Grade, GroupId, Op, Outcome, Reason, SlabOp, Step};

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
        // Whoever had the page locked was in the middle of an operation.
        let stranded =
            observed == Outcome::Stranded && self.overlapped(lane, |op| matches!(op, Op::Shmem(_)));
        // So had whoever is not waited for.
        let locked = observed == Outcome::Refused(Errno::Busy)
            && matches!(step.op, Op::Shmem(_))
            && self.overlapped(lane, |op| matches!(op, Op::Shmem(_)));
        // So are swap slots that somebody takes and gives back, as the limit refuses them.
        let slots_out = observed == Outcome::Refused(Errno::NoSpace)
            && self.overlapped(lane, |op| matches!(op, Op::SwapOut { .. } | Op::Shmem(_)));
        let excused = self.excuses(lane, observed);
        let core = &mut self.core;
        core.model.hold(named_groups(step));
        let first = core.model.first(step);
        let seen = Seen::new(core, step, first, observed);
        let own_stock = seen.served_from_stock();
        let flight = self.shared.board.flights[lane].borrow();
        let above = flight.limits.above().filter(|_| !own_stock && is_charge(step, observed));
        let evident = flight.limits.explains(step, observed)
            || above.is_none() && is_charge(step, observed)
            || stranded
            || slots_out
            || locked;
        // Whose objcg an allocation takes, and where that leads when it charges, are two looks: if a removal came between
        // them, no limit of the group stands in its way. Which order that was is for the search to find.
        let reparented =
            matches!(step.op, Op::Slab(SlabOp::Alloc { group, .. }) if observed == Outcome::To(group));
        let mut grade = match observed == first {
            true => Grade::Exact,
            false => core.model.allowed(step, &seen).grade(observed),
        };
        if grade == Grade::Violation && stranded {
            grade = Grade::Divergent(Reason::Stranded);
        }
        if grade == Grade::Violation && evident {
            grade = match flight.limits.last_refused {
                Some(refused) if refused.usage - refused.others > refused.max => {
                    Grade::Divergent(Reason::RemoteStock)
                }
                _ if slots_out => Grade::Divergent(Reason::FalseLockOut),
                Some(_) if matches!(observed, Outcome::Refused(Errno::NoMem)) => {
                    Grade::Divergent(Reason::FalseLockOut)
                }
                // It was within each limit when it added to that level, though never within all of them at once;
                // or it found another one at work on what it asked for.
                _ => Grade::Exact,
            };
        }
        if observed == Outcome::Refused(Errno::NoMem)
            && core.machine.config().design.drain == DrainDesign::Wait
            && self.shared.board.awaits_drains(lane)
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
        if grade == Grade::Violation && !self.unordered {
            self.unordered = true;
            self.refuted_work = step.op == Op::Work;
            let broken = match (first, observed) {
                (Outcome::Read(expected), Outcome::Read(found)) => core.content(step, expected, found),
                _ => oops::outcome(observed, core.model.allowed(step, &seen)),
            };
            self.refuted = Some((index, broken));
        }
        core.count(tally, step, observed, grade);
        drop(flight);
        self.keep_step(index, Some((observed, first, grade)));
        self.notice_overlaps(lane, step);
        let overlapped = self.overlapped(lane, |op| matches!(op, Op::Mm(_)));
        if matches!(step.op, Op::Mm(_)) && overlapped {
            self.ambiguous = true;
        }
        if self.overlapped(lane, |_| true) {
            self.overlaps = true;
            let caches = self.core.machine.config().design.slab != SlabDesign::Objcg;
            let is_obscure = |op: &Op| is_obscure(op) || caches && concerns_caches(op);
            if is_obscure(&step.op) || self.overlapped(lane, is_obscure) {
                (self.obscure, self.ambiguous) = (true, true);
            }
        }
        let ended = &mut self.outcomes;
        ended.push(Ended {
            step: *step,
            outcome: observed,
            evident: evident || reparented,
            began: self.crew[lane].began,
            ended: ended.len(),
        });
        let core = &mut self.core;
        let escaped = match delegation(&core.model, core.checks, step, observed) {
            Err(_) if excused || self.ambiguous || self.unordered => Ok(()),
            law => law,
        };
        core.touch_operands(step, observed);
        core.model.commit(step, observed);
        core.model.hold([]);
        core.books.touch_labels(self.shared.board.flights[lane].borrow().written());
        escaped?;
        self.follow_delegation();
        let core = &mut self.core;
        core.notice_offlined(step, observed, tally);
        core.notice_shmem(step, observed);
        if let Some(refused) = above
            && core.checks.has(Invariant::I10)
        {
            let group = core.books.group_at(refused.of.index as usize);
            return Err(Broken::new(
                Invariant::I10,
                "limit",
                Thing::Group(group),
                format!("at most {}", refused.max),
                refused.usage,
                String::from("the charge took new pages from the counter, saw that, and was not forced"),
            ));
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

    /// Check what has been touched, unless an operation under way is in the middle of changing it.
    pub(super) fn check_calm(&mut self, tally: &mut Tally) -> Result<(), Box<Broken>> {
        let board = &self.shared.board;
        let mut under_way = self.crew.iter().filter_map(|member| member.busy);
        board.maps.set(under_way.any(|(_, step)| maps(&step.op)));
        let elsewhere = |what: What| !matches!(class_of(what), Class::Group | Class::Objcg);
        let disturbed = board
            .flights
            .iter()
            .any(|flight| flight.borrow().replaced().iter().any(|label| elsewhere(label.what)));
        if disturbed
            || self.unordered
            || self.ambiguous
            || self.shmem_overlaps()
            || self.strands()
            || self.crew.iter().any(|member| member.interrupted && member.busy.is_some())
            || board.holds(What::CacheSlabs)
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
        core.books.check_touched(&mut world)
    }

    /// Bring the machine to rest and compare everything: with the model that followed the operations as they ended, or
    /// else with those that follow them in other orders.
    pub(super) fn finish(&mut self, end: usize, tally: &mut Tally) -> Result<(), (usize, Box<Broken>)> {
        if !self.checked {
            return Ok(());
        }
        let at_end = |broken| (end, broken);
        // On the way to rest the books follow a model that may be of another order: then only what the machine notices
        // itself counts.
        let rested = match self.core.come_to_rest(end) {
            Err(broken) if matches!(broken.invariant, Invariant::I3 | Invariant::I12 | Invariant::I13) => {
                return Err(at_end(broken));
            }
            rested => rested,
        };
        let found = match self.unordered {
            _ if rested.is_err() && !self.unordered => rested.map_err(at_end),
            true => Err(self.refuted.take().unwrap_or_else(|| at_end(oops::restless()))),
            false => self.core.compare_at_rest().map_err(at_end),
        };
        match found {
            Err(broken) if self.overlaps => match self.search_orders(tally) {
                Some(()) => Ok(()),
                // Which item a worker finds depends on what others have taken from the queue in the middle of
                // operations: that is no order of whole operations, and is shown as a search not made.
                None if self.refuted_work || self.obscure => {
                    tally.unordered += 1;
                    Ok(())
                }
                None => Err(broken),
            },
            found => found,
        }
    }
}

/// What a word belongs to, as far as it matters whether somebody is in the middle of changing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Group,
    Objcg,
    Other,
}

fn class_of(what: What) -> Class {
    match what {
        What::MemcgGeneration
        | What::MemoryUsage
        | What::SwapUsage
        | What::MemswUsage
        | What::CssRefs
        | What::CssState
        | What::Id
        | What::IdRefs => Class::Group,
        What::ObjcgGeneration
        | What::ObjcgRefMode
        | What::ObjcgRefs
        | What::ObjcgMemcg
        | What::ObjcgLeftover
        | What::ObjcgPlace => Class::Objcg,
        _ => Class::Other,
    }
}

/// The groups that an operation names.
pub(in crate::engine) fn named_groups(step: &Step) -> Vec<GroupId> {
    use crate::program::Action;
    use crate::trace::{Kind, Role, visit};
    let mut groups = Vec::new();
    visit(&mut Action::Op(*step), |role, kind, n| {
        if role == Role::Use && kind == Kind::Group {
            groups.push(GroupId(*n));
        }
    });
    groups
}

/// Whether an operation decides more than once where it charges, so that no order of whole operations explains what it
/// does beside others: tasks and mms, files, and pages that fall back to smaller ones.
fn is_obscure(op: &Op) -> bool {
    matches!(op, Op::Mm(_) | Op::Shmem(_) | Op::Page(_))
}

/// Whether an operation makes, reparents or ends the kmem_caches of groups, where groups have some: work that it queues
/// or finds decides what others do, and is not told by its answer.
fn concerns_caches(op: &Op) -> bool {
    matches!(op, Op::Slab(_) | Op::Rmdir { .. } | Op::Work | Op::Grace)
}

/// Whether an operation changes a page's mapcount, or a statistic.
fn maps(op: &Op) -> bool {
    use stocktake_model::MmOp::{Event, MigrateCharges};
    matches!(
        op,
        Op::Mapped(_)
            | Op::Uncharge { .. }
            | Op::SwapOut { .. }
            | Op::Mm(Event { .. } | MigrateCharges { .. })
    )
}

/// Whether a step is a charge that was not forced and has succeeded.
fn is_charge(step: &Step, observed: Outcome) -> bool {
    match step.op {
        Op::Charge { force, .. } => !force && observed == Outcome::Done,
        Op::ObjCharge { force, .. } => !force && observed == Outcome::Done,
        Op::SwapIn { .. }
        | Op::Mm(stocktake_model::MmOp::Charge { .. } | stocktake_model::MmOp::Socket { .. }) => {
            matches!(observed, Outcome::To(_))
        }
        _ => false,
    }
}
