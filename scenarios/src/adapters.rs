//! A common interface to all adapters, for the scenarios.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{Either, select};
use skaro_adapter::asynchronous;
use skaro_blocking::{
    self as blocking, Command, CommandError, ConnectError, Event, NoEvent, Options, RequestError, RequestId,
    Status,
};

use crate::servers::Host;

/// A client under test. Clones share the connection and the events.
pub trait Adapter: Clone + Send + Sync + 'static {
    /// Connects, and waits for the greeting.
    ///
    /// # Errors
    /// Those of the adapter.
    fn connect(options: Options) -> Result<Self, ConnectError>;
    /// Gives a command and waits for its end.
    ///
    /// # Errors
    /// Those of the adapter.
    fn request<C: Command>(&self, command: C) -> Result<C::Answer, RequestError>;
    /// Gives a command without waiting.
    ///
    /// # Errors
    /// Those of the adapter.
    fn submit(&self, command: impl Command) -> Result<RequestId, CommandError>;
    /// Returns the next event.
    ///
    /// # Errors
    /// If there is none within that time, or there will be no more.
    fn next_event(&self, timeout: Duration) -> Result<Event<'static>, NoEvent>;
    /// Drops the events.
    fn drop_events(&self);
    /// Returns the state of the client.
    fn status(&self) -> Status;
    /// Closes the connection, and waits for that.
    fn close(&self);
    /// Returns the `Debug` output of client and events.
    fn shown(&self) -> String;
}

/// The blocking adapter's client.
#[derive(Clone)]
pub struct Blocking {
    client: blocking::Client,
    events: Arc<Mutex<Option<blocking::Events>>>,
}

impl Adapter for Blocking {
    fn connect(options: Options) -> Result<Self, ConnectError> {
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
        self.events.lock().unwrap().as_mut().unwrap().next_event(timeout)
    }

    fn drop_events(&self) {
        *self.events.lock().unwrap() = None;
    }

    fn status(&self) -> Status {
        self.client.status()
    }

    fn close(&self) {
        self.client.close();
    }

    fn shown(&self) -> String {
        format!("{:?} {:?}", self.client, self.events.lock().unwrap())
    }
}

/// A client of the async engine over one runtime.
pub struct Async<R: Host> {
    client: asynchronous::Client<R>,
    events: Arc<Mutex<Option<asynchronous::Events>>>,
}

impl<R: Host> Async<R> {
    /// Returns the client itself, for what only async programs can do.
    pub fn client(&self) -> &asynchronous::Client<R> {
        &self.client
    }
}

impl<R: Host> Clone for Async<R> {
    fn clone(&self) -> Self {
        Async { client: self.client.clone(), events: self.events.clone() }
    }
}

impl<R: Host> Adapter for Async<R> {
    fn connect(options: Options) -> Result<Self, ConnectError> {
        let (client, events) = R::block_on(asynchronous::Client::<R>::connect(options))?;
        Ok(Async { client, events: Arc::new(Mutex::new(Some(events))) })
    }

    fn request<C: Command>(&self, command: C) -> Result<C::Answer, RequestError> {
        R::block_on(self.client.request(command))
    }

    fn submit(&self, command: impl Command) -> Result<RequestId, CommandError> {
        self.client.submit(command)
    }

    fn next_event(&self, timeout: Duration) -> Result<Event<'static>, NoEvent> {
        let mut events = self.events.lock().unwrap();
        let events = events.as_mut().unwrap();
        R::block_on(async {
            match select(pin!(events.next()), pin!(R::sleep(timeout))).await {
                Either::Left((event, _)) => event.ok_or(NoEvent::Closed),
                Either::Right(_) => Err(NoEvent::TimedOut),
            }
        })
    }

    fn drop_events(&self) {
        *self.events.lock().unwrap() = None;
    }

    fn status(&self) -> Status {
        self.client.status()
    }

    fn close(&self) {
        R::block_on(self.client.close());
    }

    fn shown(&self) -> String {
        format!("{:?} {:?}", self.client, self.events.lock().unwrap())
    }
}
