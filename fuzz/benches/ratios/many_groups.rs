//! What a checked step costs beside a thousand groups, against what it costs beside a handful: the checks look only at
//! what the step touched.
//!
//! Making the groups, and the full check at the end of a run, do grow with their number. So two programs are timed
//! that differ only in the length of their body, which works on the same eight groups; the difference is the cost of
//! the longer one's additional steps.

use crate::lockstep::Runner;
use crate::report::{Goal, Row};
use crate::sampling::{Effort, Ratio, fastest, take_turns, time_per_unit};
use stocktake::program::{Header, Program, Step};
use stocktake_model::{Bytes, ChargeId, CpuId, GroupId, Limit, ObjcgId, ObjectId, Op, Pages};

const FEW: u16 = 8;
const MANY: u16 = 1024;
/// The groups that the body works on.
const ACTIVE: u16 = 8;
/// Turns of the body.
const SHORT: u16 = 50;
const LONG: u16 = 850;
const ROUNDS: usize = 60;
/// A sample takes milliseconds, so many are interrupted.
const TRIES: usize = 4;

pub(crate) fn row(effort: Effort) -> Row {
    let programs = [(MANY, LONG), (MANY, SHORT), (FEW, LONG), (FEW, SHORT)]
        .map(|(groups, turns)| program(groups, turns));
    let [mut a, mut b, mut c, mut d] = [Runner::new(), Runner::new(), Runner::new(), Runner::new()];
    let sample = |runner: &mut Runner, program: &Program| {
        fastest(effort.rounds(TRIES), || time_per_unit(1, || runner.run(program)))
    };
    let times = take_turns(
        effort.rounds(ROUNDS),
        [
            &mut |_| sample(&mut a, &programs[0]),
            &mut |_| sample(&mut b, &programs[1]),
            &mut |_| sample(&mut c, &programs[2]),
            &mut |_| sample(&mut d, &programs[3]),
        ],
    );
    let steps =
        times.iter().map(|[many, many_short, few, few_short]| (many - many_short) / (few - few_short));
    Row {
        name: "step-with-1024-groups",
        what: "a checked step with 1024 groups / with 8, the same eight in use",
        ratio: Ratio::over(steps),
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
        self.on(here, Op::ObjCharge { new: object, objcg, bytes: Bytes(100 + u64::from(turn % 9) * 700) });
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
