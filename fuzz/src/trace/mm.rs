//! The operations of tasks and mms in text: `t2 = fork t1`, `p1 = mm.charge t1 3`.

use super::args::Args;
use super::error::quoted;
use super::labels::Labels;
use super::reader::Reader;
use super::reader::one_of;
use super::spelling::{self, Form, PAGES, form, table_words, value};
use super::visit::{Kind, Role};
use std::borrow::Cow;
use std::fmt::{self, Write};
use stocktake_model::{ChargeId, GroupId, MmEvent, MmOp, MmUserId, Pages, TaskId, Via};

/// How the operations are written.
pub(super) const FORMS: [Form; 22] = [
    form("task", Some(Kind::Task), "@0 TASK = task PATH"),
    form("kthread", Some(Kind::Task), "@0 TASK = kthread"),
    form("mm.use", None, "@0 mm.use KTHREAD TASK"),
    form("fork", Some(Kind::Task), "@0 TASK = fork TASK"),
    form("fork.begin", Some(Kind::Task), "@0 TASK = fork.begin TASK"),
    form("fork.end", None, "@0 fork.end TASK"),
    form("thread", Some(Kind::Task), "@0 TASK = thread TASK"),
    form("vfork", Some(Kind::Task), "@0 TASK = vfork TASK"),
    form("exec.make", Some(Kind::User), "@0 USER = exec.make TASK"),
    form("exec.commit", None, "@0 exec.commit USER"),
    form("exit", None, "@0 exit TASK"),
    form("exit.begin", None, "@0 exit.begin TASK"),
    form("exit.end", None, "@0 exit.end TASK"),
    form("migrate", None, "@0 migrate TASK PATH"),
    form("migrate.charges", None, "@0 migrate.charges TASK PATH"),
    form("mm.get", Some(Kind::User), "@0 USER = mm.get TASK|USER"),
    form("mm.grab", Some(Kind::User), "@0 USER = mm.grab TASK|USER"),
    form("mm.put", None, "@0 mm.put USER"),
    form("mm.charge", Some(Kind::Charge), "@0 CHARGE = mm.charge TASK|USER PAGES"),
    form("mm.match", None, "@0 mm.match TASK|USER PATH"),
    form("mm.event", None, "@0 mm.event TASK|USER pgfault|pgmajfault|oom_kill"),
    form("sock.charge", Some(Kind::Charge), "@0 CHARGE = sock.charge TASK PAGES"),
];

/// Words of events.
pub(super) const EVENTS: [(&str, MmEvent); 3] =
    [("pgfault", MmEvent::Fault), ("pgmajfault", MmEvent::MajorFault), ("oom_kill", MmEvent::OomKill)];

/// The word of an operation.
pub(crate) fn word(op: &MmOp) -> &'static str {
    match op {
        MmOp::Task { .. } => "task",
        MmOp::Kthread { .. } => "kthread",
        MmOp::Use { .. } => "mm.use",
        MmOp::Fork { .. } => "fork",
        MmOp::ForkBegin { .. } => "fork.begin",
        MmOp::ForkEnd { .. } => "fork.end",
        MmOp::Thread { .. } => "thread",
        MmOp::Vfork { .. } => "vfork",
        MmOp::ExecMake { .. } => "exec.make",
        MmOp::ExecCommit { .. } => "exec.commit",
        MmOp::Exit { .. } => "exit",
        MmOp::ExitBegin { .. } => "exit.begin",
        MmOp::ExitEnd { .. } => "exit.end",
        MmOp::Migrate { .. } => "migrate",
        MmOp::Get { .. } => "mm.get",
        MmOp::Grab { .. } => "mm.grab",
        MmOp::Put { .. } => "mm.put",
        MmOp::Charge { .. } => "mm.charge",
        MmOp::Match { .. } => "mm.match",
        MmOp::MigrateCharges { .. } => "migrate.charges",
        MmOp::Event { .. } => "mm.event",
        MmOp::Socket { .. } => "sock.charge",
    }
}

/// Show every number of an operation, the one that it creates last.
pub(super) fn visit(op: &mut MmOp, mut see: impl FnMut(Role, Kind, &mut u16)) {
    use Role::{New, Use};
    let via = |see: &mut dyn FnMut(Role, Kind, &mut u16), via: &mut Via| match via {
        Via::Task(task) => see(Use, Kind::Task, &mut task.0),
        Via::User(user) => see(Use, Kind::User, &mut user.0),
    };
    match op {
        MmOp::Task { new, group } => {
            see(Use, Kind::Group, &mut group.0);
            see(New, Kind::Task, &mut new.0);
        }
        MmOp::Kthread { new } => see(New, Kind::Task, &mut new.0),
        MmOp::Use { kthread, of } => {
            see(Use, Kind::Task, &mut kthread.0);
            see(Use, Kind::Task, &mut of.0);
        }
        MmOp::Fork { new, parent: of }
        | MmOp::ForkBegin { new, parent: of }
        | MmOp::Thread { new, of }
        | MmOp::Vfork { new, parent: of } => {
            see(Use, Kind::Task, &mut of.0);
            see(New, Kind::Task, &mut new.0);
        }
        MmOp::ForkEnd { child: task }
        | MmOp::Exit { task }
        | MmOp::ExitBegin { task }
        | MmOp::ExitEnd { task } => see(Use, Kind::Task, &mut task.0),
        MmOp::ExecMake { new, task } => {
            see(Use, Kind::Task, &mut task.0);
            see(New, Kind::User, &mut new.0);
        }
        MmOp::ExecCommit { exec: user } | MmOp::Put { user } => see(Use, Kind::User, &mut user.0),
        MmOp::Migrate { task, group } | MmOp::MigrateCharges { task, group } => {
            see(Use, Kind::Task, &mut task.0);
            see(Use, Kind::Group, &mut group.0);
        }
        MmOp::Get { new, of } | MmOp::Grab { new, of } => {
            via(&mut see, of);
            see(New, Kind::User, &mut new.0);
        }
        MmOp::Charge { new, through, .. } => {
            via(&mut see, through);
            see(New, Kind::Charge, &mut new.0);
        }
        MmOp::Event { through, .. } => via(&mut see, through),
        MmOp::Socket { new, task, .. } => {
            see(Use, Kind::Task, &mut task.0);
            see(New, Kind::Charge, &mut new.0);
        }
        MmOp::Match { through, group } => {
            via(&mut see, through);
            see(Use, Kind::Group, &mut group.0);
        }
    }
}

impl<'t> Reader<'t> {
    /// The operation of tasks and mms that a line is.
    pub(super) fn mm_op(&mut self, new: u16, args: &mut Args<'t>) -> Option<MmOp> {
        Some(match args.form.word {
            "task" => MmOp::Task { new: TaskId(new), group: self.group(args)? },
            "kthread" => MmOp::Kthread { new: TaskId(new) },
            "mm.use" => {
                let (kthread, of) = (self.task(args), self.task(args));
                MmOp::Use { kthread: kthread?, of: of? }
            }
            "fork" => MmOp::Fork { new: TaskId(new), parent: self.task(args)? },
            "fork.begin" => MmOp::ForkBegin { new: TaskId(new), parent: self.task(args)? },
            "fork.end" => MmOp::ForkEnd { child: self.task(args)? },
            "thread" => MmOp::Thread { new: TaskId(new), of: self.task(args)? },
            "vfork" => MmOp::Vfork { new: TaskId(new), parent: self.task(args)? },
            "exec.make" => MmOp::ExecMake { new: MmUserId(new), task: self.task(args)? },
            "exec.commit" => MmOp::ExecCommit { exec: self.user(args)? },
            "exit" => MmOp::Exit { task: self.task(args)? },
            "exit.begin" => MmOp::ExitBegin { task: self.task(args)? },
            "exit.end" => MmOp::ExitEnd { task: self.task(args)? },
            word @ ("migrate" | "migrate.charges") => {
                let (task, group) = (self.task(args), self.group(args));
                match word {
                    "migrate" => MmOp::Migrate { task: task?, group: group? },
                    _ => MmOp::MigrateCharges { task: task?, group: group? },
                }
            }
            "mm.event" => {
                let (through, word) = (self.via(args), args.operand(self, "event")?);
                let Some(event) = value(&EVENTS, word.text) else {
                    let all: Vec<&str> = table_words(&EVENTS).collect();
                    let message = format!("there is no event {}", quoted(word.text));
                    self.wrong(word, message, one_of(word.text, &all));
                    return None;
                };
                MmOp::Event { through: through?, event }
            }
            "sock.charge" => {
                let task = self.task(args);
                let pages = args.operand(self, "number of pages").and_then(|word| self.number(word, PAGES));
                MmOp::Socket { new: ChargeId(new), task: task?, pages: Pages(pages?) }
            }
            "mm.get" => MmOp::Get { new: MmUserId(new), of: self.via(args)? },
            "mm.grab" => MmOp::Grab { new: MmUserId(new), of: self.via(args)? },
            "mm.put" => MmOp::Put { user: self.user(args)? },
            "mm.charge" => {
                let through = self.via(args);
                let pages = args.operand(self, "number of pages").and_then(|word| self.number(word, PAGES));
                MmOp::Charge { new: ChargeId(new), through: through?, pages: Pages(pages?) }
            }
            "mm.match" => {
                let (through, group) = (self.via(args), self.group(args));
                MmOp::Match { through: through?, group: group? }
            }
            _ => return None,
        })
    }

    fn task(&mut self, args: &mut Args<'t>) -> Option<TaskId> {
        self.operand(args, Kind::Task).map(TaskId)
    }

    fn user(&mut self, args: &mut Args<'t>) -> Option<MmUserId> {
        self.operand(args, Kind::User).map(MmUserId)
    }

    /// A task, or a user of an mm.
    fn via(&mut self, args: &mut Args<'t>) -> Option<Via> {
        let word = args.operand(self, "task or mm user")?;
        if self.scope.get(word.text).is_some_and(|found| found.kind == Some(Kind::User)) {
            return self.thing(word, Kind::User).map(|number| Via::User(MmUserId(number)));
        }
        self.thing(word, Kind::Task).map(|number| Via::Task(TaskId(number)))
    }
}

impl Labels {
    /// The name of a task.
    pub fn task(&self, task: TaskId) -> Cow<'_, str> {
        self.label(Kind::Task, task.0)
    }

    /// The name of a user of an mm that is no task.
    pub fn mm_user(&self, user: MmUserId) -> Cow<'_, str> {
        self.label(Kind::User, user.0)
    }

    pub(super) fn write_mm_op(&self, op: &MmOp, to: &mut String) -> fmt::Result {
        let word = word(op);
        let task = |id: TaskId| self.task(id);
        let user = |id: MmUserId| self.mm_user(id);
        let via = |via: Via| match via {
            Via::Task(id) => task(id),
            Via::User(id) => user(id),
        };
        let group = |group: GroupId| self.group(group);
        match *op {
            MmOp::Task { new, group: at } => write!(to, "{} = {word} {}", task(new), group(at)),
            MmOp::Kthread { new } => write!(to, "{} = {word}", task(new)),
            MmOp::Use { kthread, of } => write!(to, "{word} {} {}", task(kthread), task(of)),
            MmOp::Fork { new, parent: of }
            | MmOp::ForkBegin { new, parent: of }
            | MmOp::Thread { new, of }
            | MmOp::Vfork { new, parent: of } => write!(to, "{} = {word} {}", task(new), task(of)),
            MmOp::ExecMake { new, task: of } => write!(to, "{} = {word} {}", user(new), task(of)),
            MmOp::ExecCommit { exec: of } | MmOp::Put { user: of } => write!(to, "{word} {}", user(of)),
            MmOp::ForkEnd { child: of }
            | MmOp::Exit { task: of }
            | MmOp::ExitBegin { task: of }
            | MmOp::ExitEnd { task: of } => write!(to, "{word} {}", task(of)),
            MmOp::Migrate { task: of, group: at } | MmOp::MigrateCharges { task: of, group: at } => {
                write!(to, "{word} {} {}", task(of), group(at))
            }
            MmOp::Get { new, of } | MmOp::Grab { new, of } => {
                write!(to, "{} = {word} {}", user(new), via(of))
            }
            MmOp::Charge { new, through, pages } => {
                write!(to, "{} = {word} {} {}", self.charge(new), via(through), pages.0)
            }
            MmOp::Event { through, event } => {
                write!(to, "{word} {} {}", via(through), spelling::word(&EVENTS, &event))
            }
            MmOp::Socket { new, task: of, pages } => {
                write!(to, "{} = {word} {} {}", self.charge(new), task(of), pages.0)
            }
            MmOp::Match { through, group: at } => write!(to, "{word} {} {}", via(through), group(at)),
        }
    }
}
