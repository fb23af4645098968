//! The client and its model side by side: what happens to one happens to the other.

use proptest::prelude::*;
use skaro_proto::client::{
    AddContact, Client, ClientConfig, CommandError, Disconnect, Ended, Event, Failure, ProtocolError,
    Register, RequestId, SignOut, SignedOutReason,
};
use skaro_proto::message::{ClientMessage, RequestKind};
use skaro_proto::{Frame, Time, Transmit};

use super::model::{Fault, How, Model, ROOM, Told, Why};
use super::steps::{self, Act, Arriving, Step};

const GREETING: &str = r#"{"type":"check_connection","token":"t","extensions":["people"]}"#;

pub struct World {
    client: Client,
    model: Model,
    /// The commands that were taken, and how often each has ended.
    commands: Vec<(RequestId, usize)>,
}

impl World {
    pub fn new() -> World {
        let mut config = ClientConfig::default();
        config.reconnect = None;
        config.keep_alive = None;
        config.limits.max_requests = ROOM;
        World { client: Client::new(config, [1; 32]), model: Model::new(), commands: Vec::new() }
    }

    pub fn take(&mut self, step: &Step) {
        self.model.now += step.after;
        let now = Time::from_millis(self.model.now);
        let before = self.client.clone();
        let expected = match &step.act {
            Act::Connected => {
                self.client.handle_connected(now);
                self.model.connected()
            }
            Act::Disconnected => {
                self.client.handle_disconnected(now, Disconnect::Failed("cut".into()));
                self.model.disconnected(Why::Network)
            }
            Act::Close => {
                self.client.close(now);
                self.model.close();
                Vec::new()
            }
            Act::Tick => {
                self.client.handle_timeout(now);
                self.model.tick()
            }
            Act::Take(count) => {
                self.transmit(*count);
                Vec::new()
            }
            Act::Command(kind) => {
                let result = self.command(now, *kind);
                assert_eq!(result, self.model.command(*kind), "{step:?}");
                assert!(result.is_ok() || self.client == before, "{step:?} left a trace");
                Vec::new()
            }
            Act::Confidential => {
                self.client.handle_confidential();
                self.model.confidential();
                Vec::new()
            }
            Act::Typing => {
                let result = self.client.typing(now, "bob").map_err(fault);
                assert_eq!(result, self.model.typing(), "{step:?}");
                assert!(result.is_ok() || self.client == before, "{step:?} left a trace");
                Vec::new()
            }
            Act::Arrives(arriving) => {
                let result = self.arrives(now, arriving);
                assert!(result.is_ok() || self.client == before, "{step:?} left a trace");
                let number = self.number(arriving);
                assert_eq!(result, self.model.arrives(arriving, number), "{step:?}");
                result.into_iter().for_each(|told| self.count(&told));
                std::mem::take(&mut self.model.besides)
            }
        };
        let mut told = Vec::new();
        while let Some(event) = self.client.poll_event() {
            told.push(self.told(&event));
        }
        told.iter().for_each(|told| self.count(told));
        assert_eq!(told, expected, "{step:?}");
        self.compare(step);
    }

    fn compare(&self, step: &Step) {
        assert_eq!(self.client.status(), self.model.status(), "{step:?}");
        assert_eq!(self.client.pending(), self.model.pending(), "{step:?}");
        let user = self.model.user.map(|number| format!("user {number}"));
        assert_eq!(self.client.user().map(str::to_owned), user, "{step:?}");
        let sid = self.model.user.map(|number| format!("session {number}"));
        assert_eq!(self.client.session_id().map(|sid| sid.expose().to_owned()), sid, "{step:?}");
        let deadline = self.model.deadline().map(Time::from_millis);
        assert_eq!(self.client.poll_timeout(), deadline, "{step:?}");
    }

    /// In the end the connection is gone, and every command has ended exactly once.
    pub fn end(mut self) {
        for act in [Act::Disconnected, Act::Close, Act::Disconnected] {
            self.take(&Step { after: 0, act });
        }
        assert!(self.commands.iter().all(|(_, ends)| *ends == 1), "{:?}", self.commands);
    }

    fn count(&mut self, told: &Told) {
        if let Told::Ended(number, ..) = told {
            self.commands[number - 1].1 += 1;
        }
    }

    fn transmit(&mut self, count: usize) {
        let mut sent = Vec::new();
        while sent.len() < count {
            match self.client.poll_transmit() {
                Some(Transmit::Frame(frame)) => {
                    let message = ClientMessage::decode(frame).unwrap();
                    if !message.request.is_one_way() {
                        sent.push((message.on_request as usize, message.request.kind().to_owned()));
                    }
                }
                Some(Transmit::Close(_)) => (),
                None => break,
                other => panic!("{other:?}"),
            }
        }
        let expected = self.model.take(count).into_iter().map(|(number, kind)| (number, kind.to_string()));
        assert_eq!(sent, expected.collect::<Vec<_>>());
    }

    fn command(&mut self, now: Time, kind: RequestKind) -> Result<(), Fault> {
        let client = &mut self.client;
        let result = match kind {
            RequestKind::Authorize => client.authorize(now, "alice", "correct horse"),
            RequestKind::RegisterType => client.register_type(now),
            RequestKind::SessionRestore => client.session_restore(now, "s-1"),
            RequestKind::GetContacts => client.get_contacts(now),
            RequestKind::GetHistory => client.get_history(now, "bob"),
            RequestKind::SendMessage => client.send_message(now, "bob", "hello", Some(7)),
            RequestKind::Register => client.register(now, Register::new("alice", "correct horse")),
            RequestKind::AddContact => client.add_contact(now, AddContact::new("bob")),
            RequestKind::SignOut => client.sign_out(now, SignOut::Own),
            RequestKind::Other(kind) => client.request_other(now, kind, Default::default()),
            other => panic!("{other:?}"),
        };
        match result {
            Ok(id) => {
                assert!(self.commands.iter().all(|(other, _)| *other != id), "{id} came twice");
                self.commands.push((id, 0));
                Ok(())
            }
            Err(error) => Err(fault(error)),
        }
    }

    /// The number of the request that is answered: counted back from the next one, which was not made yet.
    fn number(&self, arriving: &Arriving) -> usize {
        let next = self.model.commands + 1;
        match arriving {
            Arriving::Answer { number, .. } => next - number % next,
            _ => next,
        }
    }

    fn arrives(&mut self, now: Time, arriving: &Arriving) -> Result<Told, Fault> {
        let number = self.number(arriving);
        let frame = match *arriving {
            Arriving::Challenge => GREETING.to_owned(),
            Arriving::Answer { kind, ok, .. } => {
                let kind = kind.or(self.model.kind(number)).unwrap_or(RequestKind::RegisterType);
                answer(number, kind, ok)
            }
            Arriving::Message => {
                r#"{"type":"show_message","from":{"login":"bob"},"to":"alice","body":"hi","date":1}"#
                    .to_owned()
            }
            Arriving::Info => r#"{"type":"info","info":"i"}"#.to_owned(),
            Arriving::Error => r#"{"type":"error","info":"e"}"#.to_owned(),
            Arriving::Unknown => r#"{"type":"forecast"}"#.to_owned(),
            Arriving::Nonsense => r#"{"type":"request","for":"authorize"}"#.to_owned(),
        };
        match self.client.handle_frame(now, Frame::Text(&frame)) {
            Ok(event) => {
                let event = event.into_owned();
                Ok(self.told(&event))
            }
            Err(ProtocolError::NoConnection) => Err(Fault::NoConnection),
            Err(ProtocolError::UnexpectedAnswer { id }) if id == number as u64 => {
                Err(Fault::UnexpectedAnswer)
            }
            Err(ProtocolError::WrongAnswer { id, .. }) if id == number as u64 => Err(Fault::WrongAnswer),
            Err(ProtocolError::UnexpectedChallenge) => Err(Fault::UnexpectedChallenge),
            Err(ProtocolError::Frame(_)) => Err(Fault::Nonsense),
            Err(other) => panic!("{other}"),
        }
    }

    fn told(&self, event: &Event<'_>) -> Told {
        match event {
            Event::Connected { .. } => Told::Connected,
            Event::Ended(ended) => self.ended(ended, Told::Ended),
            Event::Late(ended) => self.ended(ended, Told::Late),
            Event::Message(_) => Told::Message,
            Event::Info(_) => Told::Info,
            Event::Error(_) => Told::Error,
            Event::Unknown { .. } => Told::Unknown,
            Event::SignedOut { reason: SignedOutReason::GaveUp } => Told::SignedOut { wanted: false },
            Event::SignedOut { reason: SignedOutReason::Requested } => Told::SignedOut { wanted: true },
            Event::Disconnected(Disconnect::SignedOut) => Told::Disconnected(Why::SignedOut),
            Event::Disconnected(Disconnect::Requested) => Told::Disconnected(Why::Requested),
            Event::Disconnected(Disconnect::Failed(_)) => Told::Disconnected(Why::Network),
            Event::Disconnected(Disconnect::TimedOut(awaited)) => Told::Disconnected(Why::TimedOut(*awaited)),
            other => panic!("{other:?}"),
        }
    }

    fn ended(&self, ended: &Ended<'_>, told: fn(usize, RequestKind, How) -> Told) -> Told {
        let ticket = &ended.ticket;
        let number =
            self.commands.iter().position(|(id, _)| *id == ticket.id()).expect("a command that was taken");
        let marker = (ticket.kind() == RequestKind::SendMessage).then_some(7);
        assert_eq!((ticket.marker(), ticket.is_automatic()), (marker, false));
        let how = match &ended.outcome {
            Ok(_) => How::Answered,
            Err(Failure::Refused(_)) => How::Refused,
            Err(Failure::TimedOut) => How::TimedOut,
            Err(Failure::Lost(delivery)) => How::Lost(*delivery),
            other => panic!("{other:?}"),
        };
        told(number + 1, ticket.kind(), how)
    }
}

fn fault(error: CommandError) -> Fault {
    match error {
        CommandError::NotConnected => Fault::NotConnected,
        CommandError::Closed => Fault::Closed,
        CommandError::NotSignedIn => Fault::NotSignedIn,
        CommandError::AlreadySignedIn => Fault::AlreadySignedIn,
        CommandError::NotConfidential => Fault::NotConfidential,
        CommandError::TooManyRequests { limit: ROOM } => Fault::TooManyRequests,
        other => panic!("{other}"),
    }
}

fn answer(number: usize, kind: RequestKind, ok: bool) -> String {
    let rest = match kind {
        _ if !ok => r#""status":"401 no","info":"no""#.to_owned(),
        RequestKind::Authorize | RequestKind::SessionRestore => {
            format!(r#""status":"200","session_id":"session {number}","user":{{"login":"user {number}"}}"#)
        }
        RequestKind::RegisterType => r#""status":"200","register_type":"open""#.to_owned(),
        RequestKind::GetContacts => r#""status":"200","data":[]"#.to_owned(),
        RequestKind::GetHistory => r#""status":"200","history":[]"#.to_owned(),
        _ => r#""status":"200""#.to_owned(),
    };
    format!(r#"{{"type":"request","for":"{kind}","id":{number},{rest}}}"#)
}

/// As many cases as fit into a second, if nothing else is asked for.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let is_asked = std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig { cases: if is_asked { default.cases } else { 2000 }, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_client_does_what_its_model_says(steps in prop::collection::vec(steps::step(), 0..100)) {
        let mut world = World::new();
        for step in steps {
            world.take(&step);
        }
        world.end();
    }
}
