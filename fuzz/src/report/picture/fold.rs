//! Fewer rows without leaving anything out.

use super::{Row, Told};
use crate::engine::timeline::{Event, Happening, Timeline};
use std::collections::{BTreeMap, BTreeSet};
use stocktake_impl::{Access, Label};

/// The longest pattern whose repetition is recognised, in rows.
const LONGEST_PATTERN: usize = 8;
/// A pattern is told once if it comes at least so often.
const LEAST_TIMES: usize = 3;

/// Tell accesses that follow each other in one row, if no other lane can have noticed them or be noticed by them:
/// reads of words that nobody changes, and locks that nobody else wants.
pub(super) fn quiet(timeline: &Timeline, rows: Vec<Row>) -> Vec<Row> {
    let quiet = Quiet::of(timeline);
    let mut folded: Vec<Row> = Vec::new();
    // Whether the last row may still grow.
    let mut growing = false;
    for row in rows {
        let is_quiet = timeline.events.get(row.event).is_some_and(|event| quiet.has(event));
        match folded.last_mut() {
            Some(last)
                if growing
                    && is_quiet
                    && row.switch.is_none()
                    && (last.lane, last.step) == (row.lane, row.step) =>
            {
                match &mut last.what {
                    Told::Quiet(all) => all.push(row.what),
                    one => *one = Told::Quiet(vec![one.clone(), row.what]),
                }
                last.events += row.events;
            }
            _ => folded.push(row),
        }
        growing = is_quiet;
    }
    folded
}

/// Which words and locks are of no interest to other lanes.
struct Quiet {
    changed: BTreeSet<Label>,
    wanted_by: BTreeMap<Label, BTreeSet<usize>>,
}

impl Quiet {
    fn of(timeline: &Timeline) -> Quiet {
        let mut quiet = Quiet { changed: BTreeSet::new(), wanted_by: BTreeMap::new() };
        for event in &timeline.events {
            match event.what {
                Happening::Access { label, access: Access::Store | Access::Update, .. } => {
                    quiet.changed.insert(label);
                }
                Happening::Access {
                    label, access: Access::Lock | Access::Trylock | Access::Unlock, ..
                }
                | Happening::Wait { on: label, .. } => {
                    quiet.wanted_by.entry(label).or_default().insert(event.lane);
                }
                _ => {}
            }
        }
        quiet
    }

    fn has(&self, event: &Event) -> bool {
        event.differences.is_empty()
            && match event.what {
                Happening::Access { label, access: Access::Load, .. } => !self.changed.contains(&label),
                Happening::Access {
                    label, access: Access::Lock | Access::Trylock | Access::Unlock, ..
                } => self.wanted_by.get(&label).is_some_and(|lanes| lanes.len() == 1),
                _ => false,
            }
    }
}

/// Tell rows that come again and again only once.
pub(super) fn repeats(rows: Vec<Row>) -> Vec<Row> {
    let mut folded = Vec::new();
    let mut at = 0;
    while at < rows.len() {
        let found = (1..=LONGEST_PATTERN).find_map(|length| {
            let times = times(&rows[at..], length);
            (times >= LEAST_TIMES).then_some((length, times))
        });
        let Some((length, times)) = found else {
            folded.push(rows[at].clone());
            at += 1;
            continue;
        };
        let end = at + length * times;
        folded.extend_from_slice(&rows[at..at + length]);
        let again = Told::Again { rows: length, times: times - 1 };
        let events = rows[at + length..end].iter().map(|row| row.events).sum();
        let first = &rows[at + length];
        folded.push(Row {
            what: again,
            events,
            switch: None,
            open: rows[end - 1].open.clone(),
            ..first.clone()
        });
        at = end;
    }
    folded
}

/// How often the first `length` rows come one after the other.
fn times(rows: &[Row], length: usize) -> usize {
    let Some(pattern) = rows.get(..length) else { return 0 };
    let is_plain = |row: &Row| row.differences.is_empty();
    if !pattern.iter().all(is_plain) {
        return 0;
    }
    let same = |(n, (a, b)): (usize, (&Row, &Row))| {
        is_plain(b)
            && (a.lane, a.step, &a.what, &a.open) == (b.lane, b.step, &b.what, &b.open)
            // The first time the pattern may be entered from elsewhere.
            && (a.switch == b.switch || n == 0)
    };
    let again = rows.chunks_exact(length).skip(1);
    1 + again.take_while(|chunk| pattern.iter().zip(chunk.iter()).enumerate().all(same)).count()
}
