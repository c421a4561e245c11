//! Changing one line of a trace's text, and leaving everything else as somebody has written it.

use super::spelling::SCHEDULE;
use super::words::words;
use super::write::schedule_line;

/// The text with this schedule in the place of the one that it has. A comment behind the old one stays.
///
/// A text without a `schedule` line is returned as it is.
pub fn with_schedule(text: &str, schedule: &[u8]) -> String {
    let mut rewritten = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if words(line).first().is_none_or(|word| word.text != SCHEDULE) {
            rewritten.push_str(line);
            continue;
        }
        rewritten.push_str(&schedule_line(schedule));
        if let Some(comment) = line.find('#') {
            rewritten.push_str("  ");
            rewritten.push_str(line[comment..].trim_end_matches(['\n', '\r']));
        }
        rewritten.push_str(&line[line.trim_end_matches(['\n', '\r']).len()..]);
    }
    rewritten
}

#[cfg(test)]
mod tests {
    use super::with_schedule;

    #[test]
    fn only_the_schedule_changes() {
        let old = "# why\r\nstocktake-trace 1\r\n schedule 0 1  # found by hand\r\n\nparallel # schedule 0\n@0 work";
        let new = "# why\r\nstocktake-trace 1\r\nschedule 1 0 0  # found by hand\r\n\nparallel # schedule 0\n@0 work";
        assert_eq!(with_schedule(old, &[1, 0, 0]), new);
    }

    #[test]
    fn without_a_schedule_nothing_changes() {
        assert_eq!(with_schedule("stocktake-trace 1\n@0 work\n", &[1]), "stocktake-trace 1\n@0 work\n");
    }
}
