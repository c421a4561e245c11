//! A 128-byte charge and uncharge that hits the byte stock, on one thread.

use crate::contenders::{Counters, OwnedStock, STOCKS, Stocked, byte_stocks, thread_local_stocks};
use crate::report::{Goal, Row};
use crate::sampling::{Effort, Ratio, take_turns, time_per_unit};

/// Pairs in a sample. A sample lasts some 50 microseconds: few are interrupted.
const QUICK: u64 = 20_000;
const SLOW: u64 = 1_000;

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let Stocked { machine, mut cpus, objcg } = Stocked::new(STOCKS);
    let (sets, _) = cpus.as_chunks_mut::<STOCKS>();
    let mut owned: [OwnedStock; STOCKS] = std::array::from_fn(|_| OwnedStock::new());
    let counters: [Counters; STOCKS] = std::array::from_fn(|_| Counters::new());
    let times = take_turns(
        effort.rounds(2_001),
        [
            &mut |_| time_per_unit(QUICK, || byte_stocks(&machine, &mut sets[0], objcg, QUICK)),
            &mut |_| time_per_unit(SLOW, || Counters::run(&counters, SLOW)),
            &mut |_| time_per_unit(QUICK, || thread_local_stocks(QUICK)),
            &mut |_| time_per_unit(QUICK, || OwnedStock::run(&mut owned, QUICK)),
        ],
    );
    vec![
        Row {
            name: "byte-stock-vs-counters",
            what: "a pair through 4 levels of atomic counters / a pair that hits the byte stock, one thread",
            ratio: Ratio::over(times.iter().map(|[stock, counters, ..]| counters / stock)),
            goal: Goal::AtLeast(15.0),
        },
        Row {
            name: "byte-stock-vs-thread-local",
            what: "a pair that hits the byte stock / the same with a stock in thread-local cells",
            ratio: Ratio::over(times.iter().map(|[stock, _, local, _]| stock / local)),
            goal: Goal::AtMost(1.5),
        },
        Row {
            name: "byte-stock-vs-bare-struct",
            what: "a pair that hits the byte stock / the same with nothing but an owned struct",
            ratio: Ratio::over(times.iter().map(|[stock, .., bare]| stock / bare)),
            goal: Goal::None,
        },
    ]
}
