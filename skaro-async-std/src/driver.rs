//! The loop around the machine: one task that owns the socket.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_std::channel::{Receiver, Sender, bounded};
use async_std::task;
use async_tungstenite::WebSocketStream;
use skaro_proto::Time;
use skaro_proto::client::{ConnectError, Status};
use skaro_proto::tungstenite::{Access, Wire};

use crate::client::Shared;
use crate::dial::Stream;

/// What may happen to one client before others have their turn: a server that sends without end must not keep the
/// thread from them.
const AT_ONCE: usize = 64;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A future that ends when the client is closed.
struct Driver {
    shared: Arc<Shared>,
    wire: Wire<WebSocketStream<Stream>>,
    dialing: Option<Boxed<Result<WebSocketStream<Stream>, ConnectError>>>,
    timer: Option<(Time, Boxed<()>)>,
    /// Dropped with the rest.
    _sender: Sender<Infallible>,
}

/// Makes the first connection, waits until the server has spoken, and leaves the rest to a task of its own.
/// What it returns yields an error when that task ends.
pub(crate) async fn start(shared: Arc<Shared>) -> Result<Receiver<Infallible>, ConnectError> {
    let (_sender, ended) = bounded(1);
    let wire = Wire::connected(&*shared, shared.target.dial().await?);
    let mut driver = Driver { shared, wire, dialing: None, timer: None, _sender };
    poll_fn(|cx| {
        _ = Pin::new(&mut driver).poll(cx);
        let status = driver.shared.with(|mailbox| mailbox.client.status());
        if status == Status::Greeting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    if let Some(reason) = driver.shared.with(|mailbox| mailbox.why_offline()) {
        return Err(ConnectError::Ended(reason));
    }
    task::spawn(driver);
    Ok(ended)
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let shared = self.shared.clone();
        shared.set_driver(cx.waker());
        for _ in 0..AT_ONCE {
            if self.wire.poll(&*shared, cx).is_ready() {
                continue;
            }
            let (status, deadline) =
                shared.with(|mailbox| (mailbox.client.status(), mailbox.client.poll_timeout()));
            match status {
                Status::Closed => return Poll::Ready(()),
                Status::Dialing => {
                    if let Poll::Ready(result) = self.poll_dialing(cx) {
                        self.dialing = None;
                        self.wire.dialed(&*shared, result);
                        continue;
                    }
                }
                _ => self.dialing = None,
            }
            ready!(self.poll_timer(deadline, cx));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Driver {
    fn poll_dialing(&mut self, cx: &mut Context<'_>) -> Poll<Result<WebSocketStream<Stream>, ConnectError>> {
        let shared = &self.shared;
        let dial = || -> Boxed<_> {
            let shared = shared.clone();
            Box::pin(async move { shared.target.dial().await })
        };
        self.dialing.get_or_insert_with(dial).as_mut().poll(cx)
    }

    /// A timer that is armed stays, if it goes off early enough: that is cheaper than arming one for each request.
    fn poll_timer(&mut self, deadline: Option<Time>, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.take_if(|(at, _)| deadline.is_none_or(|deadline| deadline < *at));
        let Some(deadline) = deadline else { return Poll::Pending };
        let after = deadline - self.shared.now();
        let (_, timer) = self.timer.get_or_insert_with(|| (deadline, Box::pin(task::sleep(after))));
        ready!(timer.as_mut().poll(cx));
        self.timer = None;
        Poll::Ready(())
    }
}

/// Whatever ends the driver, nobody waits for it in vain.
impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.with(|mailbox| mailbox.finish());
    }
}
