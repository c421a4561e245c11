//! The same pair on two threads at once, each with its own CPU of one machine.
//!
//! Two threads run at once only if the machine underneath lets them: a round counts if both were at it for nearly all
//! of its time, from when the first began until the last ended.

use crate::contenders::{Counters, Stocked, byte_stock};
use crate::report::{Goal, Row};
use crate::sampling::{Effort, Ratio};
use std::hint::spin_loop;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const QUICK: u64 = 60_000;
const SLOW: u64 = 2_000;
/// The least part of a round during which both threads must run.
const OVERLAP: f64 = 0.85;
/// Rounds that count, if the machine lets us have them within [`PATIENCE`].
const ROUNDS: usize = 501;
const PATIENCE: Duration = Duration::from_secs(6);

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let Stocked { machine, mut cpus, objcg } = Stocked::new(2);
    let machine = &machine;
    let [here, there] = cpus.as_mut_slice() else { unreachable!("two CPUs were asked for") };
    let counters = Counters::new();
    let stocks = compare(
        effort,
        || byte_stock(machine, here, objcg, QUICK),
        || byte_stock(machine, there, objcg, QUICK),
    );
    let atomics = compare(effort, || counters.run(SLOW), || counters.run(SLOW));
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
    // The first meeting wakes the helper up, and costs the kernel's time; the second starts both at the same moment.
    let awake = Barrier::new(2);
    let at_the_line = AtomicUsize::new(0);
    let (go, told) = mpsc::channel::<()>();
    let (done, spans) = mpsc::channel::<Span>();
    let (mut counted, mut others) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let (awake, at_the_line) = (&awake, &at_the_line);
        scope.spawn(move || {
            for () in told {
                awake.wait();
                start_together(at_the_line);
                if done.send(Span::of(&mut there)).is_err() {
                    return;
                }
            }
        });
        let began = Instant::now();
        while counted.len() < rounds && (began.elapsed() < PATIENCE || counted.len() + others.len() < rounds)
        {
            let alone = Span::of(&mut here).seconds();
            at_the_line.store(0, Ordering::Release);
            if go.send(()).is_err() {
                break;
            }
            awake.wait();
            start_together(at_the_line);
            let mine = Span::of(&mut here);
            let Ok(other) = spans.recv() else { break };
            let together = (mine.seconds() + other.seconds()) / 2.0;
            let ratios = if mine.overlap(other) >= OVERLAP { &mut counted } else { &mut others };
            ratios.push(together / alone);
        }
        drop(go);
    });
    eprintln!("DBG {} {}", counted.len(), others.len());
    // Where the machine hardly ever ran both at once, everything counts: better a poor number than none.
    if counted.len() * 20 < rounds {
        counted.append(&mut others);
    }
    Ratio::over(counted)
}

fn start_together(at_the_line: &AtomicUsize) {
    at_the_line.fetch_add(1, Ordering::AcqRel);
    while at_the_line.load(Ordering::Acquire) < 2 {
        spin_loop();
    }
}
