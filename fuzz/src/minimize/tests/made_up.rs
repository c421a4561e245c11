use crate::decode::{decode, random_bytes};
use crate::minimize::size::Size;
use crate::minimize::{Minimized, minimize_with};
use crate::program::{Action, Expect, Program, Step};
use crate::trace::{self, Reading};
use crate::violation::{Invariant, Violation};
use stocktake_model::{Bytes, CpuId, Failure, GroupId, Limit, Op, Pages};

fn violation(step: usize) -> Violation {
    Violation {
        invariant: Invariant::I4,
        aspect: "bytes",
        step,
        shape: "rmdir",
        object: String::from("A"),
        expected: String::new(),
        found: String::new(),
        because: String::new(),
        provenance: Vec::new(),
    }
}

/// Fails at the first step at which `fails` is true of the steps up to it.
fn oracle(fails: impl Fn(&[Step], &Program) -> bool) -> impl Fn(&Program) -> Option<Violation> {
    move |program| {
        (0..program.steps.len()).find(|&last| fails(&program.steps[..=last], program)).map(violation)
    }
}

fn op(step: &Step) -> stocktake_model::Step {
    match step.action {
        Action::Op(op) => op,
        Action::Assert(..) => panic!("these programs assert nothing"),
    }
}

/// `rmdir` after an object was charged on another CPU.
fn rmdir_after_remote_charge(steps: &[Step], _program: &Program) -> bool {
    let Some((last, before)) = steps.split_last() else { return false };
    matches!(op(last).op, Op::Rmdir { group } if group != GroupId::ROOT)
        && before.iter().any(|step| matches!(op(step).op, Op::ObjCharge { .. }) && step.cpu() != last.cpu())
}

fn minimized(program: &Program, run: impl Fn(&Program) -> Option<Violation>) -> Minimized {
    let violation = run(program).expect("the program fails");
    let minimized = minimize_with(program, &violation, 10_000_000, &run);
    assert!(!minimized.exhausted);
    let again = run(&minimized.program).expect("what is left fails");
    assert_eq!(again.signature(), violation.signature());
    assert_eq!(minimized.violation.step, again.step);
    let text = trace::write(&minimized.program);
    let back = trace::read(text.as_bytes(), Reading::Strict).expect("what is left can be read");
    assert_eq!(trace::write(&back), text);
    minimized
}

fn parse(lines: &[&str]) -> Program {
    let text = format!("stocktake-trace 1\n{}\n", lines.join("\n"));
    trace::read(text.as_bytes(), Reading::Strict).unwrap_or_else(|errors| panic!("{errors}"))
}

fn operations(program: &Program) -> Vec<String> {
    let text = trace::write(program);
    text.lines().filter(|line| line.starts_with('@')).map(str::to_owned).collect()
}

/// Generated programs that fail, with their numbers.
fn generated<'a>(
    run: &'a impl Fn(&Program) -> Option<Violation>,
) -> impl Iterator<Item = (u64, Program)> + 'a {
    let mut bytes = Vec::new();
    (0..).filter_map(move |index| {
        random_bytes(7, index, &mut bytes);
        let mut program = decode(&bytes);
        // These failures do not look whether what a step uses exists.
        trace::fix_up(&mut program);
        run(&program).is_some().then_some((index, program))
    })
}

#[test]
fn only_what_the_failure_needs_is_left() {
    let run = oracle(rmdir_after_remote_charge);
    for (index, program) in generated(&run).take(60) {
        let minimized = minimized(&program, &run);
        let mut left = operations(&minimized.program);
        let (charge, rmdir) = if left.iter().any(|line| line.starts_with("@1 c0")) { (1, 0) } else { (0, 1) };
        let charge = format!("@{charge} c0 = obj.charge o0 1");
        let rmdir = format!("@{rmdir} rmdir g1");
        assert_eq!(left.last(), Some(&rmdir), "execution {index}");
        // What the group and the charge need is independent of each other.
        left.sort();
        let mut needed = [String::from("@0 mkdir g1"), String::from("@0 o0 = objcg /"), charge, rmdir];
        needed.sort();
        assert_eq!(left, needed, "execution {index}");
        assert_eq!(minimized.program.header.cpus, 2);
    }
}

#[test]
fn what_is_left_expects_its_violation() {
    let run = oracle(rmdir_after_remote_charge);
    let (_, program) = generated(&run).next().expect("some program fails");
    let minimized = minimized(&program, &run);
    let signature = Some(String::from("I4-bytes-rmdir"));
    let expected = Expect::Violation { invariant: String::from("I4"), signature };
    assert_eq!(minimized.program.header.expect, expected);
}

#[test]
fn the_same_input_gives_the_same_result() {
    let run = oracle(rmdir_after_remote_charge);
    for (_, program) in generated(&run).take(10) {
        assert_eq!(minimized(&program, &run), minimized(&program, &run));
    }
}

#[test]
fn a_result_cannot_be_minimised_further() {
    let run = oracle(rmdir_after_remote_charge);
    for (_, program) in generated(&run).take(20) {
        let once = minimized(&program, &run);
        let twice = minimized(&once.program, &run);
        assert_eq!(twice.program, once.program);
    }
}

#[test]
fn no_budget_makes_a_program_larger_and_every_budget_keeps_the_signature() {
    let run = oracle(rmdir_after_remote_charge);
    for (_, program) in generated(&run).take(10) {
        let violation = run(&program).expect("the program fails");
        let mut last = Size::of(&program);
        for budget in [0, 1, 10, 100, 1000, 10_000] {
            let minimized = minimize_with(&program, &violation, budget, &run);
            let size = Size::of(&minimized.program);
            assert!(size <= last, "more budget gives no larger program");
            last = size;
            let longest = program.steps.len() as u64 + 1;
            assert!(minimized.steps_spent <= budget + longest);
            let again = run(&minimized.program).expect("what is left fails");
            assert_eq!(again.signature(), violation.signature());
        }
    }
}

#[test]
fn a_failure_that_does_not_come_again_is_returned_as_it_is() {
    let program = parse(&["@0 mkdir A", "@0 rmdir A"]);
    let minimized = minimize_with(&program, &violation(1), 1000, |_: &Program| None);
    assert_eq!(minimized.program.steps, program.steps);
    assert_eq!(minimized.violation, violation(1));
    assert_eq!(minimized.steps_spent, 2);
}

#[test]
fn another_failure_on_the_way_is_not_followed() {
    // With fewer than three steps before it, the rmdir fails in another way.
    let run = |program: &Program| {
        let step = program.steps.iter().position(|step| matches!(op(step).op, Op::Rmdir { .. }))?;
        let shape = if step < 3 { "other" } else { "rmdir" };
        Some(Violation { shape, ..violation(step) })
    };
    let program = parse(&["@0 mkdir A", "@0 drain", "@0 drain", "@0 drain", "@0 drain", "@0 rmdir A"]);
    assert_eq!(operations(&minimized(&program, run).program).len(), 4);
}

#[test]
fn steps_that_need_each_other_go_together() {
    // Fails unless CPU 1 is down at the end.
    let run = oracle(|steps, _| {
        let mut up = true;
        for step in steps {
            match op(step).op {
                Op::CpuDown { .. } => up = false,
                Op::CpuUp { .. } => up = true,
                _ => {}
            }
        }
        up && matches!(steps.last().map(|step| op(step).op), Some(Op::Rmdir { group }) if group != GroupId::ROOT)
    });
    let program = parse(&["@0 mkdir A", "@0 cpu.down 1", "@0 drain", "@0 cpu.up 1", "@0 rmdir A"]);
    assert_eq!(operations(&minimized(&program, run).program), ["@0 mkdir A", "@0 rmdir A"]);
}

#[test]
fn another_group_stands_in_for_a_needless_one() {
    let run = oracle(|steps, _| {
        let charges = steps.iter().filter(|step| matches!(op(step).op, Op::Charge { .. })).count();
        let deep = steps.iter().filter(|step| matches!(op(step).op, Op::Mkdir { .. })).count() >= 1;
        charges == 2 && deep
    });
    let program = parse(&[
        "@0 mkdir A",
        "@0 mkdir A/B",
        "@0 mkdir A/B/C",
        "@0 p1 = charge A/B/C 1",
        "@0 p2 = charge A/B 1",
    ]);
    let left = operations(&minimized(&program, run).program);
    assert_eq!(left, ["@0 mkdir A", "@0 p1 = charge / 1", "@0 p2 = charge / 1"]);
}

#[test]
fn another_reference_stands_in_for_a_needless_one() {
    let run = oracle(|steps, _| {
        steps.iter().filter(|step| matches!(op(step).op, Op::ObjCharge { .. })).count() == 2
    });
    let program = parse(&[
        "@0 mkdir A",
        "@0 o1 = objcg A",
        "@0 o2 = objcg.get o1",
        "@0 o3 = objcg.get o2",
        "@0 c1 = obj.charge o2 1",
        "@0 c2 = obj.charge o3 1",
    ]);
    let left = operations(&minimized(&program, run).program);
    assert_eq!(left, ["@0 o1 = objcg /", "@0 c1 = obj.charge o1 1", "@0 c2 = obj.charge o1 1"]);
}

#[test]
fn numbers_become_as_small_as_the_failure_allows() {
    let run = oracle(|steps, _| {
        let bytes = steps.iter().filter_map(|step| match op(step).op {
            Op::ObjCharge { bytes, .. } => Some(bytes),
            _ => None,
        });
        bytes.sum::<Bytes>() > Bytes(4096)
    });
    let program = parse(&["@0 mkdir A max=500", "@0 o1 = objcg A", "@0 c1 = obj.charge o1 8191"]);
    let left = operations(&minimized(&program, run).program);
    assert_eq!(left, ["@0 o1 = objcg /", "@0 c1 = obj.charge o1 4097"]);
}

#[test]
fn numbers_whose_difference_matters_become_small_together() {
    let run = oracle(|steps, _| {
        let max = steps.iter().find_map(|step| match op(step).op {
            Op::Mkdir { max: Limit(max), .. } => max,
            _ => None,
        });
        let charged = steps.iter().find_map(|step| match op(step).op {
            Op::Charge { pages, .. } => Some(pages),
            _ => None,
        });
        max.zip(charged).is_some_and(|(max, charged)| charged == max + Pages(3))
    });
    let program = parse(&["@0 mkdir A max=500", "@0 p1 = charge A 503"]);
    let left = operations(&minimized(&program, run).program);
    assert_eq!(left, ["@0 mkdir A max=0", "@0 p1 = charge / 3"]);
}

#[test]
fn limits_failures_and_force_go_where_they_do_not_matter() {
    let run = oracle(|steps, program| {
        program.header.ids < 5 && steps.iter().any(|step| matches!(op(step).op, Op::Charge { .. }))
    });
    let program = parse(&[
        "cpus 4",
        "mode v1",
        "ids 4",
        "slots 2",
        "@3 mkdir A max=9 swap.max=3",
        "@2 p1 = charge A 700 force fail=alloc -> ENOMEM",
        "@1 uncharge p1",
    ]);
    let minimized = minimized(&program, run).program;
    assert_eq!(operations(&minimized), ["@0 p1 = charge / 1"]);
    let header = &minimized.header;
    assert_eq!((header.cpus, header.ids, header.slots), (1, 1, 64));
    assert_eq!(header.mode, stocktake_model::Mode::V2);
}

#[test]
fn injected_failures_stay_where_they_matter() {
    let fails =
        |step: &Step| op(step).fail == Some(Failure::Trylock) && matches!(op(step).op, Op::Charge { .. });
    let run = oracle(move |steps, _| steps.last().is_some_and(fails));
    let program = parse(&["@0 mkdir A fail=alloc", "@1 drain", "@1 p1 = charge A 3 force fail=trylock"]);
    assert_eq!(operations(&minimized(&program, run).program), ["@0 p1 = charge / 1 fail=trylock"]);
}

#[test]
fn cpus_that_differ_stay_apart_and_move_down() {
    let run = oracle(|steps, _| {
        let drains: Vec<CpuId> = steps.iter().filter(|s| op(s).op == Op::Drain).map(Step::cpu).collect();
        drains.len() == 3 && drains[0] != drains[1] && drains[0] == drains[2]
    });
    let program = parse(&["cpus 8", "@7 drain", "@5 drain", "@3 grace", "@7 drain"]);
    let minimized = minimized(&program, run).program;
    assert_eq!(operations(&minimized), ["@0 drain", "@1 drain", "@0 drain"]);
    assert_eq!(minimized.header.cpus, 2);
}

#[test]
fn lanes_stay_lanes_where_they_matter() {
    let run = |program: &Program| {
        let first = program.parallel?;
        let charges = |steps: &[Step]| steps.iter().filter(|s| matches!(op(s).op, Op::Charge { .. })).count();
        let (before, lanes) = program.steps.split_at_checked(first)?;
        (charges(before) >= 1 && charges(lanes) >= 1).then(|| violation(program.steps.len()))
    };
    let program = parse(&[
        "@0 mkdir A",
        "@0 drain",
        "@0 p1 = charge A 2",
        "@0 grace",
        "parallel",
        "@0 drain",
        "@1 p2 = charge A 2",
        "@0 work",
    ]);
    let minimized = minimized(&program, run).program;
    assert_eq!(minimized.parallel, Some(1));
    assert_eq!(operations(&minimized), ["@0 p1 = charge / 1", "@0 p2 = charge / 1"]);
}

#[test]
fn a_step_may_grow_so_that_another_can_go() {
    // One object of two pages, or two objects of a page each.
    let run = oracle(|steps, _| {
        let pages = steps.iter().map(|step| match op(step).op {
            Op::ObjCharge { bytes: Bytes(4097..), .. } => 2,
            Op::ObjCharge { .. } => 1,
            _ => 0,
        });
        pages.sum::<u32>() == 2
    });
    let program = parse(&["@0 o1 = objcg /", "@0 c1 = obj.charge o1 1", "@0 c2 = obj.charge o1 1"]);
    assert_eq!(
        operations(&minimized(&program, run).program),
        ["@0 o1 = objcg /", "@0 c2 = obj.charge o1 4097"]
    );
}

#[test]
fn a_step_may_move_so_that_another_can_go() {
    // A charge above a limit that is lowered later, or that has been low before, but then there is a drain.
    let run = oracle(|steps, _| {
        let at = |wanted: fn(&Op) -> bool| steps.iter().position(|step| wanted(&op(step).op));
        let (charge, set) =
            (at(|op| matches!(op, Op::Charge { .. })), at(|op| matches!(op, Op::SetMax { .. })));
        let drained = at(|op| *op == Op::Drain).is_some();
        charge.zip(set).is_some_and(|(charge, set)| charge < set || drained)
    });
    let program = parse(&["@0 drain", "@0 set / max=1", "@0 p1 = charge / 1"]);
    assert_eq!(operations(&minimized(&program, run).program).len(), 2);
}

#[test]
fn a_broad_step_may_stand_in_for_two() {
    let run = oracle(|steps, _| {
        let has = |wanted: Op| steps.iter().any(|step| op(step).op == wanted);
        has(Op::Quiesce) || (has(Op::Work) && has(Op::Grace))
    });
    let program = parse(&["@0 work", "@0 grace"]);
    assert_eq!(operations(&minimized(&program, run).program), ["@0 quiesce"]);
}
