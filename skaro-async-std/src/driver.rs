//! The loop around the machine: one task that owns the socket.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_std::task;
use async_tungstenite::tungstenite::Message;
use skaro_proto::Time;
use skaro_proto::client::{Disconnect, Event, Status};

use crate::client::{Shared, State};
use crate::dial::{ConnectError, dial};
use crate::socket::{Action, Received, Socket, failure, received};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Makes the first connection, waits until the server has spoken, and leaves the rest to a task of its own.
pub(crate) async fn start(shared: Arc<Shared>) -> Result<(), ConnectError> {
    let timeout = shared.options.config.dial_timeout;
    let socket = async_std::future::timeout(timeout, dial(&shared.options)).await;
    let socket = socket.map_err(|_| ConnectError::TimedOut)??;
    shared.lock().machine.handle_connected(shared.now());
    let mut driver = Driver { shared, socket: Some(socket), dialing: None, timer: None, paused: false };
    while driver.status() == Status::Greeting {
        driver.step().await;
    }
    if let Some(reason) = driver.shared.lock().why_offline() {
        return Err(ConnectError::Ended(reason));
    }
    task::spawn(async move {
        while driver.status() != Status::Closed {
            driver.step().await;
        }
        driver.shared.lock().finish();
    });
    Ok(())
}

struct Driver {
    shared: Arc<Shared>,
    socket: Option<Socket>,
    dialing: Option<Boxed<Result<Socket, ConnectError>>>,
    timer: Option<(Time, Boxed<()>)>,
    /// Whether reading has stopped because the application does not keep up.
    paused: bool,
}

/// What a step waited for.
enum Input {
    Message(Message),
    Broken(Disconnect),
    Dialed(Result<Box<Socket>, ConnectError>),
    Timeout,
    /// A command was given, or events were read.
    Woken,
}

impl Driver {
    fn status(&self) -> Status {
        self.shared.lock().machine.status()
    }

    /// Waits until something happens, tells the machine, and hands out what comes of it.
    async fn step(&mut self) {
        let input = poll_fn(|cx| self.poll(cx)).await;
        let now = self.shared.now();
        let mut state = self.shared.lock();
        match input {
            Input::Message(message) => match received(&message) {
                Received::Frame(frame) => {
                    let event = state.machine.handle_frame(now, frame).unwrap_or_else(Event::ProtocolError);
                    let event = event.into_owned();
                    Self::emit_all(&mut state, Some(event));
                }
                Received::SignOfLife => state.machine.handle_pong(now),
                Received::Closing(reason) => {
                    let within = self.shared.options.config.close_timeout;
                    self.socket.take().into_iter().for_each(|socket| socket.finish_closing(within));
                    state.machine.handle_disconnected(now, reason);
                }
            },
            Input::Broken(reason) => state.machine.handle_disconnected(now, reason),
            Input::Dialed(Ok(socket)) => {
                self.socket = Some(*socket);
                state.machine.handle_connected(now);
            }
            Input::Dialed(Err(error)) => {
                state.machine.handle_disconnected(now, Disconnect::Failed(error.to_string()));
            }
            Input::Timeout => state.machine.handle_timeout(now),
            Input::Woken => (),
        }
        Self::emit_all(&mut state, None);
    }

    /// Events that were caused earlier come first.
    fn emit_all(state: &mut State, last: Option<Event<'static>>) {
        while let Some(event) = state.machine.poll_event() {
            state.emit(event);
        }
        last.into_iter().for_each(|event| state.emit(event));
    }

    /// Does what can be done without waiting, and tells the first thing that happened.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        let shared = self.shared.clone();
        let mut state = shared.lock();
        state.driver = Some(cx.waker().clone());
        let status = state.machine.status();
        self.follow(status);
        self.pause(&mut state, shared.now());
        let sent = self.poll_send(&mut state, cx);
        let deadline = state.machine.poll_timeout();
        drop(state);
        if let Poll::Ready(input) = sent {
            return Poll::Ready(input);
        }
        if let Some(socket) = self.socket.as_mut().filter(|_| !self.paused)
            && let Poll::Ready(received) = socket.poll_receive(cx)
        {
            return Poll::Ready(received.map_or_else(|error| Input::Broken(failure(&error)), Input::Message));
        }
        if let Some(dialing) = &mut self.dialing
            && let Poll::Ready(result) = dialing.as_mut().poll(cx)
        {
            self.dialing = None;
            return Poll::Ready(Input::Dialed(result.map(Box::new)));
        }
        self.poll_timer(deadline, cx)
    }

    /// Keeps a socket, or an attempt to get one, just as long as the machine wants it.
    fn follow(&mut self, status: Status) {
        let is_up = !matches!(status, Status::Offline | Status::Waiting { .. } | Status::Dialing | Status::Closed);
        if !is_up {
            self.socket = None;
        }
        if status != Status::Dialing {
            self.dialing = None;
        } else if self.dialing.is_none() {
            let shared = self.shared.clone();
            self.dialing = Some(Box::pin(async move { dial(&shared.options).await }));
        }
    }

    /// Stops reading when too many events wait, and goes on when half of them are read.
    fn pause(&mut self, state: &mut State, now: Time) {
        let limit = self.shared.options.events;
        if !self.paused && state.waiting_events() >= limit {
            self.paused = true;
            state.machine.handle_paused(now);
        } else if self.paused && state.waiting_events() <= limit / 2 {
            self.paused = false;
            state.machine.handle_resumed(now);
        }
    }

    fn poll_send(&mut self, state: &mut State, cx: &mut Context<'_>) -> Poll<Input> {
        let Some(socket) = &mut self.socket else {
            while state.machine.poll_transmit().is_some() {}
            return Poll::Pending;
        };
        match socket.poll_send(cx, || state.machine.poll_transmit().map(Action::from)) {
            Poll::Ready(Err(error)) => Poll::Ready(Input::Broken(failure(&error))),
            // The status tells that the socket is to be dropped.
            Poll::Ready(Ok(false)) => Poll::Ready(Input::Woken),
            Poll::Ready(Ok(true)) | Poll::Pending => Poll::Pending,
        }
    }

    /// A timer that is armed stays, if it goes off early enough: that is cheaper than arming one for each request.
    fn poll_timer(&mut self, deadline: Option<Time>, cx: &mut Context<'_>) -> Poll<Input> {
        let Some(deadline) = deadline else {
            self.timer = None;
            return Poll::Pending;
        };
        if self.timer.as_ref().is_none_or(|(at, _)| *at > deadline) {
            let after = deadline - self.shared.now();
            self.timer = Some((deadline, Box::pin(task::sleep(after))));
        }
        let timer = self.timer.as_mut().map(|(_, timer)| timer.as_mut().poll(cx));
        if timer != Some(Poll::Ready(())) {
            return Poll::Pending;
        }
        self.timer = None;
        Poll::Ready(Input::Timeout)
    }
}
