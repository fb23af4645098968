//! The queue of frames to be sent on one connection.

use alloc::vec::Vec;

use zeroize::Zeroize;

use crate::codec::{Format, Frame};

/// An action for the adapter.
///
/// It borrows from the machine, so it must be carried out before the next call to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transmit<'a> {
    /// Send this frame, after all earlier ones.
    Frame(Frame<'a>),
    /// Send a WebSocket ping (RFC 6455, section 5.5.2), and report the pong.
    Ping,
    /// Begin the closing handshake (RFC 6455, section 7) with this code. No frame may follow.
    Close(CloseCode),
}

/// The reason for closing a WebSocket (RFC 6455, section 7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseCode {
    /// 1000: the connection has served its purpose.
    Normal,
    /// 1001: the server shuts down.
    Away,
    /// 1002: the peer violated the WebSocket protocol (RFC 6455, section 5); for adapters.
    Protocol,
    /// 1007: a text message is not UTF-8 (RFC 6455, section 8.1); for adapters.
    InvalidData,
    /// 1008: the peer violated a policy: it is too slow, made too many errors, or did not sign in in time.
    Policy,
    /// 1009: a frame is larger than the limit.
    TooBig,
    /// 1013: the server accepts no more connections at present; for adapters. (Registered with IANA after RFC 6455.)
    TryAgainLater,
    /// 4001 (private use, RFC 6455, section 7.4.2): the session was restored on another connection. If the client
    /// restored it again, the two connections would take it from each other without end.
    Replaced,
    /// 4002 (private use): the session was ended on purpose, by the operator or by its user on another connection, for
    /// example with a new password. It can't be restored.
    SessionEnded,
}

impl CloseCode {
    /// Returns the number that is sent.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            CloseCode::Normal => 1000,
            CloseCode::Away => 1001,
            CloseCode::Protocol => 1002,
            CloseCode::InvalidData => 1007,
            CloseCode::Policy => 1008,
            CloseCode::TooBig => 1009,
            CloseCode::TryAgainLater => 1013,
            CloseCode::Replaced => 4001,
            CloseCode::SessionEnded => 4002,
        }
    }

    const fn of(code: u16) -> Self {
        match code {
            1001 => CloseCode::Away,
            1002 => CloseCode::Protocol,
            1007 => CloseCode::InvalidData,
            1008 => CloseCode::Policy,
            1009 => CloseCode::TooBig,
            1013 => CloseCode::TryAgainLater,
            4001 => CloseCode::Replaced,
            4002 => CloseCode::SessionEnded,
            _ => CloseCode::Normal,
        }
    }
}

/// A queue of frames in one reused buffer: a queue that is drained as fast as it is filled does not allocate.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Output {
    /// The entries in order, each a [`Head`] and the frame's content.
    bytes: Vec<u8>,
    /// The position of the next entry to be sent.
    next: usize,
    /// Set if the buffer has contained a secret: then it is wiped before it is reused.
    secret: bool,
}

/// The head of an entry: its kind, the number of its request (0 if none), and the length of its content.
struct Head {
    kind: u8,
    request: u64,
    length: usize,
}

impl Head {
    /// Two words, so that the content of the first entry, usually the only one, is aligned to a word and is checked for
    /// UTF-8 word by word from the start.
    const SIZE: usize = 16;
    const TEXT: u8 = 0;
    const BINARY: u8 = 1;
    const PING: u8 = 2;
    const CLOSE: u8 = 3;

    const fn of(format: Format) -> u8 {
        match format {
            Format::Json => Head::TEXT,
            Format::Cbor => Head::BINARY,
        }
    }

    /// Packs the head into one number: 64 bits for the request, 8 for the kind, the rest for the length.
    fn bytes(&self) -> [u8; Head::SIZE] {
        (u128::from(self.request) | u128::from(self.kind) << 64 | (self.length as u128) << 72).to_le_bytes()
    }

    #[inline]
    fn read(bytes: &[u8]) -> Option<(Head, &[u8])> {
        let (head, rest) = bytes.split_first_chunk()?;
        let head = u128::from_le_bytes(*head);
        let length = usize::try_from(head >> 72).ok()?;
        Some((Head { kind: (head >> 64) as u8, request: head as u64, length }, rest.get(..length)?))
    }
}

/// Capacity in bytes that a drained queue keeps: enough for chat messages, little enough for many connections.
const KEPT: usize = 512;

/// Length in bytes from which a queue grows by an eighth at most and frees memory while it is drained. Below it the
/// capacity doubles, which copies less.
const LARGE: usize = 64 << 10;

impl Output {
    /// Returns the number of waiting bytes, including heads.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.next
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a frame whose content `write` writes. `request` is the number of the request in it, or 0 if there is
    /// none.
    #[inline]
    pub(crate) fn push(&mut self, format: Format, request: u64, write: impl FnOnce(&mut Vec<u8>)) {
        self.push_entry(Head::of(format), request, write);
    }

    /// Appends an encoded message in this format as a frame.
    pub(crate) fn push_written(&mut self, format: Format, written: &[u8]) {
        self.reserve(written.len());
        self.push(format, 0, |out| out.extend_from_slice(written));
    }

    /// Reserves memory for a frame of this length.
    pub(crate) fn reserve(&mut self, length: usize) {
        self.reclaim();
        let needed = self.bytes.len() + Head::SIZE + length;
        if needed > LARGE && needed > self.bytes.capacity() {
            self.bytes.reserve_exact(needed + needed / 8 - self.bytes.len());
        }
    }

    /// Returns whether so much waits that a frame of unknown length should be written to another buffer first.
    pub(crate) fn is_large(&self) -> bool {
        self.bytes.len() > LARGE
    }

    /// Returns the capacity in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(crate) fn push_ping(&mut self) {
        self.push_entry(Head::PING, 0, |_| ());
    }

    pub(crate) fn push_close(&mut self, code: CloseCode) {
        self.push_entry(Head::CLOSE, 0, |out| out.extend_from_slice(&code.code().to_le_bytes()));
    }

    /// Always inlined: otherwise the variables that `write` captures go through memory.
    #[inline(always)]
    fn push_entry(&mut self, kind: u8, request: u64, write: impl FnOnce(&mut Vec<u8>)) {
        self.reclaim();
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; Head::SIZE]);
        write(&mut self.bytes);
        let entry = self.bytes.get_mut(start..).and_then(<[u8]>::split_first_chunk_mut);
        if let Some((head, content)) = entry {
            *head = Head { kind, request, length: content.len() }.bytes();
        }
    }

    #[inline(always)]
    fn reclaim(&mut self) {
        if self.next > 0 {
            self.free();
        }
    }

    /// Frees sent entries: all at once when the queue is drained, otherwise when they are the larger part.
    fn free(&mut self) {
        if self.next == self.bytes.len() {
            self.bytes.clear();
            self.next = 0;
            if self.secret || self.bytes.capacity() > KEPT {
                self.shrink();
            }
        } else if self.next > self.bytes.len() / 2 {
            self.bytes.drain(..self.next);
            self.next = 0;
        }
    }

    /// Wipes sent secrets, and frees memory that a chat message does not need. After a secret, all memory is freed: it
    /// was reserved in case the frame is long, and most connections are idle afterwards.
    #[cold]
    fn shrink(&mut self) {
        let kept = if self.secret { 0 } else { KEPT };
        self.wipe();
        self.bytes.shrink_to(kept);
    }

    /// Frees memory: nearly all if the queue is drained, otherwise, in a long queue, sent entries once they are the
    /// larger part. Called before entries are taken, and before memory is counted.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if self.is_empty() {
            self.reclaim();
        } else if self.next > LARGE {
            self.settle_large();
        }
    }

    #[cold]
    fn settle_large(&mut self) {
        self.free();
        // Secrets are wiped when the queue is drained; moving the buffer would leave a copy behind.
        if !self.secret && self.bytes.capacity() / 2 > self.bytes.len() + LARGE {
            self.bytes.shrink_to_fit();
        }
    }

    /// Marks the content of the queue as secret, so that it is wiped after it was sent, or when the queue is dropped.
    pub(crate) fn mark_secret(&mut self) {
        self.secret = true;
    }

    /// Reserves memory for a frame with a secret, so that no copies are left behind when the queue grows.
    pub(crate) fn reserve_for_secret(&mut self) {
        self.reserve_for_secrets(0);
    }

    /// Reserves memory, as [`reserve_for_secret`](Self::reserve_for_secret) does, for a frame with this many bytes of
    /// texts and values. JSON escapes a byte with six bytes at most.
    pub(crate) fn reserve_for_secrets(&mut self, bytes: usize) {
        // Otherwise the next frame would free what is reserved.
        self.reclaim();
        self.bytes.reserve(bytes.saturating_mul(6).saturating_add(1024));
    }

    fn wipe(&mut self) {
        if core::mem::take(&mut self.secret) {
            self.bytes.zeroize();
        }
    }

    /// Returns the number of the first request in the queue.
    pub(crate) fn first_request(&self) -> Option<u64> {
        let mut rest = self.bytes.get(self.next..)?;
        loop {
            let (head, content) = Head::read(rest)?;
            if head.request > 0 {
                return Some(head.request);
            }
            rest = rest.get(Head::SIZE + content.len()..)?;
        }
    }

    /// Takes the next entry.
    #[inline]
    pub(crate) fn poll(&mut self) -> Option<Transmit<'_>> {
        self.settle();
        self.take()
    }

    /// Takes the next entry. The caller must have freed memory just before.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Transmit<'_>> {
        if self.is_empty() {
            return None;
        }
        let (head, content) = Head::read(self.bytes.get(self.next..)?)?;
        self.next += Head::SIZE + head.length;
        Some(match head.kind {
            // The encoder of JSON writes UTF-8.
            Head::TEXT => Transmit::Frame(Frame::Text(core::str::from_utf8(content).unwrap_or_default())),
            Head::BINARY => Transmit::Frame(Frame::Binary(content)),
            Head::PING => Transmit::Ping,
            _ => Transmit::Close(CloseCode::of(
                content.first_chunk().map_or(0, |code| u16::from_le_bytes(*code)),
            )),
        })
    }

    /// Removes all entries.
    pub(crate) fn clear(&mut self) {
        *self = Output::default();
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    #[test]
    fn entries_leave_in_the_order_in_which_they_came() {
        let mut output = Output::default();
        for round in 0..100_u64 {
            output.push(Format::Json, round, |out| out.extend_from_slice(round.to_string().as_bytes()));
            output.push_ping();
            output.push_written(Format::Cbor, &[1, 2, 3]);
            // Two of three entries stay in the queue until the end, so that both ways of freeing memory are covered.
            if round % 2 == 0 {
                assert!(output.poll().is_some());
            }
        }
        let mut kinds = vec![];
        while let Some(entry) = output.poll() {
            kinds.push(match entry {
                Transmit::Frame(Frame::Text(text)) => text.to_string(),
                Transmit::Frame(Frame::Binary(bytes)) => bytes.len().to_string(),
                _ => "ping".to_string(),
            });
        }
        let all: Vec<_> = (0..100).flat_map(|n| [n.to_string(), "ping".into(), "3".into()]).collect();
        assert_eq!(kinds, all[50..]);
        assert!(output.is_empty());
    }

    #[test]
    fn a_drained_queue_keeps_little_memory() {
        let mut output = Output::default();
        output.push_written(Format::Cbor, &[0; 100_000]);
        while output.poll().is_some() {}
        assert!(output.bytes.capacity() <= KEPT);
    }

    #[test]
    fn a_long_queue_grows_little_beyond_its_need_and_shrinks_while_it_is_drained() {
        let mut output = Output::default();
        for _ in 0..1000 {
            output.push_written(Format::Cbor, &[0; 2000]);
            assert!(output.capacity() < output.len() + output.len() / 8 + 2 * LARGE);
        }
        while output.poll().is_some() {
            assert!(
                output.capacity() <= 4 * output.len() + 4 * LARGE,
                "{} for {}",
                output.capacity(),
                output.len()
            );
        }
        assert!(output.capacity() <= KEPT);
    }

    #[test]
    fn what_was_sent_is_moved_over_when_it_is_the_larger_part() {
        let mut output = Output::default();
        let push = |output: &mut Output| output.push_written(Format::Cbor, &[0; 84]);
        (0..10).for_each(|_| push(&mut output));
        // A long queue is not moved for each sent frame.
        for (leave, next) in [(2, 200), (3, 500), (1, 600)] {
            (0..leave).for_each(|_| assert!(output.poll().is_some()));
            push(&mut output);
            assert_eq!(output.next, next);
        }
        output.poll();
        push(&mut output);
        assert_eq!((output.next, output.len()), (0, 700));
    }

    /// Wiping happens when it should. (Reading the wiped memory would need unsafe code.)
    #[test]
    fn secrets_leave_no_copies_and_are_wiped_once_they_are_sent() {
        let mut output = Output::default();
        output.push_written(Format::Cbor, &[0; 500]);
        output.reserve_for_secret();
        let room = output.bytes.capacity();
        output.push_written(Format::Cbor, &[7; 900]);
        output.mark_secret();
        assert_eq!(output.bytes.capacity(), room, "the secret was copied to another place");
        while output.poll().is_some() {
            assert!(output.secret);
        }
        assert!(!output.secret);
    }

    #[test]
    fn the_first_request_is_found_behind_other_entries() {
        let mut output = Output::default();
        assert_eq!(output.first_request(), None);
        output.push_ping();
        output.push_written(Format::Cbor, &[1, 2, 3]);
        output.push(Format::Cbor, 7, |out| out.extend_from_slice(b"request"));
        output.push(Format::Cbor, 8, |out| out.extend_from_slice(b"request"));
        assert_eq!(output.first_request(), Some(7));
        (0..3).for_each(|_| assert!(output.poll().is_some()));
        assert_eq!(output.first_request(), Some(8));
        output.push_close(CloseCode::Policy);
        output.poll();
        assert_eq!(output.first_request(), None);
        assert_eq!(output.poll(), Some(Transmit::Close(CloseCode::Policy)));
    }
}
