use super::made_up::{self, MadeUp};
use super::*;

fn folded(made: &MadeUp) -> Picture {
    Picture::folded(&made.program, made.recording.timeline.as_ref().expect("there is one"))
}

#[test]
fn every_event_is_in_exactly_one_row() {
    for (name, made) in made_up::all() {
        let events = made.recording.timeline.as_ref().map_or(0, |timeline| timeline.events.len());
        let picture = folded(&made);
        let mut next = 0;
        for row in &picture.rows {
            assert_eq!(row.event, next, "{name}");
            next += row.events;
        }
        assert_eq!(next, events, "{name}");
    }
}

#[test]
fn what_only_one_lane_can_notice_is_told_in_one_row() {
    let picture = folded(&made_up::lost_update());
    let text: Vec<String> = picture.rows.iter().map(|row| row.what.text()).collect();
    assert_eq!(text[1], "reads state of A: online; reads max of A: 10");
    assert_eq!(text[2], "reads usage of A: 0", "somebody else changes it");
}

#[test]
fn what_repeats_itself_is_told_once() {
    let picture = folded(&made_up::spinning());
    let again: Vec<&Row> = picture.rows.iter().filter(|row| matches!(row.what, Told::Again { .. })).collect();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].what, Told::Again { rows: 1, times: 39 });
}

#[test]
fn waits_that_lead_back_are_a_cycle() {
    let picture = folded(&made_up::deadlock());
    let waits: Vec<_> = picture.waits.iter().map(|wait| (wait.lane, wait.holder, wait.in_cycle)).collect();
    assert_eq!(waits, [(0, Some(1), true), (1, Some(0), true)]);
    assert_eq!(folded(&made_up::spinning()).waits, []);
}

#[test]
fn an_interrupt_is_inside_what_it_interrupts() {
    let picture = folded(&made_up::interrupt());
    let depths: Vec<usize> = picture.rows.iter().map(|row| row.open[0]).collect();
    assert_eq!(depths, [1, 1, 1, 2, 2, 1, 1, 0, 0, 0]);
}

#[test]
fn preemptions_are_switches_in_the_middle_of_what_could_go_on() {
    let counts = made_up::all().map(|(name, made)| (name, folded(&made).preemptions));
    assert_eq!(counts, [("lost-update", 1), ("deadlock", 1), ("interrupt", 0), ("spinning", 1)]);
}
