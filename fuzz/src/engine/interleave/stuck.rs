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
                Wait::Lock(label) => format!("the lock {:?}", label.what),
                Wait::Grace(label) => format!("the read section of CPU {}", label.index),
                Wait::Spin(_, label) | Wait::Yield(_, label) => format!("a change of {:?}", label.what),
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
        let because = move |_: &Labels| String::from("no lane can go on");
        Err((
            index,
            Broken::new(Invariant::I13, "deadlock", Thing::Step, "every operation ends", found, because)
                .about(word),
        ))
    }

    fn label(&self, lane: usize) -> Option<Label> {
        match self.shared.board.waits_for(lane) {
            Wait::Lock(label) | Wait::Grace(label) | Wait::Spin(_, label) | Wait::Yield(_, label) => {
                Some(label)
            }
            Wait::Nothing => None,
        }
    }
}
