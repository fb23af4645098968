//! Clients without skaro: the libraries below the adapters, used by hand. They write and read the same frames through
//! structs of known types, and do nothing else.

use std::net::TcpStream;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use skaro_bench::known::{Buffer, SendMessage, Sent, ShowMessage};
use skaro_bench::samples::BODY;
use skaro_proto::Format;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket};

use crate::peer::FLOOD;
use crate::{AsyncClient, Client, TOGETHER};

/// tungstenite's default, except for its read buffer, which is cleared for every read: 128 KiB would cost 25 times the
/// rest.
fn config() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(4 << 10)
}

/// A writer of requests.
#[derive(Default)]
struct Writer {
    buffer: Buffer,
    /// The number of the last request.
    number: u64,
}

impl Writer {
    fn send_message(&mut self, to: &str, body: &str) -> Message {
        self.number += 1;
        let message = SendMessage { kind: "send_message", to, body, on_request: self.number };
        self.buffer.write(Format::Cbor, &message);
        Message::binary(self.buffer.bytes().to_vec())
    }
}

fn check_answer(number: u64, message: Message) {
    let data = message.into_data();
    let sent: Sent<'_> = minicbor_serde::from_slice(&data).unwrap();
    assert_eq!((sent.id, sent.status), (number, "200"));
}

fn check_shown(message: Message) {
    let data = message.into_data();
    let shown: ShowMessage<'_> = minicbor_serde::from_slice(&data).unwrap();
    assert_eq!(shown.body, BODY);
}

pub struct Blocking {
    socket: WebSocket<TcpStream>,
    writer: Writer,
}

impl Blocking {
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        let url = format!("ws://127.0.0.1:{port}/");
        let (mut socket, _) = tungstenite::client::client_with_config(url, stream, Some(config())).unwrap();
        // The challenge, which the peer ignores.
        socket.read().unwrap();
        Blocking { socket, writer: Writer::default() }
    }

    fn write(&mut self, to: &str, body: &str) -> u64 {
        self.socket.write(self.writer.send_message(to, body)).unwrap();
        self.writer.number
    }
}

impl Client for Blocking {
    fn round_trips(&mut self, count: u32) {
        for _ in 0..count {
            let number = self.write("bob", BODY);
            self.socket.flush().unwrap();
            check_answer(number, self.socket.read().unwrap());
        }
    }

    fn pipelined(&mut self, count: u32) {
        for _ in 0..count / TOGETHER {
            let first = self.writer.number + 1;
            (0..TOGETHER).for_each(|_| _ = self.write("bob", BODY));
            self.socket.flush().unwrap();
            (first..=self.writer.number).for_each(|number| check_answer(number, self.socket.read().unwrap()));
        }
    }

    fn pushed(&mut self, count: u32) {
        let number = self.write(FLOOD, &count.to_string());
        self.socket.flush().unwrap();
        check_answer(number, self.socket.read().unwrap());
        (0..count).for_each(|_| check_shown(self.socket.read().unwrap()));
    }
}

/// A client over a socket of either async library.
pub struct Async<S> {
    socket: S,
    writer: Writer,
}

impl Async<async_tungstenite::WebSocketStream<async_std::net::TcpStream>> {
    pub async fn connect_async_std(port: u16) -> Self {
        let stream = async_std::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let url = format!("ws://127.0.0.1:{port}/");
        let connecting = async_tungstenite::client_async_with_config(url, stream, Some(config()));
        Async::over(connecting.await.unwrap().0).await
    }
}

impl Async<tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>> {
    pub async fn connect_tokio(port: u16) -> Self {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let url = format!("ws://127.0.0.1:{port}/");
        let connecting = tokio_tungstenite::client_async_with_config(url, stream, Some(config()));
        Async::over(connecting.await.unwrap().0).await
    }
}

/// A socket that sends and yields messages.
pub trait Socket:
    Sink<Message, Error = Error> + Stream<Item = Result<Message, Error>> + Send + Unpin + 'static
{
}

impl<S> Socket for S where
    S: Sink<Message, Error = Error> + Stream<Item = Result<Message, Error>> + Send + Unpin + 'static
{
}

impl<S: Socket> Async<S> {
    async fn over(mut socket: S) -> Self {
        // The challenge.
        socket.next().await.unwrap().unwrap();
        Async { socket, writer: Writer::default() }
    }

    async fn write(&mut self, to: &str, body: &str) -> u64 {
        self.socket.feed(self.writer.send_message(to, body)).await.unwrap();
        self.writer.number
    }

    async fn read(&mut self) -> Message {
        self.socket.next().await.unwrap().unwrap()
    }
}

impl<S: Socket> AsyncClient for Async<S> {
    async fn round_trips(&mut self, count: u32) {
        for _ in 0..count {
            let number = self.write("bob", BODY).await;
            self.socket.flush().await.unwrap();
            check_answer(number, self.read().await);
        }
    }

    async fn pipelined(&mut self, count: u32) {
        for _ in 0..count / TOGETHER {
            let first = self.writer.number + 1;
            for _ in 0..TOGETHER {
                self.write("bob", BODY).await;
            }
            self.socket.flush().await.unwrap();
            for number in first..=self.writer.number {
                check_answer(number, self.read().await);
            }
        }
    }

    async fn pushed(&mut self, count: u32) {
        let number = self.write(FLOOD, &count.to_string()).await;
        self.socket.flush().await.unwrap();
        check_answer(number, self.read().await);
        for _ in 0..count {
            check_shown(self.read().await);
        }
    }
}
