//! Choice of the address to dial: Happy Eyeballs (RFC 8305), without I/O.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use skaro_proto::Time;

use crate::error::ConnectError;
use crate::log::debug;

/// Delay before the next address is tried in parallel (RFC 8305, section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Chooses among the addresses of a host. Use the first connection that succeeds, and drop the other attempts.
///
/// ```
/// use skaro_adapter::dial::{Dialer, Step};
/// use skaro_proto::Time;
///
/// let now = Time::ZERO;
/// let addresses = ["192.0.2.1:80".parse()?, "[2001:db8::1]:80".parse()?];
/// let mut dialer = Dialer::new("example.org:80", addresses);
/// let Step::Connect(first) = dialer.next(now) else { panic!() };
/// let Step::Wait(Some(until)) = dialer.next(now) else { panic!() };
/// // The first address does not respond: after 250 ms the next one is tried in parallel.
/// let Step::Connect(second) = dialer.next(until) else { panic!() };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Dialer {
    host: String,
    untried: VecDeque<SocketAddr>,
    /// Attempts that have neither succeeded nor failed.
    under_way: usize,
    /// The time of the next attempt, if none fails earlier.
    next_at: Option<Time>,
    failures: Vec<(SocketAddr, io::Error)>,
}

/// The next action of the adapter that dials.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "an adapter must handle each action")]
pub enum Step {
    /// Start to connect to this address, and call `next` again.
    Connect(SocketAddr),
    /// Wait for the running attempts, and call `next` again after a failure or at this time.
    Wait(Option<Time>),
    /// All addresses have failed.
    Failed(ConnectError),
}

impl Dialer {
    /// Creates a dialer for the addresses of a host in the resolver's order. The two address families take turns (RFC
    /// 8305, section 4). The host appears in errors.
    pub fn new(host: impl Into<String>, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let mut all: Vec<SocketAddr> = Vec::new();
        for address in addresses {
            if !all.contains(&address) {
                all.push(address);
            }
        }
        let first_family = all.first().map(SocketAddr::is_ipv4);
        let (first, second): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|address| Some(address.is_ipv4()) == first_family);
        let (mut first, mut second) = (first.into_iter(), second.into_iter());
        let mut untried = VecDeque::new();
        loop {
            let pair = [first.next(), second.next()];
            if pair.iter().all(Option::is_none) {
                break;
            }
            untried.extend(pair.into_iter().flatten());
        }
        Dialer { host: host.into(), untried, under_way: 0, next_at: None, failures: Vec::new() }
    }

    /// Returns the next action.
    pub fn next(&mut self, now: Time) -> Step {
        let is_time = self.next_at.is_none_or(|at| at <= now);
        if is_time && let Some(address) = self.untried.pop_front() {
            self.under_way += 1;
            self.next_at = Some(now + ATTEMPT_DELAY);
            debug!("dialing {}: {address}", self.host);
            return Step::Connect(address);
        }
        if self.under_way == 0 && self.untried.is_empty() {
            return Step::Failed(self.error());
        }
        Step::Wait(self.next_at.filter(|_| !self.untried.is_empty()))
    }

    /// Records that an attempt has failed. The next one starts at once.
    pub fn failed(&mut self, address: SocketAddr, error: io::Error) {
        debug!("dialing {}: {address} failed: {error}", self.host);
        self.under_way = self.under_way.saturating_sub(1);
        self.failures.push((address, error));
        self.next_at = None;
    }

    /// Returns an error that lists all failures; its kind is that of the first.
    fn error(&mut self) -> ConnectError {
        let mut failures = std::mem::take(&mut self.failures);
        let Some((_, first)) = failures.first() else {
            let none = io::Error::new(io::ErrorKind::NotFound, "the name has no addresses");
            return ConnectError::resolve(&self.host, none);
        };
        let kind = first.kind();
        let source = match failures.pop() {
            Some((_, only)) if failures.is_empty() => only,
            last => {
                let all = failures.iter().chain(&last).map(|(address, error)| format!("{address}: {error}"));
                io::Error::new(kind, all.collect::<Vec<_>>().join("; "))
            }
        };
        ConnectError::network(&self.host, source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn dialer(addresses: &[&str]) -> Dialer {
        Dialer::new("h:80", addresses.iter().map(|text| address(text)))
    }

    fn connects(dialer: &mut Dialer, now: u64) -> String {
        match dialer.next(Time::from_millis(now)) {
            Step::Connect(address) => address.ip().to_string(),
            Step::Wait(until) => format!("{:?}", until.map(|until| until.elapsed().as_millis())),
            Step::Failed(error) => error.to_string(),
        }
    }

    #[test]
    fn families_take_turns() {
        let mut dialer =
            dialer(&["[::1]:80", "[::2]:80", "[::1]:80", "[::3]:80", "1.1.1.1:80", "2.2.2.2:80"]);
        let order: Vec<_> = (0..5).map(|n| connects(&mut dialer, n * 250)).collect();
        assert_eq!(order, ["::1", "1.1.1.1", "::2", "2.2.2.2", "::3"]);
    }

    /// Case 20.
    #[test]
    fn an_address_that_swallows_everything_delays_the_next_by_a_quarter_of_a_second() {
        let mut dialer = dialer(&["1.1.1.1:80", "2.2.2.2:80"]);
        assert_eq!(connects(&mut dialer, 100), "1.1.1.1");
        assert_eq!(connects(&mut dialer, 100), "Some(350)");
        assert_eq!(connects(&mut dialer, 349), "Some(350)");
        assert_eq!(connects(&mut dialer, 350), "2.2.2.2");
        assert_eq!(connects(&mut dialer, 350), "None");
        assert_eq!(connects(&mut dialer, 9000), "None");
    }

    #[test]
    fn a_failure_makes_the_next_attempt_begin_at_once_and_all_are_told() {
        let mut dialer = dialer(&["1.1.1.1:80", "[::1]:80"]);
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(connects(&mut dialer, 0), "1.1.1.1");
        dialer.failed(address("1.1.1.1:80"), refused());
        assert_eq!(connects(&mut dialer, 1), "::1");
        dialer.failed(address("[::1]:80"), io::ErrorKind::NetworkUnreachable.into());
        let Step::Failed(ConnectError::Network { host, source }) = dialer.next(Time::ZERO) else { panic!() };
        assert_eq!((&*host, source.kind()), ("h:80", io::ErrorKind::ConnectionRefused));
        let expected = format!("1.1.1.1:80: {}; [::1]:80: network unreachable", refused());
        assert_eq!(source.to_string(), expected);
    }

    #[test]
    fn the_only_failure_is_told_as_it_is() {
        let mut dialer = dialer(&["1.1.1.1:80"]);
        connects(&mut dialer, 0);
        dialer.failed(address("1.1.1.1:80"), io::Error::from_raw_os_error(13));
        let Step::Failed(ConnectError::Network { source, .. }) = dialer.next(Time::ZERO) else { panic!() };
        assert_eq!(source.raw_os_error(), Some(13));
    }

    #[test]
    fn a_name_without_addresses_is_not_found() {
        assert_eq!(connects(&mut dialer(&[]), 0), "can't find the host h:80: the name has no addresses");
    }
}
