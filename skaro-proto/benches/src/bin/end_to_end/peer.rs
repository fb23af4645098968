//! The peer of all clients: a minimal server, so that the clients dominate the measurement.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use skaro_bench::samples::{BODY, DATE};
use skaro_proto::message::{
    Answer, AnswerMessage, Challenge, ClientMessage, Date, Message, Request, ServerMessage, SignedIn, User,
};
use skaro_proto::{Format, Frame};
use tungstenite::WebSocket;
use tungstenite::protocol::WebSocketConfig;

/// A message to this login is answered by as many messages as its body says.
pub const FLOOD: &str = "flood";

/// Serves until the process is killed; prints its port first.
pub fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    for stream in listener.incoming() {
        // An error, such as the client's disconnect, ends the thread.
        thread::spawn(|| talk(stream.unwrap()));
    }
}

fn talk(stream: TcpStream) -> tungstenite::Result<()> {
    stream.set_nodelay(true)?;
    let stream = Together { stream, waiting: Vec::new() };
    // The writes are batched here already.
    let config = WebSocketConfig::default().read_buffer_size(4 << 10).write_buffer_size(0);
    let mut socket = tungstenite::accept_with_config(stream, Some(config)).unwrap();
    let token = Challenge::new("3a0cf1b2c7d94e53");
    write(&mut socket, &ServerMessage::CheckConnection(token))?;
    loop {
        let message = socket.read()?;
        if message.is_binary() {
            let request = ClientMessage::decode(Frame::Binary(&message.into_data())).map(answer_to).unwrap();
            let (answer, pushed) = request;
            write(&mut socket, &answer)?;
            for number in 0..pushed {
                let date = Some(Date::Integer(DATE + number));
                let mut message = Message::new("alice", "bob", BODY);
                message.date = date;
                write(&mut socket, &ServerMessage::ShowMessage(message))?;
            }
        }
    }
}

/// Returns the answer, and the number of messages that follow it.
fn answer_to(message: ClientMessage<'_>) -> (ServerMessage<'static>, i64) {
    let (answer, pushed) = match &message.request {
        Request::Authorize { login, .. } => {
            let user = User::new(login.to_string());
            (Answer::Authorized(SignedIn::new("s-1", user)), 0)
        }
        Request::SendMessage { to, body, .. } if to == FLOOD => {
            (Answer::MessageSent { date: Some(Date::Integer(DATE)), position: None }, body.parse().unwrap())
        }
        _ => (Answer::MessageSent { date: Some(Date::Integer(DATE)), position: None }, 0),
    };
    let (kind, id) = (message.request.kind().to_string(), message.on_request);
    (ServerMessage::Answer(AnswerMessage::new(kind, id, Ok(answer))), pushed)
}

fn write(socket: &mut WebSocket<Together>, message: &ServerMessage<'_>) -> tungstenite::Result<()> {
    socket.write(tungstenite::Message::binary(message.encode(Format::Cbor)))
}

/// Flushes when no more input is available: answers to requests that came together are sent together.
struct Together {
    stream: TcpStream,
    waiting: Vec<u8>,
}

impl Read for Together {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.write_all(&self.waiting)?;
        self.waiting.clear();
        self.stream.read(buffer)
    }
}

impl Write for Together {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() > 1 << 16 {
            self.stream.write_all(&self.waiting)?;
            self.waiting.clear();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
