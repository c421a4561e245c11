//! The scenario profile: scenes in which memcg accounting has gone wrong, or is likely to.
//!
//! A scene takes its parameters from the bytes: CPUs, sizes, the order of steps, which of them are left out. It
//! makes groups of its own, below root or below a group that exists, so that scenes meet; and other operations
//! may be written between its steps, on any CPU. No scene says what should come out.
//!
//! ```text
//! profile  header as in the swarm profile  then again and again:
//!     a byte below 0x80 and the parameters of the scene with that number (its low 6 bits), or
//!     another byte and 1 to 4 steps as in the swarm profile (its low 2 bits)
//! ```

mod charges;
mod groups;
mod mapped;
mod memsw;
mod mm;
mod objects;
mod shmem;
mod slab;
mod stage;
mod stocks;
mod swap;

use super::script::Script;

/// A scene.
pub(super) struct Scene {
    /// Its number in the bytes: part of the format, never reused.
    pub(super) number: u8,
    /// What it is about.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(super) name: &'static str,
    write: fn(&mut Script<'_, '_>),
}

macro_rules! scenes {
    ($($number:literal $name:literal $write:path;)*) => {
        /// All scenes, by number.
        pub(super) const SCENES: &[Scene] = &[$(Scene { number: $number, name: $name, write: $write },)*];
    };
}

scenes! {
    0 "object-split-between-cpus" objects::split_between_cpus;
    1 "whole-page-left-at-release" objects::whole_page_left_at_release;
    2 "two-objcgs-alternate" objects::two_objcgs_alternate;
    3 "full-page-in-byte-stock" objects::full_page_in_byte_stock;
    4 "last-reference-put-by-drain" objects::last_reference_put_by_drain;
    5 "object-refused-at-limit" objects::refused_at_limit;
    6 "objects-of-root" objects::objects_of_root;
    7 "three-generations-removed" groups::three_generations_removed;
    8 "removed-with-bytes-on-another-cpu" groups::removed_with_remote_bytes;
    9 "removed-group-charged" groups::removed_group_charged;
    10 "objcg-of-removed-group" groups::objcg_of_removed_group;
    11 "parent-removed-after-child" groups::parent_removed_after_child;
    12 "ids-exhausted" groups::ids_exhausted;
    13 "cpu-down-with-stocks" stocks::cpu_down_with_stocks;
    14 "drain-of-isolated-cpu" stocks::drain_of_isolated_cpu;
    15 "more-groups-than-slots" stocks::more_groups_than_slots;
    16 "page-stock-overflows" stocks::page_stock_overflows;
    17 "two-drains-at-once" stocks::two_drains;
    18 "limit-met-exactly" charges::limit_met_exactly;
    19 "limit-lowered-below-stock" charges::limit_lowered_below_stock;
    20 "limit-below-usage" charges::limit_below_usage;
    21 "exact-retry" charges::exact_retry;
    22 "forced-above-limit" charges::forced_above_limit;
    23 "nested-limits" charges::nested_limits;
    24 "swap-out-while-id-is-alive" swap::out_while_id_is_alive;
    25 "swap-out-after-id-is-gone" swap::out_after_id_is_gone;
    26 "slots-and-swap-limits-exhausted" swap::exhausted;
    27 "swap-in-at-limit" swap::in_at_limit;
    28 "swap-ids-exhausted" swap::ids_exhausted;
    29 "mm-charged-while-forking" mm::charged_while_forking;
    30 "mm-exec-meets-migration" mm::exec_meets_migration;
    31 "mm-sharer-moved-away" mm::sharer_moved_away;
    32 "mm-leader-exits-first" mm::leader_exits_first;
    33 "mm-users-outlive-tasks" mm::users_outlive_tasks;
    34 "mm-exiting-in-removed-group" mm::exiting_in_removed_group;
    35 "mm-kernel-threads" mm::kernel_threads;
    36 "mm-family" mm::family;
    37 "slab-object-outlives-groups" slab::object_outlives_groups;
    38 "cache-destroyed-after-removal" slab::destroyed_after_removal;
    39 "slab-allocation-fails" slab::allocation_fails;
    40 "between-halves-of-unmap" mapped::between_halves_of_unmap;
    41 "between-halves-of-map" mapped::between_halves_of_map;
    42 "cpu-changes-in-a-move" mapped::cpu_changes_in_a_move;
    43 "nested-movers" mapped::nested_movers;
    44 "emptied-into-full-parent" mapped::emptied_into_full_parent;
    45 "slab-meets-limit" slab::slab_meets_limit;
    46 "mm-charges-moved-along" mm::charges_moved_along;
    47 "kmem-limit-met" objects::kmem_limit_met;
    48 "mm-events-and-sockets" mm::events_and_sockets;
    49 "shmem-swapped-out-again" shmem::swapped_out_again;
    50 "shmem-punched-between-stages" shmem::punched_between_stages;
    51 "shmem-swapped-in-at-limit" shmem::swapped_in_at_limit;
    52 "shmem-two-faults" shmem::two_faults;
    53 "shmem-slot-taken-by-another" shmem::slot_taken_by_another;
    54 "shmem-recorded-group-removed" shmem::recorded_group_removed;
    55 "insertion-fails" shmem::insertion_fails;
    60 "memsw-limits" memsw::limits;
    61 "memsw-of-removed-groups" memsw::of_removed_groups;
}

/// Bits of a scene byte that are its number.
const NUMBER_MASK: u8 = 0x3f;

/// Write scenes and other steps until the input is empty or the program is full.
pub(super) fn write(script: &mut Script<'_, '_>) {
    while !script.is_over() {
        let choice = script.byte();
        if choice < 0x80 {
            // Numbers without a scene are reserved; until they are assigned they stand for others.
            let number = choice & NUMBER_MASK;
            let assigned = SCENES.iter().find(|scene| scene.number == number);
            let scene = assigned.unwrap_or(&SCENES[usize::from(number) % SCENES.len()]);
            script.scenes |= 1 << scene.number;
            let noise = script.byte();
            script.noise = if noise < 0xa0 { 0 } else { 1 << (noise & 7) | 1 << (noise >> 3 & 7) };
            (scene.write)(script);
            script.noise = 0;
            script.fail = None;
        } else {
            for _ in 0..=choice & 3 {
                script.random_step();
            }
        }
    }
}
