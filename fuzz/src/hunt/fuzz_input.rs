//! What a libFuzzer target does with an input. libFuzzer itself is known to the targets only.

use crate::artifact;
use crate::decode::decode_into;
use crate::engine::runner::{Engine, Runner};
use crate::minimize::minimize;
use crate::program::Program;
use crate::report;
use crate::tally::Tally;
use crate::trace;
use crate::violation::Violation;
use std::path::{Path, PathBuf};

/// Steps that minimising may run: some seconds, for libFuzzer waits.
const MINIMIZE_STEPS: u64 = 2_000_000;

/// Runs inputs of libFuzzer, and keeps the memory from one to the next.
pub struct FuzzInput {
    runner: Runner,
    program: Program,
    tally: Tally,
    artifacts: PathBuf,
}

/// An input that broke an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The report, for people.
    pub report: String,
    /// One line: what was broken, and where the trace is.
    pub summary: String,
}

impl FuzzInput {
    /// For one engine; the default design, no faults. Traces of findings go to [`artifact::default_dir`].
    pub fn new(engine: Engine) -> FuzzInput {
        FuzzInput::writing_to(engine, artifact::default_dir())
    }

    /// As [`FuzzInput::new`], with another folder for the traces of findings.
    pub fn writing_to(engine: Engine, artifacts: PathBuf) -> FuzzInput {
        FuzzInput { runner: Runner::new(engine), program: Program::default(), tally: Tally::default(), artifacts }
    }

    /// Run an input.
    ///
    /// # Errors
    /// What it broke: minimised, written as a trace and reported.
    pub fn run(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        decode_into(bytes, &mut self.program);
        match self.runner.run(&self.program, &mut self.tally) {
            Ok(()) => Ok(()),
            Err(violation) => Err(self.failure(&violation)),
        }
    }

    #[cold]
    fn failure(&mut self, violation: &Violation) -> Failure {
        let minimized = minimize(&self.program, violation, &mut self.runner, MINIMIZE_STEPS);
        let signature = minimized.violation.signature();
        let stem = format!("{}-{signature}", self.runner.engine().name());
        let written = artifact::write_new(&self.artifacts, &stem, &trace::write(&minimized.program));
        let path = written.as_deref().map_or(Path::new("TRACE"), |path| path);
        let recording = self.runner.record(&minimized.program);
        let mut report = report::text::failure(&minimized.program, &recording, &report::replay_command(path));
        let place = match &written {
            Ok(path) => path.display().to_string(),
            Err(error) => {
                report.push_str(&format!("\nThe trace was not saved: {error}\n"));
                String::from("not saved")
            }
        };
        let steps = minimized.program.steps.len();
        Failure { report, summary: format!("{signature} in {steps} steps, trace: {place}") }
    }
}
