//! The interleaving engine under libFuzzer: `cargo fuzz run -s none interleave`. It has no seeds:
//! programs with lanes are decoded from a scene and a schedule, and nothing encodes a trace in that way.
//!
//! Without `cargo fuzz` this is an empty program, so that building the workspace needs no libFuzzer.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    use std::cell::RefCell;
    use stocktake::engine::runner::Engine;
    use stocktake::hunt::FuzzInput;

    thread_local!(static INPUT: RefCell<FuzzInput> = RefCell::new(FuzzInput::new(Engine::Interleave)));
    if let Err(failure) = INPUT.with_borrow_mut(|input| input.run(bytes)) {
        eprint!("{}", failure.report);
        panic!("{}", failure.summary);
    }
});

#[cfg(not(fuzzing))]
fn main() {}
