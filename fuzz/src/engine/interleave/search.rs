//! Searching the schedules of one program for a failure of a certain kind.

use super::schedule::{Exhaustive, Recorded, Strategy};
use super::{Execution, Interleave};
use crate::program::{Drive, Program};
use crate::tally::Tally;
use crate::violation::Violation;

/// Preemptions of every second random execution; the others are preempted anywhere.
const DEPTH: u8 = 3;

impl Interleave {
    /// Run a program by every schedule with at most so many preemptions, until it fails as `wanted` or about `steps`
    /// steps have been run. Other failures are passed over. Lanes are preempted only before accesses to what others
    /// touch too, in one of the executions, or in one that takes the program's schedule as a guide: for the rest it is
    /// the same where exactly they are. First come those in which lanes come first as in that schedule.
    pub fn search_within(
        &mut self,
        program: &Program,
        most: usize,
        steps: u64,
        tally: &mut Tally,
        wanted: impl Fn(&Violation) -> bool,
    ) -> Option<(Execution, Box<Violation>)> {
        let until = spent(tally).saturating_add(steps);
        self.shared.board.touched.borrow_mut().clear();
        self.shared.board.learning.set(true);
        *self.shared.board.strategy() = Strategy::Recorded(Recorded::guide(&program.header.schedule));
        let _ = self.execute(program, tally, false);
        self.shared.board.keeping.set(true);
        let mut found = None;
        if !program.header.schedule.is_empty() {
            let all = || Exhaustive::in_order_of(&program.header.schedule, most);
            found = self.explore_within(program, all, until, tally, &wanted);
        }
        if found.is_none() {
            found = self.explore_within(program, || Exhaustive::of_conflicts(most), until, tally, &wanted);
        }
        self.shared.board.keeping.set(false);
        self.shared.board.learning.set(false);
        found
    }

    /// What is learned too late, when schedules have been left out, is heeded from the beginning in another round.
    fn explore_within(
        &mut self,
        program: &Program,
        all: impl Fn() -> Exhaustive,
        until: u64,
        tally: &mut Tally,
        wanted: &impl Fn(&Violation) -> bool,
    ) -> Option<(Execution, Box<Violation>)> {
        loop {
            self.shared.board.touched.borrow_mut().take_news();
            *self.shared.board.strategy() = Strategy::Exhaustive(all());
            loop {
                if spent(tally) >= until {
                    return None;
                }
                if let Err(violation) = self.execute(program, tally, false)
                    && wanted(&violation)
                {
                    return Some((self.execution(true), violation));
                }
                let more = match &mut *self.shared.board.strategy() {
                    Strategy::Exhaustive(exhaustive) => exhaustive.advance(),
                    _ => false,
                };
                if !more {
                    break;
                }
            }
            if !self.shared.board.touched.borrow_mut().take_news() {
                return None;
            }
        }
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
