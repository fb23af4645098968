//! The core over tokio and tokio-tungstenite: a bot that answers each message.
//!
//! ```text
//! cargo run -p skaro-proto --features tungstenite --example tokio -- ws://127.0.0.1:8000/skaro_client/ bob secret
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
use std::future::poll_fn;

use skaro_proto::client::{ConnectError, Options, Status};
use skaro_proto::tungstenite::{Access, Wire, config, request};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let bot = bot::Bot::from_args()?;
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
                    Some(deadline) => _ = timeout(deadline - shared.now(), something).await,
                    None => something.await,
                }
            }
        }
        shared.react(&bot)?;
    }
}

async fn dial(options: &Options) -> Result<Socket, ConnectError> {
    let config = config(options.config.limits.frame);
    let connecting = connect_async_with_config(request(options)?, Some(config), true);
    let connected = timeout(options.dial_timeout(), connecting).await;
    Ok(connected.map_err(|_| ConnectError::TimedOut)??.0)
}
