//! What things are called in text.

use super::super::{Labels, charge_name, group_path, objcg_name, object_name, slot_name, step_text, write};
use super::trace;
use crate::program::{Names, Program, Step};
use stocktake_model::{
    ChargeId, CpuId, Errno, GroupId, Limit, ObjcgId, ObjectId, Op, Outcome, Pages, Ran, SlotId,
};

fn mkdir(new: u16, parent: u16) -> Step {
    let op = Op::Mkdir { new: GroupId(new), parent: GroupId(parent), max: Limit::MAX, swap_max: Limit::MAX };
    Step::op(stocktake_model::Step { cpu: CpuId(0), op, fail: None })
}

#[test]
fn one_step_and_one_name() {
    let program = trace(
        "@0 mkdir A\n@0 mkdir A/B\n@1 p = charge A/B 1\n@1 o = objcg A\n@1 c = obj.charge o 1\n@1 s = swap.out p -> A\n",
    );
    assert_eq!(step_text(&program, 5), "@1 s = swap.out p -> A");
    assert_eq!(step_text(&program, 6), "");
    assert_eq!(group_path(&program, GroupId(2)), "A/B");
    assert_eq!(group_path(&program, GroupId::ROOT), "/");
    assert_eq!(group_path(&Program::default(), GroupId::ROOT), "/");
    assert_eq!(objcg_name(&program, ObjcgId(0)), "o");
    assert_eq!(charge_name(&program, ChargeId(0)), "p");
    assert_eq!(object_name(&program, ObjectId(0)), "c");
    assert_eq!(slot_name(&program, SlotId(0)), "s");
    // Numbers that the program does not know.
    assert_eq!(slot_name(&program, SlotId(9)), "s9");
    assert_eq!(group_path(&program, GroupId(9)), "g9");
}

#[test]
fn outcomes_are_spelled_as_they_are_read() {
    let labels = Labels::of(&trace("@0 mkdir A\n"));
    let spelled = [
        (Outcome::Done, "ok"),
        (Outcome::To(GroupId(1)), "A"),
        (Outcome::To(GroupId::ROOT), "/"),
        (Outcome::Refused(Errno::NoMem), "ENOMEM"),
        (Outcome::Refused(Errno::Busy), "EBUSY"),
        (Outcome::Refused(Errno::NoSpace), "ENOSPC"),
        (Outcome::Refused(Errno::NoDev), "ENODEV"),
        (Outcome::Ran(Ran::Nothing), "nothing"),
        (Outcome::Ran(Ran::Drain), "drain"),
        (Outcome::Ran(Ran::Offline(GroupId(1))), "offline A"),
        (Outcome::Ran(Ran::Release(GroupId(1))), "release A"),
    ];
    for (outcome, text) in spelled {
        assert_eq!(labels.outcome(outcome), text);
    }
}

/// A generated name never hides a given one, and variables share their space with top groups.
#[test]
fn generated_names_avoid_given_ones() {
    let given = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let charge = |n| {
        let op = Op::Charge { new: ChargeId(n), group: GroupId(2), pages: Pages(1), force: false };
        Step::op(stocktake_model::Step { cpu: CpuId(0), op, fail: None })
    };
    let program = Program {
        steps: vec![
            mkdir(1, 0),
            mkdir(2, 1),
            mkdir(3, 1),
            mkdir(4, 1),
            charge(0),
            charge(1),
            charge(2),
            charge(3),
        ],
        names: Names {
            // Below one parent, a name is given once; `ok` can be no name at all.
            groups: given(&["", "p1", "g3", "", "g3"]),
            charges: given(&["p2", "", "", "ok"]),
            ..Names::default()
        },
        ..Program::default()
    };
    assert_eq!(
        write(&program),
        "stocktake-trace 1\ncpus 2\nexpect ok\n\
         @0 mkdir p1\n@0 mkdir p1/g3\n@0 mkdir p1/g3_2\n@0 mkdir p1/g4\n\
         @0 p2 = charge p1/g3 1\n@0 p1_2 = charge p1/g3 1\n@0 p2_2 = charge p1/g3 1\n@0 p3 = charge p1/g3 1\n"
    );
}

/// Reports show steps of programs that are not fixed up.
#[test]
fn programs_with_missing_parents_have_labels() {
    let program =
        Program { steps: vec![mkdir(1, 2), mkdir(2, 1), mkdir(3, 3), mkdir(5, 9)], ..Program::default() };
    let labels = Labels::of(&program);
    let paths: Vec<_> = (0..10).map(|n| labels.group(GroupId(n)).into_owned()).collect();
    assert_eq!(paths, ["/", "g2/g1", "g2/g1/g2", "g3", "g4", "g9/g5", "g6", "g7", "g8", "g9"]);
}
