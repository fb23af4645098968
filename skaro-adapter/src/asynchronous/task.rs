//! The task that drives a client's connection until the client is closed: reads, writes, dials, sleeps.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_channel::oneshot;
use skaro_proto::client::Status;

use super::dial::{Connected, Dialed, dial};
use super::polled::{Polled, Timer};
use super::runtime::Runtime;
use super::shared::Shared;
use crate::driver::Next;
use crate::error::ConnectError;
use crate::link::Link;
use crate::options::Options;
use crate::target::Target;

/// Size in bytes of the read buffer.
const INPUT: usize = 16 << 10;

/// Steps before the task yields: a server that sends without end must not starve other tasks.
const AT_ONCE: usize = 64;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Makes the first connection, waits for the server's first message, and spawns the client's task. The receiver yields
/// an error when that task ends.
pub(super) async fn start<R: Runtime>(
    options: Options,
) -> Result<(Arc<Shared>, oneshot::Receiver<Infallible>), ConnectError> {
    let target = Target::new(options)?;
    let shared = Arc::new(Shared::new(target.driver()?));
    let link = dial::<R>(&target).await?;
    let (_sender, ended) = oneshot::channel();
    let mut task = Task::<R> {
        shared: shared.clone(),
        target: Arc::new(target),
        link: None,
        dialing: None,
        timer: Timer::new(),
        input: vec![0; INPUT].into(),
        _sender,
    };
    task.dialed(Ok(link));
    poll_fn(|cx| {
        _ = Pin::new(&mut task).poll(cx);
        let status = task.shared.with(|driver| driver.mailbox().client().status());
        if status == Status::Greeting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    if let Some(reason) = shared.with(|driver| driver.mailbox().why_offline()) {
        return Err(ConnectError::Ended(reason));
    }
    R::spawn(task);
    Ok((shared, ended))
}

struct Task<R: Runtime> {
    shared: Arc<Shared>,
    target: Arc<Target>,
    link: Option<(R::Stream, Link)>,
    dialing: Option<Boxed<Dialed<R>>>,
    timer: Timer<R>,
    input: Box<[u8]>,
    /// Dropped with the task, which resolves the receiver.
    _sender: oneshot::Sender<Infallible>,
}

impl<R: Runtime> Unpin for Task<R> {}

impl<R: Runtime> Future for Task<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.register_task(cx);
        for _ in 0..AT_ONCE {
            let is_closed = ready!(self.step(cx));
            if is_closed {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Runs however the task ends, including a panic of a foreign waker: closes the client and wakes all waiting tasks.
impl<R: Runtime> Drop for Task<R> {
    fn drop(&mut self) {
        let now = self.shared.now();
        self.shared.with(|driver| driver.abandon(now));
    }
}

impl<R: Runtime> Task<R> {
    /// Does everything possible without waiting. Ready with false if there may be more to do, and with true once the
    /// client is closed.
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let now = self.shared.now();
        let (next, reads, has_connection) = self.shared.with(|driver| {
            let next = driver.drive(now);
            if let Some((_, link)) = &mut self.link {
                link.fill(|output| driver.take_output(output));
            }
            (next, driver.wants_bytes(), driver.has_connection())
        });
        if !has_connection && let Some((mut socket, mut link)) = self.link.take() {
            // Remaining output, such as a Close frame, may still be sent. Its delivery is not awaited.
            _ = link.turn(&mut Polled(&mut socket, cx), false, &mut []);
        }
        let until = match next {
            Next::Closed => return Poll::Ready(true),
            Next::Dial { until } => {
                if let Poll::Ready(result) = self.poll_dialing(cx) {
                    self.dialing = None;
                    self.dialed(result);
                    return Poll::Ready(false);
                }
                until
            }
            Next::Idle { until } => {
                self.dialing = None;
                until
            }
        };
        if let Some((socket, link)) = &mut self.link
            && let Poll::Ready(read) = link.turn(&mut Polled(socket, cx), reads, &mut self.input)
        {
            self.shared.with(|driver| driver.handle_read(now, read));
            return Poll::Ready(false);
        }
        self.timer.poll(until, &self.shared.clock, cx).map(|()| false)
    }

    fn poll_dialing(&mut self, cx: &mut Context<'_>) -> Poll<Dialed<R>> {
        let dial = || -> Boxed<_> {
            let target = self.target.clone();
            Box::pin(async move { dial::<R>(&target).await })
        };
        self.dialing.get_or_insert_with(dial).as_mut().poll(cx)
    }

    fn dialed(&mut self, result: Dialed<R>) {
        let now = self.shared.now();
        self.link = self.shared.with(|driver| {
            let Connected { socket, link, is_confidential } = driver.dialed(now, result)?;
            if is_confidential {
                driver.handle_confidential();
            }
            Some((socket, link))
        });
    }
}
