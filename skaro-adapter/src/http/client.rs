//! The client's side of the opening handshake.

use std::fmt;
use std::io;

use data_encoding::BASE64;
use httparse::{EMPTY_HEADER, Response, Status};
use skaro_proto::Format;

use super::{MAX_HEADERS, accept_key, has_token, single, values};
use crate::error::ConnectError;
use crate::options::Options;
use crate::url::Url;

/// Limit of a response's head in bytes.
const MAX_HEAD: usize = 16 << 10;

/// The client's side of the opening handshake: writes the request, checks the response.
pub struct ClientHandshake {
    /// The server, as it appears in errors.
    host: String,
    is_secure: bool,
    accept: String,
    format: Option<Format>,
    head: Vec<u8>,
}

/// Hides the response.
impl fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHandshake").field("host", &self.host).finish_non_exhaustive()
    }
}

impl ClientHandshake {
    /// Starts a handshake; also returns the request to send.
    ///
    /// # Errors
    /// [`ConnectError::Header`] if a header of the options can't be sent.
    pub fn new(url: &Url, options: &Options) -> Result<(ClientHandshake, Vec<u8>), ConnectError> {
        let key = BASE64.encode(&rand::random::<[u8; 16]>());
        let mut request = format!("GET {} HTTP/1.1\r\n", url.target());
        let has_host = options.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Host"));
        if !has_host {
            request.push_str(&format!("Host: {}\r\n", url.host_header()));
        }
        request.push_str("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
        request.push_str(&format!("Sec-WebSocket-Key: {key}\r\n"));
        if let Some(format) = options.format {
            request.push_str(&format!("Sec-WebSocket-Protocol: {}\r\n", format.subprotocol()));
        }
        for (name, value) in &options.headers {
            if !is_sendable(name, value) {
                return Err(ConnectError::Header(name.clone()));
            }
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let handshake = ClientHandshake {
            host: url.host_and_port(),
            is_secure: url.is_secure(),
            accept: accept_key(&key),
            format: options.format,
            head: Vec::new(),
        };
        Ok((handshake, request.into_bytes()))
    }

    /// Reads the response, and advances the input past it. Returns true once the handshake has succeeded; the rest of
    /// the input is for the WebSocket. Stores at most 16 KiB.
    ///
    /// # Errors
    /// If the server refuses, or its response is invalid.
    pub fn receive(&mut self, input: &mut &[u8]) -> Result<bool, ConnectError> {
        loop {
            let before = self.head.len();
            let (new, beyond) = input.split_at(input.len().min(MAX_HEAD.saturating_sub(before)));
            self.head.extend_from_slice(new);
            // An alert or a handshake record of TLS 1.x (RFC 8446, section 5.1).
            if !self.is_secure && matches!(self.head.get(..2), Some([0x15 | 0x16, 3])) {
                return Err(ConnectError::TlsExpected { host: self.host.clone() });
            }
            let mut headers = [EMPTY_HEADER; MAX_HEADERS];
            let mut response = Response::new(&mut headers);
            let parsed = response.parse(&self.head).map_err(|_| ConnectError::Handshake(NO_HTTP))?;
            let Status::Complete(length) = parsed else {
                *input = beyond;
                return if self.head.len() < MAX_HEAD {
                    Ok(false)
                } else {
                    Err(ConnectError::Handshake(TOO_LARGE))
                };
            };
            *input = input.get(length.saturating_sub(before)..).unwrap_or_default();
            let status = StatusLine::of(&response);
            // Other interim responses may come first (RFC 9110, section 15.2).
            if status.code == 101 || !(100..200).contains(&status.code) {
                return self.judge(status, &response).map(|()| true);
            }
            self.head.clear();
        }
    }

    /// Returns the error of a connection that ended in the middle of the handshake: closed, or broken.
    #[must_use]
    pub fn handle_end(&self, error: Option<io::Error>) -> ConnectError {
        let closed = || io::Error::new(io::ErrorKind::UnexpectedEof, "closed during the opening handshake");
        ConnectError::network(&self.host, error.unwrap_or_else(closed))
    }

    /// Checks the response as RFC 6455, section 4.1, requires.
    fn judge(&self, status: StatusLine, response: &Response<'_, '_>) -> Result<(), ConnectError> {
        let headers = &*response.headers;
        if status.code != 101 {
            return Err(ConnectError::Status { code: status.code, reason: status.reason });
        }
        let asked = self.format.map(Format::subprotocol);
        let wrong = if !has_token(headers, "Upgrade", "websocket") {
            "its response has no Upgrade: websocket"
        } else if !has_token(headers, "Connection", "upgrade") {
            "its response has no Connection: upgrade"
        } else if single(headers, "Sec-WebSocket-Accept") != Some(self.accept.as_str()) {
            "its Sec-WebSocket-Accept does not match the request"
        } else if values(headers, "Sec-WebSocket-Extensions").any(|extensions| !extensions.is_empty()) {
            "it chose an extension that was not offered"
        } else if values(headers, "Sec-WebSocket-Protocol").any(|chosen| Some(chosen) != asked) {
            "it chose a subprotocol that was not offered"
        } else {
            return Ok(());
        };
        Err(ConnectError::Handshake(wrong))
    }
}

const NO_HTTP: &str = "its response is not HTTP";
const TOO_LARGE: &str = "the head of its response is too large";

/// The status line of a response.
pub(crate) struct StatusLine {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

impl StatusLine {
    fn of(response: &Response<'_, '_>) -> StatusLine {
        let reason = response.reason.unwrap_or_default();
        StatusLine { code: response.code.unwrap_or_default(), reason: reason.chars().take(100).collect() }
    }

    /// Parses a response's head; also returns its length.
    pub(crate) fn parse(head: &[u8]) -> Result<Option<(StatusLine, usize)>, &'static str> {
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        let mut response = Response::new(&mut headers);
        match response.parse(head) {
            Ok(Status::Complete(length)) => Ok(Some((StatusLine::of(&response), length))),
            Ok(Status::Partial) if head.len() < MAX_HEAD => Ok(None),
            Ok(Status::Partial) => Err(TOO_LARGE),
            Err(_) => Err(NO_HTTP),
        }
    }
}

/// Returns whether a header is valid (RFC 9110, sections 5.1 and 5.5), and not one that the handshake itself sends.
fn is_sendable(name: &str, value: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let lower = name.to_ascii_lowercase();
    let own = lower.starts_with("sec-websocket-")
        || ["connection", "upgrade", "content-length", "transfer-encoding"].contains(&&*lower);
    let is_text = |byte: u8| byte == b'\t' || byte >= b' ' && byte != 0x7f;
    !name.is_empty() && name.bytes().all(is_token) && value.bytes().all(is_text) && !own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Reply, ServerHandshake};

    fn begin(url: &str, change: impl FnOnce(&mut Options)) -> (ClientHandshake, String) {
        let mut options = Options::new(url);
        change(&mut options);
        let (handshake, request) = ClientHandshake::new(&Url::parse(url).unwrap(), &options).unwrap();
        (handshake, String::from_utf8(request).unwrap())
    }

    /// A handshake whose answer must be that of RFC 6455, section 1.3.
    fn sample() -> ClientHandshake {
        let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into();
        ClientHandshake { accept, ..begin("ws://h", |_| ()).0 }
    }

    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn our_server_and_our_client_understand_each_other() {
        for format in [None, Some(Format::Json), Some(Format::Cbor)] {
            let (mut client, request) = begin("ws://h:1/x?y", |options| options.format = format);
            let Reply::Upgrade(upgrade) = ServerHandshake::new(None).receive(&mut request.as_bytes()) else {
                panic!()
            };
            assert_eq!((upgrade.format, &*upgrade.target), (format, "/x?y"));
            let mut response = upgrade.response;
            response.extend(b"rest");
            let (mut first, mut second) = response.split_at(30);
            assert!(matches!(client.receive(&mut first), Ok(false)));
            assert!(matches!(client.receive(&mut second), Ok(true)));
            assert_eq!((first, second), (&b""[..], &b"rest"[..]));
        }
    }

    #[test]
    fn headers_are_sent_unless_they_break_the_request() {
        let add = |name: &str, value: &str| {
            let header = (name.to_owned(), value.to_owned());
            move |options: &mut Options| options.headers.push(header)
        };
        let (_, request) = begin("ws://h", add("Cookie", "a=b"));
        assert!(
            request.starts_with("GET / HTTP/1.1\r\nHost: h\r\n") && request.contains("\r\nCookie: a=b\r\n")
        );
        let (_, request) = begin("ws://h", add("host", "other"));
        assert!(request.contains("\r\nhost: other\r\n") && !request.contains("Host: h"), "{request}");
        for (name, value) in [
            ("X", "a\r\nY: b"),
            ("X:", "a"),
            ("", "a"),
            ("X", "\0"),
            ("Upgrade", "h2c"),
            ("sec-websocket-key", "x"),
        ] {
            let mut options = Options::new("ws://h");
            add(name, value)(&mut options);
            let error = ClientHandshake::new(&Url::parse("ws://h").unwrap(), &options).map(drop);
            assert!(matches!(error, Err(ConnectError::Header(header)) if header == name), "{name}: {value}");
        }
    }

    /// Case 21.
    #[test]
    fn responses_with_lists_of_tokens_are_understood() {
        for response in [
            GOOD.replace("Connection: Upgrade", "Connection: keep-alive, Upgrade"),
            GOOD.replace("Connection: Upgrade", "Connection: keep-alive\r\nconnection: upgrade"),
            GOOD.replace("Upgrade: websocket", "Upgrade: WebSocket"),
            format!("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n{GOOD}"),
            GOOD.replace(" Switching Protocols", ""),
        ] {
            let mut input = response.as_bytes();
            assert!(matches!(sample().receive(&mut input), Ok(true)) && input.is_empty(), "{response}");
            // Byte by byte.
            let mut handshake = sample();
            let mut results = response.bytes().map(|byte| handshake.receive(&mut &[byte][..]).unwrap());
            assert!(
                results.by_ref().take(response.len() - 1).all(|done| !done) && results.next() == Some(true)
            );
        }
    }

    #[test]
    fn a_connection_that_ends_in_the_handshake_is_a_matter_of_the_network() {
        let text = |error| sample().handle_end(error).to_string();
        assert_eq!(text(None), "can't connect to h:80: closed during the opening handshake");
        let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(text(Some(reset())), format!("can't connect to h:80: {}", reset()));
    }

    #[test]
    fn other_responses_are_refused_with_the_reason() {
        for (response, told) in [
            (GOOD.replace("Upgrade: websocket", "Upgrade: h2c"), "no Upgrade"),
            (GOOD.replace("Connection: Upgrade", "Connection: close"), "no Connection"),
            (GOOD.replace("s3p", "s3q"), "does not match"),
            (GOOD.replace("Connection", "Sec-WebSocket-Extensions: x\r\nConnection"), "extension"),
            (GOOD.replace("Connection", "Sec-WebSocket-Protocol: x\r\nConnection"), "subprotocol"),
            ("HTTP/1.1 503 Full\r\n\r\n".into(), "503 (Full)"),
            ("SSH-2.0-OpenSSH\r\n".into(), "not HTTP"),
            (format!("HTTP/1.1 101 {}", "x".repeat(MAX_HEAD)), "too large"),
            ("\u{15}\u{3}\u{1}\0\u{2}".into(), "h:80 expects TLS"),
        ] {
            let error = sample().receive(&mut response.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(told), "{error} instead of {told}");
        }
    }
}
