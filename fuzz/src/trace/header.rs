//! Header lines: the situation that a program runs in.

use super::error::quoted;
use super::reader::{Reader, did_you_mean, one_of};
use super::spelling::{
    ASSERT, CPUS, HEADER_WORDS, IDS, IRQ, LAST_INVARIANT, MODES, PARALLEL, Range, SLOTS, in_signature,
    is_invariant, table_words, value,
};
use super::suggest::closest;
use super::words::{Word, pieces};
use crate::program::{Expect, Header};
use stocktake_impl::{Design, Fault, VARIANTS};

/// The name of the default design.
const CURRENT: &str = "current";

impl<'t> Reader<'t> {
    /// A header line; its first word is one of [`HEADER_WORDS`].
    pub(super) fn header_line(&mut self, words: &[Word<'t>]) {
        let before = self.mistakes();
        let Some(key) = HEADER_WORDS.into_iter().find(|key| *key == words[0].text) else { return };
        if let Some(line) = self.given.get(key) {
            let message = format!("{} was already given in line {line}", quoted(key));
            return self.wrong(words[0], message, None);
        }
        match key {
            "cpus" => {
                if let Some(n) = self.header_number(words, CPUS) {
                    self.header.cpus = n as u8;
                }
            }
            "ids" => {
                if let Some(n) = self.header_number(words, IDS) {
                    self.header.ids = n as u16;
                }
            }
            "slots" => {
                if let Some(n) = self.header_number(words, SLOTS) {
                    self.header.slots = n as u16;
                }
            }
            "mode" => {
                if let Some([mode]) = self.values(words, ["v1|v2|v1-flat"]) {
                    match value(&MODES, mode.text) {
                        Some(mode) => self.header.mode = mode,
                        None => self.unknown("mode", mode, &table_words(&MODES).collect::<Vec<_>>()),
                    }
                }
            }
            "design" => {
                if let Some([word]) = self.values(words, ["NAME|ROOM=VARIANT,…"])
                    && let Some(design) = self.design(word)
                {
                    self.header.design = design;
                }
            }
            "fault" => self.fault(words),
            "expect" => self.expect(words),
            _ => self.schedule(words),
        }
        // Faults may be given several times, each of them once.
        if !self.is_wrong_since(before) && key != "fault" {
            self.given.insert(key, self.line_number);
        }
    }

    /// The words after the first, if there are as many as wanted; `wanted` says what they are.
    fn values<const N: usize>(&mut self, words: &[Word<'t>], wanted: [&str; N]) -> Option<[Word<'t>; N]> {
        let usage = format!("usage: `{} {}`", words[0].text, wanted.join(" "));
        if words.len() <= N {
            self.wrong(self.end_of(words), "the value is missing".to_owned(), usage);
            return None;
        }
        if let Some(&extra) = words.get(N + 1) {
            self.wrong(extra, format!("unexpected word {}", quoted(extra.text)), usage);
            return None;
        }
        words[1..].try_into().ok()
    }

    fn header_number(&mut self, words: &[Word<'t>], range: Range) -> Option<u64> {
        let [word] = self.values(words, ["N"])?;
        self.number(word, range)
    }

    fn unknown(&mut self, what: &str, word: Word<'t>, all: &[&str]) {
        self.wrong(word, format!("there is no {what} {}", quoted(word.text)), one_of(word.text, all));
    }

    fn design(&mut self, word: Word<'t>) -> Option<Design> {
        if word.text == CURRENT {
            return Some(Design::default());
        }
        if !word.text.contains('=') {
            let named: Vec<String> = VARIANTS.iter().map(|v| format!("{}-{}", v.room, v.name)).collect();
            if let Some(i) = named.iter().position(|name| name == word.text) {
                return Some(VARIANTS[i].design());
            }
            let all = named.iter().map(String::as_str).chain([CURRENT]);
            let help = closest(word.text, all).map_or_else(
                || format!("`{CURRENT}`, ROOM-VARIANT or ROOM=VARIANT,…; `designs` lists them"),
                did_you_mean,
            );
            self.wrong(word, format!("there is no design {}", quoted(word.text)), help);
            return None;
        }
        let mut design = Design::default();
        let mut chosen: Vec<&str> = Vec::new();
        for part in pieces(word.text, |c| c == ',') {
            let choice = word.piece(part.start, part.end());
            let Some((room, variant)) = choice.split_equals() else {
                self.wrong(choice, format!("{} is not ROOM=VARIANT", quoted(choice.text)), None);
                return None;
            };
            if chosen.contains(&room.text) {
                self.wrong(room, format!("room {} is given twice", quoted(room.text)), None);
                return None;
            }
            chosen.push(room.text);
            if let Err(unknown) = design.choose(room.text, variant.text) {
                if unknown.room_known {
                    let here = VARIANTS.iter().filter(|v| v.room == room.text);
                    let all: Vec<&str> = here.map(|v| v.name).collect();
                    self.unknown(&format!("variant of room {}:", quoted(room.text)), variant, &all);
                } else {
                    let mut all: Vec<&str> = VARIANTS.iter().map(|v| v.room).collect();
                    all.dedup();
                    self.unknown("room", room, &all);
                }
                return None;
            }
        }
        Some(design)
    }

    fn fault(&mut self, words: &[Word<'t>]) {
        let Some([word]) = self.values(words, ["ID"]) else { return };
        let Some(&fault) = Fault::ALL.iter().find(|fault| fault.id() == word.text) else {
            let all: Vec<&str> = Fault::ALL.iter().map(|fault| fault.id()).collect();
            return self.unknown("fault", word, &all);
        };
        if self.header.faults.contains(&fault) {
            return self.wrong(word, format!("fault {} is given twice", quoted(word.text)), None);
        }
        self.header.faults.push(fault);
    }

    fn expect(&mut self, words: &[Word<'t>]) {
        let usage = "usage: `expect ok` or `expect violation INVARIANT [SIGNATURE]`";
        let (most, is_violation) = match words.get(1) {
            None => {
                return self.wrong(
                    self.end_of(words),
                    "the expectation is missing".to_owned(),
                    usage.to_owned(),
                );
            }
            Some(word) if word.text == "ok" => (2, false),
            Some(word) if word.text == "violation" => (4, true),
            Some(&word) => return self.unknown("expectation", word, &["ok", "violation"]),
        };
        if let Some(&extra) = words.get(most) {
            return self.wrong(extra, format!("unexpected word {}", quoted(extra.text)), usage.to_owned());
        }
        if !is_violation {
            self.header.expect = Expect::Ok;
            return;
        }
        let Some(&invariant) = words.get(2) else {
            return self.wrong(self.end_of(words), "the invariant is missing".to_owned(), usage.to_owned());
        };
        if !is_invariant(invariant.text) {
            let help = format!("I1 to I{LAST_INVARIANT}, or `{ASSERT}` for an assert of the trace itself");
            return self.wrong(invariant, format!("there is no invariant {}", quoted(invariant.text)), help);
        }
        if let Some(&word) = words.get(3)
            && let Some((at, c)) = word.text.char_indices().find(|&(_, c)| !in_signature(c))
        {
            let place = word.piece(at, at + c.len_utf8());
            let help = "signatures are made of letters, digits, `.`, `_` and `-`";
            return self.wrong(
                place,
                format!("{} cannot be part of a signature", quoted(place.text)),
                help.to_owned(),
            );
        }
        self.header.expect = Expect::Violation {
            invariant: invariant.text.to_owned(),
            signature: words.get(3).map(|word| word.text.to_owned()),
        };
    }

    fn schedule(&mut self, words: &[Word<'t>]) {
        if words.len() == 1 {
            let help = "usage: `schedule LANE LANE …`".to_owned();
            return self.wrong(self.end_of(words), "the schedule has no choices".to_owned(), help);
        }
        let lane = Range { what: "lanes", least: 0, most: u64::from(Header::MAX_CPUS) - 1 };
        let lanes: Option<Vec<u8>> = words[1..]
            .iter()
            .map(|&w| match w.text {
                IRQ => Some(Header::IRQ),
                _ => self.number(w, lane).map(|n| n as u8),
            })
            .collect();
        if let Some(lanes) = lanes {
            self.header.schedule = lanes;
            self.schedule_line = Some((self.line_number, self.line, words.to_vec()));
        }
    }

    /// Once all header lines are read: the scheduler can choose only lanes that there are.
    pub(super) fn check_schedule_lanes(&mut self) {
        let cpus = self.header.cpus;
        if let Some(at) = self.header.schedule.iter().position(|&lane| lane >= cpus && lane != Header::IRQ) {
            let message = format!("there is no lane {}", self.header.schedule[at]);
            let help = format!("with `cpus {cpus}`, lanes are 0..={}", cpus - 1);
            self.wrong_in_schedule(at + 1, message, help);
        }
    }

    /// Once everything is read: only a parallel program can be scheduled.
    pub(super) fn check_schedule_is_used(&mut self) {
        if self.parallel.is_none() && !self.header.schedule.is_empty() {
            let help = format!("write `{PARALLEL}` above the first operation that runs in its own lane");
            self.wrong_in_schedule(0, format!("a schedule has no effect without `{PARALLEL}`"), help);
        }
    }
}
