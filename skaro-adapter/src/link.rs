//! The data on its way between a socket and the protocol: encrypted and decrypted, written and read.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::task::{Poll, ready};

use crate::channel::Channel;
use crate::websocket::OUTPUT_AT_ONCE;

/// A [`Channel`] with the output being written and the latest input.
///
/// The socket is passed to each call. It does not block: [`ErrorKind::WouldBlock`] makes these calls [`Poll::Pending`].
/// A blocking socket with time-outs works as well.
pub struct Link {
    channel: Channel,
    output: Vec<u8>,
    written: usize,
    /// Set while the output is not encrypted yet.
    is_plain: bool,
    /// Set if there may be more to write after the buffer.
    is_full: bool,
    /// The latest decrypted input.
    decrypted: Vec<u8>,
    /// Set while `decrypted` has input that was not returned yet.
    has_input: bool,
}

/// The state of a completed write.
enum Written {
    /// Everything was written; there may be more that did not fit into the buffer, or came meanwhile.
    Full,
    /// Everything was written.
    All,
}

/// Hides the data.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Link");
        shown
            .field("channel", &self.channel)
            .field("unwritten", &self.unwritten().len())
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Creates a link without data.
    #[must_use]
    pub const fn new(channel: Channel) -> Self {
        Link {
            channel,
            output: Vec::new(),
            written: 0,
            is_plain: false,
            is_full: false,
            decrypted: Vec::new(),
            has_input: false,
        }
    }

    /// Fills the buffer, if its previous content was written. If not, there may be more once it is.
    pub fn fill(&mut self, take_output: impl FnOnce(&mut Vec<u8>)) {
        if !self.unwritten().is_empty() {
            self.is_full = true;
            return;
        }
        self.written = 0;
        self.output.clear();
        take_output(&mut self.output);
        self.is_full = self.output.len() > OUTPUT_AT_ONCE;
        self.is_plain = true;
    }

    /// Writes as far as the socket takes it, and then reads once into the buffer, if reading is wanted. Returns
    /// decrypted bytes, or `None` at the end of the stream. Without bytes there may be more to do: TLS has messages of
    /// its own, and there may be more to [fill](Self::fill) in.
    ///
    /// # Errors
    /// If the socket fails, or the peer violates TLS. Bytes that arrived before a failed write are returned first.
    pub fn turn<'a>(
        &'a mut self,
        socket: &mut (impl Read + Write),
        reads: bool,
        buffer: &'a mut [u8],
    ) -> Poll<io::Result<Option<&'a [u8]>>> {
        let written = self.write(socket);
        if let Poll::Ready(Ok(Written::Full)) = written {
            return Poll::Ready(Ok(Some(&[])));
        }
        if reads && let read @ Poll::Ready(_) = self.read(socket, buffer) {
            return read;
        }
        match written {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Pending,
        }
    }

    /// Returns whether the next reading [turn](Self::turn) returns something without the socket.
    #[must_use]
    pub const fn has_input(&self) -> bool {
        self.has_input || self.channel.has_ended()
    }

    /// Encrypts the buffer, and writes it as far as the socket takes it. Frees a large buffer afterwards.
    fn write(&mut self, socket: &mut impl Write) -> Poll<io::Result<Written>> {
        if mem::take(&mut self.is_plain) {
            self.channel.seal(&mut self.output);
        }
        while !self.unwritten().is_empty() {
            let written = ready!(polled(|| socket.write(self.unwritten())))?;
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        ready!(polled(|| socket.flush()))?;
        if !mem::take(&mut self.is_full) {
            return Poll::Ready(Ok(Written::All));
        }
        self.output = Vec::new();
        self.written = 0;
        Poll::Ready(Ok(Written::Full))
    }

    /// Reads into the buffer, and decrypts; `None` at the end of the stream. The result may be empty, because TLS has
    /// messages of its own.
    fn read<'a>(
        &'a mut self,
        socket: &mut (impl Read + Write),
        buffer: &'a mut [u8],
    ) -> Poll<io::Result<Option<&'a [u8]>>> {
        if mem::take(&mut self.has_input) {
            return Poll::Ready(Ok(Some(&self.decrypted)));
        }
        if self.channel.has_ended() {
            return Poll::Ready(Ok(None));
        }
        let length = ready!(polled(|| socket.read(buffer)))?;
        if length == 0 {
            return Poll::Ready(Ok(None));
        }
        let input = buffer.get(..length).unwrap_or_default();
        let received = self.channel.receive(input, &mut self.decrypted);
        if received.is_err() && self.written == self.output.len() {
            // A TLS alert tells the peer the reason (RFC 8446, section 6.2). Its delivery is not awaited.
            let mut alert = Vec::new();
            self.channel.seal(&mut alert);
            _ = polled(|| socket.write(&alert));
        }
        Poll::Ready(received.map(Some))
    }

    /// Frees what the buffers have, if everything was written.
    pub fn shrink(&mut self) {
        if self.unwritten().is_empty() && !self.has_input {
            self.written = 0;
            self.output = Vec::new();
            self.decrypted = Vec::new();
        }
    }

    /// Replaces the channel, after everything was written.
    pub(crate) fn switch(&mut self, channel: Channel) {
        self.channel = channel;
    }

    /// Makes the next reading return this.
    pub(crate) fn unread(&mut self, input: Vec<u8>) {
        self.has_input = !input.is_empty();
        self.decrypted = input;
    }

    fn unwritten(&self) -> &[u8] {
        self.output.get(self.written..).unwrap_or_default()
    }
}

/// Calls a function of a socket until no signal interrupts it. Pending if the socket would block.
fn polled<T>(mut call: impl FnMut() -> io::Result<T>) -> Poll<io::Result<T>> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
            result => return Poll::Ready(result),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// A socket in memory, which takes and gives so many bytes at present. Every other call is interrupted.
    pub(crate) struct Memory {
        pub(crate) takes: usize,
        pub(crate) taken: Vec<u8>,
        pub(crate) gives: VecDeque<u8>,
        pub(crate) has_ended: bool,
        is_broken: bool,
        is_interrupted: bool,
    }

    impl Memory {
        pub(crate) fn new() -> Self {
            Memory {
                takes: usize::MAX,
                taken: Vec::new(),
                gives: VecDeque::new(),
                has_ended: false,
                is_broken: false,
                is_interrupted: false,
            }
        }

        fn call(&mut self, length: usize) -> io::Result<usize> {
            self.is_interrupted = !self.is_interrupted;
            match length {
                _ if self.is_interrupted => Err(ErrorKind::Interrupted.into()),
                0 => Err(ErrorKind::WouldBlock.into()),
                length => Ok(length),
            }
        }
    }

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.is_broken {
                return Err(ErrorKind::BrokenPipe.into());
            }
            let length = self.call(bytes.len().min(self.takes))?;
            self.takes -= length;
            self.taken.extend(bytes.iter().take(length));
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Read for Memory {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if !self.has_ended {
                self.call(buffer.len().min(self.gives.len()))?;
            }
            self.gives.read(buffer)
        }
    }

    #[test]
    fn what_comes_while_a_buffer_is_being_written_follows_it_at_once() {
        let mut socket = Memory::new();
        socket.takes = 4;
        let mut link = Link::new(Channel::plain());
        let mut queue = b"first ".to_vec();
        link.fill(|output| output.append(&mut queue));
        assert!(link.write(&mut socket).is_pending());
        queue.extend(b"second");
        link.fill(|output| output.append(&mut queue));
        socket.takes = 100;
        assert!(matches!(link.write(&mut socket), Poll::Ready(Ok(Written::Full))), "there is more");
        link.fill(|output| output.append(&mut queue));
        assert!(matches!(link.write(&mut socket), Poll::Ready(Ok(Written::All))));
        assert_eq!(socket.taken, b"first second");
    }

    #[test]
    fn input_behind_the_handshakes_is_read_first() {
        let mut socket = Memory::new();
        socket.gives.extend(b"second");
        let mut link = Link::new(Channel::plain());
        link.unread(b"first".to_vec());
        // As memory is freed while nothing happens.
        link.shrink();
        let mut buffer = [0; 4];
        for expected in ["first", "seco", "nd"] {
            let read = link.read(&mut socket, &mut buffer);
            assert!(matches!(read, Poll::Ready(Ok(Some(bytes))) if bytes == expected.as_bytes()), "{read:?}");
        }
        assert!(link.read(&mut socket, &mut buffer).is_pending());
    }

    /// A server that closes says why before it is gone.
    #[test]
    fn what_came_before_a_failed_write_is_read_first() {
        let mut socket = Memory::new();
        socket.gives.extend(b"bye");
        socket.is_broken = true;
        let mut link = Link::new(Channel::plain());
        link.fill(|output| output.push(b'x'));
        let mut buffer = [0; 4];
        let read = link.turn(&mut socket, true, &mut buffer);
        assert!(matches!(read, Poll::Ready(Ok(Some(b"bye")))), "{read:?}");
        let read = link.turn(&mut socket, true, &mut buffer);
        assert!(matches!(read, Poll::Ready(Err(_))), "{read:?}");
    }
}
