//! Attackers, each in a thread of its own, which repeat one attack.

use std::io::{Error as IoError, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use skaro_proto::auth;
use tungstenite::{Bytes, Error, Message, WebSocket};

pub const PASSWORD: &str = "correct horse";

/// Time-out of blocking sockets, after which the attacker starts again or checks for the end.
const PATIENCE: Duration = Duration::from_millis(500);

/// Number of frames that are sent together.
const TOGETHER: usize = 32;

pub fn user(n: usize) -> String {
    format!("user{n}")
}

/// A kind of attack.
#[derive(Clone)]
pub enum Attack {
    /// Invalid frames.
    Nonsense,
    /// Frames of 16 KB with an unknown field: lists in lists.
    Nested,
    /// Pings, without reading the pongs.
    Pings,
    /// Wrong passwords.
    Guesses,
    /// Connections that are dropped at once, half of them in the middle of the handshake.
    Connects,
    /// A user who requests a history of 1 MB, and reads it.
    Histories(String),
    /// A user who requests it, and does not read it.
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

/// An attacked server.
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

    /// Returns the number of frames and connections so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Attacks until the end, and connects again when disconnected.
    pub fn attack(&self, attack: Attack) {
        while !self.is_over() {
            if self.visit(&attack).is_err() {
                // Refused, disconnected, or slowed down.
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

    /// Sends many frames, reads as many answers, and repeats.
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
            // An answer may be delayed longer than the time-out.
            while let Err(error) = socket.read() {
                match error {
                    Error::Io(error) if is_late(&error) && !self.is_over() => (),
                    error => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Sends without reading until the socket takes no more; then waits a while, so that the server has to keep it all.
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
