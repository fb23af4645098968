//! The core over smol and async-tungstenite: a bot that answers each message.
//!
//! ```text
//! cargo run -p skaro-proto --features tungstenite --example smol -- ws://127.0.0.1:8000/skaro_client/ bob secret
//! ```
#![allow(
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a program: what the core must not do is done here"
)]

mod bot;
#[path = "bot/shared.rs"]
mod shared;

use std::error::Error;
use std::future::{Future, poll_fn};
use std::time::Duration;

use async_tungstenite::{WebSocketStream, client_async_with_config};
use skaro_proto::client::{ConnectError, Endpoint, Options, Status};
use skaro_proto::tungstenite::{Access, Wire, config, request};
use smol::future::or;
use smol::net::TcpStream;

fn main() -> Result<(), Box<dyn Error>> {
    smol::block_on(run(bot::Bot::from_args()?))
}

async fn run(bot: bot::Bot) -> Result<(), Box<dyn Error>> {
    let shared = shared::Shared::new(&bot.options);
    let mut wire = Wire::connected(&shared, dial(&bot.options).await?);
    loop {
        let (status, deadline) =
            shared.with(|mailbox| (mailbox.client.status(), mailbox.client.poll_timeout()));
        match status {
            Status::Closed => return Ok(()),
            Status::Dialing => wire.dialed(&shared, dial(&bot.options).await),
            _ => {
                // Until something happens, or the machine's time has come.
                let something = poll_fn(|cx| wire.poll(&shared, cx));
                match deadline {
                    Some(deadline) => _ = within(deadline - shared.now(), something).await,
                    None => something.await,
                }
            }
        }
        shared.react(&bot)?;
    }
}

async fn within<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    let late = async {
        smol::Timer::after(time).await;
        None
    };
    or(async { Some(future.await) }, late).await
}

async fn dial(options: &Options) -> Result<WebSocketStream<TcpStream>, ConnectError> {
    within(options.dial_timeout(), connect(options)).await.unwrap_or(Err(ConnectError::TimedOut))
}

async fn connect(options: &Options) -> Result<WebSocketStream<TcpStream>, ConnectError> {
    let endpoint = Endpoint::parse(&options.url)?;
    if endpoint.is_secure {
        return Err(ConnectError::NoTls);
    }
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await;
    let stream = stream.map_err(|error| endpoint.unreachable(error))?;
    let config = config(options.config.limits.frame);
    Ok(client_async_with_config(request(options)?, stream, Some(config)).await?.0)
}
