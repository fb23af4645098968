//! The requests that are under way on a connection.

use alloc::collections::VecDeque;
use core::mem;

use super::ticket::Ticket;
use crate::time::Time;

/// Number of requests that timed out and are remembered, to recognise late answers.
const LATE: usize = 1024;

/// Requests in the order of their numbers, which is the order of their deadlines too, since all wait equally long.
///
/// Looking a request up takes a binary search; adding one, ending one and finding the next deadline take constant
/// time on average, however many there are, and no memory is allocated as long as no more than before are under way.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct InFlight {
    waiting: VecDeque<Slot>,
    /// Slots of `waiting` whose request has ended. The first slot is never one of these.
    ended: usize,
    /// Requests that timed out, and may still be answered.
    late: VecDeque<Slot>,
}

#[derive(Clone, Debug, PartialEq)]
struct Slot {
    /// The number on the wire.
    number: u64,
    deadline: Time,
    /// Taken when the request ends.
    ticket: Option<Ticket>,
}

/// Position of a request in the lists, valid until the next change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    Waiting(usize),
    Late(usize),
}

impl InFlight {
    /// Number of requests that have not ended.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() - self.ended
    }

    /// Adds a request; its number and deadline are at least as large as those of all before it.
    pub(super) fn push(&mut self, number: u64, deadline: Time, ticket: Ticket) {
        self.waiting.push_back(Slot { number, deadline, ticket: Some(ticket) });
    }

    /// When the next request times out.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.waiting.front().map(|slot| slot.deadline)
    }

    /// The request of this number, if it may be answered.
    pub(super) fn find(&self, number: u64) -> Option<(Place, &Ticket)> {
        if let Some(at) = position(&self.waiting, number) {
            return Some((Place::Waiting(at), self.waiting.get(at)?.ticket.as_ref()?));
        }
        let at = position(&self.late, number)?;
        Some((Place::Late(at), self.late.get(at)?.ticket.as_ref()?))
    }

    /// Ends the request at this place because it was answered.
    pub(super) fn answered(&mut self, place: Place) -> Option<Ticket> {
        match place {
            Place::Late(at) => self.late.remove(at)?.ticket,
            Place::Waiting(at) => {
                let ticket = self.waiting.get_mut(at)?.ticket.take()?;
                self.ended += 1;
                self.tidy();
                Some(ticket)
            }
        }
    }

    /// Ends the first request if its deadline has come, and returns its number too.
    pub(super) fn timed_out(&mut self, now: Time) -> Option<(u64, Ticket)> {
        self.waiting.front().filter(|slot| slot.deadline <= now)?;
        let slot = self.waiting.pop_front()?;
        self.tidy();
        let ended = (slot.number, slot.ticket.clone()?);
        if self.late.len() == LATE {
            self.late.pop_front();
        }
        self.late.push_back(slot);
        Some(ended)
    }

    /// Ends all requests, with their numbers, in the order in which they were made.
    pub(super) fn lost(&mut self) -> impl Iterator<Item = (u64, Ticket)> + use<> {
        let all = mem::take(self);
        all.waiting.into_iter().filter_map(|slot| Some((slot.number, slot.ticket?)))
    }

    /// Drops ended slots from the front, and all of them when they are the larger part.
    fn tidy(&mut self) {
        while self.waiting.front().is_some_and(|slot| slot.ticket.is_none()) {
            self.waiting.pop_front();
            self.ended -= 1;
        }
        if self.ended > 32 && self.ended > self.waiting.len() / 2 {
            self.waiting.retain(|slot| slot.ticket.is_some());
            self.ended = 0;
        }
    }
}

fn position(slots: &VecDeque<Slot>, number: u64) -> Option<usize> {
    // As long as none is missing in between, which is usual, the numbers tell the place.
    let place = usize::try_from(number.checked_sub(slots.front()?.number)?).ok()?;
    if slots.get(place).is_some_and(|slot| slot.number == number) {
        return Some(place);
    }
    slots.binary_search_by_key(&number, |slot| slot.number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::RequestId;
    use crate::message::RequestKind;
    use alloc::vec::Vec;

    fn with(numbers: impl IntoIterator<Item = u64>) -> InFlight {
        let mut requests = InFlight::default();
        for number in numbers {
            let (id, kind) = (RequestId(number), RequestKind::GetContacts);
            let ticket = Ticket { id, kind, login: "".into(), marker: None, automatic: false };
            requests.push(number, Time::from_secs(number), ticket);
        }
        requests
    }

    fn answer(requests: &mut InFlight, number: u64) -> Option<u64> {
        let place = requests.find(number)?.0;
        requests.answered(place).map(|ticket| ticket.id.0)
    }

    #[test]
    fn each_ends_once_in_any_order() {
        let mut requests = with(1..=100);
        // 37 and 100 have no common divisor, so this visits each number once.
        for n in 0..100 {
            let number = n * 37 % 100 + 1;
            assert_eq!(answer(&mut requests, number), Some(number));
            assert_eq!(answer(&mut requests, number), None);
            assert_eq!(requests.len(), 99 - n as usize);
        }
        assert_eq!(requests.deadline(), None);
        assert_eq!(requests, InFlight::default());
    }

    #[test]
    fn deadlines_come_in_order_and_skip_what_has_ended() {
        let mut requests = with(1..=4);
        answer(&mut requests, 1);
        answer(&mut requests, 3);
        assert_eq!(requests.deadline(), Some(Time::from_secs(2)));
        assert_eq!(requests.timed_out(Time::from_millis(1999)), None);
        assert!(requests.timed_out(Time::from_secs(9)).is_some());
        assert_eq!(requests.deadline(), Some(Time::from_secs(4)));
        assert!(matches!(requests.find(2), Some((Place::Late(_), _))));
        assert_eq!(requests.find(3), None);
        assert_eq!(answer(&mut requests, 2), Some(2));
        assert_eq!(requests.find(2), None);
    }

    #[test]
    fn one_request_that_never_ends_does_not_keep_the_memory_of_the_others() {
        let mut requests = with([1]);
        for number in 2..100_000 {
            let ticket = requests.waiting[0].ticket.clone().unwrap();
            requests.push(number, Time::from_secs(number), ticket);
            answer(&mut requests, number);
        }
        assert!(requests.waiting.len() < 100);
        // Many at once, too.
        let mut many = with(1..=1000);
        (2..=1000).for_each(|number| assert_eq!(answer(&mut many, number), Some(number)));
        assert!(many.waiting.len() < 100, "{}", many.waiting.len());
        assert_eq!(requests.lost().map(|(number, _)| number).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn only_so_many_late_ones_are_remembered() {
        let mut requests = with(1..=2 * LATE as u64);
        while requests.timed_out(Time::from_secs(1 << 20)).is_some() {}
        assert_eq!(requests.find(LATE as u64), None);
        assert!(matches!(requests.find(LATE as u64 + 1), Some((Place::Late(_), _))));
    }
}
