//! What a libFuzzer target does with an input. libFuzzer itself is known to the targets only.

use crate::artifact;
use crate::decode::{decode_into, decode_lanes_into};
use crate::engine::runner::{Engine, Runner};
use crate::minimize::minimize;
use crate::program::Program;
use crate::report;
use crate::tally::Tally;
use crate::trace;
use crate::violation::Violation;
use std::path::{Path, PathBuf};
use stocktake_impl::{Design, Fault};

/// Steps that minimising may run: some seconds, for libFuzzer waits.
const MINIMIZE_STEPS: u64 = 2_000_000;

/// Runs inputs of libFuzzer, and keeps the memory from one to the next.
pub struct FuzzInput {
    runner: Runner,
    design: Design,
    faults: Vec<Fault>,
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
    /// For one engine and the default design. Traces of findings go to [`artifact::default_dir`].
    pub fn new(engine: Engine) -> FuzzInput {
        FuzzInput::on(engine, Design::default(), Vec::new(), artifact::default_dir())
    }

    /// For one engine, any design and planted faults. Traces of findings go to `artifacts`.
    pub fn on(engine: Engine, design: Design, faults: Vec<Fault>, artifacts: PathBuf) -> FuzzInput {
        FuzzInput {
            runner: Runner::new(engine),
            design,
            faults,
            program: Program::default(),
            tally: Tally::default(),
            artifacts,
        }
    }

    /// Run an input.
    ///
    /// # Errors
    /// What it broke: minimised, written as a trace and reported.
    pub fn run(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self.runner.engine() {
            Engine::Lockstep => decode_into(bytes, &mut self.program),
            Engine::Interleave => decode_lanes_into(bytes, &mut self.program),
        }
        self.program.header.design = self.design;
        self.program.header.faults.clone_from(&self.faults);
        match self.runner.run(&self.program, &mut self.tally) {
            Ok(()) => Ok(()),
            Err(violation) => Err(self.failure(&violation)),
        }
    }

    #[cold]
    fn failure(&mut self, violation: &Violation) -> Failure {
        let program = self.runner.scheduled(&self.program);
        let minimized = minimize(&program, violation, &mut self.runner, MINIMIZE_STEPS);
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

#[cfg(test)]
mod tests {
    use super::FuzzInput;
    use crate::decode::encode;
    use crate::engine::runner::Engine;
    use crate::trace::{self, Reading};
    use std::fs;
    use std::path::PathBuf;
    use stocktake_impl::{Design, Fault};

    fn bytes(lines: &[&str]) -> Vec<u8> {
        let text = format!("stocktake-trace 1\n{}\n", lines.join("\n"));
        let program = trace::read(text.as_bytes(), Reading::Strict).expect("the trace can be read");
        encode(&program).expect("it can be encoded")
    }

    fn on(faults: Vec<Fault>, artifacts: PathBuf) -> FuzzInput {
        FuzzInput::on(Engine::Lockstep, Design::default(), faults, artifacts)
    }

    const HARMLESS: [&str; 3] = ["@0 mkdir A max=3", "@1 p1 = charge A 3", "@0 rmdir A"];
    const HITS_O2: [&str; 4] = ["@0 drain", "@0 mkdir A", "@1 o1 = objcg A", "@1 c1 = obj.charge o1 50"];

    #[test]
    fn inputs_that_break_nothing_pass() {
        let mut input = on(Vec::new(), PathBuf::from("nowhere"));
        for bytes in [Vec::new(), vec![0xff; 700], bytes(&HARMLESS), bytes(&HITS_O2)] {
            assert_eq!(input.run(&bytes), Ok(()));
        }
    }

    #[test]
    fn what_breaks_something_is_minimised_written_and_reported() {
        let dir = std::env::temp_dir().join(format!("stocktake-input-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        let mut input = on(vec![Fault::O2], dir.clone());
        let failure = input.run(&bytes(&HITS_O2)).expect_err("the fault is hit");
        let path = dir.join("lockstep-I5-objcg-refs-obj.charge.trace");
        let written = trace::read_file(&path, Reading::Strict).expect("the trace was written");
        assert_eq!(written.steps.len(), 3);
        assert_eq!(written.header.faults, [Fault::O2]);
        let summary = format!("I5-objcg-refs-obj.charge in 3 steps, trace: {}", path.display());
        assert_eq!(failure.summary, summary);
        assert!(failure.report.contains(&format!("replay {}", path.display())), "{}", failure.report);
        assert_eq!(input.run(&bytes(&HARMLESS)), Ok(()), "what follows is not affected");
        fs::remove_dir_all(&dir).expect("it is the test's own");
    }

    #[test]
    fn a_finding_that_cannot_be_written_is_reported_all_the_same() {
        let file = std::env::temp_dir().join(format!("stocktake-input-file-{}", std::process::id()));
        fs::write(&file, "precious").expect("it can be written");
        let mut input = on(vec![Fault::O2], file.clone());
        let failure = input.run(&bytes(&HITS_O2)).expect_err("the fault is hit");
        assert!(failure.summary.ends_with("trace: not saved"), "{}", failure.summary);
        assert!(
            failure.report.contains("The trace was not saved: cannot create the folder"),
            "{}",
            failure.report
        );
        assert_eq!(fs::read_to_string(&file).ok().as_deref(), Some("precious"));
        fs::remove_file(&file).expect("it is the test's own");
    }
}
