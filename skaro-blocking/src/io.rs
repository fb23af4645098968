//! The connection's bytes: a stream that does not block, and waiting for it, for a deadline and for other threads.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::time::Duration;

use mio::event::Source;
use mio::{Events, Interest, Poll, Token, Waker};
use skaro_adapter::websocket::OUTPUT_AT_ONCE;

/// A stream to a server that [mio](https://docs.rs/mio) can wait for, and that does not block: a
/// `mio::net::UnixStream`, for example.
pub trait Transport: Read + Write + Source + Send {}

impl<T: Read + Write + Source + Send> Transport for T {}

/// A stream of plain bytes, whatever is below: a transport, or TLS.
pub(crate) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// Bytes that are read at once. What they mean is found out under the lock, where others wait meanwhile.
const READ_AT_ONCE: usize = 16 << 10;

/// Reading less than there was room for shows that nothing is left, and whatever comes later is told: so it is with
/// epoll (see epoll(7)) and kqueue. It spares every second call of the system.
const SHORT_READS_SHOW_THE_END: bool = cfg!(all(
    any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd"),
    not(mio_unsupported_force_poll_poll)
));

const WAKER: Token = Token(0);
const CONNECTION: Token = Token(1);

/// A connection, or what is left of one: whoever waits for another connection waits here, too.
pub(crate) struct Io {
    poll: Poll,
    events: Events,
    stream: Option<Box<dyn Stream>>,
    /// Bytes that are still to be written.
    pub(crate) output: Vec<u8>,
    /// Set when there may be output that did not fit, or that came while the last was being written.
    may_have_more: bool,
    input: Box<[u8]>,
    /// Set while there may be something to read. When it is not set, the poll reports new input.
    is_readable: bool,
    /// Set when the other end has closed the connection. The poll reports nothing more then; reading finds the end.
    is_closed: bool,
    /// Set when a layer in between (TLS) may hold bytes that it has not handed over.
    is_layered: bool,
}

impl Io {
    /// Creates it for a connection, and what wakes the thread that waits with it.
    pub(crate) fn new(mut transport: Box<dyn Transport>) -> io::Result<(Io, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        poll.registry().register(&mut *transport, CONNECTION, Interest::READABLE | Interest::WRITABLE)?;
        let io = Io {
            poll,
            events: Events::with_capacity(4),
            stream: Some(Box::new(transport)),
            output: Vec::new(),
            may_have_more: false,
            input: vec![0; READ_AT_ONCE].into(),
            is_readable: true,
            is_closed: false,
            is_layered: false,
        };
        Ok((io, waker))
    }

    /// Puts a layer around the stream.
    #[cfg(feature = "tls")]
    pub(crate) fn layer(&mut self, around: impl FnOnce(Box<dyn Stream>) -> Box<dyn Stream>) {
        self.stream = self.stream.take().map(around);
        self.is_layered = true;
    }

    /// Writes the output, and reads once; waits before if there is nothing to read, for this long at most. Returns
    /// nothing if nothing came, and no bytes at the end of the connection.
    pub(crate) fn turn(&mut self, reads: bool, timeout: Option<Duration>) -> io::Result<Option<&[u8]>> {
        self.may_have_more |= self.output.len() > OUTPUT_AT_ONCE;
        let sent = self.send();
        let mut read = self.read(reads);
        if matches!(read, Ok(None)) {
            // What a server that is gone has said before was read first.
            sent?;
            // Nobody wakes the leader for what could not be taken.
            let is_due = self.output.is_empty() && mem::take(&mut self.may_have_more);
            self.wait(if is_due { Some(Duration::ZERO) } else { timeout });
            read = self.read(reads);
        }
        Ok(read?.and_then(|length| self.input.get(..length)))
    }

    /// Waits until something happens, for this long at most. It may also return for no reason.
    fn wait(&mut self, timeout: Option<Duration>) {
        // A signal may interrupt it; whoever calls looks what there is to do and comes back.
        _ = self.poll.poll(&mut self.events, timeout);
        for event in self.events.iter().filter(|event| event.token() == CONNECTION) {
            self.is_closed |= event.is_read_closed() || event.is_error();
            self.is_readable |= event.is_readable() || self.is_closed;
        }
    }

    /// Drops the connection; writes the rest of the output before as far as that goes without waiting.
    pub(crate) fn hang_up(&mut self) {
        _ = self.send();
        self.stream = None;
        self.output.clear();
        self.may_have_more = false;
    }

    fn send(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let mut written = Ok(0);
        while !self.output.is_empty() {
            written = stream.write(&self.output);
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => drop(self.output.drain(..length)),
                Err(_) => break,
            }
        }
        self.may_have_more |= !self.output.is_empty();
        // TLS may have something left to write.
        let flushed = written.and_then(|_| stream.flush());
        flushed.or_else(|error| if is_pending(&error) { Ok(()) } else { Err(error) })
    }

    fn read(&mut self, reads: bool) -> io::Result<Option<usize>> {
        let Some(stream) = self.stream.as_mut().filter(|_| reads && self.is_readable) else {
            return Ok(None);
        };
        match stream.read(&mut self.input) {
            Ok(length) => {
                let is_short = SHORT_READS_SHOW_THE_END && !self.is_layered && length < self.input.len();
                self.is_readable = !is_short || self.is_closed;
                Ok(Some(length))
            }
            Err(error) if is_pending(&error) => {
                // Mio tells that there is more only after it was asked in vain.
                self.is_readable = error.kind() == ErrorKind::Interrupted;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Returns whether it is no failure: there is nothing to do for now.
fn is_pending(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
