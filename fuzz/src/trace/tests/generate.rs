//! Random programs that are right: dense numbers, operands that exist, lanes that keep to themselves.

use super::super::visit::Kind;
use crate::program::{Action, Assertion, Drive, Expect, Header, Program, State, Step, interrupts};
use stocktake_impl::{Fault, VARIANTS};
use stocktake_model::{
    Bytes, CacheId, ChargeId, CpuId, Errno, Failure, FileId, FreeList, GroupId, Limit, MappedOp, MmEvent,
    MmOp, MmUserId, Mode, ObjcgId, ObjectId, Op, Outcome, PageOp, Pages, Ran, ShmemOp, ShmemStage,
    SlabObjectId, SlabOp, SlotId, TaskId, Via,
};

/// A small deterministic source of random numbers (SplitMix64).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.roll(n) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len() as u64) as usize]
    }
}

/// What exists, by kind: its number is the index, the lane that it belongs to the value.
type Existing = [Vec<Option<CpuId>>; Kind::ALL.len()];

struct Generator<'d> {
    dice: &'d mut Dice,
    existing: Existing,
    cpu: CpuId,
    cpus: u8,
    is_parallel: bool,
}

/// A random program; half of them have names.
pub(super) fn program(dice: &mut Dice) -> Program {
    let header = header(dice);
    let cpus = header.cpus;
    let length = dice.roll(40) as usize;
    let parallel = dice.one_in(2).then(|| dice.roll(length as u64 + 1) as usize);
    let mut generator =
        Generator { dice, existing: Existing::default(), cpu: CpuId(0), cpus, is_parallel: false };
    generator.existing[Kind::Group as usize].push(None);
    let steps = (0..length)
        .map(|i| {
            generator.is_parallel = parallel.is_some_and(|first| i >= first);
            generator.step()
        })
        .collect();
    let mut program = Program { header, steps, parallel, ..Program::default() };
    if dice.one_in(2) {
        for names in [
            &mut program.names.groups,
            &mut program.names.objcgs,
            &mut program.names.charges,
            &mut program.names.objects,
            &mut program.names.slots,
            &mut program.names.tasks,
            &mut program.names.users,
            &mut program.names.caches,
            &mut program.names.slab_objects,
            &mut program.names.files,
        ] {
            // Collisions, names that cannot be, and gaps are all to be expected.
            let names_to_give = ["", "A", "B", "p1", "g2", "o1", "p1_2", "c0", "ok", "9", "a b", "x_1"];
            *names = (0..dice.roll(8)).map(|_| dice.pick(&names_to_give).to_owned()).collect();
        }
    }
    program
}

fn header(dice: &mut Dice) -> Header {
    let cpus = dice.roll(8) as u8 + 1;
    let mut design = dice.pick(VARIANTS).design();
    let other = dice.pick(VARIANTS);
    let _ = design.choose(other.room, other.name);
    let first = dice.roll(Fault::ALL.len() as u64) as usize;
    Header {
        cpus,
        mode: dice.pick(&[Mode::V2, Mode::V1, Mode::V1Flat]),
        ids: dice.pick(&[1, 64, 4096]),
        slots: dice.pick(&[0, 64, 4096]),
        design,
        faults: Fault::ALL[first..].iter().copied().take(dice.roll(3) as usize).collect(),
        expect: match dice.roll(3) {
            0 => Expect::Ok,
            n => Expect::Violation {
                invariant: dice.pick(&["I1", "I9", "I10", "I17", "assert"]).to_owned(),
                signature: (n == 1).then(|| "I1.a-b_c".to_owned()),
            },
        },
        schedule: (0..dice.roll(6)).map(|_| dice.roll(u64::from(cpus)) as u8).collect(),
        drive: Drive::Explore,
    }
}

impl Generator<'_> {
    fn step(&mut self) -> Step {
        self.cpu = CpuId(self.dice.roll(u64::from(self.cpus)) as u8);
        // Any group that exists before, also those of other lanes.
        let groups = self.existing[Kind::Group as usize].len() as u64;
        let group = GroupId(self.dice.roll(groups) as u16);
        let made = loop {
            if let Some(made) = self.op() {
                break made;
            }
        };
        let op = match made {
            Made::Assertion(assertion) => {
                return Step {
                    action: Action::Assert(self.cpu, assertion),
                    outcome: None,
                    irq: false,
                    line: 0,
                };
            }
            Made::Op(op) => op,
        };
        let fail = match self.dice.roll(6) {
            0 => Some(Failure::Alloc),
            1 => Some(Failure::Trylock),
            2 => Some(Failure::Insert),
            _ => None,
        };
        let outcome = if matches!(op, Op::Mm(MmOp::Match { .. })) {
            Outcome::Is(self.dice.one_in(2))
        } else if op == Op::Work {
            let ran = [
                Ran::Nothing,
                Ran::Drain,
                Ran::Offline(group),
                Ran::Release(group),
                Ran::Create(group),
                Ran::Cache,
            ];
            Outcome::Ran(self.dice.pick(&ran))
        } else if matches!(op, Op::Shmem(ShmemOp::Fault { .. })) && self.dice.one_in(2) {
            self.dice.pick(&[Outcome::Small, Outcome::Read(0), Outcome::Read(u32::MAX)])
        } else if matches!(op, Op::Shmem(ShmemOp::Punch { .. })) && self.dice.one_in(2) {
            Outcome::Stranded
        } else {
            let errno =
                [Errno::NoMem, Errno::Busy, Errno::NoSpace, Errno::NoDev, Errno::Invalid, Errno::Exist];
            let errno = self.dice.pick(&errno);
            self.dice.pick(&[Outcome::Done, Outcome::To(group), Outcome::Refused(errno)])
        };
        let outcome = self.dice.one_in(3).then_some(outcome);
        let irq = self.is_parallel && interrupts(&op) && self.dice.one_in(2);
        Step { action: Action::Op(stocktake_model::Step { cpu: self.cpu, op, fail }), outcome, irq, line: 0 }
    }

    fn make(&mut self, kind: Kind) -> u16 {
        let existing = &mut self.existing[kind as usize];
        existing.push(self.is_parallel.then_some(self.cpu));
        existing.len() as u16 - 1
    }

    fn find(&mut self, kind: Kind) -> Option<u16> {
        let usable: Vec<u16> = self.existing[kind as usize]
            .iter()
            .enumerate()
            .filter(|(_, lane)| lane.is_none_or(|lane| lane == self.cpu))
            .map(|(i, _)| i as u16)
            .collect();
        (!usable.is_empty()).then(|| self.dice.pick(&usable))
    }

    fn mm_op(&mut self, group: GroupId) -> Option<MmOp> {
        let kind = self.dice.roll(18);
        if kind < 2 {
            let new = TaskId(self.make(Kind::Task));
            return Some(if kind == 0 { MmOp::Task { new, group } } else { MmOp::Kthread { new } });
        }
        let task = TaskId(self.find(Kind::Task)?);
        let through = match self.find(Kind::User) {
            Some(user) if self.dice.one_in(2) => Via::User(MmUserId(user)),
            _ => Via::Task(task),
        };
        Some(match kind {
            2 => MmOp::Use { kthread: task, of: TaskId(self.find(Kind::Task)?) },
            3 => MmOp::Fork { new: TaskId(self.make(Kind::Task)), parent: task },
            4 => MmOp::ForkBegin { new: TaskId(self.make(Kind::Task)), parent: task },
            5 => MmOp::ForkEnd { child: task },
            6 => MmOp::Thread { new: TaskId(self.make(Kind::Task)), of: task },
            7 => MmOp::Vfork { new: TaskId(self.make(Kind::Task)), parent: task },
            8 => MmOp::ExecMake { new: MmUserId(self.make(Kind::User)), task },
            9 => MmOp::ExecCommit { exec: MmUserId(self.find(Kind::User)?) },
            10 => MmOp::Exit { task },
            11 => MmOp::ExitBegin { task },
            12 => MmOp::ExitEnd { task },
            13 => MmOp::Migrate { task, group },
            14 if self.dice.one_in(2) => MmOp::Grab { new: MmUserId(self.make(Kind::User)), of: through },
            14 => MmOp::Get { new: MmUserId(self.make(Kind::User)), of: through },
            15 => MmOp::Put { user: MmUserId(self.find(Kind::User)?) },
            16 => {
                let pages = Pages(self.dice.pick(&[1, 64, 1 << 20]));
                MmOp::Charge { new: ChargeId(self.make(Kind::Charge)), through, pages }
            }
            _ => MmOp::Match { through, group },
        })
    }

    fn limit(&mut self) -> Limit {
        let pages = self.dice.pick(&[0, 1, 63, 64, 1 << 40]);
        if self.dice.one_in(2) { Limit::MAX } else { Limit::pages(pages) }
    }

    /// An operation whose operands exist; `None` if there are none for the kind that was rolled.
    fn op(&mut self) -> Option<Made> {
        let group = GroupId(self.find(Kind::Group)?);
        let (limit, target) = (self.limit(), CpuId(self.dice.roll(u64::from(self.cpus)) as u8));
        let count = self.dice.pick(&[0, 1, 4095, 1 << 53]);
        if self.dice.one_in(4) {
            return self.mm_op(group).map(|op| Made::Op(Op::Mm(op)));
        }
        Some(Made::Op(match self.dice.roll(37) {
            28 => {
                let (size, order) =
                    (Bytes(self.dice.pick(&[1, 256, SlabOp::MOST_SIZE])), self.dice.pick(&[0, 1, 3]));
                let rcu = self.dice.one_in(2);
                Op::Slab(SlabOp::CreateCache { new: CacheId(self.make(Kind::Cache)), size, order, rcu })
            }
            29 => Op::Slab(SlabOp::DestroyCache { cache: CacheId(self.find(Kind::Cache)?) }),
            30 => {
                let cache = CacheId(self.find(Kind::Cache)?);
                Op::Slab(SlabOp::Alloc { new: SlabObjectId(self.make(Kind::SlabObject)), cache, group })
            }
            32 => {
                let huge = self.dice.one_in(2);
                let pages = [
                    PageOp::File { new: ChargeId(0), group },
                    PageOp::Anon { new: ChargeId(0), group, huge },
                    PageOp::Hugetlb { new: ChargeId(0) },
                ];
                let mut op = self.dice.pick(&pages);
                match &mut op {
                    PageOp::File { new, .. } | PageOp::Anon { new, .. } | PageOp::Hugetlb { new } => {
                        *new = ChargeId(self.make(Kind::Charge));
                    }
                    PageOp::FreeList { .. } => {}
                }
                Op::Page(op)
            }
            33 => {
                let pages = [self.find(Kind::Charge)?, self.find(Kind::Charge)?, self.find(Kind::Charge)?];
                Op::Page(PageOp::FreeList { list: FreeList::new(pages.map(ChargeId))? })
            }
            34 => Op::Shmem(ShmemOp::File { new: FileId(self.make(Kind::File)) }),
            35 => {
                let (file, huge) = (FileId(self.find(Kind::File)?), self.dice.one_in(2));
                Op::Shmem(self.dice.pick(&[
                    ShmemOp::Fault { file, group, huge },
                    ShmemOp::Lookup { file, group, huge },
                    ShmemOp::Write { file },
                    ShmemOp::Out { file },
                    ShmemOp::Written { file },
                    ShmemOp::Notify { file },
                    ShmemOp::Punch { file },
                ]))
            }
            36 => {
                let stage = ShmemOp::Stage(self.dice.pick(&ShmemStage::ALL));
                Op::Shmem(self.dice.pick(&[stage, ShmemOp::Reclaim, ShmemOp::Swapoff { group }]))
            }
            31 => Op::Slab(SlabOp::Free { object: SlabObjectId(self.find(Kind::SlabObject)?) }),
            0 | 1 => {
                let swap_max = self.limit();
                Op::Mkdir { new: GroupId(self.make(Kind::Group)), parent: group, max: limit, swap_max }
            }
            2 => Op::Rmdir { group },
            3 => Op::SetMax { group, max: limit },
            4 => self.dice.pick(&[
                Op::SetSwapMax { group, max: limit },
                Op::SetMemswMax { group, max: limit },
                Op::SetKmemMax { group, max: limit },
            ]),
            5 => {
                let (pages, force) = (Pages(self.dice.pick(&[1, 64, 1 << 20])), self.dice.one_in(2));
                Op::Charge { new: ChargeId(self.make(Kind::Charge)), group, pages, force }
            }
            6 => Op::Uncharge { charge: ChargeId(self.find(Kind::Charge)?) },
            7 => Op::ObjcgFrom { new: ObjcgId(self.make(Kind::Objcg)), group },
            8 => {
                let held = ObjcgId(self.find(Kind::Objcg)?);
                Op::ObjcgGet { new: ObjcgId(self.make(Kind::Objcg)), held }
            }
            9 => Op::ObjcgPut { held: ObjcgId(self.find(Kind::Objcg)?) },
            10 => {
                let objcg = ObjcgId(self.find(Kind::Objcg)?);
                let bytes = Bytes(self.dice.pick(&[1, 4096, 1 << 30]));
                Op::ObjCharge {
                    new: ObjectId(self.make(Kind::Object)),
                    objcg,
                    bytes,
                    force: self.dice.one_in(2),
                }
            }
            11 => Op::ObjUncharge { object: ObjectId(self.find(Kind::Object)?) },
            12 => {
                let charge = ChargeId(self.find(Kind::Charge)?);
                Op::SwapOut { new: SlotId(self.make(Kind::Slot)), charge }
            }
            13 => {
                let slot = SlotId(self.find(Kind::Slot)?);
                Op::SwapIn { new: ChargeId(self.make(Kind::Charge)), slot, faulter: group }
            }
            14 => Op::SwapFree { slot: SlotId(self.find(Kind::Slot)?) },
            15 => self.dice.pick(&[Op::CpuDown { target }, Op::CpuUp { target }]),
            16 => self.dice.pick(&[Op::CpuIsolate { target }, Op::CpuUnisolate { target }]),
            17 => Op::DrainAll { group },
            18 | 19 => Op::Work,
            20 => self.dice.pick(&[Op::Drain, Op::Grace, Op::Quiesce]),
            23 => {
                let charge = ChargeId(self.find(Kind::Charge)?);
                Op::Mapped(self.dice.pick(&[
                    MappedOp::Map { charge },
                    MappedOp::MapBegin { charge },
                    MappedOp::MapEnd { charge },
                    MappedOp::Unmap { charge },
                    MappedOp::UnmapBegin { charge },
                    MappedOp::UnmapEnd { charge },
                    MappedOp::MovePage { charge, to: group },
                ]))
            }
            24 => {
                let to = GroupId(self.find(Kind::Group)?);
                Op::Mapped(self.dice.pick(&[
                    MappedOp::MoveStart { from: group, to },
                    MappedOp::MoveEnd { from: group, to },
                    MappedOp::ForceEmpty { group },
                ]))
            }
            21 => {
                let states = [State::Online, State::Offlining, State::Dying, State::Released, State::Freed];
                return Some(Made::Assertion(Assertion::State(group, self.dice.pick(&states))));
            }
            22 => {
                let objcg = ObjcgId(self.find(Kind::Objcg)?);
                return Some(Made::Assertion(self.dice.pick(&[
                    Assertion::Bytes(objcg, count),
                    Assertion::Leftover(objcg, count),
                    Assertion::Owner(objcg, group),
                ])));
            }
            _ => {
                if let Some(cache) = self.find(Kind::Cache).filter(|_| self.dice.one_in(3)) {
                    return Some(Made::Assertion(Assertion::CacheRefs(CacheId(cache), group, count)));
                }
                return Some(Made::Assertion(self.dice.pick(&[
                    Assertion::Refs(group, count),
                    Assertion::Usage(group, count),
                    Assertion::Swap(group, count),
                    Assertion::Memsw(group, count),
                    Assertion::Kmem(group, count),
                    Assertion::Event(group, MmEvent::MajorFault, count),
                    Assertion::Failcnt(group, count),
                    Assertion::Watermark(group, count),
                    Assertion::Ids(group, count),
                    Assertion::Stock(group, count),
                    Assertion::Visited(count),
                    Assertion::Stranded(count),
                    Assertion::Slots(count),
                    Assertion::Mapped(group, count),
                    Assertion::Mark(group, count),
                ])));
            }
        }))
    }
}

enum Made {
    Op(Op),
    Assertion(Assertion),
}
