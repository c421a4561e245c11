//! Values and operands chosen by the next byte of the input: things that exist, the newest with preference, and
//! now and then one that is gone. What is needed and does not exist is made first.

use super::script::Script;
use super::values;
use stocktake_model::{ChargeId, GroupId, Limit, ObjcgId, ObjectId, SlotId};

/// From this operand byte on a consumed name is used, if there is one.
const STALE: u8 = 0xfa;

impl Script<'_, '_> {
    pub(super) fn bytes(&mut self) -> u64 {
        let bytes = values::bytes(self.byte(), self.last_bytes);
        self.last_bytes = bytes;
        bytes
    }

    pub(super) fn pages(&mut self) -> u64 {
        values::pages(self.byte())
    }

    /// A limit around the usage of `group`.
    pub(super) fn limit(&mut self, group: GroupId) -> Limit {
        values::limit(self.byte(), self.picture.usage(group))
    }

    /// A group: mostly one that is online, sometimes root, sometimes one that was removed, with preference for
    /// those that a folio still holds. The first group is created where none is online.
    pub(super) fn some_group(&mut self) -> GroupId {
        let choice = self.byte();
        // In a crowd the newest are not preferred: all are to be cached somewhere.
        let any = u8::from(!self.weights.groups.contains(&0));
        let live = self.picture.groups.choose(choice | any).map(|group| GroupId(group.into()));
        match choice {
            0..0x10 => Some(GroupId::ROOT),
            0x10..0xd8 => live,
            0xd8..0xf0 => self.picture.held_removed_group(choice).or(live),
            0xf0.. => self.picture.groups.consumed(choice & 15).map(|group| GroupId(group.into())).or(live),
        }
        .unwrap_or_else(|| {
            self.first(|script| script.mkdir(script.cpu, GroupId::ROOT, Limit::MAX, Limit::MAX))
        })
    }

    /// As [`Script::some_group`], but not root, which has no limits.
    pub(super) fn some_limited_group(&mut self) -> GroupId {
        match self.some_group() {
            GroupId::ROOT => GroupId(self.picture.groups.choose(0).map_or(0, u16::from)),
            group => group,
        }
    }

    /// Make what the operation being chosen needs. The failure to be injected is kept for that operation.
    pub(super) fn first<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        let fail = self.fail.take();
        let made = make(self);
        self.fail = fail;
        made
    }

    /// A reference to an objcg, seldom one that was given back. One is taken where none is held.
    pub(super) fn some_objcg(&mut self) -> ObjcgId {
        let choice = self.byte();
        let names = &self.picture.objcgs;
        match if choice >= STALE { names.consumed(choice) } else { names.choose(choice) } {
            Some(name) => ObjcgId(name.into()),
            None => self.first(|script| {
                let group = script.some_group();
                script.objcg(script.cpu, group)
            }),
        }
    }

    /// A folio, seldom one that is gone. One is charged where there is none.
    pub(super) fn some_folio(&mut self) -> ChargeId {
        let choice = self.byte();
        let names = &self.picture.folios;
        match if choice >= STALE { names.consumed(choice) } else { names.choose(choice) } {
            Some(name) => ChargeId(name.into()),
            None => self.first(|script| {
                let group = script.some_group();
                let pages = script.pages();
                script.charge(script.cpu, group, pages)
            }),
        }
    }

    /// An object, seldom one that is gone. One is charged where there is none.
    pub(super) fn some_object(&mut self) -> ObjectId {
        let choice = self.byte();
        let names = &self.picture.objects;
        match if choice >= STALE { names.consumed(choice) } else { names.choose(choice) } {
            Some(name) => ObjectId(name.into()),
            None => self.first(|script| {
                let objcg = script.some_objcg();
                let bytes = script.bytes();
                script.obj_charge(script.cpu, objcg, bytes)
            }),
        }
    }

    /// Slots, seldom ones that are free. A folio is swapped out where there are none.
    pub(super) fn some_slot(&mut self) -> SlotId {
        let choice = self.byte();
        let names = &self.picture.slots;
        match if choice >= STALE { names.consumed(choice) } else { names.choose(choice) } {
            Some(name) => SlotId(name.into()),
            None => self.first(|script| {
                let folio = script.some_folio();
                script.swap_out(script.cpu, folio)
            }),
        }
    }
}
