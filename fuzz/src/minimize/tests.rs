//! Tests with made-up failures, so that what is left can be known beforehand, and with real faults.

mod faults;
mod lanes;
mod made_up;
mod races;
