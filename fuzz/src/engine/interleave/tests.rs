//! Tests of the engine: determinism, deadlocks, stale schedules, strategies, and that the default design is clean.

use super::{Execution, Interleave, MOST_EXPLORED};
use crate::decode::{decode_lanes_into, random_lane_bytes};
use crate::program::{Drive, Program};
use crate::tally::Tally;
use crate::trace::{self, Reading};
use crate::violation::{Invariant, Violation};
use std::collections::BTreeMap;

fn program(lines: &str) -> Program {
    let text = format!("stocktake-trace 1\n{lines}\n");
    trace::read(text.as_bytes(), Reading::Strict).unwrap_or_else(|errors| panic!("{errors}"))
}

fn generated(index: u64) -> Program {
    let (mut bytes, mut program) = (Vec::new(), Program::default());
    random_lane_bytes(77, index, &mut bytes);
    decode_lanes_into(&bytes, &mut program);
    program
}

fn scheduled(engine: &mut Interleave, program: &Program) -> (Execution, Option<Box<Violation>>) {
    let (execution, result) = engine.run_scheduled(program, &mut Tally::default());
    (execution, result.err())
}

/// How many generated programs the default design is run with; `STOCKTAKE_LANES` asks for more, which is how what the
/// checks still get wrong is listed.
fn programs() -> u64 {
    std::env::var("STOCKTAKE_LANES").ok().and_then(|n| n.parse().ok()).unwrap_or(400)
}

#[test]
fn the_default_design_is_clean() {
    let mut engine = Interleave::new();
    let mut tally = Tally::default();
    let mut found: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for index in 0..programs() {
        let program = generated(index);
        if let Err(violation) = engine.run(&program, &mut tally) {
            let sample = || format!("program {index}\n{violation:?}\n{}", trace::write(&program));
            found.entry(violation.signature()).or_insert_with(|| (0, sample())).0 += 1;
        }
    }
    let listed: Vec<String> =
        found.iter().map(|(signature, (count, sample))| format!("{count} x {signature}\n{sample}")).collect();
    assert!(found.is_empty(), "{} programs, {} steps:\n{}", tally.executions, tally.steps, listed.join("\n"));
    assert!(tally.preemptions > tally.executions, "lanes are preempted");
    assert!(tally.exact > 10 * tally.divergent.iter().sum::<u64>());
}

#[test]
fn an_execution_is_repeated_exactly() {
    let (mut one, mut other) = (Interleave::new(), Interleave::new());
    for index in 0..150 {
        let mut program = generated(index);
        let (first, violation) = scheduled(&mut one, &program);
        let (second, again) = scheduled(&mut other, &program);
        assert_eq!((&first.schedule, first.preemptions), (&second.schedule, second.preemptions));
        assert_eq!(violation, again);
        program.header.drive = Drive::Explore;
        program.header.schedule.clone_from(&first.schedule);
        if program.header.schedule.is_empty() {
            continue;
        }
        let (third, by_schedule) = scheduled(&mut one, &program);
        assert_eq!(third.stale, None);
        assert_eq!((third.schedule, third.preemptions), (first.schedule, first.preemptions));
        assert_eq!(by_schedule, violation);
    }
}

const TWO_CHARGES: &str = "@0 mkdir A\nparallel\n@0 p0 = charge A 1\n@1 p1 = charge A 1";

#[test]
fn a_schedule_that_does_not_apply_is_stale() {
    let mut engine = Interleave::new();
    let (execution, violation) = scheduled(&mut engine, &program(TWO_CHARGES));
    assert_eq!(violation, None);
    let schedule = |change: fn(&mut Vec<u8>)| {
        let mut program = program(TWO_CHARGES);
        program.header.schedule.clone_from(&execution.schedule);
        change(&mut program.header.schedule);
        program
    };
    assert_eq!(engine.record(&schedule(|_| ())).stale, None);
    let short = engine.record(&schedule(|lanes| lanes.truncate(3)));
    assert_eq!(short.stale.as_deref(), Some("its schedule has 3 choices, and the program needs more"));
    let long = engine.record(&schedule(|lanes| lanes.push(1)));
    assert_eq!(long.stale.as_deref(), Some("its schedule has 1 choices more than the program needs"));
}

#[test]
fn exploring_runs_every_schedule_with_few_preemptions() {
    let mut engine = Interleave::new();
    let mut tally = Tally::default();
    let tiny = program("@0 mkdir A\nparallel\n@0 drain\n@1 drain");
    assert_eq!(engine.run(&tiny, &mut tally), Ok(()));
    // Either lane first, either lane preempted once before its one access, and that with the other preempted too.
    assert_eq!(tally.executions, 6);
}

#[test]
fn every_strategy_reaches_a_race() {
    // The loser of two drains gives up: seen only if one runs in the middle of the other.
    let lines = "@0 mkdir A\nparallel\n@0 drain.all A\n@1 drain.all A";
    let lost = |engine: &mut Interleave, program: &Program| {
        let mut tally = Tally::default();
        assert_eq!(engine.run(program, &mut tally), Ok(()));
        let goal =
            crate::goals::GOALS.iter().position(|goal| goal.name == "drain-lost-race").expect("a goal");
        tally.goals[goal] > 0
    };
    let mut engine = Interleave::new();
    type Choose = fn(u64) -> Drive;
    let drives: [(&str, Choose); 6] = [
        ("explore", |_| Drive::Explore),
        ("random", Drive::Random),
        ("partial", Drive::Partial),
        ("pct", |seed| Drive::Pct { seed, depth: 2 }),
        ("bytes", |seed| Drive::Bytes(vec![(seed as u8) << 3, (seed as u8 * 3) << 3 | 1, 0x81])),
        ("round robin", |seed| Drive::RoundRobin(1 + seed as u8 % 8)),
    ];
    for (name, drive) in drives {
        let reached = (0..30).any(|seed| {
            let mut program = program(lines);
            program.header.drive = drive(seed);
            lost(&mut engine, &program)
        });
        assert!(reached, "{name} never lets one drain meet the other");
    }
}

/// Charges that wait for the drain of a CPU that has nothing to do let it come, however unfair the scheduler is.
#[test]
fn whoever_tries_again_and_again_lets_others_go_on() {
    let lines = "cpus 4\ndesign drain=wait\n@0 mkdir A max=2\n@0 k = cache.create 1\n@0 x = slab.alloc k A\n@0 p = page.anon A\n\
        parallel\n@2 q = page.file A\n@1 r = charge A 64";
    let mut engine = Interleave::new();
    for seed in 0..300 {
        let mut program = program(lines);
        program.header.drive = Drive::Pct { seed, depth: 3 };
        assert_eq!(engine.run(&program, &mut Tally::default()), Ok(()), "seed {seed}");
    }
}

/// The violation that exploring a program finds, and whether the search of orders was asked before.
fn explored(lines: &str) -> (Option<Box<Violation>>, bool) {
    let mut tally = Tally::default();
    let found = Interleave::new().run(&program(lines), &mut tally).err();
    (found, tally.reordered > 0)
}

/// A usage that is read, added to and written back loses what another CPU adds meanwhile. Operations that decide more than
/// once where they charge are no excuse for that.
#[test]
fn no_order_explains_a_lost_update() {
    let before = "fault N1\n@0 mkdir A\n@0 t = task A\n@0 m = mm.get t\n@0 f = shmem.file\nparallel\n";
    let pairs = [
        "@0 a = mm.charge m 1\n@1 b = mm.charge m 1",
        "@0 a = page.anon A\n@1 b = page.anon A",
        "@0 shmem.fault f A\n@1 b = page.anon A",
        "@0 shmem.fault f A\n@1 a = mm.charge m 1",
    ];
    for pair in pairs {
        let sound = before.replace("fault N1\n", "");
        assert_eq!(explored(&format!("{sound}{pair}")).0, None, "{pair}");
        let (found, _) = explored(&format!("{before}{pair}"));
        let found = found.unwrap_or_else(|| panic!("{pair}: the lost update is not found"));
        // The unit is missing at once, or a counter goes below zero when both have given theirs back.
        assert!(matches!(found.invariant, Invariant::I1 | Invariant::I3), "{pair}: {found:?}");
    }
}

/// Answers that no order of the parts gives, though each of them is possible by itself.
#[test]
fn the_search_of_orders_refutes_answers() {
    // Reclaim passes over what a punch beside a fault has left behind.
    let (found, _) = explored(
        "fault S23\n@0 f = shmem.file\n@0 shmem.fault f /\n@0 shmem.out f\nparallel\n@0 shmem.punch f\n@1 shmem.fault f /",
    );
    assert_eq!(found.map(|found| found.invariant), Some(Invariant::I8));
    // Beside a migration a charge through the mm lands in the one group or in the other, and in no third one.
    let moved = "@0 mkdir A\n@0 mkdir B\n@0 t = task A\n@0 m = mm.get t\nparallel\n@0 migrate t B\n@1 p = mm.charge m 1";
    let (found, searched) = explored(moved);
    assert_eq!((found, searched), (None, true));
    // As long as a child is being forked its mm charges a group in which its parent was.
    let forked = "@0 mkdir A\n@0 mkdir B\n@0 t = task A\n@0 c = fork.begin t\nparallel\n@0 migrate t B\n@1 p = mm.charge c 1";
    assert_eq!(explored(forked).0, None);
    let mut beside = program(&format!("fault S2\n{forked}"));
    beside.header.drive = Drive::RoundRobin(1);
    let mut tally = Tally::default();
    let found = Interleave::new().run(&beside, &mut tally).err();
    assert_eq!(found.map(|found| found.invariant), Some(Invariant::I11));
    assert!(tally.reordered > 0, "the two overlap, so that an order was looked for");
}

/// A worker that takes the lock of the tree while it has that of its queue, and rmdir, which takes them in the other order.
#[test]
fn a_deadlock_is_reported_with_its_cycle() {
    let lines = "@0 mkdir A\n@0 mkdir B\n@0 rmdir A\nparallel\n@0 work\n@1 rmdir B";
    assert_eq!(explored(lines).0, None);
    let planted = program(&format!("fault N5\n{lines}"));
    let found =
        Interleave::new().run(&planted, &mut Tally::default()).expect_err("the two lock each other out");
    assert_eq!((found.invariant, found.aspect), (Invariant::I13, "deadlock"), "{found:?}");
    for waits in [
        "lane 0 (@0 work) waits for the lock cgroup_mutex, which lane 1 has",
        "lane 1 (@1 rmdir B) waits for the lock unbound work queue, which lane 0 has",
    ] {
        assert!(found.found.contains(waits), "{found:?}");
    }
    assert!(found.because.contains("lane 0 waits for lane 1, which waits for lane 0"), "{found:?}");
    let recording = Interleave::new().record(&planted);
    assert_eq!(recording.violation.map(|again| again.signature()), Some(found.signature()));
}

#[test]
fn a_recording_says_how_far_schedules_were_explored() {
    let mut engine = Interleave::new();
    let small = engine.record(&program("cpus 2\n@0 mkdir A\nparallel\n@0 set A max=3\n@1 set A max=4"));
    let explored = small.explored.expect("it leaves the schedule open");
    assert!(explored.all && explored.schedules > 10, "{explored:?}");
    let lanes: Vec<String> = (0..4).map(|lane| format!("@{lane} p{lane} = charge A 1")).collect();
    let large = engine.record(&program(&format!("cpus 4\n@0 mkdir A\nparallel\n{}", lanes.join("\n"))));
    let explored = large.explored.expect("it leaves the schedule open");
    assert!(!explored.all && explored.schedules == MOST_EXPLORED, "{explored:?}");
}
