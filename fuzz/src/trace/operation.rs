//! Operation lines: `@0 p1 = charge A 3 force fail=alloc -> ENOMEM`, and `assert` lines.

use super::args::Args;
use super::error::quoted;
use super::reader::{Reader, did_you_mean, is_digits};
use super::spelling::{
    ASSERT, BYTES, GROUP_WORK, IRQ, OUTCOMES, PAGES, PARALLEL, VERSION, can_answer, forms, table_words, value,
};
use super::suggest::closest;
use super::visit::Kind;
use super::words::{Word, is_name};
use crate::program::{Action, Step};
use stocktake_model::{Bytes, ChargeId, GroupId, Limit, ObjcgId, ObjectId, Op, Outcome, Pages, SlotId};

/// What a step makes.
struct Made<'t> {
    name: Word<'t>,
    kind: Kind,
    number: u16,
}

impl<'t> Reader<'t> {
    /// A line `@CPU …`; `cpu` is what follows the `@`.
    pub(super) fn operation(&mut self, cpu: &'t str, words: &[Word<'t>]) {
        let before = self.mistakes();
        let at = words[0];
        self.lane = self.cpu_number(Word { text: cpu, start: at.start + 1 }, at);
        let variable = words.get(1).copied().filter(|_| words.get(2).is_some_and(|word| word.text == "="));
        let rest = &words[if variable.is_some() { 3 } else { 1 }..];
        let irq = rest.first().copied().filter(|word| word.text == IRQ);
        let step = self.step(variable, &rest[usize::from(irq.is_some())..], words).map(|(mut step, made)| {
            if let Some(irq) = irq {
                step.irq = true;
                self.check_interrupt(irq, &step);
            }
            (step, made)
        });
        if self.is_wrong_since(before) {
            self.expect_definition(variable, words);
        } else if let Some((step, made)) = step {
            self.steps.push(step);
            if let Some(Made { name, kind, number }) = made {
                let lane = self.parallel.is_some().then(|| step.cpu());
                self.scope.define(name.text, kind, number, lane, self.line_number);
            }
        }
    }

    /// The step, and what it makes.
    fn step(
        &mut self,
        variable: Option<Word<'t>>,
        rest: &[Word<'t>],
        line: &[Word<'t>],
    ) -> Option<(Step, Option<Made<'t>>)> {
        let Some(&word) = rest.first() else {
            let help = "write what the CPU does, as `@0 mkdir A`".to_owned();
            self.wrong(self.end_of(line), "the operation is missing".to_owned(), help);
            return None;
        };
        let Some(form) = forms().find(|form| form.word == word.text) else {
            self.unknown_operation(word);
            return None;
        };
        let mut args = Args::of(form, &rest[1..], self.end_of(line));
        let named = match (form.names, variable) {
            (Some(kind), Some(name)) => Some((name, kind)),
            (Some(kind), None) => {
                let message = format!("the {} made by {} needs a name", kind.name(), quoted(word.text));
                self.wrong(word, message, args.usage_help());
                None
            }
            (None, Some(name)) => {
                self.wrong(
                    name,
                    format!("{} makes nothing to be named", quoted(word.text)),
                    args.usage_help(),
                );
                None
            }
            (None, None) if word.text == "mkdir" => args.first().map(|path| (path, Kind::Group)),
            (None, None) => None,
        };
        let made = named.map(|(name, kind)| {
            let number = self.new_number(name, kind).unwrap_or_default();
            Made { name, kind, number }
        });
        let number = made.as_ref().map_or(0, |made| made.number);
        let cpu = self.lane.unwrap_or_default();
        let action = if word.text == ASSERT {
            self.assertion(&mut args).map(|assertion| Action::Assert(cpu, assertion))
        } else {
            let op = self.op(number, &mut args);
            let fail = self.failure(&mut args);
            op.map(|op| Action::Op(stocktake_model::Step { cpu, op, fail }))
        };
        let outcome = self.outcome(action, &mut args);
        self.nothing_left(&args);
        let step = Step { action: action?, outcome, irq: false, line: self.line_number };
        Some((step, made))
    }

    /// An interrupt comes in a lane, and does what the kernel does in interrupts.
    fn check_interrupt(&mut self, irq: Word<'t>, step: &Step) {
        if self.parallel.is_none() {
            let help = format!("write `{PARALLEL}` above the first operation that runs in its own lane");
            self.wrong(irq, "an interrupt comes in the middle of a lane".to_owned(), help);
        } else if step.interrupt().is_none() {
            let help = "one of: uncharge, obj.uncharge, objcg.put, slab.free, map, unmap".to_owned();
            self.wrong(irq, "this is nothing that the kernel does in an interrupt".to_owned(), help);
        }
    }

    fn unknown_operation(&mut self, word: Word<'t>) {
        if self.lenient {
            // Nobody reads the suggestion, and such lines may be many.
            return self.wrong(word, String::new(), None);
        }
        let help = if word.text.contains('=') {
            "write `NAME = OPERATION`, with spaces around `=`".to_owned()
        } else {
            let all = || forms().map(|form| form.word);
            closest(word.text, all())
                .map_or_else(|| format!("one of: {}", all().collect::<Vec<_>>().join(", ")), did_you_mean)
        };
        self.wrong(word, format!("there is no operation {}", quoted(word.text)), help);
    }

    /// The number for a new name, if the name can be defined.
    fn new_number(&mut self, name: Word<'t>, kind: Kind) -> Option<u16> {
        if let Some(old) = self.scope.get(name.text) {
            let message = format!("{} was already defined in line {}", quoted(name.text), old.line);
            self.wrong(name, message, "a name is never used twice: choose another".to_owned());
            return None;
        }
        let mut parts = name.text.split('/');
        let good = if kind == Kind::Group { parts.all(is_name) } else { is_name(name.text) };
        if !good {
            let (message, help) = if name.text == "/" {
                ("root exists from the start".to_owned(), "name a group below it, as `A`")
            } else if name.text.starts_with('/') && kind == Kind::Group {
                (
                    format!("{} cannot be a path", quoted(name.text)),
                    "paths begin with a name: leave out the first `/`",
                )
            } else {
                let help =
                    "names are letters, digits and `_`, begin with no digit, and are no outcome such as `ok`";
                (format!("{} cannot be a name", quoted(name.text)), help)
            };
            self.wrong(name, message, help.to_owned());
            return None;
        }
        let number = self.scope.next(kind);
        if number.is_none() {
            self.wrong(name, format!("too many names: {} of one kind is the most", u16::MAX), None);
        }
        number
    }

    fn op(&mut self, new: u16, args: &mut Args<'t>) -> Option<Op> {
        Some(match args.form.word {
            "mkdir" => {
                let parent = self.parent(args);
                let max = self.limit(args, "max");
                let swap_max = self.limit(args, "swap.max");
                let (max, swap_max) = (max.unwrap_or(Limit::MAX), swap_max.unwrap_or(Limit::MAX));
                Op::Mkdir { new: GroupId(new), parent: parent?, max, swap_max }
            }
            "rmdir" => Op::Rmdir { group: self.group(args)? },
            "set" => self.set(args)?,
            "charge" => {
                let group = self.group(args);
                let pages = args.operand(self, "number of pages").and_then(|word| self.number(word, PAGES));
                let force = args.flag("force");
                Op::Charge { new: ChargeId(new), group: group?, pages: Pages(pages?), force }
            }
            "uncharge" => Op::Uncharge { charge: self.charge(args)? },
            "objcg" => Op::ObjcgFrom { new: ObjcgId(new), group: self.group(args)? },
            "objcg.get" => Op::ObjcgGet { new: ObjcgId(new), held: self.objcg(args)? },
            "objcg.put" => Op::ObjcgPut { held: self.objcg(args)? },
            "obj.charge" => {
                let objcg = self.objcg(args);
                let bytes = args.operand(self, "number of bytes").and_then(|word| self.number(word, BYTES));
                let force = args.flag("force");
                Op::ObjCharge { new: ObjectId(new), objcg: objcg?, bytes: Bytes(bytes?), force }
            }
            "obj.uncharge" => Op::ObjUncharge { object: ObjectId(self.operand(args, Kind::Object)?) },
            "swap.out" => Op::SwapOut { new: SlotId(new), charge: self.charge(args)? },
            "swap.in" => {
                let (slot, faulter) = (self.operand(args, Kind::Slot), self.group(args));
                Op::SwapIn { new: ChargeId(new), slot: SlotId(slot?), faulter: faulter? }
            }
            "swap.free" => Op::SwapFree { slot: SlotId(self.operand(args, Kind::Slot)?) },
            "cache.create" | "cache.destroy" | "slab.alloc" | "slab.free" => self.slab_op(new, args)?,
            "cpu.down" => Op::CpuDown { target: self.target(args)? },
            "cpu.up" => Op::CpuUp { target: self.target(args)? },
            "cpu.isolate" => Op::CpuIsolate { target: self.target(args)? },
            "cpu.unisolate" => Op::CpuUnisolate { target: self.target(args)? },
            "drain" => Op::Drain,
            "drain.all" => Op::DrainAll { group: self.group(args)? },
            "map" | "map.begin" | "map.end" | "unmap" | "unmap.begin" | "unmap.end" | "move.start"
            | "move.page" | "move.end" | "force.empty" => Op::Mapped(self.mapped(args)?),
            "page.file" | "page.anon" | "page.hugetlb" | "free.list" => self.page_op(new, args)?,
            "swapoff" => self.shmem_op(new, args)?,
            word if word.starts_with("shmem.") => self.shmem_op(new, args)?,
            "swap.notify" | "swap.reclaim" => self.shmem_op(new, args)?,
            "work" => Op::Work,
            "grace" => Op::Grace,
            "quiesce" => Op::Quiesce,
            _ => Op::Mm(self.mm_op(new, args)?),
        })
    }

    fn set(&mut self, args: &mut Args<'t>) -> Option<Op> {
        let group = self.group(args);
        let (max, swap_max) = (self.limit(args, "max"), self.limit(args, "swap.max"));
        match (max, swap_max, self.limit(args, "memsw.max"), self.limit(args, "kmem.max")) {
            (Some(max), None, None, None) => Some(Op::SetMax { group: group?, max }),
            (None, Some(max), None, None) => Some(Op::SetSwapMax { group: group?, max }),
            (None, None, Some(max), None) => Some(Op::SetMemswMax { group: group?, max }),
            (None, None, None, Some(max)) => Some(Op::SetKmemMax { group: group?, max }),
            (None, None, None, None) => {
                args.missing(self, "limit");
                None
            }
            _ => {
                let help = "write one line for each".to_owned();
                self.wrong(args.word_of_last_option(), "two limits in one line".to_owned(), help);
                None
            }
        }
    }

    /// The outcome that the line insists on.
    fn outcome(&mut self, action: Option<Action>, args: &mut Args<'t>) -> Option<Outcome> {
        let arrow = args.arrow?;
        if args.form.word == ASSERT {
            let message = "an assert has no outcome".to_owned();
            self.wrong(arrow, message, "it holds, or it is violated".to_owned());
            return None;
        }
        let usage = "an outcome is `ok`, a path, ENOMEM, EBUSY, ENOSPC, ENODEV, EINVAL, EEXIST, ENOENT; of a fault: \
                     a version, small; of `shmem.punch`: stranded; of `mm.match` and `migrate.charges`: yes, no; of `work`: nothing, drain, offline PATH, \
                     release PATH, cache.make PATH, cache.end";
        let Some(&word) = args.outcome.first() else {
            self.wrong(args.end, "the outcome is missing".to_owned(), usage.to_owned());
            return None;
        };
        let work = value(&GROUP_WORK, word.text);
        let last = usize::from(work.is_some());
        if let Some(&extra) = args.outcome.get(last + 1) {
            self.wrong(extra, format!("unexpected word {}", quoted(extra.text)), usage.to_owned());
            return None;
        }
        // A lane may well see what becomes of another lane's group, so any defined group can be named here.
        let outcome = if let Some(ran) = work {
            let Some(&path) = args.outcome.get(1) else {
                self.wrong(args.end, "the path is missing".to_owned(), usage.to_owned());
                return None;
            };
            Outcome::Ran(ran(GroupId(self.defined(path, Kind::Group)?.number)))
        } else if let Some(outcome) = value(&OUTCOMES, word.text) {
            outcome
        } else if is_digits(word.text) {
            Outcome::Read(u32::try_from(self.number(word, VERSION)?).ok()?)
        } else {
            let words = table_words(&OUTCOMES).chain(table_words(&GROUP_WORK));
            if self.scope.get(word.text).is_none()
                && let Some(close) = closest(word.text, words)
            {
                let message = format!("there is no outcome {}", quoted(word.text));
                self.wrong(word, message, did_you_mean(close));
                return None;
            }
            Outcome::To(GroupId(self.defined(word, Kind::Group)?.number))
        };
        if let Some(Action::Op(step)) = action
            && !can_answer(&step.op, outcome)
        {
            let message = format!("{} never answers {}", quoted(args.form.word), quoted(word.text));
            self.wrong(word, message, usage.to_owned());
            return None;
        }
        Some(outcome)
    }

    /// Words that no part of the operation wanted.
    fn nothing_left(&mut self, args: &Args<'t>) {
        if let Some(word) = args.unread_operand() {
            let help = match word.text.strip_prefix("->") {
                Some(outcome) => format!("put a space between `->` and {}", quoted(outcome)),
                None if matches!(args.form.word, "charge" | "obj.charge")
                    && closest(word.text, ["force"]).is_some() =>
                {
                    did_you_mean("force")
                }
                None => args.usage_help(),
            };
            self.wrong(word, format!("unexpected word {}", quoted(word.text)), help);
        }
        if let Some((key, twice)) = args.unread_option() {
            let form = args.form.word;
            if twice {
                self.wrong(key, format!("{} is given twice", quoted(key.text)), None);
                return;
            }
            let known: &[&str] = match form {
                "mkdir" => &["max", "swap.max", "fail"],
                "set" => &["max", "swap.max", "memsw.max", "kmem.max", "fail"],
                "cache.create" => &["order", "fail"],
                ASSERT => &[],
                _ => &["fail"],
            };
            let help =
                closest(key.text, known.iter().copied()).map_or_else(|| args.usage_help(), did_you_mean);
            self.wrong(key, format!("{} takes no option {}", quoted(form), quoted(key.text)), help);
        }
    }
}
