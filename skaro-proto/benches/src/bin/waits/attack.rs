//! What attackers do, each in a thread of its own, again and again.

use std::io::{Error as IoError, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use skaro_proto::auth;
use tungstenite::{Bytes, Error, Message, WebSocket};

pub const PASSWORD: &str = "correct horse";

/// How long a socket may block: then the attacker begins anew, or looks whether it is over.
const PATIENCE: Duration = Duration::from_millis(500);

/// Frames that are sent together.
const TOGETHER: usize = 32;

pub fn user(n: usize) -> String {
    format!("user{n}")
}

/// A way to be a nuisance.
#[derive(Clone)]
pub enum Attack {
    /// Frames that are no message.
    Nonsense,
    /// Frames of 16 KB with a field that nobody has listed: lists in lists.
    Nested,
    /// Pings whose pongs are not read.
    Pings,
    /// Wrong passwords.
    Guesses,
    /// Connections that are dropped at once, half of them in the middle of the handshake.
    Connects,
    /// A user who asks for a history of 1 MB, and reads it.
    Histories(String),
    /// A user who asks for it, and reads nothing.
    Unread(String),
}

impl Attack {
    pub fn of_stranger(n: usize) -> Attack {
        let all = [Attack::Nonsense, Attack::Nested, Attack::Pings, Attack::Guesses, Attack::Connects];
        all[n % all.len()].clone()
    }

    pub fn of_user(n: usize) -> Attack {
        if n.is_multiple_of(2) { Attack::Histories(user(n)) } else { Attack::Unread(user(n)) }
    }
}

/// A server that is attacked.
pub struct Target {
    address: SocketAddr,
    is_over: AtomicBool,
    sent: AtomicU64,
}

type Socket = WebSocket<TcpStream>;
type Result<T> = std::result::Result<T, Error>;

impl Target {
    pub fn new(address: SocketAddr) -> Target {
        Target { address, is_over: AtomicBool::new(false), sent: AtomicU64::new(0) }
    }

    pub fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Returns how many frames and connections there have been.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Attacks until it is over. Whoever is cut off comes again.
    pub fn attack(&self, attack: Attack) {
        while !self.is_over() {
            if self.visit(&attack).is_err() {
                // Refused, cut off, or slowed down.
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn visit(&self, attack: &Attack) -> Result<()> {
        let stream = self.connect()?;
        if let Attack::Connects = attack {
            return self.connect_and_leave(stream);
        }
        let url = format!("ws://{}/", self.address);
        let (mut socket, _) = tungstenite::client(url, stream).map_err(|_| Error::ConnectionClosed)?;
        let challenge = socket.read()?.into_data();
        let challenge: serde_json::Value = serde_json::from_slice(&challenge).unwrap_or_default();
        let token = challenge["token"].as_str().unwrap_or_default();
        match attack {
            Attack::Connects => Ok(()),
            Attack::Nonsense => {
                self.repeat(&mut socket, &Message::text(r#"{"type":"authorize","on_request":1,"#))
            }
            Attack::Nested => self.repeat(&mut socket, &nested()),
            Attack::Guesses => self.repeat(&mut socket, &authorize("bob", "wrong", token)),
            Attack::Pings => self.send_only(&mut socket, &Message::Ping(Bytes::from_static(&[7; 125]))),
            Attack::Histories(login) | Attack::Unread(login) => {
                socket.send(authorize(login, PASSWORD, token))?;
                socket.read()?;
                let request = format!(r#"{{"type":"get_history","on_request":2,"login":"{login}"}}"#);
                match attack {
                    Attack::Histories(_) => self.ask(&mut socket, &Message::text(request)),
                    _ => self.send_only(&mut socket, &Message::text(request)),
                }
            }
        }
    }

    fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        self.count(1);
        Ok(stream)
    }

    fn count(&self, more: usize) -> u64 {
        self.sent.fetch_add(more as u64, Ordering::Relaxed)
    }

    fn connect_and_leave(&self, mut stream: TcpStream) -> Result<()> {
        if self.sent().is_multiple_of(2) {
            return Ok(stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgr")?);
        }
        let url = format!("ws://{}/", self.address);
        _ = tungstenite::client(url, stream);
        Ok(())
    }

    /// Sends many, then reads as many answers, and so on.
    fn repeat(&self, socket: &mut Socket, message: &Message) -> Result<()> {
        while !self.is_over() {
            for _ in 0..TOGETHER {
                socket.write(message.clone())?;
            }
            socket.flush()?;
            self.count(TOGETHER);
            for _ in 0..TOGETHER {
                socket.read()?;
            }
        }
        Ok(())
    }

    fn ask(&self, socket: &mut Socket, message: &Message) -> Result<()> {
        while !self.is_over() {
            socket.send(message.clone())?;
            self.count(1);
            // An answer may wait for its turn longer than one has patience.
            while let Err(error) = socket.read() {
                match error {
                    Error::Io(error) if is_late(&error) && !self.is_over() => (),
                    error => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Sends without reading, until nothing goes out any more; then waits for a while, so that the server keeps all that.
    fn send_only(&self, socket: &mut Socket, message: &Message) -> Result<()> {
        while !self.is_over() {
            match socket.send(message.clone()) {
                Ok(()) => _ = self.count(1),
                Err(Error::Io(error)) if is_late(&error) => thread::sleep(PATIENCE),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_late(error: &IoError) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

fn authorize(login: &str, password: &str, token: &str) -> Message {
    let proof = auth::proof(password, token);
    Message::text(format!(r#"{{"type":"authorize","on_request":1,"login":"{login}","password":"{proof}"}}"#))
}

fn nested() -> Message {
    let deep = format!("{}{},", "[".repeat(12), "]".repeat(12));
    Message::text(format!(r#"{{"type":"register_type","on_request":1,"x":[{}0]}}"#, deep.repeat(620)))
}
