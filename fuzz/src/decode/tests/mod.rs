//! Tests of the decoder.

mod direct;
mod format;
mod generated;
mod lanes;

use crate::program::{Action, Program};
use stocktake_model::{
    CacheId, ChargeId, GroupId, MmOp, MmUserId, ObjcgId, ObjectId, Op, SlabObjectId, SlabOp, SlotId, TaskId,
};

/// A few random numbers, independent of the generator under test.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = (self.0 >> 18) ^ self.0;
        word.rotate_right((self.0 >> 59) as u32) >> 11
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

fn operations(program: &Program) -> Vec<stocktake_model::Step> {
    let operation = |step: &crate::program::Step| match step.action {
        Action::Op(step) => Some(step),
        Action::Assert(..) => None,
    };
    program.steps.iter().filter_map(operation).collect()
}

/// What every decoded program has to be, whatever the bytes.
fn assert_well_formed(program: &Program, context: &str) {
    let header = &program.header;
    assert!((1..=8).contains(&header.cpus), "{context}: {header:?}");
    assert!((1..=4096).contains(&header.ids) && header.slots <= 4096, "{context}: {header:?}");
    assert!(header.faults.is_empty() && header.schedule.is_empty() && program.parallel.is_none());
    let mut made: [Vec<u16>; 9] = Default::default();
    for step in operations(program) {
        assert!(step.cpu.0 < header.cpus, "{context}: {step:?}");
        match step.op {
            Op::Mkdir { new: GroupId(n), .. } => made[0].push(n),
            Op::ObjcgFrom { new: ObjcgId(n), .. } | Op::ObjcgGet { new: ObjcgId(n), .. } => made[1].push(n),
            Op::Charge { new: ChargeId(n), pages, .. } => {
                assert!((1..=1 << 20).contains(&pages.0), "{context}: {step:?}");
                made[2].push(n);
            }
            Op::SwapIn { new: ChargeId(n), .. } => made[2].push(n),
            Op::ObjCharge { new: ObjectId(n), bytes, .. } => {
                assert!((1..=1 << 30).contains(&bytes.0), "{context}: {step:?}");
                made[3].push(n);
            }
            Op::SwapOut { new: SlotId(n), .. } => made[4].push(n),
            Op::Mm(op) => match op {
                MmOp::Charge { new: ChargeId(n), .. } => made[2].push(n),
                MmOp::Task { new: TaskId(n), .. }
                | MmOp::Kthread { new: TaskId(n) }
                | MmOp::Fork { new: TaskId(n), .. }
                | MmOp::ForkBegin { new: TaskId(n), .. }
                | MmOp::Thread { new: TaskId(n), .. }
                | MmOp::Vfork { new: TaskId(n), .. } => made[5].push(n),
                MmOp::ExecMake { new: MmUserId(n), .. }
                | MmOp::Get { new: MmUserId(n), .. }
                | MmOp::Grab { new: MmUserId(n), .. } => made[6].push(n),
                _ => {}
            },
            Op::Slab(SlabOp::CreateCache { new: CacheId(n), size, order, .. }) => {
                assert!(
                    (1..=SlabOp::MOST_SIZE).contains(&size.0) && order <= SlabOp::MOST_ORDER,
                    "{context}: {step:?}"
                );
                made[7].push(n);
            }
            Op::Slab(SlabOp::Alloc { new: SlabObjectId(n), .. }) => made[8].push(n),
            Op::CpuDown { target }
            | Op::CpuUp { target }
            | Op::CpuIsolate { target }
            | Op::CpuUnisolate { target } => assert!(target.0 < header.cpus, "{context}: {step:?}"),
            _ => {}
        }
    }
    assert!(!made[0].contains(&0), "{context}: root is created");
    for mut names in made {
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{context}: a name is given twice");
    }
}
