//! The table, and the same as JSON.

use crate::sampling::Ratio;
use serde::Serialize;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

/// What is promised of a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// The ratio is this or less.
    AtMost(f64),
    /// The ratio is this or more.
    AtLeast(f64),
    /// Nothing: it is shown for comparison.
    None,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// A short name, the same for ever.
    pub(crate) name: &'static str,
    /// What is divided by what.
    pub(crate) what: &'static str,
    /// The result.
    pub(crate) ratio: Ratio,
    /// What was promised.
    pub(crate) goal: Goal,
}

impl Row {
    fn is_met(&self) -> bool {
        match self.goal {
            Goal::AtMost(most) => self.ratio.median <= most,
            Goal::AtLeast(least) => self.ratio.median >= least,
            Goal::None => true,
        }
    }
}

/// The table that `cargo bench` prints.
pub(crate) fn table(rows: &[Row]) -> String {
    let names = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let mut text = format!(
        "{:names$}  {:>7}  {:^15}  {:>8}  {:6}  what\n",
        "benchmark", "ratio", "middle half", "goal", ""
    );
    for row in rows {
        let goal = match row.goal {
            Goal::AtMost(most) => format!("<= {most}"),
            Goal::AtLeast(least) => format!(">= {least}"),
            Goal::None => String::from("-"),
        };
        let verdict = match row.goal {
            Goal::None => "",
            _ if row.is_met() => "met",
            _ => "MISSED",
        };
        let [low, high] = row.ratio.spread;
        let spread = format!("{low:.2} to {high:.2}");
        let _ = writeln!(
            text,
            "{:names$}  {:>7.2}  {spread:^15}  {goal:>8}  {verdict:6}  {}",
            row.name, row.ratio.median, row.what
        );
    }
    let missed = rows.iter().filter(|row| !row.is_met()).count();
    let _ = match missed {
        0 => writeln!(text, "\nall goals met"),
        _ => writeln!(text, "\n{missed} of the goals MISSED"),
    };
    text
}

#[derive(Serialize)]
struct JsonRow<'a> {
    name: &'a str,
    what: &'a str,
    ratio: f64,
    spread: [f64; 2],
    goal: Option<f64>,
    direction: Option<&'a str>,
    ok: bool,
}

/// Write the rows to `stocktake/bench.json` below the target folder.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_json(rows: &[Row]) -> io::Result<PathBuf> {
    let rows: Vec<JsonRow<'_>> = rows
        .iter()
        .map(|row| {
            let (goal, direction) = match row.goal {
                Goal::AtMost(most) => (Some(most), Some("at-most")),
                Goal::AtLeast(least) => (Some(least), Some("at-least")),
                Goal::None => (None, None),
            };
            let Ratio { median: ratio, spread } = row.ratio;
            JsonRow { name: row.name, what: row.what, ratio, spread, goal, direction, ok: row.is_met() }
        })
        .collect();
    let folder = target_folder().join("stocktake");
    let path = folder.join("bench.json");
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| Ok(serde_json::to_string_pretty(&rows)? + "\n"))
        .and_then(|text| std::fs::write(&path, text));
    match written {
        Ok(()) => Ok(path),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

/// The target folder: that of the environment, or else the workspace's own. Cargo starts a benchmark in its package's
/// folder, not where it was called: a relative folder is looked for above the running program.
fn target_folder() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let Some(folder) = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from) else {
        return workspace.join("target");
    };
    let above = std::env::current_exe().ok();
    let found = above.as_deref().and_then(|exe| exe.ancestors().find(|path| path.ends_with(&folder)));
    found.map_or_else(|| workspace.join(&folder), Path::to_path_buf)
}
