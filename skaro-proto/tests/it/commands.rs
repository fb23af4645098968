//! Commands as types, as adapters give them: each has an answer of its own.

use crate::support::Sent;
use skaro_proto::client::{
    Authorize, Client, ClientConfig, Command, CommandError, Ended, Event, Failure, GetContacts, GetHistory,
    RegisterType, RequestError, SendMessage, SessionRestore, Status,
};
use skaro_proto::message::{Date, Registration};
use skaro_proto::server::{self, ConnectionId, Server};
use skaro_proto::{Format, Time};

const NOW: Time = Time::from_secs(1);

/// A server and a client.
struct Pair {
    server: Server,
    client: Client,
    connection: Option<ConnectionId>,
}

impl Pair {
    fn new() -> Pair {
        let mut server = Server::new(server::ServerConfig::default(), [7; 32]);
        server.add_user("alice", "correct horse").unwrap();
        server.add_user("bob", "battery staple").unwrap();
        server.introduce("alice", "bob").unwrap();
        server.set_registration(Registration::Other("by post".into()));
        Pair { server, client: Client::new(ClientConfig::default(), [1; 32]), connection: None }
    }

    fn connect(&mut self) {
        self.client.handle_connected(NOW);
        self.connection = Some(self.server.connect(NOW, Some(Format::Cbor)).unwrap());
        assert_eq!(self.exchange(), None);
    }

    /// Lets both exchange frames; returns the end of a command, if one came.
    fn exchange(&mut self) -> Option<Ended<'static>> {
        let id = self.connection.unwrap();
        while let Some(sent) = self.client.poll_transmit().map(Sent::of) {
            _ = self.server.handle_frame(NOW, id, sent.frame().unwrap());
        }
        let mut end = None;
        while let Some(sent) = self.server.poll_transmit(id).map(Sent::of) {
            match self.client.handle_frame(NOW, sent.frame().unwrap()).unwrap() {
                Event::Ended(ended) => assert!(end.replace(ended.into_owned()).is_none()),
                event => assert!(matches!(event, Event::Connected { .. } | Event::Sent(_)), "{event:?}"),
            }
        }
        end
    }

    /// Gives a command and returns how it ended.
    fn end<C: Command>(&mut self, command: C) -> Result<Ended<'static>, CommandError> {
        let id = command.give(&mut self.client, NOW)?;
        let ended = self.exchange().expect("an end");
        assert_eq!(ended.ticket.id(), id);
        Ok(ended)
    }

    fn request<C: Command>(&mut self, command: C) -> Result<C::Answer, RequestError> {
        self.end(command)?.into_answer::<C>()
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
    let message = SendMessage::new("bob", "hello");
    assert_eq!(pair.request(message).unwrap().date, Some(Date::Integer(1000)));
    assert_eq!(pair.request(GetHistory::new("bob")).unwrap()[0].body, "hello");
    // The connection breaks; the session opens on the next one.
    pair.server.handle_disconnected(NOW, pair.connection.take().unwrap());
    pair.client = Client::new(ClientConfig::default(), [1; 32]);
    pair.connect();
    let restored = pair.request(SessionRestore { sid: &signed_in.session_id }).unwrap();
    assert_eq!((restored.session_id, restored.user), (signed_in.session_id, signed_in.user));
}

/// Whoever mixes up two commands gets an error, not somebody else's answer.
#[test]
fn the_answer_to_another_command_is_none() {
    let mut pair = Pair::new();
    pair.connect();
    let end = pair.end(RegisterType).unwrap();
    assert_eq!(end.clone().into_answer::<Authorize<'_>>(), Err(RequestError::WrongCommand));
    assert_eq!(end.clone().into_answer::<SessionRestore<'_>>(), Err(RequestError::WrongCommand));
    assert_eq!(end.clone().into_answer::<GetContacts>(), Err(RequestError::WrongCommand));
    assert_eq!(end.clone().into_answer::<GetHistory<'_>>(), Err(RequestError::WrongCommand));
    assert_eq!(end.into_answer::<SendMessage<'_>>(), Err(RequestError::WrongCommand));
    let end = pair.end(Authorize { login: "alice", password: "correct horse" }).unwrap();
    assert_eq!(end.into_answer::<RegisterType>(), Err(RequestError::WrongCommand));
}

/// Whoever is impatient does not get two connections.
#[test]
fn to_ask_for_a_connection_while_one_is_being_made_changes_nothing() {
    let mut client = Client::new(ClientConfig::default(), [1; 32]);
    client.reconnect(NOW).unwrap();
    let dialing = client.clone();
    assert_eq!(client.status(), Status::Dialing);
    client.reconnect(NOW).unwrap();
    assert!(client == dialing);
}
