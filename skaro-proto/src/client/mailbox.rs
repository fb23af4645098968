//! A client with the application's side of it: who waits for which command, which events wait for the application.

use alloc::collections::{BTreeMap, VecDeque};
use core::convert::Infallible;
use core::fmt;

use super::{Client, Command, CommandError, Disconnect, Ended, Event, RequestId, Status};
use crate::codec::Frame;
use crate::time::Time;

/// Bytes of frames whose events wait for the application; beyond that it is asked for a pause, too.
const BYTES: usize = 4 << 20;

/// Somebody who waits for the end of a command: the sending half of whatever the runtime offers.
pub trait Waiter {
    /// Hands over the end, or returns it if nobody waits any more.
    ///
    /// # Errors
    /// If nobody waits any more.
    #[allow(clippy::result_large_err, reason = "no failure, but the same thing handed back")]
    fn end(self, ended: Ended<'static>) -> Result<(), Ended<'static>>;
}

/// For applications in which nobody waits: all ends are events.
impl Waiter for Infallible {
    fn end(self, _: Ended<'static>) -> Result<(), Ended<'static>> {
        match self {}
    }
}

/// A [`Client`] for adapters in which many tasks or threads give commands and one takes care of the connection.
///
/// It matches ends to those who wait for them, and keeps events until the application reads them; when too many
/// wait, it asks for a [pause](Mailbox::wants_frames), so that a slow application slows its own connection down
/// and nothing else. An end for which nobody waits any more becomes an event: nothing is lost silently.
pub struct Mailbox<W> {
    /// The machine itself, for everything but frames, commands that somebody waits for, and events. After calling
    /// one of its `handle_` methods or commands call [`Mailbox::collect`].
    pub client: Client,
    waiting: BTreeMap<RequestId, W>,
    events: VecDeque<Event<'static>>,
    /// The length of the frame that each of them came in, and the sum of these lengths.
    lengths: VecDeque<usize>,
    bytes: usize,
    limit: usize,
    /// Whether nobody reads events.
    deaf: bool,
    paused: bool,
    finished: bool,
}

impl<W: Waiter> Mailbox<W> {
    /// A mailbox that asks for a pause when so many events wait.
    pub fn new(client: Client, limit: usize) -> Self {
        Mailbox {
            client,
            waiting: BTreeMap::new(),
            events: VecDeque::new(),
            lengths: VecDeque::new(),
            bytes: 0,
            limit,
            deaf: false,
            paused: false,
            finished: false,
        }
    }

    /// Gives a command for whose end somebody waits.
    ///
    /// # Errors
    /// If the command can't be taken; nobody needs to wait then.
    pub fn request(
        &mut self,
        now: Time,
        command: impl Command,
        waiter: W,
    ) -> Result<RequestId, CommandError> {
        let id = self.submit(now, command)?;
        self.waiting.insert(id, waiter);
        Ok(id)
    }

    /// Gives a command whose end becomes an event.
    ///
    /// # Errors
    /// If the command can't be taken.
    pub fn submit(&mut self, now: Time, command: impl Command) -> Result<RequestId, CommandError> {
        // Nobody would take care of it any more.
        if self.finished {
            return Err(CommandError::Closed);
        }
        command.give(&mut self.client, now)
    }

    /// The server has sent a frame. What it means, nonsense included, becomes an event.
    pub fn handle_frame(&mut self, now: Time, frame: Frame<'_>) {
        // What happened before is older; what the frame causes is younger.
        self.collect();
        let event = match self.client.handle_frame(now, frame) {
            Ok(event) => event.into_owned(),
            Err(error) => Event::ProtocolError(error),
        };
        self.emit(event, frame.as_bytes().len());
        self.collect();
    }

    /// Sorts what the machine has to tell: ends to those who wait for them, the rest to the events.
    pub fn collect(&mut self) {
        while let Some(event) = self.client.poll_event() {
            self.emit(event, 0);
        }
    }

    fn emit(&mut self, event: Event<'static>, length: usize) {
        // An event is large, and moved no more often than need be.
        let waiter = match &event {
            Event::Ended(ended) => self.waiting.remove(&ended.ticket.id()),
            _ => None,
        };
        let Some(waiter) = waiter else { return self.keep(event, length) };
        if let Event::Ended(ended) = event
            && let Err(unwanted) = waiter.end(ended)
        {
            self.keep(Event::Ended(unwanted), length);
        }
    }

    fn keep(&mut self, event: Event<'static>, length: usize) {
        if !self.deaf {
            self.events.push_back(event);
            self.lengths.push_back(length);
            self.bytes += length;
        }
    }

    /// An end that was handed over, and of which nobody took note: it becomes an event.
    pub fn put_back(&mut self, ended: Ended<'static>) {
        self.keep(Event::Ended(ended), 0);
    }

    /// How many commands have not ended for whose end somebody waits.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The next event for the application.
    pub fn next_event(&mut self) -> Option<Event<'static>> {
        self.bytes -= self.lengths.pop_front().unwrap_or(0);
        self.events.pop_front()
    }

    /// Moves all events that wait behind those that were taken before: whoever reads many need not lock the mailbox for
    /// each. For the mailbox's limits they do not count any more. If none are taken before the last ones have been read,
    /// there are twice as many as the limits allow at most.
    pub fn take_events(&mut self, taken: &mut VecDeque<Event<'static>>) {
        if taken.is_empty() {
            // None is moved then: they are large.
            core::mem::swap(&mut self.events, taken);
        } else {
            taken.append(&mut self.events);
        }
        self.lengths.clear();
        self.bytes = 0;
    }

    /// Whether there is something for an application that waits for events: one, or that there will be no more.
    pub fn has_news(&self) -> bool {
        self.finished || !self.events.is_empty()
    }

    /// Whether reading an event has just made room enough for the adapter to read frames again.
    pub fn has_made_room(&self) -> bool {
        self.paused && self.events.len() <= self.limit / 2 && self.bytes <= BYTES / 2
    }

    /// Whether to read frames: not while too many events wait, and then not until half of them are gone. While
    /// connecting, signing in or closing always, or the machine would not see how that goes.
    pub fn wants_frames(&mut self, now: Time) -> bool {
        if !matches!(self.client.status(), Status::Connected | Status::SignedIn) {
            self.paused = false;
            return true;
        }
        let is_full = self.events.len() >= self.limit.max(1) || self.bytes >= BYTES;
        if !self.paused && is_full {
            self.paused = true;
            self.client.handle_paused(now);
        } else if self.has_made_room() {
            self.paused = false;
            self.client.handle_resumed(now);
        }
        !self.paused
    }

    /// Nobody will read events any more: they are dropped from now on.
    pub fn drop_events(&mut self) {
        self.deaf = true;
        self.events.clear();
        self.lengths.clear();
        self.bytes = 0;
    }

    /// Why there is no connection, if the first one ended before the server spoke.
    pub fn why_offline(&self) -> Option<Disconnect> {
        let reason = |event: &Event<'_>| match event {
            Event::Disconnected(reason) => Some(reason.clone()),
            _ => None,
        };
        let is_offline = self.client.status() == Status::Offline;
        self.events.iter().rev().find_map(reason).filter(|_| is_offline)
    }

    /// The adapter ends: who still waits learns of it by the waiter being dropped.
    pub fn finish(&mut self) {
        self.collect();
        self.waiting.clear();
        self.finished = true;
    }

    /// Whether the adapter has ended: nothing will happen any more.
    pub const fn is_finished(&self) -> bool {
        self.finished
    }
}

/// What the client is doing, and how much waits, without anything secret.
impl<W> fmt::Debug for Mailbox<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Mailbox");
        shown.field("client", &self.client).field("waiting_events", &self.events.len());
        shown.field("paused", &self.paused).field("finished", &self.finished).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Config, RegisterType};
    use alloc::rc::Rc;
    use alloc::vec::Vec;
    use core::cell::RefCell;

    /// Whether somebody still waits, and what they got.
    struct Waits(bool, Rc<RefCell<Vec<RequestId>>>);

    impl Waiter for Waits {
        fn end(self, ended: Ended<'static>) -> Result<(), Ended<'static>> {
            if !self.0 {
                return Err(ended);
            }
            self.1.borrow_mut().push(ended.ticket.id());
            Ok(())
        }
    }

    const GREETING: Frame<'_> = Frame::Text(r#"{"type":"check_connection","token":"t"}"#);

    fn connected(limit: usize) -> Mailbox<Waits> {
        let mut mailbox = Mailbox::new(Client::new(Config::default(), 1), limit);
        mailbox.client.handle_connected(Time::ZERO);
        mailbox.handle_frame(Time::ZERO, GREETING);
        assert!(matches!(mailbox.next_event(), Some(Event::Connected { .. })));
        mailbox
    }

    #[test]
    fn ends_go_to_those_who_wait_and_otherwise_to_the_events() {
        let mut mailbox = connected(10);
        let got = Rc::new(RefCell::new(Vec::new()));
        let waits = mailbox.request(Time::ZERO, RegisterType, Waits(true, got.clone())).unwrap();
        let left = mailbox.request(Time::ZERO, RegisterType, Waits(false, got.clone())).unwrap();
        for id in [1, 2] {
            let answer = alloc::format!(
                r#"{{"type":"request","for":"register_type","id":{id},"status":"200","register_type":"open"}}"#
            );
            mailbox.handle_frame(Time::ZERO, Frame::Text(&answer));
        }
        assert_eq!(*got.borrow(), [waits]);
        let Some(Event::Ended(ended)) = mailbox.next_event() else { panic!("nobody waits for {left}") };
        assert_eq!((ended.ticket.id(), mailbox.next_event()), (left, None));
        mailbox.put_back(ended.clone());
        assert_eq!(mailbox.next_event(), Some(Event::Ended(ended)));
    }

    #[test]
    fn whoever_waits_is_counted_and_let_go_at_the_end() {
        let mut mailbox = connected(10);
        assert!(!mailbox.has_news() && !mailbox.is_finished());
        let got = Rc::new(RefCell::new(Vec::new()));
        for waiting in 1..=2 {
            mailbox.request(Time::ZERO, RegisterType, Waits(true, got.clone())).unwrap();
            assert_eq!(mailbox.waiting(), waiting);
        }
        mailbox.handle_frame(Time::ZERO, Frame::Text(r#"{"type":"info","info":"x"}"#));
        assert!(mailbox.has_news() && !mailbox.is_finished());
        mailbox.finish();
        // What is left is the test's own.
        assert_eq!((mailbox.waiting(), Rc::strong_count(&got)), (0, 1));
        assert!(mailbox.next_event().is_some());
        assert!(mailbox.has_news() && mailbox.is_finished(), "that nothing will come any more is news");
        assert_eq!(mailbox.next_event(), None);
    }

    #[test]
    fn why_there_is_no_connection_is_known_as_long_as_there_is_none() {
        let mut mailbox = Mailbox::<Waits>::new(Client::new(Config::default(), 1), 10);
        assert_eq!(mailbox.why_offline(), None);
        mailbox.client.handle_connected(Time::ZERO);
        mailbox.client.handle_disconnected(Time::ZERO, Disconnect::Failed("full".into()));
        mailbox.collect();
        assert_eq!(mailbox.why_offline(), Some(Disconnect::Failed("full".into())));
        mailbox.client.reconnect(Time::ZERO).unwrap();
        assert_eq!(mailbox.why_offline(), None);
    }

    #[test]
    fn a_full_mailbox_pauses_until_it_is_half_empty() {
        let mut mailbox = connected(4);
        let info = Frame::Text(r#"{"type":"info","info":"x"}"#);
        for _ in 0..4 {
            assert!(mailbox.wants_frames(Time::ZERO));
            mailbox.handle_frame(Time::ZERO, info);
        }
        for left in [3, 2] {
            assert!(!mailbox.wants_frames(Time::ZERO));
            mailbox.next_event();
            assert_eq!(mailbox.has_made_room(), left == 2);
        }
        assert!(mailbox.wants_frames(Time::ZERO));
        for _ in 0..4 {
            mailbox.handle_frame(Time::ZERO, info);
        }
        assert!(!mailbox.wants_frames(Time::ZERO));
        mailbox.client.close(Time::ZERO);
        assert!(mailbox.wants_frames(Time::ZERO));
    }

    #[test]
    fn events_that_are_taken_together_count_no_more() {
        let mut mailbox = connected(2);
        let info = |text: &str| alloc::format!(r#"{{"type":"info","info":"{text}"}}"#);
        let hear = |mailbox: &mut Mailbox<Waits>, texts: [&str; 2]| {
            for text in texts {
                mailbox.handle_frame(Time::ZERO, Frame::Text(&info(text)));
            }
            assert!(!mailbox.wants_frames(Time::ZERO));
        };
        let mut taken = VecDeque::new();
        hear(&mut mailbox, ["1", "2"]);
        mailbox.take_events(&mut taken);
        assert!(mailbox.has_made_room() && mailbox.wants_frames(Time::ZERO) && !mailbox.has_news());
        hear(&mut mailbox, ["3", "4"]);
        mailbox.take_events(&mut taken);
        hear(&mut mailbox, ["5", "6"]);
        taken.extend(core::iter::from_fn(|| mailbox.next_event()));
        let texts: Vec<_> = taken.iter().map(|event| alloc::format!("{event:?}")).collect();
        for (text, number) in texts.iter().zip(1..) {
            assert!(text.contains(&alloc::format!("\"{number}\"")), "{text} instead of {number}");
        }
        assert_eq!((texts.len(), mailbox.bytes), (6, 0));
    }

    #[test]
    fn a_few_large_frames_pause_too_and_whoever_reads_nothing_is_not_asked() {
        let mut mailbox = connected(1000);
        let large = alloc::format!(r#"{{"type":"info","info":"{}"}}"#, "x".repeat(1 << 19));
        for _ in 0..8 {
            assert!(mailbox.wants_frames(Time::ZERO));
            mailbox.handle_frame(Time::ZERO, Frame::Text(&large));
        }
        assert!(!mailbox.wants_frames(Time::ZERO));
        while !mailbox.has_made_room() {
            assert!(mailbox.next_event().is_some());
        }
        assert_eq!(mailbox.events.len(), 3);
        let info = Frame::Text(r#"{"type":"info","info":"x"}"#);
        assert!(alloc::format!("{mailbox:?}").contains("waiting_events: 3"), "{mailbox:?}");
        mailbox.drop_events();
        assert_eq!(mailbox.next_event(), None);
        for _ in 0..9 {
            mailbox.handle_frame(Time::ZERO, info);
        }
        assert!(mailbox.wants_frames(Time::ZERO));
        assert_eq!(mailbox.next_event(), None);
    }

    #[test]
    fn what_a_frame_causes_comes_after_it() {
        let config = Config { keep_credentials: true, ..Config::default() };
        let mut mailbox = Mailbox::<Waits>::new(Client::new(config, 1), 10);
        let answer = |id: u64, rest: &str| {
            alloc::format!(r#"{{"type":"request","for":"authorize","id":{id},"status":{rest}}}"#)
        };
        mailbox.client.handle_connected(Time::ZERO);
        mailbox.handle_frame(Time::ZERO, GREETING);
        mailbox.client.authorize(Time::ZERO, "alice", "correct horse").unwrap();
        let success = answer(1, r#""200","session_id":"s","user":{"login":"alice"}"#);
        mailbox.handle_frame(Time::ZERO, Frame::Text(&success));
        // Much later the session has expired, and the server can't sign anybody in.
        let late = Time::from_secs(1000);
        mailbox.client.handle_disconnected(Time::ZERO, Disconnect::Failed("cut".into()));
        mailbox.client.handle_connected(late);
        mailbox.handle_frame(late, GREETING);
        while mailbox.next_event().is_some() {}
        mailbox.handle_frame(late, Frame::Text(&answer(2, r#""503""#)));
        let events: Vec<_> = core::iter::from_fn(|| mailbox.next_event()).collect();
        assert!(
            matches!(
                &events[..],
                [Event::Ended(refused), Event::Disconnected(_), Event::Reconnecting { .. }]
                    if refused.ticket.is_automatic()
            ),
            "{events:?}"
        );
    }

    #[test]
    fn nobody_waits_for_an_adapter_that_has_ended() {
        let mut mailbox = connected(4);
        mailbox.finish();
        let waits = Waits(true, Rc::default());
        assert_eq!(mailbox.request(Time::ZERO, RegisterType, waits), Err(CommandError::Closed));
        assert_eq!(mailbox.submit(Time::ZERO, RegisterType), Err(CommandError::Closed));
        assert_eq!((mailbox.waiting(), mailbox.client.pending()), (0, 0));
    }

    #[test]
    fn nonsense_is_an_event_too() {
        let mut mailbox = connected(4);
        mailbox.handle_frame(Time::ZERO, Frame::Text("?"));
        assert!(matches!(mailbox.next_event(), Some(Event::ProtocolError(_))));
    }
}
