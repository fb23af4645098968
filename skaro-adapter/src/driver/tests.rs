use std::time::Duration;

use super::*;
use crate::connection::{Connection, Turn};
use crate::http::ClientHandshake;
use crate::options::Options;
use crate::url::Url;
use crate::websocket::OUTPUT_AT_ONCE;
use allocation_counter::measure;
use skaro_proto::client::{
    Authorize, ClientConfig, Delivery, Ended, Event, Failure, RegisterType, SendMessage,
};
use skaro_proto::server::{self, ConnectionId, Peer};
use skaro_proto::{Format, Frame, Transmit};

/// Ends of commands are not awaited here: they come as events.
#[derive(Debug)]
struct Nobody;

impl Waiter for Nobody {
    fn end(self, ended: Ended<'static>) -> Result<(), Ended<'static>> {
        Err(ended)
    }
}

/// A client, a server's connection, and the time.
struct World {
    driver: Driver<Nobody>,
    /// The buffer that the client is writing.
    buffer: Vec<u8>,
    id: ConnectionId,
    connection: Connection,
    server: server::Server,
    now: Time,
}

impl World {
    fn new() -> World {
        let mut server = server::Server::new(server::ServerConfig::default(), [1; 32]);
        server.add_user("alice", "correct horse").unwrap();
        let driver = Driver::new(Client::new(ClientConfig::default(), [1; 32]), 100);
        let (now, buffer) = (Time::ZERO, Vec::new());
        let id = server.handle_accepted(now, Peer::UNKNOWN).unwrap();
        World { driver, buffer, id, connection: Connection::new(id, None), server, now }
    }

    fn connected() -> World {
        let mut world = World::new();
        world.dial();
        assert!(matches!(world.events()[..], [Event::Connected { .. }]));
        world
    }

    /// Connects, with both sides of the opening handshake.
    fn dial(&mut self) {
        let mut options = Options::from("ws://localhost/");
        options.format = Some(Format::Json);
        let (mut handshake, request) =
            ClientHandshake::new(&Url::parse(&options.url).unwrap(), &options).unwrap();
        self.server.handle_disconnected(self.now, self.id);
        self.id = self.server.handle_accepted(self.now, Peer::UNKNOWN).unwrap();
        self.connection = Connection::new(self.id, None);
        let response = self.ask(&request);
        let mut input = &response[..];
        assert!(handshake.receive(&mut input).unwrap());
        assert!(self.driver.dialed(self.now, Ok(())).is_some());
        self.driver.handle_bytes(self.now, input);
        self.drive();
    }

    /// Passes bytes to the server's side; returns its answer.
    fn ask(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.connection.handle_bytes(bytes);
        while self.connection.turn(self.now, || &mut self.server) == Turn::Again {}
        let mut answer = Vec::new();
        self.connection.take_output(&mut answer);
        answer
    }

    fn drive(&mut self) -> Next {
        let next = self.driver.drive(self.now);
        self.driver.take_output(&mut self.buffer);
        next
    }

    /// Passes bytes in both directions until there are none left.
    fn exchange(&mut self) {
        loop {
            self.drive();
            let sent = std::mem::take(&mut self.buffer);
            let answer = self.ask(&sent);
            if sent.is_empty() && answer.is_empty() {
                return;
            }
            self.driver.handle_bytes(self.now, &answer);
        }
    }

    fn sign_in(&mut self) {
        let sign_in = Authorize { login: "alice", password: "correct horse" };
        self.driver.mailbox_mut().submit(self.now, sign_in).unwrap();
        self.exchange();
        assert_eq!(self.status(), Status::SignedIn);
        let events = self.events();
        assert!(
            matches!(&events[..], [Event::Ended(ended), Event::CaughtUp { .. }] if ended.outcome.is_ok()),
            "{events:?}"
        );
    }

    fn status(&self) -> Status {
        self.driver.mailbox().client().status()
    }

    fn events(&mut self) -> Vec<Event<'static>> {
        std::iter::from_fn(|| self.driver.mailbox_mut().next_event()).collect()
    }

    fn break_connection(&mut self) {
        self.driver.handle_end(self.now, Some(io::ErrorKind::ConnectionReset.into()));
        self.buffer.clear();
    }

    fn pass(&mut self, seconds: u64) -> Next {
        self.now = self.now + Duration::from_secs(seconds);
        self.drive()
    }
}

#[test]
fn a_session_from_signing_in_to_closing() {
    let mut world = World::connected();
    world.sign_in();
    world.driver.mailbox_mut().close(world.now);
    world.exchange();
    assert_eq!((world.drive(), world.driver.has_connection()), (Next::Closed, false));
    assert_eq!(world.server.connections(), 0);
}

#[test]
fn what_is_ready_together_leaves_together() {
    let mut world = World::connected();
    for _ in 0..10 {
        world.driver.mailbox_mut().submit(world.now, RegisterType).unwrap();
    }
    world.drive();
    let sent = std::mem::take(&mut world.buffer);
    let answer = world.ask(&sent);
    world.driver.handle_bytes(world.now, &answer);
    assert_eq!(world.events().len(), 10);
}

/// While the socket takes nothing, one full buffer is being written, another one waits, and the rest stays in the
/// machine: those frames are known not to have been sent.
#[test]
fn what_waited_in_the_machine_is_known_not_to_have_been_sent() {
    let mut world = World::connected();
    world.sign_in();
    let body = "x".repeat(1000);
    for _ in 0..100 {
        let message = SendMessage::new("alice", &body);
        world.driver.mailbox_mut().submit(world.now, message).unwrap();
        world.drive();
    }
    let on_its_way = world.buffer.len() + world.driver.websocket.as_ref().unwrap().output_len();
    assert!(on_its_way < 2 * OUTPUT_AT_ONCE, "{on_its_way}");
    world.break_connection();
    // Until then they would be sent again on the next connection.
    world.driver.mailbox_mut().close(world.now);
    let lost = |event| if let Event::Ended(ended) = event { ended.outcome.err() } else { None };
    let fates: Vec<_> = world.events().into_iter().filter_map(lost).collect();
    let unknown = fates.iter().filter(|fate| **fate == Failure::Lost(Delivery::Unknown)).count();
    let unsent = fates.iter().filter(|fate| **fate == Failure::Lost(Delivery::NotSent)).count();
    assert_eq!(unknown + unsent, 100);
    assert!((unknown * 1080..unknown * 1150).contains(&on_its_way), "{unknown} of {on_its_way} bytes");
    // The first ones are those that may have been sent.
    assert!(fates.iter().take(unknown).all(|fate| *fate == Failure::Lost(Delivery::Unknown)));
}

#[test]
fn what_did_not_fit_leaves_when_there_is_room_again() {
    let mut world = World::connected();
    world.sign_in();
    let body = "x".repeat(1000);
    for _ in 0..90 {
        let message = SendMessage::new("alice", &body);
        world.driver.mailbox_mut().submit(world.now, message).unwrap();
    }
    world.exchange();
    let ended = world.events().iter().filter(|event| matches!(event, Event::Ended(_))).count();
    assert_eq!(ended, 90);
}

#[test]
fn a_broken_connection_is_followed_by_another() {
    let mut world = World::connected();
    world.driver.mailbox_mut().request(world.now, RegisterType, Nobody).unwrap();
    world.drive();
    world.break_connection();
    let events = world.events();
    assert!(events.iter().any(|event| matches!(event, Event::Disconnected(_))), "{events:?}");
    assert!(!world.driver.has_connection() && !world.driver.wants_bytes());
    assert!(matches!(world.drive(), Next::Idle { until: Some(_) }));

    assert!(matches!(world.pass(60), Next::Dial { until: Some(_) }));
    let failure = ConnectError::Status { code: 503, reason: "Full".into() };
    world.driver.dialed::<()>(world.now, Err(failure));
    let told = world.events().pop();
    assert!(
        matches!(&told, Some(Event::Reconnecting { reason, .. }) if reason.to_string().contains("503 (Full)"))
    );
    assert!(matches!(world.pass(60), Next::Dial { .. }));
    world.dial();
    assert_eq!(world.status(), Status::Connected);
}

#[test]
fn a_connection_that_comes_too_late_is_dropped() {
    let mut world = World::connected();
    world.break_connection();
    assert!(matches!(world.pass(60), Next::Dial { .. }));
    world.driver.mailbox_mut().stop_reconnecting(world.now);
    assert_eq!(world.driver.dialed(world.now, Ok(())), None);
    assert_eq!(world.status(), Status::Offline);
    world.driver.mailbox_mut().close(world.now);
    assert_eq!(world.driver.dialed(world.now, Ok(())), None);
    assert_eq!(world.drive(), Next::Closed);
    let mut never = World::new();
    never.driver.mailbox_mut().close(never.now);
    assert_eq!(never.driver.dialed(never.now, Ok(())), None);
}

/// The answer to a Close frame is the last output, and its delivery is not awaited.
#[test]
fn a_closing_handshake_is_answered() {
    let mut world = World::connected();
    let mut remote = WebSocket::new(Role::Server, 1000);
    remote.close(4000);
    let mut bytes = Vec::new();
    remote.take_output(&mut bytes);
    world.driver.handle_bytes(world.now, &bytes);
    assert!(!world.driver.has_connection());
    world.drive();
    let heard = remote.receive(&mut &world.buffer[..]);
    assert!(
        matches!(heard, Ok(Some(Received::Closing(Disconnect::Closed { code: Some(4000), .. })))),
        "{heard:?}"
    );
}

#[test]
fn a_server_that_breaks_the_rules_is_told_the_code() {
    let mut world = World::connected();
    world.driver.handle_bytes(world.now, &[0x81, 1, 0xff, 0x81, 1, b'x']);
    world.drive();
    let mut remote = WebSocket::new(Role::Server, 1000);
    let heard = remote.receive(&mut &world.buffer[..]);
    assert!(
        matches!(heard, Ok(Some(Received::Closing(Disconnect::Closed { code: Some(1007), .. })))),
        "{heard:?}"
    );
    let events = world.events();
    assert!(matches!(&events[..], [Event::Disconnected(_), Event::Reconnecting { .. }]), "{events:?}");
}

#[test]
fn a_server_that_hangs_up_without_a_word_has_closed() {
    let mut world = World::connected();
    world.driver.handle_end(world.now, None);
    let closed = Disconnect::Closed { code: None, reason: String::new() };
    assert!(world.events().contains(&Event::Disconnected(closed)));
}

/// Endless pongs must not delay time-outs.
#[test]
fn time_goes_on_while_there_is_always_something_to_hear() {
    let mut world = World::connected();
    let id = world.driver.mailbox_mut().submit(world.now, RegisterType).unwrap();
    let pongs = [0x8a, 0].repeat(1000);
    for _ in 0..31 {
        world.driver.handle_bytes(world.now, &pongs);
        world.pass(1);
    }
    let events = world.events();
    assert!(matches!(&events[..], [Event::Ended(ended)] if ended.ticket.id() == id), "{events:?}");
}

/// Case 1, for a client.
#[test]
fn a_server_that_sends_pings_and_reads_nothing_costs_little() {
    let mut world = World::connected();
    world.buffer = vec![0];
    let pings = [&[0x89, 125][..], &[0; 125]].concat().repeat(100);
    let used = measure(|| {
        for _ in 0..1000 {
            assert!(world.driver.wants_bytes());
            world.driver.handle_bytes(world.now, &pings);
            world.drive();
        }
    });
    assert!(used.bytes_max < 64 << 10, "{used:?}");
}

#[test]
fn reading_pauses_when_the_application_reads_no_events() {
    let mut world = World::connected();
    let info = Transmit::Frame(Frame::Text(r#"{"type":"info","info":"x"}"#));
    let mut remote = WebSocket::new(Role::Server, 1000);
    (0..100).for_each(|_| remote.send(info));
    let mut bytes = Vec::new();
    remote.take_output(&mut bytes);
    world.driver.handle_bytes(world.now, &bytes);
    world.drive();
    assert!(!world.driver.wants_bytes());
    (0..50).for_each(|_| drop(world.driver.mailbox_mut().next_event()));
    assert!(world.driver.mailbox().has_room_again());
    world.drive();
    assert!(world.driver.wants_bytes());
}

/// The machine must know that the next connection is not read either, or it would consider the server dead.
#[test]
fn a_connection_after_one_that_paused_pauses_too() {
    let mut world = World::connected();
    for _ in 0..100 {
        world.driver.mailbox_mut().submit(world.now, RegisterType).unwrap();
    }
    world.exchange();
    assert_eq!((world.drive(), world.driver.wants_bytes()), (Next::Idle { until: None }, false));
    world.break_connection();
    assert!(matches!(world.pass(60), Next::Dial { .. }));
    world.dial();
    assert_eq!((world.drive(), world.driver.wants_bytes()), (Next::Idle { until: None }, false));
    world.events();
    assert!(matches!(world.drive(), Next::Idle { until: Some(_) }) && world.driver.wants_bytes());
}

/// Case 2.
#[test]
fn after_a_flood_there_is_no_new_connection_before_there_is_room() {
    let mut world = World::connected();
    world.driver.mailbox_mut().request(world.now, RegisterType, Nobody).unwrap();
    let flood = format!(r#"{{"type":"info","info":"{}"}}"#, "x".repeat(1_000_000));
    let mut remote = WebSocket::new(Role::Server, 1000);
    while world.driver.has_connection() {
        remote.send(Transmit::Frame(Frame::Text(&flood)));
        let mut bytes = Vec::new();
        remote.take_output(&mut bytes);
        for piece in bytes.chunks(16 << 10) {
            world.driver.handle_bytes(world.now, piece);
        }
    }
    assert_eq!(world.pass(60), Next::Idle { until: None });
    assert_eq!(world.pass(60), Next::Idle { until: None });
    let mut taken = std::collections::VecDeque::new();
    world.driver.mailbox_mut().take_events(&mut taken);
    assert!(world.driver.mailbox().has_room_again());
    assert!(matches!(world.drive(), Next::Dial { .. }));
}

#[test]
fn a_connection_whose_close_frame_is_not_answered_ends() {
    let mut world = World::connected();
    world.driver.mailbox_mut().close(world.now);
    assert!(matches!(world.drive(), Next::Idle { until: Some(_) }));
    assert_eq!(world.pass(60), Next::Closed);
}
