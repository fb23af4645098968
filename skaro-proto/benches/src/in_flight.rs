//! The cost of many requests under way.

use std::collections::VecDeque;
use std::hint::black_box;

use skaro_proto::Format;
use skaro_proto::Time;
use skaro_proto::client::{Client, ClientConfig, Event};

use crate::client::{NOW, drain, signed_in};
use crate::samples::{self, BODY, Content, FORMATS};
use crate::{Case, Work};

pub const IN_FLIGHT: [u32; 6] = [1, 10, 100, 1_000, 10_000, 100_000];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for in_flight in IN_FLIGHT {
        for format in FORMATS {
            for order in [Order::Oldest, Order::Any] {
                let name = format!("{format}: command and answer, {}, {in_flight} in flight", order.name());
                // One message for each request under way, so that the share of occasional cleaning up is included.
                let messages = in_flight.max(300);
                cases.push(Case::new(name, move || RoundTrips::new(format, in_flight, order, messages)));
            }
        }
        let name = format!("JSON: command and time-out, {in_flight} in flight");
        cases.push(Case::new(name, move || TimeOuts::new(in_flight)));
    }
    cases
}

/// For the clock. A frame that has just arrived is in the processor's cache, as some hundreds of prepared frames are,
/// but not 100,000.
pub fn timed_cases() -> Vec<Case> {
    let case = |in_flight| {
        let name = format!("CBOR: command and answer, {in_flight} in flight");
        Case::new(name, move || RoundTrips::new(Format::Cbor, in_flight, Order::Oldest, 300))
    };
    IN_FLIGHT.map(case).into()
}

fn config(in_flight: u32) -> ClientConfig {
    let mut config = ClientConfig::default();
    config.limits.max_requests = in_flight as usize + 1;
    config.keep_alive = None;
    config
}

/// The request that is answered next.
#[derive(Clone, Copy)]
enum Order {
    Oldest,
    Any,
}

impl Order {
    fn name(self) -> &'static str {
        match self {
            Order::Oldest => "oldest first",
            Order::Any => "in any order",
        }
    }
}

/// Gives a command, then answers one of those under way, so that their number stays the same.
struct RoundTrips {
    client: Client,
    format: Format,
    order: Order,
    /// Numbers of the requests under way.
    waiting: VecDeque<u64>,
    /// The frames of the next run.
    answers: Vec<Content>,
    last: u64,
    random: u64,
    messages: u32,
}

impl RoundTrips {
    fn new(format: Format, in_flight: u32, order: Order, messages: u32) -> Self {
        let mut client = signed_in(format, config(in_flight));
        for _ in 1..in_flight {
            client.send_message(NOW, "alice", BODY, None).unwrap();
            drain(&mut client);
        }
        let last = u64::from(in_flight);
        let waiting = (2..=last).collect();
        RoundTrips { client, format, order, waiting, answers: Vec::new(), last, random: 1, messages }
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.waiting.push_back(self.last);
        let chosen = match self.order {
            Order::Oldest => self.waiting.pop_front(),
            Order::Any => {
                // The linear congruential generator of Numerical Recipes; its quality does not matter.
                self.random = self.random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                self.waiting.swap_remove_back((self.random >> 33) as usize % self.waiting.len())
            }
        };
        chosen.unwrap()
    }
}

impl Work for RoundTrips {
    fn prepare(&mut self) {
        self.answers.clear();
        for _ in 0..self.messages {
            let answer = samples::sent(self.format, self.next());
            self.answers.push(answer);
        }
    }

    fn run(&mut self) {
        for answer in &self.answers {
            self.client.send_message(NOW, black_box("alice"), black_box(BODY), None).unwrap();
            drain(&mut self.client);
            let event = self.client.handle_frame(NOW, black_box(answer.frame())).unwrap();
            assert!(matches!(black_box(&event), Event::Ended(_)));
            black_box(self.client.poll_timeout());
        }
    }

    fn messages(&self) -> u32 {
        self.messages
    }
}

/// A command every millisecond without answers: each time the oldest one times out.
struct TimeOuts {
    client: Client,
    now: u64,
    messages: u32,
}

impl TimeOuts {
    fn new(in_flight: u32) -> Self {
        let mut config = config(in_flight);
        config.request_timeout = std::time::Duration::from_millis(in_flight.into());
        let mut client = signed_in(Format::Json, config);
        for now in 1..=in_flight {
            client.send_message(Time::from_millis(now.into()), "alice", BODY, None).unwrap();
            drain(&mut client);
        }
        TimeOuts { client, now: in_flight.into(), messages: in_flight.max(300) }
    }
}

impl Work for TimeOuts {
    fn run(&mut self) {
        for _ in 0..self.messages {
            self.now += 1;
            let now = Time::from_millis(self.now);
            assert_eq!(self.client.poll_timeout(), Some(now));
            self.client.handle_timeout(now);
            let event = self.client.poll_event();
            assert!(matches!(black_box(&event), Some(Event::Ended(_))));
            self.client.send_message(now, black_box("alice"), black_box(BODY), None).unwrap();
            drain(&mut self.client);
        }
    }

    fn messages(&self) -> u32 {
        self.messages
    }
}
