use super::*;
use crate::report::picture::made_up;
use crate::report::text;

#[test]
fn made_up_interleavings() {
    for (name, made) in made_up::all() {
        let report = text::failure(&made.program, &made.recording, "stocktake replay FILE");
        insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, report);
        });
    }
}

#[test]
fn no_line_is_wider_than_a_report() {
    let long = "a-very-long-name-that-somebody-has-given-to-a-group-for-some-reason";
    for (name, mut made) in made_up::all() {
        for lanes in [2, 4, 8] {
            let timeline = made.recording.timeline.as_mut().expect("there is one");
            timeline.lanes = lanes;
            timeline.owners.values_mut().for_each(|owner| *owner = owner.replace('A', long));
            let text = interleaving(&made.program, Some(timeline), Some("that is wrong"));
            let widest =
                text.lines().filter(|line| !line.contains(" is a-very")).map(|line| line.chars().count());
            assert!(widest.max() <= Some(WIDTH), "{name}, {lanes} lanes:\n{text}");
        }
    }
}

#[test]
fn words_are_broken_only_where_they_must() {
    assert_eq!(broken("aa bb cc", 5), ["aa bb", "cc"]);
    assert_eq!(broken("aaaaaaa bb", 5), ["aaaaa", "aa bb"]);
    assert_eq!(broken("aa  bb", 10), ["aa  bb"]);
}

#[test]
fn a_sequential_program_has_no_columns() {
    let made = made_up::lost_update();
    let sequential = Program { parallel: None, ..made.program };
    assert_eq!(interleaving(&sequential, made.recording.timeline.as_ref(), None), "");
}
