//! Deadlocks: nobody can go on, and who waits for whom.

use super::Interleave;
use super::board::Wait;
use crate::check::{Broken, Thing};
use crate::program::Program;
use crate::trace::{Labels, step_text};
use crate::violation::Invariant;
use stocktake_impl::Label;

impl Interleave {
    /// Lanes are in the middle of operations, and none of them can go on (I13).
    pub(super) fn deadlocked(&self, program: &Program) -> Result<(), (usize, Box<Broken>)> {
        let waiting = (0..self.crew.len()).filter(|&lane| self.crew[lane].busy.is_some());
        let mut first = None;
        let mut lines = Vec::new();
        for lane in waiting {
            let Some((index, _)) = self.crew[lane].busy else { continue };
            first.get_or_insert((index, self.label(lane)));
            let text = match index < program.steps.len() {
                true => step_text(program, index),
                false => String::from("queued work"),
            };
            let what = match self.shared.board.waits_for(lane) {
                Wait::Lock(label) => format!("the lock {}", label.what.meaning().name),
                Wait::Grace(label) => format!("the read section of CPU {}", label.index),
                Wait::Spin(_, label, _) => {
                    format!("a change of {}", label.what.meaning().name)
                }
                Wait::Nothing => String::from("another lane"),
            };
            let by = match self.shared.board.awaited(lane) {
                Some(holder) => format!(", which lane {holder} has"),
                None => String::new(),
            };
            lines.push(format!("lane {lane} ({text}) waits for {what}{by}"));
        }
        let (index, word) = first.unwrap_or_default();
        let found = lines.join("; ");
        let cycle = self.cycle();
        let because = move |_: &Labels| match cycle.split_first() {
            None => String::from("no lane can go on"),
            Some((first, rest)) => {
                let rest: String = rest.iter().map(|lane| format!("lane {lane}, which waits for ")).collect();
                format!("no lane can go on: lane {first} waits for {rest}lane {first}")
            }
        };
        Err((
            index,
            Broken::new(Invariant::I13, "deadlock", Thing::Step, "every operation ends", found, because)
                .about(word),
        ))
    }

    /// Lanes of which each waits for what the next one has, and the last for what the first has; none if nobody waits in
    /// a circle.
    fn cycle(&self) -> Vec<usize> {
        for start in 0..self.crew.len() {
            let mut way = vec![start];
            while let Some(next) = self.shared.board.awaited(way[way.len() - 1]) {
                if next == start {
                    return way;
                }
                if way.contains(&next) {
                    break;
                }
                way.push(next);
            }
        }
        Vec::new()
    }

    fn label(&self, lane: usize) -> Option<Label> {
        match self.shared.board.waits_for(lane) {
            Wait::Lock(label) | Wait::Grace(label) | Wait::Spin(_, label, _) => Some(label),
            Wait::Nothing => None,
        }
    }
}
