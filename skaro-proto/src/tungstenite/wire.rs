//! The loop around a client's machine, as far as it goes without waiting: the same for every runtime.

use std::task::{Context, Poll, ready};

use tungstenite::protocol::Message;

use super::{Messages, Received, Socket};
use crate::client::{ConnectError, Mailbox, Status, Waiter};
use crate::time::Time;

/// Messages that are heard before the machine is told the time again, and what has come up meanwhile is sent.
const AT_ONCE: u32 = 32;

/// Where an adapter keeps its client, and its clock. Others give commands meanwhile, so there is a lock around it.
pub trait Access {
    /// Who waits for the ends of commands.
    type Waiter: Waiter;

    /// The time.
    fn now(&self) -> Time;

    /// Locks the client for a moment, and afterwards tells the application if [there are
    /// events](Mailbox::has_news) for it.
    fn with<T>(&self, call: impl FnOnce(&mut Mailbox<Self::Waiter>) -> T) -> T;
}

/// A client's WebSocket, or its place as long as there is none.
///
/// An adapter calls [`poll`](Self::poll) until it is pending, dials if the machine's status is then
/// [`Dialing`](Status::Dialing), tells [what came of it](Self::dialed), and waits for the socket, a command, or the
/// machine's deadline, whichever comes first; until the status is [`Closed`](Status::Closed).
#[derive(Debug)]
pub struct Wire<S>(Option<Socket<S>>);

/// The place of a connection that is still to come.
impl<S> Default for Wire<S> {
    fn default() -> Self {
        Wire(None)
    }
}

impl<S: Messages> Wire<S> {
    /// The first connection of a client: its WebSocket's opening handshake is done.
    pub fn connected(access: &impl Access, socket: S) -> Self {
        let now = access.now();
        access.with(|mailbox| mailbox.client.handle_connected(now));
        Wire(Some(Socket::new(socket)))
    }

    /// The end of an attempt to connect again. A connection that is not wanted any more is dropped.
    pub fn dialed(&mut self, access: &impl Access, result: Result<S, ConnectError>) {
        let now = access.now();
        access.with(|mailbox| match result {
            Ok(socket) if mailbox.client.status() == Status::Dialing => {
                self.0 = Some(Socket::new(socket));
                mailbox.client.handle_connected(now);
            }
            Ok(_) => (),
            Err(error) => mailbox.client.handle_disconnected(now, error.into()),
        });
    }

    /// Tells the machine the time, sends what there is to send, and hears what there is to hear: one message, or a few
    /// if all that comes of them are events. Pending if there was nothing to hear; the context's waker is called when
    /// that changes, if the socket calls wakers.
    pub fn poll(&mut self, access: &impl Access, cx: &mut Context<'_>) -> Poll<()> {
        let now = access.now();
        let (has_changed, reads) = access.with(|mailbox| {
            let before = mailbox.client.status();
            // Each time, for there may always be something to hear: time goes on.
            mailbox.client.handle_timeout(now);
            self.send(now, mailbox, cx);
            let reads = mailbox.wants_frames(now);
            mailbox.collect();
            (mailbox.client.status() != before, reads)
        });
        if has_changed {
            return Poll::Ready(());
        }
        let Some(socket) = self.0.as_mut().filter(|_| reads) else { return Poll::Pending };
        // Outside of the lock, and few at once: a server that sends without end must not keep commands waiting.
        let first = ready!(socket.poll_receive(cx));
        access.with(|mailbox| {
            let mut goes_on = hear(now, mailbox, &first);
            for _ in 1..AT_ONCE {
                if !goes_on {
                    break;
                }
                let Poll::Ready(message) = socket.poll_receive(cx) else { break };
                goes_on = hear(now, mailbox, &message);
            }
        });
        Poll::Ready(())
    }

    fn send<W: Waiter>(&mut self, now: Time, mailbox: &mut Mailbox<W>, cx: &mut Context<'_>) {
        let client = &mut mailbox.client;
        if !client.status().has_connection() {
            self.0 = None;
        }
        let Some(socket) = &mut self.0 else {
            while client.poll_transmit().is_some() {}
            return;
        };
        let sent = socket.poll_send(cx, || client.poll_transmit().map(Message::from));
        if let Poll::Ready(Err(error)) = sent {
            client.handle_disconnected(now, (&error).into());
            self.0 = None;
        }
    }
}

/// Tells whether more may be heard at once: not if somebody got what they waited for, which may be all that there was
/// to hear; nor while signing in, when there may be something to send; nor if nothing more is to be read.
fn hear<W: Waiter>(now: Time, mailbox: &mut Mailbox<W>, message: &tungstenite::Result<Message>) -> bool {
    match message.as_ref().map(Received::from) {
        Ok(Received::Frame(frame)) => {
            let waiting = mailbox.waiting();
            mailbox.handle_frame(now, frame);
            let is_usual = mailbox.waiting() == waiting && mailbox.client.is_authorized();
            return is_usual && mailbox.wants_frames(now);
        }
        Ok(Received::SignOfLife) => mailbox.client.handle_pong(now),
        Ok(Received::Closing(reason)) => mailbox.client.handle_disconnected(now, reason),
        Err(error) => mailbox.client.handle_disconnected(now, error.into()),
    }
    mailbox.collect();
    false
}
