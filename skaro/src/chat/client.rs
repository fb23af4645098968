//! What the chat needs of an adapter's client; the one place that knows the adapters.

use std::iter::from_fn;
use std::sync::Arc;

use async_std::task::block_on;
use futures_util::StreamExt;
use rustls::ClientConfig;
use skaro_async_std::{ConnectError, Options};
use skaro_proto::client::{CommandError, Event, RequestId, Status};

use super::ask::Ask;

/// A client of either adapter.
pub(crate) trait Client: Send {
    /// Gives a command, whose end comes as an event.
    fn submit(&self, ask: &Ask) -> Result<RequestId, CommandError>;
    fn status(&self) -> Status;
    /// With whom messages were exchanged.
    fn dialogs(&self) -> Vec<String>;
    /// Closes the connection, and waits for that.
    fn close(&self);
}

/// What a client tells; each waits for the next one.
pub(crate) type Events = Box<dyn Iterator<Item = Event<'static>> + Send>;

/// Connects through the adapter for async-std.
pub(crate) fn connect(
    options: Options,
    tls: Option<Arc<ClientConfig>>,
) -> Result<(Box<dyn Client>, Events), ConnectError> {
    let (client, mut events) = block_on(async {
        match tls {
            Some(tls) => skaro_async_std::Client::connect_with_tls(options, tls).await,
            None => skaro_async_std::Client::connect(options).await,
        }
    })?;
    Ok((Box::new(client), Box::new(from_fn(move || block_on(events.next())))))
}

/// Connects through the blocking adapter.
pub(crate) fn connect_blocking(
    options: Options,
    tls: Option<Arc<ClientConfig>>,
) -> Result<(Box<dyn Client>, Events), ConnectError> {
    let (client, events) = match tls {
        Some(tls) => skaro_blocking::Client::connect_with_tls(options, tls)?,
        None => skaro_blocking::Client::connect(options)?,
    };
    Ok((Box::new(client), Box::new(events.into_iter())))
}

impl Client for skaro_async_std::Client {
    fn submit(&self, ask: &Ask) -> Result<RequestId, CommandError> {
        self.submit(ask)
    }

    fn status(&self) -> Status {
        self.with(|machine| machine.status())
    }

    fn dialogs(&self) -> Vec<String> {
        self.with(|machine| machine.dialogs().map(String::from).collect())
    }

    fn close(&self) {
        block_on(self.close());
    }
}

impl Client for skaro_blocking::Client {
    fn submit(&self, ask: &Ask) -> Result<RequestId, CommandError> {
        self.submit(ask)
    }

    fn status(&self) -> Status {
        self.with(|machine| machine.status())
    }

    fn dialogs(&self) -> Vec<String> {
        self.with(|machine| machine.dialogs().map(String::from).collect())
    }

    fn close(&self) {
        self.close();
    }
}
