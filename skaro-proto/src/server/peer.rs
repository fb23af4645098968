//! Addresses of clients.

use core::net::{IpAddr, Ipv6Addr};

use alloc::collections::BTreeMap;

/// Address of a client, as far as the adapter knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The address; `None` if it is unknown, as with a Unix socket or in a test. Behind a proxy it is what the proxy
    /// says, if whoever runs the server trusts the proxy. Limits by address do not hold for an unknown one.
    pub address: Option<IpAddr>,
}

impl Peer {
    /// A peer of which nothing is known.
    pub const UNKNOWN: Peer = Peer { address: None };
}

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Peer { address: Some(address) }
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

    pub(super) const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

/// Number of connections from each place.
#[derive(Default)]
pub(super) struct Places(BTreeMap<Place, usize>);

impl Places {
    pub(super) fn count(&self, place: Place) -> usize {
        self.0.get(&place).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, place: Place) {
        *self.0.entry(place).or_default() += 1;
    }

    pub(super) fn remove(&mut self, place: Place) {
        let Some(count) = self.0.get_mut(&place) else { return };
        *count -= 1;
        if *count == 0 {
            self.0.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

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
}
