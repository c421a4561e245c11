//! What is checked where an operation of a lane ends, and at the end of all.
//!
//! The model follows the operations in the order in which they end, and the books are those of operations that have
//! ended: what others are in the middle of is subtracted from the machine's words. An object that one of them has
//! changed otherwise than by adding is not looked at before it has ended: then the whole check waits for the next calm
//! moment, and is counted.

use super::Interleave;
use super::board::Board;
use crate::check::{Broken, InFlight, Thing, World, delegation};
use crate::engine::witness::Seen;
use crate::tally::Tally;
use crate::violation::Invariant;
use stocktake_impl::{DrainDesign, Label, What};
use stocktake_model::{Errno, Grade, GroupId, Op, Outcome, Ran, Reason, Step};

impl InFlight for Board {
    fn added(&self, label: Label) -> i64 {
        self.in_flight(label)
    }

    fn maps(&self) -> bool {
        self.maps.get()
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
        let overlaps = self.shmem_overlaps();
        let excused = self.excuses(lane, observed);
        let core = &mut self.core;
        core.model.hold(named_groups(step));
        let first = core.model.first(step);
        let seen = Seen::new(core, step, first, observed);
        let own_stock = seen.served_from_stock();
        let mut grade = match observed == first {
            true => Grade::Exact,
            false => core.model.allowed(step, &seen).grade(observed),
        };
        let flight = self.shared.board.flights[lane].borrow();
        if grade == Grade::Violation
            && observed == Outcome::Refused(Errno::NoMem)
            && let Some(refused) = flight.limits.last_refused
        {
            let locked_out = refused.usage - refused.others <= refused.max;
            grade = Grade::Divergent(if locked_out { Reason::FalseLockOut } else { Reason::RemoteStock });
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
        if grade == Grade::Violation && observed == Outcome::Stranded && overlaps {
            // Whoever has the page locked is in the middle of an operation.
            grade = Grade::Divergent(Reason::Stranded);
        }
        if grade == Grade::Violation {
            self.unordered = true;
        }
        core.count(tally, step, observed, grade);
        let above = flight.limits.above();
        drop(flight);
        self.keep_step(index, Some((observed, first, grade)));
        let core = &mut self.core;
        let escaped = match delegation(&core.model, core.checks, step, observed) {
            Err(_) if excused => Ok(()),
            law => law,
        };
        core.touch_operands(step, observed);
        core.model.commit(step, observed);
        core.model.hold([]);
        escaped?;
        self.follow_delegation();
        let core = &mut self.core;
        core.notice_offlined(step, observed, tally);
        core.notice_shmem(step, observed);
        if let Some(refused) = above
            && !own_stock
            && is_charge(step, observed)
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
        let core = &mut self.core;
        let flight = self.shared.board.flights[lane].borrow();
        core.books.touch_labels(flight.written());
        drop(flight);
        let other = match step.op {
            Op::CpuDown { target } | Op::CpuUp { target } => target.index(),
            _ => lane,
        };
        for id in [lane, other] {
            if self.crew[id].busy.is_none() {
                let core = &mut self.core;
                core.books.look_at_cpu(&core.machine, &core.model, &core.cpus[id])?;
            }
        }
        self.pending.extend(self.shared.board.flights[lane].borrow().written());
        Ok(())
    }

    /// Whether a lane is in the middle of an operation on files of shmem.
    fn shmem_overlaps(&self) -> bool {
        self.crew.iter().any(|member| member.busy.is_some_and(|(_, step)| matches!(step.op, Op::Shmem(_))))
    }

    /// Check what has been touched, unless an operation under way is in the middle of changing it.
    pub(super) fn check_calm(&mut self, tally: &mut Tally) -> Result<(), Box<Broken>> {
        let board = &self.shared.board;
        let mut under_way = self.crew.iter().filter_map(|member| member.busy);
        board.maps.set(under_way.any(|(_, step)| maps(&step.op)));
        let disturbed = board.flights.iter().any(|flight| {
            let flight = flight.borrow();
            flight.replaced().iter().any(|label| {
                let class = class_of(label.what);
                class == Class::Other
                    || self
                        .pending
                        .iter()
                        .any(|other| other.index == label.index && class_of(other.what) == class)
                    || class == Class::Group && self.core.books.owes_group_at(label.index as usize)
            })
        });
        // Overlapping operations on files hand charges to each other.
        if disturbed || self.shmem_overlaps() || self.unordered || board.holds(What::CacheSlabs) {
            tally.deferred += 1;
            return Ok(());
        }
        self.pending.clear();
        let core = &mut self.core;
        let mut world = World {
            machine: &core.machine,
            model: &mut core.model,
            checks: core.checks,
            flight: Some(board),
        };
        core.books.check_touched(&mut world)
    }

    /// Bring the machine to rest and compare everything.
    pub(super) fn finish(&mut self, end: usize, tally: &mut Tally) -> Result<(), Box<Broken>> {
        if !self.checked {
            return Ok(());
        }
        if self.unordered {
            tally.unordered += 1;
        }
        self.core.finish(end)
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

/// Whether an operation changes a page's mapcount, or a statistic of mapped pages.
fn maps(op: &Op) -> bool {
    matches!(op, Op::Mapped(_) | Op::Uncharge { .. } | Op::SwapOut { .. })
}

/// Whether a step is a charge that was not forced and has succeeded.
fn is_charge(step: &Step, observed: Outcome) -> bool {
    match step.op {
        Op::Charge { force, .. } => !force && observed == Outcome::Done,
        Op::ObjCharge { .. } => observed == Outcome::Done,
        Op::SwapIn { .. } | Op::Mm(stocktake_model::MmOp::Charge { .. }) => {
            matches!(observed, Outcome::To(_))
        }
        _ => false,
    }
}

/// Whether queued work found nothing to do.
pub(super) fn idle_work(observed: Outcome) -> bool {
    observed == Outcome::Ran(Ran::Nothing)
}
