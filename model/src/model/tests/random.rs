//! Random programs, checked after every step against the [`Ledger`](super::ledger::Ledger).

use super::super::GroupLife;
use super::ledger::Ledger;
use super::*;
use crate::{CacheId, Grade, Reason, SlabObjectId, SlabOp};
use std::collections::BTreeSet;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Numbers given so far, and a source of operands: mostly such numbers, the recent ones more often.
#[derive(Default)]
struct Counts {
    groups: u16,
    charges: u16,
    objcgs: u16,
    objects: u16,
    slots: u16,
    caches: u16,
    slab_objects: u16,
}

fn some(random: &mut Random, given: u16) -> u16 {
    let back = if random.one_in(4) { u64::from(given) + 2 } else { 8 };
    (given + 1).saturating_sub(random.below(back) as u16)
}

fn fresh(random: &mut Random, given: &mut u16) -> u16 {
    if random.one_in(40) {
        return some(random, *given);
    }
    *given += 1;
    *given - 1
}

fn config(random: &mut Random) -> Config {
    Config {
        mode: random.pick(&[Mode::V2, Mode::V2, Mode::V1, Mode::V1Flat]),
        cpus: 1 + random.below(3) as u8,
        ids: 2 + random.below(6) as u16,
        slots: random.below(20) as u16,
    }
}

fn limit(random: &mut Random) -> Limit {
    if random.one_in(2) { Limit::MAX } else { Limit::pages(random.below(12)) }
}

fn any_step(random: &mut Random, counts: &mut Counts) -> Step {
    let group = |random: &mut Random, counts: &Counts| g(some(random, counts.groups));
    let op = match random.below(39) {
        0..=3 => {
            let parent = group(random, counts);
            let (max, swap_max) = (limit(random), limit(random));
            Op::Mkdir { new: g(1 + fresh(random, &mut counts.groups)), parent, max, swap_max }
        }
        4 | 5 => Op::Rmdir { group: group(random, counts) },
        6 => Op::SetMax { group: group(random, counts), max: limit(random) },
        7 => Op::SetSwapMax { group: group(random, counts), max: limit(random) },
        32 => Op::SetMemswMax { group: group(random, counts), max: limit(random) },
        33 => {
            let (size, order) = (Bytes(random.pick(&[64, 2040, 4096, 9000])), random.below(3) as u8);
            let new = CacheId(fresh(random, &mut counts.caches));
            Op::Slab(SlabOp::CreateCache { new, size, order, rcu: random.one_in(2) })
        }
        34 => Op::Slab(SlabOp::DestroyCache { cache: CacheId(some(random, counts.caches)) }),
        35 | 36 => {
            let new = SlabObjectId(fresh(random, &mut counts.slab_objects));
            let cache = CacheId(some(random, counts.caches));
            Op::Slab(SlabOp::Alloc { new, cache, group: group(random, counts) })
        }
        37 | 38 => Op::Slab(SlabOp::Free { object: SlabObjectId(some(random, counts.slab_objects)) }),
        8..=11 => Op::Charge {
            new: ChargeId(fresh(random, &mut counts.charges)),
            group: group(random, counts),
            pages: Pages(random.pick(&[1, 1, 2, 3, 5, 40])),
            force: random.one_in(6),
        },
        12 | 13 => uncharge(some(random, counts.charges)),
        14 | 15 => {
            Op::ObjcgFrom { new: ObjcgId(fresh(random, &mut counts.objcgs)), group: group(random, counts) }
        }
        16 => objcg_get(fresh(random, &mut counts.objcgs), some(random, counts.objcgs)),
        17 => objcg_put(some(random, counts.objcgs)),
        18..=20 => {
            let bytes = random.pick(&[1, 92, 3000, 4095, 4096, 4097, 9000]);
            obj_charge(fresh(random, &mut counts.objects), some(random, counts.objcgs), bytes)
        }
        21 | 22 => obj_uncharge(some(random, counts.objects)),
        23 | 24 => swap_out(fresh(random, &mut counts.slots), some(random, counts.charges)),
        25 => Op::SwapIn {
            new: ChargeId(fresh(random, &mut counts.charges)),
            slot: SlotId(some(random, counts.slots)),
            faulter: group(random, counts),
        },
        26 => swap_free(some(random, counts.slots)),
        27 | 28 => Op::Work,
        29 => {
            let target = CpuId(random.below(4) as u8);
            random.pick(&[Op::CpuDown { target }, Op::CpuIsolate { target }, Op::CpuUnisolate { target }])
        }
        30 => Op::CpuUp { target: CpuId(random.below(4) as u8) },
        _ => random.pick(&[Op::Drain, Op::DrainAll { group: ROOT }, Op::Grace, Op::Quiesce]),
    };
    let fail = match random.below(16) {
        0 => Some(Failure::Alloc),
        1 => Some(Failure::Trylock),
        _ => None,
    };
    Step { cpu: CpuId(random.below(16) as u8 % 3), op, fail }
}

fn any_outcome(random: &mut Random) -> Outcome {
    let group = g(random.below(12) as u16);
    random.pick(&[
        DONE,
        DONE,
        Outcome::To(group),
        Outcome::To(group),
        NOMEM,
        BUSY,
        Outcome::Ran(Ran::Offline(group)),
        Outcome::Ran(Ran::Release(group)),
    ])
}

fn any_witness(random: &mut Random, model: &Model) -> Seen {
    let groups = || (0..model.groups() as u16).map(g);
    Seen {
        usage: groups().map(|group| model.usage(group).0 + random.below(8)).collect(),
        memsw: groups().map(|group| model.memsw(group).0 + random.below(8)).collect(),
        kmem: groups().map(|group| model.kmem(group).0).collect(),
        local_pages: random.below(6),
        local_bytes: random.below(10_000),
    }
}

/// What the programs met, so that a test that meets nothing fails.
#[derive(Default)]
struct Met {
    grades: BTreeSet<Grade>,
    outcomes: BTreeSet<Outcome>,
    skips: BTreeSet<Skip>,
    ended: u32,
    held: u32,
}

/// One program; `wild` answers are any, and may come out of any order.
fn program(seed: u64, wild: bool, model: &mut Model, met: &mut Met) {
    let mut random = Random(seed);
    let config = config(&mut random);
    let mut ledger = Ledger::new(config);
    let mut counts = Counts::default();
    model.reset(config);
    for _ in 0..200 {
        let step = any_step(&mut random, &mut counts);
        if let Err(skip) = model.admits(&step) {
            met.skips.insert(skip);
            let before = model.clone();
            model.commit(&step, any_outcome(&mut random));
            assert_eq!(*model, before, "{step:?} was not admitted");
            continue;
        }
        let first = model.first(&step);
        if let Some(answer) = ledger.answer(&step) {
            assert_eq!(first, answer, "{step:?}");
        }
        let observed = if wild && random.one_in(4) {
            any_outcome(&mut random)
        } else if random.one_in(3) {
            let witness = any_witness(&mut random, model);
            let allowed = model.allowed(&step, &witness);
            assert_eq!(allowed.exact[0], first, "{step:?}");
            let divergent = allowed.divergent.iter().map(|(outcome, _)| *outcome);
            let all: Vec<_> = allowed.exact.iter().copied().chain(divergent).collect();
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{allowed:?}");
            let observed = random.pick(&all);
            let others = [DONE, NOMEM, Outcome::Ran(Ran::Release(g(1))), Outcome::Ran(Ran::Offline(g(1)))];
            for outcome in all.into_iter().chain(others) {
                assert_eq!(model.grade(&step, &witness, outcome), allowed.grade(outcome), "{step:?}");
            }
            met.grades.insert(allowed.grade(observed));
            observed
        } else {
            first
        };
        met.outcomes.insert(observed);
        model.commit(&step, observed);
        ledger.enter(&step, observed);
        finish(&mut random, wild, model, &mut ledger, met);
        ledger.check(model);
    }
}

/// Now and then the harness sees a second half run, or a group freed, rightly or not.
fn finish(random: &mut Random, wild: bool, model: &mut Model, ledger: &mut Ledger, met: &mut Met) {
    let next = if wild {
        random.pick(&ledger.lives()).0
    } else {
        model.offlining().first().copied().unwrap_or(ROOT)
    };
    if random.one_in(12) {
        model.offline_finished(next);
        ledger.offlined(next);
    }
    if random.one_in(4) {
        let (group, _) = random.pick(&ledger.lives());
        let expected = ledger.end(group);
        assert_eq!(model.ended(group), expected, "{group:?}");
        met.ended += u32::from(expected.is_ok());
        met.held += u32::from(expected.is_err_and(|holders| !holders.is_empty()));
    }
}

fn new_model() -> Model {
    Model::new(Config { mode: Mode::V2, cpus: 0, ids: 0, slots: 0 })
}

#[test]
fn every_total_is_what_its_definition_says() {
    let mut met = Met::default();
    let mut model = new_model();
    for seed in 0..600 {
        program(seed, false, &mut model, &mut met);
    }
    for reason in [Reason::RemoteStock, Reason::StockHitOverMax, Reason::Offlining] {
        assert!(met.grades.contains(&Grade::Divergent(reason)), "{reason}");
    }
    for outcome in
        [DONE, to(0), to(1), NOMEM, BUSY, NOSPACE, NODEV, INVALID, Outcome::Ran(Ran::Release(g(1)))]
    {
        assert!(met.outcomes.contains(&outcome), "{outcome:?}");
    }
    for skip in [Skip::Absent, Skip::CpuDown, Skip::Removed, Skip::NotInMode, Skip::NoChange] {
        assert!(met.skips.contains(&skip), "{skip:?}");
    }
    assert!(met.ended > 100 && met.held > 100, "{} ended, {} held", met.ended, met.held);
}

#[test]
fn totals_stay_right_when_the_machine_answers_nonsense() {
    let mut met = Met::default();
    let mut model = new_model();
    for seed in 0..600 {
        program(seed, true, &mut model, &mut met);
    }
    assert!(met.ended > 30 && met.held > 100, "{} ended, {} held", met.ended, met.held);
}

#[test]
fn a_step_that_was_never_admitted_can_be_asked_and_committed() {
    let mut random = Random(7);
    let mut model = new_model();
    let before = model.clone();
    for _ in 0..20_000 {
        let mut counts =
            Counts { groups: 9, charges: 9, objcgs: 9, objects: 9, slots: 9, caches: 9, slab_objects: 9 };
        let step = any_step(&mut random, &mut counts);
        let first = model.first(&step);
        assert!(model.allowed(&step, &Seen::default()).exact.contains(&first), "{step:?}");
        model.commit(&step, any_outcome(&mut random));
        assert_eq!(model, before, "there is no CPU to run {step:?}");
    }
}

#[test]
fn an_objcg_belongs_to_the_nearest_group_that_stands() {
    let mut model = new_model();
    let mut inherited = 0;
    for seed in 0..200 {
        program(seed, false, &mut model, &mut Met::default());
        for number in 1..model.groups() as u16 {
            let mut owner = g(number);
            while !matches!(model.life(owner), None | Some(GroupLife::Online | GroupLife::Offlining)) {
                owner = model.counter_parent(owner).unwrap_or(ROOT);
            }
            if model.life(g(number)).is_some() {
                assert_eq!(model.bucket_owner(g(number)), owner);
                inherited += u32::from(owner != g(number) && owner != ROOT);
            }
        }
        // Once everybody lets go and every half has run, nothing is charged, held or in use.
        let steps: Vec<Op> = (0..300)
            .flat_map(|n| {
                [
                    uncharge(n),
                    objcg_put(n),
                    obj_uncharge(n),
                    swap_free(n),
                    Op::Slab(SlabOp::Free { object: SlabObjectId(n) }),
                ]
            })
            .chain((1..model.groups() as u16).rev().map(rmdir))
            .collect();
        for op in steps {
            let cpu = (0..3).map(CpuId).find(|&cpu| model.cpu_up(cpu)).expect("one CPU stays up");
            let step = Step { cpu, op, fail: None };
            if model.admits(&step).is_ok() {
                model.commit(&step, model.first(&step));
            }
        }
        while let Some(&group) = model.offlining().first() {
            model.offline_finished(group);
        }
        for group in (1..model.groups() as u16).rev().map(g) {
            if model.life(group) == Some(GroupLife::Dying) {
                assert_eq!(model.ended(group), Ok(()), "{group:?}");
            }
        }
        assert!(model.holders(ROOT).is_empty());
        assert_eq!((model.usage(ROOT), model.swapped(ROOT)), (Pages(0), Pages(0)));
        assert_eq!((model.ids_in_use(), model.slots_used()), (0, 0));
    }
    assert!(inherited > 20, "{inherited}");
}
