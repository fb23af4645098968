//! What the scenarios need of an adapter, and how each adapter gives it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_std::task::block_on;
use futures_util::StreamExt;
use skaro_async_std as async_std_adapter;
use skaro_blocking::proto::client as machine;
use skaro_blocking::rustls::ClientConfig;
use skaro_blocking::{
    self as blocking, Command, CommandError, ConnectError, Event, NoEvent, Options, RequestError, RequestId,
    Status,
};

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
        let mut options = options;
        options.tls = tls;
        let (client, events) = blocking::Client::connect(options)?;
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
        self.client.status()
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
        let options = older_options(options);
        let (client, events) = match tls {
            Some(tls) => block_on(async_std_adapter::Client::connect_with_tls(options, tls)),
            None => block_on(async_std_adapter::Client::connect(options)),
        }
        .map_err(newer_error)?;
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

/// What the async-std adapter takes until it stands on skaro-adapter, too.
pub(crate) fn older_options(options: Options) -> machine::Options {
    let mut older = machine::Options::new(options.url);
    older.config = options.config;
    older.format = options.format;
    older.headers = options.headers;
    older.events = options.event_capacity;
    older
}

fn newer_error(error: machine::ConnectError) -> ConnectError {
    use machine::ConnectError as Older;
    match error {
        Older::Url { reason, .. } => ConnectError::Url(reason),
        Older::Header(name) => ConnectError::Header(name),
        Older::Network { host, reason } => {
            ConnectError::Network { host, source: Arc::new(std::io::Error::other(reason)) }
        }
        Older::Tls { host, reason } => {
            ConnectError::Tls { host, source: Arc::new(std::io::Error::other(reason)) }
        }
        Older::NoTls => ConnectError::NoTls,
        Older::Status(code) => ConnectError::Status { code, reason: String::new() },
        Older::Handshake(_) => ConnectError::Handshake("an older adapter says why"),
        Older::TimedOut => ConnectError::TimedOut,
        Older::Ended(reason) => ConnectError::Ended(reason),
        other => panic!("{other:?}"),
    }
}
