//! A fault from beginning to end, as a task takes it.

use super::entry::FileRef;
use super::swapin::{Charged, Lookup, ShmemStage};
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Label, Loop, Mark, Oops, What};
use crate::substrate::units::Errno;

/// After so many changes of an index entry under a fault somebody goes round in circles.
const MOST_RETRIES: usize = 1000;

/// What a fault answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShmemRead {
    /// The content of the page.
    Content(i64),
    /// A hole was filled with a small page although a huge one was asked for; it contains nothing.
    Small,
}

impl Machine {
    /// Fault on a file, by a task of a group that the caller knows to be online: all stages, again and again while the
    /// index entry changes meanwhile.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if the page cannot be had or charged. [`Errno::NoEnt`] in the design of that name: the fault
    /// handler takes it for an error, and raises `SIGBUS`.
    pub fn shmem_fault<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        file: FileRef,
        faulter: MemcgRef,
        huge: bool,
    ) -> Result<ShmemRead, Errno> {
        // Each time round somebody else has changed the index entry: there is nothing to wait for.
        for _ in 0..MOST_RETRIES {
            let mut fault = match self.shmem_lookup(e, cpu, file, faulter, huge)? {
                Lookup::Page(content) => return Ok(ShmemRead::Content(content)),
                Lookup::Open(fault) => fault,
            };
            let mut small = false;
            // A stage that fails says itself what comes next.
            while fault.next() != ShmemStage::Finish {
                match fault.next() {
                    ShmemStage::Read => drop(self.shmem_read(e, cpu, &mut fault)),
                    ShmemStage::Lock => drop(self.shmem_lock(e, &mut fault)),
                    ShmemStage::Confirm => drop(self.shmem_confirm(e, &mut fault)),
                    ShmemStage::Charge => {
                        small |= self.shmem_charge(e, cpu, &mut fault) == Ok(Charged::Small);
                    }
                    _ => {
                        // After a huge page a small one is tried; after a small one the fault has failed.
                        small |= self.shmem_insert(e, cpu, &mut fault) == Err(Errno::NoMem) && huge;
                    }
                }
            }
            match self.shmem_finish(e, cpu, fault) {
                Ok(_) if small => return Ok(ShmemRead::Small),
                Ok(content) => return Ok(ShmemRead::Content(content)),
                Err(Errno::Exist) => e.mark(Mark::FaultRetried),
                Err(errno) => return Err(errno),
            }
        }
        e.oops(Oops::Stuck(Loop::ShmemFault, Label::new(What::ShmemEntry, file.0)));
        Err(Errno::NoMem)
    }
}
