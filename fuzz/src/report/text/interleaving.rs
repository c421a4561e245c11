//! Who ran when: a column for each CPU, a row for each event.

use super::super::picture::{Picture, Row, Told, Waiting, difference, reason};
use super::WIDTH;
use super::shorten::Shorten;
use crate::engine::timeline::Timeline;
use crate::program::Program;
use crate::report::words::counted;
use crate::trace::Labels;
use std::fmt::Write;

/// Spaces between columns.
const GAP: usize = 2;
/// A column is not made narrower than this to make room for others.
const NARROWEST: usize = 12;

/// The timeline of a program with lanes, ended by `verdict`; nothing for a sequential program.
pub(super) fn interleaving(program: &Program, timeline: Option<&Timeline>, verdict: Option<&str>) -> String {
    let Some(timeline) = timeline.filter(|_| program.parallel.is_some()) else { return String::new() };
    let picture = Picture::folded(program, timeline);
    let mut shorten = Shorten::default();
    let mut text = format!(
        "Who ran when: {}, {}",
        counted(timeline.events.len() as u64, "event"),
        counted(picture.preemptions as u64, "preemption")
    );
    if picture.interrupts > 0 {
        let _ = write!(text, ", {}", counted(picture.interrupts as u64, "interrupt"));
    }
    text.push('\n');
    text.push_str(&grid(&picture, &mut shorten));
    if let Some(verdict) = verdict {
        let _ = writeln!(text, "=> {verdict}");
    }
    if picture.rows.iter().any(|row| row.blamed) {
        text.push_str("   * changes what the violation is about\n");
    }
    text.push_str(&shorten.legend());
    text.push('\n');
    text.push_str(&waits(program, &picture.waits));
    text
}

/// A row as lines of its columns: those of a row are shown beside each other.
struct Lines {
    number: String,
    /// By lane: what goes before each of its lines, and the lines.
    cells: Vec<(String, Vec<String>)>,
}

fn grid(picture: &Picture, shorten: &mut Shorten) -> String {
    // Room for a star.
    let margin = picture.rows.last().map_or(1, |row| row.event.to_string().len()) + 2;
    let rows: Vec<(&Row, Vec<Cell>)> =
        picture.rows.iter().map(|row| (row, cells(row, picture.lanes, shorten))).collect();
    let room = WIDTH - margin - GAP * picture.lanes;
    let widths = widths(&rows, picture.lanes, room);
    let titles = (0..picture.lanes).map(|lane| (String::new(), vec![format!("CPU {lane}")])).collect();
    let mut text = String::new();
    show(&mut text, &Lines { number: String::new(), cells: titles }, margin, &widths);
    for (row, cells) in rows {
        let number = match row.what {
            Told::Again { .. } => "…".to_owned(),
            _ if row.blamed => format!("* {}", row.event),
            _ => row.event.to_string(),
        };
        let cells = cells.into_iter().zip(&widths).map(|(cell, &width)| cell.lines(width)).collect();
        show(&mut text, &Lines { number, cells }, margin, &widths);
    }
    text
}

/// What stands in one column of a row.
#[derive(Default)]
struct Cell {
    /// Before the first line, and before each further one.
    first: String,
    further: String,
    paragraphs: Vec<String>,
}

impl Cell {
    fn width(&self) -> usize {
        let longest = self.paragraphs.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        self.first.chars().count().max(self.further.chars().count()) + longest
    }

    /// The lines, broken so that none is wider than the column.
    fn lines(self, width: usize) -> (String, Vec<String>) {
        let Cell { first, further, paragraphs } = self;
        let room = width.saturating_sub(first.chars().count()).max(1);
        let mut lines = Vec::new();
        for (n, paragraph) in paragraphs.iter().enumerate() {
            for (m, line) in broken(paragraph, room).into_iter().enumerate() {
                let indent = if n == 0 && m == 0 { &first } else { &further };
                lines.push(format!("{indent}{line}"));
            }
        }
        if lines.is_empty() && !first.is_empty() {
            lines.push(first);
        }
        (further, lines)
    }
}

/// The columns of a row. A lane that is in the middle of an operation while another runs has a dotted line.
fn cells(row: &Row, lanes: usize, shorten: &mut Shorten) -> Vec<Cell> {
    let mut cells: Vec<Cell> = (0..lanes)
        .map(|lane| {
            let dots = "┊ ".repeat(row.open.get(lane).copied().unwrap_or(0));
            Cell { first: dots.clone(), further: dots, paragraphs: Vec::new() }
        })
        .collect();
    if let Some((switch, before)) = row.switch
        && let Some(cell) = cells.get_mut(before)
    {
        cell.paragraphs.push(format!("-- {} --", reason(switch)));
    }
    if let Some(cell) = cells.get_mut(row.lane) {
        let open = row.open.get(row.lane).copied().unwrap_or(0);
        let bars = |n: usize| "│ ".repeat(n);
        (cell.first, cell.further) = match row.what {
            Told::Begin(_) => (bars(open.saturating_sub(1)) + "┌ ", bars(open.max(1))),
            Told::End(_) => (bars(open) + "└ ", bars(open) + "  "),
            _ => (bars(open), bars(open)),
        };
        cell.paragraphs.push(shorten.text(&match &row.what {
            Told::Begin(operation) if row.is_of_program => format!("{operation}  [step {}]", row.step),
            what => what.text(),
        }));
        for differing in &row.differences {
            cell.paragraphs.push(shorten.text(&format!("≠ {}", difference(differing))));
        }
    }
    cells
}

/// The widths of the columns: what each needs, or less of the widest until they fit.
fn widths(rows: &[(&Row, Vec<Cell>)], lanes: usize, room: usize) -> Vec<usize> {
    let needs = |lane: usize| rows.iter().map(|(_, cells)| cells[lane].width()).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..lanes).map(|lane| needs(lane).max("CPU 0".len())).collect();
    while widths.iter().sum::<usize>() > room {
        let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > NARROWEST.min(room / lanes))
        else {
            break;
        };
        *widest -= 1;
    }
    widths
}

fn show(text: &mut String, row: &Lines, margin: usize, widths: &[usize]) {
    let height = row.cells.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
    for n in 0..height {
        let number = if n == 0 { row.number.as_str() } else { "" };
        let mut line = format!("{number:>margin$}");
        for ((further, lines), width) in row.cells.iter().zip(widths) {
            let cell = lines.get(n).unwrap_or(further);
            let _ = write!(line, "{}{cell:<width$}", " ".repeat(GAP));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// Break text between words, and words that are too long for a line anywhere.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut column = width;
    // Two spaces in a row are kept: they set things apart.
    for word in text.split(' ') {
        let letters: Vec<char> = word.chars().collect();
        if column + 1 + letters.len() <= width
            && let Some(line) = lines.last_mut()
        {
            line.push(' ');
            line.push_str(word);
            column += 1 + letters.len();
            continue;
        }
        for piece in letters.chunks(width) {
            lines.push(piece.iter().collect());
            column = piece.len();
        }
    }
    lines
}

/// Who waits for whom at the end.
fn waits(program: &Program, waits: &[Waiting]) -> String {
    if waits.is_empty() {
        return String::new();
    }
    let labels = Labels::of(program);
    let mut text = String::from("Who waits at the end\n");
    for Waiting { lane, step, word, holder, in_cycle } in waits {
        let operation = program.steps.get(*step).map_or_else(String::new, |step| labels.step(step));
        let held = match holder {
            Some(holder) => format!(", which CPU {holder} has"),
            None => String::new(),
        };
        let cycle = if *in_cycle { ": a cycle" } else { "" };
        let _ = writeln!(text, "  CPU {lane} in `{operation}` waits for {word}{held}{cycle}");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
