//! A connection: two queues of frames with their lengths on the wire, and what can happen to them.

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;
use skaro_proto::server::ConnectionId;
use skaro_proto::{Format, Frame, Time, Transmit};

/// What travels.
pub(super) enum Content {
    Frame(Format, Vec<u8>),
    Ping,
    Pong,
    Close(u16),
    /// The other end is gone.
    End,
}

impl Content {
    pub(super) fn of(transmit: Transmit<'_>) -> Content {
        match transmit {
            Transmit::Frame(frame) => Content::Frame(frame.format(), frame.as_bytes().into()),
            Transmit::Close(code) => Content::Close(code.code()),
            _ => Content::Ping,
        }
    }

    /// Bytes on the wire: RFC 6455, section 5.2, without the masks.
    pub(super) fn len(&self) -> usize {
        match self {
            Content::Frame(_, bytes) => match bytes.len() {
                length @ 0..126 => 2 + length,
                length @ 126..65_536 => 4 + length,
                length => 10 + length,
            },
            Content::Ping | Content::Pong => 2,
            Content::Close(_) => 4,
            Content::End => 0,
        }
    }
}

pub(super) fn frame(format: Format, bytes: &[u8]) -> Frame<'_> {
    match format {
        Format::Cbor => Frame::Binary(bytes),
        Format::Json => Frame::Text(std::str::from_utf8(bytes).expect("JSON is UTF-8")),
    }
}

/// Who is told that a connection broke. Whoever is not goes on believing in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Told {
    Both,
    Client,
    Server,
    Nobody,
}

/// What became of something that was put on the wire.
#[derive(PartialEq)]
pub(super) enum Put {
    OnItsWay,
    Lost,
    /// The cut that was planned fell into it.
    Cut {
        inside: bool,
        told: Told,
    },
}

/// One direction of a connection.
pub(super) struct Direction {
    pub(super) packets: VecDeque<(Time, Content)>,
    /// Bytes that were sent but not taken yet, and how many of them the connection takes before it is full.
    in_transit: usize,
    pub(super) window: usize,
    latency: Duration,
    jitter: u64,
    random: Rng,
    /// Nothing arrives before this.
    pub(super) held_until: Time,
    /// Whether everything vanishes.
    pub(super) swallows: bool,
    /// Bytes that still pass before the cut.
    pub(super) cut_after: Option<(usize, Told)>,
    /// Whether the next arrival is on the agenda.
    pub(super) scheduled: bool,
    /// Whether its sender waits for room.
    pub(super) full: bool,
    last: Time,
}

impl Direction {
    fn new(latency: Duration, jitter: u64, seed: u64) -> Direction {
        Direction {
            packets: VecDeque::new(),
            in_transit: 0,
            window: 1 << 22,
            latency,
            jitter,
            random: Rng::with_seed(seed),
            held_until: Time::ZERO,
            swallows: false,
            cut_after: None,
            scheduled: false,
            full: false,
            last: Time::ZERO,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.in_transit < self.window
    }

    pub(super) fn put(&mut self, now: Time, content: Content) -> Put {
        let length = content.len();
        // What vanishes is never taken, so the sender's side fills up.
        self.in_transit += length;
        if self.swallows {
            return Put::Lost;
        }
        if let Some((left, told)) = &mut self.cut_after {
            if *left < length {
                let (inside, told) = (*left > 0, *told);
                self.cut_after = None;
                return Put::Cut { inside, told };
            }
            *left -= length;
        }
        self.enqueue(now, content);
        Put::OnItsWay
    }

    /// Behind everything that is on its way already.
    pub(super) fn enqueue(&mut self, now: Time, content: Content) {
        let jitter = Duration::from_micros(self.random.u64(0..=self.jitter));
        self.last = self.last.max(now + self.latency + jitter);
        self.packets.push_back((self.last, content));
    }

    /// When something arrives next.
    pub(super) fn next(&self) -> Option<Time> {
        self.packets.front().map(|(at, _)| (*at).max(self.held_until))
    }

    pub(super) fn take(&mut self, now: Time) -> Option<Content> {
        self.next().filter(|at| *at <= now)?;
        let (_, content) = self.packets.pop_front()?;
        self.in_transit = self.in_transit.saturating_sub(content.len());
        Some(content)
    }
}

/// A connection with its two ends.
pub(super) struct Wire {
    /// The client at one end.
    pub(super) client: usize,
    /// Whether the client's adapter still has its socket.
    pub(super) has_client: bool,
    /// The server's name for it, as long as the server's adapter has its socket.
    pub(super) server: Option<ConnectionId>,
    pub(super) up: Direction,
    pub(super) down: Direction,
    /// Whether nothing ever went wrong with it: then everything is answered, and nobody may call it dead.
    pub(super) sound: bool,
    /// The messages that the server has put on it and the client has yet to report, in order.
    pub(super) shown: VecDeque<usize>,
}

impl Wire {
    pub(super) fn new(
        client: usize,
        server: ConnectionId,
        latency: Duration,
        jitter: u64,
        seed: u64,
    ) -> Wire {
        Wire {
            client,
            has_client: true,
            server: Some(server),
            up: Direction::new(latency, jitter, seed),
            down: Direction::new(latency, jitter, seed.wrapping_add(1)),
            sound: true,
            shown: VecDeque::new(),
        }
    }
}
