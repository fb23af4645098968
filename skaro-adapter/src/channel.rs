//! The layer between socket and protocol: none, or TLS. Without I/O, so that all adapters share it.

use std::io;
#[cfg(feature = "tls")]
use std::io::{Read, Write};
#[cfg(feature = "tls")]
use std::sync::Arc;

/// A plain or an encrypted channel between a socket's bytes and the protocol's bytes.
///
/// The TLS handshake happens on the way: after each [`receive`](Self::receive) call [`seal`](Self::seal), even with
/// nothing to send.
#[derive(Debug)]
pub struct Channel {
    #[cfg(feature = "tls")]
    tls: Option<Box<rustls::Connection>>,
    has_ended: bool,
}

impl Channel {
    /// Creates a channel that passes bytes through unchanged.
    #[must_use]
    pub const fn plain() -> Self {
        Channel {
            #[cfg(feature = "tls")]
            tls: None,
            has_ended: false,
        }
    }

    /// Creates the server's side of a TLS connection.
    ///
    /// # Errors
    /// If the configuration is invalid.
    #[cfg(feature = "tls")]
    pub fn server(config: Arc<rustls::ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Channel::over(rustls::ServerConnection::new(config)?.into()))
    }

    #[cfg(feature = "tls")]
    pub(crate) fn over(mut tls: rustls::Connection) -> Self {
        // Output waits here until the handshake is done. It is our own, so it needs no limit.
        tls.set_buffer_limit(None);
        Channel { tls: Some(Box::new(tls)), has_ended: false }
    }

    /// Decrypts bytes from the socket. The decrypted bytes may be in the given buffer.
    ///
    /// # Errors
    /// If the peer violates TLS, or its certificate is not trusted: the error contains a `rustls::Error`.
    /// [`seal`](Self::seal) then returns an alert with the reason for the peer.
    #[cfg_attr(not(feature = "tls"), allow(clippy::unused_self, reason = "nothing to decrypt"))]
    pub fn receive<'a>(&mut self, bytes: &'a [u8], buffer: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
        buffer.clear();
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            let mut input = bytes;
            while !input.is_empty() && !self.has_ended {
                tls.read_tls(&mut input)?;
                tls.process_new_packets()
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                match tls.reader().read_to_end(buffer) {
                    Ok(_) => self.has_ended = true,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => (),
                    Err(error) => return Err(error),
                }
            }
            return Ok(buffer);
        }
        Ok(bytes)
    }

    /// Returns whether the peer has closed the channel, which counts as the end of the socket.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Encrypts output for the socket in place, and adds TLS's own messages.
    pub fn seal(&mut self, output: &mut Vec<u8>) {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            // Writing to memory without a limit does not fail.
            _ = tls.writer().write_all(output);
            output.clear();
            while tls.wants_write() && tls.write_tls(output).is_ok() {}
        }
        #[cfg(not(feature = "tls"))]
        let _ = output;
    }
}
