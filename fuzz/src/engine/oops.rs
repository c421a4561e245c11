//! What the machine noticed itself, what it answered wrongly, and how a broken law becomes a [`Violation`].

use super::lockstep::Lockstep;
use crate::check::{Broken, Thing};
use crate::program::{Action, Program};
use crate::trace::Labels;
use crate::violation::{Invariant, Violation};
use stocktake_impl::{Label, Loop, Oops, STAT_CPUS, What};
use stocktake_model::{Allowed, FileId, GroupId, MappedOp, Op, Outcome};

/// The law that a defect breaks which the machine noticed itself.
pub(super) fn judge(engine: &Lockstep, oops: Oops) -> Result<(), Box<Broken>> {
    let (invariant, aspect, label, expected, found) = match oops {
        Oops::Stale(label) => {
            (Invariant::I12, "use-after-free", label, "a live object", String::from("a freed one was used"))
        }
        Oops::Resurrected(label) => (
            Invariant::I12,
            "resurrected",
            label,
            "a reference taken while the count is above zero",
            String::from("the count rose from zero"),
        ),
        Oops::RefUnderflow(label) => (
            Invariant::I5,
            "ref-underflow",
            label,
            "as many references put as taken",
            String::from("one more was put"),
        ),
        Oops::Underflow(label) => {
            (Invariant::I3, "underflow", label, "at least 0", String::from("the counter went below zero"))
        }
        Oops::FractionAtRelease(label, bytes) => (
            Invariant::I4,
            "release",
            label,
            "whole pages left over at release",
            format!("{bytes} bytes are left over"),
        ),
        Oops::Stuck(what, label) => (
            Invariant::I13,
            stuck(what),
            label,
            "an end within 1000 tries",
            String::from("it tries for ever"),
        ),
        Oops::Null(label) => (
            Invariant::I12,
            "null",
            label,
            "a pointer",
            String::from("one that had been cleared was followed"),
        ),
        Oops::LostRecord(label) => (
            Invariant::I7,
            "lost-record",
            label,
            "a record that names a group",
            format!("id {} names nobody", label.index),
        ),
        Oops::RecordedTwice(label) => (
            Invariant::I7,
            "recorded-twice",
            label,
            "a slot that is recorded to nobody",
            String::from("it was recorded to a group already"),
        ),
    };
    if !engine.checks().has(invariant) {
        return Ok(());
    }
    let because = "noticed by the machine itself";
    Err(Broken::new(invariant, aspect, thing(engine, label), expected, found, because).about(Some(label)))
}

fn stuck(what: Loop) -> &'static str {
    match what {
        Loop::MemcgOfObjcg => "stuck-memcg-of-objcg",
        Loop::TryGet => "stuck-tryget",
        Loop::SetMax => "stuck-set-max",
        Loop::Lock => "stuck-lock",
        Loop::Grace => "stuck-grace",
        Loop::Barrier => "stuck-barrier",
        Loop::Drains => "stuck-drains",
        Loop::MemcgOfMm => "stuck-memcg-of-mm",
        Loop::TaskGetCss => "stuck-task-get-css",
        Loop::NextOwner => "stuck-next-owner",
        Loop::PageLock => "stuck-page-lock",
        Loop::SwapRecord => "stuck-swap-record",
        Loop::SwapCache => "stuck-swap-cache",
        Loop::ShmemFault => "stuck-shmem-fault",
    }
}

/// What a word belongs to.
pub(super) fn thing(engine: &Lockstep, label: Label) -> Thing {
    let index = label.index as usize;
    match label.what {
        What::ObjcgGeneration
        | What::ObjcgRefs
        | What::ObjcgRefMode
        | What::ObjcgMemcg
        | What::ObjcgLeftover
        | What::ObjcgPlace => Thing::ObjcgOf(engine.books.birth_at(index)),
        What::SlotUsed
        | What::SlotRecord
        | What::SlotNext
        | What::SlotPages
        | What::SlotMap
        | What::SlotCache
        | What::SlotContent
        | What::SlotMm
        | What::IdTable
        | What::SlotTable => Thing::SwapSlots,
        What::ShmemEntry => Thing::File(FileId(label.index as u16)),
        What::TaskGeneration
        | What::TaskMm
        | What::TaskMemcg
        | What::TaskFlags
        | What::TaskLeader
        | What::TaskParent
        | What::TaskLock
        | What::TaskList
        | What::TasksVisited
        | What::PageTables
        | What::MmGeneration
        | What::MmUsers
        | What::MmCount
        | What::MmMemcg
        | What::MmOwner
        | What::MmMixed
        | What::SlabGeneration
        | What::SlabCache
        | What::SlabMemcg
        | What::SlabObjects
        | What::SlabNumber
        | What::SlabMutex
        | What::CacheSlot => Thing::Step,
        What::CacheGeneration
        | What::CacheRoot
        | What::CacheMemcg
        | What::CacheRefs
        | What::CacheRefMode
        | What::CacheStage
        | What::CacheDying
        | What::CacheShape
        | What::CacheSlabs => {
            let (name, birth) = engine.books.slab.name_at(index);
            Thing::Cache(name, birth)
        }
        What::SlabUnreturned => Thing::Group(GroupId::ROOT),
        What::FolioGeneration
        | What::FolioMemcg
        | What::FolioPages
        | What::PageRefs
        | What::PageUsed
        | What::PageMapcount
        | What::PageTold
        | What::PageLock
        | What::FolioSwap
        | What::FolioLocked
        | What::FolioContent
        | What::FolioFlags
        | What::Movers => Thing::Step,
        What::StatFileMapped | What::StatFilePmdMapped | What::StatOnMove => {
            Thing::Group(engine.books.group_at(index / STAT_CPUS))
        }
        What::CpuCached
        | What::CpuCachedObjcg
        | What::CpuFlushing
        | What::CpuOnline
        | What::CpuIsolated
        | What::CpuSection
        | What::CpuQueue => Thing::Cpu(index),
        _ => Thing::Group(engine.books.group_at(index)),
    }
}

/// An outcome that the specification does not allow.
pub(super) fn outcome(observed: Outcome, allowed: Allowed) -> Box<Broken> {
    let Allowed { exact, divergent } = allowed;
    let expected = move |names: &Labels| {
        let all: Vec<String> = exact.iter().map(|outcome| shown(names, *outcome)).collect();
        all.join(" or ")
    };
    let because = move |names: &Labels| {
        let all: Vec<String> = divergent
            .iter()
            .map(|(outcome, reason)| format!("{} ({reason})", shown(names, *outcome)))
            .collect();
        if all.is_empty() {
            String::from("no other outcome is legal in this situation")
        } else {
            format!("also legal here: {}", all.join(", "))
        }
    };
    let found = move |names: &Labels| shown(names, observed);
    Broken::new(Invariant::I16, "outcome", Thing::Step, expected, found, because)
}

/// An outcome that the trace insisted on, and did not get.
pub(super) fn unmet(wanted: Outcome, observed: Option<Outcome>) -> Box<Broken> {
    let found = move |names: &Labels| {
        observed.map_or(String::from("the step was skipped"), |observed| shown(names, observed))
    };
    let expected = move |names: &Labels| shown(names, wanted);
    Broken::new(
        Invariant::Assert,
        "outcome",
        Thing::Step,
        expected,
        found,
        "the trace insists on this outcome",
    )
}

/// Draining, work and grace periods never come to an end.
pub(super) fn restless() -> Box<Broken> {
    let because = "each round of drains, work and grace periods made new work";
    Broken::new(Invariant::I13, "restless", Thing::Step, "a machine at rest", "still busy", because)
}

impl Lockstep {
    /// A broken law with the names of the program.
    pub(super) fn violation(&mut self, program: &Program, step: usize, broken: Broken) -> Box<Violation> {
        let names = Labels::of(program);
        let object = match broken.thing {
            Thing::Group(group) => names.group(group).into_owned(),
            Thing::ObjcgOf(group) => format!("objcg of {}", names.group(group)),
            Thing::Cpu(cpu) => format!("cpu {cpu}"),
            Thing::Cache(cache, group) => names.cache_of(cache, group),
            Thing::SwapSlots => String::from("swap slots"),
            Thing::File(file) => names.file(file).into_owned(),
            Thing::Ids => String::from("memcg ids"),
            Thing::Step => String::from("the step"),
        };
        self.blamed = broken.word.or_else(|| self.word_behind(broken.thing, broken.aspect));
        Box::new(Violation {
            invariant: broken.invariant,
            aspect: broken.aspect,
            step,
            shape: shape(program, step),
            object,
            expected: (broken.expected)(&names),
            found: (broken.found)(&names),
            because: (broken.because)(&names),
            provenance: Vec::new(),
        })
    }

    /// The shared word that a law looks at.
    fn word_behind(&self, thing: Thing, aspect: &str) -> Option<Label> {
        match thing {
            Thing::Group(group) => {
                let index = self.books.group(group).memcg?.index();
                let what = match aspect {
                    "mapped" => return Some(Label::new(What::StatFileMapped, index * STAT_CPUS)),
                    "usage" | "limit" | "sum" => What::MemoryUsage,
                    "swap" => What::SwapUsage,
                    "memsw" | "memsw-limit" | "memsw-sum" | "memsw-swap" => What::MemswUsage,
                    "kmem" | "kmem-limit" => What::KmemUsage,
                    "event" => return Some(Label::new(What::StatPgFault, index * STAT_CPUS)),
                    "id-refs" => What::IdRefs,
                    "life" => What::CssState,
                    _ => What::CssRefs,
                };
                Some(Label::new(what, index))
            }
            Thing::ObjcgOf(birth) => {
                let what = match aspect {
                    "bytes" | "leftover" => What::ObjcgLeftover,
                    "objcg-owner" | "owner" => What::ObjcgMemcg,
                    _ => What::ObjcgRefs,
                };
                Some(Label::new(what, self.books.group(birth).bucket.objcg?.index()))
            }
            Thing::Cpu(cpu) => Some(Label::new(What::CpuCachedObjcg, cpu)),
            Thing::Cache(cache, birth) => {
                Some(Label::new(What::CacheRefs, self.books.slab.find(cache, birth)?.index()))
            }
            Thing::File(file) => Some(Label::new(What::ShmemEntry, file.index())),
            Thing::SwapSlots | Thing::Ids | Thing::Step => None,
        }
    }
}

fn shown(names: &Labels, outcome: Outcome) -> String {
    names.outcome(outcome)
}

/// The shape of a step: its operation's word.
fn shape(program: &Program, step: usize) -> &'static str {
    match program.steps.get(step).map(|step| step.action) {
        None => "end",
        Some(Action::Assert(..)) => "assert",
        Some(Action::Op(step)) => word(&step.op),
    }
}

/// The word of an operation in traces; the words of limits have what is limited appended, as `set-max`.
pub(crate) fn word(op: &Op) -> &'static str {
    match op {
        Op::Mkdir { .. } => "mkdir",
        Op::Rmdir { .. } => "rmdir",
        Op::SetMax { .. } => "set-max",
        Op::SetSwapMax { .. } => "set-swap.max",
        Op::SetMemswMax { .. } => "set-memsw.max",
        Op::SetKmemMax { .. } => "set-kmem.max",
        Op::Charge { .. } => "charge",
        Op::Uncharge { .. } => "uncharge",
        Op::ObjcgFrom { .. } => "objcg",
        Op::ObjcgGet { .. } => "objcg.get",
        Op::ObjcgPut { .. } => "objcg.put",
        Op::ObjCharge { .. } => "obj.charge",
        Op::ObjUncharge { .. } => "obj.uncharge",
        Op::SwapOut { .. } => "swap.out",
        Op::SwapIn { .. } => "swap.in",
        Op::SwapFree { .. } => "swap.free",
        Op::Mm(op) => crate::trace::mm_word(op),
        Op::Slab(op) => crate::trace::slab_word(op),
        Op::Page(op) => crate::trace::page_word(op),
        Op::Shmem(op) => crate::trace::shmem_word(op),
        Op::CpuDown { .. } => "cpu.down",
        Op::CpuUp { .. } => "cpu.up",
        Op::CpuIsolate { .. } => "cpu.isolate",
        Op::CpuUnisolate { .. } => "cpu.unisolate",
        Op::Drain => "drain",
        Op::DrainAll { .. } => "drain.all",
        Op::Mapped(op) => match op {
            MappedOp::Map { .. } => "map",
            MappedOp::MapBegin { .. } => "map.begin",
            MappedOp::MapEnd { .. } => "map.end",
            MappedOp::Unmap { .. } => "unmap",
            MappedOp::UnmapBegin { .. } => "unmap.begin",
            MappedOp::UnmapEnd { .. } => "unmap.end",
            MappedOp::MoveStart { .. } => "move.start",
            MappedOp::MovePage { .. } => "move.page",
            MappedOp::MoveEnd { .. } => "move.end",
            MappedOp::ForceEmpty { .. } => "force.empty",
        },
        Op::Work => "work",
        Op::Grace => "grace",
        Op::Quiesce => "quiesce",
    }
}
