//! The parts of the format that never change.

use super::operations;
use crate::decode::scenario::SCENES;
use crate::decode::tags::{self, Kind, Tag};
use crate::decode::{Profile, decode, encode};
use stocktake_model::{Bytes, CpuId, Failure, GroupId, Limit, Mode, ObjcgId, ObjectId, Op, Step};

#[test]
fn tags_keep_their_numbers() {
    let pinned = [
        (0, Kind::Mkdir),
        (1, Kind::Rmdir),
        (2, Kind::SetMax),
        (3, Kind::SetSwapMax),
        (4, Kind::Charge),
        (5, Kind::ChargeForce),
        (6, Kind::Uncharge),
        (7, Kind::ObjcgFrom),
        (8, Kind::ObjcgGet),
        (9, Kind::ObjcgPut),
        (10, Kind::ObjCharge),
        (11, Kind::ObjUncharge),
        (12, Kind::SwapOut),
        (13, Kind::SwapIn),
        (14, Kind::SwapFree),
        (15, Kind::CpuDown),
        (16, Kind::CpuUp),
        (17, Kind::CpuIsolate),
        (18, Kind::CpuUnisolate),
        (19, Kind::Drain),
        (20, Kind::DrainAll),
        (21, Kind::Work),
        (22, Kind::Grace),
        (23, Kind::Quiesce),
        (64, Kind::MmTask),
        (65, Kind::MmKthread),
        (66, Kind::MmUse),
        (67, Kind::MmFork),
        (68, Kind::MmForkBegin),
        (69, Kind::MmForkEnd),
        (70, Kind::MmThread),
        (71, Kind::MmVfork),
        (72, Kind::MmExecMake),
        (73, Kind::MmExecCommit),
        (74, Kind::MmExit),
        (75, Kind::MmExitBegin),
        (76, Kind::MmExitEnd),
        (77, Kind::MmMigrate),
        (78, Kind::MmGet),
        (79, Kind::MmPut),
        (80, Kind::MmCharge),
        (81, Kind::MmMatch),
        (82, Kind::SetMemswMax),
        (83, Kind::MmMigrateCharges),
        (84, Kind::MmEvent),
        (85, Kind::MmSocket),
        (86, Kind::SetKmemMax),
        (87, Kind::ObjChargeForce),
        (88, Kind::MmGrab),
        (96, Kind::Map),
        (97, Kind::MapBegin),
        (98, Kind::MapEnd),
        (99, Kind::Unmap),
        (100, Kind::UnmapBegin),
        (101, Kind::UnmapEnd),
        (102, Kind::MoveStart),
        (103, Kind::MovePage),
        (104, Kind::MoveEnd),
        (105, Kind::ForceEmpty),
        (112, Kind::CacheCreate),
        (113, Kind::CacheDestroy),
        (114, Kind::SlabAlloc),
        (115, Kind::SlabFree),
        (129, Kind::PageFile),
        (130, Kind::PageAnon),
        (131, Kind::PageHugetlb),
        (132, Kind::FreeList),
        (136, Kind::ShmemFile),
        (137, Kind::ShmemFault),
        (138, Kind::ShmemLookup),
        (139, Kind::ShmemRead),
        (140, Kind::ShmemLock),
        (141, Kind::ShmemConfirm),
        (142, Kind::ShmemCharge),
        (143, Kind::ShmemInsert),
        (144, Kind::ShmemFinish),
        (145, Kind::ShmemWrite),
        (146, Kind::ShmemOut),
        (147, Kind::ShmemWritten),
        (148, Kind::SwapNotify),
        (149, Kind::ShmemPunch),
        (150, Kind::SwapReclaim),
        (151, Kind::Swapoff),
    ];
    for (number, kind) in pinned {
        assert_eq!(kind.tag(), number, "{kind:?}");
        assert_eq!(Tag::of_byte(number), Tag::Op(kind));
    }
    assert_eq!(Kind::ALL.len(), pinned.len(), "a new kind of operation is pinned here too");
    assert_eq!((tags::FAIL_ALLOC, tags::FAIL_TRYLOCK, tags::NAME), (60, 61, 62));
    assert_eq!(Tag::of_byte(60), Tag::FailAlloc);
    assert_eq!(Tag::of_byte(61), Tag::FailTrylock);
    assert_eq!(Tag::of_byte(62), Tag::Name);
    assert_eq!((tags::FAIL_INSERT, Tag::of_byte(128)), (128, Tag::FailInsert));
}

#[test]
fn scenes_keep_their_numbers() {
    let pinned = [
        (0, "object-split-between-cpus"),
        (1, "whole-page-left-at-release"),
        (2, "two-objcgs-alternate"),
        (3, "full-page-in-byte-stock"),
        (4, "last-reference-put-by-drain"),
        (5, "object-refused-at-limit"),
        (6, "objects-of-root"),
        (7, "three-generations-removed"),
        (8, "removed-with-bytes-on-another-cpu"),
        (9, "removed-group-charged"),
        (10, "objcg-of-removed-group"),
        (11, "parent-removed-after-child"),
        (12, "ids-exhausted"),
        (13, "cpu-down-with-stocks"),
        (14, "drain-of-isolated-cpu"),
        (15, "more-groups-than-slots"),
        (16, "page-stock-overflows"),
        (17, "two-drains-at-once"),
        (18, "limit-met-exactly"),
        (19, "limit-lowered-below-stock"),
        (20, "limit-below-usage"),
        (21, "exact-retry"),
        (22, "forced-above-limit"),
        (23, "nested-limits"),
        (24, "swap-out-while-id-is-alive"),
        (25, "swap-out-after-id-is-gone"),
        (26, "slots-and-swap-limits-exhausted"),
        (27, "swap-in-at-limit"),
        (28, "swap-ids-exhausted"),
        (29, "mm-charged-while-forking"),
        (30, "mm-exec-meets-migration"),
        (31, "mm-sharer-moved-away"),
        (32, "mm-leader-exits-first"),
        (33, "mm-users-outlive-tasks"),
        (34, "mm-exiting-in-removed-group"),
        (35, "mm-kernel-threads"),
        (36, "mm-family"),
        (37, "slab-object-outlives-groups"),
        (38, "cache-destroyed-after-removal"),
        (39, "slab-allocation-fails"),
        (40, "between-halves-of-unmap"),
        (41, "between-halves-of-map"),
        (42, "cpu-changes-in-a-move"),
        (43, "nested-movers"),
        (44, "emptied-into-full-parent"),
        (45, "slab-meets-limit"),
        (46, "mm-charges-moved-along"),
        (47, "kmem-limit-met"),
        (48, "mm-events-and-sockets"),
        (49, "shmem-swapped-out-again"),
        (50, "shmem-punched-between-stages"),
        (51, "shmem-swapped-in-at-limit"),
        (52, "shmem-two-faults"),
        (53, "shmem-slot-taken-by-another"),
        (54, "shmem-recorded-group-removed"),
        (55, "insertion-fails"),
        (60, "memsw-limits"),
        (61, "memsw-of-removed-groups"),
    ];
    let scenes: Vec<_> = SCENES.iter().map(|scene| (scene.number, scene.name)).collect();
    assert_eq!(scenes, pinned);
}

#[test]
fn profiles_keep_their_bytes() {
    let pinned = [(0, Profile::Direct), (1, Profile::Swarm), (2, Profile::Tiny), (3, Profile::Scenario)];
    for (byte, profile) in pinned {
        assert_eq!(profile.byte(), byte);
        assert_eq!(Profile::of_byte(byte), profile);
        assert_eq!(Profile::of_byte(byte | 0xf8), profile, "the upper bits are not looked at");
    }
}

#[test]
fn direct_bytes_keep_their_meaning() {
    let bytes = [
        0, 2, 1, 64, 0xfc, 1, 4, // direct, 2 CPUs, v1, 64 ids, 1025 slots
        0, 0, 0, 100, 0xff, // @0 mkdir g1 in root max=100, no swap limit
        7, 1, 1, // @1 o0 = objcg g1
        60, 62, 3, 10, 1, 0, 0xc9, // @1 c3 = obj.charge o0 3000 fail=alloc
        11, 0, 0xff, 9, 0, // @0 obj.uncharge c9, which does not exist
        23, 1, // @1 quiesce
    ];
    let program = decode(&bytes);
    assert_eq!(program.header.cpus, 2);
    assert_eq!(program.header.mode, Mode::V1);
    assert_eq!((program.header.ids, program.header.slots), (64, 1025));
    let step = |cpu, op, fail| Step { cpu: CpuId(cpu), op, fail };
    let expected = [
        step(
            0,
            Op::Mkdir {
                new: GroupId(1),
                parent: GroupId::ROOT,
                max: Limit::pages(100),
                swap_max: Limit::MAX,
            },
            None,
        ),
        step(1, Op::ObjcgFrom { new: ObjcgId(0), group: GroupId(1) }, None),
        step(
            1,
            Op::ObjCharge { new: ObjectId(3), objcg: ObjcgId(0), bytes: Bytes(3000), force: false },
            Some(Failure::Alloc),
        ),
        step(0, Op::ObjUncharge { object: ObjectId(9) }, None),
        step(1, Op::Quiesce, None),
    ];
    assert_eq!(operations(&program), expected);
    assert_eq!(encode(&program).as_deref(), Ok(&bytes[..]));
}
