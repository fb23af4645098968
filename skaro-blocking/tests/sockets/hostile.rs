//! Servers that send without end, and applications that do not read: nothing grows without end, nobody waits for ever.

use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use skaro_blocking::{
    Authorize, ConnectError, Disconnect, Event, Failure, Options, RequestError, SendMessage, Status,
};
use tungstenite::{Message, WebSocket};

use crate::adapters::Adapter;
use crate::world::{World, until, wait_for};

/// What a client may take before it ends the connection: 16 MiB of events, and what is under way in the kernel.
const MAX_TAKEN: usize = 64 << 20;

/// Case 2, before the greeting.
pub(crate) fn a_flood_before_the_greeting_ends_the_connection<A: Adapter>(_: &World) {
    let (options, server) = serve(flood);
    match A::connect(options, None) {
        Err(ConnectError::Ended(Disconnect::Failed(reason))) => {
            assert!(reason.contains("16 MiB"), "{reason}")
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("connected"),
    }
    assert!(server.join().unwrap() < MAX_TAKEN);
}

/// Case 2, instead of an answer.
pub(crate) fn a_flood_instead_of_an_answer_ends_the_connection<A: Adapter>(_: &World) {
    let (options, server) = serve(|mut socket| {
        greet(&mut socket);
        _ = socket.read();
        flood(socket)
    });
    let client = A::connect(options, None).unwrap();
    let result = client.request(Authorize { login: "alice", password: "correct horse" });
    assert!(matches!(result, Err(RequestError::Failure(Failure::Lost(_)))), "{result:?}");
    let reason = wait_for(&client, "the end", |event| match event {
        Event::Disconnected(reason) => Some(reason.to_string()),
        _ => None,
    });
    assert!(reason.contains("16 MiB"), "{reason}");
    assert!(server.join().unwrap() < MAX_TAKEN);
}

/// Case 2, while the client closes.
pub(crate) fn a_flood_while_closing_ends_the_connection<A: Adapter>(_: &World) {
    let (options, server) = serve(|mut socket| {
        greet(&mut socket);
        // The client's Close frame.
        _ = socket.read();
        flood(socket)
    });
    let client = A::connect(options, None).unwrap();
    client.close();
    assert_eq!(client.status(), Status::Closed);
    assert!(server.join().unwrap() < MAX_TAKEN);
}

/// Case 6: reading pauses when too many events wait, but not while somebody waits for an answer behind them.
pub(crate) fn an_answer_behind_3000_unread_events_comes<A: Adapter>(world: &World) {
    let (alice, bob): (A, A) = (world.client("alice", |_| ()), world.client("bob", |_| ()));
    for n in 0..3000 {
        alice.submit(SendMessage { to: "bob", body: &n.to_string(), marker: None }).unwrap();
    }
    let mut ends = 0;
    while ends < 3000 {
        wait_for(&alice, "an end", |event| matches!(event, Event::Ended(_)).then(|| ends += 1));
    }
    // As in a bot's loop: one event, one answer to be waited for.
    for n in 0..3000 {
        let body = wait_for(&bob, "a message", |event| match event {
            Event::Message { message, .. } => Some(message.body.to_string()),
            _ => None,
        });
        assert_eq!(body, n.to_string());
        if n % 100 == 0 {
            bob.request(SendMessage { to: "alice", body: "yes?", marker: None }).unwrap();
        }
    }
    until("alice is told", || alice.dialogs() == ["bob"]);
}

fn serve(talk: impl FnOnce(WebSocket<TcpStream>) -> usize + Send + 'static) -> (Options, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = Options::new(format!("ws://{}/", listener.local_addr().unwrap()));
    options.config.reconnect = None;
    options.config.close_timeout = Duration::from_secs(2);
    let server = thread::spawn(move || talk(tungstenite::accept(listener.accept().unwrap().0).unwrap()));
    (options, server)
}

fn greet(socket: &mut WebSocket<TcpStream>) {
    socket.send(Message::text(r#"{"type":"check_connection","token":"t"}"#)).unwrap();
}

/// Sends information of almost 1 MB without end; returns how many bytes were taken.
fn flood(mut socket: WebSocket<TcpStream>) -> usize {
    let info = format!(r#"{{"type":"info","info":"{}"}}"#, "x".repeat(1_000_000));
    let mut taken = 0;
    while taken < 2 * MAX_TAKEN && socket.send(Message::text(info.as_str())).is_ok() {
        taken += info.len();
    }
    taken
}
