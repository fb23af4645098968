//! Commands as types, as adapters give them: through a mailbox, each with somebody who waits for its answer.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::Sent;
use skaro_proto::client::{
    Authorize, Client, Command, CommandError, Config, Disconnect, Ended, Event, Failure, GetContacts,
    GetHistory, Mailbox, RegisterType, RequestError, SendMessage, SessionRestore, Status, Waiter,
};
use skaro_proto::message::{Date, Registration};
use skaro_proto::server::{self, ConnectionId, Server};
use skaro_proto::{Format, Time};

const NOW: Time = Time::from_secs(1);

/// Where an end is put for who waits.
struct Waits(Rc<RefCell<Option<Ended<'static>>>>);

impl Waiter for Waits {
    fn end(self, ended: Ended<'static>) -> Result<(), Ended<'static>> {
        assert!(self.0.replace(Some(ended)).is_none());
        Ok(())
    }
}

/// A server, and a client in its mailbox.
struct Pair {
    server: Server,
    mailbox: Mailbox<Waits>,
    connection: Option<ConnectionId>,
}

impl Pair {
    fn new() -> Pair {
        let mut server = Server::new(server::Config::default(), [7; 32]);
        server.add_user("alice", "correct horse").unwrap();
        server.add_user("bob", "battery staple").unwrap();
        server.introduce("alice", "bob").unwrap();
        server.set_registration(Registration::Other("by post".into()));
        let mailbox = Mailbox::new(Client::new(Config::default(), 1), 100);
        Pair { server, mailbox, connection: None }
    }

    fn connect(&mut self) {
        self.mailbox.client.handle_connected(NOW);
        self.connection = Some(self.server.connect(NOW, Some(Format::Cbor)).unwrap());
        self.drive();
        assert!(matches!(self.mailbox.next_event(), Some(Event::Connected { .. })));
    }

    fn drive(&mut self) {
        let id = self.connection.unwrap();
        while let Some(sent) = self.mailbox.client.poll_transmit().map(Sent::of) {
            _ = self.server.handle_frame(NOW, id, sent.frame().unwrap());
        }
        while let Some(sent) = self.server.poll_transmit(id).map(Sent::of) {
            self.mailbox.handle_frame(NOW, sent.frame().unwrap());
        }
    }

    /// Gives a command and waits for its answer.
    fn request<C: Command>(&mut self, command: C) -> Result<C::Answer, RequestError> {
        let end = Rc::new(RefCell::new(None));
        self.mailbox.request(NOW, command, Waits(end.clone()))?;
        self.drive();
        let ended = end.take().expect("an end");
        ended.into_answer::<C>()
    }
}

#[test]
fn each_command_has_an_answer_of_its_own() {
    let mut pair = Pair::new();
    let early = pair.request(GetContacts).unwrap_err();
    assert_eq!(early, RequestError::Command(CommandError::NotConnected));
    pair.connect();
    assert_eq!(pair.request(RegisterType).unwrap(), Registration::Other("by post".into()));
    let refused = pair.request(SessionRestore { sid: "made up" }).unwrap_err();
    assert!(matches!(refused, RequestError::Failure(Failure::Refused(_))), "{refused}");
    assert!(refused.to_string().contains("no such session"), "{refused}");
    let signed_in = pair.request(Authorize { login: "alice", password: "correct horse" }).unwrap();
    assert_eq!(signed_in.user.login, "alice");
    assert_eq!(pair.request(GetContacts).unwrap()[0].login, "bob");
    let message = SendMessage { to: "bob", body: "hello", marker: None };
    assert_eq!(pair.request(message).unwrap(), Some(Date::Integer(1000)));
    assert_eq!(pair.request(GetHistory { login: "bob" }).unwrap()[0].body, "hello");
    // The connection breaks; the session opens on the next one.
    pair.server.handle_disconnected(NOW, pair.connection.take().unwrap());
    pair.mailbox.client = Client::new(Config::default(), 1);
    pair.connect();
    let restored = pair.request(SessionRestore { sid: &signed_in.session_id }).unwrap();
    assert_eq!(restored, signed_in);
}

/// Whoever mixes up two commands gets an error, not somebody else's answer.
#[test]
fn the_answer_to_another_command_is_none() {
    let mut pair = Pair::new();
    pair.connect();
    let ended = |pair: &mut Pair, command: &dyn Fn(&mut Mailbox<Waits>, Waits)| {
        let end = Rc::new(RefCell::new(None));
        command(&mut pair.mailbox, Waits(end.clone()));
        pair.drive();
        end.take().expect("an end")
    };
    let authorize = |mailbox: &mut Mailbox<Waits>, waits| {
        mailbox.request(NOW, Authorize { login: "alice", password: "correct horse" }, waits).unwrap();
    };
    let register_type = |mailbox: &mut Mailbox<Waits>, waits| {
        mailbox.request(NOW, RegisterType, waits).unwrap();
    };
    let end = ended(&mut pair, &register_type);
    assert_eq!(end.clone().into_answer::<Authorize<'_>>(), Err(RequestError::WrongCommand));
    assert_eq!(end.clone().into_answer::<SessionRestore<'_>>(), Err(RequestError::WrongCommand));
    assert_eq!(end.clone().into_answer::<GetContacts>(), Err(RequestError::WrongCommand));
    assert_eq!(end.clone().into_answer::<GetHistory<'_>>(), Err(RequestError::WrongCommand));
    assert_eq!(end.into_answer::<SendMessage<'_>>(), Err(RequestError::WrongCommand));
    let end = ended(&mut pair, &authorize);
    assert_eq!(end.into_answer::<RegisterType>(), Err(RequestError::WrongCommand));
}

#[test]
fn a_command_that_nobody_waits_for_ends_as_an_event() {
    let mut pair = Pair::new();
    pair.connect();
    let id = pair.mailbox.client.register_type(NOW).unwrap();
    pair.drive();
    assert!(matches!(pair.mailbox.next_event(), Some(Event::Ended(ended)) if ended.ticket.id() == id));
    // With the adapter's end the waiters are dropped: who waits learns of it.
    let end = Rc::new(RefCell::new(None));
    pair.mailbox.request(NOW, RegisterType, Waits(end.clone())).unwrap();
    assert_eq!(Rc::strong_count(&end), 2);
    pair.mailbox.finish();
    assert_eq!((Rc::strong_count(&end), end.take()), (1, None));
}

#[test]
fn a_first_connection_that_ends_before_the_server_spoke_says_why() {
    let mut pair = Pair::new();
    assert_eq!(pair.mailbox.why_offline(), None);
    pair.mailbox.client.handle_connected(NOW);
    let reason = Disconnect::Closed { code: Some(1013), reason: "full".into() };
    pair.mailbox.client.handle_disconnected(NOW, reason.clone());
    pair.mailbox.collect();
    assert_eq!(pair.mailbox.why_offline(), Some(reason));
    pair.mailbox.client.reconnect(NOW).unwrap();
    assert_eq!(pair.mailbox.why_offline(), None);
}

/// Whoever is impatient does not get two connections.
#[test]
fn to_ask_for_a_connection_while_one_is_being_made_changes_nothing() {
    let mut client = Client::new(Config::default(), 1);
    client.reconnect(NOW).unwrap();
    let dialing = client.clone();
    assert_eq!(client.status(), Status::Dialing);
    client.reconnect(NOW).unwrap();
    assert!(client == dialing);
}
