//! Shared memory: words and locks. Every access to something that two CPUs may touch goes through here.
//!
//! What orders what, in the kernel's terms:
//!
//! * a store is a release and a load an acquire: what was written before the one is seen after the other. That is how
//!   objects are published;
//! * an update (a read-modify-write) is both. It orders stores before it against loads after it only where
//!   `Word::mb_after` follows: there two CPUs each write a word and then read the other's, and one of them must see
//!   the other's write (a limit against a charge, a read section against a grace period);
//! * `smp_mb` is a full barrier.
//!
//! This is the one place where types are swapped by a cfg: under `cfg(loom)` the atomics and mutexes are those of
//! loom, which explores what weak memory allows (`tests/weak_memory.rs`).

use super::env::{Access, Env, Label, Loop};
#[cfg(loom)]
use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicI64, Ordering},
};
use std::ops::{Deref, DerefMut};
use std::sync::TryLockError;
#[cfg(not(loom))]
use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicI64, Ordering, fence},
};

/// A full barrier: whatever this CPU did before is seen by others before whatever it does afterwards.
#[cfg(not(loom))]
pub(crate) fn smp_mb() {
    fence(Ordering::SeqCst);
}

#[cfg(loom)]
loom::lazy_static! {
    /// The order of all full barriers: loom tries orders only of accesses to the same word, so not those of fences.
    static ref BARRIERS: AtomicI64 = AtomicI64::new(0);
}

/// A full barrier: whatever this CPU did before is seen by others before whatever it does afterwards.
#[cfg(loom)]
pub(crate) fn smp_mb() {
    BARRIERS.fetch_add(1, Ordering::AcqRel);
}

/// A shared word that knows what it is, so that an access can be reported by name.
#[derive(Debug)]
pub struct Word {
    label: Label,
    value: AtomicI64,
}

impl Word {
    pub(crate) fn new(label: Label) -> Word {
        Word { label, value: AtomicI64::new(0) }
    }

    pub(crate) fn label(&self) -> Label {
        self.label
    }

    /// The value, seen from outside the run: not an access of any CPU.
    #[inline]
    pub(crate) fn peek(&self) -> i64 {
        self.value.load(Ordering::Relaxed)
    }

    /// Set the value before anybody else can see the word.
    #[inline]
    pub(crate) fn init(&self, value: i64) {
        self.value.store(value, Ordering::Relaxed);
    }

    /// The bare number, for those who report what they do with it themselves.
    pub(super) fn raw(&self) -> &AtomicI64 {
        &self.value
    }

    #[inline(always)]
    fn access<E: Env>(&self, e: &E, access: Access, act: impl FnOnce(&AtomicI64) -> (i64, i64)) -> i64 {
        if E::WATCHED {
            e.before(self.label, access);
        }
        let (old, new) = act(&self.value);
        if E::WATCHED {
            e.after(self.label, access, old, new);
        }
        old
    }

    /// The ordering of an access, unless a test weakens it.
    #[inline(always)]
    fn order<E: Env>(&self, e: &E, access: Access, order: Ordering) -> Ordering {
        if E::FAULTS && e.weakened(self.label, access) { Ordering::Relaxed } else { order }
    }

    /// After an update of this word: what this CPU reads from now on, it reads after others could see the update.
    ///
    /// Updates and loads are sequentially consistent, which is just that, and costs nothing more. Loom knows no order
    /// of all such accesses, only fences.
    #[inline(always)]
    pub(crate) fn mb_after<E: Env>(&self, e: &E) {
        if cfg!(loom) && self.order(e, Access::Update, Ordering::SeqCst) == Ordering::SeqCst {
            smp_mb();
        }
    }

    #[inline(always)]
    pub(crate) fn load<E: Env>(&self, e: &E) -> i64 {
        self.access(e, Access::Load, |v| {
            let value = v.load(self.order(e, Access::Load, Ordering::SeqCst));
            (value, value)
        })
    }

    #[inline(always)]
    pub(crate) fn store<E: Env>(&self, e: &E, value: i64) {
        self.access(e, Access::Store, |v| {
            let old = if E::WATCHED && cfg!(not(loom)) { v.load(Ordering::Relaxed) } else { 0 };
            v.store(value, self.order(e, Access::Store, Ordering::Release));
            (old, value)
        });
    }

    /// Add, returning the value before.
    #[inline(always)]
    pub(crate) fn add<E: Env>(&self, e: &E, n: i64) -> i64 {
        self.access(e, Access::Update, |v| {
            let old = v.fetch_add(n, self.order(e, Access::Update, Ordering::SeqCst));
            (old, old.wrapping_add(n))
        })
    }

    /// Subtract, returning the value before.
    #[inline(always)]
    pub(crate) fn sub<E: Env>(&self, e: &E, n: i64) -> i64 {
        self.add(e, -n)
    }

    #[inline(always)]
    pub(crate) fn swap<E: Env>(&self, e: &E, value: i64) -> i64 {
        self.access(e, Access::Update, |v| {
            (v.swap(value, self.order(e, Access::Update, Ordering::SeqCst)), value)
        })
    }

    /// Store `new` if the value is `current`; whether it was.
    #[inline(always)]
    pub(crate) fn replace<E: Env>(&self, e: &E, current: i64, new: i64) -> bool {
        let seen = self.access(e, Access::Update, |v| {
            match v.compare_exchange(current, new, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(old) => (old, new),
                Err(old) => (old, old),
            }
        });
        seen == current
    }

    /// Add 1 unless the value is zero or less; whether it was added.
    #[inline(always)]
    pub(crate) fn inc_not_zero<E: Env>(&self, e: &E) -> bool {
        self.add_not_zero(e, 1)
    }

    /// Subtract 1 unless the value is zero or less; whether it was subtracted.
    #[inline(always)]
    pub(crate) fn dec_not_zero<E: Env>(&self, e: &E) -> bool {
        self.add_not_zero(e, -1)
    }

    #[inline(always)]
    fn add_not_zero<E: Env>(&self, e: &E, n: i64) -> bool {
        loop {
            let value = self.load(e);
            if value <= 0 {
                return false;
            }
            if self.replace(e, value, value + n) {
                return true;
            }
            if !e.retry(Loop::TryGet, self.label) {
                return false;
            }
        }
    }
}

/// A lock around data that several CPUs change.
///
/// A contended lock is never waited for inside the operating system: it is tried again after
/// [`Env::retry`], where a scheduler lets another CPU run.
#[derive(Debug)]
pub struct Lock<T> {
    label: Label,
    data: Mutex<T>,
}

impl<T> Lock<T> {
    pub(crate) fn new(label: Label, data: T) -> Lock<T> {
        Lock { label, data: Mutex::new(data) }
    }

    /// Wait for the lock.
    ///
    /// # Panics
    /// When the environment says that it cannot be had any more: a deadlock. There is nothing to go on with.
    #[inline(always)]
    pub(crate) fn lock<'l, E: Env>(&'l self, e: &'l E) -> Held<'l, T, E> {
        loop {
            if E::WATCHED {
                e.before(self.label, Access::Lock);
            }
            if let Some(data) = self.attempt() {
                if E::WATCHED {
                    e.after(self.label, Access::Lock, 0, 1);
                }
                return Held { lock: self, e, data: Some(data) };
            }
            assert!(e.retry(Loop::Lock, self.label), "deadlock on {:?}", self.label);
        }
    }

    /// Take the lock if it is free.
    pub(crate) fn trylock<'l, E: Env>(&'l self, e: &'l E) -> Option<Held<'l, T, E>> {
        if E::WATCHED {
            e.before(self.label, Access::Trylock);
        }
        let data = self.attempt();
        if E::WATCHED {
            e.after(self.label, Access::Trylock, i64::from(data.is_none()), 1);
        }
        data.map(|data| Held { lock: self, e, data: Some(data) })
    }

    #[inline(always)]
    fn attempt(&self) -> Option<MutexGuard<'_, T>> {
        match self.data.try_lock() {
            Ok(data) => Some(data),
            // A lane that was abandoned while it held the lock; its run is over, the data is only torn down.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The data, from outside the run.
    ///
    /// # Panics
    /// While a lane holds the lock: that lane would be waited for for ever.
    pub(crate) fn peek(&self) -> MutexGuard<'_, T> {
        self.attempt().expect("a lock that is looked into from outside is free")
    }

    /// The data, from outside the run, unless a lane holds the lock in the middle of an operation.
    pub(crate) fn glance(&self) -> Option<MutexGuard<'_, T>> {
        self.attempt()
    }

    /// The data, when nobody else can see the lock.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.data.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A lock that is held; dropping it gives it back.
pub(crate) struct Held<'l, T, E: Env> {
    lock: &'l Lock<T>,
    e: &'l E,
    data: Option<MutexGuard<'l, T>>,
}

impl<T, E: Env> Deref for Held<'_, T, E> {
    type Target = T;
    fn deref(&self) -> &T {
        self.data.as_ref().expect("held until dropped")
    }
}

impl<T, E: Env> DerefMut for Held<'_, T, E> {
    fn deref_mut(&mut self) -> &mut T {
        self.data.as_mut().expect("held until dropped")
    }
}

impl<T, E: Env> Drop for Held<'_, T, E> {
    #[inline(always)]
    fn drop(&mut self) {
        // A lane that is being torn down must not hand the CPU over once more.
        if E::WATCHED && !std::thread::panicking() {
            self.e.before(self.lock.label, Access::Unlock);
        }
        self.data = None;
        if E::WATCHED && !std::thread::panicking() {
            self.e.after(self.lock.label, Access::Unlock, 1, 0);
        }
    }
}
