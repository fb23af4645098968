//! The chat's interface to a client; the only module that depends on the adapters.

use std::iter::from_fn;

use skaro_proto::client::{CommandError, Event, RequestId, Status};
use skaro_tokio::{ConnectError, Options};
use tokio::runtime::Handle;

use super::ask::Ask;

/// A client of either adapter.
pub(crate) trait Client: Send {
    /// Gives a command, which ends with an event.
    fn submit(&self, ask: &Ask) -> Result<RequestId, CommandError>;
    /// Tells another user that this one is typing.
    fn typing(&self, login: &str) -> Result<(), CommandError>;
    fn status(&self) -> Status;
    /// Closes the connection, and waits until it is closed.
    fn close(&self);
}

/// The events of a client. Each step blocks until the next one.
pub(crate) type Events = Box<dyn Iterator<Item = Event<'static>> + Send>;

/// Connects through the adapter for tokio.
pub(crate) fn connect(options: Options, runtime: &Handle) -> Result<(Box<dyn Client>, Events), ConnectError> {
    let (client, mut events) = runtime.block_on(skaro_tokio::Client::connect(options))?;
    let (here, there) = (runtime.clone(), runtime.clone());
    let events = from_fn(move || there.block_on(events.next()));
    Ok((Box::new(OnRuntime { client, runtime: here }), Box::new(events)))
}

/// Connects through the blocking adapter.
pub(crate) fn connect_blocking(options: Options) -> Result<(Box<dyn Client>, Events), ConnectError> {
    let (client, events) = skaro_blocking::Client::connect(options)?;
    Ok((Box::new(client), Box::new(events)))
}

struct OnRuntime {
    client: skaro_tokio::Client,
    runtime: Handle,
}

impl Client for OnRuntime {
    fn submit(&self, ask: &Ask) -> Result<RequestId, CommandError> {
        self.client.submit(ask)
    }

    fn typing(&self, login: &str) -> Result<(), CommandError> {
        self.client.typing(login)
    }

    fn status(&self) -> Status {
        self.client.status()
    }

    fn close(&self) {
        self.runtime.block_on(self.client.close());
    }
}

impl Client for skaro_blocking::Client {
    fn submit(&self, ask: &Ask) -> Result<RequestId, CommandError> {
        self.submit(ask)
    }

    fn typing(&self, login: &str) -> Result<(), CommandError> {
        self.typing(login)
    }

    fn status(&self) -> Status {
        self.status()
    }

    fn close(&self) {
        self.close();
    }
}
