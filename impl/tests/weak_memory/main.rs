//! What weak memory allows: loom runs small pieces of the machine's own source on two CPUs in every order, and lets a
//! load return every value that a memory model as weak as C11's permits.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p stocktake-impl --test weak_memory --release
//! ```
//!
//! For each property the number of interleavings is printed, and none is a failure. Each property is then shown to be
//! able to fail: an access on which it rests loses its ordering, and loom must find an interleaving that breaks it.
//!
//! What loom does not see: it takes a sequentially consistent access for an acquire and a release, so the barriers that
//! such accesses imply are explicit (`Word::mb_after`); it runs each thread in its program order, so it never delays a
//! load past a later store. Where that is the danger, [`env::Ordered`] asks instead whether anything orders the two.
#![cfg_attr(not(loom), allow(missing_docs))]

#[cfg(loom)]
mod env;
#[cfg(loom)]
mod explore;
#[cfg(loom)]
mod properties;

#[cfg(loom)]
fn main() -> std::process::ExitCode {
    explore::all(properties::ALL)
}

#[cfg(not(loom))]
fn main() -> std::process::ExitCode {
    println!("weak memory: not explored in this build; it is with RUSTFLAGS=\"--cfg loom\"");
    // Whoever insists, as CI does, is not content with nothing.
    if std::env::args().any(|argument| argument == "--insist") {
        return std::process::ExitCode::FAILURE;
    }
    std::process::ExitCode::SUCCESS
}
