//! The connection's bytes: a stream that does not block, and waiting for it, for a deadline and for other threads.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use mio::event::Source;
use mio::{Events, Interest, Token, Waker};
use skaro_adapter::{Link, READ_AT_ONCE};

/// A stream to a server that [mio](https://docs.rs/mio) can wait for, and that does not block: a
/// `mio::net::UnixStream`, for example.
pub trait Transport: Read + Write + Source + Send {}

impl<T: Read + Write + Source + Send> Transport for T {}

/// Tells that nothing is left after a read that does not fill the buffer, and that later input is reported. This holds for
/// epoll (see epoll(7)) and kqueue, and saves every second system call.
const SHORT_READS_SHOW_THE_END: bool = cfg!(all(
    any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd"),
    not(mio_unsupported_force_poll_poll)
));

const WAKER: Token = Token(0);
const CONNECTION: Token = Token(1);

/// A stream, and what a thread needs to wait for it. Without a stream, a thread uses it to wait for the next
/// connection.
pub(crate) struct Socket {
    transport: Option<Box<dyn Transport>>,
    poll: mio::Poll,
    events: Events,
    waker: Arc<Waker>,
    /// Set while there may be something to read. When it is not set, the poll reports new input.
    is_readable: bool,
    /// Set when the other end has closed the connection. The poll reports nothing more then; reading finds the end.
    is_closed: bool,
}

impl Socket {
    pub(crate) fn new(mut transport: Box<dyn Transport>) -> io::Result<Socket> {
        let poll = mio::Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        poll.registry().register(&mut *transport, CONNECTION, Interest::READABLE | Interest::WRITABLE)?;
        let (transport, events) = (Some(transport), Events::with_capacity(4));
        Ok(Socket { transport, poll, events, waker, is_readable: true, is_closed: false })
    }

    /// Waits until something happens, at most for this time. It may also return for no reason.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) {
        // A signal may interrupt it; the caller checks what there is to do, and calls again.
        _ = self.poll.poll(&mut self.events, timeout);
        for event in self.events.iter().filter(|event| event.token() == CONNECTION) {
            self.is_closed |= event.is_read_closed() || event.is_error();
            self.is_readable |= event.is_readable() || self.is_closed;
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.transport {
            Some(transport) if self.is_readable => transport.read(buffer),
            _ => return Err(ErrorKind::WouldBlock.into()),
        };
        self.is_readable = match &read {
            Ok(length) => self.is_closed || !SHORT_READS_SHOW_THE_END || *length == buffer.len(),
            // Mio reports new input only after a read that would have blocked.
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        };
        read
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.transport.as_mut().map_or(Ok(bytes.len()), |transport| transport.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.transport.as_mut().map_or(Ok(()), |transport| transport.flush())
    }
}

/// A connection, or what is left of one.
pub(crate) struct Io {
    socket: Socket,
    pub(crate) link: Link,
    /// Set if nobody can listen to the connection.
    pub(crate) is_confidential: bool,
    buffer: Box<[u8]>,
}

impl Io {
    pub(crate) fn new(socket: Socket, link: Link, is_confidential: bool) -> Io {
        Io { socket, link, is_confidential, buffer: vec![0; READ_AT_ONCE].into() }
    }

    /// Returns the waker of the thread that waits.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        self.socket.waker.clone()
    }

    /// Takes a [turn](Link::turn) of the link. Before reading it waits, at most for this time.
    pub(crate) fn turn(&mut self, reads: bool, timeout: Option<Duration>) -> Poll<io::Result<Option<&[u8]>>> {
        // If it fails, it fails again below, after reading.
        let written = self.link.turn(&mut self.socket, false, &mut []).map(drop);
        let may_read = reads && (self.socket.is_readable || self.link.has_input());
        if written.is_pending() && !may_read {
            self.socket.wait(timeout);
        }
        self.link.turn(&mut self.socket, reads, &mut self.buffer)
    }

    /// Drops the connection, after writing as much of the output as possible without waiting.
    pub(crate) fn hang_up(&mut self) {
        _ = self.link.turn(&mut self.socket, false, &mut []);
        self.socket.transport = None;
    }
}
