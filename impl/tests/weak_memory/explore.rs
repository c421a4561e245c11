//! Explores properties, prints how much was explored, and fails if one does not hold, cannot fail or was not explored.

use crate::env::Weak;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use stocktake_impl::{Access, Fault, MappedDesign, What};

/// What breaks a property.
#[derive(Clone, Copy)]
pub(crate) enum Planted {
    /// This kind of access to this kind of word loses its ordering.
    Weakened(What, Access),
    /// This fault is planted.
    Fault(Fault),
    /// Another design of the statistic of mapped pages.
    Design(MappedDesign),
}

/// Something that must hold in every interleaving.
pub(crate) struct Property {
    /// What it is, in a few words.
    pub(crate) name: &'static str,
    /// What must be caught if it is missing.
    pub(crate) rests_on: &'static [(Planted, &'static str)],
    /// Preemptions up to which it is explored; all of them if `None`.
    pub(crate) preemptions: Option<usize>,
    /// Run it once, as CPU 0.
    pub(crate) run: fn(Weak),
}

/// How far an exploration came.
struct Explored {
    interleavings: u64,
    /// What broke, in the last of them.
    broken: Option<String>,
}

pub(crate) fn all(properties: &[Property]) -> ExitCode {
    // What is caught is printed below, with all that matters.
    std::panic::set_hook(Box::new(|_| {}));
    let begun = Instant::now();
    let mut failed = properties.is_empty();
    println!("{:>13}  weak memory: property, and each ordering that it rests on", "interleavings");
    for property in properties {
        let Explored { interleavings, broken } = explore(property, None);
        failed |= interleavings == 0 || broken.is_some();
        let bound = property.preemptions.map_or(String::new(), |n| format!(", up to {n} preemptions"));
        println!("{interleavings:>13}  {}{bound}: {}", property.name, broken.as_deref().unwrap_or("holds"));
        for &(planted, name) in property.rests_on {
            let Explored { interleavings, broken } = explore(property, Some(planted));
            failed |= broken.is_none();
            let verdict = broken.map_or(String::from("NOT CAUGHT"), |how| format!("caught: {how}"));
            println!("{interleavings:>13}    without {name}: {verdict}");
        }
    }
    println!("{} properties, {:.1} s", properties.len(), begun.elapsed().as_secs_f64());
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Until all interleavings have been run, or one broke. In a thread of its own: loom leaves some state behind where it
/// was interrupted.
fn explore(property: &Property, planted: Option<Planted>) -> Explored {
    let (run, preemptions) = (property.run, property.preemptions);
    let interleavings = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&interleavings);
    let exploration = std::thread::spawn(move || {
        let mut builder = loom::model::Builder::new();
        // Each access of the machine is a branch.
        builder.max_branches = 20_000;
        builder.preemption_bound = preemptions;
        builder.expect_explicit_explore = true;
        builder.check(move || {
            count.fetch_add(1, Ordering::SeqCst);
            run(Weak::new(planted));
        });
    });
    let broken = exploration.join().err().map(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
        text.lines().map(str::trim).collect::<Vec<_>>().join(", ")
    });
    Explored { interleavings: interleavings.load(Ordering::SeqCst), broken }
}
