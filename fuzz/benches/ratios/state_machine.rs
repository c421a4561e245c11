//! The usual way to test against a model, proptest-state-machine, as the driver of the same pair: its strategy makes
//! up the operations, the reference model tells which of them make sense, and the lockstep engine runs them with all
//! checks on. What is compared is the way in which operations come about.

use crate::lockstep::{Runner, input};
use crate::report::{Goal, Row};
use crate::sampling::{Effort, Ratio, take_turns, time_per_unit};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::{Union, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use std::cell::RefCell;
use stocktake::decode;
use stocktake::program::{self, Action, Header, Program};
use stocktake_model::{
    Bytes, ChargeId, CpuId, GroupId, Limit, Model, ObjcgId, ObjectId, Op, Outcome, Pages, Step,
};

/// Operations in a case: about as many as there are in the average program from bytes.
const OPERATIONS: usize = 100;
/// Programs from bytes in a sample.
const PROGRAMS: usize = 8;
const CHUNKS: usize = 101;
const ROUNDS: usize = CHUNKS;
const CPUS: u8 = 2;

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let mut runner = TestRunner::new_with_rng(
        Config { failure_persistence: None, ..Config::default() },
        TestRng::from_seed(RngAlgorithm::XorShift, &[7; 16]),
    );
    let cases = Books::sequential_strategy(OPERATIONS);
    let mut from_bytes = Runner::new();
    let mut bare = Runner::new();
    let mut program = Program::default();
    let inputs: Vec<Vec<u8>> = (0..)
        .map(input)
        .filter(|bytes| same_operations(&decode::decode(bytes)))
        .take(CHUNKS * PROGRAMS)
        .collect();
    let times = take_turns(
        effort.rounds(ROUNDS),
        [
            &mut |_| {
                let before = PAIR.with_borrow(|pair| pair.runner.steps());
                let time = time_per_unit(1, || {
                    let case = cases.new_tree(&mut runner).expect("every operation made up makes sense");
                    let (state, transitions, seen) = case.current();
                    Pair::test_sequential(Config::default(), state, transitions, seen);
                });
                time / PAIR.with_borrow(|pair| pair.runner.steps() - before) as f64
            },
            &mut |round| {
                let chunk = &inputs[round % CHUNKS * PROGRAMS..][..PROGRAMS];
                let before = from_bytes.steps();
                let time = time_per_unit(1, || {
                    for bytes in chunk {
                        decode::decode_into(bytes, &mut program);
                        from_bytes.run(&program);
                    }
                });
                time / (from_bytes.steps() - before) as f64
            },
            // The last case that the first contender made up.
            &mut |_| {
                let made_up = PAIR.with_borrow(|pair| pair.program.clone());
                let before = bare.steps();
                let time = time_per_unit(1, || bare.run(&made_up));
                time / (bare.steps() - before).max(1) as f64
            },
        ],
    );
    vec![
        Row {
            name: "state-machine-vs-bytes",
            what: "operations a second: from bytes / from proptest-state-machine, both of groups, charges, objects and \
                   slots only, same engine, same checks; 9.7 before there were other rooms, of which 0.7 are kept",
            ratio: Ratio::over(times.iter().map(|[made_up, bytes, _]| made_up / bytes)),
            goal: Goal::AtLeast(6.8),
        },
        Row {
            name: "state-machine-vs-decoded",
            what: "operations from proptest-state-machine, run in lockstep / the same already made up",
            ratio: Ratio::over(times.iter().map(|[made_up, _, bare]| made_up / bare)),
            goal: Goal::None,
        },
    ]
}

/// Whether a program has only operations of the kinds that the other contender makes up: of no room of its own.
fn same_operations(program: &Program) -> bool {
    let of_a_room = |step: &program::Step| match step.action {
        Action::Op(step) => {
            matches!(step.op, Op::Mm(_) | Op::Slab(_) | Op::Mapped(_) | Op::Page(_) | Op::Shmem(_))
        }
        Action::Assert(..) => false,
    };
    !program.steps.iter().any(of_a_room)
}

/// The model, and the names that an operation may use.
#[derive(Clone, Debug)]
struct Known {
    model: Model,
    groups: Vec<GroupId>,
    objcgs: Vec<ObjcgId>,
    charges: Vec<ChargeId>,
    objects: Vec<ObjectId>,
    next: [u16; 4],
}

struct Books;

impl ReferenceStateMachine for Books {
    type State = Known;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Known> {
        let Header { mode, ids, slots, .. } = Header::default();
        let model = Model::new(stocktake_model::Config { mode, cpus: CPUS, ids, slots });
        Just(Known {
            model,
            groups: vec![GroupId::ROOT],
            objcgs: Vec::new(),
            charges: Vec::new(),
            objects: Vec::new(),
            next: [1, 0, 0, 0],
        })
        .boxed()
    }

    fn transitions(known: &Known) -> BoxedStrategy<Step> {
        let groups = || select(known.groups.clone());
        let [group, objcg, charge, object] = known.next;
        let limit = prop_oneof![3 => Just(Limit::MAX), 1 => (0u64..200).prop_map(Limit::pages)];
        let mut ops: Vec<(u32, BoxedStrategy<Op>)> = vec![
            (
                2,
                (groups(), limit.clone())
                    .prop_map(move |(parent, max)| Op::Mkdir {
                        new: GroupId(group),
                        parent,
                        max,
                        swap_max: Limit::MAX,
                    })
                    .boxed(),
            ),
            (
                6,
                (groups(), 1u64..80)
                    .prop_map(move |(group, pages)| Op::Charge {
                        new: ChargeId(charge),
                        group,
                        pages: Pages(pages),
                        force: false,
                    })
                    .boxed(),
            ),
            (2, groups().prop_map(move |group| Op::ObjcgFrom { new: ObjcgId(objcg), group }).boxed()),
            (1, groups().prop_map(|group| Op::DrainAll { group }).boxed()),
            (3, prop_oneof![Just(Op::Drain), Just(Op::Work), Just(Op::Grace)].boxed()),
        ];
        if known.groups.len() > 1 {
            let made = select(known.groups[1..].to_vec());
            ops.push((1, made.clone().prop_map(|group| Op::Rmdir { group }).boxed()));
            ops.push((1, (made, limit).prop_map(|(group, max)| Op::SetMax { group, max }).boxed()));
        }
        if !known.objcgs.is_empty() {
            let held = select(known.objcgs.clone());
            let sizes = 1u64..5000;
            ops.push((1, held.clone().prop_map(|held| Op::ObjcgPut { held }).boxed()));
            ops.push((
                6,
                (held, sizes)
                    .prop_map(move |(objcg, bytes)| Op::ObjCharge {
                        new: ObjectId(object),
                        objcg,
                        bytes: Bytes(bytes),
                        force: false,
                    })
                    .boxed(),
            ));
        }
        if !known.charges.is_empty() {
            ops.push((4, select(known.charges.clone()).prop_map(|charge| Op::Uncharge { charge }).boxed()));
        }
        if !known.objects.is_empty() {
            ops.push((
                5,
                select(known.objects.clone()).prop_map(|object| Op::ObjUncharge { object }).boxed(),
            ));
        }
        let op = Union::new_weighted(ops);
        (0..CPUS, op).prop_map(|(cpu, op)| Step { cpu: CpuId(cpu), op, fail: None }).boxed()
    }

    fn apply(mut known: Known, step: &Step) -> Known {
        if known.model.admits(step).is_err() {
            return known;
        }
        let answer = known.model.first(step);
        known.model.commit(step, answer);
        let Known { groups, objcgs, charges, objects, next, .. } = &mut known;
        let made = matches!(answer, Outcome::Done | Outcome::To(_));
        let mut count = |kind: usize| next[kind] += 1;
        match step.op {
            Op::Mkdir { new, .. } => {
                count(0);
                groups.extend(made.then_some(new));
            }
            Op::ObjcgFrom { new, .. } => {
                count(1);
                objcgs.extend(made.then_some(new));
            }
            Op::Charge { new, .. } => {
                count(2);
                charges.extend(made.then_some(new));
            }
            Op::ObjCharge { new, .. } => {
                count(3);
                objects.extend(made.then_some(new));
            }
            Op::Rmdir { group } if made => groups.retain(|other| *other != group),
            Op::ObjcgPut { held } => objcgs.retain(|other| *other != held),
            Op::Uncharge { charge } => charges.retain(|other| *other != charge),
            Op::ObjUncharge { object } => objects.retain(|other| *other != object),
            _ => {}
        }
        known
    }
}

/// The pair under test: the steps of a case, then a run of the lockstep engine over them.
struct Pair {
    runner: Runner,
    program: Program,
}

thread_local! {
    /// Kept from case to case, as a hunt keeps its engine.
    static PAIR: RefCell<Pair> = RefCell::new(Pair { runner: Runner::new(), program: Program::default() });
}

impl StateMachineTest for Pair {
    type SystemUnderTest = ();
    type Reference = Books;

    fn init_test(_: &Known) {
        PAIR.with_borrow_mut(|pair| pair.program.steps.clear());
    }

    fn apply((): (), _: &Known, step: Step) {
        PAIR.with_borrow_mut(|pair| pair.program.steps.push(program::Step::op(step)));
    }

    fn teardown((): (), _: Known) {
        PAIR.with_borrow_mut(|Pair { runner, program }| runner.run(program));
    }
}
