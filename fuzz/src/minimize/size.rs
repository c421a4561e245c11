//! What "smaller" means.

use super::amounts::amounts;
use super::operands::target;
use crate::program::{Action, Header, Program};
use crate::trace::{Kind, Role, visit};
use std::collections::BTreeSet;
use stocktake_model::{Mode, Op, PageOp, ShmemOp, SlabOp};

/// The size of a program, most important part first. The minimiser accepts only programs that are smaller, so it
/// comes to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size {
    pub(super) steps: usize,
    is_parallel: bool,
    /// Switches in the middle of operations: known only once the program has been run.
    preemptions: usize,
    /// CPUs that have a lane.
    lanes: usize,
    in_lanes: usize,
    groups: usize,
    /// Injected failures, forced charges, insisted outcomes, and operations that may be interrupts.
    extras: usize,
    cpus: u8,
    mode: u8,
    /// `ids` and `slots`: 0 for the default, otherwise one more than the value.
    ids: u32,
    slots: u32,
    /// Depths of the groups that steps mention, summed up.
    depths: u64,
    /// Numbers of the CPUs that steps mention, summed up.
    places: u64,
    /// Pages, bytes and limits, summed up. No limit counts nothing.
    amounts: u64,
}

impl Size {
    /// The size of a program that is fixed up, if it needs no preemption.
    pub(super) fn of(program: &Program) -> Size {
        let header = &program.header;
        let usual = Header::default();
        let mut size = Size {
            steps: program.steps.len(),
            is_parallel: program.parallel.is_some(),
            preemptions: 0,
            lanes: 0,
            in_lanes: 0,
            groups: 0,
            extras: 0,
            cpus: header.cpus,
            mode: match header.mode {
                Mode::V2 => 0,
                Mode::V1 => 1,
                Mode::V1Flat => 2,
            },
            ids: if header.ids == usual.ids { 0 } else { u32::from(header.ids) + 1 },
            slots: if header.slots == usual.slots { 0 } else { u32::from(header.slots) + 1 },
            depths: 0,
            places: 0,
            amounts: 0,
        };
        if let Some(first) = program.parallel {
            let cpus: BTreeSet<u8> = program.steps.iter().skip(first).map(|step| step.cpu().0).collect();
            size.lanes = cpus.len();
            size.in_lanes = program.steps.len().saturating_sub(first);
        }
        // By the group's number.
        let mut depths = vec![0];
        for step in &program.steps {
            size.extras += usize::from(step.outcome.is_some()) + usize::from(step.irq);
            size.places += u64::from(step.cpu().0);
            size.amounts = amounts(&step.action)
                .into_iter()
                .flatten()
                .fold(size.amounts, |sum, amount| sum.saturating_add(amount.value.map_or(0, |n| n + 1)));
            let Action::Op(op) = step.action else { continue };
            size.extras += usize::from(op.fail.is_some());
            let depth = |group: u16| depths.get(usize::from(group)).copied().unwrap_or(0);
            visit(&mut { step.action }, |role, kind, number| {
                if role == Role::Use && kind == Kind::Group {
                    size.depths += depth(*number);
                }
            });
            size.places += target(&mut { step.action }).map_or(0, |target| u64::from(target.0));
            match op.op {
                Op::Mkdir { parent, .. } => {
                    let own = depth(parent.0) + 1;
                    size.depths += 1;
                    size.groups += 1;
                    depths.push(own);
                }
                Op::Charge { force, .. } | Op::ObjCharge { force, .. } => size.extras += usize::from(force),
                Op::Page(PageOp::Anon { huge, .. })
                | Op::Shmem(ShmemOp::Fault { huge, .. } | ShmemOp::Lookup { huge, .. }) => {
                    size.extras += usize::from(huge);
                }
                Op::Page(PageOp::FreeList { list }) => size.extras += list.iter().count() - 1,
                Op::Slab(SlabOp::CreateCache { rcu, .. }) => size.extras += usize::from(rcu),
                _ => {}
            }
        }
        size
    }

    /// The size with so many preemptions.
    pub(super) fn with_preemptions(self, preemptions: usize) -> Size {
        Size { preemptions, ..self }
    }

    pub(super) fn preemptions(&self) -> usize {
        self.preemptions
    }
}
