//! What lies between the socket and the protocol: nothing, or TLS. Without I/O, so that no adapter needs a TLS of its own.

use std::io;
#[cfg(feature = "tls")]
use std::io::{Read, Write};
#[cfg(feature = "tls")]
use std::sync::Arc;

/// A plain or an encrypted channel. It has a socket's bytes on the one side, and the protocol's on the other.
///
/// The TLS handshake takes place on the way: after each [`receive`](Self::receive) call [`seal`](Self::seal), even with
/// nothing to send.
#[derive(Debug)]
pub struct Channel {
    #[cfg(feature = "tls")]
    tls: Option<Box<rustls::Connection>>,
    has_ended: bool,
}

impl Channel {
    /// Creates a channel that changes nothing.
    pub const fn plain() -> Self {
        Channel {
            #[cfg(feature = "tls")]
            tls: None,
            has_ended: false,
        }
    }

    /// Creates a server's side of TLS.
    ///
    /// # Errors
    /// If the configuration is invalid.
    #[cfg(feature = "tls")]
    pub fn server(config: Arc<rustls::ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Channel::over(rustls::ServerConnection::new(config)?.into()))
    }

    #[cfg(feature = "tls")]
    pub(crate) fn over(mut tls: rustls::Connection) -> Self {
        // What is written before the handshake is done waits here; our own requests need no limit.
        tls.set_buffer_limit(None);
        Channel { tls: Some(Box::new(tls)), has_ended: false }
    }

    /// Decrypts what was read from the socket; the buffer may be used for that.
    ///
    /// # Errors
    /// If the peer breaks TLS, or is not to be trusted: the error contains a `rustls::Error`. What
    /// [`seal`](Self::seal) returns then tells the peer why.
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

    /// Returns whether the peer has ended the channel: as if the socket had ended.
    pub const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Encrypts what is to be written to the socket, in place, and adds what TLS itself has to say.
    pub fn seal(&mut self, output: &mut Vec<u8>) {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            // Without a limit, and to memory, nothing fails.
            _ = tls.writer().write_all(output);
            output.clear();
            while tls.wants_write() && tls.write_tls(output).is_ok() {}
        }
        #[cfg(not(feature = "tls"))]
        let _ = output;
    }
}
