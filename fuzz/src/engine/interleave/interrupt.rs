//! Interrupts: an operation of a lane, run in the middle of the one before it in the same lane, on the CPU that this one
//! lends.
//!
//! The machine says where interrupts are on ([`stocktake_impl::Env::interrupt`]). Whether one comes there is a choice
//! of the strategy, and stands in the schedule. An interrupt has a lane of its own, so that other CPUs may go on while
//! it runs; whom it interrupts cannot. One that never comes runs as any other operation of its lane.

use super::Interleave;
use super::board::IRQ;
use super::lane::Job;
use crate::check::Broken;
use crate::engine::timeline::Happening;
use crate::goals::Seen;
use crate::program::Program;
use crate::tally::Tally;
use std::rc::Rc;

impl Interleave {
    /// A lane begins an operation, or has been interrupted in it: what comes next may interrupt it.
    pub(super) fn expect_interrupt(&self, program: &Program, lane: usize) {
        let Some(expected) = self.shared.board.interrupts.get(lane) else { return };
        let member = &self.crew[lane];
        let next = member.steps.get(member.next).copied();
        expected.set(next.filter(|&index| program.steps[index].interrupt().is_some()));
    }

    /// Whether an interrupt that has not ended has the CPU of a lane.
    pub(super) fn has_lent(&self, lane: usize) -> bool {
        self.crew[IRQ].busy.is_some_and(|(_, step)| lane != IRQ && step.cpu.index() == lane)
    }

    /// A lane has lent its CPU: begin what interrupts it. The lane that goes on, which is that of the interrupt unless
    /// it was skipped.
    pub(super) fn interrupt(
        &mut self,
        program: &Program,
        lane: usize,
        tally: &mut Tally,
    ) -> Result<usize, (usize, Box<Broken>)> {
        let Some(index) = self.shared.board.interrupts[lane].take() else { return Ok(lane) };
        let Some(&step) = program.steps[index].interrupt() else { return Ok(lane) };
        self.crew[lane].next += 1;
        self.crew[lane].interrupted = true;
        self.expect_interrupt(program, lane);
        let member = &mut self.crew[IRQ];
        member.bindings.clone_from(&self.core.bindings);
        if !self.may_begin(IRQ, &step) {
            self.skipped(program, IRQ, index, tally).map_err(|broken| (index, broken))?;
            return Ok(lane);
        }
        let Some(cpu) = self.shared.board.lent.take() else { return Ok(lane) };
        self.shared.board.reach(Seen::Interrupted);
        self.shared.log.tell(&self.shared.board, lane, index, || Happening::Begin);
        let member = &mut self.crew[IRQ];
        member.busy = Some((index, step));
        member.began = self.outcomes.len();
        let job = Job {
            machine: Rc::clone(&self.core.machine),
            hunting: Rc::clone(&self.core.env),
            cpu,
            dead: None,
            bindings: std::mem::take(&mut member.bindings),
            mode: self.core.model.config().mode,
            step,
            index,
            fail: step.fail,
            pins: [None; 2],
            watched: self.checked,
            outcome: None,
            panic: None,
        };
        self.lanes[IRQ].give(Box::new(job));
        self.shared.board.set_ready(IRQ, true);
        self.shared.board.set_ready(lane, false);
        Ok(IRQ)
    }
}
