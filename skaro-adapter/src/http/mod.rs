//! The opening handshake (RFC 6455, section 4) without I/O, from both sides, within bounds.

mod client;
mod server;

pub use client::ClientHandshake;
pub(crate) use client::StatusLine;
pub use server::{AddressHeader, Reply, ServerHandshake, Upgrade, unavailable};

use httparse::Header;

/// Headers of a request or a response. Browsers send some twenty.
const MAX_HEADERS: usize = 64;

/// Finds the values of a header in all lines that have it.
fn values<'h>(headers: &'h [Header<'_>], name: &'h str) -> impl Iterator<Item = &'h str> {
    let named = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    named.filter_map(|header| std::str::from_utf8(header.value).ok()).map(str::trim)
}

/// Returns the value of a header that must occur once.
fn single<'h>(headers: &'h [Header<'_>], name: &'h str) -> Option<&'h str> {
    let mut values = values(headers, name);
    values.next().filter(|_| values.next().is_none())
}

/// Returns whether one of the elements of a list header is this token (RFC 9110, section 5.6.1): the list may be spread
/// over several lines, and have empty elements.
fn has_token(headers: &[Header<'_>], name: &str, token: &str) -> bool {
    let mut elements = values(headers, name).flat_map(|value| value.split(','));
    elements.any(|element| element.trim().eq_ignore_ascii_case(token))
}
