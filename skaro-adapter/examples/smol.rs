//! A client over a runtime for which there is no adapter, smol: the guide's example, and a bot that uses it.
//!
//! ```text
//! cargo run -p skaro-adapter --features async --example smol -- ws://127.0.0.1:8000/skaro_client/ bob secret
//! ```

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use skaro_adapter::asynchronous::{Client, Runtime};
use skaro_adapter::prelude::{Event, SendMessage};
use smol::net::{TcpListener, TcpStream};

/// The runtime smol, as the engine needs it.
pub(crate) enum Smol {}

impl Runtime for Smol {
    type Stream = TcpStream;
    type Listener = TcpListener;

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(task).detach();
    }

    async fn sleep(duration: Duration) {
        smol::Timer::after(duration).await;
    }

    async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        smol::net::resolve((host, port)).await
    }

    async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn listen(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        smol::Async::new(listener).map(TcpListener::from)
    }

    async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, address) = listener.accept().await?;
        // It fails if the peer is gone already, which shows when the connection is read.
        _ = stream.set_nodelay(true);
        Ok((stream, address))
    }
}

/// Answers each message, until somebody says "stop".
///
/// # Errors
/// If there is no connection, or the server does not let the bot in.
pub(crate) async fn bot(url: &str, login: &str, password: &str) -> Result<(), Box<dyn Error>> {
    let (client, mut events) = Client::<Smol>::connect(url).await?;
    client.authorize(login, password).await?;
    while let Some(event) = events.next().await {
        match event {
            Event::Message(incoming) if incoming.is_own() => {}
            Event::Message(incoming) if incoming.message.body == "stop" => break,
            Event::Message(incoming) => {
                let answer = format!("you said: {}", incoming.message.body);
                // However often this answer is sent, it arrives once.
                let key = incoming.message.position.map(|position| format!("answer-{position}"));
                let answer =
                    SendMessage { key: key.as_deref(), ..SendMessage::new(incoming.dialog(), &answer) };
                client.request(answer).await?;
            }
            Event::SignedOut { reason } => return Err(reason.to_string().into()),
            _ => {}
        }
    }
    client.close().await;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, login, password] = &arguments[..] else { return Err("usage: URL LOGIN PASSWORD".into()) };
    smol::block_on(bot(url, login, password))
}
