//! Many executions on some threads, with a result that does not depend on how many threads there are.
//!
//! Executions are numbered. Threads take them in chunks, in ascending order, and hand finished chunks to a ledger
//! that adds them up in order, up to and including the chunk in which the lowest failing execution lies. What ran
//! above it is dropped. A search that goes on past failures runs all executions instead, and keeps the lowest failing one
//! of each signature. What an execution is, is not known here.

use crate::tally::Tally;
use crate::violation::Violation;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Executions that a thread takes at once.
const CHUNK: u64 = 256;

/// What runs executions, one on each thread.
pub(super) trait Worker {
    /// Run execution `index`.
    fn execute(&mut self, index: u64, tally: &mut Tally) -> Result<(), Box<Violation>>;
}

/// When to stop. With neither number nor deadline, only a failure ends the search.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Until {
    /// A failure does not end the search. Its signature is looked for on and on, so one of the other two has to.
    pub(super) past_failures: bool,
    /// Executions.
    pub(super) executions: Option<u64>,
    /// No chunk is begun any more after this.
    pub(super) deadline: Option<Instant>,
}

/// What a search covered: all executions from 0 on, up to the limit, or to the lowest failing one if that ended it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) tally: Tally,
    /// The lowest failing execution of each signature, in ascending order.
    pub(super) failing: Vec<Failing>,
}

/// Executions that fail with the same signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failing {
    /// The lowest of them.
    pub(super) index: u64,
    /// What that one violates.
    pub(super) violation: Box<Violation>,
    /// How many they are.
    pub(super) times: u64,
}

impl Failing {
    /// Add executions that follow those of `list`.
    fn enter(self, list: &mut Vec<Failing>) {
        let signature = self.violation.signature();
        match list.iter_mut().find(|known| known.violation.signature() == signature) {
            Some(known) => known.times += self.times,
            None => list.push(self),
        }
    }
}

/// Run executions on `jobs` threads; `progress` is told how many are done, in ascending order.
pub(super) fn search<W: Worker>(
    jobs: usize,
    until: Until,
    worker: impl Fn() -> W + Sync,
    progress: &(dyn Fn(u64) + Sync),
) -> Found {
    let shared = Shared {
        until,
        next: AtomicU64::new(0),
        lowest_failing: AtomicU64::new(u64::MAX),
        ledger: Mutex::new(Ledger { past_failures: until.past_failures, ..Ledger::default() }),
        progress,
    };
    let work = || shared.work(&mut worker());
    match rayon::ThreadPoolBuilder::new().num_threads(jobs.max(1)).build() {
        Ok(pool) => {
            pool.broadcast(|_| work());
        }
        // No threads are to be had: the same result takes longer.
        Err(_) => work(),
    }
    let ledger = shared.ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
    Found { tally: ledger.sum, failing: ledger.failing }
}

/// What the threads share.
struct Shared<'a> {
    until: Until,
    /// The next chunk to be taken.
    next: AtomicU64,
    /// Executions above it are of no interest. `u64::MAX` if none has failed, or failures end nothing.
    lowest_failing: AtomicU64,
    ledger: Mutex<Ledger>,
    progress: &'a (dyn Fn(u64) + Sync),
}

impl Shared<'_> {
    fn work(&self, worker: &mut impl Worker) {
        while let Some((number, first, end)) = self.take() {
            let mut chunk = Chunk::default();
            let mut guard = Guard { shared: self, index: first };
            for index in first..end {
                if index > self.lowest_failing.load(Ordering::Relaxed) {
                    break;
                }
                guard.index = index;
                if let Err(violation) = worker.execute(index, &mut chunk.tally) {
                    Failing { index, violation, times: 1 }.enter(&mut chunk.failing);
                    if !self.until.past_failures {
                        self.lowest_failing.fetch_min(index, Ordering::Relaxed);
                        break;
                    }
                }
            }
            let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
            ledger.enter(number, chunk);
            (self.progress)(ledger.sum.executions);
        }
    }

    /// The next chunk's number, its first execution, and the end of its executions.
    fn take(&self) -> Option<(u64, u64, u64)> {
        if self.until.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let first = number.checked_mul(CHUNK)?;
        let end = first.saturating_add(CHUNK).min(self.until.executions.unwrap_or(u64::MAX));
        let wanted = first < end && first <= self.lowest_failing.load(Ordering::Relaxed);
        wanted.then_some((number, first, end))
    }
}

/// Says which execution panicked, and keeps the other threads from going on as if nothing had happened.
struct Guard<'a> {
    shared: &'a Shared<'a>,
    index: u64,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Chunks of this number or above are not begun any more, and those that run end.
            self.shared.lowest_failing.store(0, Ordering::Relaxed);
            eprintln!("stocktake: execution {} panicked: this is a defect of the harness", self.index);
        }
    }
}

/// One chunk's part of the result.
#[derive(Default)]
struct Chunk {
    tally: Tally,
    failing: Vec<Failing>,
}

/// Adds chunks up in their order.
#[derive(Default)]
struct Ledger {
    /// The sum over the chunks below `next`.
    sum: Tally,
    next: u64,
    past_failures: bool,
    failing: Vec<Failing>,
    /// Chunks that finished before one below them.
    waiting: BTreeMap<u64, Chunk>,
}

impl Ledger {
    fn enter(&mut self, number: u64, chunk: Chunk) {
        self.waiting.insert(number, chunk);
        while (self.past_failures || self.failing.is_empty())
            && let Some(chunk) = self.waiting.remove(&self.next)
        {
            self.sum.add(&chunk.tally);
            chunk.failing.into_iter().for_each(|failing| failing.enter(&mut self.failing));
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests;
