//! Operations of tasks and mms to bytes.

use super::{Unencodable, Writer};
use crate::decode::direct::Given;
use crate::decode::number::MOST_PAGES;
use stocktake_model::{MmOp, MmUserId, TaskId, Via};

impl Writer {
    /// What an operation creates: among which names, and its number.
    pub(super) fn mm_name(&mut self, op: &MmOp) -> Option<(&mut Given, u16)> {
        match *op {
            MmOp::Task { new, .. }
            | MmOp::Kthread { new }
            | MmOp::Fork { new, .. }
            | MmOp::ForkBegin { new, .. }
            | MmOp::Thread { new, .. }
            | MmOp::Vfork { new, .. } => Some((&mut self.walk.tasks, new.0)),
            MmOp::ExecMake { new, .. } | MmOp::Get { new, .. } | MmOp::Grab { new, .. } => {
                Some((&mut self.walk.users, new.0))
            }
            MmOp::Charge { new, .. } | MmOp::Socket { new, .. } => Some((&mut self.walk.charges, new.0)),
            _ => None,
        }
    }

    pub(super) fn mm_operands(&mut self, op: &MmOp) -> Result<(), Unencodable> {
        match *op {
            MmOp::Task { group, .. } => self.group(group)?,
            MmOp::Kthread { .. } => {}
            MmOp::Use { kthread, of } => {
                self.task(kthread)?;
                self.task(of)?;
            }
            MmOp::Fork { parent: task, .. }
            | MmOp::ForkBegin { parent: task, .. }
            | MmOp::ForkEnd { child: task }
            | MmOp::Thread { of: task, .. }
            | MmOp::Vfork { parent: task, .. }
            | MmOp::ExecMake { task, .. }
            | MmOp::Exit { task }
            | MmOp::ExitBegin { task }
            | MmOp::ExitEnd { task } => self.task(task)?,
            MmOp::ExecCommit { exec: user } | MmOp::Put { user } => self.user(user)?,
            MmOp::Migrate { task, group } | MmOp::MigrateCharges { task, group } => {
                self.task(task)?;
                self.group(group)?;
            }
            MmOp::Get { of, .. } | MmOp::Grab { of, .. } => self.via(of)?,
            MmOp::Charge { through, pages, .. } => {
                self.via(through)?;
                self.value(pages.0, 1, MOST_PAGES)?;
            }
            MmOp::Event { through, event } => {
                self.via(through)?;
                self.out.push(event as u8);
            }
            MmOp::Socket { task, pages, .. } => {
                self.task(task)?;
                self.value(pages.0, 1, MOST_PAGES)?;
            }
            MmOp::Match { through, group } => {
                self.via(through)?;
                self.group(group)?;
            }
        }
        if let Some((given, number)) = self.mm_name(op) {
            given.give(number);
        }
        Ok(())
    }

    fn task(&mut self, task: TaskId) -> Result<(), Unencodable> {
        self.operand(task.0, self.walk.tasks.next)
    }

    fn user(&mut self, user: MmUserId) -> Result<(), Unencodable> {
        self.operand(user.0, self.walk.users.next)
    }

    fn via(&mut self, via: Via) -> Result<(), Unencodable> {
        match via {
            Via::Task(task) => {
                self.out.push(0);
                self.task(task)
            }
            Via::User(user) => {
                self.out.push(1);
                self.user(user)
            }
        }
    }
}
