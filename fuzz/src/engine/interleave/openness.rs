//! How far the order in which operations took effect is open.

use crate::check::Broken;

/// What is known of it by now. It only grows.
#[derive(Default)]
pub(super) enum Openness {
    /// No two operations have overlapped: there is one order.
    #[default]
    Sequential,
    /// Some have, and nothing speaks against the order in which they ended.
    Overlapped,
    /// What they leave behind depends on the order, so that nothing that a model has to know is judged before the end.
    Ambiguous,
    /// In this step something was not as the model has it, which follows the operations in the order of their ends: there
    /// must be another order.
    Refuted(usize, Box<Broken>),
}

impl Openness {
    /// Operations have overlapped.
    pub(super) fn overlap(&mut self) {
        if matches!(self, Openness::Sequential) {
            *self = Openness::Overlapped;
        }
    }

    /// So have some whose order shows only in what they leave behind.
    pub(super) fn doubt(&mut self) {
        if !matches!(self, Openness::Refuted(..)) {
            *self = Openness::Ambiguous;
        }
    }

    /// The order of the ends is refuted. The first reason counts.
    pub(super) fn refute(&mut self, step: usize, broken: Box<Broken>) {
        if !matches!(self, Openness::Refuted(..)) {
            *self = Openness::Refuted(step, broken);
        }
    }

    /// Whether the model may not be the one that explains what has happened.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Openness::Ambiguous | Openness::Refuted(..))
    }
}
