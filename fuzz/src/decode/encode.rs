//! From a program to bytes of the direct profile.

mod mm;

use super::Profile;
use super::direct::{ESCAPE, GAPS, MAX_DIRECT_STEPS, NAMES, Walk};
use super::number::{self, MOST_BYTES, MOST_LIMIT, MOST_PAGES};
use super::tags::{self, Kind};
use crate::program::{Action, Header, Program};
use stocktake_model::{CpuId, Failure, GroupId, Limit, MappedOp, Mode, Op, PageOp, Pages, ShmemOp, SlabOp};

/// Why a program has no bytes in the direct profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unencodable {
    /// It has lanes.
    #[error("the program is parallel from step {0} on; only sequential programs are inputs of this engine")]
    Parallel(usize),
    /// A number of the header is out of range.
    #[error("`{what} {found}` cannot be encoded: it must be from {min} to {max}")]
    Header {
        /// The header line.
        what: &'static str,
        /// Its value.
        found: u64,
        /// The least allowed.
        min: u64,
        /// The most allowed.
        max: u64,
    },
    /// It has too many operations.
    #[error("the program has {0} operations; at most {MAX_DIRECT_STEPS} can be encoded: minimise it first")]
    TooLong(usize),
    /// A step names a CPU that the header does not have.
    #[error("step {step} uses CPU {cpu}, but the program has only {cpus} CPUs: raise `cpus`")]
    Cpu {
        /// Index of the step.
        step: usize,
        /// The CPU.
        cpu: u8,
        /// CPUs of the header.
        cpus: u8,
    },
    /// A name's number is too large.
    #[error("step {step} uses number {number} as a name; only numbers below {NAMES} can be encoded")]
    Name {
        /// Index of the step.
        step: usize,
        /// The number.
        number: u16,
    },
    /// Something is created under a name that is taken.
    #[error("step {step} creates number {number} of its kind, which exists already: give it a fresh number")]
    Taken {
        /// Index of the step.
        step: usize,
        /// The number.
        number: u16,
    },
    /// A size, count or limit is out of range.
    #[error("step {step} has the value {value}, which cannot be encoded: it must be from {min} to {max}")]
    Value {
        /// Index of the step.
        step: usize,
        /// The value.
        value: u64,
        /// The least allowed.
        min: u64,
        /// The most allowed.
        max: u64,
    },
}

/// The bytes of the direct profile that decode into the operations of `program`.
///
/// Only what a fuzzer mutates is carried: CPUs, mode, ids, slots, and each operation with its CPU and its injected
/// failure. The design, faults, `expect`, names, insisted outcomes, line numbers and assertions are dropped.
///
/// # Errors
/// [`Unencodable`] where the program has lanes, or numbers that the format has no place for.
pub fn encode(program: &Program) -> Result<Vec<u8>, Unencodable> {
    if let Some(step) = program.parallel {
        return Err(Unencodable::Parallel(step));
    }
    literal(program, vec![Profile::Direct.byte()])
}

/// Behind `out`: what follows the profile byte, whether the program has lanes or not.
pub(super) fn literal(program: &Program, mut out: Vec<u8>) -> Result<Vec<u8>, Unencodable> {
    let header = &program.header;
    let ranged = |what, found: u16, min: u64, max: u16| {
        let (found, max) = (u64::from(found), u64::from(max));
        if (min..=max).contains(&found) {
            Ok(found)
        } else {
            Err(Unencodable::Header { what, found, min, max })
        }
    };
    ranged("cpus", u16::from(header.cpus), 1, u16::from(Header::MAX_CPUS))?;
    let mode = match header.mode {
        Mode::V2 => 0,
        Mode::V1 => 1,
        Mode::V1Flat => 2,
    };
    out.extend([header.cpus, mode]);
    number::write(ranged("ids", header.ids, 1, Header::MAX_IDS)?, &mut out);
    number::write(ranged("slots", header.slots, 0, Header::MAX_IDS)?, &mut out);
    let operations = program.steps.iter().filter(|step| matches!(step.action, Action::Op(_))).count();
    if operations > MAX_DIRECT_STEPS {
        return Err(Unencodable::TooLong(operations));
    }
    let mut writer = Writer { walk: Walk::new(header.cpus), out, step: 0 };
    for (at, step) in program.steps.iter().enumerate() {
        let irq = step.irq;
        if let Action::Op(step) = &step.action {
            writer.step = at;
            if irq {
                writer.out.push(tags::IRQ);
            }
            writer.write(step)?;
        }
    }
    Ok(writer.out)
}

pub(super) struct Writer {
    pub(super) walk: Walk,
    pub(super) out: Vec<u8>,
    /// Index of the step being written, for errors.
    step: usize,
}

impl Writer {
    fn write(&mut self, step: &stocktake_model::Step) -> Result<(), Unencodable> {
        match step.fail {
            Some(Failure::Alloc) => self.out.push(tags::FAIL_ALLOC),
            Some(Failure::Alloc2) => self.out.push(tags::FAIL_ALLOC2),
            Some(Failure::Alloc3) => self.out.push(tags::FAIL_ALLOC3),
            Some(Failure::Trylock) => self.out.push(tags::FAIL_TRYLOCK),
            Some(Failure::Insert) => self.out.push(tags::FAIL_INSERT),
            None => {}
        }
        let at = self.step;
        // A name precedes the operation but is given only after it: its operands are counted before.
        let name = match step.op {
            Op::Mkdir { new, .. } => Some((&mut self.walk.groups, new.0)),
            Op::ObjcgFrom { new, .. } | Op::ObjcgGet { new, .. } => Some((&mut self.walk.objcgs, new.0)),
            Op::Charge { new, .. } | Op::SwapIn { new, .. } => Some((&mut self.walk.charges, new.0)),
            Op::ObjCharge { new, .. } => Some((&mut self.walk.objects, new.0)),
            Op::SwapOut { new, .. } => Some((&mut self.walk.slots, new.0)),
            Op::Mm(ref op) => self.mm_name(op),
            Op::Page(PageOp::File { new, .. } | PageOp::Anon { new, .. } | PageOp::Hugetlb { new }) => {
                Some((&mut self.walk.charges, new.0))
            }
            Op::Shmem(ShmemOp::File { new }) => Some((&mut self.walk.files, new.0)),
            Op::Slab(SlabOp::CreateCache { new, .. }) => Some((&mut self.walk.caches, new.0)),
            Op::Slab(SlabOp::Alloc { new, .. }) => Some((&mut self.walk.slab_objects, new.0)),
            _ => None,
        };
        if let Some((given, number)) = name {
            let number = (given.next, given.is_free(number), number);
            write_name(number, at, &mut self.out)?;
        }
        self.out.push(Kind::of(&step.op).tag());
        self.cpu(step.cpu)?;
        self.operands(&step.op)
    }

    fn operands(&mut self, op: &Op) -> Result<(), Unencodable> {
        match *op {
            Op::Mkdir { new, parent, max, swap_max } => {
                self.group(parent)?;
                self.limit(max)?;
                self.limit(swap_max)?;
                self.walk.groups.give(new.0);
            }
            Op::Rmdir { group } | Op::DrainAll { group } => self.group(group)?,
            Op::SetMax { group, max }
            | Op::SetSwapMax { group, max }
            | Op::SetMemswMax { group, max }
            | Op::SetKmemMax { group, max } => {
                self.group(group)?;
                self.limit(max)?;
            }
            Op::Charge { new, group, pages, force: _ } => {
                self.group(group)?;
                self.value(pages.0, 1, MOST_PAGES)?;
                self.walk.charges.give(new.0);
            }
            Op::Uncharge { charge } => self.operand(charge.0, self.walk.charges.next)?,
            Op::ObjcgFrom { new, group } => {
                self.group(group)?;
                self.walk.objcgs.give(new.0);
            }
            Op::ObjcgGet { new, held } => {
                self.operand(held.0, self.walk.objcgs.next)?;
                self.walk.objcgs.give(new.0);
            }
            Op::ObjcgPut { held } => self.operand(held.0, self.walk.objcgs.next)?,
            Op::ObjCharge { new, objcg, bytes, force: _ } => {
                self.operand(objcg.0, self.walk.objcgs.next)?;
                self.value(bytes.0, 1, MOST_BYTES)?;
                self.walk.objects.give(new.0);
            }
            Op::ObjUncharge { object } => self.operand(object.0, self.walk.objects.next)?,
            Op::SwapOut { new, charge } => {
                self.operand(charge.0, self.walk.charges.next)?;
                self.walk.slots.give(new.0);
            }
            Op::SwapIn { new, slot, faulter } => {
                self.operand(slot.0, self.walk.slots.next)?;
                self.group(faulter)?;
                self.walk.charges.give(new.0);
            }
            Op::SwapFree { slot } => self.operand(slot.0, self.walk.slots.next)?,
            Op::Slab(op) => self.slab_operands(&op)?,
            Op::Page(op) => self.page_operands(&op)?,
            Op::Shmem(op) => self.shmem_operands(&op)?,
            Op::Mapped(op) => match op {
                MappedOp::Map { charge }
                | MappedOp::MapBegin { charge }
                | MappedOp::MapEnd { charge }
                | MappedOp::Unmap { charge }
                | MappedOp::UnmapBegin { charge }
                | MappedOp::UnmapEnd { charge } => self.operand(charge.0, self.walk.charges.next)?,
                MappedOp::MoveStart { from, to } | MappedOp::MoveEnd { from, to } => {
                    self.group(from)?;
                    self.group(to)?;
                }
                MappedOp::MovePage { charge, to } => {
                    self.operand(charge.0, self.walk.charges.next)?;
                    self.group(to)?;
                }
                MappedOp::ForceEmpty { group } => self.group(group)?,
            },
            Op::CpuDown { target }
            | Op::CpuUp { target }
            | Op::CpuIsolate { target }
            | Op::CpuUnisolate { target } => self.cpu(target)?,
            Op::Mm(ref op) => self.mm_operands(op)?,
            Op::Drain | Op::Work | Op::Grace | Op::Quiesce => {}
        }
        Ok(())
    }

    fn cpu(&mut self, cpu: CpuId) -> Result<(), Unencodable> {
        if cpu.0 >= self.walk.cpus {
            return Err(Unencodable::Cpu { step: self.step, cpu: cpu.0, cpus: self.walk.cpus });
        }
        self.out.push(cpu.0);
        Ok(())
    }

    pub(super) fn group(&mut self, group: GroupId) -> Result<(), Unencodable> {
        self.operand(group.0, self.walk.groups.next)
    }

    pub(super) fn operand(&mut self, number: u16, next: u16) -> Result<(), Unencodable> {
        if number >= NAMES {
            return Err(Unencodable::Name { step: self.step, number });
        }
        match u8::try_from(number) {
            Ok(byte) if number < next && byte != ESCAPE => self.out.push(byte),
            _ => {
                self.out.push(ESCAPE);
                self.out.extend_from_slice(&number.to_le_bytes());
            }
        }
        Ok(())
    }

    pub(super) fn value(&mut self, value: u64, min: u64, max: u64) -> Result<(), Unencodable> {
        if !(min..=max).contains(&value) {
            return Err(Unencodable::Value { step: self.step, value, min, max });
        }
        number::write(value, &mut self.out);
        Ok(())
    }

    fn limit(&mut self, limit: Limit) -> Result<(), Unencodable> {
        match limit.0 {
            Some(Pages(pages)) => self.value(pages, 0, MOST_LIMIT),
            None => {
                number::write_limit(None, &mut self.out);
                Ok(())
            }
        }
    }
}

fn write_name(
    (next, free, number): (u16, bool, u16),
    step: usize,
    out: &mut Vec<u8>,
) -> Result<(), Unencodable> {
    if number >= NAMES {
        return Err(Unencodable::Name { step, number });
    }
    if !free {
        return Err(Unencodable::Taken { step, number });
    }
    match number.checked_sub(next) {
        Some(0) => {}
        Some(gap) if gap < u16::from(GAPS) => out.extend_from_slice(&[tags::NAME, gap as u8]),
        _ => {
            out.extend_from_slice(&[tags::NAME, ESCAPE]);
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
    Ok(())
}
