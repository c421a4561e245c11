//! What every room of the machine stands on: shared words and locks, arenas with generation-checked handles,
//! RCU, deferred work, css lifetime, page counters and the per-CPU page stock.
//!
//! Nothing here knows of a seed mail's design; that is what the rooms beside this one are for.

pub mod arena;
mod charge;
pub mod cpu;
pub mod css;
pub mod env;
mod limits;
pub mod meaning;
pub mod page_counter;
pub mod page_stock;
pub(crate) mod percpu_ref;
pub mod rcu;
pub mod units;
pub mod word;
pub mod work;
