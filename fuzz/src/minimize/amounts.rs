//! The numbers of a step that can be made smaller: pages, bytes and limits. Numbers that a trace asserts are not
//! among them.

use crate::program::Action;
use stocktake_model::{Bytes, Limit, MmOp, Op, Pages, SlabOp};

/// One number of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Amount {
    /// The number; `None` for no limit.
    pub(super) value: Option<u64>,
    /// The least that it can be.
    pub(super) least: u64,
}

/// The most amounts that a step has.
pub(super) const MOST: usize = 2;

/// Amounts at which something changes.
pub(super) const EDGES: [u64; 11] = [2, 3, 63, 64, 65, 92, 128, 4004, 4095, 4096, 4097];

/// The amounts of a step.
pub(super) fn amounts(action: &Action) -> [Option<Amount>; MOST] {
    let limit = |limit: Limit| Some(Amount { value: limit.0.map(|pages| pages.0), least: 0 });
    let count = |n: u64| Some(Amount { value: Some(n), least: 1 });
    let Action::Op(step) = action else { return [None; MOST] };
    match step.op {
        Op::Mkdir { max, swap_max, .. } => [limit(max), limit(swap_max)],
        Op::SetMax { max, .. }
        | Op::SetSwapMax { max, .. }
        | Op::SetMemswMax { max, .. }
        | Op::SetKmemMax { max, .. } => [limit(max), None],
        Op::Charge { pages, .. } | Op::Mm(MmOp::Charge { pages, .. } | MmOp::Socket { pages, .. }) => {
            [count(pages.0), None]
        }
        Op::ObjCharge { bytes, .. } => [count(bytes.0), None],
        Op::Slab(SlabOp::CreateCache { size, order, .. }) => {
            [count(size.0), Some(Amount { value: Some(order.into()), least: 0 })]
        }
        _ => [None; MOST],
    }
}

/// Change an amount. Only limits can be `None`; nothing happens otherwise.
pub(super) fn set_amount(action: &mut Action, which: usize, value: Option<u64>) {
    let limit = Limit(value.map(Pages));
    let Action::Op(step) = action else { return };
    match (&mut step.op, which, value) {
        (Op::Mkdir { max, .. } | Op::SetMax { max, .. }, 0, _)
        | (Op::SetSwapMax { max, .. } | Op::SetMemswMax { max, .. } | Op::SetKmemMax { max, .. }, 0, _) => {
            *max = limit
        }
        (Op::Mkdir { swap_max, .. }, 1, _) => *swap_max = limit,
        (
            Op::Charge { pages, .. } | Op::Mm(MmOp::Charge { pages, .. } | MmOp::Socket { pages, .. }),
            0,
            Some(n),
        ) => *pages = Pages(n),
        (Op::ObjCharge { bytes, .. }, 0, Some(n)) => *bytes = Bytes(n),
        (Op::Slab(SlabOp::CreateCache { size, .. }), 0, Some(n)) => *size = Bytes(n),
        (Op::Slab(SlabOp::CreateCache { order, .. }), 1, Some(n)) => *order = n as u8,
        _ => {}
    }
}
