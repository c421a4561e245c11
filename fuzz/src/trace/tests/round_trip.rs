//! Text to program and back.

use super::super::{Reading, canonical, fix_up, read, write};
use super::generate::{Dice, program};
use super::trace;
use crate::program::{Action, Assertion, Drive, Expect, Header, Names, Program, State, Step};
use stocktake_impl::{Design, Fault, OfflineDesign};
use stocktake_model::{
    ChargeId, CpuId, Errno, Failure, GroupId, Limit, Mode, ObjcgId, Op, Outcome, Pages, SlotId,
};

/// Every version's file stays readable for ever, and means what it meant.
#[test]
fn version_1_is_readable() {
    let text = include_bytes!("version-1.trace");
    let program = read(text, Reading::Strict).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(
        program.header,
        Header {
            cpus: 8,
            mode: Mode::V1Flat,
            ids: 4096,
            slots: 0,
            design: Design { offline: OfflineDesign::ReparentFirst, ..Design::default() },
            faults: vec![Fault::S10, Fault::W1],
            expect: Expect::Violation {
                invariant: "I17".to_owned(),
                signature: Some("I17.swap_out-4".to_owned())
            },
            schedule: vec![0, 7, 1, 1],
            drive: Drive::Explore,
        }
    );
    assert_eq!(program.names.groups, ["", "A", "B", "A", "", "C"]);
    assert_eq!(program.names.objcgs, ["o1", "o2", "o3"]);
    assert_eq!(program.names.charges, ["p1", "p3", "", "p9"]);
    assert_eq!(program.names.objects, ["c1", "c2"]);
    assert_eq!(program.names.slots, ["s1"]);
    assert_eq!(program.parallel, Some(26));
    insta::assert_snapshot!("version_1", write(&program));
    assert_eq!(
        read(write(&program).as_bytes(), Reading::Strict).map(|p| canonical(&p)),
        Ok(canonical(&program))
    );
}

/// The example in the module's documentation is a trace.
#[test]
fn the_documented_example_is_readable() {
    let lines = include_str!("../mod.rs").lines().skip_while(|line| *line != "//! ```text").skip(1);
    let example = lines.map_while(|line| line.strip_prefix("//! ")).take_while(|line| *line != "```");
    let text = example.collect::<Vec<_>>().join("\n");
    match read(text.as_bytes(), Reading::Strict) {
        Ok(program) => assert_eq!(program.steps.len(), 45),
        Err(errors) => panic!("{errors}"),
    }
}

#[test]
fn steps_mean_what_they_say() {
    let program = trace(
        "@0 mkdir A max=4\n\
         @0 mkdir A/B swap.max=0\n\
         @1 big = charge A/B 3 force fail=alloc -> ENOMEM\n\
         @1 o = objcg A -> /\n\
         @0 s = swap.out big\n\
         parallel\n\
         @0 back = swap.in s A\n\
         @1 assert owner o A/B\n\
         @1 assert state A dying\n\
         @1 work -> release A\n",
    );
    let op = |cpu, op, line| Step {
        action: Action::Op(stocktake_model::Step { cpu: CpuId(cpu), op, fail: None }),
        outcome: None,
        irq: false,
        line,
    };
    let (a, b) = (GroupId(1), GroupId(2));
    let mkdir = |new, parent, max, swap_max| Op::Mkdir { new, parent, max, swap_max };
    let charge = Op::Charge { new: ChargeId(0), group: b, pages: Pages(3), force: true };
    let assertion = |assertion, line| Step {
        action: Action::Assert(CpuId(1), assertion),
        outcome: None,
        irq: false,
        line,
    };
    let steps = vec![
        op(0, mkdir(a, GroupId::ROOT, Limit::pages(4), Limit::MAX), 2),
        op(0, mkdir(b, a, Limit::MAX, Limit::pages(0)), 3),
        Step {
            action: Action::Op(stocktake_model::Step {
                cpu: CpuId(1),
                op: charge,
                fail: Some(Failure::Alloc),
            }),
            outcome: Some(Outcome::Refused(Errno::NoMem)),
            irq: false,
            line: 4,
        },
        Step {
            outcome: Some(Outcome::To(GroupId::ROOT)),
            ..op(1, Op::ObjcgFrom { new: ObjcgId(0), group: a }, 5)
        },
        op(0, Op::SwapOut { new: SlotId(0), charge: ChargeId(0) }, 6),
        op(0, Op::SwapIn { new: ChargeId(1), slot: SlotId(0), faulter: a }, 8),
        assertion(Assertion::Owner(ObjcgId(0), b), 9),
        assertion(Assertion::State(a, State::Dying), 10),
        Step { outcome: Some(Outcome::Ran(stocktake_model::Ran::Release(a))), ..op(1, Op::Work, 11) },
    ];
    let strings = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let names = Names {
        groups: strings(&["", "A", "B"]),
        objcgs: strings(&["o"]),
        charges: strings(&["big", "back"]),
        objects: Vec::new(),
        slots: strings(&["s"]),
        ..Names::default()
    };
    assert_eq!(program, Program { header: Header::default(), steps, parallel: Some(5), names });
}

/// What is the default is not written, except `cpus` and `expect`.
#[test]
fn defaults_are_left_out() {
    let text = "stocktake-trace 1\ncpus 2\nexpect ok\n";
    assert_eq!(write(&Program::default()), text);
    let program = trace("expect ok\nmode v2\ndesign current\ncpus 2\nids 64\nslots 64\n");
    assert_eq!(write(&program), text);
    assert_eq!(write(&trace("design stock=seven-slots,offline=drain-first\n")), text);
    assert!(
        write(&trace("design stock=single-slot,offline=reparent-first"))
            .contains("\ndesign stock=single-slot,offline=reparent-first\n")
    );
}

#[test]
fn layout_does_not_matter() {
    let plain = trace("@0 mkdir A max=3\n@1 p1 = charge A 2 force\n");
    let other = "\u{feff}# first\r\n\t\r\n  stocktake-trace\t1 # x\r\n@0  mkdir max=3   A#y\r\n\n@1\tp1 = charge A 2 force\t";
    let read = read(other.as_bytes(), Reading::Strict).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(canonical(&read), canonical(&plain));
    assert_eq!(read.steps.iter().map(|step| step.line).collect::<Vec<_>>(), [4, 6]);
}

#[test]
fn parallel_may_come_first_and_last() {
    assert_eq!(trace("parallel\n@0 mkdir A\n").parallel, Some(0));
    let last = trace("@0 mkdir A\nparallel\n");
    assert_eq!(last.parallel, Some(1));
    assert_eq!(trace(&write(&last)["stocktake-trace 1\n".len()..]).parallel, Some(1));
}

/// A schedule without `parallel` means nothing and would be refused, so it is not written.
#[test]
fn a_schedule_is_written_only_with_parallel() {
    let mut program = trace("schedule 1 0\nparallel\n@0 drain\n");
    assert!(write(&program).contains("\nschedule 1 0\n"));
    program.parallel = None;
    assert!(!write(&program).contains("schedule"));
    assert!(canonical(&program).header.schedule.is_empty());
}

/// Generated programs have no names, and their text gives them none.
#[test]
fn generated_programs_come_back_the_same() {
    for seed in 0..3000 {
        let program = program(&mut Dice::new(seed));
        let text = write(&program);
        let back = match read(text.as_bytes(), Reading::Strict) {
            Ok(back) => back,
            Err(errors) => panic!("seed {seed}:\n{text}\n{errors}"),
        };
        assert_eq!(canonical(&back), canonical(&program), "seed {seed}:\n{text}");
        assert_eq!(back.names, canonical(&program).names, "seed {seed}:\n{text}");
        assert_eq!(write(&back), text, "seed {seed}");
        assert_eq!(fix_up(&mut { back }), 0, "seed {seed}:\n{text}");
        if program.names == Names::default() {
            let mut without_schedule = program.clone();
            if program.parallel.is_none() {
                without_schedule.header.schedule.clear();
            }
            assert_eq!(canonical(&program), without_schedule, "seed {seed}:\n{text}");
        }
    }
}
