//! Benchmarks, as ratios: what the project promises of its speed, measured against something that stands beside it.
//!
//! Absolute times mean nothing on a shared machine. So each number here is a ratio of two contenders that take turns
//! within one run, in short samples; it is taken round by round, and its median and the middle half of its values are
//! shown. A benchmark framework compares a contender with its own past instead, which is why none is used.
//!
//! `cargo bench` prints one table (`cargo bench --bench ratios -- schedules` measures a part) and writes `stocktake/bench.json` below the target folder. A missed goal is shown,
//! and is no error: these are measurements, not tests. Run in any other way, as by `cargo test --benches`, everything
//! is run once to see that it runs, and nothing is reported.

mod contenders;
mod hot_path;
mod lockstep;
mod many_and_few;
mod many_groups;
mod populations;
mod report;
mod sampling;
mod schedules;
mod state_machine;
mod two_threads;

use report::Row;
use sampling::Effort;
use std::process::ExitCode;

/// A part of what is measured: the name that asks for it, and what does it.
type Group = (&'static str, fn(Effort) -> Vec<Row>);

const GROUPS: [Group; 7] = [
    ("hot-path", hot_path::rows),
    ("two-threads", two_threads::rows),
    ("lockstep", lockstep::rows),
    ("state-machine", state_machine::rows),
    ("schedules", schedules::rows),
    ("many-groups", |effort| vec![many_groups::row(effort)]),
    ("populations", populations::rows),
];

fn main() -> ExitCode {
    let (options, names): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let measuring = options.iter().any(|option| option == "--bench");
    if let Some(unknown) = names.iter().find(|name| GROUPS.iter().all(|(group, _)| group != name)) {
        let known = GROUPS.map(|(group, _)| group).join(", ");
        eprintln!("error: no benchmark is called {unknown}; there are {known}");
        return ExitCode::from(2);
    }
    let effort = if measuring { Effort::FULL } else { Effort::SMOKE };
    let mut rows: Vec<Row> = Vec::new();
    for (group, measure) in GROUPS {
        if names.is_empty() || names.iter().any(|name| name == group) {
            rows.extend(measure(effort));
        }
    }
    if !measuring {
        println!("{} benchmarks run; `cargo bench` measures them", rows.len());
        return ExitCode::SUCCESS;
    }
    print!("{}", report::table(&rows));
    match report::write_json(&rows) {
        Ok(path) => {
            println!("\nwritten to {}", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
