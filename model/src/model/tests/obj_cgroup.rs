//! Objects: bytes in whole pages, references, and what becomes of an objcg when its group is removed.

use super::*;

#[test]
fn an_objcg_is_charged_its_bytes_rounded_up_to_pages() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), objcg(0, 2)]);
    run_all(&mut model, &[obj_charge(0, 0, 3000)]);
    assert_eq!((model.usage(g(2)), model.usage(ROOT)), (Pages(1), Pages(1)));
    run_all(&mut model, &[obj_charge(1, 0, 1096)]);
    assert_eq!(model.usage(g(2)), Pages(1), "a full page");
    run_all(&mut model, &[obj_charge(2, 0, 1)]);
    assert_eq!((model.usage(g(2)), model.usage(g(1)), model.usage(ROOT)), (Pages(2), Pages(2), Pages(2)));
    assert_eq!(model.live_pages(g(2)), Pages(0), "no folio");
    run_all(&mut model, &[obj_uncharge(0)]);
    assert_eq!((model.usage(g(2)), model.bucket_live_bytes(g(2))), (Pages(1), Bytes(1097)));
    run_all(&mut model, &[obj_uncharge(1), obj_uncharge(2)]);
    assert_eq!(model.usage(ROOT), Pages(0));
}

#[test]
fn each_objcg_is_rounded_up_by_itself() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), objcg(0, 1), objcg(1, 2)]);
    run_all(&mut model, &[obj_charge(0, 0, 1), obj_charge(1, 1, 1)]);
    assert_eq!((model.usage(g(1)), model.usage(g(2))), (Pages(2), Pages(1)));
}

#[test]
fn an_object_is_refused_only_if_it_needs_a_page_that_does_not_fit() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(2)), mkdir(2, 1), objcg(0, 2)]);
    run_all(&mut model, &[obj_charge(0, 0, 8000)]);
    assert_eq!(run(&mut model, obj_charge(1, 0, 193)), NOMEM, "a third page");
    assert_eq!(model.bucket_live_bytes(g(2)), Bytes(8000));
    run_all(&mut model, &[set_max(1, Limit::pages(0)), obj_charge(2, 0, 192)]);
    assert_eq!(model.usage(g(1)), Pages(2), "what needs no page asks no counter");
    assert_eq!(run(&mut model, obj_charge(3, 0, 1)), NOMEM);
}

#[test]
fn injected_failures_do_not_change_the_answer_for_an_object() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(1)), objcg(0, 1)]);
    for fail in [Failure::Alloc, Failure::Trylock] {
        assert_eq!(model.first(&failing(obj_charge(0, 0, 4096), fail)), DONE);
        assert_eq!(model.first(&failing(obj_charge(0, 0, 4097), fail)), NOMEM);
    }
}

#[test]
fn objects_of_root_are_not_accounted() {
    let mut model = model(Mode::V2);
    assert_eq!(run(&mut model, objcg(0, 0)), to(0));
    run_all(&mut model, &[objcg_get(1, 0), obj_charge(0, 1, 9000), objcg_put(0), objcg_put(1)]);
    assert_eq!((model.objcg(ObjcgId(0)), model.bucket_of(ObjcgId(0))), (None, None));
    assert_eq!(model.object(ObjectId(0)), Some((ROOT, Bytes(9000))));
    assert_eq!(model.bucket_of_object(ObjectId(0)), None);
    assert_eq!((model.usage(ROOT), model.bucket_refs(ROOT), model.bucket_alive(ROOT)), (Pages(0), 0, false));
    run_all(&mut model, &[obj_uncharge(0)]);
    assert_eq!(model.usage(ROOT), Pages(0));
}

#[test]
fn references_are_the_base_the_programs_and_one_for_each_object() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0)]);
    assert_eq!(model.bucket_refs(g(1)), 1);
    run_all(&mut model, &[objcg(0, 1), objcg_get(1, 0), obj_charge(0, 1, 7)]);
    assert_eq!(model.bucket_refs(g(1)), 4);
    assert_eq!((model.bucket_of(ObjcgId(1)), model.bucket_of_object(ObjectId(0))), (Some(g(1)), Some(g(1))));
    run_all(&mut model, &[objcg_put(0), objcg_put(1), rmdir(1)]);
    assert_eq!(model.bucket_refs(g(1)), 2);
    model.offline_finished(g(1));
    assert_eq!((model.bucket_refs(g(1)), model.bucket_alive(g(1))), (1, true));
    assert_eq!(model.holders(ROOT).objcgs, 1);
    run_all(&mut model, &[obj_uncharge(0)]);
    assert_eq!((model.bucket_alive(g(1)), model.holders(ROOT).objcgs), (false, 0));
}

#[test]
fn the_objcg_of_a_group_is_its_own_until_it_is_offlined() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), charge(0, 2, 1), charge(1, 1, 1)]);
    assert_eq!(run(&mut model, objcg(0, 2)), to(2));
    run_all(&mut model, &[rmdir(2), rmdir(1)]);
    assert_eq!(run(&mut model, objcg(1, 2)), to(2));
    model.offline_finished(g(2));
    assert_eq!(run(&mut model, objcg(2, 2)), to(1));
    model.offline_finished(g(1));
    assert_eq!(run(&mut model, objcg(3, 2)), to(0));
    assert_eq!([0, 1, 2, 3].map(|o| model.bucket_of(ObjcgId(o))), [Some(g(2)), Some(g(2)), Some(g(1)), None]);
}

#[test]
fn a_removed_group_leaves_its_bytes_to_its_parent_and_at_last_to_root() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), objcg(0, 1), objcg(1, 2)]);
    run_all(&mut model, &[obj_charge(0, 0, 1), obj_charge(1, 1, 5000)]);
    let usage = |model: &Model| [g(2), g(1), ROOT].map(|g| model.usage(g).0);
    assert_eq!(usage(&model), [2, 3, 3]);
    run_all(&mut model, &[rmdir(2)]);
    assert_eq!((usage(&model), model.bucket_owner(g(2))), ([2, 3, 3], g(2)));
    model.offline_finished(g(2));
    assert_eq!((usage(&model), model.bucket_owner(g(2))), ([0, 3, 3], g(1)));
    remove(&mut model, 1);
    assert_eq!((usage(&model), model.bucket_owner(g(2)), model.bucket_owner(g(1))), ([0, 0, 3], ROOT, ROOT));
    assert_eq!((model.ended(g(2)), model.ended(g(1))), (Ok(()), Ok(())), "objects hold no group");
    // What root has inherited is accounted, more of it too, and nothing limits it.
    run_all(&mut model, &[obj_charge(2, 1, 8192), obj_uncharge(0)]);
    assert_eq!(usage(&model), [0, 0, 4]);
    assert_eq!(model.holders(ROOT).objcgs, 2);
    run_all(&mut model, &[obj_uncharge(1), obj_uncharge(2), objcg_put(0), objcg_put(1)]);
    assert_eq!((usage(&model), model.holders(ROOT).objcgs), ([0, 0, 0], 0));
}

#[test]
fn an_inherited_objcg_is_limited_by_its_new_owner_alone() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(3)), mkdir_max(2, 1, Limit::pages(1)), objcg(0, 2)]);
    assert_eq!(run(&mut model, obj_charge(0, 0, 8192)), NOMEM);
    remove(&mut model, 2);
    assert_eq!(run(&mut model, obj_charge(1, 0, 8192)), DONE);
    assert_eq!(run(&mut model, obj_charge(2, 0, 8192)), NOMEM);
}

#[test]
fn a_flat_tree_reparents_to_root_at_once() {
    let mut model = model(Mode::V1Flat);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), objcg(0, 2), obj_charge(0, 0, 4097), charge(0, 2, 1)]);
    assert_eq!([g(2), g(1), ROOT].map(|g| model.usage(g).0), [3, 0, 3]);
    remove(&mut model, 2);
    assert_eq!(model.bucket_owner(g(2)), ROOT);
    assert_eq!([g(2), g(1), ROOT].map(|g| model.usage(g).0), [1, 0, 3]);
    assert_eq!(run(&mut model, objcg(1, 2)), to(0), "past the online parent in the tree");
}

#[test]
fn a_dead_objcg_that_is_handed_out_again_is_counted_again() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1)]);
    remove(&mut model, 2);
    assert_eq!((model.bucket_alive(g(2)), model.holders(g(1)).objcgs), (false, 0));
    model.commit(&step(objcg(0, 1)), to(2));
    assert_eq!((model.bucket_refs(g(2)), model.holders(g(1)).objcgs), (1, 1));
    model.commit(&step(objcg(1, 1)), to(7));
    assert_eq!(model.objcg(ObjcgId(1)), None, "there is no such group");
    run_all(&mut model, &[objcg_put(0)]);
    assert_eq!((model.bucket_alive(g(2)), model.holders(g(1)).objcgs), (false, 0));
}
