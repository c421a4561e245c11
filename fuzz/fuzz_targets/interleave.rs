//! The interleaving engine under libFuzzer: `cargo fuzz run -s none interleave corpus/seeds/interleave`.
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
