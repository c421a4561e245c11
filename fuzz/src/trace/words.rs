//! Words of a line, each with its place. A word ends at a space or tab; `#` ends the line.

/// A word, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'t> {
    /// The word itself.
    pub(super) text: &'t str,
    /// Its first byte's offset in the line.
    pub(super) start: usize,
}

impl<'t> Word<'t> {
    /// The piece of this word from byte `from` to byte `to`.
    pub(super) fn piece(self, from: usize, to: usize) -> Word<'t> {
        Word { text: &self.text[from..to], start: self.start + from }
    }

    /// `key` and `value` of a word `key=value`.
    pub(super) fn split_equals(self) -> Option<(Word<'t>, Word<'t>)> {
        let at = self.text.find('=')?;
        Some((self.piece(0, at), self.piece(at + 1, self.text.len())))
    }

    /// Offset of the byte after the word.
    pub(super) fn end(self) -> usize {
        self.start + self.text.len()
    }
}

/// The words of `line` before its comment.
pub(super) fn words(line: &str) -> Vec<Word<'_>> {
    let code = line.split('#').next().unwrap_or_default();
    pieces(code, |c| c == ' ' || c == '\t').filter(|word| !word.text.is_empty()).collect()
}

/// The pieces of `text` between separators, empty ones included.
pub(super) fn pieces(text: &str, separates: impl Fn(char) -> bool) -> impl Iterator<Item = Word<'_>> {
    let mut start = 0;
    text.split(separates).map(move |piece| {
        let word = Word { text: piece, start };
        // Every separator in use is one byte long.
        start += piece.len() + 1;
        word
    })
}

/// Whether `text` can be the name of a variable or one part of a path.
pub(super) fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !super::spelling::is_outcome_word(text)
}
