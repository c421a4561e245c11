//! What a checked step costs beside a thousand groups, against what it costs beside a handful: the checks look only at
//! what the step touched.

use crate::many_and_few::{Pair, many_over_few};
use crate::report::{Goal, Row};
use crate::sampling::Effort;
use stocktake::program::{Header, Program, Step};
use stocktake_model::{Bytes, ChargeId, CpuId, GroupId, Limit, ObjcgId, ObjectId, Op, Pages};

const FEW: u16 = 8;
const MANY: u16 = 1024;
/// The groups that the body works on.
const ACTIVE: u16 = 8;
/// Turns of the body.
const SHORT: u16 = 50;
const LONG: u16 = 850;

pub(crate) fn row(effort: Effort) -> Row {
    let pair = |groups| Pair { long: program(groups, LONG), short: program(groups, SHORT) };
    Row {
        name: "step-with-1024-groups",
        what: "a checked step with 1024 groups / with 8, the same eight in use",
        ratio: many_over_few(effort, &pair(MANY), &pair(FEW)),
        goal: Goal::AtMost(1.5),
    }
}

/// So many groups below root, and so many turns of the body over eight of them, spread among the others.
fn program(groups: u16, turns: u16) -> Program {
    let header = Header { ids: Header::MAX_IDS, ..Header::default() };
    let mut script = Script { program: Program { header, ..Program::default() } };
    for number in 1..=groups {
        let (new, parent) = (GroupId(number), GroupId::ROOT);
        script.on(0, Op::Mkdir { new, parent, max: Limit::MAX, swap_max: Limit::MAX });
    }
    let active = |number: u16| GroupId(1 + number % ACTIVE * (groups / ACTIVE));
    for number in 0..ACTIVE {
        script.on(0, Op::ObjcgFrom { new: ObjcgId(number), group: active(number) });
    }
    for turn in 0..turns {
        script.turn(turn, active(turn));
    }
    script.program
}

struct Script {
    program: Program,
}

impl Script {
    fn on(&mut self, cpu: u8, op: Op) {
        self.program.steps.push(Step::op(stocktake_model::Step { cpu: CpuId(cpu), op, fail: None }));
    }

    fn turn(&mut self, turn: u16, group: GroupId) {
        let (here, there) = ((turn / ACTIVE % 2) as u8, (turn / ACTIVE % 2) as u8 ^ 1);
        let (charge, object, objcg) = (ChargeId(turn), ObjectId(turn), ObjcgId(turn % ACTIVE));
        let pages = Pages(1 + u64::from(turn % 70));
        self.on(here, Op::Charge { new: charge, group, pages, force: false });
        self.on(
            here,
            Op::ObjCharge { new: object, objcg, bytes: Bytes(100 + u64::from(turn % 9) * 700), force: false },
        );
        self.on(there, Op::ObjUncharge { object });
        self.on(here, Op::Uncharge { charge });
        match turn % 8 {
            3 => self.on(here, Op::Drain),
            7 => {
                self.on(here, Op::DrainAll { group });
                self.on(there, Op::Work);
                self.on(there, Op::Grace);
            }
            _ => {}
        }
    }
}
