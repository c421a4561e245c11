//! Exploring schedules: the harness's own lanes against shuttle's random scheduler, on the same small program and the
//! same source of the machine, which both sides build beforehand and only reset.
//!
//! Three lanes of two operations each, every shared access a scheduling point, the choices random on both sides.

use crate::report::{Goal, Row};
use crate::sampling::{Effort, Ratio, take_turns, time_per_unit};
use shuttle::scheduler::RandomScheduler;
use std::cell::Cell;
use std::sync::{Arc, Mutex};
use stocktake::engine::interleave::Interleave;
use stocktake::engine::interleave::bare::{Bare, Work};
use stocktake::program::{Drive, Program};
use stocktake::tally::Tally;
use stocktake::trace::{self, Reading};
use stocktake_impl::{
    Access, Bytes, Config, Cpu, Env, Label, Loop, Machine, MemcgRef, NO_LIMIT, ObjcgRef, Pages, Plain,
};

const PROGRAM: &str = "stocktake-trace 1
cpus 3
@0 mkdir A
@0 o1 = objcg A
parallel
@0 p1 = charge A 1
@0 uncharge p1
@1 p2 = charge A 70
@1 drain.all A
@2 c1 = obj.charge o1 100
@2 obj.uncharge c1
";

/// Executions in a sample.
const OURS: u64 = 2_000;
const THEIRS: usize = 300;
const ROUNDS: usize = 61;

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let program = trace::read(PROGRAM.as_bytes(), Reading::Strict).expect("a good trace");
    let mut alone = Bare::new(config(), Small::default());
    let mut seed = 0;
    let mut checked = Lanes { engine: Interleave::new(), program, seed: 0 };
    let theirs = Shuttled::new();
    let times = take_turns(
        effort.rounds(ROUNDS),
        [
            &mut |_| {
                time_per_unit(OURS, || {
                    for _ in 0..OURS {
                        seed += 1;
                        alone.run(seed);
                    }
                })
            },
            &mut |_| time_per_unit(OURS, || checked.run(OURS)),
            &mut |round| time_per_unit(THEIRS as u64, || theirs.run(round as u64, THEIRS)),
        ],
    );
    vec![
        Row {
            name: "lanes-vs-shuttle",
            what: "executions a second, scheduling alone: lanes / shuttle's random scheduler, same small program",
            ratio: Ratio::over(times.iter().map(|[alone, _, shuttle]| shuttle / alone)),
            goal: Goal::AtLeast(8.0),
        },
        Row {
            name: "checked-lanes-vs-shuttle",
            what: "the same: lanes with all checks on / shuttle's random scheduler, which checks nothing",
            ratio: Ratio::over(times.iter().map(|[_, checked, shuttle]| shuttle / checked)),
            goal: Goal::None,
        },
        Row {
            name: "checked-lanes-per-microsecond",
            what: "executions in a microsecond, lanes with all checks on: no ratio, depends on the computer",
            ratio: Ratio::over(times.iter().map(|[_, checked, _]| 1000.0 / checked)),
            goal: Goal::None,
        },
    ]
}

/// What stands before the lanes.
fn prepare(machine: &Machine, cpus: &mut [Cpu]) -> (MemcgRef, ObjcgRef) {
    let group = machine.mkdir(&Plain, machine.root(), NO_LIMIT, NO_LIMIT).expect("room for a group");
    let objcg = machine.objcg_of_memcg(&Plain, &mut cpus[0], group).expect("the group has one");
    (group, objcg)
}

/// The program as both schedulers run it alone.
#[derive(Default)]
struct Small {
    names: Cell<Option<(MemcgRef, ObjcgRef)>>,
}

impl Work for Small {
    fn prepare(&self, machine: &Machine, cpus: &mut [Cpu]) {
        self.names.set(Some(prepare(machine, cpus)));
    }

    fn run<E: Env>(&self, e: &E, machine: &Machine, cpu: &mut Cpu, lane: usize) {
        let (group, objcg) = self.names.get().expect("prepared before");
        operate(e, machine, cpu, lane, group, objcg);
    }
}

struct Lanes {
    engine: Interleave,
    program: Program,
    seed: u64,
}

impl Lanes {
    fn run(&mut self, executions: u64) {
        let mut tally = Tally::default();
        for _ in 0..executions {
            self.seed += 1;
            self.program.header.drive = Drive::Random(self.seed);
            if let Err(violation) = self.engine.run(&self.program, &mut tally) {
                panic!("nothing can be measured: the default design breaks a law: {violation:?}");
            }
        }
    }
}

/// Every shared access lets shuttle choose.
struct Points;

impl Env for Points {
    const FAULTS: bool = false;
    const WATCHED: bool = true;

    #[inline]
    fn before(&self, _label: Label, _access: Access) {
        shuttle::thread::yield_now();
    }

    fn retry(&self, _what: Loop, _on: Label) -> bool {
        shuttle::thread::yield_now();
        true
    }
}

fn config() -> Config {
    Config { cpus: 3, memcgs: 2, folios: 2, tasks: 0, mms: 0, ..Config::default() }
}

/// A machine and its CPUs.
type World = (Machine, Vec<Cpu>);

/// The machine between two executions.
struct Shuttled {
    world: Arc<Mutex<Option<World>>>,
}

impl Shuttled {
    fn new() -> Shuttled {
        Shuttled { world: Arc::new(Mutex::new(Some(Machine::new(config())))) }
    }

    fn run(&self, seed: u64, executions: usize) {
        let world = Arc::clone(&self.world);
        let scheduler = RandomScheduler::new_from_seed(seed, executions);
        let runner = shuttle::Runner::new(scheduler, shuttle::Config::new());
        runner.run(move || {
            let (mut machine, mut cpus) = world.lock().expect("one at a time").take().expect("put back");
            machine.reset(config(), &mut cpus);
            let (group, objcg) = prepare(&machine, &mut cpus);
            let machine = Arc::new(machine);
            let lanes: Vec<_> = cpus
                .into_iter()
                .enumerate()
                .map(|(lane, mut cpu)| {
                    let machine = Arc::clone(&machine);
                    shuttle::thread::spawn(move || {
                        operate(&Points, &machine, &mut cpu, lane, group, objcg);
                        cpu
                    })
                })
                .collect();
            let cpus = lanes.into_iter().map(|lane| lane.join().expect("nothing panics")).collect();
            let machine = Arc::into_inner(machine).expect("all lanes have ended");
            *world.lock().expect("one at a time") = Some((machine, cpus));
        });
    }
}

/// The two operations of a lane; each looks up the group that it names, as the harness's lanes do.
fn operate<E: Env>(e: &E, m: &Machine, cpu: &mut Cpu, lane: usize, group: MemcgRef, objcg: ObjcgRef) {
    let mut on_group = |act: &mut dyn FnMut(&mut Cpu)| {
        if m.memcg_look_up(e, cpu, group, true) {
            act(cpu);
            m.memcg_let_go(e, group);
        }
    };
    match lane {
        0 => {
            let mut folio = None;
            on_group(&mut |cpu| folio = m.mem_cgroup_charge(e, cpu, group, Pages(1), false).ok());
            m.mem_cgroup_uncharge(e, cpu, folio.expect("there is no limit"));
        }
        1 => {
            on_group(&mut |cpu| _ = m.mem_cgroup_charge(e, cpu, group, Pages(70), false));
            on_group(&mut |cpu| _ = m.drain_all_stock(e, cpu, group));
        }
        _ => {
            m.objcg_get(e, cpu, objcg);
            m.obj_cgroup_charge(e, cpu, objcg, Bytes(100)).expect("there is no limit");
            m.obj_cgroup_uncharge(e, cpu, objcg, Bytes(100));
            m.objcg_put(e, cpu, objcg);
        }
    }
}
