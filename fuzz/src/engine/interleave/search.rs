//! Searching the schedules of one program for a failure of a certain kind.

use super::schedule::{Exhaustive, Strategy};
use super::{Execution, Interleave};
use crate::program::{Drive, Program};
use crate::tally::Tally;
use crate::violation::Violation;

/// Preemptions of every second random execution; the others are preempted anywhere.
const DEPTH: u8 = 3;

impl Interleave {
    /// Run a program by every schedule with at most so many preemptions, until it fails as `wanted` or about `steps`
    /// steps have been run. Other failures are passed over.
    pub fn search_within(
        &mut self,
        program: &Program,
        most: usize,
        steps: u64,
        tally: &mut Tally,
        wanted: impl Fn(&Violation) -> bool,
    ) -> Option<(Execution, Box<Violation>)> {
        let until = spent(tally).saturating_add(steps);
        *self.shared.board.strategy() = Strategy::Exhaustive(Exhaustive::new(most));
        self.shared.board.keeping.set(true);
        let mut found = None;
        while found.is_none() && spent(tally) < until {
            if let Err(violation) = self.execute(program, tally, false)
                && wanted(&violation)
            {
                found = Some((self.execution(true), violation));
            }
            let more = match &mut *self.shared.board.strategy() {
                Strategy::Exhaustive(exhaustive) => exhaustive.advance(),
                _ => false,
            };
            if !more {
                break;
            }
        }
        self.shared.board.keeping.set(false);
        found
    }

    /// The same by random schedules, of which the first, the second and so on are always the same.
    pub fn search_at_random(
        &mut self,
        program: &Program,
        steps: u64,
        tally: &mut Tally,
        wanted: impl Fn(&Violation) -> bool,
    ) -> Option<(Execution, Box<Violation>)> {
        let until = spent(tally).saturating_add(steps);
        let mut driven = program.clone();
        driven.header.schedule.clear();
        for seed in 0.. {
            if spent(tally) >= until {
                break;
            }
            driven.header.drive = match seed % 2 {
                0 => Drive::Pct { seed, depth: DEPTH },
                _ => Drive::Random(seed),
            };
            if let (execution, Err(violation)) = self.run_scheduled(&driven, tally)
                && wanted(&violation)
            {
                return Some((execution, violation));
            }
        }
        None
    }
}

/// What has been run: steps, and the checks at the end of each execution as one more.
fn spent(tally: &Tally) -> u64 {
    tally.steps + tally.executions
}
