//! A client without an adapter, which can send anything.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use skaro_blocking::Format;
use skaro_blocking::proto::Frame;
use skaro_blocking::proto::auth::proof;
use skaro_blocking::proto::message::{ClientMessage, Request, ServerMessage};
use tungstenite::client::client_with_config;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

use crate::world::{PATIENCE, USERS};

/// Connects.
pub fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Connects and opens a WebSocket, with a small buffer, since some tests measure memory.
pub fn open(address: SocketAddr) -> WebSocket<TcpStream> {
    let config = WebSocketConfig::default().read_buffer_size(4 << 10);
    let url = format!("ws://{address}/skaro_client/");
    client_with_config(url, dial(address), Some(config)).unwrap().0
}

/// Connects, opens a WebSocket, and signs in.
pub fn sign_in(address: SocketAddr, login: &str) -> WebSocket<TcpStream> {
    let mut socket = open(address);
    let greeting = socket.read().unwrap().into_data();
    let ServerMessage::CheckConnection(challenge) = ServerMessage::decode(Frame::Binary(&greeting)).unwrap()
    else {
        panic!("no challenge")
    };
    let password = USERS.iter().find(|(name, _)| *name == login).unwrap().1;
    let proof = proof(password, &challenge.token);
    send(
        &mut socket,
        1,
        Request::Authorize {
            login: login.into(),
            proof: proof.into(),
            since: None,
            log: None,
            presence: false,
        },
    );
    socket.read().unwrap();
    socket
}

/// Sends a request in CBOR.
pub fn send(socket: &mut WebSocket<TcpStream>, id: u64, request: Request<'_>) {
    let frame = ClientMessage::new(id, request).encode(Format::Cbor);
    socket.send(Message::Binary(frame.into())).unwrap();
}

/// Returns a client's frame as bytes. The mask is zero, so that the content stays readable.
pub fn frame(first_byte: u8, content: &[u8]) -> Vec<u8> {
    let mut frame = vec![first_byte];
    match content.len() {
        length @ ..126 => frame.push(0x80 | length as u8),
        length @ ..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(content);
    frame
}

/// Writes until the peer takes no more, or this many bytes; returns the number of bytes taken.
pub fn flood(stream: &mut TcpStream, piece: &[u8], most: usize) -> usize {
    let mut taken = 0;
    while taken < most {
        match stream.write(piece) {
            Ok(written @ 1..) if written == piece.len() => taken += written,
            // In whole frames.
            Ok(written) if stream.write_all(&piece[written..]).is_ok() => taken += piece.len(),
            _ => break,
        }
    }
    taken
}
