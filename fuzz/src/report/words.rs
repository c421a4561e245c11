//! Numbers, paths and lists, as reports write them.

use crate::artifact;
use std::path::{Path, PathBuf};

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number in at most six characters: `99,999`, `123k`, `12.3M`.
pub(super) fn short(n: u64) -> String {
    match n {
        0..100_000 => grouped(n),
        100_000..1_000_000 => format!("{}k", n / 1000),
        1_000_000..100_000_000 => format!("{}.{}M", n / 1_000_000, n / 100_000 % 10),
        100_000_000..1_000_000_000 => format!("{}M", n / 1_000_000),
        _ => format!("{}G", grouped(n / 1_000_000_000)),
    }
}

/// `1 step`, `2 steps`, `1,000 steps`.
pub(crate) fn counted(n: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// A duration with about three digits.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s if s < 100.0 => format!("{s:.1} s"),
        s => format!("{} s", grouped(s.round() as u64)),
    }
}

/// A part of a whole, in per cent, never rounded up to all of it or down to nothing.
pub(super) fn percent(part: u64, whole: u64) -> String {
    match (part, whole) {
        (_, 0) | (0, _) => "0 %".to_owned(),
        _ if part == whole => "100 %".to_owned(),
        _ => format!("{:.2} %", (part as f64 * 100.0 / whole as f64).clamp(0.01, 99.99)),
    }
}

/// A path as somebody in the current folder writes it: relative if it is below that folder.
pub(crate) fn from_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    match path.strip_prefix(&here) {
        Ok(below) if !below.as_os_str().is_empty() => below.to_owned(),
        _ => path.to_owned(),
    }
}

/// A path in a message: what a terminal would act on is escaped.
pub(crate) fn shown(path: &Path) -> String {
    let mut text = String::new();
    for c in path.to_string_lossy().chars() {
        if c.is_control() { text.extend(c.escape_unicode()) } else { text.push(c) }
    }
    text
}

/// A path as a word of a shell.
fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let text = if text.starts_with('-') { format!("./{text}") } else { text.into_owned() };
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:@%,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The command that runs `stocktake` from the current folder.
pub(crate) fn program() -> &'static str {
    if artifact::workspace_root().is_some() { "cargo run --release --" } else { "stocktake" }
}

/// The command that replays a trace from the current folder.
pub fn replay_command(path: &Path) -> String {
    format!("{} replay {}", program(), shell_word(path))
}

/// Break text between words into lines of at most `width` columns; a longer word has a line of its own.
pub(super) fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        match lines.last_mut() {
            Some(line) if column + 1 + length <= width => {
                line.push(' ');
                line.push_str(word);
                column += 1 + length;
            }
            _ => {
                lines.push(word.to_owned());
                column = length;
            }
        }
    }
    lines
}

/// Text whose first line stands in column `indent`, broken to `width` columns.
pub(super) fn wrapped(text: &str, width: usize, indent: usize) -> String {
    lines(text, width - indent).join(&format!("\n{}", " ".repeat(indent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_shortened() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1,234,567");
        for (n, text) in [(99_999, "99,999"), (123_456, "123k"), (12_345_678, "12.3M"), (123_456_789, "123M")]
        {
            assert_eq!(short(n), text);
        }
        assert_eq!(short(u64::MAX), "18,446,744,073G");
        assert_eq!(counted(1, "step"), "1 step");
        assert_eq!(counted(2000, "step"), "2,000 steps");
    }

    #[test]
    fn percentages_do_not_hide_a_remainder() {
        assert_eq!(percent(999_999_999, 1_000_000_000), "99.99 %");
        assert_eq!(percent(1, 1_000_000_000), "0.01 %");
        assert_eq!(percent(7, 7), "100 %");
        assert_eq!(percent(0, 0), "0 %");
    }

    #[test]
    fn paths_are_safe_in_shells_and_on_terminals() {
        assert_eq!(shell_word(Path::new("fuzz/artifacts/a-1.trace")), "fuzz/artifacts/a-1.trace");
        assert_eq!(shell_word(Path::new("my trace")), "'my trace'");
        assert_eq!(shell_word(Path::new("it's")), r"'it'\''s'");
        assert_eq!(shell_word(Path::new("-x")), "./-x");
        assert_eq!(shown(Path::new("a\u{1b}[31m")), r"a\u{1b}[31m");
    }

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(wrapped("aa bb cc", 5, 0), "aa bb\ncc");
        assert_eq!(wrapped("aa bb cc", 7, 2), "aa bb\n  cc");
    }
}
