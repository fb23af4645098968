//! A socket that is not read from when it is known to be empty, which spares every second call of the system; nor
//! without end when it is never empty.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use mio::event::Event;
use mio::net::TcpStream;
use skaro_proto::tungstenite::READ_AT_ONCE;

/// Where reading less than there is room for shows that nothing is left, and whatever comes later is told: so it is
/// with epoll (see epoll(7)) and kqueue.
const IS_TOLD: bool = cfg!(all(
    any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd"),
    not(mio_unsupported_force_poll_poll)
));

const EMPTY: u8 = 0;
const READABLE: u8 = 1;
/// Nothing more is told: the end has to be found by reading.
const CLOSED: u8 = 2;

/// What is known of a connection, for the stream and for whoever waits for it.
#[derive(Clone, Debug)]
pub(crate) struct Readiness(Arc<State>);

#[derive(Debug)]
struct State {
    /// Whether there may be something to read.
    readable: AtomicU8,
    /// Whether reading stopped for a break, and not because there was nothing more.
    has_paused: AtomicBool,
}

impl Default for Readiness {
    fn default() -> Self {
        Readiness(Arc::new(State { readable: READABLE.into(), has_paused: false.into() }))
    }
}

impl Readiness {
    pub(crate) fn note(&self, event: &Event) {
        if event.is_read_closed() || event.is_error() {
            self.0.readable.store(CLOSED, Ordering::Relaxed);
        } else if event.is_readable() {
            self.0.readable.fetch_max(READABLE, Ordering::Relaxed);
        }
    }

    /// Whether there may be more to read of which nothing will be told; forgotten then.
    pub(crate) fn take_pause(&self) -> bool {
        self.0.has_paused.swap(false, Ordering::Relaxed)
    }

    fn is_empty(&self) -> bool {
        self.0.readable.load(Ordering::Relaxed) == EMPTY
    }

    fn note_pause(&self) {
        self.0.has_paused.store(true, Ordering::Relaxed);
    }

    fn note_empty(&self) {
        // What is closed stays so.
        _ = self.0.readable.compare_exchange(READABLE, EMPTY, Ordering::Relaxed, Ordering::Relaxed);
    }
}

#[derive(Debug)]
pub(crate) struct Stream {
    socket: TcpStream,
    readiness: Readiness,
    /// Bytes read since there was a break.
    read: usize,
}

impl Stream {
    pub(crate) const fn new(socket: TcpStream, readiness: Readiness) -> Self {
        Stream { socket, readiness, read: 0 }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read_before = std::mem::take(&mut self.read);
        if read_before >= READ_AT_ONCE {
            self.readiness.note_pause();
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.readiness.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = self.socket.read(buffer);
        match &result {
            // That it is so is told again; mio even counts on being asked only then.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readiness.note_empty(),
            Ok(read) if IS_TOLD && 0 < *read && *read < buffer.len() => self.readiness.note_empty(),
            _ => (),
        }
        if let Ok(read) = result {
            self.read = read_before + read;
        }
        result
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
