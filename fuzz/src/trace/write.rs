//! Writing programs as text.

use super::VERSIONS;
use super::labels::Labels;
use super::mm::EVENTS;
use super::scope::names_from;
use super::spelling::{
    ASSERT, FAILURES, GROUP_WORK, IRQ, MAGIC, MODES, OUTCOMES, PARALLEL, SCHEDULE, STATES, can_answer,
    in_signature, word,
};
use crate::program::{Action, Assertion, Expect, Header, Program, Step};
use std::fmt::{self, Write};
use stocktake_model::{Limit, Op, Outcome, Ran};

/// The canonical text of a program.
///
/// Header lines are written where they differ from the default; `cpus` and `expect` always are. It reads back as
/// [`canonical`] says if the program's steps are as [`fix_up`](super::fix_up) leaves them. Characters of the
/// expectation that the format does not allow are written as `-`.
pub fn write(program: &Program) -> String {
    let labels = Labels::of(program);
    let mut text = String::new();
    let _ = write_header(&program.header, program.parallel.is_some(), &mut text);
    let parallel = program.parallel.map(|index| index.min(program.steps.len()));
    for (i, step) in program.steps.iter().enumerate() {
        if parallel == Some(i) {
            let _ = writeln!(text, "{PARALLEL}");
        }
        let _ = labels.write_step(step, &mut text);
        text.push('\n');
    }
    if parallel == Some(program.steps.len()) {
        let _ = writeln!(text, "{PARALLEL}");
    }
    text
}

/// What of a program its text keeps: two programs have the same text if and only if this is equal.
///
/// Lines of the file are dropped, a schedule too if nothing is parallel, outcomes that a step cannot have, and
/// names that are generated all the same.
#[must_use]
pub fn canonical(program: &Program) -> Program {
    let mut canonical = program.clone();
    canonical.names = names_from(Labels::of(program).kept(program));
    canonical.parallel = program.parallel.map(|index| index.min(program.steps.len()));
    if program.parallel.is_none() {
        canonical.header.schedule.clear();
    }
    for step in &mut canonical.steps {
        step.line = 0;
        step.outcome = possible_outcome(step);
    }
    canonical
}

/// The outcome that a step insists on, if it can have it.
pub(super) fn possible_outcome(step: &Step) -> Option<Outcome> {
    match step.action {
        Action::Op(op) => step.outcome.filter(|&outcome| can_answer(&op.op, outcome)),
        Action::Assert(..) => None,
    }
}

fn write_header(header: &Header, is_parallel: bool, to: &mut String) -> fmt::Result {
    let usual = Header::default();
    writeln!(to, "{MAGIC} {}", VERSIONS.end())?;
    writeln!(to, "cpus {}", header.cpus)?;
    if header.mode != usual.mode {
        writeln!(to, "mode {}", word(&MODES, &header.mode))?;
    }
    if header.ids != usual.ids {
        writeln!(to, "ids {}", header.ids)?;
    }
    if header.slots != usual.slots {
        writeln!(to, "slots {}", header.slots)?;
    }
    if header.design != usual.design {
        writeln!(to, "design {}", header.design)?;
    }
    for fault in &header.faults {
        writeln!(to, "fault {}", fault.id())?;
    }
    match &header.expect {
        Expect::Ok => writeln!(to, "expect ok")?,
        Expect::Violation { invariant, signature } => {
            write!(to, "expect violation {}", safe(invariant))?;
            match signature {
                Some(signature) => writeln!(to, " {}", safe(signature))?,
                None => writeln!(to)?,
            }
        }
    }
    if is_parallel && !header.schedule.is_empty() {
        writeln!(to, "{}", schedule_line(&header.schedule))?;
    }
    Ok(())
}

/// The header line of a schedule.
pub(super) fn schedule_line(schedule: &[u8]) -> String {
    let mut line = SCHEDULE.to_owned();
    for lane in schedule {
        let _ = match *lane {
            Header::IRQ => write!(line, " {IRQ}"),
            lane => write!(line, " {lane}"),
        };
    }
    line
}

fn safe(word: &str) -> String {
    let word: String = word.chars().map(|c| if in_signature(c) { c } else { '-' }).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

impl Labels {
    /// The canonical line of a step of the program that the labels are of.
    pub fn step(&self, step: &Step) -> String {
        let mut line = String::new();
        let _ = self.write_step(step, &mut line);
        line
    }

    /// An outcome, as it stands after `->`.
    pub fn outcome(&self, outcome: Outcome) -> String {
        match outcome {
            Outcome::To(group) => self.group(group).into_owned(),
            Outcome::Ran(Ran::Offline(group) | Ran::Release(group) | Ran::Create(group)) => {
                let is_it = |(_, ran): &&(&str, fn(_) -> Ran)| Outcome::Ran(ran(group)) == outcome;
                let work = GROUP_WORK.iter().find(is_it).map_or("", |(word, _)| word);
                format!("{work} {}", self.group(group))
            }
            Outcome::Read(version) => version.to_string(),
            plain => word(&OUTCOMES, &plain).to_owned(),
        }
    }

    fn write_step(&self, step: &Step, to: &mut String) -> fmt::Result {
        match step.action {
            Action::Op(op) => {
                write!(to, "@{} ", op.cpu.0)?;
                if step.irq {
                    write!(to, "{IRQ} ")?;
                }
                self.write_op(&op.op, to)?;
                if let Some(failure) = op.fail {
                    write!(to, " fail={}", word(&FAILURES, &failure))?;
                }
            }
            Action::Assert(cpu, assertion) => {
                write!(to, "@{} {ASSERT} ", cpu.0)?;
                self.write_assertion(assertion, to)?;
            }
        }
        match possible_outcome(step) {
            Some(outcome) => write!(to, " -> {}", self.outcome(outcome)),
            None => Ok(()),
        }
    }

    fn write_op(&self, op: &Op, to: &mut String) -> fmt::Result {
        match *op {
            Op::Mkdir { new, max, swap_max, .. } => {
                write!(to, "mkdir {}", self.group(new))?;
                if max != Limit::MAX {
                    write!(to, " max={max}")?;
                }
                if swap_max != Limit::MAX {
                    write!(to, " swap.max={swap_max}")?;
                }
                Ok(())
            }
            Op::Rmdir { group } => write!(to, "rmdir {}", self.group(group)),
            Op::SetMax { group, max } => write!(to, "set {} max={max}", self.group(group)),
            Op::SetSwapMax { group, max } => write!(to, "set {} swap.max={max}", self.group(group)),
            Op::SetKmemMax { group, max } => write!(to, "set {} kmem.max={max}", self.group(group)),
            Op::SetMemswMax { group, max } => write!(to, "set {} memsw.max={max}", self.group(group)),
            Op::Charge { new, group, pages, force } => {
                write!(to, "{} = charge {} {}", self.charge(new), self.group(group), pages.0)?;
                to.write_str(if force { " force" } else { "" })
            }
            Op::Uncharge { charge } => write!(to, "uncharge {}", self.charge(charge)),
            Op::ObjcgFrom { new, group } => write!(to, "{} = objcg {}", self.objcg(new), self.group(group)),
            Op::ObjcgGet { new, held } => write!(to, "{} = objcg.get {}", self.objcg(new), self.objcg(held)),
            Op::ObjcgPut { held } => write!(to, "objcg.put {}", self.objcg(held)),
            Op::ObjCharge { new, objcg, bytes, force } => {
                write!(to, "{} = obj.charge {} {}", self.object(new), self.objcg(objcg), bytes.0)?;
                to.write_str(if force { " force" } else { "" })
            }
            Op::ObjUncharge { object } => write!(to, "obj.uncharge {}", self.object(object)),
            Op::SwapOut { new, charge } => {
                write!(to, "{} = swap.out {}", self.slot(new), self.charge(charge))
            }
            Op::SwapIn { new, slot, faulter } => {
                write!(to, "{} = swap.in {} {}", self.charge(new), self.slot(slot), self.group(faulter))
            }
            Op::SwapFree { slot } => write!(to, "swap.free {}", self.slot(slot)),
            Op::Mm(op) => self.write_mm_op(&op, to),
            Op::Slab(op) => self.write_slab(&op, to),
            Op::CpuDown { target } => write!(to, "cpu.down {}", target.0),
            Op::CpuUp { target } => write!(to, "cpu.up {}", target.0),
            Op::CpuIsolate { target } => write!(to, "cpu.isolate {}", target.0),
            Op::CpuUnisolate { target } => write!(to, "cpu.unisolate {}", target.0),
            Op::Drain => to.write_str("drain"),
            Op::DrainAll { group } => write!(to, "drain.all {}", self.group(group)),
            Op::Mapped(ref op) => self.write_mapped(op, to),
            Op::Page(ref op) => self.write_page(op, to),
            Op::Shmem(ref op) => self.write_shmem(op, to),
            Op::Work => to.write_str("work"),
            Op::Grace => to.write_str("grace"),
            Op::Quiesce => to.write_str("quiesce"),
        }
    }

    fn write_assertion(&self, assertion: Assertion, to: &mut String) -> fmt::Result {
        match assertion {
            Assertion::Usage(group, n) => write!(to, "usage {} {n}", self.group(group)),
            Assertion::Swap(group, n) => write!(to, "swap {} {n}", self.group(group)),
            Assertion::Kmem(group, n) => write!(to, "kmem {} {n}", self.group(group)),
            Assertion::Event(group, event, n) => {
                write!(to, "{} {} {n}", word(&EVENTS, &event), self.group(group))
            }
            Assertion::Memsw(group, n) => write!(to, "memsw {} {n}", self.group(group)),
            Assertion::Failcnt(group, n) => write!(to, "failcnt {} {n}", self.group(group)),
            Assertion::Watermark(group, n) => write!(to, "watermark {} {n}", self.group(group)),
            Assertion::State(group, state) => {
                write!(to, "state {} {}", self.group(group), word(&STATES, &state))
            }
            Assertion::Ids(group, n) => write!(to, "ids {} {n}", self.group(group)),
            Assertion::Stock(group, n) => write!(to, "stock {} {n}", self.group(group)),
            Assertion::Mapped(group, n) => write!(to, "mapped {} {n}", self.group(group)),
            Assertion::Mark(group, n) => write!(to, "mark {} {n}", self.group(group)),
            Assertion::Bytes(objcg, n) => write!(to, "bytes {} {n}", self.objcg(objcg)),
            Assertion::Leftover(objcg, n) => write!(to, "leftover {} {n}", self.objcg(objcg)),
            Assertion::Visited(n) => write!(to, "visited {n}"),
            Assertion::Stranded(n) => write!(to, "stranded {n}"),
            Assertion::Slots(n) => write!(to, "slots {n}"),
            Assertion::Refs(group, n) => write!(to, "refs {} {n}", self.group(group)),
            Assertion::CacheRefs(cache, group, n) => {
                write!(to, "cache.refs {} {} {n}", self.cache(cache), self.group(group))
            }
            Assertion::Owner(objcg, group) => {
                write!(to, "owner {} {}", self.objcg(objcg), self.group(group))
            }
        }
    }
}
