//! The same pair on two threads at once, each with its own CPU of one machine.
//!
//! The pairs go back to back on a single stock. So each waits for the store of the one before, and hardly for what two
//! cores may share that are one underneath; while a cache line that went to and fro would show at once, as it does with
//! the counters.
//!
//! Two threads run at once only if the operating system lets them. So before each sample they toss a number to and fro
//! a few times: if that is quick, both are running. And a round counts if both were at it for nearly all of its time,
//! from when the first began until the last ended. While one is measured alone the other waits on its core, so that it
//! still has it afterwards.

use crate::contenders::{Counters, Stocked, byte_stocks};
use crate::report::{Goal, Row};
use crate::sampling::{Effort, Ratio};
use std::hint::spin_loop;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const QUICK: u64 = 30_000;
const SLOW: u64 = 2_000;
/// The least part of a round during which both threads must run.
const OVERLAP: f64 = 0.85;
/// Rounds that count, if the machine lets us have them within [`PATIENCE`].
const ROUNDS: usize = 501;
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let Stocked { machine, mut cpus, objcg } = Stocked::new(2);
    let machine = &machine;
    let (sets, _) = cpus.as_chunks_mut::<1>();
    let [here, there] = sets else { unreachable!("so many CPUs were asked for") };
    let counters = &[Counters::new()];
    let stocks = compare(
        effort,
        || byte_stocks(machine, here, objcg, QUICK),
        || byte_stocks(machine, there, objcg, QUICK),
    );
    let atomics = compare(effort, || Counters::run(counters, SLOW), || Counters::run(counters, SLOW));
    vec![
        Row {
            name: "byte-stock-two-threads",
            what: "a pair that hits the byte stock: on two threads at once / on one",
            ratio: stocks,
            goal: Goal::AtMost(1.2),
        },
        Row {
            name: "counters-two-threads",
            what: "a pair through 4 levels of atomic counters: on two threads at once / on one",
            ratio: atomics,
            goal: Goal::None,
        },
    ]
}

/// When a sample began and when it ended.
#[derive(Clone, Copy)]
struct Span {
    start: Instant,
    end: Instant,
}

impl Span {
    fn of(work: &mut impl FnMut()) -> Span {
        let start = Instant::now();
        work();
        Span { start, end: Instant::now() }
    }

    fn seconds(self) -> f64 {
        self.end.duration_since(self.start).as_secs_f64()
    }

    /// The part of the time of both during which both ran.
    fn overlap(self, other: Span) -> f64 {
        let both = self.end.min(other.end).saturating_duration_since(self.start.max(other.start));
        let either = self.end.max(other.end).saturating_duration_since(self.start.min(other.start));
        both.as_secs_f64() / either.as_secs_f64()
    }
}

/// The time of `here` while `there` does the same, divided by its time alone.
fn compare(effort: Effort, mut here: impl FnMut(), mut there: impl FnMut() + Send) -> Ratio {
    let rounds = effort.rounds(ROUNDS);
    let (mut counted, mut others) = (Vec::new(), Vec::new());
    let table = Table::default();
    std::thread::scope(|scope| {
        scope.spawn(|| table.serve(&mut there));
        let began = Instant::now();
        while counted.len() < rounds && (began.elapsed() < PATIENCE || counted.len() + others.len() < rounds)
        {
            table.until_both_run(began);
            let alone = Span::of(&mut here).seconds();
            table.until_both_run(began);
            table.order(Order::Run);
            let mine = Span::of(&mut here);
            table.wait();
            let Some(other) = table.span.lock().ok().and_then(|span| *span) else { break };
            let together = (mine.seconds() + other.seconds()) / 2.0;
            let ratios = if mine.overlap(other) >= OVERLAP { &mut counted } else { &mut others };
            ratios.push(together / alone);
        }
        table.order(Order::Stop);
    });
    // Where the two hardly ever ran at once, everything counts: better a poor number than none.
    if counted.len() < 10 {
        counted.append(&mut others);
    }
    Ratio::over(counted)
}

/// What the helper is told to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Answer,
    Run,
    Stop,
}

/// A number in a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
struct Number(AtomicU64);

/// Where the two threads meet. An order is a number: which order it is, and beyond that how many there were.
#[derive(Default)]
struct Table {
    ordered: Number,
    answered: Number,
    span: Mutex<Option<Span>>,
}

impl Table {
    const ORDERS: [Order; 4] = [Order::Answer, Order::Run, Order::Stop, Order::Stop];

    fn order(&self, order: Order) {
        let last = self.ordered.0.load(Ordering::Relaxed);
        self.ordered.0.store((last / 4 + 1) * 4 + order as u64, Ordering::Release);
    }

    /// Wait until the last order has been carried out.
    fn wait(&self) {
        let ordered = self.ordered.0.load(Ordering::Relaxed);
        while self.answered.0.load(Ordering::Acquire) != ordered {
            spin_loop();
        }
    }

    /// Toss until a few tosses are quick, or patience ends.
    fn until_both_run(&self, began: Instant) {
        const TOSSES: usize = 8;
        const QUICK: Duration = Duration::from_micros(10);
        loop {
            let start = Instant::now();
            for _ in 0..TOSSES {
                self.order(Order::Answer);
                self.wait();
            }
            if start.elapsed() < QUICK || began.elapsed() > PATIENCE {
                return;
            }
        }
    }

    /// The helper's side.
    fn serve(&self, work: &mut impl FnMut()) {
        let mut last = 0;
        loop {
            let ordered = self.ordered.0.load(Ordering::Acquire);
            if ordered == last {
                spin_loop();
                continue;
            }
            last = ordered;
            match Table::ORDERS[(ordered % 4) as usize] {
                Order::Answer => {}
                Order::Run => {
                    let span = Span::of(work);
                    if let Ok(mut place) = self.span.lock() {
                        *place = Some(span);
                    }
                }
                Order::Stop => return,
            }
            self.answered.0.store(ordered, Ordering::Release);
        }
    }
}
