//! CPUs: up or down, isolated or not. Nothing is cached on them here, so that is all there is.

use super::{Model, Skip};
use crate::{CpuId, Op};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cpu {
    pub(super) up: bool,
    pub(super) isolated: bool,
}

impl Cpu {
    pub(super) const AT_START: Cpu = Cpu { up: true, isolated: false };
}

impl Model {
    pub(super) fn cpu(&self, cpu: CpuId) -> Result<Cpu, Skip> {
        self.cpus.get(cpu.index()).copied().ok_or(Skip::CpuDown)
    }

    /// A step runs only on a CPU that is up.
    #[inline]
    pub(super) fn admits_cpu(&self, cpu: CpuId) -> Result<(), Skip> {
        if self.cpu(cpu)?.up { Ok(()) } else { Err(Skip::CpuDown) }
    }

    /// Each change has to be one, and no CPU takes itself down.
    pub(super) fn admits_cpu_change(&self, runs_on: CpuId, op: &Op) -> Result<(), Skip> {
        let changes = match *op {
            Op::CpuDown { target } => self.cpu(target)?.up && target != runs_on,
            Op::CpuUp { target } => !self.cpu(target)?.up,
            Op::CpuIsolate { target } => !self.cpu(target)?.isolated,
            Op::CpuUnisolate { target } => self.cpu(target)?.isolated,
            _ => true,
        };
        if changes { Ok(()) } else { Err(Skip::NoChange) }
    }

    pub(super) fn change_cpu(&mut self, target: CpuId, change: impl FnOnce(&mut Cpu)) {
        if let Some(cpu) = self.cpus.get_mut(target.index()) {
            change(cpu);
        }
    }
}
