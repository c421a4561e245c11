//! Fix-up after steps were removed.

use super::super::{Reading, canonical, fix_up, read, write};
use super::generate::{Dice, program};
use super::trace;
use crate::program::{Action, Program, Step};
use stocktake_model::{CpuId, GroupId, Op, Pages};

/// The canonical operations of `program` after step `gone` of it was removed and the rest fixed up, and how many
/// steps fix-up dropped.
fn without(program: &Program, gone: usize) -> (String, usize) {
    let mut fixed = program.clone();
    fixed.steps.remove(gone);
    fixed.parallel = program.parallel.map(|first| if first > gone { first - 1 } else { first });
    let dropped = fix_up(&mut fixed);
    let text = write(&fixed);
    assert_eq!(read(text.as_bytes(), Reading::Strict).map(|p| canonical(&p)), Ok(canonical(&fixed)));
    (text.lines().skip(3).collect::<Vec<_>>().join("\n"), dropped)
}

#[test]
fn users_of_what_is_gone_go_too() {
    let program = trace(
        "@0 mkdir A\n\
         @0 mkdir A/B\n\
         @0 mkdir C\n\
         @0 o = objcg A/B\n\
         @0 c = obj.charge o 100\n\
         @0 obj.uncharge c\n\
         @0 x = charge C 1\n\
         parallel\n\
         @0 s = swap.out x -> A\n\
         @1 assert usage A 1\n\
         @1 work -> release A/B\n\
         @0 swap.free s\n",
    );
    // Without A: B, its objcg, the object, and the assert; what the outcomes insisted on is forgotten.
    let rest = "@0 mkdir C\n@0 x = charge C 1\nparallel\n@0 s = swap.out x\n@1 work\n@0 swap.free s";
    assert_eq!(without(&program, 0), (rest.to_owned(), 5));
    // Without the folio: the slots.
    let rest = "@0 mkdir A\n@0 mkdir A/B\n@0 mkdir C\n@0 o = objcg A/B\n@0 c = obj.charge o 100\n\
                @0 obj.uncharge c\nparallel\n@1 assert usage A 1\n@1 work -> release A/B";
    assert_eq!(without(&program, 6), (rest.to_owned(), 2));
    // Nothing depends on the last step.
    assert_eq!(without(&program, 10).1, 0);
}

/// Numbers close up; given names stay with what they name, generated ones follow the numbers.
#[test]
fn numbers_have_no_gaps() {
    let program = trace(
        "@0 p0 = charge / 1\n\
         @0 mine = charge / 2\n\
         @0 p2 = charge / 3\n\
         @0 g7 = charge / 4\n\
         @0 uncharge mine\n\
         @0 uncharge p2\n\
         @0 uncharge g7\n",
    );
    let rest = "@0 mine = charge / 2\n@0 p1 = charge / 3\n@0 g7 = charge / 4\n\
                @0 uncharge mine\n@0 uncharge p1\n@0 uncharge g7";
    assert_eq!(without(&program, 0), (rest.to_owned(), 0));
}

/// What another lane makes after `parallel` is not there for sure.
#[test]
fn lanes_do_not_use_what_others_make() {
    let mut program = trace(
        "@0 p0 = charge / 1\n\
         @0 p1 = charge / 2\n\
         @1 uncharge p0\n\
         @1 uncharge p1\n",
    );
    program.parallel = Some(1);
    assert_eq!(fix_up(&mut program), 1);
    assert_eq!(program.parallel, Some(1));
    assert!(write(&program).ends_with("@0 p0 = charge / 1\nparallel\n@0 p1 = charge / 2\n@1 uncharge p0\n"));
}

#[test]
fn steps_that_cannot_be_written_go() {
    let mut program = trace("cpus 2\n@0 mkdir A\n@1 p0 = charge A 1\n@0 cpu.down 1\n");
    let edited = |program: &Program, index: usize, edit: &dyn Fn(&mut stocktake_model::Step)| {
        let mut edited = program.clone();
        if let Action::Op(step) = &mut edited.steps[index].action {
            edit(step);
        }
        let dropped = fix_up(&mut edited);
        assert!(read(write(&edited).as_bytes(), Reading::Strict).is_ok());
        dropped
    };
    assert_eq!(edited(&program, 0, &|_| ()), 0);
    type Edit<'a> = &'a dyn Fn(&mut stocktake_model::Step);
    let cases: [(usize, Edit<'_>, usize); 4] = [
        (1, &|step| step.cpu = CpuId(2), 1),
        (2, &|step| step.op = Op::CpuDown { target: CpuId(2) }, 1),
        (
            1,
            &|step| {
                if let Op::Charge { pages, .. } = &mut step.op {
                    *pages = Pages(0);
                }
            },
            1,
        ),
        // Root cannot be made; and then there is no A to charge.
        (
            0,
            &|step| {
                if let Op::Mkdir { new, .. } = &mut step.op {
                    *new = GroupId::ROOT;
                }
            },
            2,
        ),
    ];
    for (i, (index, edit, dropped)) in cases.into_iter().enumerate() {
        assert_eq!(edited(&program, index, edit), dropped, "case {i}");
    }
    let again: Step = program.steps[0];
    program.steps.insert(1, again);
    assert_eq!(fix_up(&mut program), 1);
}

/// Any subsequence, fixed up, is a program that can be written and read, and needs no more fixing.
#[test]
fn every_subsequence_can_be_fixed() {
    for seed in 0..3000 {
        let mut dice = Dice::new(seed);
        let whole = program(&mut dice);
        let mut part = whole.clone();
        part.steps.clear();
        let mut before_parallel = 0;
        for (i, step) in whole.steps.iter().enumerate() {
            if !dice.one_in(4) {
                part.steps.push(*step);
                before_parallel += usize::from(whole.parallel.is_some_and(|first| i < first));
            }
        }
        part.parallel = whole.parallel.map(|_| before_parallel);
        let kept = part.steps.len();
        let dropped = fix_up(&mut part);
        assert_eq!(part.steps.len() + dropped, kept);
        let text = write(&part);
        match read(text.as_bytes(), Reading::Strict) {
            Ok(back) => assert_eq!(canonical(&back), canonical(&part), "seed {seed}:\n{text}"),
            Err(errors) => panic!("seed {seed}:\n{text}\n{errors}"),
        }
        let once = part.clone();
        assert_eq!(fix_up(&mut part), 0);
        assert_eq!(part, once);
    }
}
