//! Experiments: simulations on the machine under test that measure something, rather than hunt.
//!
//! They are deterministic, and check nothing. How they look is the business of [`plot`] and of each experiment.

pub mod dying_cgroups;
pub mod plot;
