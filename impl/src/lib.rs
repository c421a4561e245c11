//! The machine under test: concurrent memory-cgroup accounting with per-CPU stocks, after the kernel's designs.
//!
//! One room per seed mail, each with its old and its new design, over a common [`substrate`]. The machine knows
//! nothing of the model that it is compared with, nor of the harness that drives it. It is generic over its
//! environment ([`Env`]): plain for measuring, and whatever a harness brings for hunting.
//!
//! An operation is a method of [`Machine`] that takes the environment, and the [`Cpu`] that runs it as `&mut`:
//! who holds a CPU is who runs on it. Handles stand in for pointers, and references are counted by hand, so that
//! a lifetime bug shows as a stale handle rather than as undefined behaviour.
#![forbid(unsafe_code)]

mod charge;
mod design;
mod fault;
mod file_mapped;
mod hotplug;
mod inspect;
mod machine;
mod memcg;
mod mm;
mod obj_cgroup;
mod shmem;
mod slab;
pub mod substrate;
mod swap;

pub use charge::{Faulted, HUGE_PAGE};
pub use design::{
    ChargeDesign, Design, DrainDesign, Kind, KmemRootDesign, MappedDesign, MmDesign, ObjcgDesign,
    OfflineDesign, ShmemDesign, SlabDesign, StockDesign, UnknownVariant, VARIANTS, Variant,
};
pub use fault::{Fault, Faults};
pub use file_mapped::{MappedHalf, STAT_CPUS, Stat};
pub use inspect::{MemcgView, ObjcgView};
pub use machine::{Config, Machine, Wiring};
pub use memcg::{Memcg, MemcgRef};
pub use mm::{Mm, MmRef, MmView, Task, TaskRef, TaskView};
pub use obj_cgroup::{Objcg, ObjcgRef};
pub use shmem::{Charged, FileRef, IndexView, Lookup, Punched, ShmemFault, ShmemRead, ShmemStage};
pub use slab::{CacheRef, CacheView, KmemCache, Slab, SlabObject, SlabRef, SlabView, SlabWork, Stage};
pub use substrate::arena::Handle;
pub use substrate::cpu::{Cpu, STOCK_SLOTS};
pub use substrate::css::State;
pub use substrate::env::{Access, Env, Failing, Label, Loop, Mark, Oops, Plain, What};
pub use substrate::meaning::{Holds, Meaning, Place, Whose};
pub use substrate::page_stock::{BATCH, StockSlot};
pub use substrate::units::{Bytes, Errno, NO_LIMIT, PAGE_SIZE, Pages};
pub use substrate::work::Work;
pub use swap::{Folio, FolioRef, SwapEntry};
