//! Tables of the words of the format, and of the ranges of its numbers.

use super::visit::Kind;
use crate::program::{Header, State};
use stocktake_model::{Errno, Failure, GroupId, MmOp, Mode, Op, Outcome, Ran, ShmemOp};

/// The word that begins a trace.
pub(super) const MAGIC: &str = "stocktake-trace";
/// The line after which each CPU's operations run in a lane of their own.
pub(super) const PARALLEL: &str = "parallel";
/// The word before an operation that is an interrupt, and the scheduler's choice that one comes.
pub(super) const IRQ: &str = "irq";
/// The header word before the scheduler's choices.
pub(super) const SCHEDULE: &str = "schedule";
/// The words that begin header lines.
pub(super) const HEADER_WORDS: [&str; 8] =
    ["cpus", "mode", "ids", "slots", "design", "fault", "expect", SCHEDULE];

/// A range of numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    /// What is counted.
    pub(super) what: &'static str,
    /// The least that can be written.
    pub(super) least: u64,
    /// The most that can be written.
    pub(super) most: u64,
}

impl Range {
    pub(super) fn has(self, n: u64) -> bool {
        (self.least..=self.most).contains(&n)
    }
}

/// `cpus N`.
pub(super) const CPUS: Range = Range { what: "cpus", least: 1, most: Header::MAX_CPUS as u64 };
/// `ids N`.
pub(super) const IDS: Range = Range { what: "ids", least: 1, most: Header::MAX_IDS as u64 };
/// `slots N`.
pub(super) const SLOTS: Range = Range { what: "slots", least: 0, most: Header::MAX_IDS as u64 };
/// Pages of a folio: 4 GiB of memory at the most.
pub(super) const PAGES: Range = Range { what: "pages", least: 1, most: 1 << 20 };
/// Bytes of an object.
pub(super) const BYTES: Range = Range { what: "bytes", least: 1, most: 1 << 30 };
/// Pages of a limit.
pub(super) const LIMIT: Range = Range { what: "a limit in pages", least: 0, most: 1 << 40 };
/// The number of an `assert`.
pub(super) const COUNT: Range = Range { what: "a count", least: 0, most: 1 << 53 };

/// The version that a page contains.
pub(super) const VERSION: Range = Range { what: "a version", least: 0, most: u32::MAX as u64 };

/// Words of the `mode` line.
pub(super) const MODES: [(&str, Mode); 3] = [("v1", Mode::V1), ("v2", Mode::V2), ("v1-flat", Mode::V1Flat)];

/// Values of `fail=`.
pub(super) const FAILURES: [(&str, Failure); 5] = [
    ("alloc", Failure::Alloc),
    ("alloc2", Failure::Alloc2),
    ("alloc3", Failure::Alloc3),
    ("trylock", Failure::Trylock),
    ("insert", Failure::Insert),
];

/// Words of `assert state`.
pub(super) const STATES: [(&str, State); 5] = [
    ("online", State::Online),
    ("offlining", State::Offlining),
    ("dying", State::Dying),
    ("released", State::Released),
    ("freed", State::Freed),
];

/// Outcomes of one word. [`Outcome::To`] has none: it is spelled as the group's path.
pub(super) const OUTCOMES: [(&str, Outcome); 15] = [
    ("ok", Outcome::Done),
    ("ENOMEM", Outcome::Refused(Errno::NoMem)),
    ("EBUSY", Outcome::Refused(Errno::Busy)),
    ("ENOSPC", Outcome::Refused(Errno::NoSpace)),
    ("ENODEV", Outcome::Refused(Errno::NoDev)),
    ("EEXIST", Outcome::Refused(Errno::Exist)),
    ("ENOENT", Outcome::Refused(Errno::NoEnt)),
    ("small", Outcome::Small),
    ("stranded", Outcome::Stranded),
    ("EINVAL", Outcome::Refused(Errno::Invalid)),
    ("yes", Outcome::Is(true)),
    ("no", Outcome::Is(false)),
    ("nothing", Outcome::Ran(Ran::Nothing)),
    ("drain", Outcome::Ran(Ran::Drain)),
    ("cache.end", Outcome::Ran(Ran::Cache)),
];

/// The work item of a group.
type WorkOf = fn(GroupId) -> Ran;

/// Work items that are followed by the path of their group.
pub(super) const GROUP_WORK: [(&str, WorkOf); 3] =
    [("offline", Ran::Offline), ("release", Ran::Release), ("cache.make", Ran::Create)];

/// Invariants are `I1` to `I` and this number.
pub(super) const LAST_INVARIANT: u32 = 17;
/// The word for a violated `assert` of the trace itself.
pub(super) const ASSERT: &str = "assert";

/// How an operation is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// Its word.
    pub(super) word: &'static str,
    /// The kind of what it makes and `NAME =` names.
    pub(super) names: Option<Kind>,
    /// The whole line, for help.
    pub(super) usage: &'static str,
}

pub(super) const fn form(word: &'static str, names: Option<Kind>, usage: &'static str) -> Form {
    Form { word, names, usage }
}

/// Every operation, and `assert`.
pub(super) fn forms() -> impl Iterator<Item = &'static Form> {
    FORMS.iter().chain(&super::mm::FORMS).chain(&super::shmem::FORMS)
}

/// The word of every operation.
pub(crate) fn operation_words() -> impl Iterator<Item = &'static str> {
    forms().map(|form| form.word).filter(|word| *word != ASSERT)
}

/// `assert`, and the operations that belong to no room of their own.
const FORMS: [Form; 37] = [
    form("mkdir", None, "@0 mkdir PATH [max=N|max] [swap.max=N|max]"),
    form("rmdir", None, "@0 rmdir PATH"),
    form(
        "set",
        None,
        "@0 set PATH max=N|max` or `@0 set PATH swap.max=N|max`, `memsw.max=N|max`, `kmem.max=N|max",
    ),
    form("charge", Some(Kind::Charge), "@0 CHARGE = charge PATH PAGES [force]"),
    form("uncharge", None, "@0 uncharge CHARGE"),
    form("objcg", Some(Kind::Objcg), "@0 OBJCG = objcg PATH"),
    form("objcg.get", Some(Kind::Objcg), "@0 OBJCG = objcg.get OBJCG"),
    form("objcg.put", None, "@0 objcg.put OBJCG"),
    form("obj.charge", Some(Kind::Object), "@0 OBJECT = obj.charge OBJCG BYTES [force]"),
    form("obj.uncharge", None, "@0 obj.uncharge OBJECT"),
    form("swap.out", Some(Kind::Slot), "@0 SLOT = swap.out CHARGE"),
    form("swap.in", Some(Kind::Charge), "@0 CHARGE = swap.in SLOT PATH"),
    form("swap.free", None, "@0 swap.free SLOT"),
    form("cache.create", Some(Kind::Cache), "@0 CACHE = cache.create SIZE [order=N] [rcu]"),
    form("cache.destroy", None, "@0 cache.destroy CACHE"),
    form("slab.alloc", Some(Kind::SlabObject), "@0 OBJECT = slab.alloc CACHE PATH"),
    form("slab.free", None, "@0 slab.free OBJECT"),
    form("cpu.down", None, "@0 cpu.down CPU"),
    form("cpu.up", None, "@0 cpu.up CPU"),
    form("cpu.isolate", None, "@0 cpu.isolate CPU"),
    form("cpu.unisolate", None, "@0 cpu.unisolate CPU"),
    form("drain", None, "@0 drain"),
    form("drain.all", None, "@0 drain.all PATH"),
    form("map", None, "@0 map CHARGE"),
    form("map.begin", None, "@0 map.begin CHARGE"),
    form("map.end", None, "@0 map.end CHARGE"),
    form("unmap", None, "@0 unmap CHARGE"),
    form("unmap.begin", None, "@0 unmap.begin CHARGE"),
    form("unmap.end", None, "@0 unmap.end CHARGE"),
    form("move.start", None, "@0 move.start FROM TO"),
    form("move.page", None, "@0 move.page CHARGE TO"),
    form("move.end", None, "@0 move.end FROM TO"),
    form("force.empty", None, "@0 force.empty PATH"),
    form("work", None, "@0 work"),
    form("grace", None, "@0 grace"),
    form("quiesce", None, "@0 quiesce"),
    form(ASSERT, None, "@0 assert SUBJECT …"),
];

/// What an `assert` can be about, and how it is written.
pub(super) const SUBJECTS: [(&str, &str); 22] = [
    ("usage", "@0 assert usage PATH PAGES"),
    ("swap", "@0 assert swap PATH SLOTS"),
    ("memsw", "@0 assert memsw PATH PAGES"),
    ("kmem", "@0 assert kmem PATH PAGES"),
    ("pgfault", "@0 assert pgfault PATH N"),
    ("pgmajfault", "@0 assert pgmajfault PATH N"),
    ("oom_kill", "@0 assert oom_kill PATH N"),
    ("failcnt", "@0 assert failcnt PATH N"),
    ("watermark", "@0 assert watermark PATH PAGES"),
    ("state", "@0 assert state PATH online|offlining|dying|released|freed"),
    ("ids", "@0 assert ids PATH N"),
    ("stock", "@0 assert stock PATH PAGES"),
    ("bytes", "@0 assert bytes OBJCG BYTES"),
    ("leftover", "@0 assert leftover OBJCG BYTES"),
    ("owner", "@0 assert owner OBJCG PATH"),
    ("visited", "@0 assert visited TASKS"),
    ("stranded", "@0 assert stranded ENTRIES"),
    ("slots", "@0 assert slots SLOTS"),
    ("refs", "@0 assert refs PATH N"),
    ("cache.refs", "@0 assert cache.refs CACHE PATH N"),
    ("mapped", "@0 assert mapped PATH PAGES"),
    ("mark", "@0 assert mark PATH MOVERS"),
];

/// The value that a table gives for a word.
pub(super) fn value<T: Copy>(table: &[(&'static str, T)], word: &str) -> Option<T> {
    table.iter().find(|(name, _)| *name == word).map(|&(_, value)| value)
}

/// The word that a table gives for a value.
pub(super) fn word<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table.iter().find(|(_, other)| other == value).map_or("", |(name, _)| name)
}

/// The words of a table.
pub(super) fn table_words<T>(table: &[(&'static str, T)]) -> impl Iterator<Item = &'static str> {
    table.iter().map(|(name, _)| *name)
}

/// Whether a word begins an outcome, and so cannot name anything.
pub(super) fn is_outcome_word(word: &str) -> bool {
    value(&OUTCOMES, word).is_some() || GROUP_WORK.iter().any(|(name, _)| *name == word)
}

/// Whether an operation can have an outcome: work items are answers of `work`, yes and no of `mm.match` and
/// `migrate.charges`, versions of
/// operations on shmem, and of nothing else.
pub(super) fn can_answer(op: &Op, outcome: Outcome) -> bool {
    matches!(op, Op::Work) == matches!(outcome, Outcome::Ran(_))
        && match op {
            Op::Mm(MmOp::Match { .. }) => matches!(outcome, Outcome::Is(_)),
            Op::Mm(MmOp::MigrateCharges { .. }) => matches!(outcome, Outcome::Is(_) | Outcome::Refused(_)),
            _ => !matches!(outcome, Outcome::Is(_)),
        }
        && match outcome {
            Outcome::Read(_) => matches!(op, Op::Shmem(_)),
            Outcome::Small => matches!(op, Op::Shmem(_) | Op::Page(_)),
            Outcome::Stranded => matches!(op, Op::Shmem(ShmemOp::Punch { .. })),
            _ => true,
        }
}

/// Whether a word is `assert` or the name of an invariant.
pub(super) fn is_invariant(word: &str) -> bool {
    word == ASSERT || (1..=LAST_INVARIANT).any(|n| word.strip_prefix('I') == Some(n.to_string().as_str()))
}

/// Whether a character can be part of a signature.
pub(super) fn in_signature(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}
