//! The direct profile and its inverse.

use super::{Dice, assert_well_formed, operations};
use crate::decode::{MAX_DIRECT_STEPS, Unencodable, decode, encode, random_bytes};
use crate::program::{Action, Assertion, Expect, Header, Program, Step};
use stocktake_impl::{Fault, VARIANTS};
use stocktake_model::{
    Bytes, CacheId, ChargeId, CpuId, Errno, Failure, FileId, FreeList, GroupId, Limit, MappedOp, MmOp,
    MmUserId, Mode, ObjcgId, ObjectId, Op, Outcome, PageOp, Pages, ShmemOp, ShmemStage, SlabObjectId, SlabOp,
    SlotId, TaskId, Via,
};

/// A program of the kind that a minimiser leaves: names with gaps and out of order, operands that do not exist.
fn random_program(dice: &mut Dice) -> Program {
    let header = Header {
        cpus: 1 + dice.below(8) as u8,
        mode: dice.pick(&[Mode::V2, Mode::V1, Mode::V1Flat]),
        ids: dice.pick(&[1, 5, 64, 191, 192, 4095, 4096]),
        slots: dice.pick(&[0, 1, 64, 200, 4096]),
        ..Header::default()
    };
    let mut free: [Vec<u16>; 10] = std::array::from_fn(|kind| {
        let mut names: Vec<u16> = (u16::from(kind == 0)..400).chain([4095]).collect();
        // Mostly in order, now and then not.
        for _ in 0..dice.below(4) {
            let (a, b) = (dice.below(300) as usize, dice.below(300) as usize);
            names.swap(a, b);
        }
        names.retain(|_| dice.below(8) != 0);
        names.reverse();
        names
    });
    let steps = (0..dice.below(200)).map(|_| {
        let cpu = CpuId(dice.below(header.cpus.into()) as u8);
        let target = CpuId(dice.below(header.cpus.into()) as u8);
        let mut fresh = |kind: usize| free[kind].pop().expect("fewer steps than names");
        let name = match dice.below(16) {
            0 => dice.below(4096) as u16,
            1..4 => dice.below(300) as u16,
            _ => dice.below(20) as u16,
        };
        let limit = Limit(match dice.below(4) {
            0 => None,
            1 => Some(Pages(dice.below(300))),
            2 => Some(Pages(dice.below(1 << 33))),
            _ => Some(Pages(dice.pick(&[0, 1 << 40, 0xffff, 0x1_0000, 0xffff_ffff]))),
        });
        let amount = match dice.below(3) {
            0 => 1 + dice.below(300),
            1 => dice.pick(&[191, 192, 4095, 4096, 4097, 4004, 8191, 12289, 65535, 65536, 1 << 20]),
            _ => 1 + dice.below(1 << 20),
        };
        let group = GroupId(name);
        let task = TaskId(name);
        let through = dice.pick(&[Via::Task(task), Via::User(MmUserId(name))]);
        let op = match dice.below(62) {
            25 => Op::Mm(MmOp::Task { new: TaskId(fresh(5)), group }),
            26 => Op::Mm(MmOp::Kthread { new: TaskId(fresh(5)) }),
            27 => Op::Mm(MmOp::Use { kthread: task, of: TaskId(target.0.into()) }),
            28 => Op::Mm(MmOp::Fork { new: TaskId(fresh(5)), parent: task }),
            29 => Op::Mm(MmOp::ForkBegin { new: TaskId(fresh(5)), parent: task }),
            30 => Op::Mm(MmOp::ForkEnd { child: task }),
            31 => Op::Mm(MmOp::Thread { new: TaskId(fresh(5)), of: task }),
            32 => Op::Mm(MmOp::Vfork { new: TaskId(fresh(5)), parent: task }),
            33 => Op::Mm(MmOp::ExecMake { new: MmUserId(fresh(6)), task }),
            34 => Op::Mm(MmOp::ExecCommit { exec: MmUserId(name) }),
            35 => Op::Mm(MmOp::Exit { task }),
            36 => Op::Mm(MmOp::ExitBegin { task }),
            37 => Op::Mm(MmOp::ExitEnd { task }),
            38 => Op::Mm(MmOp::Migrate { task, group }),
            39 => Op::Mm(MmOp::Get { new: MmUserId(fresh(6)), of: through }),
            40 => Op::Mm(MmOp::Put { user: MmUserId(name) }),
            41 => Op::Mm(MmOp::Charge { new: ChargeId(fresh(2)), through, pages: Pages(amount) }),
            42 => Op::Mm(MmOp::Match { through, group }),
            52 => {
                let (size, order) = (Bytes(1 + amount % SlabOp::MOST_SIZE), dice.below(4) as u8);
                Op::Slab(SlabOp::CreateCache { new: CacheId(fresh(7)), size, order, rcu: dice.below(2) == 0 })
            }
            53 => Op::Slab(SlabOp::DestroyCache { cache: CacheId(name) }),
            54 => Op::Slab(SlabOp::Alloc { new: SlabObjectId(fresh(8)), cache: CacheId(name), group }),
            55 => Op::Slab(SlabOp::Free { object: SlabObjectId(name) }),
            56 => Op::Page(dice.pick(&[
                PageOp::File { new: ChargeId(fresh(2)), group },
                PageOp::Anon { new: ChargeId(fresh(2)), group, huge: amount % 2 == 0 },
                PageOp::Hugetlb { new: ChargeId(fresh(2)) },
            ])),
            57 => {
                let pages = (0..4).map(|n| ChargeId(name / (n + 1)));
                Op::Page(PageOp::FreeList { list: FreeList::new(pages).expect("at least one page") })
            }
            58 => Op::Shmem(ShmemOp::File { new: FileId(fresh(9)) }),
            59 => {
                let (file, huge) = (FileId(name), amount % 2 == 0);
                Op::Shmem(dice.pick(&[
                    ShmemOp::Fault { file, group, huge },
                    ShmemOp::Lookup { file, group, huge },
                    ShmemOp::Write { file },
                    ShmemOp::Out { file },
                    ShmemOp::Written { file },
                    ShmemOp::Notify { file },
                    ShmemOp::Punch { file },
                ]))
            }
            60 => Op::Shmem(ShmemOp::Stage(dice.pick(&ShmemStage::ALL))),
            61 => Op::Shmem(dice.pick(&[ShmemOp::Reclaim, ShmemOp::Swapoff { group }])),
            0 => Op::Mkdir { new: GroupId(fresh(0)), parent: group, max: limit, swap_max: Limit::MAX },
            1 => Op::Mkdir { new: GroupId(fresh(0)), parent: group, max: Limit::MAX, swap_max: limit },
            2 => Op::Rmdir { group },
            3 => Op::SetMax { group, max: limit },
            4 => Op::SetSwapMax { group, max: limit },
            5 | 6 => {
                Op::Charge { new: ChargeId(fresh(2)), group, pages: Pages(amount), force: dice.below(2) == 0 }
            }
            7 => Op::Uncharge { charge: ChargeId(name) },
            8 => Op::ObjcgFrom { new: ObjcgId(fresh(1)), group },
            9 => Op::ObjcgGet { new: ObjcgId(fresh(1)), held: ObjcgId(name) },
            10 => Op::ObjcgPut { held: ObjcgId(name) },
            11 => Op::ObjCharge {
                new: ObjectId(fresh(3)),
                objcg: ObjcgId(name),
                bytes: Bytes(dice.pick(&[amount, 1 << 30])),
                force: dice.pick(&[false, true]),
            },
            12 => Op::ObjUncharge { object: ObjectId(name) },
            13 => Op::SwapOut { new: SlotId(fresh(4)), charge: ChargeId(name) },
            14 => Op::SwapIn { new: ChargeId(fresh(2)), slot: SlotId(name), faulter: group },
            15 => Op::SwapFree { slot: SlotId(name) },
            16 => Op::CpuDown { target },
            17 => Op::CpuUp { target },
            18 => Op::CpuIsolate { target },
            19 => Op::CpuUnisolate { target },
            20 => Op::Drain,
            21 => Op::DrainAll { group },
            22 => Op::Work,
            23 => Op::Grace,
            43 => Op::Mapped(dice.pick(&[
                MappedOp::Map { charge: ChargeId(name) },
                MappedOp::MapBegin { charge: ChargeId(name) },
                MappedOp::MapEnd { charge: ChargeId(name) },
            ])),
            44 => Op::Mapped(dice.pick(&[
                MappedOp::Unmap { charge: ChargeId(name) },
                MappedOp::UnmapBegin { charge: ChargeId(name) },
                MappedOp::UnmapEnd { charge: ChargeId(name) },
            ])),
            45 => Op::Mapped(dice.pick(&[
                MappedOp::MoveStart { from: group, to: GroupId(name / 2) },
                MappedOp::MoveEnd { from: GroupId(name / 2), to: group },
            ])),
            46 => Op::Mapped(MappedOp::MovePage { charge: ChargeId(name / 2), to: group }),
            47 => Op::Mapped(MappedOp::ForceEmpty { group }),
            _ => Op::Quiesce,
        };
        let fail = dice.pick(&[
            None,
            None,
            None,
            Some(Failure::Alloc),
            Some(Failure::Trylock),
            Some(Failure::Insert),
        ]);
        Step::op(stocktake_model::Step { cpu, op, fail })
    });
    let steps = steps.collect();
    Program { header, steps, ..Program::default() }
}

#[test]
fn decoding_undoes_encoding() {
    let mut dice = Dice(1);
    for round in 0..3000 {
        let program = random_program(&mut dice);
        let bytes = encode(&program).unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_eq!(decode(&bytes), program, "round {round}");
    }
}

#[test]
fn every_generated_program_has_direct_bytes() {
    let mut bytes = Vec::new();
    for index in 0..3000 {
        random_bytes(5, index, &mut bytes);
        let program = decode(&bytes);
        let direct = encode(&program).unwrap_or_else(|error| panic!("input {index}: {error}"));
        assert_eq!(decode(&direct), program, "input {index}");
    }
}

#[test]
fn long_programs_keep_all_their_steps() {
    let step = Step::op(stocktake_model::Step { cpu: CpuId(1), op: Op::Work, fail: None });
    let mut program = Program { steps: vec![step; MAX_DIRECT_STEPS], ..Program::default() };
    assert_eq!(encode(&program).map(|bytes| decode(&bytes)), Ok(program.clone()));
    program.steps.push(step);
    assert_eq!(encode(&program), Err(Unencodable::TooLong(MAX_DIRECT_STEPS + 1)));
}

#[test]
fn what_a_fuzzer_does_not_mutate_is_dropped() {
    let work = stocktake_model::Step { cpu: CpuId(0), op: Op::Work, fail: None };
    let mut program = Program { steps: vec![Step::op(work); 3], ..Program::default() };
    let bytes = encode(&program).unwrap();
    program.steps[0].outcome = Some(Outcome::Refused(Errno::NoMem));
    program.steps[1].line = 7;
    program.steps.insert(
        1,
        Step {
            action: Action::Assert(CpuId(0), Assertion::Usage(GroupId(1), 3)),
            outcome: None,
            irq: false,
            line: 6,
        },
    );
    program.header.design = VARIANTS.iter().find(|variant| !variant.is_default()).unwrap().design();
    program.header.faults.push(Fault::ALL[0]);
    program.header.expect = Expect::Violation { invariant: "I1".into(), signature: None };
    program.names.groups.push("A".into());
    assert_eq!(encode(&program), Ok(bytes));
}

#[test]
fn what_has_no_bytes_is_refused_with_its_place() {
    let with = |op| {
        let quiet = Step::op(stocktake_model::Step { cpu: CpuId(0), op: Op::Drain, fail: None });
        let step = Step::op(stocktake_model::Step { cpu: CpuId(0), op, fail: None });
        encode(&Program { steps: vec![quiet, step], ..Program::default() })
    };
    let charge = |new, pages| Op::Charge {
        new: ChargeId(new),
        group: GroupId::ROOT,
        pages: Pages(pages),
        force: false,
    };
    let mkdir =
        |new| Op::Mkdir { new: GroupId(new), parent: GroupId::ROOT, max: Limit::MAX, swap_max: Limit::MAX };
    assert_eq!(with(charge(0, 0)), Err(Unencodable::Value { step: 1, value: 0, min: 1, max: 1 << 20 }));
    let huge = (1 << 20) + 1;
    assert_eq!(with(charge(0, huge)), Err(Unencodable::Value { step: 1, value: huge, min: 1, max: 1 << 20 }));
    assert_eq!(
        with(Op::SetMax { group: GroupId(1), max: Limit::pages(u64::MAX) }),
        Err(Unencodable::Value { step: 1, value: u64::MAX, min: 0, max: 1 << 40 })
    );
    assert_eq!(with(charge(4096, 1)), Err(Unencodable::Name { step: 1, number: 4096 }));
    assert_eq!(
        with(Op::Uncharge { charge: ChargeId(5000) }),
        Err(Unencodable::Name { step: 1, number: 5000 })
    );
    assert_eq!(with(mkdir(0)), Err(Unencodable::Taken { step: 1, number: 0 }));
    assert_eq!(with(Op::CpuUp { target: CpuId(2) }), Err(Unencodable::Cpu { step: 1, cpu: 2, cpus: 2 }));
    let of_header = |header| encode(&Program { header, ..Program::default() });
    assert_eq!(
        of_header(Header { ids: 0, ..Header::default() }),
        Err(Unencodable::Header { what: "ids", found: 0, min: 1, max: 4096 })
    );
    assert_eq!(
        of_header(Header { slots: 4097, ..Header::default() }),
        Err(Unencodable::Header { what: "slots", found: 4097, min: 0, max: 4096 })
    );
    assert_eq!(
        of_header(Header { cpus: 9, ..Header::default() }),
        Err(Unencodable::Header { what: "cpus", found: 9, min: 1, max: 8 })
    );
    let parallel = Program { parallel: Some(0), ..Program::default() };
    assert_eq!(encode(&parallel), Err(Unencodable::Parallel(0)));
}

#[test]
fn any_direct_bytes_are_a_well_formed_program() {
    let mut dice = Dice(2);
    for round in 0..3000 {
        let len = dice.below(700) as usize;
        let mut bytes = dice.bytes(len);
        if let Some(first) = bytes.first_mut() {
            *first = 0;
        }
        // Escapes and prefixes more often than by chance.
        for byte in &mut bytes[len.min(5)..] {
            if dice.below(8) == 0 {
                *byte = dice.pick(&[0xff, 0xfe, 0xfd, 0xfc, 62, 60]);
            }
        }
        let program = decode(&bytes);
        assert_well_formed(&program, &format!("round {round}"));
        assert!(program.steps.len() <= MAX_DIRECT_STEPS);
        assert_eq!(encode(&program).map(|bytes| operations(&decode(&bytes))), Ok(operations(&program)));
    }
}

#[test]
fn names_run_out_without_harm() {
    // Each `swap.out` names slots; the escape gives the last possible name first.
    let mut bytes = vec![0, 1, 0, 1, 1, 62, 0xff, 0xff, 0x0f, 12, 0, 0];
    for _ in 0..100 {
        bytes.extend_from_slice(&[12, 0, 0]);
    }
    let program = decode(&bytes);
    assert_eq!(operations(&program).len(), 1, "a step that has no name to give is left out");
}
