//! A record of every accepted command of a client and its end.

use std::collections::BTreeMap;

use skaro_proto::client::{Delivery, Ended, Event, Failure, RequestId};

#[derive(Default)]
pub struct Ledger {
    commands: BTreeMap<RequestId, Entry>,
    tags: u64,
    /// Commands that a frame has ended, or answered late.
    answers: usize,
}

#[derive(Default)]
struct Entry {
    /// A text that is unique to the command's frame; empty if there is none.
    tag: String,
    marker: Option<u64>,
    was_sent: bool,
    end: Option<End>,
}

#[derive(PartialEq)]
enum End {
    Answered,
    TimedOut,
    Lost,
}

impl Ledger {
    pub fn new_tag(&mut self) -> String {
        self.tags += 1;
        format!("tag{}", self.tags)
    }

    pub fn taken(&mut self, id: RequestId) {
        assert!(self.commands.insert(id, Entry::default()).is_none(), "the number {id} came twice");
    }

    pub fn tagged(&mut self, id: RequestId, tag: String, marker: Option<u64>) {
        let entry = self.commands.get_mut(&id).expect("a command that was taken");
        (entry.tag, entry.marker) = (tag, marker);
    }

    /// Records that a frame with this text was sent.
    pub fn sent(&mut self, text: &str) {
        let tag = text.split(' ').next().unwrap();
        let entry = self.commands.values_mut().find(|entry| entry.tag == tag && !tag.is_empty());
        if let Some(entry) = entry {
            assert!(!entry.was_sent, "sent twice");
            assert!(entry.end.as_ref().is_none_or(|end| *end == End::TimedOut), "sent after its end");
            entry.was_sent = true;
        }
    }

    pub fn happened(&mut self, event: &Event<'_>) {
        match event {
            Event::Ended(ended) => self.ended(ended),
            Event::Late(late) => self.late(late),
            _ => (),
        }
    }

    fn ended(&mut self, ended: &Ended<'_>) {
        let end = match &ended.outcome {
            Ok(_) | Err(Failure::Refused(_)) => End::Answered,
            Err(Failure::TimedOut) => End::TimedOut,
            Err(Failure::Lost(_)) => End::Lost,
            Err(other) => panic!("{other:?}"),
        };
        self.answers += usize::from(end == End::Answered);
        if ended.ticket.is_automatic() {
            return;
        }
        let entry = self.commands.get_mut(&ended.ticket.id()).expect("an end of a command that was taken");
        assert!(entry.end.is_none(), "{} ended twice", ended.ticket.id());
        assert_eq!(ended.ticket.marker(), entry.marker);
        if !entry.tag.is_empty() {
            match &ended.outcome {
                Err(Failure::Lost(Delivery::NotSent)) => assert!(!entry.was_sent, "it was sent"),
                Err(Failure::Lost(Delivery::Unknown)) => assert!(entry.was_sent, "it was not sent"),
                _ => (),
            }
        }
        entry.end = Some(end);
    }

    fn late(&mut self, late: &Ended<'_>) {
        self.answers += 1;
        if late.ticket.is_automatic() {
            return;
        }
        let entry = self.commands.get_mut(&late.ticket.id()).expect("a command that was taken");
        assert!(entry.end == Some(End::TimedOut), "late, but it did not time out");
        entry.end = Some(End::Answered);
    }

    pub fn answers(&self) -> usize {
        self.answers
    }

    /// Returns the number of commands that have not ended.
    pub fn open(&self) -> usize {
        self.commands.values().filter(|entry| entry.end.is_none()).count()
    }
}
