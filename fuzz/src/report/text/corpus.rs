//! What a corpus of traces consists of.

use super::super::table::{Side, Table};
use super::super::words::{counted, grouped, wrapped};
use super::WIDTH;
use crate::goals;
use crate::tally::Tally;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Counts over the traces of a corpus.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Traces.
    pub traces: usize,
    /// Steps by the word of their operation.
    pub operations: BTreeMap<String, u64>,
    /// Traces by what they expect.
    pub expectations: BTreeMap<String, u64>,
    /// Traces by planted fault.
    pub faults: BTreeMap<String, u64>,
    /// Traces by design.
    pub designs: BTreeMap<String, u64>,
    /// What replaying them ran.
    pub tally: Tally,
}

/// The statistics as tables.
pub fn statistics(statistics: &Statistics) -> String {
    let mut text = format!(
        "{}, {}; replayed: {}, {} skipped\n",
        counted(statistics.traces as u64, "trace"),
        counted(statistics.operations.values().sum(), "step"),
        counted(statistics.tally.steps, "operation"),
        grouped(statistics.tally.skipped)
    );
    for (title, counts) in [
        ("Traces by expectation", &statistics.expectations),
        ("Traces by design", &statistics.designs),
        ("Traces by fault", &statistics.faults),
        ("Steps by operation", &statistics.operations),
    ] {
        if !counts.is_empty() {
            let mut table = Table::new(&[("", Side::Left), ("", Side::Right)]);
            counts.iter().for_each(|(name, n)| table.row([name.clone(), grouped(*n)]));
            let _ = write!(text, "\n{title}\n{}", table.render(2));
        }
    }
    let hits = || goals::counted(statistics.tally.goals);
    let names = |wanted: bool| {
        let names: Vec<&str> =
            hits().filter(|(_, hits)| (*hits > 0) == wanted).map(|(goal, _)| goal.name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let reached = hits().filter(|(_, hits)| *hits > 0).count();
    let _ = writeln!(text, "\nGoals reached by replaying: {reached} of {}", hits().count());
    let _ = writeln!(text, "  reached:     {}", wrapped(&names(true), WIDTH, 15));
    let _ = writeln!(text, "  not reached: {}", wrapped(&names(false), WIDTH, 15));
    text
}
