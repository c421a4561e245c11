//! Lists: the designs, and how fast planted faults were found.

use super::super::table::{Side, Table};
use super::super::words::{counted, grouped, seconds, shown, wrapped};
use super::WIDTH;
use crate::report::{DesignReport, FaultHunt};
use std::fmt::Write;

/// Every design: what it is, and what is known against it.
pub fn designs(designs: &[DesignReport]) -> String {
    let mut text = String::new();
    for design in designs {
        let verdict = match design.findings.len() {
            0 => "clean: no regression trace holds anything against it".to_owned(),
            n => format!(
                "flawed: {} violate{} something",
                counted(n as u64, "trace"),
                if n == 1 { "s" } else { "" }
            ),
        };
        let _ = writeln!(text, "{} ({})", design.name, design.kind);
        for line in [design.what, design.source, &verdict] {
            let _ = writeln!(text, "    {}", wrapped(line, WIDTH, 4));
        }
        for path in &design.findings {
            let _ = writeln!(text, "      {}", shown(path));
        }
    }
    text.push_str("\n`run --design NAME` hunts on one of them, `--design all` on each in turn.\n");
    text
}

/// How fast each fault was found, and whether its trace is clean without it.
pub fn faults(hunts: &[FaultHunt]) -> String {
    let mut table = Table::new(&[
        ("fault", Side::Left),
        ("seeds", Side::Right),
        ("violates", Side::Left),
        ("executions", Side::Right),
        ("(worst)", Side::Right),
        ("time", Side::Right),
        ("(worst)", Side::Right),
        ("steps", Side::Right),
        ("preemptions", Side::Right),
        ("engine", Side::Left),
        ("without it", Side::Left),
        ("what is wrong", Side::Left),
    ]);
    let unknown = || "-".to_owned();
    for hunt in hunts {
        let shortest = hunt.shortest();
        let without = match (hunt.hits.is_empty(), hunt.clean_trace_passes()) {
            (true, _) => unknown(),
            (false, true) => "clean".to_owned(),
            (false, false) => "VIOLATES".to_owned(),
        };
        table.row([
            hunt.fault.id().to_owned(),
            format!("{}/{}", hunt.hits.len(), hunt.seeds),
            shortest.map_or_else(|| "NOT FOUND".to_owned(), |hit| hit.violation.invariant.to_string()),
            hunt.median(|hit| hit.executions).map_or_else(unknown, grouped),
            hunt.worst(|hit| hit.executions).map_or_else(unknown, grouped),
            hunt.median(|hit| hit.seconds).map_or_else(unknown, seconds),
            hunt.worst(|hit| hit.seconds).map_or_else(unknown, seconds),
            shortest.map_or_else(unknown, |hit| hit.steps_minimized.to_string()),
            shortest.map_or_else(unknown, |hit| hit.preemptions.to_string()),
            hunt.engine.name().to_owned(),
            without,
            hunt.fault.title().to_owned(),
        ]);
    }
    let mut text = table.render(0);
    let found = hunts.iter().filter(|hunt| hunt.found()).count();
    let _ = writeln!(
        text,
        "\n{} of {} found with every seed, by traces that are clean without the fault.\n\
         Executions and time until found: median and worst of the seeds; steps and preemptions: of the shortest trace.\n\
         `run --fault ID` shows one.",
        found,
        counted(hunts.len() as u64, "fault")
    );
    text
}
