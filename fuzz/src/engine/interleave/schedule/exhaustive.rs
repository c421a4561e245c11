//! Every schedule with at most so many preemptions, one execution after the other. To preempt a lane before an access to
//! what no other lane touches comes to the same as to preempt it later, before one that matters to others: that can be left
//! out.

use super::{Lanes, Outlook, Point};

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
    /// Whether lanes are preempted only before what others touch too.
    conflicts_only: bool,
    /// Who comes first where nobody is preempted; `None` if all do in turn.
    order: Option<Box<Order>>,
}

/// Lanes, and an interrupt.
const SEATS: usize = 9;

/// A schedule in the order of which lanes come first.
#[derive(Debug, Default)]
struct Order {
    /// Where each lane was chosen in it.
    places: [Vec<usize>; SEATS],
    /// How often each has been chosen in this execution.
    chosen: [usize; SEATS],
}

impl Order {
    fn of(schedule: &[u8]) -> Order {
        let mut order = Order::default();
        for (place, lane) in schedule.iter().enumerate() {
            if let Some(places) = order.places.get_mut(usize::from(*lane)) {
                places.push(place);
            }
        }
        order
    }

    /// Of these lanes, the one that was chosen next.
    fn next(&self, ready: Lanes) -> Option<usize> {
        let place = |lane: usize| self.places[lane].get(self.chosen[lane]).map(|place| (*place, lane));
        ready.iter().filter_map(place).min().map(|(_, lane)| lane)
    }
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

    fn goes_on(&self) -> bool {
        self.current == Some(self.chosen)
    }
}

impl Exhaustive {
    pub(in super::super) fn new(bound: usize) -> Exhaustive {
        Exhaustive { bound, stack: Vec::new(), depth: 0, preemptions: 0, conflicts_only: false, order: None }
    }

    /// Of schedules that come to the same only one.
    pub(in super::super) fn of_conflicts(bound: usize) -> Exhaustive {
        Exhaustive { conflicts_only: true, ..Exhaustive::new(bound) }
    }

    /// Of those only the ones in which lanes come first as in this schedule, where nobody is preempted.
    pub(in super::super) fn in_order_of(schedule: &[u8], bound: usize) -> Exhaustive {
        Exhaustive { order: Some(Box::new(Order::of(schedule))), ..Exhaustive::of_conflicts(bound) }
    }

    pub(super) fn heeds_outlook(&self) -> bool {
        self.conflicts_only
    }

    /// What was chosen last is about to do this.
    pub(super) fn goes(&mut self, outlook: Outlook) {
        let is_new = self.depth == self.stack.len();
        if let Some(frame) = self.stack.last_mut()
            && is_new
            && !outlook.shared
            && frame.goes_on()
        {
            frame.left = Lanes::default();
        }
    }

    /// Whether the execution that has ended had as many preemptions as it may have.
    pub(in super::super) fn is_at_bound(&self) -> bool {
        self.preemptions == self.bound
    }

    /// Prepare the next execution. `false` once every schedule has been run.
    pub(in super::super) fn advance(&mut self) -> bool {
        // An execution that ended early leaves nothing above its end to be tried.
        self.stack.truncate(self.depth);
        (self.depth, self.preemptions) = (0, 0);
        if let Some(order) = &mut self.order {
            order.chosen = [0; SEATS];
        }
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
            let in_order = match (&self.order, point.current) {
                (Some(order), None) => order.next(point.ready),
                _ => None,
            };
            let chosen = in_order.unwrap_or_else(|| point.steady());
            let mut left = point.ready;
            left.remove(chosen);
            if in_order.is_some() || point.current.is_some() && self.preemptions >= self.bound {
                left = Lanes::default();
            }
            self.stack.push(Frame { current: point.current, chosen, left });
        }
        let frame = self.stack[self.depth];
        self.depth += 1;
        self.preemptions += usize::from(frame.preempts());
        if let Some(order) = &mut self.order {
            order.chosen[frame.chosen] += 1;
        }
        frame.chosen
    }
}
