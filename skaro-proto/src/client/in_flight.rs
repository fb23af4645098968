//! The requests that are under way on a connection.

use alloc::collections::VecDeque;

use super::queue::{self, Queue, Slot};
use super::ticket::Ticket;
use crate::time::Time;

/// Number of requests that timed out and are remembered, to recognise late answers.
const LATE: usize = 1024;

/// Requests by their number on the wire.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct InFlight {
    waiting: Queue<Ticket>,
    /// Number of requests whose message stays in the outbox until it ends.
    kept: usize,
    /// Requests that timed out, and may still be answered.
    late: VecDeque<Slot<Ticket>>,
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
        self.waiting.len()
    }

    /// Number of requests that have not ended and do not carry a message of the outbox.
    pub(super) fn others(&self) -> usize {
        self.len() - self.kept
    }

    /// Adds a request; its number and deadline are at least as large as those of all before it.
    pub(super) fn push(&mut self, number: u64, deadline: Time, ticket: Ticket) {
        self.kept += usize::from(ticket.kept);
        self.waiting.push(number, deadline, ticket);
    }

    /// Returns when the next request times out.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.waiting.deadline()
    }

    /// Returns the request of this number, if it may be answered.
    pub(super) fn find(&self, number: u64) -> Option<(Place, &Ticket)> {
        if let Some(at) = self.waiting.find(number) {
            return Some((Place::Waiting(at), self.waiting.get(at)?));
        }
        let at = queue::position(&self.late, number)?;
        Some((Place::Late(at), self.late.get(at)?.value.as_ref()?))
    }

    /// Ends the request at this place because it was answered.
    pub(super) fn answered(&mut self, place: Place) -> Option<Ticket> {
        match place {
            Place::Late(at) => self.late.remove(at)?.value,
            Place::Waiting(at) => {
                let ticket = self.waiting.take(at)?;
                self.kept -= usize::from(ticket.kept);
                Some(ticket)
            }
        }
    }

    /// Ends the first request if its deadline has come, and returns its number too.
    pub(super) fn timed_out(&mut self, now: Time) -> Option<(u64, Ticket)> {
        let slot = self.waiting.take_due(now)?;
        let ended = (slot.number, slot.value.clone()?);
        self.kept -= usize::from(ended.1.kept);
        if self.late.len() == LATE {
            self.late.pop_front();
        }
        self.late.push_back(slot);
        Some(ended)
    }

    /// Ends all requests, with their numbers, in the order in which they were made.
    pub(super) fn lost(&mut self) -> impl Iterator<Item = (u64, Ticket)> + use<> {
        self.late.clear();
        self.kept = 0;
        self.waiting.take_all().map(|(number, _, ticket)| (number, ticket))
    }
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
            let ticket = Ticket { id, kind, login: "".into(), marker: None, automatic: false, kept: false };
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
            let ticket = requests.waiting.get(0).cloned().unwrap();
            requests.push(number, Time::from_secs(number), ticket);
            answer(&mut requests, number);
        }
        assert!(requests.waiting.slots() < 100);
        // Many at once, too.
        let mut many = with(1..=1000);
        (2..=1000).for_each(|number| assert_eq!(answer(&mut many, number), Some(number)));
        assert!(many.waiting.slots() < 100, "{}", many.waiting.slots());
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
