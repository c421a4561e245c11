//! Real faults that need operations which overlap.

use crate::engine::runner::{Engine, Runner};
use crate::minimize::minimize;
use crate::program::Program;
use crate::tally::Tally;
use crate::trace::{self, Reading};

/// Minimise a trace on one runner; a fresh one must find the same by the schedule that is left.
fn minimized(text: &str, budget: u64) -> (Program, usize) {
    let program = trace::read(text.as_bytes(), Reading::Strict).unwrap_or_else(|errors| panic!("{errors}"));
    let mut runner = Runner::new(Engine::Interleave);
    let violation = runner.run(&program, &mut Tally::default()).expect_err("the trace fails");
    let minimized = minimize(&program, &violation, &mut runner, budget);
    let small = minimized.program;
    let text = trace::write(&small);
    let read = trace::read(text.as_bytes(), Reading::Strict).unwrap_or_else(|errors| panic!("{errors}"));
    let recording = Runner::new(Engine::Interleave).record(&read);
    assert_eq!(recording.stale, None, "{text}");
    let signature = recording.violation.map(|violation| violation.signature());
    assert_eq!(signature, Some(violation.signature()), "{text}");
    let preemptions = recording.timeline.map(|timeline| timeline.preemptions());
    assert_eq!(preemptions, Some(minimized.preemptions), "{text}");
    let mut sound = small.clone();
    sound.header.faults.clear();
    sound.header.schedule.clear();
    let clean = Runner::new(Engine::Interleave).run(&sound, &mut Tally::default());
    assert_eq!(clean, Ok(()), "no schedule fails without the fault:\n{text}");
    (small, minimized.preemptions)
}

/// A mover that does not wait for updates that began before its mark could be seen.
#[test]
fn a_missing_grace_period_needs_one_preemption() {
    let (small, preemptions) = minimized(
        "stocktake-trace 1\ncpus 3\nmode v1\nfault S13\n@0 mkdir A\n@0 mkdir B\n@0 p1 = charge A 1\n@2 drain\n\
         parallel\n@0 map p1\n@1 move.start A B\n@1 move.page p1 B\n@2 drain\n",
        300_000,
    );
    assert_eq!(preemptions, 1);
    assert!(small.steps.len() <= 6, "{}", trace::write(&small));
    assert_eq!(small.header.cpus, 2);
}

/// A byte stock that puts its reference before it clears the pointer, as the hunt finds it: by a schedule with six
/// preemptions, where one in the middle of each drain is enough.
#[test]
fn a_pointer_that_outlives_its_reference_needs_two() {
    let (small, preemptions) = minimized(
        "stocktake-trace 1\ncpus 3\nfault B21b\n\
         schedule 1 0 0 0 0 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 2 2 2 2 2 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 1 2 2 \
         2 2 2 2 2 2 2 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n\
         @0 mkdir A\n@0 o1 = objcg A\n@1 c1 = obj.charge o1 1\n@1 obj.uncharge c1\n@0 objcg.put o1\n@0 rmdir A\n@0 work\n\
         @0 grace\nparallel\n@0 drain.all /\n@1 drain\n@2 grace\n",
        600_000,
    );
    assert_eq!(preemptions, 2);
    assert!(small.steps.len() <= 11, "{}", trace::write(&small));
}
