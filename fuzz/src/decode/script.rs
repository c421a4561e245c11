//! Writes the steps of a generated program: each method appends one operation, gives what it creates the next
//! name, and keeps the picture up to date.
//!
//! What is done is chosen elsewhere: by [`super::swarm`] step by step, by [`super::scenario`] in whole scenes.

use super::input::Input;
use super::picture::{GROUPS, Picture};
use super::weights::Weights;
use crate::program;
use stocktake_model::{
    Bytes, ChargeId, CpuId, Failure, GroupId, Limit, ObjcgId, ObjectId, Op, Pages, ShmemOp, SlotId, Step,
};

/// A program being written.
pub(super) struct Script<'a, 'p> {
    pub(super) input: Input<'a>,
    pub(super) picture: &'p mut Picture,
    steps: &'p mut Vec<program::Step>,
    /// Steps beyond this are not written.
    cap: usize,
    /// Which operations are probable outside scenes.
    pub(super) weights: Weights,
    /// The CPU of the last operation chosen step by step.
    pub(super) cpu: CpuId,
    /// Injected into the next step.
    pub(super) fail: Option<Failure>,
    /// Size of the last object.
    pub(super) last_bytes: u64,
    /// Within a scene: after which of its steps something else happens, a bit per step.
    pub(super) noise: u8,
    /// The scenes written, a bit for each number.
    pub(super) scenes: u64,
}

impl<'a, 'p> Script<'a, 'p> {
    /// An empty program of at most `cap` steps.
    pub(super) fn new(
        input: Input<'a>,
        picture: &'p mut Picture,
        weights: Weights,
        steps: &'p mut Vec<program::Step>,
        cap: usize,
    ) -> Script<'a, 'p> {
        Script {
            input,
            picture,
            steps,
            cap,
            weights,
            cpu: CpuId(0),
            fail: None,
            last_bytes: 92,
            noise: 0,
            scenes: 0,
        }
    }

    /// The next byte of the input.
    #[inline]
    pub(super) fn byte(&mut self) -> u8 {
        self.input.byte()
    }

    /// Steps written so far.
    pub(super) fn written(&self) -> usize {
        self.steps.len()
    }

    /// Whether no step can be added.
    pub(super) fn is_full(&self) -> bool {
        self.steps.len() >= self.cap
    }

    /// Nothing is added to what is written.
    pub(super) fn close(&mut self) {
        self.cap = self.steps.len();
    }

    /// Whether there is nothing left to do.
    pub(super) fn is_over(&self) -> bool {
        self.is_full() || self.input.is_empty()
    }

    #[inline]
    pub(super) fn push(&mut self, at: CpuId, op: Op) {
        if self.picture.mapped.busy() != 0 {
            self.end_half(self.picture.runner(at));
        }
        if self.picture.files.busy() != 0 && !matches!(op, Op::Shmem(ShmemOp::Stage(_))) {
            self.end_fault(self.picture.runner(at));
        }
        if self.is_full() {
            return;
        }
        let step = Step { cpu: self.picture.runner(at), op, fail: self.fail.take() };
        self.steps.push(program::Step::op(step));
        if self.noise != 0 {
            self.make_noise();
        }
    }

    #[cold]
    fn make_noise(&mut self) {
        let noise = std::mem::take(&mut self.noise);
        if noise & 1 != 0 {
            self.random_step();
            self.fail = None;
        }
        self.noise = noise >> 1;
    }

    /// Whether the step about to be written probably fails because of what is injected into it.
    pub(super) fn will_fail(&self) -> bool {
        self.fail == Some(Failure::Alloc)
    }

    // Groups

    pub(super) fn mkdir(&mut self, at: CpuId, parent: GroupId, max: Limit, swap_max: Limit) -> GroupId {
        if self.is_full() || !self.picture.has_room_for_group() {
            return self.picture.groups.choose(0).map_or(GroupId::ROOT, |group| GroupId(group.into()));
        }
        debug_assert!(parent.index() < GROUPS);
        let fails = self.fail.and_then(Failure::allocation).is_some();
        let new = self.picture.mkdir(parent, max, swap_max, fails);
        self.push(at, Op::Mkdir { new, parent, max, swap_max });
        new
    }

    pub(super) fn rmdir(&mut self, at: CpuId, group: GroupId) {
        self.picture.rmdir(group);
        self.push(at, Op::Rmdir { group });
    }

    pub(super) fn set_max(&mut self, at: CpuId, group: GroupId, max: Limit) {
        self.picture.set_max(group, max);
        self.push(at, Op::SetMax { group, max });
    }

    pub(super) fn set_swap_max(&mut self, at: CpuId, group: GroupId, max: Limit) {
        self.picture.set_swap_max(group, max);
        self.push(at, Op::SetSwapMax { group, max });
    }

    pub(super) fn set_memsw_max(&mut self, at: CpuId, group: GroupId, max: Limit) {
        self.picture.set_memsw_max(group, max);
        self.push(at, Op::SetMemswMax { group, max });
    }

    pub(super) fn set_kmem_max(&mut self, at: CpuId, group: GroupId, max: Limit) {
        self.push(at, Op::SetKmemMax { group, max });
    }

    // Folios

    pub(super) fn charge(&mut self, at: CpuId, group: GroupId, pages: u64) -> ChargeId {
        self.charge_folio(at, group, pages, false)
    }

    pub(super) fn charge_force(&mut self, at: CpuId, group: GroupId, pages: u64) -> ChargeId {
        self.charge_folio(at, group, pages, true)
    }

    fn charge_folio(&mut self, at: CpuId, group: GroupId, pages: u64, force: bool) -> ChargeId {
        if self.is_full() {
            return ChargeId(0);
        }
        let pages = pages.max(1);
        let new = ChargeId(self.picture.charge(group, pages, force, self.will_fail()).into());
        self.push(at, Op::Charge { new, group, pages: Pages(pages), force });
        new
    }

    pub(super) fn uncharge(&mut self, at: CpuId, charge: ChargeId) {
        self.picture.uncharge(charge.0 as u8);
        self.push(at, Op::Uncharge { charge });
    }

    // Objects

    pub(super) fn objcg(&mut self, at: CpuId, group: GroupId) -> ObjcgId {
        if self.is_full() {
            return ObjcgId(0);
        }
        let new = ObjcgId(self.picture.objcg_from(group).into());
        self.push(at, Op::ObjcgFrom { new, group });
        new
    }

    pub(super) fn objcg_get(&mut self, at: CpuId, held: ObjcgId) -> ObjcgId {
        if self.is_full() {
            return ObjcgId(0);
        }
        let new = ObjcgId(self.picture.objcg_get(held.0 as u8).into());
        self.push(at, Op::ObjcgGet { new, held });
        new
    }

    pub(super) fn objcg_put(&mut self, at: CpuId, held: ObjcgId) {
        self.picture.objcg_put(held.0 as u8);
        self.push(at, Op::ObjcgPut { held });
    }

    pub(super) fn obj_charge(&mut self, at: CpuId, objcg: ObjcgId, bytes: u64) -> ObjectId {
        self.charge_object(at, objcg, bytes, false)
    }

    pub(super) fn obj_charge_force(&mut self, at: CpuId, objcg: ObjcgId, bytes: u64) -> ObjectId {
        self.charge_object(at, objcg, bytes, true)
    }

    fn charge_object(&mut self, at: CpuId, objcg: ObjcgId, bytes: u64, force: bool) -> ObjectId {
        if self.is_full() {
            return ObjectId(0);
        }
        let new = ObjectId(self.picture.obj_charge(objcg.0 as u8, bytes, self.will_fail()).into());
        self.push(at, Op::ObjCharge { new, objcg, bytes: Bytes(bytes), force });
        new
    }

    pub(super) fn obj_uncharge(&mut self, at: CpuId, object: ObjectId) {
        self.picture.obj_uncharge(object.0 as u8);
        self.push(at, Op::ObjUncharge { object });
    }

    // Swap

    pub(super) fn swap_out(&mut self, at: CpuId, charge: ChargeId) -> SlotId {
        if self.is_full() {
            return SlotId(0);
        }
        let new = SlotId(self.picture.swap_out(charge.0 as u8).into());
        self.push(at, Op::SwapOut { new, charge });
        new
    }

    pub(super) fn swap_in(&mut self, at: CpuId, slot: SlotId, faulter: GroupId) -> ChargeId {
        if self.is_full() {
            return ChargeId(0);
        }
        let new = ChargeId(self.picture.swap_in(slot.0 as u8, faulter, self.will_fail()).into());
        self.push(at, Op::SwapIn { new, slot, faulter });
        new
    }

    pub(super) fn swap_free(&mut self, at: CpuId, slot: SlotId) {
        self.picture.swap_free(slot.0 as u8);
        self.push(at, Op::SwapFree { slot });
    }

    // CPUs

    /// Take `target` down, on `at` or, where that is the same CPU, on another. The last CPU stays up.
    pub(super) fn cpu_down(&mut self, at: CpuId, target: CpuId) {
        // What is written between the steps that these write may take other CPUs down.
        self.end_half(target);
        self.end_fault(target);
        let at = self.picture.runner(at);
        let by = if at == target { self.picture.other_cpu(target, 0) } else { Some(at) };
        if let Some(by) = by {
            self.picture.cpu_down(target);
            self.push(by, Op::CpuDown { target });
        }
    }

    pub(super) fn cpu_up(&mut self, at: CpuId, target: CpuId) {
        let by = self.picture.runner(at);
        self.picture.cpu_up(target);
        self.push(by, Op::CpuUp { target });
    }

    pub(super) fn isolate(&mut self, at: CpuId, target: CpuId) {
        self.picture.isolate(target);
        self.push(at, Op::CpuIsolate { target });
    }

    pub(super) fn unisolate(&mut self, at: CpuId, target: CpuId) {
        self.picture.unisolate(target);
        self.push(at, Op::CpuUnisolate { target });
    }

    // Deferred things

    pub(super) fn drain(&mut self, at: CpuId) {
        self.push(at, Op::Drain);
    }

    pub(super) fn drain_all(&mut self, at: CpuId, group: GroupId) {
        self.push(at, Op::DrainAll { group });
    }

    pub(super) fn work(&mut self, at: CpuId) {
        self.picture.work();
        self.push(at, Op::Work);
    }

    pub(super) fn grace(&mut self, at: CpuId) {
        self.push(at, Op::Grace);
    }

    pub(super) fn quiesce(&mut self, at: CpuId) {
        self.picture.quiesce();
        self.push(at, Op::Quiesce);
    }
}
