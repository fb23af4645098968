//! Addresses of clients.

use core::net::{IpAddr, Ipv6Addr};

use alloc::collections::{BTreeMap, BTreeSet};

use super::rate::Bucket;
use crate::time::Time;

/// Address of a client, as far as the adapter knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The address; `None` if it is unknown, as with a Unix socket or in a test. Behind a proxy it is what the proxy
    /// says, if the operator trusts the proxy. Limits by address do not apply to an unknown one.
    pub address: Option<IpAddr>,
    /// `true` if nobody in between can eavesdrop, as with TLS. A loopback address counts as confidential without this.
    pub is_encrypted: bool,
}

impl Peer {
    /// A peer of which nothing is known.
    pub const UNKNOWN: Peer = Peer { address: None, is_encrypted: false };

    /// Returns the same peer with an encrypted connection.
    #[must_use]
    pub const fn encrypted(self) -> Self {
        Peer { is_encrypted: true, ..self }
    }

    /// Returns whether passwords may travel to this peer.
    pub(super) fn is_confidential(self) -> bool {
        self.is_encrypted || self.address.is_some_and(|address| address.to_canonical().is_loopback())
    }
}

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Peer { address: Some(address), is_encrypted: false }
    }
}

impl From<[u8; 4]> for Peer {
    fn from(address: [u8; 4]) -> Self {
        IpAddr::from(address).into()
    }
}

/// Bits of an IPv6 address that count.
const IPV6_NETWORK: u32 = 56;

/// Unit for limits by address: an IPv4 address, or an IPv6 network of 56 bits, which is a common size for a household:
/// a site is to get significantly more than one network of 64 bits (RFC 6177, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place([u8; 16]);

impl Place {
    pub(super) fn of(peer: Peer) -> Option<Place> {
        Some(Place(match peer.address?.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => {
                let network = u128::from(address) & (u128::MAX << (128 - IPV6_NETWORK));
                Ipv6Addr::from(network).octets()
            }
        }))
    }

    /// Returns the address, or the network's.
    pub(super) fn address(self) -> IpAddr {
        Ipv6Addr::from(self.0).to_canonical()
    }

    pub(super) const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

/// The connections from each place.
#[derive(Default)]
pub(super) struct Places {
    all: BTreeMap<Place, Guests>,
    /// Places without connections, and when their rate can be forgotten. If it were forgotten at once, each new
    /// connection would begin anew. They are few, since each of their frames is remembered for only some milliseconds.
    left: BTreeSet<(Time, Place)>,
}

#[derive(Default)]
struct Guests {
    connections: usize,
    /// Limit on the rate of frames on all those connections on which nobody is signed in.
    frames: Bucket,
}

impl Places {
    /// Returns the number of connections from there.
    pub(super) fn count(&self, place: Place) -> usize {
        self.all.get(&place).map_or(0, |guests| guests.connections)
    }

    /// Returns the number of places without connections.
    pub(super) fn left(&self) -> usize {
        self.left.len()
    }

    pub(super) fn frames(&mut self, place: Place) -> Option<&mut Bucket> {
        self.all.get_mut(&place).map(|guests| &mut guests.frames)
    }

    pub(super) fn add(&mut self, place: Place) {
        let guests = self.all.entry(place).or_default();
        if guests.connections == 0 {
            self.left.remove(&(guests.frames.full_at(), place));
        }
        guests.connections += 1;
    }

    pub(super) fn remove(&mut self, place: Place, now: Time) {
        let Some(guests) = self.all.get_mut(&place) else { return };
        guests.connections -= 1;
        if guests.connections == 0 {
            self.left.insert((guests.frames.full_at(), place));
        }
        while let Some((_, place)) = self.left.first().copied().filter(|(at, _)| *at <= now) {
            self.left.pop_first();
            self.all.remove(&place);
        }
    }
}

/// Maximum number of users whose places are remembered: the one who signed in longest ago makes room.
const REGULARS: usize = 8192;

/// The places from which users signed in last, by password. Logins are represented by keys of 16 bytes.
#[derive(Default)]
pub(super) struct Regulars {
    all: BTreeMap<[u8; 16], Regular>,
    by_age: BTreeSet<(Time, [u8; 16])>,
}

#[derive(Default)]
struct Regular {
    /// The latest place comes first.
    places: [Option<Place>; 4],
    at: Time,
}

impl Regulars {
    pub(super) fn knows(&self, login: &[u8; 16], place: Place) -> bool {
        self.all.get(login).is_some_and(|regular| regular.places.contains(&Some(place)))
    }

    /// Remembers that a user signed in from there.
    pub(super) fn remember(&mut self, login: [u8; 16], place: Place, now: Time) {
        let regular = self.all.entry(login).or_default();
        self.by_age.remove(&(regular.at, login));
        regular.at = now;
        self.by_age.insert((now, login));
        // The last one makes room.
        let mut next = Some(place);
        for kept in &mut regular.places {
            next = core::mem::replace(kept, next);
            if next == Some(place) || next.is_none() {
                break;
            }
        }
        if self.all.len() > REGULARS
            && let Some((_, login)) = self.by_age.pop_first()
        {
            self.all.remove(&login);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::super::rate::Rate;
    use super::*;

    #[test]
    fn ipv6_addresses_count_by_their_network() {
        let place = |text: &str| Place::of(text.parse::<IpAddr>().unwrap().into());
        assert_eq!(place("2001:db8::1"), place("2001:db8:0:ff:ffff:1:2:3"));
        assert_ne!(place("2001:db8::1"), place("2001:db8:0:100::1"));
        assert_eq!(place("192.0.2.1"), place("::ffff:192.0.2.1"));
        assert_ne!(place("192.0.2.1"), place("192.0.2.2"));
        assert_eq!(Place::of(Peer::UNKNOWN), None);
    }

    #[test]
    fn users_are_remembered_with_their_last_places_and_the_table_is_bounded() {
        let mut regulars = Regulars::default();
        let place = |n: u8| Place::of([192, 0, 2, n].into()).unwrap();
        (1..=5).chain([3]).for_each(|n| regulars.remember([0; 16], place(n), Time::from_secs(1)));
        assert_eq!(
            [1, 2, 3, 4, 5].map(|n| regulars.knows(&[0; 16], place(n))),
            [false, true, true, true, true]
        );
        for n in 0..2 * REGULARS as u128 {
            regulars.remember((n + 1).to_be_bytes(), place(1), Time::from_secs(2));
        }
        assert_eq!((regulars.len(), regulars.by_age.len()), (REGULARS, REGULARS));
        assert!(!regulars.knows(&[0; 16], place(3)));
    }

    #[test]
    fn a_place_is_remembered_until_its_rate_counts_no_more() {
        let (mut places, now) = (Places::default(), Time::from_secs(1));
        let [one, other] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(|place| Place::of(place.into()).unwrap());
        places.add(one);
        places.frames(one).unwrap().take(10, now, Rate::new(10, 5));
        places.remove(one, now);
        assert_eq!((places.count(one), places.left()), (0, 1));
        // A client that comes back meanwhile has what is left.
        places.add(one);
        assert_eq!((places.count(one), places.left()), (1, 0));
        assert!(places.frames(one).unwrap().take(0, now, Rate::new(10, 5)).is_some());
        places.remove(one, now);
        for (seconds, left) in [(1, 1), (2, 0)] {
            places.add(other);
            places.remove(other, Time::from_secs(seconds));
            assert_eq!((places.left(), places.all.len()), (left, left), "after {seconds} s");
        }
    }
}
