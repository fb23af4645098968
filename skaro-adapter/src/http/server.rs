//! The server's side of the opening handshake.

use std::fmt;
use std::mem;
use std::net::IpAddr;

use httparse::{EMPTY_HEADER, Error, Header, Request, Status};
use skaro_proto::Format;

use super::{MAX_HEADERS, accept_key, has_token, single, values};

/// Limit of a request's head in bytes. Browsers with many cookies stay below it.
const MAX_HEAD: usize = 8 << 10;

/// The server's side of the opening handshake: reads a request, writes the response.
///
/// ```
/// use skaro_adapter::http::{Reply, ServerHandshake};
///
/// let mut handshake = ServerHandshake::new(None);
/// let Reply::NeedMore = handshake.receive(&mut &b"GET /healthz HTTP/1.1\r\n"[..]) else { panic!() };
/// let Reply::Refuse(response) = handshake.receive(&mut &b"Host: example.org\r\n\r\n"[..]) else { panic!() };
/// assert!(response.starts_with(b"HTTP/1.1 200 OK\r\n"));
/// ```
pub struct ServerHandshake {
    head: Vec<u8>,
    address_header: Option<AddressHeader>,
}

/// The header in which a proxy in front of the server gives the client's address.
///
/// Trust it only if every request comes through that proxy: otherwise clients can claim any address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressHeader {
    /// `X-Forwarded-For`: the last address, which the nearest proxy has added.
    XForwardedFor,
    /// `Forwarded` (RFC 7239): the `for` of the last element.
    Forwarded,
}

/// The next action after bytes were received.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "an adapter must handle each action")]
pub enum Reply {
    /// Read more.
    NeedMore,
    /// Send the response, and continue with a WebSocket.
    Upgrade(Upgrade),
    /// Send this response and close the connection.
    Refuse(Vec<u8>),
}

/// The result of a successful opening handshake.
#[non_exhaustive]
pub struct Upgrade {
    /// The response to send.
    pub response: Vec<u8>,
    /// The format that the client asked for and the response confirms.
    pub format: Option<Format>,
    /// The target of the request: path and query.
    pub target: String,
    /// The client's address from the trusted header; `None` without one.
    pub address: Option<IpAddr>,
}

/// Hides the request, which may contain cookies.
impl fmt::Debug for ServerHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandshake").field("received", &self.head.len()).finish_non_exhaustive()
    }
}

/// Hides the target, whose query may be secret.
impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Upgrade");
        shown.field("format", &self.format).field("address", &self.address).finish_non_exhaustive()
    }
}

impl ServerHandshake {
    /// Creates a handshake. The header, if any, is trusted to contain the client's address.
    #[must_use]
    pub const fn new(address_header: Option<AddressHeader>) -> Self {
        ServerHandshake { head: Vec::new(), address_header }
    }

    /// Reads the request, and advances the input past it; after a successful handshake the rest of the input is for the
    /// WebSocket. Stores at most 8 KiB of an unfinished request; a longer one is refused with status 431.
    pub fn receive(&mut self, input: &mut &[u8]) -> Reply {
        let mut head = mem::take(&mut self.head);
        let before = head.len();
        let (new, beyond) = input.split_at(input.len().min(MAX_HEAD.saturating_sub(before)));
        head.extend_from_slice(new);
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        let mut request = Request::new(&mut headers);
        match request.parse(&head) {
            Ok(Status::Complete(length)) => {
                *input = input.get(length.saturating_sub(before)..).unwrap_or_default();
                self.answer(&request)
            }
            Ok(Status::Partial) if head.len() < MAX_HEAD => {
                self.head = head;
                *input = beyond;
                Reply::NeedMore
            }
            Ok(Status::Partial) | Err(Error::TooManyHeaders) => {
                refuse("431 Request Header Fields Too Large", "", "the request's head is too large", true)
            }
            Err(_) => refuse("400 Bad Request", "", "this is not an HTTP request", true),
        }
    }

    fn answer(&self, request: &Request<'_, '_>) -> Reply {
        let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
        let headers = &*request.headers;
        let has_body = method != "HEAD";
        if method != "GET" && has_body {
            return refuse(
                "405 Method Not Allowed",
                "Allow: GET, HEAD\r\n",
                "only GET and HEAD are allowed",
                true,
            );
        }
        let wants_websocket =
            has_token(headers, "Upgrade", "websocket") && has_token(headers, "Connection", "upgrade");
        if !wants_websocket && target.split('?').next() == Some("/healthz") {
            return refuse("200 OK", "", "ok", has_body);
        }
        if !wants_websocket || single(headers, "Sec-WebSocket-Version") != Some("13") {
            let headers = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
            return refuse("426 Upgrade Required", headers, "this is a WebSocket server", has_body);
        }
        // RFC 6455, section 4.2.1.
        let bad = |why| refuse("400 Bad Request", "", why, has_body);
        if !has_body || request.version != Some(1) || single(headers, "Host").is_none() {
            return bad("opening a WebSocket requires GET, HTTP/1.1 and one Host header");
        }
        let Some(key) = single(headers, "Sec-WebSocket-Key").filter(|key| is_key(key)) else {
            return bad("the Sec-WebSocket-Key must be 16 bytes in base64");
        };
        let format = values(headers, "Sec-WebSocket-Protocol").find_map(Format::offered);
        let protocol = format.map(|format| format!("Sec-WebSocket-Protocol: {}\r\n", format.subprotocol()));
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n{}\r\n",
            accept_key(key),
            protocol.unwrap_or_default(),
        );
        let address = self.address_header.and_then(|header| header.address(headers));
        let target = target.to_owned();
        Reply::Upgrade(Upgrade { response: response.into_bytes(), format, target, address })
    }
}

/// Returns a response with status 503, of a server that is full or is shutting down.
#[must_use]
pub fn unavailable(why: &str) -> Vec<u8> {
    response("503 Service Unavailable", "", why, true)
}

fn refuse(status: &str, headers: &str, text: &str, has_body: bool) -> Reply {
    Reply::Refuse(response(status, headers, text, has_body))
}

fn response(status: &str, headers: &str, text: &str, has_body: bool) -> Vec<u8> {
    // A response with the header Upgrade lists it in Connection (RFC 9110, section 7.8).
    let connection = if headers.contains("Upgrade:") { "Upgrade, close" } else { "close" };
    let length = text.len() + 1;
    let mut response = format!(
        "HTTP/1.1 {status}\r\nConnection: {connection}\r\n{headers}Content-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    if has_body {
        response.push_str(text);
        response.push('\n');
    }
    response.into_bytes()
}

/// Returns whether this is 16 bytes in base64.
fn is_key(key: &str) -> bool {
    data_encoding::BASE64.decode(key.as_bytes()).is_ok_and(|bytes| bytes.len() == 16)
}

impl AddressHeader {
    fn address(self, headers: &[Header<'_>]) -> Option<IpAddr> {
        match self {
            AddressHeader::XForwardedFor => address(last(headers, "X-Forwarded-For")?),
            AddressHeader::Forwarded => {
                let mut pairs =
                    last(headers, "Forwarded")?.split(';').filter_map(|pair| pair.split_once('='));
                let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
                address(node.trim().trim_matches('"'))
            }
        }
    }
}

/// Returns the last element of a list header.
fn last<'h>(headers: &'h [Header<'_>], name: &'h str) -> Option<&'h str> {
    values(headers, name).last()?.rsplit(',').next()
}

/// Parses an address with or without a port; an IPv6 address with a port has brackets (RFC 7239, section 6).
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let without_port = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None if text.contains('.') => text.split(':').next()?,
        None => text,
    };
    without_port.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "GET /skaro_client/?x=1 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    fn reply(request: &str) -> Reply {
        ServerHandshake::new(None).receive(&mut request.as_bytes())
    }

    fn upgraded(request: &str) -> Upgrade {
        match reply(request) {
            Reply::Upgrade(upgrade) => upgrade,
            other => panic!("{request}: {other:?}"),
        }
    }

    fn refused(request: &str) -> String {
        match reply(request) {
            Reply::Refuse(response) => String::from_utf8(response).unwrap(),
            other => panic!("{request}: {other:?}"),
        }
    }

    #[test]
    fn a_handshake_is_answered() {
        let request = format!("{GOOD}rest");
        let mut input = request.as_bytes();
        let Reply::Upgrade(upgrade) = ServerHandshake::new(None).receive(&mut input) else { panic!() };
        assert_eq!(input, b"rest");
        let response = String::from_utf8(upgrade.response).unwrap();
        // RFC 6455, section 1.3, has this key and its answer.
        let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        assert_eq!(response, expected);
        assert_eq!((&*upgrade.target, upgrade.format), ("/skaro_client/?x=1", None));
    }

    #[test]
    fn a_handshake_may_come_byte_by_byte() {
        let mut handshake = ServerHandshake::new(None);
        let mut replies = GOOD.bytes().map(|byte| handshake.receive(&mut &[byte][..]));
        assert!(replies.by_ref().take(GOOD.len() - 1).all(|reply| matches!(reply, Reply::NeedMore)));
        assert!(matches!(replies.next(), Some(Reply::Upgrade(_))));
    }

    /// RFC 9110, section 5.6.1: lists of tokens, over several lines, in any case. Case 21, from the server's side.
    #[test]
    fn lists_of_tokens_are_understood() {
        for (from, to) in [
            ("Connection: Upgrade", "Connection: keep-alive, Upgrade"),
            ("Connection: Upgrade", "connection: keep-alive\r\nconnection: , UPGRADE ,"),
            ("Upgrade: websocket", "Upgrade: h2c, WebSocket"),
            ("Host: h", "Host:"),
        ] {
            upgraded(&GOOD.replace(from, to));
        }
        let offers =
            "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: x, skaro.json, skaro.cbor\r\nHost: h";
        let upgrade = upgraded(&GOOD.replace("Host: h", offers));
        let response = String::from_utf8(upgrade.response).unwrap();
        assert_eq!(upgrade.format, Some(Format::Json));
        assert!(response.contains("\r\nSec-WebSocket-Protocol: skaro.json\r\n"), "{response}");
    }

    /// Case 19.
    #[test]
    fn what_is_no_handshake_gets_the_status_that_it_deserves() {
        let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        for (request, status) in [
            (get.to_owned(), "426"),
            (GOOD.replace("13", "8"), "426"),
            (GOOD.replace("Sec-WebSocket-Version: 13\r\n", ""), "426"),
            (GOOD.replace("Connection: Upgrade", "Connection: keep-alive"), "426"),
            (GOOD.replace("Upgrade: websocket", "Upgrade: h2c"), "426"),
            (GOOD.replace("GET", "POST"), "405"),
            (get.replace("GET", "DELETE"), "405"),
            (get.replace("/ ", "/healthz "), "200"),
            (get.replace("/ ", "/healthz?x "), "200"),
            (GOOD.replace("HTTP/1.1", "HTTP/1.0"), "400"),
            (GOOD.replace("Host: h\r\n", ""), "400"),
            (GOOD.replace("Host: h", "Host: h\r\nHost: i"), "400"),
            (GOOD.replace("ZQ==", ""), "400"),
            (GOOD.replace("Sec-WebSocket-Key: d", "Sec-WebSocket-Key: ?"), "400"),
            ("\u{16}\u{3}\u{1}\u{2}\0".to_owned(), "400"),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "400"),
            ("hello\r\n".to_owned(), "400"),
            (format!("GET /{} HTTP/1.1\r\n", "x".repeat(MAX_HEAD)), "431"),
            (get.replace("Host: h", &"a: b\r\n".repeat(65)), "431"),
        ] {
            let response = refused(&request);
            assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {response}");
            let (head, body) = response.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {}", body.len())), "{response}");
            assert!(head.contains("close"), "{response}");
        }
        let required = refused(get);
        assert!(
            required.contains("Sec-WebSocket-Version: 13\r\n") && required.contains("Upgrade: websocket\r\n")
        );
        assert!(required.contains("Connection: Upgrade, close\r\n"), "{required}");
        assert!(refused(&get.replace("GET", "PUT")).contains("Allow: GET"));
        assert!(refused(&get.replace("GET / ", "HEAD /healthz ")).ends_with("\r\n\r\n"));
        assert!(unavailable("full").starts_with(b"HTTP/1.1 503 "));
    }

    #[test]
    fn an_endless_head_costs_little() {
        let most = allocation_counter::measure(|| {
            let mut handshake = ServerHandshake::new(None);
            let line = "x: y\r\n".repeat(100);
            assert!(matches!(handshake.receive(&mut &b"GET / HTTP/1.1\r\n"[..]), Reply::NeedMore));
            let replies: Vec<_> = (0..100).map(|_| handshake.receive(&mut line.as_bytes())).collect();
            assert!(matches!(replies[0], Reply::Refuse(_)));
            let mut handshake = ServerHandshake::new(None);
            handshake.receive(&mut &b"GET /"[..]);
            let dripped = (0..100_000)
                .map(|_| handshake.receive(&mut &b"x"[..]))
                .take_while(|it| matches!(it, Reply::NeedMore));
            assert_eq!(dripped.count(), MAX_HEAD - 6);
        });
        assert!(most.bytes_max < 40 << 10, "{most:?}");
    }

    #[test]
    fn the_clients_address_comes_from_the_trusted_header_alone() {
        let headers = "Host: h\r\nX-Forwarded-For: 10.0.0.1, 192.0.2.7\r\nForwarded: for=10.0.0.2\r\n\
                       Forwarded: for=10.0.0.3;proto=https, by=x;For=\"[2001:db8::1]:4711\"";
        let request = GOOD.replace("Host: h", headers);
        for (header, address) in [
            (None, None),
            (Some(AddressHeader::XForwardedFor), Some("192.0.2.7")),
            (Some(AddressHeader::Forwarded), Some("2001:db8::1")),
        ] {
            let Reply::Upgrade(upgrade) = ServerHandshake::new(header).receive(&mut request.as_bytes())
            else {
                panic!()
            };
            assert_eq!(upgrade.address, address.map(|address| address.parse().unwrap()));
        }
        for (text, read) in [
            ("192.0.2.7:80", true),
            ("::ffff:192.0.2.7", true),
            ("[::ffff:192.0.2.7]:80", true),
            ("::1", true),
            ("unknown", false),
            ("_hidden", false),
            ("", false),
        ] {
            assert_eq!(address(text).is_some(), read, "{text}");
        }
    }
}
