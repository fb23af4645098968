//! What the scenarios need of an adapter, and how each adapter gives it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_std::task::block_on;
use futures_util::StreamExt;
use skaro_async_std as async_std_adapter;
use skaro_blocking::proto::client::{
    Command, CommandError, ConnectError, Event, Options, RequestError, RequestId, Status,
};
use skaro_blocking::rustls::ClientConfig;
use skaro_blocking::{self as blocking, NoEvent};

pub(crate) trait Adapter: Clone + Send + Sync + 'static {
    fn connect(options: Options, tls: Option<Arc<ClientConfig>>) -> Result<Self, ConnectError>;
    fn request<C: Command>(&self, command: C) -> Result<C::Answer, RequestError>;
    fn submit(&self, command: impl Command) -> Result<RequestId, CommandError>;
    /// The next event; `Err` if there is none in that time, or never again.
    fn next_event(&self, timeout: Duration) -> Result<Event<'static>, NoEvent>;
    fn drop_events(&self);
    fn status(&self) -> Status;
    fn dialogs(&self) -> Vec<String>;
    fn close(&self);
}

#[derive(Clone)]
pub(crate) struct Blocking {
    client: blocking::Client,
    events: Arc<Mutex<Option<blocking::Events>>>,
}

impl Adapter for Blocking {
    fn connect(options: Options, tls: Option<Arc<ClientConfig>>) -> Result<Self, ConnectError> {
        let (client, events) = match tls {
            Some(tls) => blocking::Client::connect_with_tls(options, tls)?,
            None => blocking::Client::connect(options)?,
        };
        Ok(Blocking { client, events: Arc::new(Mutex::new(Some(events))) })
    }

    fn request<C: Command>(&self, command: C) -> Result<C::Answer, RequestError> {
        self.client.request(command)
    }

    fn submit(&self, command: impl Command) -> Result<RequestId, CommandError> {
        self.client.submit(command)
    }

    fn next_event(&self, timeout: Duration) -> Result<Event<'static>, NoEvent> {
        self.events.lock().unwrap().as_ref().unwrap().next_event(timeout)
    }

    fn drop_events(&self) {
        *self.events.lock().unwrap() = None;
    }

    fn status(&self) -> Status {
        self.client.with(|machine| machine.status())
    }

    fn dialogs(&self) -> Vec<String> {
        self.client.with(|machine| machine.dialogs().map(Into::into).collect())
    }

    fn close(&self) {
        self.client.close();
    }
}

#[derive(Clone)]
pub(crate) struct AsyncStd {
    client: async_std_adapter::Client,
    events: Arc<Mutex<Option<async_std_adapter::Events>>>,
}

impl Adapter for AsyncStd {
    fn connect(options: Options, tls: Option<Arc<ClientConfig>>) -> Result<Self, ConnectError> {
        let (client, events) = match tls {
            Some(tls) => block_on(async_std_adapter::Client::connect_with_tls(options, tls))?,
            None => block_on(async_std_adapter::Client::connect(options))?,
        };
        Ok(AsyncStd { client, events: Arc::new(Mutex::new(Some(events))) })
    }

    fn request<C: Command>(&self, command: C) -> Result<C::Answer, RequestError> {
        block_on(self.client.request(command))
    }

    fn submit(&self, command: impl Command) -> Result<RequestId, CommandError> {
        self.client.submit(command)
    }

    fn next_event(&self, timeout: Duration) -> Result<Event<'static>, NoEvent> {
        let mut events = self.events.lock().unwrap();
        let next = block_on(async_std::future::timeout(timeout, events.as_mut().unwrap().next()));
        next.map_err(|_| NoEvent::TimedOut)?.ok_or(NoEvent::Closed)
    }

    fn drop_events(&self) {
        *self.events.lock().unwrap() = None;
    }

    fn status(&self) -> Status {
        self.client.with(|machine| machine.status())
    }

    fn dialogs(&self) -> Vec<String> {
        self.client.with(|machine| machine.dialogs().map(Into::into).collect())
    }

    fn close(&self) {
        block_on(self.client.close());
    }
}
