//! Reading a text line by line: the order of its parts, and collecting what is wrong.
//!
//! What header lines and operations look like is in `header.rs` and `operation.rs`.

use super::error::{TraceError, TraceErrors, quoted};
use super::scope::Scope;
use super::spelling::{HEADER_WORDS, MAGIC, PARALLEL, Range, forms};
use super::suggest::closest;
use super::visit::Kind;
use super::words::{Word, words};
use super::{Dropped, VERSIONS};
use crate::program::{Header, Program, Step};
use std::collections::BTreeMap;
use stocktake_model::CpuId;

/// The state of reading one text.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    /// The line that is read now, and its number.
    pub(super) line: &'t str,
    pub(super) line_number: u32,
    /// The CPU that runs it, if it is an operation and names one that exists.
    pub(super) lane: Option<CpuId>,
    pub(super) header: Header,
    /// Lines of header words that can be given once.
    pub(super) given: BTreeMap<&'static str, u32>,
    /// The `schedule` line, for errors that show only later.
    pub(super) schedule_line: Option<(u32, &'t str, Vec<Word<'t>>)>,
    pub(super) scope: Scope,
    pub(super) steps: Vec<Step>,
    /// The line of `parallel`, and the index of the first step after it.
    pub(super) parallel: Option<(u32, usize)>,
    /// The line of the first operation.
    first_operation: Option<u32>,
    header_done: bool,
    errors: Vec<TraceError>,
    /// Whether nobody will see the errors.
    pub(super) lenient: bool,
}

/// Read `text` strictly: the first mistakes, or the program.
pub(super) fn strict(text: &str) -> Result<Program, TraceErrors> {
    let mut reader = Reader::new(false);
    let mut lines = numbered_lines(text);
    reader.version(&mut lines)?;
    for (number, line) in lines {
        reader.read_line(number, line);
        if reader.errors.len() >= TraceErrors::MOST {
            break;
        }
    }
    reader.finish_header();
    reader.check_schedule_is_used();
    if reader.errors.is_empty() {
        return Ok(reader.into_program());
    }
    let mut errors = reader.errors;
    errors.sort_by_key(|error| (error.line, error.column));
    let stopped = errors.len() >= TraceErrors::MOST;
    errors.truncate(TraceErrors::MOST);
    Err(TraceErrors { errors, stopped })
}

/// Read `text` leniently: lines that are of no use are dropped and counted.
pub(super) fn lenient(text: &str) -> Result<(Program, Dropped), TraceErrors> {
    let mut reader = Reader::new(true);
    let mut lines = numbered_lines(text);
    reader.version(&mut lines)?;
    let mut dropped = 0;
    for (number, line) in lines {
        reader.read_line(number, line);
        dropped += reader.forget_mistakes();
    }
    reader.finish_header();
    reader.check_schedule_is_used();
    dropped += reader.forget_mistakes();
    Ok((reader.into_program(), Dropped { lines: dropped }))
}

/// The lines of a text, numbered from 1.
fn numbered_lines(text: &str) -> impl Iterator<Item = (u32, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().enumerate().map(|(i, line)| (u32::try_from(i + 1).unwrap_or(u32::MAX), line))
}

impl<'t> Reader<'t> {
    fn new(lenient: bool) -> Reader<'t> {
        Reader {
            line: "",
            line_number: 1,
            lane: None,
            header: Header::default(),
            given: BTreeMap::new(),
            schedule_line: None,
            scope: Scope::new(),
            steps: Vec::new(),
            parallel: None,
            first_operation: None,
            header_done: false,
            errors: Vec::new(),
            lenient,
        }
    }

    fn into_program(self) -> Program {
        Program {
            header: self.header,
            steps: self.steps,
            parallel: self.parallel.map(|(_, index)| index),
            names: self.scope.into_names(),
        }
    }

    /// Note a mistake in the current line.
    pub(super) fn wrong(&mut self, at: Word<'_>, message: String, help: impl Into<Option<String>>) {
        self.errors.push(TraceError::new(self.line_number, self.line, at, message, help.into()));
    }

    /// Whether the current line has a mistake, if there were `before` mistakes when it began.
    pub(super) fn is_wrong_since(&self, before: usize) -> bool {
        self.errors.len() > before
    }

    /// Mistakes so far.
    pub(super) fn mistakes(&self) -> usize {
        self.errors.len()
    }

    /// Forget all mistakes; the number of lines that had some.
    fn forget_mistakes(&mut self) -> usize {
        self.errors.dedup_by_key(|error| error.line);
        self.errors.drain(..).count()
    }

    /// The defined name of this kind that `name` resembles.
    pub(super) fn closest_name(&self, name: &str, kind: Kind) -> Option<&str> {
        // Worth a look at every name only if somebody reads the answer.
        if self.lenient { None } else { self.scope.closest(name, kind) }
    }

    /// Find the first line that says something: it names the version.
    fn version(&mut self, lines: &mut impl Iterator<Item = (u32, &'t str)>) -> Result<(), TraceErrors> {
        let begin = format!("a trace begins with the line `{MAGIC} {}`", VERSIONS.end());
        let Some((words, (number, line))) = lines.map(|at| (words(at.1), at)).find(|(w, _)| !w.is_empty())
        else {
            let nowhere = Word { text: "", start: 0 };
            return Err(TraceError::new(1, "", nowhere, "the trace is empty".to_owned(), Some(begin)).into());
        };
        let refuse = |at: Word<'_>, message: String, help: String| {
            Err(TraceErrors::from(TraceError::new(number, line, at, message, Some(help))))
        };
        if words[0].text != MAGIC {
            return refuse(words[0], "this is not a trace: it has no version line".to_owned(), begin);
        }
        let Some(&version) = words.get(1) else {
            let end = Word { text: "", start: words[0].end() };
            return refuse(end, "the version is missing".to_owned(), begin);
        };
        if let Some(&extra) = words.get(2) {
            return refuse(extra, format!("unexpected word {}", quoted(extra.text)), begin);
        }
        let readable = format!("this version reads {}..={}", VERSIONS.start(), VERSIONS.end());
        if !is_digits(version.text) {
            return refuse(version, format!("{} is not a version number", quoted(version.text)), readable);
        }
        match version.text.parse::<u32>() {
            Ok(n) if VERSIONS.contains(&n) => Ok(()),
            _ => refuse(version, format!("trace version {} cannot be read", quoted(version.text)), readable),
        }
    }

    fn read_line(&mut self, number: u32, line: &'t str) {
        (self.line_number, self.line) = (number, line);
        let words = words(line);
        let Some(&first) = words.first() else { return };
        if let Some(rest) = first.text.strip_prefix('@') {
            self.finish_header();
            self.first_operation.get_or_insert(number);
            self.operation(rest, &words);
        } else if first.text == PARALLEL {
            self.finish_header();
            self.parallel(&words);
        } else if HEADER_WORDS.contains(&first.text) {
            match self.first_operation.or(self.parallel.map(|(line, _)| line)) {
                Some(line) => self.wrong(
                    first,
                    format!("{} belongs to the header, before the first operation", quoted(first.text)),
                    format!("move it above line {line}"),
                ),
                None => self.header_line(&words),
            }
        } else {
            self.unknown_line(&words);
        }
    }

    fn parallel(&mut self, words: &[Word<'t>]) {
        if let Some(&extra) = words.get(1) {
            self.wrong(extra, format!("{} stands alone in its line", quoted(PARALLEL)), None);
        } else if let Some((line, _)) = self.parallel {
            self.wrong(words[0], format!("{} was already given in line {line}", quoted(PARALLEL)), None);
        } else {
            self.parallel = Some((self.line_number, self.steps.len()));
        }
    }

    /// A line that begins with no word that begins lines.
    fn unknown_line(&mut self, words: &[Word<'t>]) {
        let first = words[0];
        if self.lenient {
            return self.wrong(first, String::new(), None);
        }
        let is_operation = |word: &Word<'_>| forms().any(|form| form.word == word.text);
        if is_operation(&first) || (words.get(1).is_some_and(|w| w.text == "=") && words.len() > 2) {
            self.wrong(
                first,
                "an operation begins with the CPU that runs it".to_owned(),
                format!("write {} for CPU 0", quoted(&format!("@0 {}", first.text))),
            );
            self.expect_definition(words.first().copied().filter(|_| !is_operation(&first)), words);
            return;
        }
        if first.text == MAGIC {
            self.wrong(first, format!("{} is given once, at the top", quoted(MAGIC)), None);
            return;
        }
        let all = HEADER_WORDS.iter().copied().chain([PARALLEL]);
        let help = closest(first.text, all).map_or_else(
            || {
                "a line is an operation (`@0 mkdir A`), a header line (`cpus 2`), `parallel` or a comment"
                    .to_owned()
            },
            did_you_mean,
        );
        self.wrong(first, format!("no line begins with {}", quoted(first.text)), help);
    }

    /// Expect that a wrong line was meant to define what it seems to define.
    pub(super) fn expect_definition(&mut self, variable: Option<Word<'t>>, words: &[Word<'t>]) {
        if self.lenient {
            return;
        }
        let made = variable.or_else(|| {
            let at = usize::from(words.first()?.text.starts_with('@'));
            let word = words.get(at)?.text;
            let is_mkdir = word == "mkdir" || closest(word, forms().map(|f| f.word)) == Some("mkdir");
            words.get(at + 1).copied().filter(|_| is_mkdir)
        });
        if let Some(word) = made {
            self.scope.define_broken(word.text, self.line_number);
        }
    }

    /// A number in digits, within a range.
    pub(super) fn number(&mut self, word: Word<'t>, range: Range) -> Option<u64> {
        let span = format!("{}: {}..={}", range.what, range.least, range.most);
        if !is_digits(word.text) {
            self.wrong(word, format!("{} is not a number", quoted(word.text)), format!("{span}, in digits"));
            return None;
        }
        let read = word.text.parse().ok().filter(|&n| range.has(n));
        if read.is_none() {
            self.wrong(word, format!("{} is out of range", quoted(word.text)), span);
        }
        read
    }

    /// The place after the last word of a line, where something is missing.
    pub(super) fn end_of(&self, words: &[Word<'t>]) -> Word<'t> {
        Word { text: "", start: words.last().map_or(0, |word| word.end()) }
    }

    fn finish_header(&mut self) {
        if !self.header_done {
            self.header_done = true;
            self.check_schedule_lanes();
        }
    }

    /// Note a mistake in the `schedule` line, which is read already, and drop the schedule.
    pub(super) fn wrong_in_schedule(&mut self, pick: usize, message: String, help: String) {
        if let Some((number, line, words)) = &self.schedule_line
            && let Some(&at) = words.get(pick)
        {
            self.errors.push(TraceError::new(*number, line, at, message, Some(help)));
        }
        self.header.schedule.clear();
    }
}

/// Whether `text` is a number in plain digits.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The usual suggestion.
pub(super) fn did_you_mean(word: &str) -> String {
    format!("did you mean {}?", quoted(word))
}

/// The suggestion for a word out of few: the closest, or all of them.
pub(super) fn one_of(word: &str, all: &[&str]) -> String {
    match closest(word, all.iter().copied()) {
        Some(close) => did_you_mean(close),
        None => format!("one of: {}", all.join(", ")),
    }
}
