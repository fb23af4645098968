//! The loop around a client's machine, over sockets that are none.
#![cfg(feature = "tungstenite")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_sink::Sink;
use skaro_proto::client::{
    Client, Config, ConnectError, Delivery, Ended, Event, Failure, Mailbox, RegisterType, Status, Waiter,
};
use skaro_proto::tungstenite::{Access, NonBlocking, Socket, Wire};
use skaro_proto::{Format, Time, server};
use tungstenite::protocol::{Message, Role, WebSocket};

/// Nobody waits for ends: they come as events.
struct Nobody;

impl Waiter for Nobody {
    fn end(self, ended: Ended<'static>) -> Result<(), Ended<'static>> {
        Err(ended)
    }
}

/// A client, and a clock that is set.
struct World {
    mailbox: RefCell<Mailbox<Nobody>>,
    now: Cell<Time>,
}

impl World {
    fn new() -> World {
        let client = Client::new(Config::default(), 1);
        World { mailbox: RefCell::new(Mailbox::new(client, 100)), now: Cell::new(Time::ZERO) }
    }

    fn status(&self) -> Status {
        self.with(|mailbox| mailbox.client.status())
    }

    fn events(&self) -> Vec<Event<'static>> {
        self.with(|mailbox| std::iter::from_fn(|| mailbox.next_event()).collect())
    }
}

impl Access for World {
    type Waiter = Nobody;

    fn now(&self) -> Time {
        self.now.get()
    }

    fn with<T>(&self, call: impl FnOnce(&mut Mailbox<Nobody>) -> T) -> T {
        call(&mut self.mailbox.borrow_mut())
    }
}

/// One end of a pipe that never blocks and can be stopped up.
#[derive(Clone, Default)]
struct Pipe {
    incoming: Rc<RefCell<VecDeque<u8>>>,
    outgoing: Rc<RefCell<VecDeque<u8>>>,
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    /// Whether nothing more can be written.
    is_full: Cell<bool>,
    /// Whether the connection is gone.
    is_broken: Cell<bool>,
    writes: Cell<usize>,
}

impl Pipe {
    fn other_end(&self) -> Pipe {
        let (incoming, outgoing) = (self.outgoing.clone(), self.incoming.clone());
        Pipe { incoming, outgoing, state: Rc::default() }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.incoming.borrow_mut().read(buffer)? {
            0 if self.state.is_broken.get() => Err(io::ErrorKind::ConnectionReset.into()),
            0 => Err(io::ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.state.is_broken.get() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.state.is_full.get() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.state.writes.set(self.state.writes.get() + 1);
        self.outgoing.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server's machine at the other end of a pipe.
struct Remote {
    socket: WebSocket<Pipe>,
    machine: server::Server,
    id: server::ConnectionId,
}

impl Remote {
    fn new(pipe: Pipe) -> Remote {
        let mut machine = server::Server::new(server::Config::default(), [1; 32]);
        machine.add_user("alice", "correct horse").unwrap();
        let id = machine.connect(Time::ZERO, Some(Format::Json)).unwrap();
        Remote { socket: WebSocket::from_raw_socket(pipe, Role::Server, None), machine, id }
    }

    fn turn(&mut self) {
        while let Ok(message) = self.socket.read() {
            if let Message::Text(text) = message {
                self.machine.handle_frame(Time::ZERO, self.id, skaro_proto::Frame::Text(&text)).unwrap();
            }
        }
        while let Some(transmit) = self.machine.poll_transmit(self.id) {
            self.socket.send(transmit.into()).unwrap();
        }
    }
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn waits(world: &World) -> bool {
    matches!(world.status(), Status::Waiting { .. })
}

type Line = Wire<NonBlocking<Pipe>>;

fn over(pipe: &Pipe) -> NonBlocking<Pipe> {
    NonBlocking::new(WebSocket::from_raw_socket(pipe.clone(), Role::Client, None))
}

fn drive(world: &World, wire: &mut Line) {
    while wire.poll(world, &mut context()).is_ready() {}
}

fn connected() -> (World, Line, Remote, Pipe) {
    let (world, pipe) = (World::new(), Pipe::default());
    let mut remote = Remote::new(pipe.other_end());
    let mut wire = Wire::connected(&world, over(&pipe));
    remote.turn();
    drive(&world, &mut wire);
    assert!(matches!(world.events()[..], [Event::Connected { .. }]));
    (world, wire, remote, pipe)
}

#[test]
fn a_session_from_signing_in_to_closing() {
    let (world, mut wire, mut remote, _) = connected();
    let now = world.now();
    world.with(|mailbox| mailbox.client.authorize(now, "alice", "correct horse")).unwrap();
    drive(&world, &mut wire);
    remote.turn();
    drive(&world, &mut wire);
    assert_eq!(world.status(), Status::SignedIn);
    assert!(matches!(&world.events()[..], [Event::Ended(ended)] if ended.outcome.is_ok()));

    world.with(|mailbox| mailbox.client.close(now));
    drive(&world, &mut wire);
    remote.turn();
    drive(&world, &mut wire);
    assert_eq!(world.status(), Status::Closed);
}

#[test]
fn what_is_ready_together_leaves_together() {
    let (world, mut wire, mut remote, pipe) = connected();
    let before = pipe.state.writes.get();
    world
        .with(|mailbox| (0..10).try_for_each(|_| mailbox.client.register_type(Time::ZERO).map(drop)))
        .unwrap();
    drive(&world, &mut wire);
    assert_eq!(pipe.state.writes.get() - before, 1);
    remote.turn();
    drive(&world, &mut wire);
    assert_eq!(world.events().len(), 10);
}

/// As a server does it: what is written leaves when it is flushed, all at once, and nothing is flushed in vain.
#[test]
fn what_is_written_bit_by_bit_leaves_together() {
    let pipe = Pipe::default();
    let mut remote = WebSocket::from_raw_socket(pipe.other_end(), Role::Client, None);
    let end = WebSocket::from_raw_socket(pipe.clone(), Role::Server, None);
    let mut socket = Socket::new(NonBlocking::new(end));
    for n in 0..10 {
        let mut message = Some(Message::text(n.to_string()));
        assert!(matches!(socket.poll_write(&mut context(), || message.take()), Poll::Ready(Ok(()))));
    }
    assert_eq!(pipe.state.writes.get(), 0);
    for _ in 0..2 {
        assert!(matches!(socket.poll_flush(&mut context()), Poll::Ready(Ok(()))));
        assert_eq!(pipe.state.writes.get(), 1);
    }
    let received = std::iter::from_fn(|| remote.read().ok()).map(|message| message.to_string());
    assert!(received.eq((0..10).map(|n| n.to_string())));
}

#[test]
fn what_does_not_go_through_waits_in_the_machine() {
    let (world, mut wire, mut remote, pipe) = connected();
    pipe.state.is_full.set(true);
    for _ in 0..3 {
        world.with(|mailbox| mailbox.client.register_type(Time::ZERO)).unwrap();
        drive(&world, &mut wire);
    }
    assert_eq!(wire.poll(&world, &mut context()), Poll::Pending);
    pipe.state.is_full.set(false);
    drive(&world, &mut wire);
    remote.turn();
    drive(&world, &mut wire);
    assert_eq!(world.events().len(), 3);
}

/// Only the first one is with the WebSocket when the connection breaks: of the others it is known that they never left.
#[test]
fn what_waited_in_the_machine_is_known_not_to_have_been_sent() {
    let (world, mut wire, _, pipe) = connected();
    pipe.state.is_full.set(true);
    for _ in 0..3 {
        world.with(|mailbox| mailbox.client.register_type(Time::ZERO)).unwrap();
        drive(&world, &mut wire);
    }
    pipe.state.is_broken.set(true);
    drive(&world, &mut wire);
    let lost = |event| if let Event::Ended(ended) = event { ended.outcome.err() } else { None };
    let fates: Vec<_> = world.events().into_iter().filter_map(lost).collect();
    assert_eq!(fates, [Delivery::Unknown, Delivery::NotSent, Delivery::NotSent].map(Failure::Lost));
}

#[test]
fn a_socket_that_is_closed_says_so_to_the_other_end() {
    let pipe = Pipe::default();
    let mut remote = WebSocket::from_raw_socket(pipe.other_end(), Role::Server, None);
    let closed = Pin::new(&mut over(&pipe)).poll_close(&mut context());
    assert!(matches!(closed, Poll::Ready(Ok(()))), "{closed:?}");
    assert!(matches!(remote.read(), Ok(Message::Close(None))));
}

#[test]
fn a_broken_connection_is_followed_by_another() {
    for breaks_while_writing in [false, true] {
        let (world, mut wire, _, pipe) = connected();
        world.with(|mailbox| mailbox.request(Time::ZERO, RegisterType, Nobody)).unwrap();
        pipe.state.is_full.set(!breaks_while_writing);
        drive(&world, &mut wire);
        pipe.state.is_broken.set(true);
        if breaks_while_writing {
            world.with(|mailbox| mailbox.client.register_type(Time::ZERO)).unwrap();
        }
        drive(&world, &mut wire);
        let events = world.events();
        assert!(events.iter().any(|event| matches!(event, Event::Disconnected(_))), "{events:?}");
        assert!(waits(&world));

        world.now.set(world.now() + Duration::from_secs(60));
        drive(&world, &mut wire);
        assert_eq!(world.status(), Status::Dialing);
        wire.dialed(&world, Err(ConnectError::Status(503)));
        assert!(waits(&world));
        world.now.set(world.now() + Duration::from_secs(60));
        drive(&world, &mut wire);
        let pipe = Pipe::default();
        let mut remote = Remote::new(pipe.other_end());
        wire.dialed(&world, Ok(over(&pipe)));
        remote.turn();
        drive(&world, &mut wire);
        assert_eq!(world.status(), Status::Connected);
    }
}

#[test]
fn a_connection_that_comes_too_late_is_dropped() {
    let (world, mut wire, _, pipe) = connected();
    pipe.state.is_broken.set(true);
    drive(&world, &mut wire);
    world.now.set(world.now() + Duration::from_secs(60));
    drive(&world, &mut wire);
    assert_eq!(world.status(), Status::Dialing);
    world.with(|mailbox| mailbox.client.close(world.now()));
    let late = Pipe::default();
    wire.dialed(&world, Ok(over(&late)));
    assert_eq!((world.status(), Rc::strong_count(&late.state)), (Status::Closed, 1));
}

/// The answer to a closing handshake leaves at once, and nobody waits for it.
#[test]
fn a_closing_handshake_is_answered() {
    let pipe = Pipe::default();
    let mut remote = WebSocket::from_raw_socket(pipe.other_end(), Role::Server, None);
    let mut socket = Socket::new(over(&pipe));
    remote.close(None).unwrap();
    remote.flush().unwrap();
    let received = socket.poll_receive(&mut context());
    assert!(matches!(received, Poll::Ready(Ok(Message::Close(_)))), "{received:?}");
    assert!(matches!(remote.read(), Ok(Message::Close(_))));
}

/// Pongs, a flood of other messages: nothing of that keeps time from going on.
#[test]
fn time_goes_on_while_there_is_always_something_to_hear() {
    let (world, mut wire, mut remote, _) = connected();
    let id = world.with(|mailbox| mailbox.client.register_type(Time::ZERO)).unwrap();
    for _ in 0..40 {
        remote.socket.send(Message::Pong(Default::default())).unwrap();
    }
    world.now.set(Time::from_secs(31));
    assert_eq!(wire.poll(&world, &mut context()), Poll::Ready(()));
    let events = world.events();
    assert!(matches!(&events[..], [Event::Ended(ended)] if ended.ticket.id() == id), "{events:?}");
}

#[test]
fn a_few_messages_are_heard_at_once_but_nobody_waits_for_those_behind_an_answer() {
    let (world, mut wire, mut remote, _) = connected();
    let info = || Message::text(r#"{"type":"info","info":"x"}"#);
    // One by one, as long as nobody is signed in.
    (0..2).for_each(|_| remote.socket.send(info()).unwrap());
    for _ in 0..2 {
        assert_eq!(wire.poll(&world, &mut context()), Poll::Ready(()));
        assert_eq!(world.events().len(), 1);
    }
    world.with(|mailbox| mailbox.client.authorize(Time::ZERO, "alice", "correct horse")).unwrap();
    drive(&world, &mut wire);
    remote.turn();
    drive(&world, &mut wire);
    assert!(matches!(world.events()[..], [Event::Ended(_)]));

    (0..5).for_each(|_| remote.socket.send(info()).unwrap());
    assert_eq!(wire.poll(&world, &mut context()), Poll::Ready(()));
    assert_eq!(world.events().len(), 5);

    world.with(|mailbox| mailbox.request(Time::ZERO, RegisterType, Nobody)).unwrap();
    drive(&world, &mut wire);
    remote.turn();
    remote.socket.send(info()).unwrap();
    assert_eq!(wire.poll(&world, &mut context()), Poll::Ready(()));
    assert!(matches!(world.events()[..], [Event::Ended(_)]));
    assert_eq!(wire.poll(&world, &mut context()), Poll::Ready(()));
    assert!(matches!(world.events()[..], [Event::Info(_)]));
}
