//! A timeline as rows in words: what reports of an interleaving draw, whether as text, JSON or a page.
//!
//! Every event of the timeline is in some row. How rows look is not known here.

mod fold;
#[cfg(test)]
pub(crate) mod made_up;
#[cfg(test)]
mod tests;
mod waits;
mod words;

use crate::engine::timeline::{Difference, Event, Happening, Switch, Timeline};
use crate::program::Program;
use crate::trace::Labels;
use stocktake_impl::{Access, Label};
use words::Words;

pub(crate) use waits::Waiting;
pub(crate) use words::Word;

/// A timeline in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Lanes, each of which has a column.
    pub(crate) lanes: usize,
    /// What happened, in order.
    pub(crate) rows: Vec<Row>,
    /// Who waits for whom at the end.
    pub(crate) waits: Vec<Waiting>,
    /// Switches in the middle of an operation that could have gone on.
    pub(crate) preemptions: usize,
    /// Operations that ran in the middle of others on the same CPU.
    pub(crate) interrupts: usize,
}

/// One row: one event, or some that are told together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Number of the event, from 0; the first of several.
    pub(crate) event: usize,
    /// How many events it tells.
    pub(crate) events: usize,
    /// The lane whose column it is in.
    pub(crate) lane: usize,
    /// Index of the operation in the program; beyond its end for work that ran by itself, and for the checks at the end.
    pub(crate) step: usize,
    /// Whether the program has that operation.
    pub(crate) is_of_program: bool,
    /// Why another lane than before runs from here on, and which ran before.
    pub(crate) switch: Option<(Switch, usize)>,
    /// What happened.
    pub(crate) what: Told,
    /// Whether it changes the word that the violation is about.
    pub(crate) blamed: bool,
    /// What differs from here on, or no longer.
    pub(crate) differences: Vec<Difference>,
    /// Operations that each lane is in the middle of after this row: more than one where an interrupt runs.
    pub(crate) open: Vec<usize>,
}

/// What a row tells, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// An operation began.
    Begin(String),
    /// An operation ended, with this answer.
    End(String),
    /// An operation was skipped.
    Skip(String),
    /// A word was read, written or changed, or a lock taken or given back.
    Access {
        /// Which word.
        word: Word,
        /// How.
        access: Access,
        /// Its value before, in words.
        old: String,
        /// Its value after.
        new: String,
        /// What a number grew by; `None` where that means nothing.
        by: Option<i64>,
    },
    /// The lane waits.
    Wait {
        /// For this word or lock.
        word: Word,
        /// Which this lane has.
        holder: Option<usize>,
    },
    /// An interrupt runs this other step.
    Interrupt(usize),
    /// Something else.
    Note(String),
    /// Several accesses that no other lane can have noticed.
    Quiet(Vec<Told>),
    /// So many rows before this one, so many times more.
    Again {
        /// Rows.
        rows: usize,
        /// Times.
        times: usize,
    },
}

impl Picture {
    /// A row for each event.
    pub(crate) fn of(program: &Program, timeline: &Timeline) -> Picture {
        let labels = Labels::of(program);
        let words = Words::of(timeline);
        let mut open = vec![0_usize; timeline.lanes];
        let mut before: Option<usize> = None;
        let mut rows = Vec::new();
        for (number, event) in timeline.events.iter().enumerate() {
            match &event.what {
                Happening::Begin => *lane(&mut open, event.lane) += 1,
                Happening::End(_) => {
                    let open = lane(&mut open, event.lane);
                    *open = open.saturating_sub(1);
                }
                _ => {}
            }
            rows.push(Row {
                event: number,
                events: 1,
                lane: event.lane,
                step: event.step,
                is_of_program: event.step < program.steps.len(),
                switch: event.switch.zip(before.filter(|before| *before != event.lane)),
                what: told(program, &labels, &words, event),
                blamed: timeline.blamed.is_some_and(|blamed| changes(event, blamed)),
                differences: event.differences.clone(),
                open: open.clone(),
            });
            before = Some(event.lane);
        }
        Picture {
            lanes: open.len(),
            rows,
            waits: waits::at_the_end(timeline, &words),
            preemptions: timeline.preemptions(),
            interrupts: timeline.interrupts(),
        }
    }

    /// The same with fewer rows: what no other lane can have noticed is told together, and so is what repeats itself.
    /// Nothing is left out.
    pub(crate) fn folded(program: &Program, timeline: &Timeline) -> Picture {
        let mut picture = Picture::of(program, timeline);
        picture.rows = fold::repeats(fold::quiet(timeline, picture.rows));
        picture
    }
}

/// Whether an event changes this word.
fn changes(event: &Event, word: Label) -> bool {
    matches!(event.what, Happening::Access { label, old, new, .. } if label == word && old != new)
}

/// The count of a lane; a lane beyond those that the timeline speaks of gets a column too.
fn lane(open: &mut Vec<usize>, lane: usize) -> &mut usize {
    if open.len() <= lane {
        open.resize(lane + 1, 0);
    }
    &mut open[lane]
}

fn told(program: &Program, labels: &Labels, words: &Words<'_>, event: &Event) -> Told {
    // Without its `@k`, which the column says.
    let operation = |step: usize| match program.steps.get(step) {
        Some(step) => {
            let text = labels.step(step);
            text.split_once(' ').map_or_else(|| text.clone(), |(_, rest)| rest.to_owned())
        }
        // Queued work that nobody asked for: a worker found its CPU idle.
        None => "queued work".to_owned(),
    };
    match &event.what {
        Happening::Begin => Told::Begin(operation(event.step)),
        Happening::End(outcome) => Told::End(labels.outcome(*outcome)),
        Happening::Skip => Told::Skip(operation(event.step)),
        &Happening::Access { label, access, old, new } => Told::Access {
            word: words.word(label),
            access,
            old: words.value(label, old),
            new: words.value(label, new),
            by: words.counts(label).then(|| new.wrapping_sub(old)),
        },
        Happening::Wait { on, holder } => Told::Wait { word: words.word(*on), holder: *holder },
        Happening::Interrupt(step) => Told::Interrupt(*step),
        Happening::Note(text) => Told::Note(text.clone()),
    }
}

impl Told {
    /// The row in one line.
    pub(crate) fn text(&self) -> String {
        match self {
            Told::Begin(operation) => operation.clone(),
            Told::End(answer) => answer.clone(),
            Told::Skip(operation) => format!("skipped: {operation}"),
            Told::Access { word, access, old, new, by } => accessed(word, *access, old, new, *by),
            Told::Wait { word, holder: Some(lane) } => format!("waits for {word}: CPU {lane} has it"),
            Told::Wait { word, holder: None } => format!("waits for {word}"),
            Told::Interrupt(step) => format!("interrupt: step {step} runs here"),
            Told::Note(text) => text.clone(),
            Told::Quiet(all) => all.iter().map(Told::text).collect::<Vec<String>>().join("; "),
            Told::Again { rows: 1, times } => format!("the same {times} times more"),
            Told::Again { rows, times } => format!("these {rows} rows {times} times more"),
        }
    }

    /// One word for what kind of row it is.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Told::Begin(_) => "begin",
            Told::End(_) => "end",
            Told::Skip(_) => "skip",
            Told::Access { access, .. } => match access {
                Access::Load => "read",
                Access::Store => "write",
                Access::Update => "update",
                Access::Lock => "lock",
                Access::Trylock => "trylock",
                Access::Unlock => "unlock",
            },
            Told::Wait { .. } => "wait",
            Told::Interrupt(_) => "interrupt",
            Told::Note(_) => "note",
            Told::Quiet(_) => "quiet",
            Told::Again { .. } => "again",
        }
    }
}

fn accessed(word: &Word, access: Access, old: &str, new: &str, by: Option<i64>) -> String {
    match access {
        Access::Load => format!("reads {word}: {new}"),
        Access::Lock => format!("takes {word}"),
        Access::Unlock => format!("gives back {word}"),
        Access::Trylock if old == new => format!("trylock of {word} fails"),
        Access::Trylock => format!("trylock of {word} succeeds"),
        Access::Store if old == new => format!("writes {word}: {new}, as before"),
        Access::Update if old == new => format!("leaves {word} at {new}"),
        Access::Store | Access::Update => {
            let verb = if access == Access::Store { "writes " } else { "" };
            let by = by.map_or_else(String::new, |by| format!(" ({by:+})"));
            format!("{verb}{word}: {old} → {new}{by}")
        }
    }
}

/// What has come to differ, or no longer does.
pub(crate) fn difference(Difference { object, quantity, expected, found }: &Difference) -> String {
    if expected == found {
        format!("{quantity} of {object} agrees again: {found}")
    } else {
        format!("{quantity} of {object} is {found}, the books say {expected}")
    }
}

/// Why the CPUs changed hands, as it is said of the lane that ran before.
pub(crate) fn reason(switch: Switch) -> &'static str {
    match switch {
        Switch::Ended => "has ended",
        Switch::Between => "between operations",
        Switch::Preempted => "PREEMPTED",
        Switch::Waited => "waits",
    }
}
