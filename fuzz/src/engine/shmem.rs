//! Pages charged and inserted, and files of shmem: applying their operations, and telling model and books what came of
//! them.

use super::apply::{Applier, BOUND, refused};
use super::lockstep::Lockstep;
use crate::check::{Broken, Thing};
use crate::program::Step as ProgramStep;
use crate::tally::Tally;
use crate::trace::Labels;
use crate::violation::Invariant;
use stocktake_impl::{
    Charged, Env, Errno, Faulted, FileRef, IndexView, Label, Lookup, Punched, ShmemDesign, ShmemFault,
    ShmemRead, What,
};
use stocktake_model::{
    CpuId, Failure, FileId, GroupId, Op, Outcome, PageOp, ShmemCharge, ShmemOp, ShmemRule, ShmemStage, Step,
};

/// What the specification leaves to a design.
pub(super) fn rule(design: ShmemDesign) -> ShmemRule {
    ShmemRule {
        charge: match design {
            ShmemDesign::Linux54 => ShmemCharge::AtChargeUntilInserted,
            ShmemDesign::AsMailed => ShmemCharge::AtChargeOrDropped,
            ShmemDesign::EexistOnly | ShmemDesign::Enoent | ShmemDesign::PunchLocks => ShmemCharge::AtCharge,
            ShmemDesign::Final => ShmemCharge::AtSwapCache,
        },
        punch_waits: design == ShmemDesign::PunchLocks,
    }
}

fn read(content: i64) -> Outcome {
    Outcome::Read(u32::try_from(content).unwrap_or(u32::MAX))
}

fn done_or(result: Result<(), Errno>) -> Outcome {
    result.map_or_else(refused, |()| Outcome::Done)
}

impl<E: Env> Applier<'_, E> {
    /// Run an operation on pages that are charged and inserted, or freed in a batch.
    pub(super) fn apply_page(&mut self, at: usize, op: &PageOp) -> Outcome {
        let (m, e) = (self.machine, self.env);
        let b = &mut *self.bindings;
        let cpu = &mut self.cpus[at - self.first_cpu];
        let (new, faulted) = match *op {
            PageOp::File { new, group } => {
                let memcg = b.groups[group.index()].expect(BOUND);
                (new, m.add_to_page_cache(e, cpu, memcg).map(Faulted::AsAsked))
            }
            PageOp::Anon { new, group, huge } => {
                let memcg = b.groups[group.index()].expect(BOUND);
                (new, m.do_anonymous_page(e, cpu, memcg, huge))
            }
            PageOp::Hugetlb { new } => (new, m.hugetlb_page(e).map(Faulted::AsAsked)),
            PageOp::FreeList { list } => {
                let pages: Vec<_> =
                    list.iter().map(|charge| b.charges[charge.index()].take().expect(BOUND)).collect();
                m.free_list(e, cpu, pages);
                return Outcome::Done;
            }
        };
        match faulted {
            Ok(faulted) => {
                b.charges[new.index()] = Some(faulted.folio());
                if matches!(faulted, Faulted::Small(_)) { Outcome::Small } else { Outcome::Done }
            }
            Err(errno) => refused(errno),
        }
    }

    /// Run an operation on files of shmem.
    pub(super) fn apply_shmem(&mut self, at: usize, op: &ShmemOp) -> Outcome {
        let (m, e) = (self.machine, self.env);
        let file_of = |file: FileId| FileRef(file.index());
        let cpu = &mut self.cpus[at - self.first_cpu];
        match *op {
            ShmemOp::File { .. } => Outcome::Done,
            ShmemOp::Fault { file, group, huge } => {
                let memcg = self.bindings.groups[group.index()].expect(BOUND);
                match m.shmem_fault(e, cpu, file_of(file), memcg, huge) {
                    Ok(ShmemRead::Content(content)) => read(content),
                    Ok(ShmemRead::Small) => Outcome::Small,
                    Err(errno) => refused(errno),
                }
            }
            ShmemOp::Lookup { file, group, huge } => {
                let memcg = self.bindings.groups[group.index()].expect(BOUND);
                match m.shmem_lookup(e, cpu, file_of(file), memcg, huge) {
                    Ok(Lookup::Page(content)) => read(content),
                    Ok(Lookup::Open(fault)) => {
                        self.bindings.faults.push((at, fault));
                        Outcome::Done
                    }
                    Err(errno) => refused(errno),
                }
            }
            ShmemOp::Stage(stage) => self.apply_stage(at, stage),
            ShmemOp::Write { file } => {
                let version = &mut self.bindings.versions[file.index()];
                *version += 1;
                m.shmem_write(e, cpu, file_of(file), i64::from(*version));
                Outcome::Done
            }
            ShmemOp::Out { file } => match m.shmem_writepage(e, cpu, file_of(file)) {
                Ok((slot, memcg)) => {
                    self.bindings.swapped_to = Some(slot as u32);
                    memcg.map_or(Outcome::Done, |memcg| Outcome::To(self.books.group_of(memcg)))
                }
                Err(errno) => refused(errno),
            },
            ShmemOp::Written { file } => {
                m.shmem_written(e, cpu, file_of(file));
                Outcome::Done
            }
            ShmemOp::Notify { file } => {
                m.swap_slot_free_notify(e, cpu, file_of(file));
                Outcome::Done
            }
            ShmemOp::Punch { file } => match m.shmem_punch(e, cpu, file_of(file)) {
                Punched::Freed => Outcome::Done,
                Punched::Stranded => Outcome::Stranded,
            },
            ShmemOp::Reclaim => {
                self.bindings.reclaimed = Some(m.reclaim_swap_cache(e, cpu) as u32);
                Outcome::Done
            }
            ShmemOp::Swapoff { group } => {
                let memcg = self.bindings.groups[group.index()].expect(BOUND);
                done_or(m.shmem_unuse(e, cpu, self.bindings.versions.len(), memcg))
            }
        }
    }

    fn apply_stage(&mut self, at: usize, stage: ShmemStage) -> Outcome {
        let (m, e) = (self.machine, self.env);
        let cpu = &mut self.cpus[at - self.first_cpu];
        let faults = &mut self.bindings.faults;
        let open = faults.iter().position(|(cpu, _)| *cpu == at).expect(BOUND);
        if stage == ShmemStage::Finish {
            let (_, fault): (_, ShmemFault) = faults.swap_remove(open);
            return m.shmem_finish(e, cpu, fault).map_or_else(refused, read);
        }
        let fault = &mut faults[open].1;
        match stage {
            ShmemStage::Read => match m.shmem_read(e, cpu, fault) {
                Ok(None) => Outcome::Done,
                Ok(Some(memcg)) => Outcome::To(self.books.group_of(memcg)),
                Err(errno) => refused(errno),
            },
            ShmemStage::Lock => done_or(m.shmem_lock(e, fault)),
            ShmemStage::Confirm => done_or(m.shmem_confirm(e, fault)),
            ShmemStage::Charge => match m.shmem_charge(e, cpu, fault) {
                Ok(Charged::To(memcg)) => Outcome::To(self.books.group_of(memcg)),
                Ok(Charged::Small) => Outcome::Small,
                Err(errno) => refused(errno),
            },
            ShmemStage::Insert | ShmemStage::Finish => done_or(m.shmem_insert(e, cpu, fault)),
        }
    }
}

/// A step, and what the machine answered.
type Answered = (Step, Outcome);

impl Lockstep {
    /// The groups whose books an operation may change, before the model has taken it in.
    pub(super) fn touch_shmem(&mut self, cpu: CpuId, op: &ShmemOp) {
        let mut groups: Vec<GroupId> = Vec::new();
        let file = match *op {
            ShmemOp::Fault { file, group, .. } | ShmemOp::Lookup { file, group, .. } => {
                groups.push(group);
                Some(file)
            }
            ShmemOp::Out { file } | ShmemOp::Punch { file } => Some(file),
            ShmemOp::Stage(_) => {
                groups.extend(self.model.fault_groups(cpu));
                self.model.faults_on(cpu)
            }
            ShmemOp::Reclaim | ShmemOp::Swapoff { .. } => {
                groups.extend(self.model.shmem_groups());
                None
            }
            ShmemOp::File { .. }
            | ShmemOp::Write { .. }
            | ShmemOp::Written { .. }
            | ShmemOp::Notify { .. } => None,
        };
        if let Some(file) = file {
            groups.extend(self.model.shmem_owner(file));
            groups.extend(self.model.swapped_file(file).and_then(|(_, recorded)| recorded));
        }
        groups.into_iter().for_each(|group| self.touch_levels(group));
    }

    /// As [`Lockstep::touch_shmem`], for pages that are charged and inserted, or freed.
    pub(super) fn touch_pages(&mut self, op: &PageOp) {
        match *op {
            PageOp::File { group, .. } | PageOp::Anon { group, .. } => self.touch_levels(group),
            PageOp::Hugetlb { .. } => self.touch_levels(GroupId::ROOT),
            PageOp::FreeList { list } => {
                let owners: Vec<GroupId> = list
                    .iter()
                    .filter_map(|charge| self.model.charge(charge).map(|(group, _)| group))
                    .collect();
                owners.into_iter().for_each(|group| self.touch_levels(group));
            }
        }
    }

    fn touch_levels(&mut self, group: GroupId) {
        let mut level = Some(group);
        while let Some(group) = level {
            self.books.touch_group(group);
            level = self.model.counter_parent(group);
        }
    }

    /// What the model cannot know by itself: the slots that a file was swapped out to, the files that a swapoff swapped
    /// in before it was refused, and what a design has taken out of the swap cache.
    pub(super) fn notice_shmem(&mut self, action: &Step, observed: Outcome) {
        let Op::Shmem(op) = action.op else { return };
        match (op, observed) {
            (ShmemOp::Out { file }, Outcome::To(_) | Outcome::Done) => {
                if let Some(slot) = self.bindings.swapped_to {
                    self.model.swapped_to(file, slot);
                }
                return;
            }
            (ShmemOp::Swapoff { group }, Outcome::Refused(_)) => {
                let files: Vec<FileId> = self.model.shmem_files().collect();
                for file in files {
                    let entry = self.machine.index_entry(FileRef(file.index()));
                    if self.model.swapped_file(file).is_some() && matches!(entry, IndexView::Page(_)) {
                        self.model.file_swapped_in(file, group);
                    }
                }
            }
            (ShmemOp::Fault { .. } | ShmemOp::Stage(_), _) => {}
            _ => return,
        }
        let dropped = |number: &u32| !self.machine.slot_has_cache(*number as usize);
        let numbers: Vec<u32> = self.model.swap_cached().filter(dropped).collect();
        for number in numbers {
            self.model.swap_cache_dropped(number);
        }
    }

    /// I8: what nothing leads to is gone once the swap cache has been reclaimed.
    pub(super) fn check_stranded(&self, action: &Step, observed: Outcome) -> Result<(), Box<Broken>> {
        let reclaims = match action.op {
            Op::Shmem(ShmemOp::Reclaim) => action.fail != Some(Failure::Trylock),
            Op::Shmem(ShmemOp::Swapoff { .. }) => observed == Outcome::Done,
            _ => false,
        };
        if !reclaims || !self.checks().has(Invariant::I8) {
            return Ok(());
        }
        let known: Vec<u32> = self.model.stranded().collect();
        let mut stranded = self.machine.stranded_slots();
        let Some(leaked) = stranded.find(|slot| !known.contains(&(*slot as u32))) else { return Ok(()) };
        let because =
            "nothing leads to the slot, its page is not locked, and stale pages have just been reclaimed";
        let found = format!("slot {leaked} is in the swap cache, with a count of zero");
        Err(Broken::new(Invariant::I8, "leaked", Thing::SwapSlots, "nothing stranded", found, because)
            .about(Some(Label::new(What::SlotMap, leaked))))
    }

    /// I17: a fault that finds another version than the last one written.
    pub(super) fn content(&self, action: &Step, expected: u32, found: u32) -> Box<Broken> {
        let file = match action.op {
            Op::Shmem(ShmemOp::Fault { file, .. } | ShmemOp::Lookup { file, .. }) => Some(file),
            _ => self.model.faults_on(action.cpu),
        };
        let thing = file.map_or(Thing::Step, Thing::File);
        let words = |version: u32| match version {
            0 => String::from("nothing: a page of zeroes"),
            version => format!("version {version}"),
        };
        let because = "a fault finds what was last written to the page";
        Broken::new(Invariant::I17, "content", thing, words(expected), words(found), because)
    }

    /// End every fault that is under way, and reclaim the swap cache: nothing may be stranded after that.
    pub(super) fn end_shmem(&mut self, end: usize) -> Result<(), Box<Broken>> {
        while let Some(stage) = self.ready_stage() {
            self.step(end, &ProgramStep::op(stage), &mut Tally::default(), None)?;
        }
        self.reclaim_at_end(end)
    }

    /// The same where operations have overlapped: what the stages answer is for the search of an order to explain.
    pub(super) fn end_shmem_unjudged(&mut self, end: usize) -> (Vec<Answered>, Result<(), Box<Broken>>) {
        let mut answers = Vec::new();
        while let Some(stage) = self.ready_stage() {
            self.touch_operands(&stage, Outcome::Done);
            self.env.begin(end, None);
            let observed = self.applier().apply(&stage);
            self.model.commit(&stage, observed);
            answers.push((stage, observed));
        }
        (answers, self.reclaim_at_end(end))
    }

    /// The next stage of a fault that is under way and has to wait for nobody.
    fn ready_stage(&self) -> Option<Step> {
        let stage = |(cpu, stage)| Step { cpu, op: Op::Shmem(ShmemOp::Stage(stage)), fail: None };
        self.model.open_faults().map(stage).find(|stage| self.model.admits(stage).is_ok())
    }

    fn reclaim_at_end(&mut self, end: usize) -> Result<(), Box<Broken>> {
        let up = (0..self.model.config().cpus).map(CpuId).find(|&cpu| self.model.cpu_up(cpu));
        let Some(cpu) = up.filter(|_| self.model.shmem_used()) else { return Ok(()) };
        // Where operations overlapped the model may not be the one that explains them: what has been reclaimed is
        // compared when the machine is at rest.
        let reclaim = Step { cpu, op: Op::Shmem(ShmemOp::Reclaim), fail: None };
        self.touch_operands(&reclaim, Outcome::Done);
        self.env.begin(end, None);
        let observed = self.applier().apply(&reclaim);
        self.model.commit(&reclaim, observed);
        self.check_stranded(&reclaim, observed)
    }

    /// Where the files are, a line each, and what is stranded.
    pub(super) fn shmem_lines(&self, names: &Labels, lines: &mut Vec<String>) {
        for file in self.model.shmem_files() {
            let name = names.file(file);
            lines.push(match self.machine.index_entry(FileRef(file.index())) {
                IndexView::Empty => format!("{name}: a hole"),
                IndexView::Page(_) => format!("{name}: a page"),
                IndexView::Swap(slot) if self.machine.slot_has_cache(slot) => {
                    format!("{name}: swapped out to slot {slot}, and in the swap cache")
                }
                IndexView::Swap(slot) => format!("{name}: swapped out to slot {slot}"),
            });
        }
        lines.extend(
            self.machine
                .stranded_slots()
                .map(|slot| format!("slot {slot}: stranded, in the swap cache with a count of zero")),
        );
    }
}
