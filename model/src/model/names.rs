//! A table of the objects that a program has named, and of what became of each name.

use super::Skip;

/// What became of a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name<T> {
    /// Not given yet, or given by an operation that was refused.
    Fresh,
    Live(T),
    Consumed,
}

/// The objects of one kind, indexed by their dense numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Names<T>(Vec<Name<T>>);

impl<T> Default for Names<T> {
    fn default() -> Self {
        Names(Vec::new())
    }
}

impl<T> Names<T> {
    /// Makes every name fresh again.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// One more than the highest name given so far.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<&T> {
        match self.0.get(index) {
            Some(Name::Live(object)) => Some(object),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        match self.0.get_mut(index) {
            Some(Name::Live(object)) => Some(object),
            _ => None,
        }
    }

    /// The object, or the reason to skip an operation on it.
    #[inline]
    pub(super) fn live(&self, index: usize) -> Result<&T, Skip> {
        self.get(index).ok_or(Skip::Absent)
    }

    /// Whether the name can be given: once in a program.
    #[inline]
    pub(super) fn fresh(&self, index: usize) -> Result<(), Skip> {
        match self.0.get(index) {
            None | Some(Name::Fresh) => Ok(()),
            Some(Name::Live(_) | Name::Consumed) => Err(Skip::Absent),
        }
    }

    /// Gives a fresh name to `object`.
    #[inline]
    pub(super) fn make(&mut self, index: usize, object: T) {
        if index >= self.0.len() {
            self.0.resize_with(index + 1, || Name::Fresh);
        }
        self.0[index] = Name::Live(object);
    }

    /// Consumes the object.
    #[inline]
    pub(super) fn take(&mut self, index: usize) -> Option<T> {
        let name = self.0.get_mut(index)?;
        match std::mem::replace(name, Name::Consumed) {
            Name::Live(object) => Some(object),
            other => {
                *name = other;
                None
            }
        }
    }

    /// All live objects, by ascending name.
    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        (0..self.len()).filter_map(|index| Some((index, self.get(index)?)))
    }
}
