//! The bytes not yet used.

/// The rest of the input. Reading never fails: behind the end every byte is 0.
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// All of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { rest: bytes }
    }

    /// Whether everything has been used.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte.
    #[inline]
    pub(super) fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((&first, rest)) => {
                self.rest = rest;
                first
            }
            None => 0,
        }
    }

    /// The next `N` bytes as a number, the lowest first.
    pub(super) fn little_endian<const N: usize>(&mut self) -> u64 {
        (0..N).fold(0, |number, at| number | u64::from(self.byte()) << (8 * at))
    }
}
