//! A broken law, before it has been given the names of the program.

use crate::violation::Invariant;
use stocktake_model::GroupId;

/// What a law is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    Group(GroupId),
    /// The objcg that was born in this group.
    ObjcgOf(GroupId),
    Cpu(usize),
    SwapSlots,
    /// The step itself.
    Step,
}

/// One broken law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) invariant: Invariant,
    pub(crate) aspect: &'static str,
    pub(crate) thing: Thing,
    pub(crate) expected: String,
    pub(crate) found: String,
    pub(crate) because: String,
}

impl Broken {
    pub(crate) fn new(
        invariant: Invariant,
        aspect: &'static str,
        thing: Thing,
        expected: impl ToString,
        found: impl ToString,
        because: String,
    ) -> Box<Broken> {
        Box::new(Broken {
            invariant,
            aspect,
            thing,
            expected: expected.to_string(),
            found: found.to_string(),
            because,
        })
    }
}

/// Result of a law.
pub(crate) type Law = Result<(), Box<Broken>>;
