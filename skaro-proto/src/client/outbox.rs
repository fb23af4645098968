//! Messages that have not ended, with what it takes to send them again.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use compact_str::CompactString;

use super::queue::Queue;
use super::ticket::{RequestId, Ticket};
use crate::time::Time;

/// Bytes that a message takes in the outbox besides its text.
const OVERHEAD: usize = 256;

/// Messages in the order of their commands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outbox {
    messages: Queue<Open>,
    /// The keys that the application gave, with the numbers of their commands.
    keys: BTreeMap<CompactString, u64>,
    bytes: usize,
    /// Number of messages that wait to be sent, and a number below which none of them is.
    waiting: usize,
    first_waiting: u64,
    /// Time before which nothing is sent, because the server could not take a repetition.
    pause: Option<Time>,
}

/// A message that has not ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Open {
    pub(super) ticket: Ticket,
    pub(super) body: Box<str>,
    /// The application's key.
    pub(super) key: Option<CompactString>,
    /// Set while a request with it is under way on this connection.
    under_way: bool,
    /// Set when it has left this machine, so that the server may have it.
    pub(super) has_left: bool,
}

impl Open {
    pub(super) fn new(ticket: Ticket, body: &str, key: Option<&str>) -> Self {
        let key = key.map(CompactString::new);
        Open { ticket, body: body.into(), key, under_way: false, has_left: false }
    }

    /// Returns whether a request with it is under way.
    pub(super) const fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// Returns whether the server may have it, or may still get it: a request that is under way can't be called back.
    pub(super) const fn may_be_taken(&self) -> bool {
        self.has_left || self.under_way
    }

    fn bytes(&self) -> usize {
        OVERHEAD + self.body.len() + self.key.as_ref().map_or(0, |key| key.len())
    }
}

/// Returns the key that the machine makes for a command without one.
pub(super) fn made_key(prefix: u128, id: RequestId) -> String {
    format!("{prefix:032x}-{id}")
}

impl Outbox {
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Returns how many messages wait to be sent.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Returns how many bytes the messages take.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns when the first message times out.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.messages.deadline()
    }

    pub(super) fn has_key(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// Adds a message, which waits to be sent.
    pub(super) fn push(&mut self, deadline: Time, message: Open) {
        let number = message.ticket.id.0;
        if let Some(key) = &message.key {
            self.keys.insert(key.clone(), number);
        }
        self.bytes += message.bytes();
        if self.waiting == 0 {
            self.first_waiting = number;
        }
        self.waiting += 1;
        self.messages.push(number, deadline, message);
    }

    /// Marks the next message that waits as under way, and returns it.
    pub(super) fn send_next(&mut self) -> Option<&Open> {
        if self.waiting == 0 {
            return None;
        }
        let from = self.messages.place_from(self.first_waiting);
        let place = self.messages.next_place(from, |message| !message.under_way)?;
        let message = self.messages.get_mut(place)?;
        message.under_way = true;
        self.waiting -= 1;
        self.first_waiting = message.ticket.id.0 + 1;
        self.messages.get(place)
    }

    /// Returns a message that has not ended.
    pub(super) fn get(&self, id: RequestId) -> Option<&Open> {
        self.messages.get(self.messages.find(id.0)?)
    }

    /// Ends a message.
    pub(super) fn end(&mut self, id: RequestId) -> Option<Open> {
        let message = self.messages.take(self.messages.find(id.0)?)?;
        self.forget(&message);
        Some(message)
    }

    fn forget(&mut self, message: &Open) {
        self.waiting -= usize::from(!message.under_way);
        self.bytes -= message.bytes();
        if let Some(key) = &message.key {
            self.keys.remove(key);
        }
    }

    /// Returns the command to which a key belongs, if it has not ended.
    pub(super) fn find(&self, prefix: u128, key: &str) -> Option<RequestId> {
        if let Some(number) = self.keys.get(key) {
            return Some(RequestId(*number));
        }
        let (made, number) = key.split_once('-')?;
        let id = RequestId(number.parse().ok()?);
        let is_made = self.get(id)?.key.is_none() && made_key(prefix, id) == key && made.len() == 32;
        is_made.then_some(id)
    }

    /// Lets a message wait to be sent again, since its request is no longer under way.
    pub(super) fn requeue(&mut self, id: RequestId, has_left: bool) {
        let Some(place) = self.messages.find(id.0) else { return };
        let Some(message) = self.messages.get_mut(place) else { return };
        message.has_left |= has_left;
        if core::mem::take(&mut message.under_way) {
            self.first_waiting = if self.waiting == 0 { id.0 } else { self.first_waiting.min(id.0) };
            self.waiting += 1;
        }
    }

    /// Sends nothing before this moment.
    pub(super) fn pause(&mut self, until: Option<Time>) {
        self.pause = until;
    }

    /// Returns until when nothing is sent although something waits.
    pub(super) fn paused_until(&self) -> Option<Time> {
        self.pause.filter(|_| self.waiting > 0)
    }

    /// Ends a pause whose time is over, even if nothing waits: something may wait a moment later. Returns whether
    /// something waits that can be sent now.
    pub(super) fn end_pause(&mut self, now: Time) -> bool {
        self.pause.take_if(|until| *until <= now).is_some() && self.waiting > 0
    }

    /// Ends the first message if its time is over.
    pub(super) fn time_out(&mut self, now: Time) -> Option<Open> {
        let message = self.messages.take_due(now)?.value?;
        self.forget(&message);
        Some(message)
    }

    /// Ends all messages that pass the test, in order.
    pub(super) fn end_all(&mut self, ends: impl Fn(&Open) -> bool, mut told: impl FnMut(Open)) {
        for (_, deadline, message) in core::mem::take(&mut self.messages).take_all() {
            if ends(&message) {
                self.forget(&message);
                told(message);
            } else {
                self.messages.push(message.ticket.id.0, deadline, message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::RequestKind;
    use alloc::vec::Vec;

    const PREFIX: u128 = 7;

    fn open(number: u64, key: Option<&str>) -> Open {
        let (id, kind) = (RequestId(number), RequestKind::SendMessage);
        let ticket = Ticket { id, kind, login: "bob".into(), marker: None, automatic: false, kept: true };
        Open::new(ticket, "hello", key)
    }

    fn with(numbers: impl IntoIterator<Item = u64>) -> Outbox {
        let mut outbox = Outbox::default();
        numbers.into_iter().for_each(|number| outbox.push(Time::from_secs(number), open(number, None)));
        outbox
    }

    fn send_all(outbox: &mut Outbox) -> Vec<u64> {
        core::iter::from_fn(|| outbox.send_next().map(|message| message.ticket.id.0)).collect()
    }

    #[test]
    fn messages_are_sent_in_order_and_again_in_order() {
        let mut outbox = with([1, 3, 4, 9]);
        assert_eq!(send_all(&mut outbox), [1, 3, 4, 9]);
        assert_eq!((outbox.waiting(), outbox.len()), (0, 4));
        // They wait again in whatever order that is learnt.
        for number in [4, 9, 3] {
            outbox.requeue(RequestId(number), number != 9);
        }
        outbox.push(Time::from_secs(10), open(10, None));
        assert_eq!(send_all(&mut outbox), [3, 4, 9, 10]);
        assert!(outbox.get(RequestId(4)).unwrap().has_left);
        assert!(!outbox.get(RequestId(9)).unwrap().has_left);
    }

    #[test]
    fn each_ends_once_and_leaves_nothing() {
        let mut outbox = with(1..=100);
        assert_eq!(send_all(&mut outbox).len(), 100);
        for n in 0..100 {
            let id = RequestId(n * 37 % 100 + 1);
            assert!(outbox.end(id).is_some() && outbox.end(id).is_none());
        }
        assert_eq!((outbox.len(), outbox.bytes(), outbox.waiting(), outbox.deadline()), (0, 0, 0, None));
    }

    #[test]
    fn a_key_finds_its_message_until_that_ends() {
        let mut outbox = with([1]);
        outbox.push(Time::from_secs(2), open(2, Some("mine")));
        let made = made_key(PREFIX, RequestId(1));
        assert!(made.len() <= 64, "{made}");
        assert_eq!(outbox.find(PREFIX, &made), Some(RequestId(1)));
        assert_eq!(outbox.find(PREFIX + 1, &made), None, "somebody else's");
        assert_eq!(outbox.find(PREFIX, "mine"), Some(RequestId(2)));
        // Not the key that it would have if it had none.
        assert_eq!(outbox.find(PREFIX, &made_key(PREFIX, RequestId(2))), None);
        for nonsense in ["", "-", "-1", "7-1", &made[1..]] {
            assert_eq!(outbox.find(PREFIX, nonsense), None, "{nonsense}");
        }
        outbox.end(RequestId(1));
        outbox.end(RequestId(2));
        assert_eq!((outbox.find(PREFIX, &made), outbox.find(PREFIX, "mine")), (None, None));
    }

    #[test]
    fn some_may_end_together_and_the_others_go_on() {
        let mut outbox = with(1..=6);
        (0..4).for_each(|_| assert!(outbox.send_next().is_some()));
        (1..=3).for_each(|number| outbox.requeue(RequestId(number), number != 2));
        let mut ended = Vec::new();
        outbox.end_all(|message| message.has_left, |message| ended.push(message.ticket.id.0));
        assert_eq!(ended, [1, 3]);
        assert_eq!((outbox.len(), outbox.waiting()), (4, 3));
        assert_eq!(send_all(&mut outbox), [2, 5, 6]);
    }

    #[test]
    fn they_time_out_in_order() {
        let mut outbox = with([1, 2, 3]);
        outbox.send_next();
        let due =
            |outbox: &mut Outbox, secs| outbox.time_out(Time::from_secs(secs)).map(|open| open.ticket.id.0);
        assert_eq!(due(&mut outbox, 0), None);
        assert_eq!((due(&mut outbox, 2), due(&mut outbox, 2), due(&mut outbox, 2)), (Some(1), Some(2), None));
        assert_eq!((outbox.deadline(), outbox.waiting()), (Some(Time::from_secs(3)), 1));
    }
}
