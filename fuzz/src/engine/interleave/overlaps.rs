//! Operations that meet: the goals for which lanes are run.

use super::Interleave;
use crate::goals::Seen;
use stocktake_impl::What;
use stocktake_model::{MappedOp, MmOp, Op, PageOp, ShmemOp, Step};

impl Interleave {
    /// An operation has ended: note whom it has met that is still in the middle of another one.
    pub(super) fn notice_overlaps(&self, lane: usize, step: &Step) {
        for (other, member) in self.crew.iter().enumerate() {
            if let Some((_, busy)) = member.busy {
                self.meet((lane, &step.op), (other, &busy.op));
                self.meet((other, &busy.op), (lane, &step.op));
            }
        }
    }

    fn meet(&self, (lane, op): (usize, &Op), (other, met): (usize, &Op)) {
        let board = &self.shared.board;
        let writes = |lane: usize, of: fn(What) -> bool| {
            board.flights[lane].borrow().written().iter().any(|label| of(label.what))
        };
        let goal = match (op, met) {
            (Op::Charge { group, .. }, Op::Rmdir { group: removed }) if group == removed => {
                Seen::ChargeMetRmdir
            }
            (Op::DrainAll { .. }, Op::Charge { .. } | Op::ObjCharge { .. })
                if board.has_asked(lane, other) =>
            {
                Seen::DrainMetCharge
            }
            (Op::Work, Op::ObjUncharge { .. }) if writes(lane, |what| what == What::ObjcgMemcg) => {
                Seen::ReparentMetUncharge
            }
            (Op::Mapped(MappedOp::MovePage { .. }), Op::Uncharge { .. }) => Seen::MoveMetUncharge,
            (
                Op::Mapped(MappedOp::MovePage { charge, .. }),
                Op::Mapped(MappedOp::Map { charge: mapped } | MappedOp::Unmap { charge: mapped }),
            ) if charge == mapped => Seen::MoveMetMapping,
            (Op::Mm(MmOp::MigrateCharges { .. }), Op::Page(PageOp::FreeList { .. })) => Seen::ListMetMover,
            (Op::CpuDown { .. }, Op::DrainAll { .. }) => Seen::CpuDownMetDrain,
            (Op::Grace, _) if writes(lane, |_| true) => Seen::CallbackMetOperation,
            (Op::Shmem(ShmemOp::Fault { file, .. }), Op::Shmem(met)) => match *met {
                ShmemOp::Fault { file: same, .. } if same == *file => Seen::FaultMetFault,
                ShmemOp::Punch { file: same } if same == *file => Seen::FaultMetPunch,
                ShmemOp::Reclaim => Seen::FaultMetReclaim,
                _ => return,
            },
            _ => return,
        };
        board.reach(goal);
    }
}
