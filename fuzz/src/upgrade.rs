//! Upgrading traces: a schedule that no longer applies is recorded anew, and nothing else of a trace is touched.
//!
//! A recorded schedule is a choice for each point at which more than one lane could go on, so it goes stale whenever
//! the machine gains or loses such a point. What the trace settles does not: the same operations still have to meet
//! the same expectation, by some schedule.

use crate::engine::interleave::Interleave;
use crate::program::{Expect, Program};
use crate::replay::{Verdict, judge, replay};
use crate::tally::Tally;
use crate::trace::with_schedule;
use crate::violation::Violation;
use std::path::Path;

/// What became of one trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// It applies as it is.
    Current,
    /// Its text with a new schedule, which meets the expectation.
    Rewritten(String),
    /// It is stale, for this reason, and no schedule was found that meets the expectation.
    Stale(String),
}

/// Bring a trace up to date: `program` is what its `text` says.
pub fn upgrade(path: &Path, text: &str, program: &Program) -> Upgrade {
    let Verdict::Stale(why) = replay(path, program.clone()).verdict else { return Upgrade::Current };
    match schedule_anew(program) {
        Some(schedule) => Upgrade::Rewritten(with_schedule(text, &schedule)),
        None => Upgrade::Stale(why),
    }
}

/// A schedule that meets the program's expectation: first one that follows the old one as far as that applies, then,
/// for a violation, the first of all that shows it.
fn schedule_anew(program: &Program) -> Option<Vec<u8>> {
    let mut engine = Interleave::new();
    let mut open = program.clone();
    let old = std::mem::take(&mut open.header.schedule);
    let meets = |found: Result<(), Box<Violation>>| {
        judge(&program.header.expect, found.err().as_deref()) == Verdict::Passed
    };
    let (near, found) = engine.run_guided(&open, &old, &mut Tally::default());
    if meets(found) {
        return Some(near.schedule);
    }
    if program.header.expect == Expect::Ok {
        return None;
    }
    let (first, found) = engine.run_scheduled(&open, &mut Tally::default());
    meets(found).then_some(first.schedule)
}
