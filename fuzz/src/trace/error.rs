//! What is wrong with a trace, where, and what to do about it; shown with the line and a caret.

use super::words::Word;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

/// Columns of a source line that are shown; longer lines are cut around the caret.
const SHOWN: usize = 120;
/// Columns before the caret that are shown even if the line goes on for long after it.
const SHOWN_BEFORE: usize = 60;
/// Characters of a word that a message repeats.
const QUOTED: usize = 60;

/// One mistake in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceError {
    /// The file, where the text came from one.
    pub file: Option<PathBuf>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The part of the line that is shown.
    pub excerpt: Excerpt,
}

/// The part of a source line that is shown: cut to a readable length, control characters escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// The text.
    pub text: String,
    /// Columns before the caret.
    pub caret: usize,
    /// Columns that are marked.
    pub width: usize,
}

impl TraceError {
    pub(super) fn new(
        number: u32,
        line: &str,
        at: Word<'_>,
        message: String,
        help: Option<String>,
    ) -> TraceError {
        let before = line[..at.start].chars().count();
        TraceError {
            file: None,
            line: number,
            column: u32::try_from(before + 1).unwrap_or(u32::MAX),
            message,
            help,
            excerpt: Excerpt::new(line, at),
        }
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().map_or_else(|| "<trace>".to_owned(), shown_path);
        let line = self.line.to_string();
        let gutter = line.len();
        let Excerpt { text, caret, width } = &self.excerpt;
        writeln!(f, "error: {}", self.message)?;
        writeln!(f, "{:gutter$}--> {file}:{line}:{}", "", self.column)?;
        writeln!(f, "{:gutter$} |", "")?;
        writeln!(f, "{line} |{}{text}", if text.is_empty() { "" } else { " " })?;
        write!(f, "{:gutter$} | {:caret$}{}", "", "", "^".repeat(*width))?;
        match &self.help {
            Some(help) => write!(f, "\n{:gutter$} = help: {help}", ""),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TraceError {}

/// All mistakes of a trace in the order of their places, up to [`TraceErrors::MOST`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceErrors {
    /// The mistakes.
    pub errors: Vec<TraceError>,
    /// Whether reading was given up because there were too many.
    pub stopped: bool,
}

impl TraceErrors {
    /// Reading is given up after this many mistakes.
    pub const MOST: usize = 20;

    pub(super) fn in_file(mut self, file: &Path) -> TraceErrors {
        for error in &mut self.errors {
            error.file = Some(file.to_owned());
        }
        self
    }
}

impl From<TraceError> for TraceErrors {
    fn from(error: TraceError) -> TraceErrors {
        TraceErrors { errors: vec![error], stopped: false }
    }
}

impl fmt::Display for TraceErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            write!(f, "{}{error}", if i > 0 { "\n\n" } else { "" })?;
        }
        if self.stopped {
            write!(f, "\n\nnote: reading was given up after {} errors", self.errors.len())?;
        }
        Ok(())
    }
}

impl std::error::Error for TraceErrors {}

impl Excerpt {
    fn new(line: &str, at: Word<'_>) -> Excerpt {
        let (before, after) = line.split_at(at.start);
        let least_after = columns(after.chars(), SHOWN).1;
        let (kept_before, caret) = columns(before.chars().rev(), (SHOWN - least_after).max(SHOWN_BEFORE));
        let (kept_after, _) = columns(after.chars(), SHOWN - caret);
        let (kept_marked, marked) = columns(at.text.chars(), SHOWN - caret);

        let skipped = before.chars().count() - kept_before;
        let cut_left = skipped > 0;
        let mut text = String::from(if cut_left { "…" } else { "" });
        before.chars().skip(skipped).chain(after.chars().take(kept_after)).for_each(|c| show(c, &mut text));
        let cut_right = after.chars().nth(kept_after).is_some();
        let mark_cut = cut_right && kept_marked == kept_after;
        if cut_right {
            text.push('…');
        }
        Excerpt { text, caret: caret + usize::from(cut_left), width: (marked + usize::from(mark_cut)).max(1) }
    }
}

/// How many of these characters fit into `most` columns once shown, and the columns that they take.
fn columns(characters: impl Iterator<Item = char>, most: usize) -> (usize, usize) {
    let mut shown = String::new();
    let (mut count, mut width) = (0, 0);
    for c in characters {
        shown.clear();
        show(c, &mut shown);
        let more = shown.chars().count();
        if width + more > most {
            break;
        }
        count += 1;
        width += more;
    }
    (count, width)
}

/// Append `c`, escaped where a terminal would not show it or would act on it.
fn show(c: char, to: &mut String) {
    let invisible = c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    match c {
        // A tab is a separator like a space, and one column wide keeps the caret in place.
        '\t' => to.push(' '),
        _ if invisible => {
            let _ = write!(to, "{}", c.escape_unicode());
        }
        _ => to.push(c),
    }
}

/// A word of the trace, as messages repeat it.
pub(super) fn quoted(text: &str) -> String {
    let mut shown = String::from("`");
    text.chars().take(QUOTED).for_each(|c| show(c, &mut shown));
    shown.push_str(if text.chars().nth(QUOTED).is_some() { "…`" } else { "`" });
    shown
}

/// A path, as messages show it.
pub(super) fn shown_path(path: &Path) -> String {
    let mut shown = String::new();
    path.to_string_lossy().chars().for_each(|c| show(c, &mut shown));
    shown
}

/// The text of a trace, or the place of its first byte that is not UTF-8.
pub(super) fn as_utf8(text: &[u8]) -> Result<&str, TraceErrors> {
    std::str::from_utf8(text).map_err(|error| {
        let at = error.valid_up_to();
        let number = text[..at].iter().filter(|&&b| b == b'\n').count() + 1;
        let start = text[..at].iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
        let end = text[at..].iter().position(|&b| b == b'\n').map_or(text.len(), |length| at + length);
        // What comes before the bad byte is the same in `line` and `text`.
        let line = String::from_utf8_lossy(&text[start..end]);
        let mark = Word { text: "\u{fffd}", start: at - start };
        let message = format!("byte 0x{:02x} is not UTF-8", text[at]);
        let help = Some("a trace is plain UTF-8 text".to_owned());
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        TraceErrors::from(TraceError::new(number, &line, mark, message, help))
    })
}
