//! Fixed-capacity arenas behind generation-checked handles.
//!
//! Objects are counted by hand, as in the kernel, and freed memory is reused at once. A use after free is
//! therefore not undefined behaviour but a handle whose generation no longer matches, which is reported and
//! then goes on with whatever lives there now: deterministic, and in safe Rust.

use super::env::{Env, Label, Oops, What};
use super::word::{Lock, Word};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::num::NonZeroU64;

/// What lives in an arena.
pub trait Item {
    /// Label of the generation word of a slot.
    const GENERATION: What;
    /// An empty item for slot number `index`.
    fn empty(index: usize) -> Self;
}

/// A reference to an object: its slot and the slot's generation when it was allocated.
///
/// One word, as in `Handle::to_word`: to compare two of them, as each stock hit does, is to compare two numbers.
pub struct Handle<T> {
    word: NonZeroU64,
    of: PhantomData<fn() -> T>,
}

impl<T> Handle<T> {
    /// `None` for slot 0 of generation 0. Generations in use are odd.
    #[inline(always)]
    fn new(index: usize, generation: i64) -> Option<Handle<T>> {
        Handle::from_word((generation << 32) | i64::from(index as u32))
    }

    /// Number of the object's slot.
    #[inline(always)]
    pub fn index(self) -> usize {
        self.word.get() as u32 as usize
    }

    #[inline(always)]
    fn generation(self) -> i64 {
        (self.word.get() >> 32) as i64
    }

    #[inline(always)]
    pub(crate) fn to_word(self) -> i64 {
        self.word.get() as i64
    }

    /// `None` for the word 0: generations in use are odd, so no handle is 0.
    #[inline(always)]
    pub(crate) fn from_word(word: i64) -> Option<Handle<T>> {
        NonZeroU64::new(word as u64).map(|word| Handle { word, of: PhantomData })
    }

    /// Whether this is what `place` holds.
    #[inline(always)]
    pub(crate) fn is_in(self, place: Option<Handle<T>>) -> bool {
        word_of(place) == self.to_word()
    }
}

#[inline(always)]
pub(crate) fn word_of<T>(handle: Option<Handle<T>>) -> i64 {
    handle.map_or(0, Handle::to_word)
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Handle<T> {}
impl<T> PartialEq for Handle<T> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}
impl<T> Eq for Handle<T> {}
impl<T> Hash for Handle<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_word().hash(state);
    }
}
impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.index(), self.generation())
    }
}

/// Slots for objects of one kind.
#[derive(Debug)]
pub struct Arena<T> {
    slots: Box<[Slot<T>]>,
    free: Lock<Free>,
}

#[derive(Debug)]
struct Slot<T> {
    /// Odd while an object lives here.
    generation: Word,
    item: T,
}

#[derive(Debug, Default)]
struct Free {
    /// Slots given back, the next to be used last.
    returned: Vec<u32>,
    /// Slots below this have been used since the last reset.
    used: usize,
}

impl<T: Item> Arena<T> {
    pub(crate) fn new(capacity: usize) -> Arena<T> {
        let slots = (0..capacity)
            .map(|index| Slot {
                generation: Word::new(Label::new(T::GENERATION, index)),
                item: T::empty(index),
            })
            .collect();
        Arena { slots, free: Lock::new(Label::new(What::Free, T::GENERATION as usize), Free::default()) }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Forget every object. Costs as much as has been used since the last time.
    pub(crate) fn reset(&mut self) {
        let free = self.free.get_mut();
        for slot in &self.slots[..free.used] {
            slot.generation.init(0);
        }
        free.returned.clear();
        free.used = 0;
    }

    /// A slot for a new object, or `None` when all are in use. The caller initialises the item before it
    /// publishes the handle.
    pub(crate) fn allocate<E: Env>(&self, e: &E) -> Option<Handle<T>> {
        let index = {
            let mut free = self.free.lock(e);
            match free.returned.pop() {
                Some(index) => index,
                None if free.used < self.slots.len() => {
                    free.used += 1;
                    free.used as u32 - 1
                }
                None => return None,
            }
        };
        let generation = self.slots[index as usize].generation.add(e, 1) + 1;
        Handle::new(index as usize, generation)
    }

    /// Give an object's slot back. Its handles are stale from now on.
    pub(crate) fn free<E: Env>(&self, e: &E, handle: Handle<T>) {
        let slot = &self.slots[handle.index()];
        if !slot.generation.replace(e, handle.generation(), handle.generation() + 1) {
            e.oops(Oops::Stale(slot.generation.label()));
            return;
        }
        self.free.lock(e).returned.push(handle.index() as u32);
    }

    /// The object. A stale handle is reported, and gives whatever lives in the slot now.
    #[inline]
    pub(crate) fn get<E: Env>(&self, e: &E, handle: Handle<T>) -> &T {
        let slot = &self.slots[handle.index()];
        if E::WATCHED && slot.generation.peek() != handle.generation() {
            e.oops(Oops::Stale(slot.generation.label()));
        }
        &slot.item
    }

    /// The object, seen from outside the run; `None` if it has been freed.
    pub(crate) fn peek(&self, handle: Handle<T>) -> Option<&T> {
        let slot = &self.slots[handle.index()];
        (slot.generation.peek() == handle.generation()).then_some(&slot.item)
    }

    /// The object that lives in slot number `index`, seen from outside the run.
    pub(crate) fn at(&self, index: usize) -> Option<(Handle<T>, &T)> {
        let slot = &self.slots[index];
        let generation = slot.generation.peek();
        let lives = generation % 2 == 1;
        Handle::new(index, generation).filter(|_| lives).map(|handle| (handle, &slot.item))
    }

    /// Every live object, in slot order, seen from outside the run, also while a lane is in the middle of an operation.
    pub(crate) fn live(&self) -> impl Iterator<Item = (Handle<T>, &T)> {
        // Nothing lives above the used slots: to know how many these are only saves looking.
        let used = self.free.glance().map_or(self.slots.len(), |free| free.used);
        (0..used).filter_map(|index| self.at(index))
    }
}
