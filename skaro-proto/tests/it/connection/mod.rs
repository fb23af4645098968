//! Nothing is lost, nothing hangs: time-outs, keep-alive, reconnection and restoration, on a virtual clock.

mod carrying_over;
mod coming_back;
mod log;
mod people;
mod waiting;

use crate::support::{Net, Sent, password, secs};
use skaro_proto::client::{
    Awaited, Client, ClientConfig, CommandError, Delivery, Disconnect, Event, Failure, SignedOutReason,
    Status,
};
use skaro_proto::message::Answer;
use skaro_proto::{Format, Frame, Time, server};

const MS: std::time::Duration = std::time::Duration::from_millis(1);

/// A client that is signed in, without a server: what it sends is lost.
fn alone(config: ClientConfig) -> Client {
    let mut client = Client::new(config, [1; 32]);
    client.handle_connected(Time::ZERO);
    told(&mut client, Time::ZERO, r#"{"type":"check_connection","token":"t"}"#);
    client.authorize(Time::ZERO, "alice", "correct horse").unwrap();
    told(
        &mut client,
        Time::ZERO,
        r#"{"type":"request","for":"authorize","id":1,"status":"200","session_id":"s","user":{"login":"alice"}}"#,
    );
    while client.poll_transmit().is_some() {}
    client
}

fn told(client: &mut Client, now: Time, frame: &str) -> Event<'static> {
    client.handle_frame(now, Frame::Text(frame)).unwrap().into_owned()
}

fn events(client: &mut Client) -> Vec<Event<'static>> {
    std::iter::from_fn(|| client.poll_event()).collect()
}

fn sent(client: &mut Client) -> Vec<Sent> {
    let mut all = Vec::new();
    while let Some(transmit) = client.poll_transmit() {
        all.push(Sent::of(transmit));
    }
    all
}

fn config(change: impl FnOnce(&mut ClientConfig)) -> ClientConfig {
    let mut config = ClientConfig::default();
    change(&mut config);
    config
}

/// A client that leaves signing in anew to the application.
fn forgetful() -> ClientConfig {
    config(|config| config.keep_credentials = false)
}

fn is_disconnected(event: &Event<'_>, why: &Disconnect) -> bool {
    matches!(event, Event::Disconnected(reason) if reason == why)
}
