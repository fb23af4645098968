//! The loop around the machine: for the task that is woken, and for whoever does its work in its place.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_std::channel::{Receiver, Sender, bounded};
use async_std::task;
use async_tungstenite::WebSocketStream;
use skaro_proto::Time;
use skaro_proto::client::{ConnectError, Status};
use skaro_proto::tungstenite::{Access, Wire};

use crate::dial::Stream;
use crate::shared::Shared;

/// What may happen to one client before others have their turn: a server that sends without end must not keep the
/// thread from them.
const AT_ONCE: usize = 64;

/// How long a guest may let the connection lie that it was woken for: no longer than a change of threads on a machine with
/// much to do.
const WATCH: Duration = Duration::from_millis(10);

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The connection, or its place as long as there is none, and what is waited for.
pub(crate) struct Driver {
    wire: Wire<WebSocketStream<Stream>>,
    dialing: Option<Boxed<Result<WebSocketStream<Stream>, ConnectError>>>,
    timer: Option<(Time, Boxed<()>)>,
}

/// Makes the first connection, waits until the server has spoken, and leaves the rest to a task of its own.
/// What it returns yields an error when that task ends.
pub(crate) async fn start(shared: Arc<Shared>) -> Result<Receiver<Infallible>, ConnectError> {
    let (_sender, ended) = bounded(1);
    let wire = Wire::connected(&*shared, shared.target.dial().await?);
    shared.open(Driver { wire, dialing: None, timer: None });
    let mut task = Task { shared, watch: None, _sender };
    poll_fn(|cx| {
        _ = Pin::new(&mut task).poll(cx);
        let status = task.shared.with(|mailbox| mailbox.client.status());
        if status == Status::Greeting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    if let Some(reason) = task.shared.with(|mailbox| mailbox.why_offline()) {
        return Err(ConnectError::Ended(reason));
    }
    task::spawn(task);
    Ok(ended)
}

/// The task that looks after the connection when nobody else does; it ends when the client is closed.
struct Task {
    shared: Arc<Shared>,
    /// Runs while it watches guests.
    watch: Option<Boxed<()>>,
    /// Dropped with the rest.
    _sender: Sender<Infallible>,
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Task { shared, watch, .. } = &mut *self;
        if shared.wakes.look(cx.waker()) && shared.drive().is_ready() {
            return Poll::Ready(());
        }
        // If another watch is to begin, this task is woken.
        if shared.wakes.is_watching() {
            ready!(watch.get_or_insert_with(|| Box::pin(task::sleep(WATCH))).as_mut().poll(cx));
            *watch = None;
            if shared.wakes.end_watch() && shared.drive().is_ready() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

/// Whatever ends the task, nobody waits for it in vain, and the connection is closed.
impl Drop for Task {
    fn drop(&mut self) {
        self.shared.close_driver();
        self.shared.with(|mailbox| mailbox.finish());
    }
}

impl Driver {
    /// Does what can be done at once; ready when the client is closed.
    pub(crate) fn poll(&mut self, shared: &Arc<Shared>, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..AT_ONCE {
            if self.wire.poll(&**shared, cx).is_ready() {
                continue;
            }
            let (status, deadline) =
                shared.with(|mailbox| (mailbox.client.status(), mailbox.client.poll_timeout()));
            match status {
                Status::Closed => return Poll::Ready(()),
                Status::Dialing => {
                    if let Poll::Ready(result) = self.poll_dialing(shared, cx) {
                        self.dialing = None;
                        self.wire.dialed(&**shared, result);
                        continue;
                    }
                }
                _ => self.dialing = None,
            }
            ready!(self.poll_timer(shared, deadline, cx));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_dialing(
        &mut self,
        shared: &Arc<Shared>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<WebSocketStream<Stream>, ConnectError>> {
        let dial = || -> Boxed<_> {
            let shared = shared.clone();
            Box::pin(async move { shared.target.dial().await })
        };
        self.dialing.get_or_insert_with(dial).as_mut().poll(cx)
    }

    /// A timer that is armed stays, if it goes off early enough: that is cheaper than arming one for each request.
    fn poll_timer(&mut self, shared: &Shared, deadline: Option<Time>, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.take_if(|(at, _)| deadline.is_none_or(|deadline| deadline < *at));
        let Some(deadline) = deadline else { return Poll::Pending };
        // The clock is coarse, and asking it again and again leads to nothing.
        let after = (deadline - shared.now()).max(Duration::from_millis(1));
        let (_, timer) = self.timer.get_or_insert_with(|| (deadline, Box::pin(task::sleep(after))));
        ready!(timer.as_mut().poll(cx));
        self.timer = None;
        Poll::Ready(())
    }
}
