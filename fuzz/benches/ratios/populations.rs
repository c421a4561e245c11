//! What a checked step costs beside a thousand cgroups, processes, pages, swap slots and slab objects, against what it
//! costs beside a handful, in each room of the machine.
//!
//! As in [`crate::many_groups`], two programs are timed that differ only in the length of their body, and the
//! difference is the cost of the longer one's additional steps. The body makes what it uses and ends it again.

use crate::many_and_few::{Pair, many_over_few};
use crate::report::{Goal, Row};
use crate::sampling::Effort;
use stocktake::program::{Header, Program, Step};
use stocktake_impl::{Design, MmDesign};
use stocktake_model::{
    Bytes, CacheId, ChargeId, CpuId, GroupId, Limit, MappedOp, MmOp, MmUserId, Mode, Op, Pages, SlabObjectId,
    SlabOp, SlotId, TaskId, Via,
};

const FEW: u16 = 8;
const MANY: u16 = 1024;
/// Turns of the body.
const SHORT: u16 = 30;
const LONG: u16 = 2030;

/// One room: the situation, and what a turn of the body does.
struct Room {
    name: &'static str,
    what: &'static str,
    mode: Mode,
    design: fn() -> Design,
    turn: fn(&mut Script, u16),
    goal: Goal,
}

const ROOMS: [Room; 6] = [
    Room {
        name: "population-pages",
        what: "a checked step on pages and groups: beside 1024 groups, tasks, pages, slots, objects / beside 8",
        mode: Mode::V2,
        design: Design::default,
        turn: pages,
        goal: Goal::AtMost(1.5),
    },
    Room {
        name: "population-mm",
        what: "a checked step of the room of tasks and mms: the same",
        mode: Mode::V2,
        design: Design::default,
        turn: tasks,
        goal: Goal::AtMost(1.5),
    },
    Room {
        name: "population-mm-owner",
        what: "a checked step in the old design mm=owner, which searches all processes: the same",
        mode: Mode::V2,
        design: || Design { mm: MmDesign::Owner, ..Design::default() },
        turn: tasks,
        goal: Goal::None,
    },
    Room {
        name: "population-mapped",
        what: "a checked step of the room of mapped pages and moving charges: the same",
        mode: Mode::V1,
        design: Design::default,
        turn: mapped,
        goal: Goal::AtMost(1.5),
    },
    Room {
        name: "population-slab",
        what: "a checked step of the room of kmem_caches: the same",
        mode: Mode::V2,
        design: Design::default,
        turn: slab,
        goal: Goal::AtMost(1.5),
    },
    Room {
        name: "population-swap",
        what: "a checked step of the room of swap: the same",
        mode: Mode::V2,
        design: Design::default,
        turn: swap,
        goal: Goal::AtMost(1.5),
    },
];

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    ROOMS.iter().map(|room| row(room, effort)).collect()
}

fn row(room: &Room, effort: Effort) -> Row {
    let pair = |n| Pair { long: program(room, n, LONG), short: program(room, n, SHORT) };
    let ratio = many_over_few(effort, &pair(MANY), &pair(FEW));
    Row { name: room.name, what: room.what, ratio, goal: room.goal }
}

/// The groups that bodies work on.
const HOME: GroupId = GroupId(1);
const OTHER: GroupId = GroupId(2);

struct Script {
    program: Program,
    tasks: u16,
    charges: u16,
    slots: u16,
    objects: u16,
    users: u16,
}

fn program(room: &Room, population: u16, turns: u16) -> Program {
    let header = Header {
        ids: Header::MAX_IDS,
        slots: Header::MAX_IDS,
        mode: room.mode,
        design: (room.design)(),
        ..Header::default()
    };
    let program = Program { header, ..Program::default() };
    let mut script = Script { program, tasks: 0, charges: 0, slots: 0, objects: 0, users: 0 };
    script.populate(population);
    for turn in 0..turns {
        (room.turn)(&mut script, turn);
    }
    script.program
}

impl Script {
    fn on(&mut self, cpu: u8, op: Op) {
        self.program.steps.push(Step::op(stocktake_model::Step { cpu: CpuId(cpu), op, fail: None }));
    }

    /// So many of everything, none of which the body touches.
    fn populate(&mut self, population: u16) {
        for number in 1..=population {
            let (new, parent) = (GroupId(number), GroupId::ROOT);
            self.on(0, Op::Mkdir { new, parent, max: Limit::MAX, swap_max: Limit::MAX });
        }
        self.on(0, Op::Slab(SlabOp::CreateCache { new: CacheId(0), size: Bytes(256), order: 0, rcu: false }));
        for number in 3..=population {
            let group = GroupId(number);
            self.task(group);
            self.charge(group);
            let out = self.charge(group);
            self.swap_out(out);
            self.object(group);
        }
    }

    fn task(&mut self, group: GroupId) -> TaskId {
        let new = TaskId(self.tasks);
        self.tasks += 1;
        self.on(0, Op::Mm(MmOp::Task { new, group }));
        new
    }

    fn charge(&mut self, group: GroupId) -> ChargeId {
        let new = ChargeId(self.charges);
        self.charges += 1;
        self.on(0, Op::Charge { new, group, pages: Pages(2), force: false });
        new
    }

    fn swap_out(&mut self, charge: ChargeId) -> SlotId {
        let new = SlotId(self.slots);
        self.slots += 1;
        self.on(1, Op::SwapOut { new, charge });
        new
    }

    fn object(&mut self, group: GroupId) -> SlabObjectId {
        let new = SlabObjectId(self.objects);
        self.objects += 1;
        self.on(0, Op::Slab(SlabOp::Alloc { new, cache: CacheId(0), group }));
        new
    }
}

fn pages(script: &mut Script, turn: u16) {
    let charge = script.charge(HOME);
    script.on(1, Op::Uncharge { charge });
    if turn % 8 == 7 {
        script.on(1, Op::DrainAll { group: HOME });
        script.on(0, Op::Work);
        script.on(1, Op::Grace);
    }
}

/// A task whose mm somebody else uses exits, so that the old design looks for another owner.
fn tasks(script: &mut Script, _: u16) {
    let task = script.task(HOME);
    let (user, charge, child) = (MmUserId(script.users), ChargeId(script.charges), TaskId(script.tasks));
    script.users += 1;
    script.charges += 1;
    script.tasks += 1;
    script.on(0, Op::Mm(MmOp::Charge { new: charge, through: Via::Task(task), pages: Pages(1) }));
    script.on(0, Op::Mm(MmOp::Fork { new: child, parent: task }));
    script.on(1, Op::Mm(MmOp::Migrate { task: child, group: OTHER }));
    script.on(0, Op::Mm(MmOp::Get { new: user, of: Via::Task(task) }));
    script.on(0, Op::Mm(MmOp::Exit { task }));
    script.on(1, Op::Mm(MmOp::Exit { task: child }));
    script.on(0, Op::Uncharge { charge });
    script.on(0, Op::Mm(MmOp::Put { user }));
    script.on(0, Op::Grace);
}

fn mapped(script: &mut Script, _: u16) {
    let charge = script.charge(HOME);
    script.on(0, Op::Mapped(MappedOp::Map { charge }));
    script.on(0, Op::Mapped(MappedOp::MoveStart { from: HOME, to: OTHER }));
    script.on(0, Op::Mapped(MappedOp::MovePage { charge, to: OTHER }));
    script.on(0, Op::Mapped(MappedOp::MoveEnd { from: HOME, to: OTHER }));
    script.on(1, Op::Mapped(MappedOp::Unmap { charge }));
    script.on(1, Op::Uncharge { charge });
}

fn slab(script: &mut Script, turn: u16) {
    let object = script.object(if turn.is_multiple_of(2) { HOME } else { OTHER });
    script.on(1, Op::Slab(SlabOp::Free { object }));
}

fn swap(script: &mut Script, _: u16) {
    let charge = script.charge(HOME);
    let slot = script.swap_out(charge);
    let new = ChargeId(script.charges);
    script.charges += 1;
    script.on(0, Op::SwapIn { new, slot, faulter: HOME });
    let slot = script.swap_out(new);
    script.on(0, Op::SwapFree { slot });
}
