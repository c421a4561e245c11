//! Looking for a schedule by which a candidate fails.

use super::run::{Outcome, Run};
use crate::program::Program;

/// All schedules with so many preemptions or fewer are run, as far as the share allows. Most races need one or two.
const MOST_PREEMPTIONS: usize = 2;

/// Run a candidate by the schedule that it has, and then by others, those with few preemptions first. About `share`
/// steps may be run; a candidate without lanes is run once.
pub(super) fn look_for(run: &mut impl Run, candidate: &mut Program, signature: &str, share: u64) -> Outcome {
    let fails = |outcome: &Outcome| {
        outcome.violation.as_ref().is_some_and(|violation| violation.signature() == signature)
    };
    let guide = candidate.header.schedule.clone();
    let mut last = run.guided(candidate);
    if fails(&last) || candidate.parallel.is_none() {
        return last;
    }
    candidate.header.schedule = guide;
    for most in 0..=MOST_PREEMPTIONS {
        // Half of what is left, so that something remains for what comes after.
        let part = share.saturating_sub(last.cost) / 2;
        last = after(last.cost, run.within(candidate, signature, most, part));
        if fails(&last) {
            return last;
        }
    }
    candidate.header.schedule.clear();
    let rest = share.saturating_sub(last.cost);
    after(last.cost, run.at_random(candidate, signature, rest))
}

/// An outcome that comes after so many steps of others.
fn after(spent: u64, outcome: Outcome) -> Outcome {
    Outcome { cost: spent + outcome.cost, ..outcome }
}
