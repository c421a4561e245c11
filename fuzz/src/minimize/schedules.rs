//! Looking for a schedule by which a candidate fails.

use super::run::{Outcome, Run};
use crate::program::Program;

/// All schedules with so many preemptions or fewer are run, as far as the share allows. Most races need one or two.
const MOST_PREEMPTIONS: usize = 2;

/// Run a candidate by the schedule that it has, and then by others, those with few preemptions first. About `share`
/// steps may be run; a candidate without lanes is run once.
pub(super) fn look_for(run: &mut impl Run, candidate: &mut Program, signature: &str, share: u64) -> Outcome {
    let mut spent = 0;
    let mut fails = |outcome: Outcome| {
        spent += outcome.cost;
        let outcome = Outcome { cost: spent, ..outcome };
        let is_it = outcome.violation.as_ref().is_some_and(|violation| violation.signature() == signature);
        if is_it { Ok(outcome) } else { Err(outcome) }
    };
    let mut last = match fails(run.guided(candidate)) {
        Ok(outcome) => return outcome,
        Err(outcome) if candidate.parallel.is_none() => return outcome,
        Err(outcome) => outcome,
    };
    candidate.header.schedule.clear();
    for most in 0..=MOST_PREEMPTIONS {
        // Half of what is left, so that something remains for what comes after.
        let part = share.saturating_sub(last.cost) / 2;
        last = match fails(run.within(candidate, signature, most, part)) {
            Ok(outcome) => return outcome,
            Err(outcome) => outcome,
        };
    }
    let rest = share.saturating_sub(last.cost);
    fails(run.at_random(candidate, signature, rest)).unwrap_or_else(|outcome| outcome)
}
