//! What charges and uncharges 128 bytes: the machine's byte stock, and what it is compared with.
//!
//! Each contender has some instances and goes round them, a pair at a time. With [`STOCKS`] of them a pair need not wait
//! for the store of the pair before, as it need not in a program that also uses its objects.
//!
//! In all of them the optimiser knows neither the object's owner nor its size, and `black_box` makes it leave the state
//! in memory after each operation and read it again: it is shown where the state is once, and that anything may have
//! changed after each operation.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicI64, Ordering};
use stocktake_impl::{Bytes, Config, Cpu, Machine, NO_LIMIT, ObjcgRef, PAGE_SIZE, Plain};

/// Instances of a contender that are enough for pairs not to wait for each other.
pub(crate) const STOCKS: usize = 4;
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

/// Pairs that hit the byte stocks of owned CPUs.
pub(crate) fn byte_stocks<const N: usize>(
    machine: &Machine,
    cpus: &mut [Cpu; N],
    objcg: ObjcgRef,
    pairs: u64,
) {
    let cpus = black_box(cpus);
    let (objcg, size) = black_box((objcg, SIZE));
    for pair in 0..pairs {
        let cpu = &mut cpus[pair as usize % N];
        black_box(machine.obj_cgroup_charge(&Plain, cpu, objcg, Bytes(size)).is_ok());
        machine.obj_cgroup_uncharge(&Plain, cpu, objcg, Bytes(size));
        black_box(());
    }
}

/// An objcg as the stand-ins know it: a number, like a handle.
type Owner = u64;
const OWNER: Owner = (1 << 32) | 3;

struct LocalStock {
    owner: Cell<Owner>,
    bytes: Cell<u64>,
}

thread_local! {
    static LOCAL: [LocalStock; STOCKS] = const {
        [const { LocalStock { owner: Cell::new(OWNER), bytes: Cell::new(PAGE_SIZE - SIZE) } }; STOCKS]
    };
}

/// Pairs that hit stocks in thread-local cells: the same comparison and the same arithmetic.
pub(crate) fn thread_local_stocks(pairs: u64) {
    LOCAL.with(|stocks| _ = black_box(stocks));
    let (owner, size) = black_box((OWNER, SIZE));
    for pair in 0..pairs {
        let at = pair as usize % STOCKS;
        black_box(local_charge(at, owner, size));
        local_uncharge(at, owner, size);
        black_box(());
    }
}

#[inline]
fn local_charge(at: usize, owner: Owner, size: u64) -> bool {
    LOCAL.with(|stocks| {
        let stock = &stocks[at];
        let bytes = stock.bytes.get();
        if stock.owner.get() == owner && bytes >= size {
            stock.bytes.set(bytes - size);
            return true;
        }
        refill(stock, owner, size)
    })
}

#[inline]
fn local_uncharge(at: usize, owner: Owner, size: u64) {
    LOCAL.with(|stocks| {
        let stock = &stocks[at];
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
    owner: Owner,
    bytes: u64,
}

impl OwnedStock {
    /// Most of a page.
    pub(crate) fn new() -> OwnedStock {
        OwnedStock { owner: OWNER, bytes: PAGE_SIZE - SIZE }
    }

    /// Pairs that hit them.
    pub(crate) fn run(stocks: &mut [OwnedStock; STOCKS], pairs: u64) {
        let stocks = black_box(stocks);
        let (owner, size) = black_box((OWNER, SIZE));
        for pair in 0..pairs {
            let stock = &mut stocks[pair as usize % STOCKS];
            black_box(stock.charge(owner, size));
            stock.uncharge(owner, size);
            black_box(());
        }
    }

    #[inline]
    fn charge(&mut self, owner: Owner, size: u64) -> bool {
        if self.owner == owner && self.bytes >= size {
            self.bytes -= size;
            return true;
        }
        self.refill(owner, size)
    }

    #[inline]
    fn uncharge(&mut self, owner: Owner, size: u64) {
        if self.owner != owner {
            self.refill(owner, 0);
        }
        self.bytes += size;
        if self.bytes > PAGE_SIZE {
            self.refill(owner, 0);
        }
    }

    #[cold]
    fn refill(&mut self, owner: Owner, size: u64) -> bool {
        *self = OwnedStock { owner, bytes: PAGE_SIZE.saturating_sub(size) };
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
    pub(crate) fn run<const N: usize>(counters: &[Counters; N], pairs: u64) {
        let (counters, pages) = black_box((counters, 1));
        for pair in 0..pairs {
            let counters = &counters[pair as usize % N];
            black_box(counters.charge(pages));
            counters.uncharge(pages);
            black_box(());
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
