//! Made-up failures that need a schedule, on a made-up machine: every operation in a lane has three parts, and before
//! each part another lane may go on.

use crate::minimize::run::{Outcome, Run};
use crate::minimize::{Minimized, minimize_with};
use crate::program::{Action, Program};
use crate::trace::{self, Reading};
use crate::violation::{Invariant, Violation};
use stocktake_model::Op;

const PARTS: usize = 3;

/// One part of an operation that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    lane: u8,
    step: usize,
    part: usize,
}

/// What one execution did.
#[derive(Default)]
struct Done {
    parts: Vec<Part>,
    schedule: Vec<u8>,
    /// Where there was a choice: how many preemptions there were before, whether the lane before could go on in the
    /// middle of an operation, and who else could run.
    others: Vec<(usize, bool, Vec<u8>)>,
    preemptions: usize,
}

/// Runs lanes on the made-up machine. `fails` says what an execution violates.
struct MadeUp<F> {
    fails: F,
}

impl<F: Fn(&Program, &[Part]) -> bool> MadeUp<F> {
    fn execute(&self, program: &Program, guide: &[u8]) -> Done {
        let mut done = Done::default();
        let first = program.parallel.unwrap_or(program.steps.len());
        let in_lane = |lane: u8| -> Vec<usize> {
            let steps = program.steps.iter().enumerate().skip(first);
            steps.filter(|(_, step)| step.cpu().0 == lane).map(|(index, _)| index).collect()
        };
        let lanes: Vec<Vec<usize>> = (0..program.header.cpus).map(in_lane).collect();
        let mut at = vec![0; lanes.len()];
        let mut current: Option<u8> = None;
        loop {
            let ready: Vec<u8> = (0..lanes.len() as u8)
                .filter(|&lane| at[usize::from(lane)] < PARTS * lanes[usize::from(lane)].len())
                .collect();
            let Some(&lowest) = ready.first() else { return done };
            let steady = current.filter(|lane| ready.contains(lane)).unwrap_or(lowest);
            let inside = !at[usize::from(steady)].is_multiple_of(PARTS) && current == Some(steady);
            let mut lane = steady;
            if ready.len() > 1 {
                lane = guide
                    .get(done.schedule.len())
                    .copied()
                    .filter(|lane| ready.contains(lane))
                    .unwrap_or(steady);
                let others = ready.iter().copied().filter(|other| *other != lane).collect();
                done.others.push((done.preemptions, inside, others));
                done.schedule.push(lane);
            }
            done.preemptions += usize::from(lane != steady && inside);
            let place = &mut at[usize::from(lane)];
            done.parts.push(Part {
                lane,
                step: lanes[usize::from(lane)][*place / PARTS],
                part: *place % PARTS,
            });
            *place += 1;
            current = Some(lane);
        }
    }

    fn judge(&self, candidate: &mut Program, done: Done) -> Outcome {
        let fails = (self.fails)(candidate, &done.parts);
        if fails && candidate.parallel.is_some() {
            candidate.header.schedule = done.schedule;
        }
        let violation = fails.then(|| violation(candidate.steps.len()));
        Outcome { violation, preemptions: done.preemptions, cost: candidate.steps.len() as u64 + 1 }
    }
}

impl<F: Fn(&Program, &[Part]) -> bool> Run for MadeUp<F> {
    fn guided(&mut self, candidate: &mut Program) -> Outcome {
        let guide = candidate.header.schedule.clone();
        let done = self.execute(candidate, &guide);
        self.judge(candidate, done)
    }

    fn within(&mut self, candidate: &mut Program, _signature: &str, most: usize, share: u64) -> Outcome {
        let mut cost = 0;
        let mut waiting = vec![Vec::new()];
        while let Some(guide) = waiting.pop() {
            let done = self.execute(candidate, &guide);
            for (choice, (preemptions, inside, others)) in done.others.iter().enumerate().skip(guide.len()) {
                if preemptions + usize::from(*inside) <= most {
                    let before = &done.schedule[..choice];
                    waiting.extend(others.iter().map(|&other| [before, &[other]].concat()));
                }
            }
            let outcome = self.judge(candidate, done);
            cost += outcome.cost;
            if outcome.violation.is_some() || cost >= share {
                return Outcome { cost, ..outcome };
            }
        }
        Outcome { cost, ..Outcome::default() }
    }

    fn at_random(&mut self, _: &mut Program, _: &str, _: u64) -> Outcome {
        Outcome::default()
    }
}

fn violation(step: usize) -> Violation {
    Violation {
        invariant: Invariant::I5,
        aspect: "css-refs",
        step,
        shape: "end",
        object: String::from("A"),
        expected: String::new(),
        found: String::new(),
        because: String::new(),
        provenance: Vec::new(),
    }
}

fn parse(lines: &[&str]) -> Program {
    let text = format!("stocktake-trace 1\n{}\n", lines.join("\n"));
    trace::read(text.as_bytes(), Reading::Strict).unwrap_or_else(|errors| panic!("{errors}"))
}

fn op(program: &Program, step: usize) -> Op {
    match program.steps[step].action {
        Action::Op(op) => op.op,
        Action::Assert(..) => panic!("these programs assert nothing"),
    }
}

/// Whether all of a step of the second kind ran between the first and the last part of one of the first.
fn inside(program: &Program, parts: &[Part], outer: fn(&Op) -> bool, inner: fn(&Op) -> bool) -> bool {
    let place = |step: usize, part: usize| parts.iter().position(|p| (p.step, p.part) == (step, part));
    let steps =
        |wanted: fn(&Op) -> bool| (0..program.steps.len()).filter(move |&step| wanted(&op(program, step)));
    steps(outer).any(|outer| {
        steps(inner).any(|inner| {
            let order = [place(outer, 0), place(inner, 0), place(inner, PARTS - 1), place(outer, PARTS - 1)];
            order.iter().all(Option::is_some) && order.is_sorted()
        })
    })
}

fn charge(op: &Op) -> bool {
    matches!(op, Op::Charge { .. })
}

fn rmdir(op: &Op) -> bool {
    matches!(op, Op::Rmdir { .. })
}

fn drain(op: &Op) -> bool {
    matches!(op, Op::Drain)
}

/// Minimise a program, which fails by some schedule; what is left is checked to fail by itself.
fn minimized(program: &Program, fails: impl Fn(&Program, &[Part]) -> bool) -> Minimized {
    let minimized = minimize_with(program, &violation(0), 1_000_000, MadeUp { fails: &fails });
    assert!(!minimized.exhausted);
    let small = &minimized.program;
    let machine = MadeUp { fails: &fails };
    let done = machine.execute(small, &small.header.schedule);
    assert!(fails(small, &done.parts), "it fails by its schedule");
    if small.parallel.is_some() {
        assert_eq!(done.schedule, small.header.schedule, "which is all of its choices and no more");
    }
    assert_eq!(done.preemptions, minimized.preemptions);
    let text = trace::write(small);
    let back = trace::read(text.as_bytes(), Reading::Strict).expect("what is left can be read");
    assert_eq!(trace::write(&back), text);
    minimized
}

fn lines(program: &Program) -> Vec<String> {
    let text = trace::write(program);
    let is_told = |line: &&str| line.starts_with('@') || *line == "parallel";
    text.lines().filter(is_told).map(str::to_owned).collect()
}

fn large() -> Program {
    parse(&[
        "cpus 4",
        "@0 mkdir A",
        "@0 mkdir A/B",
        "@3 drain",
        "@2 p1 = charge A/B 9",
        "parallel",
        "@0 drain",
        "@0 p2 = charge A 40",
        "@0 p3 = charge A/B 1",
        "@1 grace",
        "@1 uncharge p1",
        "@1 rmdir A/B",
        "@1 drain",
        "@3 drain",
        "@3 p4 = charge A 1",
        "@3 work",
    ])
}

#[test]
fn an_operation_inside_another_is_left_with_one_preemption() {
    let minimized = minimized(&large(), |program, parts| inside(program, parts, charge, rmdir));
    assert_eq!(lines(&minimized.program), ["parallel", "@0 p2 = charge / 1", "@1 rmdir /"]);
    assert_eq!((minimized.preemptions, minimized.program.header.cpus), (1, 2));
}

#[test]
fn a_failure_of_every_order_needs_no_lanes() {
    let minimized = minimized(&large(), |program, parts| {
        let ran = |step: usize| {
            program.parallel.is_none_or(|first| step < first || parts.iter().any(|p| p.step == step))
        };
        (0..program.steps.len()).any(|step| rmdir(&op(program, step)) && ran(step))
    });
    assert_eq!(minimized.program.parallel, None);
    assert_eq!(lines(&minimized.program), ["@0 rmdir /"]);
    assert!(minimized.program.header.schedule.is_empty());
}

#[test]
fn the_order_of_two_lanes_needs_no_preemption() {
    let before = |program: &Program, parts: &[Part]| {
        let first = parts.iter().position(|p| rmdir(&op(program, p.step)));
        let last =
            parts.iter().rposition(|p| charge(&op(program, p.step)) && program.steps[p.step].cpu().0 == 0);
        first.zip(last).is_some_and(|(first, last)| first < last)
            && program.header.cpus > 1
            && parts.iter().any(|p| p.lane != parts[0].lane)
    };
    let minimized = minimized(&large(), before);
    assert_eq!((minimized.program.steps.len(), minimized.preemptions), (2, 0));
}

#[test]
fn as_few_preemptions_as_the_failure_needs() {
    // A drain inside a charge, and another one inside a grace period: two preemptions with two drains.
    let both = |program: &Program, parts: &[Part]| {
        inside(program, parts, charge, drain) && inside(program, parts, |op| matches!(op, Op::Grace), drain)
    };
    let minimized = minimized(&large(), both);
    let left = lines(&minimized.program);
    // One drain, inside both of the others, which overlap: fewest operations come first.
    assert_eq!(left.len(), 4, "{left:?}");
    assert_eq!(minimized.preemptions, 2, "{left:?}");
}

#[test]
fn steps_that_need_no_lane_leave_it() {
    let minimized = minimized(&large(), |program, parts| {
        let work = (0..program.steps.len()).any(|step| matches!(op(program, step), Op::Work));
        work && inside(program, parts, charge, rmdir)
    });
    let left = lines(&minimized.program);
    let parallel = left.iter().position(|line| line == "parallel").expect("it has lanes");
    assert_eq!((parallel, left.len() - 1 - parallel), (1, 2), "{left:?}");
}

#[test]
fn the_same_program_gives_the_same_result() {
    let fails = |program: &Program, parts: &[Part]| inside(program, parts, charge, rmdir);
    assert_eq!(minimized(&large(), fails), minimized(&large(), fails));
}

#[test]
fn a_result_with_lanes_cannot_be_minimised_further() {
    let fails = |program: &Program, parts: &[Part]| inside(program, parts, charge, rmdir);
    let once = minimized(&large(), fails);
    let twice = minimized(&once.program, fails);
    assert_eq!(twice.program, once.program);
}

#[test]
fn no_budget_loses_the_failure() {
    let fails = |program: &Program, parts: &[Part]| inside(program, parts, charge, rmdir);
    let mut program = large();
    let started = minimize_with(&program, &violation(0), 1_000_000, MadeUp { fails });
    program.header.schedule.clone_from(&started.program.header.schedule);
    for budget in [0, 10, 1000, 10_000] {
        let minimized = minimize_with(&started.program, &violation(0), budget, MadeUp { fails });
        let done = MadeUp { fails }.execute(&minimized.program, &minimized.program.header.schedule);
        assert!(fails(&minimized.program, &done.parts));
    }
}
