//! A client in one thread, without async: the guide's loop around a `Driver`, and a bot that uses it.
//!
//! ```text
//! cargo run -p skaro-adapter --example driver -- ws://127.0.0.1:8000/skaro_client/ bob secret
//! ```

use std::convert::Infallible;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use skaro_adapter::dial::{Dialer, Step};
use skaro_adapter::websocket::OUTPUT_AT_ONCE;
use skaro_adapter::{Channel, Clock, ConnectError, Driver, Mailbox, Next, Opening, Options, Url};
use skaro_proto::Time;
use skaro_proto::client::{Authorize, Client, Event, SendMessage};

/// Drives a client until it is closed. Nobody waits for the ends of commands here, so they are events, too.
pub(crate) fn drive(options: &Options, mut react: impl FnMut(&mut Mailbox<Infallible>, Time, Event<'_>)) {
    // Take a random seed: it spreads the attempts to connect again over time.
    let client = Client::new(options.config.clone(), [1; 32]);
    let mut driver = Driver::new(client, options.event_capacity);
    let clock = Clock::start();
    let mut socket: Option<Socket> = None;
    // Connect before the loop instead, if a failure of the first attempt is to be an error.
    _ = driver.mailbox_mut().reconnect(clock.now());
    loop {
        let now = clock.now();
        while let Some(event) = driver.mailbox_mut().next_event() {
            react(driver.mailbox_mut(), now, event);
        }
        let next = driver.drive(now);
        match socket.as_mut().map_or(Ok(false), |socket| socket.write(&mut driver)) {
            Ok(false) => (),
            Ok(true) => continue,
            Err(error) => {
                driver.handle_end(now, Some(error));
                continue;
            }
        }
        socket.take_if(|_| !driver.has_connection());
        let until = match next {
            Next::Closed => return,
            Next::Dial { .. } => {
                let connected = Socket::connect(options);
                let now = clock.now();
                match connected {
                    Ok((connected, input)) if driver.connected(now) => {
                        driver.handle_bytes(now, &input);
                        socket = Some(connected);
                    }
                    // It came too late.
                    Ok(_) => (),
                    Err(error) => driver.dial_failed(now, error),
                }
                continue;
            }
            Next::Idle { until } => until,
        };
        let wait = until.map(|until| (until - clock.now()).max(Duration::from_millis(1)));
        match &mut socket {
            Some(socket) if driver.wants_bytes() => match socket.read(wait) {
                Ok(Some(bytes)) => driver.handle_bytes(clock.now(), bytes),
                Ok(None) => driver.handle_end(clock.now(), None),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => (),
                Err(error) => driver.handle_end(clock.now(), Some(error)),
            },
            _ => std::thread::sleep(wait.unwrap_or(Duration::from_secs(1))),
        }
    }
}

/// A socket, and what lies between it and the driver: nothing, or TLS.
struct Socket {
    stream: TcpStream,
    channel: Channel,
    input: Box<[u8]>,
    decrypted: Vec<u8>,
}

impl Socket {
    /// Connects, and does the handshakes with the proxy, TLS and HTTP. Returns the first bytes for the driver, too.
    fn connect(options: &Options) -> Result<(Socket, Vec<u8>), ConnectError> {
        let url = Url::parse(&options.url)?;
        let mut opening = Opening::new(&url, options)?;
        let mut stream = connect_tcp(options.dials(&url), options.dial_timeout())?;
        let mut input: Box<[u8]> = vec![0; 16 << 10].into();
        let mut is_open = false;
        while !is_open {
            let mut output = Vec::new();
            opening.take_output(&mut output);
            let read = stream.write_all(&output).and_then(|()| stream.read(&mut input));
            is_open = match read {
                Ok(0) => return Err(opening.handle_end(None)),
                Ok(length) => opening.handle_bytes(input.get(..length).unwrap_or_default())?,
                Err(error) => return Err(opening.handle_end(Some(error))),
            };
        }
        let mut output = Vec::new();
        opening.take_output(&mut output);
        stream.write_all(&output).map_err(|error| opening.handle_end(Some(error)))?;
        let opened = opening.finish();
        Ok((Socket { stream, channel: opened.channel, input, decrypted: Vec::new() }, opened.input))
    }

    /// Writes what the driver has to send; returns whether there may be more.
    fn write(&mut self, driver: &mut Driver<Infallible>) -> io::Result<bool> {
        let mut output = Vec::new();
        driver.take_output(&mut output);
        let is_full = output.len() > OUTPUT_AT_ONCE;
        self.channel.seal(&mut output);
        self.stream.write_all(&output)?;
        Ok(is_full)
    }

    /// Reads what comes in time; `None` at the end.
    fn read(&mut self, wait: Option<Duration>) -> io::Result<Option<&[u8]>> {
        self.stream.set_read_timeout(wait)?;
        let length = self.stream.read(&mut self.input)?;
        if length == 0 || self.channel.has_ended() {
            return Ok(None);
        }
        self.channel.receive(self.input.get(..length).unwrap_or_default(), &mut self.decrypted).map(Some)
    }
}

/// Connects to the first address that answers. The time-out holds for each step, not for all of them together.
fn connect_tcp((host, port): (&str, u16), timeout: Duration) -> Result<TcpStream, ConnectError> {
    let unknown = |error| ConnectError::Resolve { host: host.into(), source: Arc::new(error) };
    let mut dialer = Dialer::new(format!("{host}:{port}"), (host, port).to_socket_addrs().map_err(unknown)?);
    loop {
        let address = match dialer.next(Time::ZERO) {
            Step::Connect(address) => address,
            Step::Failed(error) => return Err(error),
            // One at a time: none is under way here.
            Step::Wait(_) => return Err(ConnectError::TimedOut),
        };
        let connected = TcpStream::connect_timeout(&address, timeout).and_then(|stream| {
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(timeout))?;
            stream.set_write_timeout(Some(timeout))?;
            Ok(stream)
        });
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => dialer.failed(address, error),
        }
    }
}

/// Answers each message, until somebody says "stop".
pub(crate) fn bot(options: &Options, login: &str, password: &str) {
    drive(options, |mailbox, now, event| {
        let given = match event {
            Event::Connected { .. } if mailbox.client().user().is_none() => {
                mailbox.submit(now, Authorize { login, password }).map(drop)
            }
            Event::Message(incoming) if incoming.is_own() => Ok(()),
            Event::Message(incoming) if incoming.message.body == "stop" => {
                mailbox.close(now);
                Ok(())
            }
            Event::Message(incoming) => {
                let body = format!("you said: {}", incoming.message.body);
                let answer = SendMessage::new(incoming.dialog(), &body);
                mailbox.submit(now, answer).map(drop)
            }
            _ => Ok(()),
        };
        if let Err(error) = given {
            eprintln!("{error}");
        }
    });
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, login, password] = &arguments[..] else { return Err("usage: URL LOGIN PASSWORD".into()) };
    bot(&Options::from(url.as_str()), login, password);
    Ok(())
}
