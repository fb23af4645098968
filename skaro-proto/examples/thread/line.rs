//! A WebSocket over a socket of the standard library, with a time-out for each read.
#![allow(clippy::indexing_slicing, reason = "the codec tells lengths within its buffers")]

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use embedded_websocket::{
    Error as CodecError, WebSocketClient, WebSocketCloseStatusCode as CloseStatus, WebSocketOptions,
    WebSocketReceiveMessageType as Received, WebSocketSendMessageType as Kind,
};
use rand_core::OsRng;
use skaro_proto::client::Client;
use skaro_proto::{Frame, Transmit};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A connection, and the received parts of a frame and of a message.
pub(crate) struct Line {
    stream: TcpStream,
    codec: WebSocketClient<OsRng>,
    frame: Vec<u8>,
    message: Vec<u8>,
}

impl Line {
    /// Connects to `ws://host:port/path`, with a time-out for each step.
    pub(crate) fn dial(url: &str, timeout: Duration) -> Result<Line> {
        let rest = url.strip_prefix("ws://").ok_or("the URL must begin with ws://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let connect = |address| TcpStream::connect_timeout(&address, timeout).ok();
        let stream =
            authority.to_socket_addrs()?.find_map(connect).ok_or("no address of the server answers")?;
        stream.set_write_timeout(Some(timeout))?;
        let codec = WebSocketClient::new_client(OsRng);
        let mut line = Line { stream, codec, frame: Vec::new(), message: Vec::new() };
        let (path, origin) = (&*format!("/{path}"), "");
        let request =
            WebSocketOptions { path, host: authority, origin, sub_protocols: None, additional_headers: None };
        let mut buffer = vec![0; url.len() + 1024];
        let (length, key) = line.codec.client_connect(&request, &mut buffer).map_err(wrong)?;
        line.stream.write_all(&buffer[..length])?;
        while line.read(Some(timeout))? {
            match line.codec.client_accept(&key, &line.frame) {
                Ok((length, _)) => {
                    line.frame.drain(..length);
                    return Ok(line);
                }
                Err(CodecError::HttpHeaderIncomplete) => (),
                Err(error) => return Err(wrong(error)),
            }
        }
        Err("the server did not answer in time".into())
    }

    pub(crate) fn send_all(&mut self, client: &mut Client) -> Result<()> {
        while let Some(transmit) = client.poll_transmit() {
            match transmit {
                Transmit::Frame(Frame::Text(text)) => self.send(Kind::Text, text.as_bytes())?,
                Transmit::Frame(Frame::Binary(bytes)) => self.send(Kind::Binary, bytes)?,
                Transmit::Ping => self.send(Kind::Ping, &[])?,
                _ => self.put(0, |codec, to| codec.close(CloseStatus::NormalClosure, None, to))?,
            }
        }
        Ok(())
    }

    fn send(&mut self, kind: Kind, payload: &[u8]) -> Result<()> {
        self.put(payload.len(), |codec, to| codec.write(kind, true, payload, to))
    }

    /// Sends a frame that the codec writes, with a payload of this length.
    fn put(
        &mut self,
        length: usize,
        write: impl FnOnce(&mut WebSocketClient<OsRng>, &mut [u8]) -> std::result::Result<usize, CodecError>,
    ) -> Result<()> {
        let mut buffer = vec![0; length + 14];
        let length = write(&mut self.codec, &mut buffer).map_err(wrong)?;
        Ok(self.stream.write_all(&buffer[..length])?)
    }

    /// Returns the next message, if it comes within the time-out.
    pub(crate) fn receive(&mut self, wait: Option<Duration>) -> Result<Option<(Received, Vec<u8>)>> {
        let mut buffer = [0; 4096];
        loop {
            match self.codec.read(&self.frame, &mut buffer) {
                Ok(read) if !self.frame.is_empty() => {
                    self.frame.drain(..read.len_from);
                    self.message.extend_from_slice(&buffer[..read.len_to]);
                    let kind = read.message_type;
                    match kind {
                        _ if !read.end_of_message => continue,
                        Received::Ping => self.send(Kind::Pong, &buffer[..read.len_to])?,
                        Received::CloseMustReply => self.send(Kind::CloseReply, &buffer[..read.len_to])?,
                        _ => (),
                    }
                    return Ok(Some((kind, std::mem::take(&mut self.message))));
                }
                Ok(_) | Err(CodecError::ReadFrameIncomplete) => (),
                Err(error) => return Err(wrong(error)),
            }
            if !self.read(wait)? {
                return Ok(None);
            }
        }
    }

    /// Reads some bytes; returns whether there were any within the time-out.
    fn read(&mut self, wait: Option<Duration>) -> Result<bool> {
        let mut buffer = [0; 4096];
        self.stream.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
        match self.stream.read(&mut buffer) {
            Ok(0) => Err("the server is gone".into()),
            Ok(length) => {
                self.frame.extend_from_slice(&buffer[..length]);
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn wrong(error: CodecError) -> Box<dyn Error> {
    error.to_string().into()
}
