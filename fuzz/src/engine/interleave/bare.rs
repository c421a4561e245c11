//! Scheduling alone: the engine's coroutines, board, strategies and environment, running what they are given. Nothing is
//! checked, and there is no program, no model and no book. Benchmarks measure with it what the scheduler costs.

use super::board::MOST_LANES;
use super::env::LaneEnv;
use super::lane::{Routine, STACK, Shared, Signal};
use crate::engine::hunting::{Hunting, Injected};
use crate::program::Drive;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, Yielder};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use stocktake_impl::{Config, Cpu, Env, Machine};

const CLEAN: &str = "this can only be run with a design that is clean";

/// What runs in the lanes.
pub trait Work {
    /// Prepare a machine that has just been reset, before there are lanes.
    fn prepare(&self, machine: &Machine, cpus: &mut [Cpu]);

    /// Run in one lane, which is the CPU of that number.
    fn run<E: Env>(&self, e: &E, machine: &Machine, cpu: &mut Cpu, lane: usize);
}

/// Lanes that run some work again and again.
pub struct Bare<W> {
    config: Config,
    inside: Rc<Inside<W>>,
    /// Those of the next execution, while it is prepared.
    fresh: Vec<Cpu>,
    lanes: usize,
}

struct Inside<W> {
    shared: Shared,
    hunting: Hunting,
    work: W,
    machine: RefCell<Rc<Machine>>,
    /// Those of an execution; its lane borrows each until it ends.
    cpus: Vec<RefCell<Cpu>>,
}

impl<W: Work + 'static> Bare<W> {
    /// A lane for each CPU of the machine.
    pub fn new(config: Config, work: W) -> Bare<W> {
        let (machine, cpus) = Machine::new(config);
        let lanes = cpus.len();
        assert!(lanes <= MOST_LANES, "each lane has a place");
        let inside = Rc::new(Inside {
            shared: Shared::default(),
            hunting: Hunting::new(),
            work,
            machine: RefCell::new(Rc::new(machine)),
            cpus: cpus.into_iter().map(RefCell::new).collect(),
        });
        for lane in 0..lanes {
            inside.shared.routines.put(lane, coroutine(lane, &inside));
        }
        Bare { config, inside, fresh: Vec::new(), lanes }
    }

    /// Run all lanes to their ends, in an order that the seed makes.
    ///
    /// # Panics
    /// If the lanes wait for each other, or the machine notices a defect.
    pub fn run(&mut self, seed: u64) {
        let board = &self.inside.shared.board;
        {
            let mut machine = self.inside.machine.borrow_mut();
            let machine = Rc::get_mut(&mut machine).expect("no lane runs between two executions");
            machine.reset(self.config, &mut self.fresh);
            self.inside.work.prepare(machine, &mut self.fresh);
        }
        board.restart();
        board.strategy().start(&Drive::Random(seed));
        for (lane, cpu) in self.fresh.drain(..).enumerate() {
            board.set_ready(lane, true);
            board.set_busy(lane, true);
            self.inside.cpus[lane].replace(cpu);
        }
        let mut running = self.lanes;
        while running > 0 {
            let ready = board.ready_or_spinning();
            assert!(!ready.is_empty(), "a deadlock: {CLEAN}");
            let lane = board.choose(None, ready);
            board.next.set(lane);
            while let Some(said) = self.inside.shared.routines.resume(board.next.get()) {
                match said {
                    Signal::Switch => continue,
                    // There is no program, and so nothing that interrupts.
                    Signal::Waits | Signal::Interrupted => {}
                    Signal::Ended => {
                        board.set_ready(board.speaker.get(), false);
                        running -= 1;
                    }
                }
                break;
            }
        }
        assert_eq!(self.inside.hunting.oops_seen(), None, "{CLEAN}");
    }
}

/// The coroutines hold what is inside, and have their places there.
impl<W> Drop for Bare<W> {
    fn drop(&mut self) {
        (0..self.lanes).for_each(|lane| self.inside.shared.routines.discard(lane));
    }
}

fn coroutine<W: Work + 'static>(lane: usize, inside: &Rc<Inside<W>>) -> Routine {
    let stack = DefaultStack::new(STACK).expect("memory for the stack of a lane");
    let inside = Rc::clone(inside);
    Coroutine::with_stack(stack, move |yielder: &Yielder<(), Signal>, ()| {
        loop {
            let mut cpu = inside.cpus[lane].borrow_mut();
            let machine = Rc::clone(&inside.machine.borrow());
            let env = LaneEnv::<false> {
                board: &inside.shared.board,
                routines: &inside.shared.routines,
                yielder,
                hunting: &inside.hunting,
                machine: &machine,
                log: &inside.shared.log,
                lane,
                cpu: lane,
                step: 0,
                watched: false,
                injected: Injected::default(),
                tries: Cell::new(0),
                tries_alone: Cell::new(0),
            };
            inside.work.run(&env, &machine, &mut cpu, lane);
            drop(machine);
            drop(cpu);
            inside.shared.board.speaker.set(lane);
            yielder.suspend(Signal::Ended);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use stocktake_impl::{Bytes, MemcgRef, NO_LIMIT, ObjcgRef, Pages, Plain};

    /// Charges, a drain and an object, of one group: loops that take a reference and others make fail.
    #[derive(Default)]
    struct References {
        names: Cell<Option<(MemcgRef, ObjcgRef)>>,
        ended: Cell<u64>,
    }

    impl Work for References {
        fn prepare(&self, machine: &Machine, cpus: &mut [Cpu]) {
            let group = machine.mkdir(&Plain, machine.root(), NO_LIMIT, NO_LIMIT).expect("room for a group");
            let objcg = machine.objcg_of_memcg(&Plain, &mut cpus[0], group).expect("the group has one");
            self.names.set(Some((group, objcg)));
        }

        fn run<E: Env>(&self, e: &E, machine: &Machine, cpu: &mut Cpu, lane: usize) {
            let (group, objcg) = self.names.get().expect("prepared before");
            let charge = |cpu: &mut Cpu| {
                assert!(machine.memcg_look_up(e, cpu, group, true));
                let folio = machine.mem_cgroup_charge(e, cpu, group, Pages(70), false);
                machine.memcg_let_go(e, group);
                folio.expect("there is no limit")
            };
            match lane {
                0 => {
                    let folio = charge(cpu);
                    machine.mem_cgroup_uncharge(e, cpu, folio);
                }
                1 => {
                    charge(cpu);
                    assert!(machine.memcg_look_up(e, cpu, group, true));
                    machine.drain_all_stock(e, cpu, group);
                    machine.memcg_let_go(e, group);
                }
                _ => {
                    machine.objcg_get(e, cpu, objcg);
                    machine.obj_cgroup_charge(e, cpu, objcg, Bytes(100)).expect("there is no limit");
                    machine.obj_cgroup_uncharge(e, cpu, objcg, Bytes(100));
                    machine.objcg_put(e, cpu, objcg);
                }
            }
            self.ended.set(self.ended.get() + 1);
        }
    }

    /// So many, as it is seldom that all of them wait at once.
    #[test]
    fn lanes_that_all_try_again_go_on() {
        let config = Config { cpus: 3, memcgs: 2, folios: 6, tasks: 0, mms: 0, ..Config::default() };
        let mut bare = Bare::new(config, References::default());
        (0..150_000).for_each(|seed| bare.run(seed));
        assert_eq!(bare.inside.work.ended.get(), 3 * 150_000);
    }
}
