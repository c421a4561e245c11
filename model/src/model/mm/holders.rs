//! Who holds on to an mm without using it. That binds no group. khugepaged charges a page first, and then looks whether
//! anybody uses the mm still: if not, the page is freed again. Everybody else becomes a user before doing anything
//! (`mmget_not_zero`), and cannot once the mm has ended.

use crate::Via;
use crate::model::{Model, Skip};

impl Model {
    /// Whether there is an mm there, and not only something that holds on to it.
    pub(super) fn mm_used_by(&self, via: Via) -> Result<(), Skip> {
        self.mm_of(via)?;
        if self.is_grab(via) { Err(Skip::Absent) } else { Ok(()) }
    }

    fn is_grab(&self, via: Via) -> bool {
        matches!(via, Via::User(user) if self.mms.users.get(user.index()).is_some_and(|user| user.grab))
    }

    /// Whether an mm that somebody holds on to has no user any more. Then a charge through it is in vain,
    /// and nobody becomes its user.
    pub(super) fn mm_has_ended(&self, via: Via) -> bool {
        let Some(mm) = self.mm_of(via).ok().filter(|_| self.is_grab(via)) else { return false };
        let used_by_task = self.mms.tasks.iter().any(|(_, task)| task.mm == Some(mm));
        let borrowed = self.mms.borrowed.contains(&mm) || self.migration_is_user_of(mm);
        !used_by_task && !borrowed && !self.mms.users.iter().any(|(_, user)| user.mm == mm && !user.grab)
    }

    /// An operation that only holds on to an mm becomes its user for a while: until it gives that up, other holders find a
    /// user, even if all tasks have left. Whether this is such an operation.
    pub fn mm_borrow(&mut self, via: Via) -> bool {
        let mm = self.mm_of(via).ok().filter(|_| self.is_grab(via));
        self.mms.borrowed.extend(mm);
        mm.is_some()
    }

    /// It is no user any more.
    pub fn mm_give_back(&mut self, via: Via) {
        let Ok(mm) = self.mm_of(via) else { return };
        if let Some(index) = self.mms.borrowed.iter().position(|borrowed| *borrowed == mm) {
            self.mms.borrowed.swap_remove(index);
        }
    }
}
