//! The core in a plain thread, without an adapter: a socket of the standard library, and a codec for WebSocket frames.
//! The run loop is that of the core's documentation.
//!
//! ```text
//! cargo run -p skaro-proto --example thread -- ws://127.0.0.1:8000/skaro_client/ bob secret
//! ```
#![allow(
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a program: what the core must not do is done here"
)]

mod bot;
mod line;

use std::error::Error;
use std::time::Instant;

use embedded_websocket::WebSocketReceiveMessageType as Received;
use line::{Line, Result};
use skaro_proto::client::{Client, Disconnect, Event, Status};
use skaro_proto::{Frame, Time};

fn main() -> Result<()> {
    let bot = bot::Bot::from_args()?;
    let start = Instant::now();
    let now = || Time::since_epoch(start.elapsed());
    let failed = |error: Box<dyn Error>| Disconnect::Failed(error.to_string());
    let mut client = Client::new(bot.config.clone(), [1; 32]);
    let mut line = Some(Line::dial(&bot.url, bot.config.dial_timeout)?);
    client.handle_connected(now());
    loop {
        client.handle_timeout(now());
        match client.status() {
            Status::Closed => return Ok(()),
            Status::Dialing => match Line::dial(&bot.url, bot.config.dial_timeout) {
                Ok(dialed) => {
                    line = Some(dialed);
                    client.handle_connected(now());
                }
                Err(error) => client.handle_disconnected(now(), failed(error)),
            },
            _ => (),
        }
        line.take_if(|_| !client.status().has_connection());
        // Before sending, since the bot may answer an event by a command.
        while let Some(event) = client.poll_event() {
            bot.react(&mut client, now(), &event)?;
        }
        let sent = line.as_mut().map_or(Ok(()), |line| line.send_all(&mut client));
        let wait = client.poll_timeout().map(|deadline| deadline - now());
        let received = match &mut line {
            Some(line) => sent.and_then(|()| line.receive(wait)),
            None => {
                std::thread::sleep(wait.unwrap_or_default());
                Ok(None)
            }
        };
        match received {
            Ok(Some((kind, payload))) => hear(&bot, &mut client, now(), kind, &payload)?,
            Ok(None) => (),
            Err(error) => client.handle_disconnected(now(), failed(error)),
        }
    }
}

fn hear(bot: &bot::Bot, client: &mut Client, now: Time, kind: Received, payload: &[u8]) -> Result<()> {
    let frame = match kind {
        Received::Text => Frame::Text(std::str::from_utf8(payload)?),
        Received::Binary => Frame::Binary(payload),
        Received::Ping | Received::Pong => {
            client.handle_pong(now);
            return Ok(());
        }
        Received::CloseMustReply | Received::CloseCompleted => {
            client.handle_disconnected(now, Disconnect::Closed { code: None, reason: String::new() });
            return Ok(());
        }
    };
    let event = client.handle_frame(now, frame).unwrap_or_else(Event::ProtocolError);
    if let Some(position) = event.position() {
        client.handle_taken(position);
    }
    Ok(bot.react(client, now, &event)?)
}
