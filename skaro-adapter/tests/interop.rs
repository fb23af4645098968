//! Both sides against tungstenite's own, over sockets.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::task::Poll;
use std::thread;

use skaro_adapter::{Connection, Driver, Next, Options, READ_AT_ONCE, Target, Turn};
use skaro_proto::Time;
use skaro_proto::client::{Event, Status};
use skaro_proto::server::{self, Peer};
use tungstenite::Message;

/// The shortest adapter of a server: one connection, one thread, no clock.
fn serve(mut stream: TcpStream) {
    let mut machine = server::Server::new(server::ServerConfig::default(), [1; 32]);
    let id = machine.handle_accepted(Time::ZERO, Peer::UNKNOWN).unwrap();
    let mut connection = Connection::new(id, None);
    let (mut bytes, mut output) = (vec![0; READ_AT_ONCE], Vec::new());
    loop {
        let read = stream.read(&mut bytes).unwrap();
        if read == 0 {
            return;
        }
        connection.handle_bytes(&bytes[..read]);
        loop {
            let turn = connection.turn(Time::ZERO, || &mut machine);
            connection.take_output(&mut output);
            stream.write_all(&output).unwrap();
            output.clear();
            match turn {
                Turn::Gone => return,
                Turn::Again => (),
                Turn::Idle { .. } => break,
            }
        }
    }
}

#[test]
fn tungstenites_client_talks_to_our_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || serve(listener.accept().unwrap().0));
    let stream = TcpStream::connect(address).unwrap();
    let (mut client, _) = tungstenite::client(format!("ws://{address}/"), stream).unwrap();
    assert!(matches!(client.read(), Ok(Message::Binary(_))), "the server speaks first");
    client.send(Message::Ping(b"here".to_vec().into())).unwrap();
    assert!(matches!(client.read(), Ok(Message::Pong(content)) if content == b"here"[..]));
    client.send(Message::text("x".repeat(100_000))).unwrap();
    assert!(matches!(client.read(), Ok(Message::Binary(_))), "an error");
    client.close(None).unwrap();
    assert!(matches!(client.read(), Ok(Message::Close(_))));
    assert!(matches!(client.read(), Err(tungstenite::Error::ConnectionClosed)));
    server.join().unwrap();
}

#[test]
fn our_client_talks_to_tungstenites_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options::from(format!("ws://{}/", listener.local_addr().unwrap()));
    let server = thread::spawn(move || {
        let mut server = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        server.send(Message::text(r#"{"type":"check_connection","token":"t"}"#)).unwrap();
        server.send(Message::text(format!(r#"{{"type":"info","info":"{}"}}"#, "x".repeat(100_000)))).unwrap();
        let closing = server.read().unwrap();
        while server.read().is_ok() {}
        closing
    });

    let target = Target::new(options).unwrap();
    let mut stream = TcpStream::connect((target.host(), target.port())).unwrap();
    let mut buffer = vec![0; READ_AT_ONCE];
    let mut opening = target.opening().unwrap();
    assert!(matches!(opening.advance(&mut stream, &mut buffer), Poll::Ready(Ok(()))));
    let mut driver: Driver<Infallible> = target.driver().unwrap();
    let mut link = driver.dialed(Time::ZERO, Ok(opening.finish())).unwrap();
    let mut heard = Vec::new();
    while driver.drive(Time::ZERO) != Next::Closed {
        link.fill(|output| driver.take_output(output));
        let Poll::Ready(read) = link.turn(&mut stream, true, &mut buffer) else { panic!("it blocks") };
        driver.handle_read(Time::ZERO, read);
        while let Some(event) = driver.mailbox_mut().next_event() {
            if let Event::Info(notice) = &event {
                assert_eq!(notice.info.len(), 100_000);
                driver.mailbox_mut().close(Time::ZERO);
            }
            heard.push(event);
        }
    }
    assert_eq!(driver.mailbox().client().status(), Status::Closed);
    assert!(
        matches!(&heard[..], [Event::Connected { .. }, Event::Info(_), Event::Disconnected(_)]),
        "{heard:?}"
    );
    let closing = server.join().unwrap();
    assert!(matches!(&closing, Message::Close(Some(frame)) if u16::from(frame.code) == 1000), "{closing:?}");
}
