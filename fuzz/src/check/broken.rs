//! A broken law, before it has been given the names of the program.

use crate::trace::Labels;
use crate::violation::Invariant;
use stocktake_impl::Label;
use stocktake_model::{CacheId, FileId, GroupId};

/// What a law is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    Group(GroupId),
    /// The objcg that was born in this group.
    ObjcgOf(GroupId),
    Cpu(usize),
    /// The kmem_cache of this name that was created for this group; root's is the one that the program created.
    Cache(CacheId, GroupId),
    SwapSlots,
    /// This file of shmem.
    File(FileId),
    /// The table of memcg ids.
    Ids,
    /// The step itself.
    Step,
}

/// A text in which objects have the names of the program.
pub(crate) type Text = Box<dyn Fn(&Labels) -> String>;

/// What can be said of a broken law: a plain text, a number, or a text that needs names.
pub(crate) trait Words {
    fn text(self) -> Text;
}

impl Words for &'static str {
    fn text(self) -> Text {
        Box::new(move |_| String::from(self))
    }
}

impl Words for String {
    fn text(self) -> Text {
        Box::new(move |_| self.clone())
    }
}

impl Words for i64 {
    fn text(self) -> Text {
        Box::new(move |_| self.to_string())
    }
}

impl<F: Fn(&Labels) -> String + 'static> Words for F {
    fn text(self) -> Text {
        Box::new(self)
    }
}

/// One broken law.
pub(crate) struct Broken {
    pub(crate) invariant: Invariant,
    pub(crate) aspect: &'static str,
    pub(crate) thing: Thing,
    pub(crate) expected: Text,
    pub(crate) found: Text,
    pub(crate) because: Text,
    /// The shared word that is wrong, where it is one: its history is the provenance.
    pub(crate) word: Option<Label>,
}

impl Broken {
    pub(crate) fn new(
        invariant: Invariant,
        aspect: &'static str,
        thing: Thing,
        expected: impl Words,
        found: impl Words,
        because: impl Words,
    ) -> Box<Broken> {
        let (expected, found, because) = (expected.text(), found.text(), because.text());
        Box::new(Broken { invariant, aspect, thing, expected, found, because, word: None })
    }

    /// Say this besides.
    pub(crate) fn also(mut self: Box<Broken>, because: impl Words) -> Box<Broken> {
        let (before, because) = (self.because, because.text());
        self.because = Box::new(move |names| format!("{}; {}", before(names), because(names)));
        self
    }

    /// Name the word that is wrong.
    pub(crate) fn about(mut self: Box<Broken>, word: Option<Label>) -> Box<Broken> {
        self.word = word;
        self
    }
}

/// Result of a law.
pub(crate) type Law = Result<(), Box<Broken>>;
