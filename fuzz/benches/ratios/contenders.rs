//! What charges and uncharges 128 bytes: the machine's byte stock, and what it is compared with.
//!
//! All do one pair at a time, with the object's owner and its size hidden from the optimiser at each operation, and
//! with their state in memory between operations.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicI64, Ordering};
use stocktake_impl::{Bytes, Config, Cpu, Machine, NO_LIMIT, ObjcgRef, PAGE_SIZE, Plain};

/// Size of the object.
const SIZE: u64 = 128;
/// Levels of counters: the group's, and three above it.
pub(crate) const LEVELS: usize = 4;

/// A machine with a group three levels below root, and an objcg of that group.
pub(crate) struct Stocked {
    /// The machine.
    pub(crate) machine: Machine,
    /// Its CPUs.
    pub(crate) cpus: Vec<Cpu>,
    /// The objcg.
    pub(crate) objcg: ObjcgRef,
}

impl Stocked {
    /// All stocks hold most of a page of the objcg: no pair leaves the page.
    pub(crate) fn new(cpus: usize) -> Stocked {
        let (machine, mut cpus) = Machine::new(Config { cpus, ..Config::default() });
        let mut group = machine.root();
        for _ in 1..LEVELS {
            group = machine.mkdir(&Plain, group, NO_LIMIT, NO_LIMIT).expect("a new machine has room");
        }
        let objcg = machine.objcg_of_memcg(&Plain, &mut cpus[0], group).expect("only root has none");
        for cpu in &mut cpus {
            machine.obj_cgroup_charge(&Plain, cpu, objcg, Bytes(SIZE)).expect("there is no limit");
        }
        Stocked { machine, cpus, objcg }
    }
}

/// Pairs that hit the byte stock of an owned CPU.
pub(crate) fn byte_stock(machine: &Machine, cpu: &mut Cpu, objcg: ObjcgRef, pairs: u64) {
    for _ in 0..pairs {
        let cpu = black_box(&mut *cpu);
        let charged = machine.obj_cgroup_charge(&Plain, cpu, black_box(objcg), Bytes(black_box(SIZE)));
        black_box(charged.is_ok());
        let cpu = black_box(cpu);
        machine.obj_cgroup_uncharge(&Plain, cpu, black_box(objcg), Bytes(black_box(SIZE)));
    }
}

/// An objcg as the stand-ins know it: two numbers, like a handle.
type Owner = (u32, u32);
const OWNER: Owner = (3, 1);

struct LocalStock {
    owner: Cell<Owner>,
    bytes: Cell<u64>,
}

thread_local! {
    static STOCK: LocalStock =
        const { LocalStock { owner: Cell::new(OWNER), bytes: Cell::new(PAGE_SIZE - SIZE) } };
}

/// Pairs that hit a stock in thread-local cells: the same comparison and the same arithmetic.
pub(crate) fn thread_local_stock(pairs: u64) {
    for _ in 0..pairs {
        black_box(local_charge(black_box(OWNER), black_box(SIZE)));
        local_uncharge(black_box(OWNER), black_box(SIZE));
    }
}

#[inline]
fn local_charge(owner: Owner, size: u64) -> bool {
    STOCK.with(|stock| {
        let bytes = stock.bytes.get();
        if stock.owner.get() == owner && bytes >= size {
            stock.bytes.set(bytes - size);
            return true;
        }
        refill(stock, owner, size)
    })
}

#[inline]
fn local_uncharge(owner: Owner, size: u64) {
    STOCK.with(|stock| {
        if stock.owner.get() != owner {
            refill(stock, owner, 0);
        }
        stock.bytes.set(stock.bytes.get() + size);
        if stock.bytes.get() > PAGE_SIZE {
            refill(stock, owner, 0);
        }
    });
}

#[cold]
fn refill(stock: &LocalStock, owner: Owner, size: u64) -> bool {
    stock.owner.set(owner);
    stock.bytes.set(PAGE_SIZE.saturating_sub(size));
    true
}

/// The least that an owned stock can be.
pub(crate) struct OwnedStock {
    owner: Option<Owner>,
    bytes: u64,
}

impl OwnedStock {
    /// Most of a page.
    pub(crate) fn new() -> OwnedStock {
        OwnedStock { owner: Some(OWNER), bytes: PAGE_SIZE - SIZE }
    }

    /// Pairs that hit it.
    pub(crate) fn run(&mut self, pairs: u64) {
        for _ in 0..pairs {
            let stock = black_box(&mut *self);
            black_box(stock.charge(black_box(OWNER), black_box(SIZE)));
            black_box(stock).uncharge(black_box(OWNER), black_box(SIZE));
        }
    }

    #[inline]
    fn charge(&mut self, owner: Owner, size: u64) -> bool {
        if self.owner == Some(owner) && self.bytes >= size {
            self.bytes -= size;
            return true;
        }
        self.refill(owner, size)
    }

    #[inline]
    fn uncharge(&mut self, owner: Owner, size: u64) {
        if self.owner != Some(owner) {
            self.refill(owner, 0);
        }
        self.bytes += size;
        if self.bytes > PAGE_SIZE {
            self.refill(owner, 0);
        }
    }

    #[cold]
    fn refill(&mut self, owner: Owner, size: u64) -> bool {
        *self = OwnedStock { owner: Some(owner), bytes: PAGE_SIZE.saturating_sub(size) };
        true
    }
}

/// Hierarchical counters without any stock: each charge walks up to root.
pub(crate) struct Counters {
    levels: [Counter; LEVELS],
}

struct Counter {
    usage: AtomicI64,
    max: AtomicI64,
}

impl Counters {
    /// Counters without limits.
    pub(crate) fn new() -> Counters {
        let level = |_| Counter { usage: AtomicI64::new(0), max: AtomicI64::new(i64::MAX) };
        Counters { levels: std::array::from_fn(level) }
    }

    /// Pairs of one page each.
    pub(crate) fn run(&self, pairs: u64) {
        for _ in 0..pairs {
            black_box(self.charge(black_box(1)));
            self.uncharge(black_box(1));
        }
    }

    /// Add at each level, and take everything back where a limit is passed.
    #[inline]
    fn charge(&self, pages: i64) -> bool {
        for (index, level) in self.levels.iter().enumerate() {
            let usage = level.usage.fetch_add(pages, Ordering::SeqCst) + pages;
            if usage > level.max.load(Ordering::SeqCst) {
                self.cancel(index, pages);
                return false;
            }
        }
        true
    }

    #[cold]
    fn cancel(&self, last: usize, pages: i64) {
        for level in &self.levels[..=last] {
            level.usage.fetch_sub(pages, Ordering::SeqCst);
        }
    }

    #[inline]
    fn uncharge(&self, pages: i64) {
        for level in &self.levels {
            level.usage.fetch_sub(pages, Ordering::SeqCst);
        }
    }
}
