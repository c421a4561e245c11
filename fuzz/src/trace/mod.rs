//! The text format of programs, `.trace` files: one operation a line, named objects, comments.
//!
//! ```text
//! stocktake-trace 1
//! cpus 2                              # 1 to 8; default 2
//! mode v1-flat                        # v1, v2 or v1-flat; default v2
//! ids 64                              # memcg ids, 1 to 4096; default 64
//! slots 64                            # swap slots, 0 to 4096; default 64
//! design stock=single-slot            # current, ROOM-VARIANT or ROOM=VARIANT,…; default current
//! fault S10                           # any number of them
//! expect violation I1 I1.charge       # or `expect ok`, the default; the signature may be missing
//! schedule 0 1 1                      # lanes that the scheduler chose; only with `parallel`
//! @0 mkdir A max=100                  # limits are pages, or `max`, their default
//! @0 mkdir A/B swap.max=0 fail=alloc -> ENOMEM
//! @0 set A max=3                      # or swap.max=, memsw.max=
//! @1 p1 = charge A 3 force            # `force` may be missing
//! @0 o1 = objcg A/B -> A
//! @0 o2 = objcg.get o1
//! @0 objcg.put o2
//! @0 c1 = obj.charge o1 3000
//! @0 s1 = swap.out p1
//! parallel                            # from here on each CPU's operations run in its own lane
//! @1 p2 = swap.in s1 A                # or: swap.free s1
//! @1 uncharge p2 fail=trylock
//! @1 obj.uncharge c1
//! @0 k1 = cache.create 256 order=1    # objects of 256 bytes, slabs of 2 pages; `rcu`: freed after a grace period
//! @0 x1 = slab.alloc k1 A/B -> A/B
//! @0 slab.free x1
//! @0 cache.destroy k1
//! @0 rmdir A/B
//! @0 work -> offline A/B
//! @0 drain                            # and: drain.all PATH, grace, quiesce
//! @0 cpu.down 1                       # and: cpu.up, cpu.isolate, cpu.unisolate
//! @0 assert usage A 0                 # and: swap, memsw, failcnt, watermark, ids, stock
//! @0 assert state A online            # offlining, dying, released, freed
//! @0 assert bytes o1 4004             # and: leftover
//! @0 assert owner o1 A
//! @0 t1 = task A                      # and: kthread, `mm.use KTHREAD TASK`
//! @0 t2 = fork t1                     # and: fork.begin TASK, fork.end CHILD, thread, vfork
//! @0 m1 = exec.make t2                # then exec.commit m1, or mm.put m1 for an exec that fails
//! @0 exec.commit m1
//! @0 m2 = mm.get t1                   # and: mm.put m2
//! @0 p3 = mm.charge t1 3 -> A         # through a task's mm, or through m2
//! @0 mm.match m2 A -> yes             # or no
//! @0 migrate t1 /
//! @0 exit t2                          # or: exit.begin TASK, exit.end TASK
//! @0 assert visited 0
//! @0 assert refs A 3                   # css references
//! @0 assert cache.refs k1 A 2          # references of the cache that k1 has for A
//! @0 p4 = page.file A fail=insert      # and: `page.anon A [huge]`, page.hugetlb
//! @0 free.list p3 p4                   # up to four pages in one batch
//! @0 f1 = shmem.file
//! @0 shmem.fault f1 A huge -> 0        # the version that the page contains; `small` for a small page
//! @0 shmem.write f1                    # and: shmem.out, shmem.written, shmem.punch, swap.notify
//! @0 shmem.lookup f1 A                 # then: shmem.read, .lock, .confirm, .charge, .insert, .finish
//! @0 shmem.punch f1 -> stranded
//! @0 swap.reclaim                      # and: `swapoff PATH`
//! @0 assert stranded 0                 # and: slots
//! ```
//!
//! A line is header, operation, `parallel` or nothing; `#` begins a comment anywhere. Header lines come in any
//! order before the first operation, each once (`fault` once for each fault).
//! `fail=alloc|trylock|insert` can stand on every operation, and so can `-> OUTCOME`, the outcome that the
//! trace insists on: `ok`, `ENOMEM`, `EBUSY`, `ENOSPC`, `ENODEV`, `EINVAL`, `EEXIST`, `ENOENT`, the path of a group,
//! `small`, `stranded` or a version; for `mm.match`: `yes`, `no`; for `work`: `nothing`, `drain`, `offline PATH`,
//! `release PATH`, `cache.make PATH`, `cache.end`.
//!
//! Names are ASCII letters, digits and `_`, begin with no digit, and are no word of an outcome. Groups are named
//! by their path, `A/B`, and `/` is root. A name is defined once, above its uses, by the operation that makes
//! the thing. Of the names made after `parallel`, a lane uses only its own.
//!
//! In a lane `irq` can stand before an operation that the kernel does in interrupts too, as `@1 irq uncharge p1`: it may
//! then run in the middle of the operation above it in its lane, where that lends the CPU, and else runs after it.
//!
//! `schedule` names the lane that runs next, once for each point at which more than one can go on; `irq`
//! in its place says that an interrupt comes. One that does not apply, or is too short or too long, makes the trace stale. A trace with lanes and no schedule is about all of them:
//! every schedule with up to two preemptions is run, up to a number of executions, and what it expects is that none of
//! them violates anything, or that one does.
//!
//! Names stand for numbers that count up per kind in the order of definition, so reading text and writing it
//! again keeps everything but comments and layout; [`canonical`] says what "everything" is. A name spelled like
//! a generated one of the same number (`p0` for the first charge) is not kept, but generated again.
//!
//! This module knows the format and nothing of how programs run.

mod args;
mod assertion;
mod error;
mod file;
mod fixup;
mod header;
mod labels;
mod mapped;
mod mm;
mod operands;
mod operation;
mod reader;
mod rewrite;
mod scope;
mod shmem;
mod slab;
mod spelling;
mod suggest;
#[cfg(test)]
mod tests;
mod visit;
mod words;
mod write;

pub(crate) use mm::word as mm_word;

pub use error::{Excerpt, TraceError, TraceErrors};
pub use file::{MOST_BYTES, ReadError, read_file, read_with_text};
pub use fixup::fix_up;
pub use labels::{
    Labels, cache_name, charge_name, group_path, objcg_name, object_name, slot_name, step_text,
};
pub use rewrite::with_schedule;
pub(crate) use shmem::{page_word, shmem_word};
pub(crate) use slab::slab_word;
pub(crate) use spelling::operation_words;
pub(crate) use visit::{Kind, Role, outcome_group, visit};
pub use write::{canonical, write};

use crate::program::Program;
use std::ops::RangeInclusive;

/// The versions of the format that can be read. The last one is written.
pub const VERSIONS: RangeInclusive<u32> = 1..=1;

/// What happens to lines that are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// They are errors. For traces that somebody maintains.
    Strict,
    /// They are dropped, and what depends on them. For corpora of fuzzers; only the version line must be right.
    Lenient,
}

/// What a lenient reading left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Lines that could not be used.
    pub lines: usize,
}

/// Read a trace.
///
/// # Errors
/// All mistakes up to [`TraceErrors::MOST`], in the order of their places. A lenient reading fails only without
/// a version line, or with a version that this program does not know.
pub fn read(text: &[u8], reading: Reading) -> Result<Program, TraceErrors> {
    match reading {
        Reading::Strict => reader::strict(error::as_utf8(text)?),
        Reading::Lenient => read_lenient(text).map(|(program, _)| program),
    }
}

/// Read a trace, dropping and counting lines that cannot be used.
///
/// # Errors
/// No version line, or a version that this program does not know.
pub fn read_lenient(text: &[u8]) -> Result<(Program, Dropped), TraceErrors> {
    reader::lenient(&String::from_utf8_lossy(text))
}
