//! Timelines made by hand, for the tests of everything that shows them.

use crate::engine::timeline::{Difference, Event, Happening, Switch, Timeline};
use crate::engine::{Recording, StepRecord};
use crate::program::Program;
use crate::trace::{self, Reading};
use crate::violation::{Invariant, Origin, Violation};
use std::collections::BTreeMap;
use stocktake_impl::{Access, Label, What};
use stocktake_model::{Grade, Outcome};

/// An execution, made event by event.
pub(crate) struct MadeUp {
    pub(crate) program: Program,
    pub(crate) recording: Recording,
    running: Option<usize>,
}

/// The program of a trace.
pub(crate) fn parse(lines: &[&str]) -> Program {
    let text = format!("stocktake-trace 1\n{}\n", lines.join("\n"));
    let mut program = trace::read(text.as_bytes(), Reading::Strict).unwrap_or_else(|error| panic!("{error}"));
    program.steps.iter_mut().for_each(|step| step.line = 0);
    program
}

impl MadeUp {
    pub(crate) fn new(lines: &[&str], lanes: usize) -> MadeUp {
        let names = [
            (What::MemcgGeneration, 0, "/"),
            (What::MemcgGeneration, 1, "A"),
            (What::ObjcgGeneration, 0, "objcg of A"),
            (What::FolioGeneration, 0, "p1"),
        ];
        let owners = names.map(|(arena, slot, name)| (Label::new(arena, slot), name.to_owned()));
        let timeline = Timeline { lanes, events: Vec::new(), owners: BTreeMap::from(owners), blamed: None };
        let recording = Recording {
            steps: Vec::new(),
            sides: Vec::new(),
            cached: Vec::new(),
            violation: None,
            timeline: Some(timeline),
            stale: None,
            explored: None,
        };
        MadeUp { program: parse(lines), recording, running: None }
    }

    fn timeline(&mut self) -> &mut Timeline {
        self.recording.timeline.as_mut().expect("made with one")
    }

    /// Something happens; another lane than before runs for this reason.
    pub(crate) fn event(
        &mut self,
        lane: usize,
        step: usize,
        why: Option<Switch>,
        what: Happening,
    ) -> &mut MadeUp {
        let switch = why.filter(|_| self.running.is_some_and(|running| running != lane));
        self.running = Some(lane);
        self.timeline().events.push(Event { lane, step, switch, what, differences: Vec::new() });
        self
    }

    /// The last event makes something differ.
    pub(crate) fn differs(&mut self, object: &str, quantity: &'static str, expected: i64, found: i64) {
        let difference = Difference { object: object.to_owned(), quantity, expected, found };
        if let Some(last) = self.timeline().events.last_mut() {
            last.differences.push(difference);
        }
    }

    /// A step of the program has this answer.
    pub(crate) fn answered(&mut self, step: usize, outcome: Outcome) {
        let (implementation, model) = (Some(outcome), Some(outcome));
        self.recording.steps.push(StepRecord { step, implementation, model, grade: Some(Grade::Exact) });
        self.recording.steps.sort_by_key(|record| record.step);
    }

    pub(crate) fn access(
        &mut self,
        lane: usize,
        step: usize,
        what: What,
        access: Access,
        old: i64,
        new: i64,
    ) {
        let index = usize::from(what.meaning().whose == WHOSE_GROUP);
        let what = Happening::Access { label: Label::new(what, index), access, old, new };
        self.event(lane, step, None, what);
    }
}

const WHOSE_GROUP: stocktake_impl::Whose = stocktake_impl::Whose::Object(What::MemcgGeneration);

/// A charge between two halves of somebody else's: an update is lost.
pub(crate) fn lost_update() -> MadeUp {
    let mut made = MadeUp::new(
        &[
            "cpus 2",
            "@0 mkdir A max=10",
            "parallel",
            "@0 p1 = charge A 1",
            "@1 p2 = charge A 2",
            "@1 uncharge p2",
        ],
        2,
    );
    made.answered(0, Outcome::Done);
    made.event(0, 1, None, Happening::Begin);
    made.access(0, 1, What::CssState, Access::Load, 1, 1);
    made.access(0, 1, What::MemoryMax, Access::Load, 10, 10);
    made.access(0, 1, What::MemoryUsage, Access::Load, 0, 0);
    made.event(1, 2, Some(Switch::Preempted), Happening::Begin);
    made.access(1, 2, What::MemoryUsage, Access::Update, 0, 2);
    made.event(1, 2, None, Happening::End(Outcome::Done));
    made.answered(2, Outcome::Done);
    made.event(0, 1, Some(Switch::Between), Happening::Note("alloc fails, tried again".to_owned()));
    made.access(0, 1, What::MemoryUsage, Access::Store, 2, 1);
    made.differs("A", "usage", 3, 1);
    made.event(0, 1, None, Happening::End(Outcome::Done));
    made.answered(1, Outcome::Done);
    made.timeline().blamed = Some(Label::new(What::MemoryUsage, 1));
    made.recording.violation = Some(Violation {
        invariant: Invariant::I1,
        aspect: "usage",
        step: 1,
        shape: "charge",
        object: "A".to_owned(),
        expected: "3".to_owned(),
        found: "1".to_owned(),
        because: "3 folios".to_owned(),
        provenance: vec![
            Origin { step: 2, what: "0 → 2 (+2)".to_owned() },
            Origin { step: 1, what: "2 → 1 (-1)".to_owned() },
        ],
    });
    made
}

/// Two lanes take two locks in different orders.
pub(crate) fn deadlock() -> MadeUp {
    let mut made = MadeUp::new(&["cpus 2", "@0 mkdir A", "parallel", "@0 drain.all A", "@1 set A max=4"], 2);
    made.answered(0, Outcome::Done);
    made.event(0, 1, None, Happening::Begin);
    made.access(0, 1, What::DrainMutex, Access::Lock, 0, 1);
    made.event(1, 2, Some(Switch::Preempted), Happening::Begin);
    made.access(1, 2, What::TreeLock, Access::Lock, 0, 1);
    let wait = |what, holder| Happening::Wait { on: Label::new(what, 0), holder: Some(holder) };
    made.event(1, 2, None, wait(What::DrainMutex, 0));
    made.event(0, 1, Some(Switch::Waited), wait(What::TreeLock, 1));
    made.recording.violation = Some(Violation {
        invariant: Invariant::I13,
        aspect: "deadlock",
        step: 1,
        shape: "drain.all",
        object: "the step".to_owned(),
        expected: "an end".to_owned(),
        found: "CPU 0 and CPU 1 wait for each other".to_owned(),
        because: String::new(),
        provenance: Vec::new(),
    });
    made
}

/// An interrupt in the middle of an operation, on the same CPU.
pub(crate) fn interrupt() -> MadeUp {
    let mut made = MadeUp::new(
        &[
            "cpus 2",
            "@0 mkdir A",
            "@0 o1 = objcg A",
            "parallel",
            "@0 c1 = obj.charge o1 92",
            "@0 drain",
            "@1 work",
        ],
        2,
    );
    made.answered(0, Outcome::Done);
    made.answered(1, Outcome::Done);
    made.event(0, 2, None, Happening::Begin);
    made.access(0, 2, What::ObjcgRefs, Access::Update, 1, 2);
    made.event(0, 2, None, Happening::Interrupt(3));
    made.event(0, 3, None, Happening::Begin);
    made.access(0, 3, What::CpuCachedObjcg, Access::Update, 1 << 32, 0);
    made.event(0, 3, None, Happening::End(Outcome::Done));
    made.answered(3, Outcome::Done);
    made.access(0, 2, What::ObjcgLeftover, Access::Update, 0, 4004);
    made.event(0, 2, None, Happening::End(Outcome::Done));
    made.answered(2, Outcome::Done);
    made.event(1, 4, Some(Switch::Ended), Happening::Begin);
    made.event(1, 4, None, Happening::End(Outcome::Ran(stocktake_model::Ran::Nothing)));
    made.answered(4, Outcome::Ran(stocktake_model::Ran::Nothing));
    made
}

/// A lane that spins until another one lets it go on.
pub(crate) fn spinning() -> MadeUp {
    let mut made = MadeUp::new(&["cpus 2", "parallel", "@0 grace", "@1 drain"], 2);
    let section =
        |access, old, new| Happening::Access { label: Label::new(What::CpuSection, 1), access, old, new };
    made.event(1, 1, None, Happening::Begin);
    made.event(1, 1, None, section(Access::Update, 0, 1));
    made.event(0, 0, Some(Switch::Preempted), Happening::Begin);
    for _ in 0..40 {
        made.event(0, 0, None, section(Access::Load, 1, 1));
    }
    let on = Label::new(What::CpuSection, 1);
    made.event(0, 0, None, Happening::Wait { on, holder: Some(1) });
    made.event(1, 1, Some(Switch::Waited), section(Access::Update, 1, 2));
    made.event(1, 1, None, Happening::End(Outcome::Done));
    made.answered(1, Outcome::Done);
    made.event(0, 0, Some(Switch::Ended), section(Access::Load, 2, 2));
    made.event(0, 0, None, Happening::End(Outcome::Done));
    made.answered(0, Outcome::Done);
    made
}

/// All of them.
pub(crate) fn all() -> [(&'static str, MadeUp); 4] {
    [
        ("lost-update", lost_update()),
        ("deadlock", deadlock()),
        ("interrupt", interrupt()),
        ("spinning", spinning()),
    ]
}
