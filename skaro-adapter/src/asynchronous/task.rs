//! The task that drives a client's connection: reads, writes, dials, sleeps, until the client is closed.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_channel::oneshot;
use futures_io::{AsyncRead, AsyncWrite};
use skaro_proto::Time;
use skaro_proto::client::State;

use super::dial::{Opened, dial};
use super::runtime::Runtime;
use super::shared::Shared;
use super::stream::Stream;
use crate::driver::Next;
use crate::error::ConnectError;
use crate::options::Options;

/// Bytes that are read at once.
const INPUT: usize = 16 << 10;

/// Steps before others have their turn: a server that sends without end must not keep the thread from them.
const AT_ONCE: usize = 64;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Makes the first connection, waits until the server has spoken, and leaves the rest to a task of its own. The receiver
/// yields an error when that task ends.
pub(super) async fn start<R: Runtime>(
    options: Options,
) -> Result<(Arc<Shared>, oneshot::Receiver<Infallible>), ConnectError> {
    // Only spreads the clients of a server over time: nothing depends on its quality.
    let seed = getrandom::u64().unwrap_or_default();
    let shared = Arc::new(Shared::new(&options, seed));
    let opened = dial::<R>(&options).await?;
    let (_sender, ended) = oneshot::channel();
    let mut task = Task::<R> {
        shared: shared.clone(),
        options: Arc::new(options),
        connection: None,
        dialing: None,
        timer: None,
        input: vec![0; INPUT].into(),
        _sender,
    };
    task.dialed(Ok(opened));
    poll_fn(|cx| {
        _ = Pin::new(&mut task).poll(cx);
        let state = task.shared.with(|driver| driver.client().state());
        if state == State::Greeting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    if let Some(reason) = shared.with(|driver| driver.why_offline()) {
        return Err(ConnectError::Ended(reason));
    }
    R::spawn(task);
    Ok((shared, ended))
}

struct Task<R: Runtime> {
    shared: Arc<Shared>,
    options: Arc<Options>,
    connection: Option<Connection<R>>,
    dialing: Option<Boxed<Result<Opened<R>, ConnectError>>>,
    timer: Option<(Time, Boxed<()>)>,
    input: Box<[u8]>,
    /// Dropped with the rest.
    _sender: oneshot::Sender<Infallible>,
}

/// A connection, and what is on its way to it.
struct Connection<R: Runtime> {
    stream: Stream<R::Stream>,
    output: Vec<u8>,
    written: usize,
    /// Whether something was written that has not been flushed (TLS keeps some).
    unflushed: bool,
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

/// Whatever ends the task, a panic of somebody's waker included: nobody waits in vain, and the client is closed.
impl<R: Runtime> Drop for Task<R> {
    fn drop(&mut self) {
        let now = self.shared.now();
        self.shared.with(|driver| driver.abandon(now));
    }
}

impl<R: Runtime> Task<R> {
    /// Does what can be done at once: ready if there may be more to do, with whether the client is closed.
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let now = self.shared.now();
        let mut output = self.connection.as_mut().and_then(Connection::take_empty);
        let (next, reads, has_connection) = self.shared.with(|driver| {
            let next = driver.drive(now);
            if let Some(output) = &mut output {
                driver.take_output(output);
            }
            (next, driver.wants_bytes(), driver.has_connection())
        });
        if let (Some(connection), Some(output)) = (&mut self.connection, output) {
            connection.output = output;
        }
        if !has_connection {
            // What waited to be written, a Close frame say, may still leave.
            self.connection.take().map(|mut connection| connection.poll_write(cx));
        }
        let until = match next {
            Next::Closed => return Poll::Ready(true),
            Next::Dial => return self.poll_dialing(cx).map(|result| {
                self.dialing = None;
                self.dialed(result);
                false
            }),
            Next::Idle { until } => until,
        };
        self.dialing = None;
        if let Some(connection) = &mut self.connection {
            if let Poll::Ready(Err(error)) = connection.poll_write(cx) {
                self.shared.with(|driver| driver.handle_end(now, Some(error)));
                return Poll::Ready(false);
            }
            if reads && let Poll::Ready(read) = connection.poll_read(cx, &mut self.input) {
                self.heard(now, read);
                return Poll::Ready(false);
            }
        }
        self.poll_timer(until, cx).map(|()| false)
    }

    fn heard(&self, now: Time, read: io::Result<usize>) {
        self.shared.with(|driver| match read {
            Ok(0) => driver.handle_end(now, None),
            Ok(length) => driver.handle_bytes(now, self.input.get(..length).unwrap_or_default()),
            Err(error) => driver.handle_end(now, Some(error)),
        });
    }

    fn poll_dialing(&mut self, cx: &mut Context<'_>) -> Poll<Result<Opened<R>, ConnectError>> {
        let options = &self.options;
        let dial = || -> Boxed<_> {
            let options = options.clone();
            Box::pin(async move { dial::<R>(&options).await })
        };
        self.dialing.get_or_insert_with(dial).as_mut().poll(cx)
    }

    fn dialed(&mut self, result: Result<Opened<R>, ConnectError>) {
        let now = self.shared.now();
        let Opened { stream, rest } = match result {
            Ok(opened) => opened,
            Err(error) => return self.shared.with(|driver| driver.dial_failed(now, error)),
        };
        self.connection = Some(Connection { stream, output: Vec::new(), written: 0, unflushed: false });
        self.shared.with(|driver| {
            driver.connected(now);
            driver.handle_bytes(now, &rest);
        });
    }

    /// A timer that is armed stays, if it goes off early enough: that is cheaper than arming one for each request.
    fn poll_timer(&mut self, deadline: Option<Time>, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.take_if(|(at, _)| deadline.is_none_or(|deadline| deadline < *at));
        let Some(deadline) = deadline else { return Poll::Pending };
        // The clock is coarse, and asking it again and again leads to nothing.
        let after = (deadline - self.shared.now()).max(Duration::from_millis(1));
        let (_, timer) = self.timer.get_or_insert_with(|| (deadline, Box::pin(R::sleep(after))));
        ready!(timer.as_mut().poll(cx));
        self.timer = None;
        Poll::Ready(())
    }
}

impl<R: Runtime> Connection<R> {
    /// The buffer for more output, if what it held has left.
    fn take_empty(&mut self) -> Option<Vec<u8>> {
        if self.written < self.output.len() {
            return None;
        }
        self.written = 0;
        self.output.clear();
        Some(std::mem::take(&mut self.output))
    }

    /// Writes what waits, as far as the other end takes it.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.output.get(self.written..).filter(|rest| !rest.is_empty()) {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, input)
    }
}
