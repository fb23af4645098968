//! The loop around the machine: one task that owns the socket.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_std::task;
use async_tungstenite::tungstenite::Message;
use skaro_proto::Time;
use skaro_proto::client::{ConnectError, Disconnect, Status};
use skaro_proto::tungstenite::Received;

use crate::client::{Shared, State};
use crate::socket::Socket;

/// Steps of one client before others have their turn.
const AT_ONCE: usize = 64;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Makes the first connection, waits until the server has spoken, and leaves the rest to a task of its own.
pub(crate) async fn start(shared: Arc<Shared>) -> Result<(), ConnectError> {
    let socket = shared.target.dial().await?;
    shared.lock().mailbox.client.handle_connected(shared.now());
    let mut driver = Driver { shared, socket: Some(socket), dialing: None, timer: None };
    while driver.status() == Status::Greeting {
        driver.step().await;
    }
    if let Some(reason) = driver.shared.lock().mailbox.why_offline() {
        return Err(ConnectError::Ended(reason));
    }
    task::spawn(async move {
        let mut steps = 0_usize;
        while driver.status() != Status::Closed {
            driver.step().await;
            steps += 1;
            // A server that sends without end must not keep the thread from the others.
            if steps.is_multiple_of(AT_ONCE) {
                task::yield_now().await;
            }
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
        self.shared.lock().mailbox.client.status()
    }

    /// Waits until something happens, tells the machine, and hands out what comes of it.
    async fn step(&mut self) {
        let input = poll_fn(|cx| self.poll(cx)).await;
        let now = self.shared.now();
        let mut state = self.shared.lock();
        let mailbox = &mut state.mailbox;
        match input {
            Input::Message(message) => match Received::from(&message) {
                Received::Frame(frame) => mailbox.handle_frame(now, frame),
                Received::SignOfLife => mailbox.client.handle_pong(now),
                Received::Closing(reason) => {
                    let within = self.shared.target.options.config.close_timeout;
                    self.socket.take().into_iter().for_each(|socket| socket.finish_closing(within));
                    mailbox.client.handle_disconnected(now, reason);
                }
            },
            Input::Broken(reason) => mailbox.client.handle_disconnected(now, reason),
            Input::Dialed(Ok(socket)) if mailbox.client.status() == Status::Dialing => {
                self.socket = Some(*socket);
                mailbox.client.handle_connected(now);
            }
            // Nobody wants it any more.
            Input::Dialed(Ok(_)) => (),
            Input::Dialed(Err(error)) => mailbox.client.handle_disconnected(now, error.into()),
            Input::Timeout | Input::Woken => (),
        }
        // Also when there is always something to read: time goes on.
        mailbox.client.handle_timeout(now);
        mailbox.collect();
        state.wake_reader();
    }

    /// Does what can be done without waiting, and tells the first thing that happened.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        let shared = self.shared.clone();
        let mut state = shared.lock();
        state.driver = Some(cx.waker().clone());
        let status = state.mailbox.client.status();
        self.follow(status);
        if status == Status::Closed {
            return Poll::Ready(Input::Woken);
        }
        let reads = state.mailbox.wants_frames(shared.now());
        let sent = self.poll_send(&mut state, cx);
        state.mailbox.collect();
        state.wake_reader();
        let deadline = state.mailbox.client.poll_timeout();
        drop(state);
        if let Poll::Ready(input) = sent {
            return Poll::Ready(input);
        }
        if let Some(socket) = self.socket.as_mut().filter(|_| reads)
            && let Poll::Ready(received) = socket.poll_receive(cx)
        {
            return Poll::Ready(received.map_or_else(|error| Input::Broken((&error).into()), Input::Message));
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
        if !status.has_connection() {
            self.socket = None;
        }
        if status != Status::Dialing {
            self.dialing = None;
        } else if self.dialing.is_none() {
            let shared = self.shared.clone();
            self.dialing = Some(Box::pin(async move { shared.target.dial().await }));
        }
    }

    fn poll_send(&mut self, state: &mut State, cx: &mut Context<'_>) -> Poll<Input> {
        let Some(socket) = &mut self.socket else {
            while state.mailbox.client.poll_transmit().is_some() {}
            return Poll::Pending;
        };
        match socket.poll_send(cx, || state.mailbox.client.poll_transmit().map(Message::from)) {
            Poll::Ready(Err(error)) => Poll::Ready(Input::Broken((&error).into())),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
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
