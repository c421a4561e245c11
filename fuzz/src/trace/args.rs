//! The words of one operation, sorted into operands, options and outcome, and taken out one by one.

use super::reader::Reader;
use super::spelling::Form;
use super::words::Word;

/// The words after an operation's own.
#[derive(Debug)]
pub(super) struct Args<'t> {
    pub(super) form: &'static Form,
    /// How the line is written, for help.
    pub(super) usage: &'static str,
    operands: Vec<Word<'t>>,
    /// Operands taken so far.
    taken: usize,
    /// Set once an operand was found missing: one such report a line is enough.
    gave_up: bool,
    options: Vec<Given<'t>>,
    /// The word `->`.
    pub(super) arrow: Option<Word<'t>>,
    /// The words after it.
    pub(super) outcome: Vec<Word<'t>>,
    /// The place after the line's last word.
    pub(super) end: Word<'t>,
}

/// An option `key=value`.
#[derive(Debug)]
struct Given<'t> {
    key: Word<'t>,
    value: Word<'t>,
    taken: bool,
}

impl<'t> Args<'t> {
    pub(super) fn of(form: &'static Form, words: &[Word<'t>], end: Word<'t>) -> Args<'t> {
        let arrow = words.iter().position(|word| word.text == "->");
        let (before, outcome) = words.split_at(arrow.unwrap_or(words.len()));
        let mut operands = Vec::new();
        let mut options = Vec::new();
        for word in before {
            match word.split_equals() {
                Some((key, value)) if !key.text.is_empty() => {
                    options.push(Given { key, value, taken: false })
                }
                _ => operands.push(*word),
            }
        }
        Args {
            form,
            usage: form.usage,
            operands,
            taken: 0,
            gave_up: false,
            options,
            arrow: outcome.first().copied(),
            outcome: outcome.iter().skip(1).copied().collect(),
            end,
        }
    }

    /// How the operation is written, as help.
    pub(super) fn usage_help(&self) -> String {
        format!("usage: `{}`", self.usage)
    }

    /// The first operand, not taken.
    pub(super) fn first(&self) -> Option<Word<'t>> {
        self.operands.first().copied()
    }

    /// Take the next operand; `what` it is, for the error if there is none.
    pub(super) fn operand(&mut self, reader: &mut Reader<'t>, what: &str) -> Option<Word<'t>> {
        let word = self.operands.get(self.taken).copied();
        match word {
            Some(_) => self.taken += 1,
            None => self.missing(reader, what),
        }
        word
    }

    /// Report that `what` is missing.
    pub(super) fn missing(&mut self, reader: &mut Reader<'t>, what: &str) {
        if !self.gave_up {
            let at = self.arrow.unwrap_or(self.end);
            reader.wrong(at, format!("the {what} is missing"), self.usage_help());
            self.gave_up = true;
        }
    }

    /// Ask for none of the other words.
    pub(super) fn give_up(&mut self) {
        self.taken = self.operands.len();
    }

    /// Take the next operand if it is `word`.
    pub(super) fn flag(&mut self, word: &str) -> bool {
        let given = self.operands.get(self.taken).is_some_and(|operand| operand.text == word);
        self.taken += usize::from(given);
        given
    }

    /// Take the value of an option.
    pub(super) fn option(&mut self, key: &str) -> Option<Word<'t>> {
        let given = self.options.iter_mut().find(|given| given.key.text == key)?;
        given.taken = true;
        Some(given.value)
    }

    /// The last option's key.
    pub(super) fn word_of_last_option(&self) -> Word<'t> {
        self.options.last().map_or(self.end, |given| given.key)
    }

    /// The first operand that was not taken.
    pub(super) fn unread_operand(&self) -> Option<Word<'t>> {
        self.operands.get(self.taken).copied()
    }

    /// The key of the first option that was not taken, and whether it was because it is there twice.
    pub(super) fn unread_option(&self) -> Option<(Word<'t>, bool)> {
        let unread = self.options.iter().find(|given| !given.taken)?;
        let twice = self.options.iter().any(|given| given.taken && given.key.text == unread.key.text);
        Some((unread.key, twice))
    }
}
