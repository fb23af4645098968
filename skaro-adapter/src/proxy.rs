//! Handshakes with proxies, without I/O: HTTP CONNECT (RFC 9110, section 9.3.6) and SOCKS5 (RFC 1928, RFC 1929).

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::BASE64;
use skaro_proto::Secret;

use crate::error::ConnectError;
use crate::http::StatusLine;
use crate::url::{Authority, Url, split_scheme};

/// A proxy for connections to servers. It resolves the servers' names.
///
/// ```
/// use skaro_adapter::{Options, Proxy};
///
/// let mut options = Options::new("wss://chat.example.org/skaro_client/");
/// options.proxy = Some(Proxy::parse("socks5://127.0.0.1:9050")?);
/// # Ok::<(), skaro_adapter::ConnectError>(())
/// ```
#[derive(Clone)]
pub struct Proxy {
    kind: Kind,
    pub(crate) authority: Authority,
    /// User and password.
    credentials: Option<(Secret, Secret)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Connect,
    Socks5,
}

impl Proxy {
    /// Parses a URL: `http://proxy:3128`, `socks5://user:password@proxy:1080`. The default ports are 80 and 1080.
    ///
    /// # Errors
    /// [`ConnectError::Url`] if the URL is invalid.
    pub fn parse(url: &str) -> Result<Proxy, ConnectError> {
        let schemes = "a proxy URL must begin with http:// or socks5://";
        let (scheme, rest) = split_scheme(url).ok_or(ConnectError::Url(schemes))?;
        let (kind, port) = match &*scheme {
            "http" => (Kind::Connect, 80),
            "socks5" | "socks5h" => (Kind::Socks5, 1080),
            _ => return Err(ConnectError::Url(schemes)),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, authority) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((user, authority)) => {
                let (user, password) = user.split_once(':').unwrap_or((user, ""));
                (Some((percent_decoded(user)?, percent_decoded(password)?)), authority)
            }
        };
        let authority = Authority::parse(authority, port).map_err(ConnectError::Url)?;
        Ok(Proxy { kind, authority, credentials })
    }
}

/// Hides user and password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({:?}, {})", self.kind, self.authority)
    }
}

/// Decodes percent-encoding (RFC 3986, section 2.1). At most 255 bytes, which is the limit of SOCKS5.
fn percent_decoded(text: &str) -> Result<Secret, ConnectError> {
    let invalid = ConnectError::Url("the proxy's user or password is invalid");
    let mut bytes = Vec::new();
    let mut parts = text.split('%');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or(invalid.clone())?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex).ok_or(invalid.clone())?;
        bytes.push(byte);
        bytes.extend(rest.bytes());
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.len() <= 255 => Ok(Secret::from(text)),
        _ => Err(invalid),
    }
}

/// A handshake with a proxy, for one connection to a server.
pub(crate) struct ProxyHandshake {
    proxy: Proxy,
    host: String,
    port: u16,
    stage: Stage,
    /// The received part of the awaited response.
    received: Vec<u8>,
}

/// The response that is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connect,
    SocksMethod,
    SocksSignIn,
    SocksConnect,
}

/// Hides the response.
impl fmt::Debug for ProxyHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyHandshake").field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

impl ProxyHandshake {
    /// Starts a handshake; also returns the request to send.
    ///
    /// # Errors
    /// If the proxy's protocol can't express this host.
    pub(crate) fn new(proxy: &Proxy, url: &Url) -> Result<(ProxyHandshake, Vec<u8>), ConnectError> {
        let (stage, request) = match proxy.kind {
            Kind::Connect => (Stage::Connect, connect_request(proxy, url)),
            Kind::Socks5 if proxy.credentials.is_some() => (Stage::SocksMethod, vec![5, 2, 0, 2]),
            Kind::Socks5 => (Stage::SocksMethod, vec![5, 1, 0]),
        };
        let host = url.host_without_zone().to_owned();
        let (proxy, port, received) = (proxy.clone(), url.port(), Vec::new());
        let handshake = ProxyHandshake { proxy, host, port, stage, received };
        if handshake.host.len() > 255 {
            return Err(handshake.error("the host's name is too long"));
        }
        Ok((handshake, request))
    }

    /// Handles received bytes, and appends the next request to `output`. Returns true once the connection to the server
    /// is made.
    ///
    /// # Errors
    /// [`ConnectError::Proxy`] if the proxy refuses or fails.
    pub(crate) fn receive(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> Result<bool, ConnectError> {
        self.received.extend_from_slice(bytes);
        loop {
            let length = match self.response_length().map_err(|reason| self.error(reason))? {
                Some(length) => length,
                None => return Ok(false),
            };
            let response: Vec<_> = self.received.drain(..length).collect();
            let Some(next) = self.handle(&response, output)? else {
                // The server must not send before the client does.
                return if self.received.is_empty() {
                    Ok(true)
                } else {
                    Err(self.error("it sends unexpected data after its response"))
                };
            };
            self.stage = next;
        }
    }

    /// Returns the error of a connection that ended in the middle of the handshake.
    pub(crate) fn handle_end(&self, error: Option<io::Error>) -> ConnectError {
        self.error(&error.map_or("closed during the handshake".into(), |error| error.to_string()))
    }

    /// Returns the length of the awaited response, if it is complete.
    fn response_length(&self) -> Result<Option<usize>, &'static str> {
        let received = &self.received[..];
        let length = match self.stage {
            Stage::Connect => return Ok(StatusLine::parse(received)?.map(|(_, length)| length)),
            Stage::SocksMethod | Stage::SocksSignIn => 2,
            Stage::SocksConnect => match received {
                [5, 0, _, 1, ..] => 10,
                [5, 0, _, 3, length, ..] => 7 + usize::from(*length),
                [5, 0, _, 4, ..] => 22,
                [5, 0] | [5, 0, _] | [5, 0, _, 3] | [_] | [] => return Ok(None),
                [5, 0, ..] => return Err("it does not speak SOCKS5"),
                _ => 2,
            },
        };
        Ok((received.len() >= length).then_some(length))
    }

    /// Handles a complete response; returns the next stage, or `None` at the end.
    fn handle(&self, response: &[u8], output: &mut Vec<u8>) -> Result<Option<Stage>, ConnectError> {
        match (self.stage, response) {
            (Stage::Connect, head) => match StatusLine::parse(head) {
                Ok(Some((StatusLine { code: 200..300, .. }, _))) => Ok(None),
                Ok(Some((StatusLine { code, reason }, _))) => {
                    let reason = format!("HTTP status {code} {reason}");
                    Err(self.refusal(Some(code), reason.trim_end()))
                }
                Ok(None) | Err(_) => Err(self.error("it does not speak HTTP")),
            },
            (Stage::SocksMethod, [5, 0]) | (Stage::SocksSignIn, [1, 0]) => {
                self.ask_for_connection(output);
                Ok(Some(Stage::SocksConnect))
            }
            (Stage::SocksMethod, [5, 2]) => {
                let Some((user, password)) = &self.proxy.credentials else { return Err(self.error(WHO)) };
                output.push(1);
                for text in [user, password] {
                    push_text(output, text.expose());
                }
                Ok(Some(Stage::SocksSignIn))
            }
            (Stage::SocksMethod, [5, _]) => Err(self.error(WHO)),
            (Stage::SocksSignIn, [1, _]) => Err(self.error("it rejected user and password")),
            (Stage::SocksConnect, [5, 0, ..]) => Ok(None),
            (Stage::SocksConnect, [5, code, ..]) => Err(self.error(socks_error(*code))),
            _ => Err(self.error("it does not speak SOCKS5")),
        }
    }

    /// Writes a CONNECT request (RFC 1928, section 4).
    fn ask_for_connection(&self, output: &mut Vec<u8>) {
        output.extend([5, 1, 0]);
        if let Ok(address) = self.host.parse::<Ipv4Addr>() {
            output.push(1);
            output.extend(address.octets());
        } else if let Ok(address) = self.host.parse::<Ipv6Addr>() {
            output.push(4);
            output.extend(address.octets());
        } else {
            output.push(3);
            push_text(output, &self.host);
        }
        output.extend(self.port.to_be_bytes());
    }

    fn error(&self, reason: &str) -> ConnectError {
        self.refusal(None, reason)
    }

    fn refusal(&self, status: Option<u16>, reason: &str) -> ConnectError {
        ConnectError::Proxy { proxy: self.proxy.authority.to_string(), status, reason: reason.to_owned() }
    }
}

const WHO: &str = "it requires authentication: add user and password to its URL";

/// Writes a text of at most 255 bytes after its length.
fn push_text(output: &mut Vec<u8>, text: &str) {
    output.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    output.extend(text.bytes().take(255));
}

fn connect_request(proxy: &Proxy, url: &Url) -> Vec<u8> {
    let target = url.host_and_port();
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some((user, password)) = &proxy.credentials {
        let credentials = BASE64.encode(format!("{}:{}", user.expose(), password.expose()).as_bytes());
        request.push_str(&format!("Proxy-Authorization: Basic {credentials}\r\n"));
    }
    request.push_str("\r\n");
    request.into_bytes()
}

/// Returns the text of a reply code (RFC 1928, section 6).
const fn socks_error(code: u8) -> &'static str {
    match code {
        2 => "its rules do not allow this connection",
        3 => "the network can't be reached",
        4 => "the host can't be reached",
        5 => "the connection was refused",
        6 => "the connection timed out",
        _ => "it can't make this connection",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(proxy: &str, url: &str) -> (ProxyHandshake, Vec<u8>) {
        ProxyHandshake::new(&Proxy::parse(proxy).unwrap(), &Url::parse(url).unwrap()).unwrap()
    }

    /// Plays a proxy whose responses come byte by byte; returns everything sent to it after the first request.
    fn play(handshake: &mut ProxyHandshake, responses: &[u8]) -> Result<(bool, Vec<u8>), String> {
        let (mut sent, mut done) = (Vec::new(), false);
        for byte in responses {
            done = handshake.receive(&[*byte], &mut sent).map_err(|error| error.to_string())?;
        }
        Ok((done, sent))
    }

    #[test]
    fn connect() {
        let (mut handshake, request) = begin("http://us%65r:p%40ss@proxy:3128/", "wss://example.org");
        let request = String::from_utf8(request).unwrap();
        let expected = "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\
                        Proxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n";
        assert_eq!(request, expected);
        assert_eq!(
            play(&mut handshake, b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n"),
            Ok((true, vec![]))
        );

        let (mut handshake, request) = begin("HTTP://[::1]:3128", "ws://[fe80::1%25eth0]:81");
        assert!(request.starts_with(b"CONNECT [fe80::1]:81 HTTP/1.1\r\n"));
        let told = play(&mut handshake, b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        assert_eq!(
            told,
            Err("the proxy [::1]:3128 failed: HTTP status 407 Proxy Authentication Required".into())
        );
        for (response, told) in [
            (b"HTTP/1.1 200 OK\r\n\r\nx".to_vec(), "unexpected data"),
            (b"\x05\x00".to_vec(), "not HTTP"),
            ([&b"HTTP/1.1 200 "[..], &[b'x'; 20_000]].concat(), "too large"),
        ] {
            let mut handshake = begin("http://proxy", "ws://h").0;
            let error = handshake.receive(&response, &mut Vec::new()).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn socks5() {
        let granted: &[u8] = &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for (url, address) in [
            ("ws://example.org", &b"\x03\x0bexample.org\0\x50"[..]),
            ("ws://192.0.2.7:258", &[1, 192, 0, 2, 7, 1, 2]),
            ("wss://[::1]", &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 187]),
        ] {
            let (mut handshake, request) = begin("socks5://proxy", url);
            assert_eq!(request, [5, 1, 0]);
            let answers = [&[5, 0], granted].concat();
            assert_eq!(play(&mut handshake, &answers), Ok((true, [&[5, 1, 0], address].concat())), "{url}");
        }
        let (mut handshake, request) = begin("socks5h://me:pw@proxy", "ws://h");
        assert_eq!(request, [5, 2, 0, 2]);
        let answers = [&[5, 2, 1, 0][..], &[5, 0, 0, 3, 1, b'x', 0, 0]].concat();
        let sent = [&b"\x01\x02me\x02pw"[..], b"\x05\x01\0\x03\x01h\0\x50"].concat();
        assert_eq!(play(&mut handshake, &answers), Ok((true, sent)));
    }

    #[test]
    fn socks5_refuses() {
        for (answers, told) in [
            (&[5, 255][..], "requires authentication"),
            (&[5, 2], "requires authentication"),
            (&[4, 0], "does not speak SOCKS5"),
            (b"HTTP/1.1 400", "does not speak SOCKS5"),
            (&[5, 0, 5, 5], "refused"),
            (&[5, 0, 5, 1, 0, 1], "can't make"),
            (&[5, 0, 5, 0, 0, 9, 0], "does not speak SOCKS5"),
        ] {
            let error = play(&mut begin("socks5://proxy", "ws://h").0, answers).unwrap_err();
            assert!(error.contains(told), "{error} instead of {told}");
        }
        let error = play(&mut begin("socks5://a:b@proxy", "ws://h").0, &[5, 2, 1, 1]).unwrap_err();
        assert!(error.contains("user and password"), "{error}");
    }

    #[test]
    fn urls_of_proxies() {
        let proxy = Proxy::parse("socks5://[::1]").unwrap();
        assert_eq!(proxy.authority.to_string(), "[::1]:1080");
        assert_eq!(Proxy::parse("http://h").unwrap().authority.port, 80);
        for url in ["ws://h", "h:80", "http://", "http://h/x", "http://a%zz@h", "http://a%@h", "socks5://h:0"]
        {
            assert!(matches!(Proxy::parse(url), Err(ConnectError::Url(_))), "{url}");
        }
    }
}
