//! What is kept of an execution in slow motion, for a report.

use super::Interleave;
use crate::engine::record::Recorder;
use crate::engine::timeline::{Difference, Timeline};
use crate::engine::{Recording, Side, StepRecord};
use crate::program::Program;
use crate::violation::Violation;
use stocktake_model::{Grade, Outcome};

impl Interleave {
    /// A step of the program has ended with this answer, beside the model's, or was skipped.
    pub(super) fn keep_step(&mut self, step: usize, answers: Option<(Outcome, Outcome, Grade)>) {
        let Some(recorder) = &mut self.recorder else { return };
        recorder.steps.push(StepRecord {
            step,
            implementation: answers.map(|(implementation, _, _)| implementation),
            model: answers.map(|(_, model, _)| model),
            grade: answers.map(|(_, _, grade)| grade),
        });
    }

    /// Note what the names of a lane stand for now.
    pub(super) fn keep_names(&mut self, lane: usize) {
        if let Some(recorder) = &mut self.recorder {
            let bindings = &self.crew[lane].bindings;
            recorder.owners.note(bindings, &self.core.books, &self.core.machine, &recorder.names);
        }
    }

    /// A check has failed: keep both sides as they are, before the operations under way go on to their ends.
    pub(super) fn keep_moment(&mut self) {
        self.shared.log.stop();
        let Some(recorder) = &mut self.recorder else { return };
        let is_busy = |cpu: usize| self.crew[cpu].busy.is_some();
        let moment = self.core.moment(&recorder.names, Some(&self.shared.board), is_busy);
        recorder.moment = Some(moment);
    }

    /// What a report needs of the execution that has just been recorded.
    pub(super) fn recording(
        &mut self,
        program: &Program,
        result: Result<(), Box<Violation>>,
        stale: Option<String>,
    ) -> Recording {
        let Recorder { mut steps, names, owners, moment } =
            self.recorder.take().unwrap_or_else(|| Recorder::new(program));
        // Work that ran by itself has no step in the program.
        steps.retain(|record| record.step < program.steps.len());
        steps.sort_by_key(|record| record.step);
        let violation = result.err().filter(|_| stale.is_none());
        let noticed_in_lanes = moment.is_some() && violation.is_some();
        let mut recording = self.core.recording(&names, steps, violation, moment);
        let mut events = self.shared.log.take();
        if let Some(last) = events.last_mut().filter(|_| noticed_in_lanes) {
            last.differences = recording.sides.iter().filter_map(difference).collect();
        }
        recording.timeline = Some(Timeline {
            lanes: self.core.cpus.len(),
            events,
            owners: owners.finish(),
            blamed: self.core.blamed.filter(|_| recording.violation.is_some()),
        });
        recording.stale = stale;
        recording
    }
}

/// What differs of a quantity, if it does.
fn difference(side: &Side) -> Option<Difference> {
    let (expected, found) = (side.expected.parse().ok()?, side.found.parse().ok()?);
    let Side { object, quantity, .. } = side;
    (expected != found).then(|| Difference { object: object.clone(), quantity, expected, found })
}
