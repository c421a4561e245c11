//! One step: whether it can be run, the model's own answer, and the effect of the answer that was observed. This
//! file only hands out; the rules stand with the things that they are about.

use super::pages::Folio;
use super::{Model, Skip};
use crate::{Errno, Failure, Op, Outcome, Ran, Step};

impl Model {
    /// Whether a step can be run at all.
    ///
    /// # Errors
    ///
    /// Why it cannot. It is then skipped, by the model and by the machine under test, and counted.
    pub fn admits(&self, step: &Step) -> Result<(), Skip> {
        self.admits_cpu(step.cpu)?;
        self.admits_beside_halves(step)?;
        self.admits_beside_faults(step)?;
        match step.op {
            Op::Mkdir { new, parent, .. } => self.admits_mkdir(new, parent),
            Op::Rmdir { group } => self.admits_rmdir(group),
            Op::SetMax { group, .. } => self.admits_set_max(group),
            Op::SetSwapMax { group, .. } => self.admits_swap_limit(group),
            Op::SetMemswMax { group, .. } => self.admits_set_memsw_max(group),
            Op::SetKmemMax { group, .. } => self.admits_set_kmem_max(group),
            Op::Charge { new, group, .. } => {
                self.folios.fresh(new.index())?;
                self.admits_named(group)
            }
            Op::Uncharge { charge } => self.admits_freeing(charge),
            Op::ObjcgFrom { new, group } => {
                self.objcgs.fresh(new.index())?;
                self.admits_named(group)
            }
            Op::ObjcgGet { new, held } => {
                self.objcgs.fresh(new.index())?;
                self.objcgs.live(held.index()).map(drop)
            }
            Op::ObjcgPut { held } => self.objcgs.live(held.index()).map(drop),
            Op::ObjCharge { new, objcg, .. } => {
                self.objects.fresh(new.index())?;
                self.objcgs.live(objcg.index()).map(drop)
            }
            Op::ObjUncharge { object } => self.objects.live(object.index()).map(drop),
            Op::SwapOut { new, charge } => {
                self.slots.fresh(new.index())?;
                self.admits_freeing(charge)
            }
            Op::SwapIn { new, slot, faulter } => {
                self.folios.fresh(new.index())?;
                self.slots.live(slot.index())?;
                self.admits_online(faulter)
            }
            Op::SwapFree { slot } => self.slots.live(slot.index()).map(drop),
            Op::Slab(op) => self.admits_slab(&op),
            Op::CpuDown { .. } | Op::CpuUp { .. } | Op::CpuIsolate { .. } | Op::CpuUnisolate { .. } => {
                self.admits_cpu_change(step.cpu, &step.op)
            }
            Op::Mm(op) => self.admits_mm(&op),
            Op::DrainAll { group } => self.admits_named(group),
            Op::Mapped(op) => self.admits_mapped(step.cpu, &op),
            Op::Page(op) => self.admits_page(&op),
            Op::Shmem(op) => self.admits_shmem(step.cpu, &op),
            Op::Drain | Op::Work | Op::Grace | Op::Quiesce => Ok(()),
        }
    }

    /// The model's own answer to a step that is admitted.
    pub fn first(&self, step: &Step) -> Outcome {
        match step.op {
            Op::Mkdir { parent, .. } => self.mkdir_answer(parent, step.fail),
            Op::Rmdir { group } => self.rmdir_answer(group),
            Op::SetMax { group, max } => self.set_max_answer(group, max),
            Op::SetMemswMax { group, max } => self.set_memsw_max_answer(group, max),
            Op::SetKmemMax { group, max } => self.set_kmem_max_answer(group, max),
            Op::Charge { group, pages, force, .. } => self.charge_answer(group, pages, force, step.fail),
            Op::ObjcgFrom { group, .. } => {
                self.objcg_answers(group).next().map_or(Outcome::Refused(Errno::NoDev), Outcome::To)
            }
            Op::ObjCharge { force: true, .. } => Outcome::Done,
            Op::ObjCharge { objcg, bytes, .. } => self.obj_charge_answer(objcg, bytes),
            Op::SwapOut { charge, .. } => self.swap_out_answer(charge),
            Op::SwapIn { slot, faulter, .. } => self.swap_in_answer(slot, faulter, step.fail),
            Op::Slab(op) => self.slab_answer(&op, step.fail),
            // The drain mutex is the first thing tried.
            Op::DrainAll { .. } if step.fail == Some(Failure::Trylock) => Outcome::Refused(Errno::Busy),
            Op::Mm(op) => self.mm_answer(&op, step.fail),
            Op::Mapped(op) => self.mapped_answer(&op),
            Op::Page(op) => self.page_answer(&op, step.fail),
            Op::Shmem(op) => self.shmem_answer(step.cpu, &op, step.fail),
            Op::Work => self.work_answer(),
            Op::SetSwapMax { .. }
            | Op::Uncharge { .. }
            | Op::ObjcgGet { .. }
            | Op::ObjcgPut { .. }
            | Op::ObjUncharge { .. }
            | Op::SwapFree { .. }
            | Op::CpuDown { .. }
            | Op::CpuUp { .. }
            | Op::CpuIsolate { .. }
            | Op::CpuUnisolate { .. }
            | Op::Drain
            | Op::DrainAll { .. }
            | Op::Grace
            | Op::Quiesce => Outcome::Done,
        }
    }

    /// Applies the observed answer to a step. A step that is not admitted, an answer that refuses, and an answer
    /// of a shape that the operation cannot give change nothing; but a charge that is refused has looked for its group.
    ///
    /// That the second half of an rmdir ran is known only where it is the answer, as of [`Op::Work`]; wherever
    /// else it was seen to run, [`Model::offline_finished`] has to be told.
    pub fn commit(&mut self, step: &Step, observed: Outcome) {
        if self.admits(step).is_ok() {
            self.commit_admitted(step, observed);
        }
    }

    /// As [`Model::commit`], for a step that has just been asked about and is admitted.
    pub fn commit_admitted(&mut self, step: &Step, observed: Outcome) {
        match (step.op, observed) {
            (Op::Mkdir { new, parent, max, swap_max }, Outcome::Done) => {
                self.mkdir(new, parent, max, swap_max);
            }
            (Op::Rmdir { group }, Outcome::Done) => self.rmdir(group),
            (Op::SetMax { group, max }, Outcome::Done) => self.set_max(group, max),
            (Op::SetSwapMax { group, max }, Outcome::Done) => self.set_swap_max(group, max),
            (Op::SetMemswMax { group, max }, Outcome::Done) => self.set_memsw_max(group, max),
            (Op::SetKmemMax { group, max }, Outcome::Done) => self.set_kmem_max(group, max),
            (Op::Charge { new, group, pages, .. }, Outcome::Done) => self.bind(new, Folio { group, pages }),
            (Op::Uncharge { charge }, Outcome::Done) => drop(self.unbind(charge)),
            (Op::ObjcgFrom { new, .. }, Outcome::To(birth)) => self.make_objcg(new, birth),
            (Op::ObjcgGet { new, held }, Outcome::Done) => {
                if let Some(&birth) = self.objcgs.get(held.index()) {
                    self.make_objcg(new, birth);
                }
            }
            (Op::ObjcgPut { held }, Outcome::Done) => self.put_objcg(held),
            (Op::ObjCharge { new, objcg, bytes, .. }, Outcome::Done) => self.charge_object(new, objcg, bytes),
            (Op::ObjUncharge { object }, Outcome::Done) => self.uncharge_object(object),
            (Op::SwapOut { new, charge }, Outcome::To(recorded)) => self.swap_out(new, charge, recorded),
            (Op::SwapIn { new, slot, .. }, Outcome::To(charged)) => self.swap_in(new, slot, charged),
            (Op::SwapFree { slot }, Outcome::Done) => drop(self.free_slot(slot)),
            (Op::Mm(op), observed) => self.commit_mm(&op, observed),
            (Op::Slab(op), observed) => self.commit_slab(&op, step.fail, observed),
            (Op::CpuDown { target }, Outcome::Done) => self.change_cpu(target, |cpu| cpu.up = false),
            (Op::CpuUp { target }, Outcome::Done) => self.change_cpu(target, |cpu| cpu.up = true),
            (Op::CpuIsolate { target }, Outcome::Done) => self.change_cpu(target, |cpu| cpu.isolated = true),
            (Op::CpuUnisolate { target }, Outcome::Done) => {
                self.change_cpu(target, |cpu| cpu.isolated = false);
            }
            (Op::Mapped(op), Outcome::Done) => self.mapped_done(step.cpu, &op),
            (Op::Page(op), observed) => self.commit_page(&op, observed),
            (Op::Shmem(op), observed) => self.commit_shmem(step.cpu, &op, step.fail, observed),
            (Op::Work, Outcome::Ran(Ran::Offline(group))) => self.offline_finished(group),
            (Op::Work, Outcome::Ran(Ran::Create(group))) => {
                self.create_cache(group, step.fail);
            }
            _ => {}
        }
    }
}
