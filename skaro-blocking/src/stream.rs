//! A socket that is not read from when it is known to be empty: that spares every second call of the system.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use mio::event::Event;
use mio::net::TcpStream;

/// Where reading less than there is room for shows that nothing is left, and whatever comes later is told: so it is
/// with epoll (see epoll(7)) and kqueue.
const IS_TOLD: bool =
    cfg!(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd"));

const EMPTY: u8 = 0;
const READABLE: u8 = 1;
/// Nothing more is told: the end has to be found by reading.
const CLOSED: u8 = 2;

/// Whether there may be something to read.
#[derive(Clone, Debug)]
pub(crate) struct Readiness(Arc<AtomicU8>);

impl Default for Readiness {
    fn default() -> Self {
        Readiness(Arc::new(READABLE.into()))
    }
}

impl Readiness {
    pub(crate) fn note(&self, event: &Event) {
        if event.is_read_closed() || event.is_error() {
            self.0.store(CLOSED, Ordering::Relaxed);
        } else if event.is_readable() {
            self.0.fetch_max(READABLE, Ordering::Relaxed);
        }
    }

    fn note_empty(&self) {
        // What is closed stays so.
        _ = self.0.compare_exchange(READABLE, EMPTY, Ordering::Relaxed, Ordering::Relaxed);
    }
}

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) socket: TcpStream,
    pub(crate) readiness: Readiness,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.readiness.0.load(Ordering::Relaxed) == EMPTY {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = self.socket.read(buffer);
        if IS_TOLD && matches!(result, Ok(read) if 0 < read && read < buffer.len()) {
            self.readiness.note_empty();
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
