//! Operands: names that are defined, CPUs that exist, numbers in their ranges.

use super::args::Args;
use super::error::quoted;
use super::reader::{Reader, did_you_mean, is_digits, one_of};
use super::scope::Definition;
use super::spelling::{COUNT, FAILURES, LIMIT, table_words, value};
use super::visit::Kind;
use super::words::Word;
use stocktake_model::{ChargeId, CpuId, Failure, GroupId, Limit, ObjcgId};

impl<'t> Reader<'t> {
    /// The parent of the group that a path names.
    pub(super) fn parent(&mut self, args: &mut Args<'t>) -> Option<GroupId> {
        let path = args.operand(self, "path")?;
        match path.text.rfind('/') {
            // A path that only begins with `/` is reported as a bad name.
            None | Some(0) => Some(GroupId::ROOT),
            Some(slash) => self.thing(path.piece(0, slash), Kind::Group).map(GroupId),
        }
    }

    pub(super) fn group(&mut self, args: &mut Args<'t>) -> Option<GroupId> {
        self.operand(args, Kind::Group).map(GroupId)
    }

    pub(super) fn objcg(&mut self, args: &mut Args<'t>) -> Option<ObjcgId> {
        self.operand(args, Kind::Objcg).map(ObjcgId)
    }

    pub(super) fn charge(&mut self, args: &mut Args<'t>) -> Option<ChargeId> {
        self.operand(args, Kind::Charge).map(ChargeId)
    }

    pub(super) fn count(&mut self, args: &mut Args<'t>) -> Option<u64> {
        let word = args.operand(self, "count")?;
        self.number(word, COUNT)
    }

    /// The number of the defined thing that the next operand names.
    pub(super) fn operand(&mut self, args: &mut Args<'t>, kind: Kind) -> Option<u16> {
        let word = args.operand(self, kind.name())?;
        self.thing(word, kind)
    }

    /// The number of a defined thing that this lane may use.
    pub(super) fn thing(&mut self, word: Word<'t>, kind: Kind) -> Option<u16> {
        let found = self.defined(word, kind)?;
        if let (Some(maker), Some(user)) = (found.lane, self.lane)
            && maker != user
        {
            let message =
                format!("{} is made in lane {}, and used in lane {}", quoted(word.text), maker.0, user.0);
            let help =
                format!("names that lanes share are made before `parallel`: move line {} up", found.line);
            self.wrong(word, message, help);
            return None;
        }
        Some(found.number)
    }

    /// What a name of this kind stands for, whichever lane makes it.
    pub(super) fn defined(&mut self, word: Word<'t>, kind: Kind) -> Option<Definition> {
        if kind == Kind::Group && word.text == "/" {
            return Some(Definition { kind: Some(Kind::Group), number: 0, lane: None, line: 0 });
        }
        let Some(found) = self.scope.get(word.text) else {
            let message = format!("there is no {} {}", kind.name(), quoted(word.text));
            let help = match self.closest_name(word.text, kind) {
                Some(close) => did_you_mean(close),
                None => "a name is defined in a line above its uses".to_owned(),
            };
            self.wrong(word, message, help);
            return None;
        };
        match found.kind {
            Some(other) if other != kind => {
                let message = format!("{} is {}, not {}", quoted(word.text), other.one(), kind.one());
                let help = format!("it was defined in line {}", found.line);
                self.wrong(word, message, help);
                None
            }
            _ => Some(found),
        }
    }

    /// The CPU that `cpu.*` acts on.
    pub(super) fn target(&mut self, args: &mut Args<'t>) -> Option<CpuId> {
        let word = args.operand(self, "CPU")?;
        self.cpu_number(word, word)
    }

    /// A CPU that exists; an error marks `mark`.
    pub(super) fn cpu_number(&mut self, word: Word<'t>, mark: Word<'t>) -> Option<CpuId> {
        let cpus = self.header.cpus;
        let help = || format!("with `cpus {cpus}`, CPUs are 0..={}", cpus - 1);
        if !is_digits(word.text) {
            self.wrong(mark, format!("{} is not a CPU", quoted(mark.text)), help());
            return None;
        }
        let read = word.text.parse().ok().filter(|&n| n < cpus).map(CpuId);
        if read.is_none() {
            self.wrong(mark, format!("there is no CPU {}", quoted(word.text)), help());
        }
        read
    }

    /// The value of the option `key=`, if it is given and right.
    pub(super) fn limit(&mut self, args: &mut Args<'t>, key: &str) -> Option<Limit> {
        let word = args.option(key)?;
        if word.text == "max" {
            return Some(Limit::MAX);
        }
        if !is_digits(word.text) {
            let message = format!("{} is not a limit", quoted(word.text));
            self.wrong(word, message, format!("pages 0..={}, or `max`", LIMIT.most));
            // As if it were given, so that it is not reported as missing as well.
            return Some(Limit::MAX);
        }
        Some(self.number(word, LIMIT).map_or(Limit::MAX, Limit::pages))
    }

    pub(super) fn failure(&mut self, args: &mut Args<'t>) -> Option<Failure> {
        let word = args.option("fail")?;
        let failure = value(&FAILURES, word.text);
        if failure.is_none() {
            let all: Vec<&str> = table_words(&FAILURES).collect();
            self.wrong(word, format!("there is no failure {}", quoted(word.text)), one_of(word.text, &all));
        }
        failure
    }
}
