//! The numbers of one kind that have been given as names, and which of them are live.

/// The most names of one kind in a generated program: no step creates more than one.
pub(in crate::decode) const CAPACITY: usize = 256;
/// How many consumed names are remembered.
const CONSUMED: usize = 8;

/// Names of one kind.
pub(in crate::decode) struct Names {
    /// Live ones, the newest last.
    live: [u8; CAPACITY],
    len: u16,
    next: u16,
    consumed: [u8; CONSUMED],
    consumed_ever: u16,
    is_live: [u64; CAPACITY / 64],
}

impl Names {
    /// None yet; the first will be `first`.
    pub(in crate::decode) fn from(first: u16) -> Names {
        Names {
            live: [0; CAPACITY],
            len: 0,
            next: first,
            consumed: [0; CONSUMED],
            consumed_ever: 0,
            is_live: [0; CAPACITY / 64],
        }
    }

    /// The number of the next name.
    pub(super) fn next(&self) -> usize {
        usize::from(self.next)
    }

    /// Give the next name to something that is live, or to something that probably failed to come to life and
    /// counts as consumed.
    #[inline]
    pub(in crate::decode) fn define(&mut self, live: bool) -> u8 {
        // Out of names means out of steps: whatever is answered then is not used.
        let new = self.next.min(CAPACITY as u16 - 1) as u8;
        if self.next() < CAPACITY {
            self.next += 1;
            if live {
                self.live[usize::from(self.len)] = new;
                self.len += 1;
                self.is_live[usize::from(new / 64)] |= 1 << (new % 64);
            } else {
                self.remember(new);
            }
        }
        new
    }

    /// The thing is gone. Answers whether it was there.
    #[inline]
    pub(in crate::decode) fn consume(&mut self, name: u8) -> bool {
        if !self.is_live(name) {
            return false;
        }
        self.is_live[usize::from(name / 64)] &= !(1 << (name % 64));
        let len = usize::from(self.len);
        if let Some(at) = self.live[..len].iter().rposition(|live| *live == name) {
            self.live.copy_within(at + 1..len, at);
            self.len -= 1;
        }
        self.remember(name);
        true
    }

    fn remember(&mut self, name: u8) {
        self.consumed[usize::from(self.consumed_ever) % CONSUMED] = name;
        self.consumed_ever += 1;
    }

    pub(in crate::decode) fn is_live(&self, name: u8) -> bool {
        self.is_live[usize::from(name / 64)] & 1 << (name % 64) != 0
    }

    /// How many are live.
    pub(in crate::decode) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// The live ones, the oldest first.
    pub(in crate::decode) fn live(&self) -> &[u8] {
        &self.live[..self.len()]
    }

    /// A live one: for half of the choices one of the newest four, for the others any.
    #[inline]
    pub(in crate::decode) fn choose(&self, choice: u8) -> Option<u8> {
        let len = self.len();
        if len == 0 {
            return None;
        }
        let any = usize::from(choice >> 1);
        let at = if choice & 1 == 0 { len - 1 - any % len.min(4) } else { any % len };
        Some(self.live[at])
    }

    /// One of the last few that were consumed.
    pub(in crate::decode) fn consumed(&self, choice: u8) -> Option<u8> {
        let known = usize::from(self.consumed_ever).min(CONSUMED);
        (known > 0).then(|| self.consumed[usize::from(choice) % known])
    }
}
