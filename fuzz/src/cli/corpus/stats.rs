//! `corpus stats`: what the traces consist of, and what replaying them reaches.

use crate::cli::console::{complain, print};
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::engine::runner::Runner;
use crate::program::{Action, Expect, Program};
use crate::replay::engine_for;
use crate::report::text::{self, Statistics};
use crate::trace::{Labels, Reading, read_file};

/// Do it. The exit code says whether all could be read, not what they violate.
pub(super) fn stats() -> Result<Exit, Problem> {
    let mut statistics = Statistics::default();
    let mut exit = Exit::Clean;
    for path in super::regression_files()? {
        match read_file(&path, Reading::Strict) {
            Ok(program) => count(&program, &mut statistics),
            Err(error) => {
                complain(&format!("{error}\n\n"));
                exit = Exit::BadInput;
            }
        }
    }
    Ok(exit.max(print(&text::statistics(&statistics))))
}

fn count(program: &Program, statistics: &mut Statistics) {
    let one = |counts: &mut std::collections::BTreeMap<String, u64>, name: String| {
        *counts.entry(name).or_default() += 1;
    };
    let header = &program.header;
    statistics.traces += 1;
    one(&mut statistics.designs, header.design.to_string());
    one(
        &mut statistics.expectations,
        match &header.expect {
            Expect::Ok => "ok".to_owned(),
            Expect::Violation { invariant, .. } => format!("violation of {invariant}"),
        },
    );
    for fault in &header.faults {
        one(&mut statistics.faults, fault.id().to_owned());
    }
    let labels = Labels::of(program);
    for step in &program.steps {
        let word = match step.action {
            Action::Op(_) => word(&labels.step(step)),
            Action::Assert(..) => "assert".to_owned(),
        };
        one(&mut statistics.operations, word);
    }
    // What it violates is told by `replay`; here only what it reaches counts.
    let _ = Runner::new(engine_for(program)).run(program, &mut statistics.tally);
}

/// The word of an operation in its line, `@0 p1 = charge A 3`.
fn word(line: &str) -> String {
    let mut words = line.split_whitespace().skip(1);
    let first = words.next().unwrap_or_default();
    let word = if words.next() == Some("=") { words.next().unwrap_or_default() } else { first };
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn the_word_of_an_operation_follows_its_cpu_and_its_name() {
        assert_eq!(word("@0 p1 = charge A 3"), "charge");
        assert_eq!(word("@1 drain"), "drain");
        assert_eq!(word("@1 uncharge p1"), "uncharge");
    }
}
