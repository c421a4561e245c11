//! Lifetime of a group: `allocated → online → offlining → dying → released → freed`.
//!
//! The count is kept by hand. A reference may be taken with `css_get` only by somebody who already
//! has one or is otherwise guaranteed one; whoever finds a group under RCU must use `css_tryget`,
//! since the count may already be zero. Root is never counted.

use super::arena::{Handle, word_of};
use super::cpu::Cpu;
use super::env::{Env, Label, Mark, Oops, What};
use super::rcu::Callback;
use super::word::Word;
use super::work::Work;
use crate::Fault;
use crate::machine::Machine;
use crate::memcg::{Memcg, MemcgRef};

/// Stage of a group's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i64)]
pub enum State {
    /// Being built: nobody can find it.
    Allocated = 0,
    /// It can be found, charged, and have children.
    Online = 1,
    /// Removed; the second half of the removal has not run.
    Offlining = 2,
    /// Offline; references remain.
    Dying = 3,
    /// The last reference is gone; a work item and a grace period remain.
    Released = 4,
}

impl State {
    #[inline]
    pub(crate) fn from_word(word: i64) -> State {
        match word {
            1 => State::Online,
            2 => State::Offlining,
            3 => State::Dying,
            4 => State::Released,
            _ => State::Allocated,
        }
    }
}

/// The life of a group and its place in the tree.
#[derive(Debug)]
pub(crate) struct Css {
    pub(crate) refs: Word,
    pub(crate) state: Word,
    /// Children that have not been removed.
    pub(crate) children: Word,
    /// Tasks that run in it.
    pub(crate) tasks: Word,
    parent: Word,
    counter_parent: Word,
}

impl Css {
    pub(crate) fn empty(index: usize) -> Css {
        let word = |what| Word::new(Label::new(what, index));
        Css {
            refs: word(What::CssRefs),
            state: word(What::CssState),
            children: word(What::Children),
            tasks: word(What::CssTasks),
            parent: word(What::Parent),
            counter_parent: word(What::CounterParent),
        }
    }

    pub(crate) fn init(&self, parent: Option<MemcgRef>, counter_parent: Option<MemcgRef>) {
        self.refs.init(0);
        self.state.init(State::Allocated as i64);
        self.children.init(0);
        self.tasks.init(0);
        self.parent.init(word_of(parent));
        self.counter_parent.init(word_of(counter_parent));
    }

    /// The parent in the tree. Never changes while the group lives.
    #[inline]
    pub(crate) fn parent<E: Env>(&self, _e: &E) -> Option<Handle<Memcg>> {
        Handle::from_word(self.parent.peek())
    }

    /// The group whose counters count what this one's count. Never changes while the group lives.
    #[inline]
    pub(crate) fn counter_parent(&self) -> Option<Handle<Memcg>> {
        Handle::from_word(self.counter_parent.peek())
    }
}

impl Machine {
    /// Whether the group has not been removed.
    #[inline(always)]
    pub(crate) fn is_online<E: Env>(&self, e: &E, memcg: MemcgRef) -> bool {
        self.memcgs.get(e, memcg).css.state.load(e) == State::Online as i64
    }

    /// Take a reference. Only for somebody who has one already, or is guaranteed one.
    #[inline(always)]
    pub(crate) fn css_get<E: Env>(&self, e: &E, memcg: MemcgRef) {
        if memcg == self.root {
            return;
        }
        let refs = &self.memcgs.get(e, memcg).css.refs;
        if refs.add(e, 1) <= 0 {
            e.oops(Oops::Resurrected(refs.label()));
        }
    }

    /// Take a reference unless the last one is gone. The group must have been found under RCU.
    #[inline(always)]
    pub(crate) fn css_tryget<E: Env>(&self, e: &E, memcg: MemcgRef) -> bool {
        memcg == self.root || self.memcgs.get(e, memcg).css.refs.inc_not_zero(e)
    }

    /// Take a reference unless the group has been removed. It must have been found under RCU.
    #[inline(always)]
    pub(crate) fn css_tryget_online<E: Env>(&self, e: &E, memcg: MemcgRef) -> bool {
        self.is_online(e, memcg) && self.css_tryget(e, memcg)
    }

    /// Find a group by its name and hold it, as a system call does that is given one. Unless `online` is asked for, it
    /// may have been removed, and is found through something of its own. Whether it was found.
    ///
    /// It is found under RCU: what is seen here is not freed before the reference is had, or known not to be. No name
    /// leads to a group that nobody holds: a grace period that is under way may not wait for this section any more.
    pub fn memcg_look_up<E: Env>(&self, e: &E, cpu: &Cpu, memcg: MemcgRef, online: bool) -> bool {
        let _section = self.rcu_read_lock(e, cpu.id);
        let is_held = |node: &Memcg| memcg == self.root || node.css.refs.peek() > 0;
        if !self.memcgs.peek(memcg).is_some_and(is_held) {
            return false;
        }
        if online { self.css_tryget_online(e, memcg) } else { self.css_tryget(e, memcg) }
    }

    /// Let go of a group that was looked up.
    #[inline(always)]
    pub fn memcg_let_go<E: Env>(&self, e: &E, memcg: MemcgRef) {
        self.css_put(e, memcg);
    }

    /// Give a reference back; the last one releases the group.
    #[inline(always)]
    pub(crate) fn css_put<E: Env>(&self, e: &E, memcg: MemcgRef) {
        if memcg == self.root {
            return;
        }
        let css = &self.memcgs.get(e, memcg).css;
        match css.refs.sub(e, 1) {
            1 => {
                css.state.store(e, State::Released as i64);
                e.mark(Mark::CssReleased);
                self.unbound.lock(e).push_back(Work::CssRelease(memcg));
            }
            old if old <= 0 => e.oops(Oops::RefUnderflow(css.refs.label())),
            _ => {}
        }
    }

    /// First half of a group's end, run from a work item: whoever may still read it under RCU is waited for.
    pub(crate) fn css_release<E: Env>(&self, e: &E, memcg: MemcgRef) {
        self.rcu.call(e, Callback::FreeMemcg(memcg));
    }

    /// Second half, run after a grace period.
    pub(crate) fn css_free<E: Env>(&self, e: &E, memcg: MemcgRef) {
        let node = self.memcgs.get(e, memcg);
        let parent = node.css.parent(e);
        if e.fault(Fault::B38) {
            self.ids.lock(e).forget(node.id.swap(e, 0));
        }
        self.free_memcg_as_objcg(e, memcg);
        self.memcgs.free(e, memcg);
        e.mark(Mark::CssFreed);
        if let Some(parent) = parent {
            self.css_put(e, parent);
        }
    }

    /// Whether `memcg` is `root` or below it.
    pub(crate) fn is_descendant<E: Env>(&self, e: &E, memcg: MemcgRef, root: MemcgRef) -> bool {
        let mut at = Some(memcg);
        while let Some(memcg) = at {
            if memcg == root {
                return true;
            }
            at = self.memcgs.get(e, memcg).css.parent(e);
        }
        false
    }
}
