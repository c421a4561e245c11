//! The lockstep engine: model and machine run the same operations one after the other, and are compared after each.
//!
//! Sequential: an operation ends before the next begins. A program's lanes, if it has any, are run in the order of
//! the file.

use super::apply::{Applier, Bindings, quiesce};
use super::hunting::Hunting;
use super::oops;
use super::record::Recorder;
use super::witness::Seen;
use super::{StepRecord, asserts, shmem};
use crate::check::{Books, Broken, Checks, World, delegation};
use crate::goals;
use crate::program::{Action, Program, Step};
use crate::tally::Tally;
use crate::violation::{Invariant, Violation};
use std::rc::Rc;
use stocktake_impl as machine;
use stocktake_impl::{Cpu, Faults, Label, Machine, ObjcgDesign, SlabDesign, Wiring};
use stocktake_model::{
    Config, Failure, Grade, GroupId, MappedOp, MmOp, Mode, Model, ObjectRule, Op, Outcome, Ran, Reason,
    SlabCharge, SlabOp, SlabRule,
};

/// The engine's state, kept between runs so that a run allocates next to nothing.
#[derive(Debug)]
pub struct Lockstep {
    /// Shared with lanes while they run.
    pub(super) machine: Rc<Machine>,
    pub(super) cpus: Vec<Cpu>,
    pub(super) model: Model,
    pub(super) books: Books,
    pub(super) bindings: Bindings,
    /// As the machine.
    pub(super) env: Rc<Hunting>,
    dirty: Vec<Label>,
    pub(super) checks: Checks,
    /// The word that the last violation was about.
    pub(super) blamed: Option<Label>,
    /// Also recount everything after each step and compare with the running count.
    doubting: bool,
}

/// Lanes give back what they share when their operation ends.
const AT_REST: &str = "no lane runs between two executions";

impl Default for Lockstep {
    fn default() -> Lockstep {
        Lockstep::new()
    }
}

impl Lockstep {
    /// An engine with every check.
    pub fn new() -> Lockstep {
        Lockstep::checking(Checks::ALL)
    }

    /// An engine with some checks only, for the tests of the checks.
    pub fn checking(checks: Checks) -> Lockstep {
        let (machine, cpus) = Machine::new(machine::Config::default());
        let config = Config { mode: Mode::V2, cpus: 2, ids: 0, slots: 0 };
        Lockstep {
            machine: Rc::new(machine),
            cpus,
            model: Model::new(config),
            books: Books::default(),
            bindings: Bindings::default(),
            env: Rc::new(Hunting::new()),
            dirty: Vec::new(),
            checks,
            blamed: None,
            doubting: false,
        }
    }

    /// An engine that recounts everything after each step: slow, for the test that the running count is right.
    #[cfg(test)]
    pub(crate) fn doubting() -> Lockstep {
        Lockstep { doubting: true, ..Lockstep::new() }
    }

    /// Run a program; counts go into `tally`.
    ///
    /// # Errors
    /// The first violation, without provenance: [`Lockstep::record`] finds that.
    pub fn run(&mut self, program: &Program, tally: &mut Tally) -> Result<(), Box<Violation>> {
        self.run_watched(program, tally, None)
    }

    pub(super) fn run_watched(
        &mut self,
        program: &Program,
        tally: &mut Tally,
        recorder: Option<&mut Recorder>,
    ) -> Result<(), Box<Violation>> {
        self.reset(program, recorder.is_some());
        tally.executions += 1;
        let result = self.run_steps(program, tally, recorder);
        self.env.take_marks(&mut tally.goals, &goals::BY_MARK);
        result
    }

    fn run_steps(
        &mut self,
        program: &Program,
        tally: &mut Tally,
        mut recorder: Option<&mut Recorder>,
    ) -> Result<(), Box<Violation>> {
        for (index, step) in program.steps.iter().enumerate() {
            self.step(index, step, tally, recorder.as_deref_mut())
                .map_err(|broken| self.violation(program, index, *broken))?;
            if let Some(recorder) = recorder.as_deref_mut() {
                self.note_owners(recorder);
            }
        }
        self.finish(program.steps.len())
            .map_err(|broken| self.violation(program, program.steps.len(), *broken))
    }

    /// The machine and the model as a program's header wants them.
    pub(super) fn reset(&mut self, program: &Program, history: bool) {
        let header = &program.header;
        let population = program.population();
        let config = machine::Config {
            cpus: usize::from(header.cpus),
            memcgs: population.groups.made,
            folios: (population.charges.made + population.shmem_pages).max(1),
            files: population.files.names,
            slots: usize::from(header.slots),
            ids: usize::from(header.ids),
            tasks: population.tasks.made,
            mms: population.tasks.made + population.users.made,
            caches: population.caches.made,
            // An allocation asks for one at most, and a group has one at most in each root cache.
            memcg_caches: (population.caches.made * population.groups.made).min(population.slab_objects.made),
            slab_objects: population.slab_objects.made,
            wiring: match header.mode {
                Mode::V2 => Wiring::V2,
                Mode::V1 => Wiring::V1,
                Mode::V1Flat => Wiring::V1Flat,
            },
            design: header.design_with_faults(),
        };
        let machine = Rc::get_mut(&mut self.machine).expect(AT_REST);
        machine.reset(config, &mut self.cpus);
        self.model.reset(Config {
            mode: header.mode,
            cpus: header.cpus,
            ids: header.ids,
            slots: header.slots,
        });
        self.model.charge_slabs_by(match config.design.slab {
            SlabDesign::Objcg => SlabRule::Objects,
            SlabDesign::Caches53 => SlabRule::SlabsReparented,
            SlabDesign::PagePins => SlabRule::SlabsStay,
        });
        self.model.shmem_by(shmem::rule(config.design.shmem));
        self.model.charge_objects_by(match config.design.objcg {
            ObjcgDesign::PageKmem => ObjectRule::Pages,
            ObjcgDesign::Rfc | ObjcgDesign::Merged59 | ObjcgDesign::Corrected510 => ObjectRule::Bytes,
        });
        self.bindings.reset(population, self.machine.root());
        self.books.reset(population.groups.names, self.cpus.len(), &self.machine);
        let env = Rc::get_mut(&mut self.env).expect(AT_REST);
        env.reset(Faults::from_iter(header.faults.iter().copied()), history);
    }

    pub(super) fn step(
        &mut self,
        index: usize,
        step: &Step,
        tally: &mut Tally,
        recorder: Option<&mut Recorder>,
    ) -> Result<(), Box<Broken>> {
        let action = match step.action {
            Action::Assert(cpu, assertion) => return asserts::check(self, cpu, assertion),
            Action::Op(action) => action,
        };
        if self.model.admits(&action).is_err() {
            tally.skipped += 1;
            if let Some(recorder) = recorder {
                recorder.steps.push(StepRecord {
                    step: index,
                    implementation: None,
                    model: None,
                    grade: None,
                });
            }
            return insisted(step, None);
        }
        tally.steps += 1;
        self.env.begin(index, action.fail);
        let first = self.model.first(&action);
        self.count_migration(&action, tally);
        self.bindings.aim(&action, &self.model);
        let observed = self.applier().apply(&action);
        let charges = may_charge(&action.op);
        let seen = (charges || observed != first).then(|| Seen::new(self, &action, first, observed));
        let grade = match &seen {
            Some(seen) if observed != first => self.model.grade(&action, seen, observed),
            _ => Grade::Exact,
        };
        if let Some(recorder) = recorder {
            let (implementation, model) = (Some(observed), Some(first));
            recorder.steps.push(StepRecord { step: index, implementation, model, grade: Some(grade) });
        }
        self.count(tally, &action, observed, grade);
        let own_stock = seen.as_ref().is_none_or(Seen::served_from_stock);
        let escaped = delegation(&self.model, self.checks, &action, observed);
        let refuted = match (first, observed) {
            (Outcome::Read(expected), Outcome::Read(found)) if expected != found => {
                self.checks.has(Invariant::I17).then(|| self.content(&action, expected, found))
            }
            _ => seen
                .filter(|_| grade == Grade::Violation && self.checks.has(Invariant::I16))
                .map(|seen| oops::outcome(observed, self.model.allowed(&action, &seen))),
        };
        self.touch_operands(&action, observed);
        // After a refuted outcome the model shows what should have been.
        self.model
            .commit_admitted(&action, if refuted.is_some() || escaped.is_err() { first } else { observed });
        if let Some(oops) = self.env.oops_seen() {
            oops::judge(self, oops)?;
        }
        escaped?;
        if let Some(broken) = refuted {
            return Err(broken);
        }
        match action.op {
            Op::Work | Op::Quiesce => self.notice_offlined(&action, observed, tally),
            Op::Mapped(_) => self.notice_moved(&action, observed),
            Op::Shmem(_) => {
                self.notice_shmem(&action, observed);
                self.check_stranded(&action, observed)?;
            }
            _ => {}
        }
        self.look_and_check(&action)?;
        self.check_step(&action, observed, own_stock)?;
        insisted(step, Some(observed))
    }

    /// What the machine is driven by.
    pub(super) fn applier(&mut self) -> Applier<'_, Hunting> {
        Applier {
            machine: &self.machine,
            cpus: &mut self.cpus,
            first_cpu: 0,
            bindings: &mut self.bindings,
            books: &mut self.books,
            mode: self.model.config().mode,
            env: &self.env,
        }
    }

    pub(super) fn count(
        &self,
        tally: &mut Tally,
        action: &stocktake_model::Step,
        observed: Outcome,
        grade: Grade,
    ) {
        match grade {
            Grade::Exact => tally.exact += 1,
            Grade::Divergent(reason) => {
                if let Some(index) = Reason::ALL.iter().position(|r| *r == reason) {
                    tally.divergent[index] += 1;
                }
            }
            Grade::Violation => {}
        }
        self.count_seen(tally, action, observed);
    }

    /// What the step names is looked at again even if the machine wrote nothing: it may have forgotten to.
    pub(super) fn touch_operands(&mut self, action: &stocktake_model::Step, observed: Outcome) {
        match &action.op {
            Op::Mapped(op) => return self.touch_mapped(op),
            Op::Shmem(op) => return self.touch_shmem(action.cpu, op),
            Op::Page(op) => return self.touch_pages(op),
            Op::CpuUp { .. } => self.touch_marks(),
            _ => {}
        }
        let (group, birth) = match action.op {
            Op::Mkdir { new, .. } => (self.bindings.groups[new.index()].map(|_| new), None),
            Op::Rmdir { group } | Op::Charge { group, .. } => (Some(group), None),
            Op::Uncharge { charge } | Op::SwapOut { charge, .. } => {
                (self.model.charge(charge).map(|(group, _)| group), None)
            }
            Op::SwapIn { slot, .. } | Op::SwapFree { slot } => {
                (self.model.slot(slot).map(|(group, _)| group), None)
            }
            Op::ObjcgFrom { group, .. } => (None, self.model.parent(group).map(|_| group)),
            Op::ObjCharge { objcg, .. } | Op::ObjcgGet { held: objcg, .. } | Op::ObjcgPut { held: objcg } => {
                (None, self.model.bucket_of(objcg))
            }
            Op::ObjUncharge { object } => (None, self.model.bucket_of_object(object)),
            Op::Mm(op) => (self.group_of_mm_op(&op, observed), None),
            Op::Slab(SlabOp::Alloc { cache, group, .. }) => match self.model.slab_charge(cache, group) {
                SlabCharge::Object(birth, _) => (None, Some(birth)),
                SlabCharge::Slab(..) | SlabCharge::Nothing => (Some(group), None),
            },
            Op::Slab(SlabOp::Free { object }) => (
                self.model.slab_object(object).map(|(_, owner)| owner),
                self.model.slab_object_bucket(object),
            ),
            _ => (None, None),
        };
        let mut level = group.or(birth.map(|birth| self.model.bucket_owner(birth)));
        while let Some(group) = level {
            self.books.touch_group(group);
            level = self.model.counter_parent(group);
        }
        if let Some(birth) = birth {
            self.books.touch_bucket(birth);
        }
    }

    /// Second halves of removals that ran inside the step.
    pub(super) fn notice_offlined(
        &mut self,
        action: &stocktake_model::Step,
        observed: Outcome,
        tally: &mut Tally,
    ) {
        match (action.op, observed) {
            (Op::Work, Outcome::Ran(Ran::Offline(group))) => {
                self.books.touch_group(group);
                self.books.touch_bucket(group);
                self.count_pins(group, tally);
            }
            (Op::Quiesce, _) => self.offline_all(action.fail),
            _ => {}
        }
    }

    pub(super) fn offline_all(&mut self, fail: Option<Failure>) {
        self.model.create_all_caches(fail);
        while let Some(&group) = self.model.offlining().first() {
            self.model.offline_finished(group);
            self.books.touch_group(group);
            self.books.touch_bucket(group);
        }
    }

    /// Book what changed, and check what was touched.
    fn look_and_check(&mut self, action: &stocktake_model::Step) -> Result<(), Box<Broken>> {
        let (runner, other) = match action.op {
            Op::CpuDown { target } | Op::CpuUp { target } => (action.cpu.index(), target.index()),
            _ => (action.cpu.index(), action.cpu.index()),
        };
        let all = matches!(action.op, Op::Quiesce);
        self.look(|cpu| all || cpu == runner || cpu == other)?;
        let mut world =
            World { machine: &self.machine, model: &mut self.model, checks: self.checks, flight: None };
        self.books.check_touched(&mut world)?;
        if self.doubting {
            self.doubt()?;
        }
        Ok(())
    }

    /// Look at the words that were written, and at the stocks of some CPUs.
    pub(super) fn look(&mut self, at: impl Fn(usize) -> bool) -> Result<(), Box<Broken>> {
        self.env.take_dirty(&mut self.dirty);
        self.books.touch_labels(&self.dirty);
        for cpu in self.cpus.iter().filter(|cpu| at(cpu.id())) {
            self.books.look_at_cpu(&self.machine, &self.model, cpu)?;
        }
        Ok(())
    }

    #[cfg(not(test))]
    fn doubt(&mut self) -> Result<(), Box<Broken>> {
        Ok(())
    }

    #[cfg(test)]
    fn doubt(&mut self) -> Result<(), Box<Broken>> {
        let mut world =
            World { machine: &self.machine, model: &mut self.model, checks: self.checks, flight: None };
        if let Some(difference) = self.books.recount_differs(&world, &self.cpus) {
            panic!("the running count is wrong: {difference}");
        }
        self.books.check_all(&mut world, &self.cpus)
    }

    /// Bring everything to rest and check all of it.
    pub(super) fn finish(&mut self, end: usize) -> Result<(), Box<Broken>> {
        self.come_to_rest(end)?;
        self.compare_at_rest()
    }

    /// Bring everything to rest.
    pub(super) fn come_to_rest(&mut self, end: usize) -> Result<(), Box<Broken>> {
        self.env.begin(end, None);
        self.end_halves();
        self.end_shmem(end)?;
        self.settle(end)
    }

    /// Drain every stock, run all work, let grace periods elapse.
    pub(super) fn settle(&mut self, end: usize) -> Result<(), Box<Broken>> {
        self.env.begin(end, None);
        let at_rest = quiesce(&self.machine, &*self.env, &mut self.cpus);
        if let Some(oops) = self.env.oops_seen() {
            oops::judge(self, oops)?;
        }
        if !at_rest && self.checks.has(Invariant::I13) {
            return Err(oops::restless());
        }
        Ok(())
    }

    /// Compare both sides while the machine is at rest.
    pub(super) fn compare_at_rest(&mut self) -> Result<(), Box<Broken>> {
        self.offline_all(None);
        self.look(|_| true)?;
        let mut world =
            World { machine: &self.machine, model: &mut self.model, checks: self.checks, flight: None };
        self.books.check_touched(&mut world)?;
        self.books.check_all(&mut world, &self.cpus)?;
        self.books.check_leaks(&world)
    }

    /// Whether the machine, which is at rest, agrees with another model. That is the model from now on.
    ///
    /// # Errors
    /// The first law that is broken if this is what should be there.
    pub(super) fn agrees_at_rest(&mut self, model: &Model) -> Result<(), Box<Broken>> {
        self.model.clone_from(model);
        // What is wrong is found by the checks of everything.
        let _ = self.look(|_| true);
        self.offline_all(None);
        let mut world =
            World { machine: &self.machine, model: &mut self.model, checks: self.checks, flight: None };
        for index in (1..self.bindings.groups.len()).rev() {
            self.books.check_known_end(&mut world, GroupId(index as u16))?;
        }
        // What has not been looked at since the last step is counted before anything is judged by it.
        self.books.count_again(&world, &self.cpus);
        self.books.check_all(&mut world, &self.cpus)?;
        self.books.check_leaks(&world)
    }

    /// How many invariants are broken if this is what should be there.
    pub(super) fn count_broken_at_rest(&mut self, model: &Model) -> usize {
        let all = self.checks;
        let mut count = 0;
        while let Err(broken) = self.agrees_at_rest(model) {
            count += 1;
            if !self.checks.has(broken.invariant) {
                break;
            }
            self.checks = self.checks.without(broken.invariant);
        }
        self.checks = all;
        count
    }

    pub(super) fn checks(&self) -> Checks {
        self.checks
    }
}

/// Whether an operation may take pages from a counter: what was cached before it tells whether it had to.
fn may_charge(op: &Op) -> bool {
    matches!(
        op,
        Op::Charge { .. }
            | Op::SwapIn { .. }
            | Op::ObjCharge { .. }
            | Op::Mm(MmOp::Charge { .. } | MmOp::MigrateCharges { .. } | MmOp::Socket { .. })
            | Op::Slab(SlabOp::Alloc { .. })
            | Op::Mapped(MappedOp::MovePage { .. } | MappedOp::ForceEmpty { .. })
            | Op::Page(_)
            | Op::Shmem(_)
    )
}

/// A trace may insist on an outcome; a skipped step has none.
pub(super) fn insisted(step: &Step, observed: Option<Outcome>) -> Result<(), Box<Broken>> {
    match step.outcome {
        Some(wanted) if observed != Some(wanted) => Err(oops::unmet(wanted, observed)),
        _ => Ok(()),
    }
}
