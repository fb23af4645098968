//! The opening handshake (RFC 6455, section 4) of both sides, without I/O, and with limits.

mod client;
mod server;

pub use client::ClientHandshake;
pub(crate) use client::StatusLine;
pub use server::{AddressHeader, Reply, ServerHandshake, Upgrade, unavailable};

use data_encoding::BASE64;
use httparse::Header;
use sha1::{Digest, Sha1};

/// Maximum number of headers in a request or response. Browsers send about twenty.
const MAX_HEADERS: usize = 64;

/// Returns the server's answer to a client's key (RFC 6455, section 4.2.2).
fn accept_key(key: &str) -> String {
    let digest =
        Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    BASE64.encode(&digest)
}

/// Returns the values of a header, from all lines with its name.
fn values<'h>(headers: &'h [Header<'_>], name: &'h str) -> impl Iterator<Item = &'h str> {
    let named = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    named.filter_map(|header| std::str::from_utf8(header.value).ok()).map(str::trim)
}

/// Returns the value of a header that must occur exactly once.
fn single<'h>(headers: &'h [Header<'_>], name: &'h str) -> Option<&'h str> {
    let mut values = values(headers, name);
    values.next().filter(|_| values.next().is_none())
}

/// Returns whether a list header contains this token (RFC 9110, section 5.6.1). The list may be spread over several
/// lines, and have empty elements.
fn has_token(headers: &[Header<'_>], name: &str, token: &str) -> bool {
    let mut elements = values(headers, name).flat_map(|value| value.split(','));
    elements.any(|element| element.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    /// RFC 6455, section 1.3.
    #[test]
    fn the_answer_to_the_key_of_the_standard() {
        assert_eq!(super::accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
