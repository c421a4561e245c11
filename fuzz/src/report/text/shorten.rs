//! Long names made short, the same way wherever they stand.

use std::collections::BTreeMap;
use std::fmt::Write;

/// A word of more letters than this is shortened.
const LONGEST: usize = 28;
/// So many letters stay at either end.
const KEPT: usize = 12;

/// Short forms that have been given out.
#[derive(Debug, Default)]
pub(super) struct Shorten {
    short: BTreeMap<String, String>,
    /// In the order in which they were needed.
    order: Vec<String>,
}

impl Shorten {
    /// The text with every long word made short.
    pub(super) fn text(&mut self, text: &str) -> String {
        let words: Vec<String> = text.split(' ').map(|word| self.word(word)).collect();
        words.join(" ")
    }

    fn word(&mut self, word: &str) -> String {
        // What follows a name in a sentence is not part of it.
        let name = word.trim_end_matches([':', ',', ';', ')']);
        let letters: Vec<char> = name.chars().collect();
        if letters.len() <= LONGEST {
            return word.to_owned();
        }
        let rest = &word[name.len()..];
        if let Some(short) = self.short.get(name) {
            return format!("{short}{rest}");
        }
        let ends = |n: Option<usize>| {
            let first: String = letters[..KEPT].iter().collect();
            let last: String = letters[letters.len() - KEPT..].iter().collect();
            let n = n.map_or_else(String::new, |n| n.to_string());
            format!("{first}…{n}{last}")
        };
        let is_free = |short: &String| !self.short.values().any(|taken| taken == short);
        let mut numbered = std::iter::once(None).chain((2..).map(Some)).map(ends);
        let short = numbered.find(is_free).unwrap_or_else(|| name.to_owned());
        self.short.insert(name.to_owned(), short.clone());
        self.order.push(name.to_owned());
        format!("{short}{rest}")
    }

    /// What the short forms stand for, a line each.
    pub(super) fn legend(&self) -> String {
        let mut text = String::new();
        for name in &self.order {
            let _ = writeln!(text, "   {} is {name}", self.short[name]);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_short_form_and_no_other_name_has_it() {
        let mut shorten = Shorten::default();
        let one = "a-group-with-a-very-long-name/below-it";
        let other = "a-group-with-another-very-long-name/below-it";
        let text = shorten.text(&format!("usage of {one}: 3; usage of {other}: 4; usage of {one}: 5"));
        assert_eq!(
            text,
            "usage of a-group-with…ame/below-it: 3; usage of a-group-with…2ame/below-it: 4; usage of \
             a-group-with…ame/below-it: 5"
        );
        let legend =
            format!("   a-group-with…ame/below-it is {one}\n   a-group-with…2ame/below-it is {other}\n");
        assert_eq!(shorten.legend(), legend);
    }

    #[test]
    fn what_is_short_stays() {
        let mut shorten = Shorten::default();
        assert_eq!(shorten.text("usage of A/B: 3"), "usage of A/B: 3");
        assert_eq!(shorten.legend(), "");
    }
}
