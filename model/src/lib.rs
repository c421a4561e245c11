//! The specification of memory-cgroup accounting: the vocabulary of operations and a sequential reference model.
//!
//! The model is the simplest code that is obviously right. It has no per-CPU stocks, no batches, no deferred
//! work and no concurrency: a charge is what is charged, at every level, at once. What a real implementation is
//! allowed to answer differently is not hidden in the model's state but returned as an explicit set of allowed
//! outcomes, each with a [`Reason`].
//!
//! This crate is *not* the machine under test (that is `impl/`) and *not* the harness (that is `fuzz/`), and it
//! depends on neither.
#![forbid(unsafe_code)]

mod ids;
mod model;
mod op;
mod outcome;
mod units;

pub use ids::{
    CacheId, ChargeId, CpuId, FileId, GroupId, MmUserId, ObjcgId, ObjectId, SlabObjectId, SlotId, TaskId,
};
pub use model::{
    Config, FileMapped, GroupLife, Half, Holders, MmPage, Model, ObjectRule, ShmemCharge, ShmemIndex,
    ShmemPage, ShmemPlace, ShmemRule, Skip, SlabCharge, SlabRule,
};
pub use op::{
    Failure, FreeList, MappedOp, MmEvent, MmOp, Mode, Op, PageOp, ShmemOp, ShmemStage, SlabOp, Step, Via,
};
pub use outcome::{Allowed, Errno, Grade, Outcome, Ran, Reason, Witness};
pub use units::{Bytes, Limit, PAGE_SIZE, Pages};
