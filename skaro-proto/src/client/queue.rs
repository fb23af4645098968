//! A queue of values that wait for their end, each with a number and a deadline.

use alloc::collections::VecDeque;

use crate::time::Time;

/// Values in the order of their numbers, which is the order of their deadlines too, since all wait equally long.
///
/// Looking one up takes a binary search. Adding one, ending one and finding the next deadline take constant time on
/// average, however many there are. No memory is allocated as long as no more values wait than before.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Queue<T> {
    slots: VecDeque<Slot<T>>,
    /// Number of slots whose value has ended. The first slot is never one of these.
    ended: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slot<T> {
    pub(super) number: u64,
    pub(super) deadline: Time,
    /// Taken when it ends.
    pub(super) value: Option<T>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue { slots: VecDeque::new(), ended: 0 }
    }
}

impl<T> Queue<T> {
    /// Returns how many values have not ended.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.ended
    }

    /// Adds a value; its number and deadline are at least as large as those of all before it.
    pub(super) fn push(&mut self, number: u64, deadline: Time, value: T) {
        self.slots.push_back(Slot { number, deadline, value: Some(value) });
    }

    /// Returns when the first value is due.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.slots.front().map(|slot| slot.deadline)
    }

    /// Returns the place of the value with this number, until the next change.
    pub(super) fn find(&self, number: u64) -> Option<usize> {
        position(&self.slots, number)
    }

    /// Returns the place of the first value whose number is not below this one, or the end.
    pub(super) fn place_from(&self, number: u64) -> usize {
        self.slots.partition_point(|slot| slot.number < number)
    }

    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.slots.get(place)?.value.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.slots.get_mut(place)?.value.as_mut()
    }

    /// Returns the first place at or behind this one whose value passes the test.
    pub(super) fn next_place(&self, from: usize, passes: impl Fn(&T) -> bool) -> Option<usize> {
        let mut later = self.slots.iter().enumerate().skip(from);
        later.find_map(|(place, slot)| slot.value.as_ref().is_some_and(&passes).then_some(place))
    }

    /// Ends the value at this place.
    #[inline]
    pub(super) fn take(&mut self, place: usize) -> Option<T> {
        let value = self.slots.get_mut(place)?.value.take()?;
        self.ended += 1;
        self.tidy();
        Some(value)
    }

    /// Ends the first value if its deadline has come.
    pub(super) fn take_due(&mut self, now: Time) -> Option<Slot<T>> {
        self.slots.front().filter(|slot| slot.deadline <= now)?;
        let slot = self.slots.pop_front();
        self.tidy();
        slot
    }

    /// Ends all values, with their numbers and deadlines.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = (u64, Time, T)> + use<T> {
        let all = core::mem::take(self);
        all.slots.into_iter().filter_map(|slot| Some((slot.number, slot.deadline, slot.value?)))
    }

    /// Drops ended slots from the front, and all of them when they are the larger part.
    fn tidy(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.value.is_none()) {
            self.slots.pop_front();
            self.ended -= 1;
        }
        if self.ended > 32 && self.ended > self.slots.len() / 2 {
            self.slots.retain(|slot| slot.value.is_some());
            self.ended = 0;
        }
    }

    /// Returns how many slots take memory.
    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }
}

/// Returns the place of the slot with this number.
pub(super) fn position<T>(slots: &VecDeque<Slot<T>>, number: u64) -> Option<usize> {
    // As long as none is missing in between, which is usual, the numbers tell the place.
    let place = usize::try_from(number.checked_sub(slots.front()?.number)?).ok()?;
    if slots.get(place).is_some_and(|slot| slot.number == number) {
        return Some(place);
    }
    slots.binary_search_by_key(&number, |slot| slot.number).ok()
}
