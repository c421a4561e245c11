//! The direct profile: tags, operands and header values are taken literally, so that every sequential program
//! has bytes ([`super::encode()`]) and a fuzzer can start from a trace.
//!
//! ```text
//! profile  cpus  mode  ids  slots  step…
//! step:    [fail prefix] [irq prefix] [name prefix, name]  tag  cpu  operand…  value…
//! ```
//! An operand byte is the number of what it names; a byte too large for what exists so far is folded into it.
//! Names follow one another without gaps unless a prefix says otherwise. Where a program comes from other
//! bytes than `encode`'s, a name that is taken is replaced by the next free one.

mod mm;

use super::input::Input;
use super::number::{self, MOST_BYTES, MOST_PAGES};
use super::tags::{Kind, Tag};
use crate::program::{Header, Program, Step};
use stocktake_model::{
    Bytes, ChargeId, CpuId, Failure, GroupId, Limit, MappedOp, Mode, ObjcgId, ObjectId, Op, Pages, SlotId,
};

/// The most steps of a program in the direct profile, and the end of the numbers that can be names.
pub const MAX_DIRECT_STEPS: usize = 4096;
pub(super) const NAMES: u16 = MAX_DIRECT_STEPS as u16;
/// An operand or a name of two bytes follows.
pub(super) const ESCAPE: u8 = 0xff;
/// Name bytes below this skip so many names.
pub(super) const GAPS: u8 = 16;

/// Which names of one kind have been given.
pub(super) struct Given {
    taken: [u64; MAX_DIRECT_STEPS / 64],
    /// One more than the highest.
    pub(super) next: u16,
}

impl Given {
    const NONE: Given = Given { taken: [0; MAX_DIRECT_STEPS / 64], next: 0 };

    /// Whether something can be created under this number.
    pub(super) fn is_free(&self, number: u16) -> bool {
        number < NAMES && self.taken[usize::from(number) / 64] & (1 << (number % 64)) == 0
    }

    /// Something was created under this number.
    pub(super) fn give(&mut self, number: u16) {
        self.taken[usize::from(number) / 64] |= 1 << (number % 64);
        self.next = self.next.max(number + 1);
    }
}

/// Everything that both directions keep while they walk over a program.
pub(super) struct Walk {
    pub(super) cpus: u8,
    pub(super) groups: Given,
    pub(super) objcgs: Given,
    pub(super) charges: Given,
    pub(super) objects: Given,
    pub(super) slots: Given,
    pub(super) tasks: Given,
    pub(super) users: Given,
    pub(super) caches: Given,
    pub(super) slab_objects: Given,
    pub(super) files: Given,
}

impl Walk {
    /// Before the first step.
    pub(super) fn new(cpus: u8) -> Walk {
        let mut groups = Given::NONE;
        groups.give(GroupId::ROOT.0);
        let [objcgs, charges, objects, slots, tasks, users, caches, slab_objects, files] = [Given::NONE; 9];
        Walk { cpus, groups, objcgs, charges, objects, slots, tasks, users, caches, slab_objects, files }
    }
}

/// Read a program; `input` begins behind the profile byte. Only one with lanes has interrupts.
pub(super) fn decode(input: &mut Input<'_>, program: &mut Program, lanes: bool) {
    let header = &mut program.header;
    header.cpus = match input.byte() {
        literal @ 1..=Header::MAX_CPUS => literal,
        _ => 2,
    };
    header.mode = match input.byte() {
        1 => Mode::V1,
        2 => Mode::V1Flat,
        _ => Mode::V2,
    };
    header.ids = number::read(input, u64::from(Header::MAX_IDS)).max(1) as u16;
    header.slots = number::read(input, u64::from(Header::MAX_IDS)) as u16;
    let mut reader = Reader { walk: Walk::new(header.cpus), name: None };
    let (mut fail, mut irq) = (None, false);
    while !input.is_empty() && program.steps.len() < MAX_DIRECT_STEPS {
        match Tag::of_byte(input.byte()) {
            Tag::FailAlloc => fail = Some(Failure::Alloc),
            Tag::FailAlloc2 => fail = Some(Failure::Alloc2),
            Tag::FailAlloc3 => fail = Some(Failure::Alloc3),
            Tag::FailTrylock => fail = Some(Failure::Trylock),
            Tag::FailInsert => fail = Some(Failure::Insert),
            Tag::Irq => irq = lanes,
            Tag::Name => reader.name = Some(input.byte()).map(|byte| (byte, read_escaped(byte, input))),
            Tag::Op(kind) => {
                let cpu = reader.cpu(input);
                if let Some(op) = reader.op(kind, input) {
                    let step = Step::op(stocktake_model::Step { cpu, op, fail });
                    program.steps.push(Step { irq, ..step });
                }
                (fail, irq, reader.name) = (None, false, None);
            }
        }
    }
}

fn read_escaped(byte: u8, input: &mut Input<'_>) -> u16 {
    if byte == ESCAPE { input.little_endian::<2>() as u16 % NAMES } else { u16::from(byte) }
}

pub(super) struct Reader {
    pub(super) walk: Walk,
    /// The name prefix before the operation: its first byte, and that byte or the escaped number.
    name: Option<(u8, u16)>,
}

impl Reader {
    fn cpu(&self, input: &mut Input<'_>) -> CpuId {
        CpuId(input.byte() % self.walk.cpus)
    }

    /// The operation, or `None` where it would create something and all names have been given.
    fn op(&mut self, kind: Kind, input: &mut Input<'_>) -> Option<Op> {
        let name = self.name;
        let walk = &mut self.walk;
        Some(match kind {
            Kind::Mkdir => {
                let parent = GroupId(operand(&walk.groups, input));
                let (max, swap_max) = (limit(input), limit(input));
                Op::Mkdir { new: GroupId(create(&mut walk.groups, name)?), parent, max, swap_max }
            }
            Kind::Rmdir => Op::Rmdir { group: GroupId(operand(&walk.groups, input)) },
            Kind::SetMax => Op::SetMax { group: GroupId(operand(&walk.groups, input)), max: limit(input) },
            Kind::SetSwapMax => {
                Op::SetSwapMax { group: GroupId(operand(&walk.groups, input)), max: limit(input) }
            }
            Kind::SetKmemMax => {
                Op::SetKmemMax { group: GroupId(operand(&walk.groups, input)), max: limit(input) }
            }
            Kind::SetMemswMax => {
                Op::SetMemswMax { group: GroupId(operand(&walk.groups, input)), max: limit(input) }
            }
            Kind::Charge | Kind::ChargeForce => {
                let group = GroupId(operand(&walk.groups, input));
                let pages = Pages(number::read(input, MOST_PAGES).max(1));
                let new = ChargeId(create(&mut walk.charges, name)?);
                Op::Charge { new, group, pages, force: kind == Kind::ChargeForce }
            }
            Kind::Uncharge => Op::Uncharge { charge: ChargeId(operand(&walk.charges, input)) },
            Kind::ObjcgFrom => {
                let group = GroupId(operand(&walk.groups, input));
                Op::ObjcgFrom { new: ObjcgId(create(&mut walk.objcgs, name)?), group }
            }
            Kind::ObjcgGet => {
                let held = ObjcgId(operand(&walk.objcgs, input));
                Op::ObjcgGet { new: ObjcgId(create(&mut walk.objcgs, name)?), held }
            }
            Kind::ObjcgPut => Op::ObjcgPut { held: ObjcgId(operand(&walk.objcgs, input)) },
            Kind::ObjCharge | Kind::ObjChargeForce => {
                let objcg = ObjcgId(operand(&walk.objcgs, input));
                let bytes = Bytes(number::read(input, MOST_BYTES).max(1));
                let new = ObjectId(create(&mut walk.objects, name)?);
                Op::ObjCharge { new, objcg, bytes, force: kind == Kind::ObjChargeForce }
            }
            Kind::ObjUncharge => Op::ObjUncharge { object: ObjectId(operand(&walk.objects, input)) },
            Kind::SwapOut => {
                let charge = ChargeId(operand(&walk.charges, input));
                Op::SwapOut { new: SlotId(create(&mut walk.slots, name)?), charge }
            }
            Kind::SwapIn => {
                let slot = SlotId(operand(&walk.slots, input));
                let faulter = GroupId(operand(&walk.groups, input));
                Op::SwapIn { new: ChargeId(create(&mut walk.charges, name)?), slot, faulter }
            }
            Kind::SwapFree => Op::SwapFree { slot: SlotId(operand(&walk.slots, input)) },
            Kind::CacheCreate | Kind::CacheDestroy | Kind::SlabAlloc | Kind::SlabFree => {
                return self.slab_op(kind, name, input);
            }
            Kind::PageFile
            | Kind::PageAnon
            | Kind::PageHugetlb
            | Kind::FreeList
            | Kind::ShmemFile
            | Kind::ShmemFault
            | Kind::ShmemLookup
            | Kind::ShmemRead
            | Kind::ShmemLock
            | Kind::ShmemConfirm
            | Kind::ShmemCharge
            | Kind::ShmemInsert
            | Kind::ShmemFinish
            | Kind::ShmemWrite
            | Kind::ShmemOut
            | Kind::ShmemWritten
            | Kind::SwapNotify
            | Kind::ShmemPunch
            | Kind::SwapReclaim
            | Kind::Swapoff => {
                return self.page_or_shmem_op(kind, name, input);
            }
            Kind::CpuDown => Op::CpuDown { target: self.cpu(input) },
            Kind::CpuUp => Op::CpuUp { target: self.cpu(input) },
            Kind::CpuIsolate => Op::CpuIsolate { target: self.cpu(input) },
            Kind::CpuUnisolate => Op::CpuUnisolate { target: self.cpu(input) },
            Kind::Drain => Op::Drain,
            Kind::DrainAll => Op::DrainAll { group: GroupId(operand(&walk.groups, input)) },
            Kind::Map => Op::Mapped(MappedOp::Map { charge: ChargeId(operand(&walk.charges, input)) }),
            Kind::MapBegin => {
                Op::Mapped(MappedOp::MapBegin { charge: ChargeId(operand(&walk.charges, input)) })
            }
            Kind::MapEnd => Op::Mapped(MappedOp::MapEnd { charge: ChargeId(operand(&walk.charges, input)) }),
            Kind::Unmap => Op::Mapped(MappedOp::Unmap { charge: ChargeId(operand(&walk.charges, input)) }),
            Kind::UnmapBegin => {
                Op::Mapped(MappedOp::UnmapBegin { charge: ChargeId(operand(&walk.charges, input)) })
            }
            Kind::UnmapEnd => {
                Op::Mapped(MappedOp::UnmapEnd { charge: ChargeId(operand(&walk.charges, input)) })
            }
            Kind::MoveStart | Kind::MoveEnd => {
                let from = GroupId(operand(&walk.groups, input));
                let to = GroupId(operand(&walk.groups, input));
                Op::Mapped(match kind {
                    Kind::MoveStart => MappedOp::MoveStart { from, to },
                    _ => MappedOp::MoveEnd { from, to },
                })
            }
            Kind::MovePage => {
                let charge = ChargeId(operand(&walk.charges, input));
                Op::Mapped(MappedOp::MovePage { charge, to: GroupId(operand(&walk.groups, input)) })
            }
            Kind::ForceEmpty => {
                Op::Mapped(MappedOp::ForceEmpty { group: GroupId(operand(&walk.groups, input)) })
            }
            Kind::Work => Op::Work,
            Kind::Grace => Op::Grace,
            Kind::Quiesce => Op::Quiesce,
            room => Op::Mm(mm::op(walk, room, name, input)?),
        })
    }
}

pub(super) fn operand(given: &Given, input: &mut Input<'_>) -> u16 {
    match input.byte() {
        ESCAPE => read_escaped(ESCAPE, input),
        byte => u16::from(byte) % given.next.max(1),
    }
}

pub(super) fn create(given: &mut Given, name: Option<(u8, u16)>) -> Option<u16> {
    let wanted = match name {
        Some((ESCAPE, absolute)) => absolute,
        Some((gap, _)) => given.next.saturating_add(u16::from(gap % GAPS)),
        None => given.next,
    };
    let number = if given.is_free(wanted) { wanted } else { given.next };
    given.is_free(number).then(|| {
        given.give(number);
        number
    })
}

fn limit(input: &mut Input<'_>) -> Limit {
    Limit(number::read_limit(input).map(Pages))
}
