//! Every schedule with at most so many preemptions, one execution after the other.

use super::{Lanes, Point};

/// A search in depth over the choices of an execution. Each execution follows the choices on the stack and takes
/// the first alternative at every point beyond.
#[derive(Debug)]
pub(in super::super) struct Exhaustive {
    /// The most preemptions of one execution.
    bound: usize,
    stack: Vec<Frame>,
    /// Points of this execution so far.
    depth: usize,
    preemptions: usize,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    /// The lane that could have gone on.
    current: Option<usize>,
    chosen: usize,
    /// Lanes that are still to be tried here.
    left: Lanes,
}

impl Frame {
    fn preempts(&self) -> bool {
        self.current.is_some_and(|current| current != self.chosen)
    }
}

impl Exhaustive {
    pub(in super::super) fn new(bound: usize) -> Exhaustive {
        Exhaustive { bound, stack: Vec::new(), depth: 0, preemptions: 0 }
    }

    /// Prepare the next execution. `false` once every schedule has been run.
    pub(in super::super) fn advance(&mut self) -> bool {
        // An execution that ended early leaves nothing above its end to be tried.
        self.stack.truncate(self.depth);
        (self.depth, self.preemptions) = (0, 0);
        while let Some(frame) = self.stack.last_mut() {
            if !frame.left.is_empty() {
                frame.chosen = frame.left.first();
                frame.left.remove(frame.chosen);
                return true;
            }
            self.stack.pop();
        }
        false
    }

    pub(super) fn choose(&mut self, point: &Point) -> usize {
        if self.depth == self.stack.len() {
            let chosen = point.steady();
            let mut left = point.ready;
            left.remove(chosen);
            if point.current.is_some() && self.preemptions >= self.bound {
                left = Lanes::default();
            }
            self.stack.push(Frame { current: point.current, chosen, left });
        }
        let frame = self.stack[self.depth];
        self.depth += 1;
        self.preemptions += usize::from(frame.preempts());
        frame.chosen
    }
}
