//! What the engine knows of the operations on tasks and mms, beside applying them.

use super::lockstep::Lockstep;
use crate::goals::{Goal, Seen};
use crate::tally::Tally;
use crate::trace::Labels;
use stocktake_impl::MmRef;
use stocktake_model::{GroupId, GroupLife, MmOp, MmUserId, Outcome, PageOp, Pages, TaskId, Via};

impl Lockstep {
    /// Goals that involve what the model knows of an mm.
    pub(super) fn count_mm(&self, tally: &mut Tally, op: &MmOp, observed: Outcome) {
        let through = match *op {
            MmOp::Charge { through, pages, .. } => {
                if pages == PageOp::HUGE && matches!(observed, Outcome::To(_)) {
                    tally.goals[Goal::seen(Seen::OrderNineChargedByMm)] += 1;
                }
                through
            }
            MmOp::Event { .. } => {
                if let Outcome::To(group) = observed
                    && self.model.life(group) != Some(GroupLife::Online)
                {
                    tally.goals[Goal::seen(Seen::EventOfRemovedGroup)] += 1;
                }
                return;
            }
            MmOp::Socket { task, .. } => {
                if self.model.mm_task_groups(Via::Task(task)).any(|group| Outcome::To(group) != observed) {
                    tally.goals[Goal::seen(Seen::SocketBesideSharer)] += 1;
                }
                return;
            }
            MmOp::MigrateCharges { task, .. } => {
                let pages = self.model.charges_moved_by(task).map_or(Pages(0), |(_, pages)| pages);
                if observed == Outcome::Is(true) && pages > Pages(0) {
                    tally.goals[Goal::seen(Seen::PagesMovedAlong)] += 1;
                    tally.goals[Goal::seen(Seen::OrderNineMovedAlong)] += u64::from(pages >= PageOp::HUGE);
                }
                return;
            }
            _ => return,
        };
        if self.model.mm_bound(through).is_none() {
            tally.goals[Goal::seen(Seen::UnboundMmCharged)] += 1;
        } else if self.model.mm_is_being_made(through) {
            tally.goals[Goal::seen(Seen::EmbryoCharged)] += 1;
        }
    }

    /// Where the mm of each task and each user leads, a line each, for a report.
    pub(super) fn mm_lines(&self, names: &Labels, lines: &mut Vec<String>) {
        let mms = &self.bindings.mm;
        for (index, task) in mms.tasks.iter().enumerate() {
            if let Some(mm) = task.and_then(|task| self.machine.task_mm(task)) {
                lines.push(format!(
                    "mm of {}: {}",
                    names.task(TaskId(index as u16)),
                    self.where_it_leads(names, mm)
                ));
            }
        }
        for (index, user) in mms.users.iter().enumerate() {
            if let Some(user) = user {
                let name = names.mm_user(MmUserId(index as u16));
                lines.push(format!("mm held by {name}: {}", self.where_it_leads(names, user.mm)));
            }
        }
        if self.machine.tasks_visited() > 0 {
            lines.push(format!(
                "tasks looked at in search of users of an mm: {}",
                self.machine.tasks_visited()
            ));
        }
    }

    fn where_it_leads(&self, names: &Labels, mm: MmRef) -> String {
        let Some(view) = self.machine.mm_view(mm) else { return String::from("freed") };
        let mut text = match (view.memcg, view.owner) {
            (Some(memcg), _) => format!("points to {}", names.group(self.books.group_of(memcg))),
            (None, Some(owner)) => {
                match self.bindings.mm.tasks.iter().position(|task| *task == Some(owner)) {
                    Some(index) => format!("owned by {}", names.task(TaskId(index as u16))),
                    None if self.machine.task_view(owner).is_some() => {
                        String::from("owned by a task that has exited")
                    }
                    None => String::from("owned by a task that has been freed"),
                }
            }
            (None, None) => String::from("leads nowhere"),
        };
        text.push_str(&format!(", {} users", view.users));
        text
    }

    /// The group that pays, or whose tasks change without its reference count, if the machine forgets that.
    pub(super) fn group_of_mm_op(&self, op: &MmOp, observed: Outcome) -> Option<GroupId> {
        match (*op, observed) {
            (_, Outcome::To(payer)) => Some(payer),
            (
                MmOp::Task { group, .. } | MmOp::Migrate { group, .. } | MmOp::MigrateCharges { group, .. },
                _,
            ) => Some(group),
            (MmOp::Exit { task } | MmOp::ExitEnd { task }, _) => self.model.task_group(task),
            _ => None,
        }
    }
}
