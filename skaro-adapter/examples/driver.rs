//! A client in one thread, without async: the guide's loop around a `Driver`, and a bot that uses it.
//!
//! ```text
//! cargo run -p skaro-adapter --example driver -- ws://127.0.0.1:8000/skaro_client/ bob secret
//! ```

use std::convert::Infallible;
use std::error::Error;
use std::net::{TcpStream, ToSocketAddrs};
use std::task::Poll;
use std::time::Duration;

use skaro_adapter::dial::Step;
use skaro_adapter::{Clock, ConnectError, Driver, Link, Mailbox, Next, Options, READ_AT_ONCE, Target};
use skaro_proto::Time;
use skaro_proto::client::{Authorize, Event, SendMessage};

/// Drives a client until it is closed. Nobody waits for the ends of commands here, so they are events, too.
///
/// # Errors
/// If no connection is possible with these options. (Failures of the network are events.)
pub(crate) fn drive(
    options: Options,
    mut react: impl FnMut(&mut Mailbox<Infallible>, Time, Event<'_>),
) -> Result<(), ConnectError> {
    let target = Target::new(options)?;
    let mut driver: Driver<Infallible> = target.driver()?;
    let clock = Clock::start();
    let mut connection: Option<(TcpStream, Link)> = None;
    let mut buffer = vec![0; READ_AT_ONCE];
    // Connect before the loop instead, if a failure of the first attempt is to be an error.
    _ = driver.mailbox_mut().reconnect(clock.now());
    loop {
        let now = clock.now();
        while let Some(event) = driver.mailbox_mut().next_event() {
            react(driver.mailbox_mut(), now, event);
        }
        let next = driver.drive(now);
        if let Some((stream, link)) = &mut connection {
            link.fill(|output| driver.take_output(output));
            if !driver.has_connection() {
                _ = link.turn(stream, false, &mut []);
                connection = None;
            }
        }
        let until = match next {
            Next::Closed => return Ok(()),
            Next::Dial { .. } => {
                let connected = connect(&target);
                connection = driver.dialed(clock.now(), connected);
                let peer = connection.as_ref().and_then(|(stream, _)| stream.peer_addr().ok());
                if connection.is_some() && target.is_confidential(peer) {
                    driver.handle_confidential();
                }
                continue;
            }
            Next::Idle { until } => until,
        };
        let wait = until.map(|until| (until - clock.now()).max(Duration::from_millis(1)));
        match &mut connection {
            Some((stream, link)) => {
                // Fails only if the time is zero.
                _ = stream.set_read_timeout(wait);
                // All events were taken, so reading goes on.
                if let Poll::Ready(read) = link.turn(stream, true, &mut buffer) {
                    driver.handle_read(clock.now(), read);
                }
            }
            None => std::thread::sleep(wait.unwrap_or(Duration::from_secs(1))),
        }
    }
}

/// Connects, and does the handshakes with the proxy, TLS and HTTP.
fn connect(target: &Target) -> Result<(TcpStream, Link), ConnectError> {
    let mut opening = target.opening()?;
    let mut stream = connect_tcp(target)?;
    match opening.advance(&mut stream, &mut [0; 4096]) {
        Poll::Ready(result) => result.map(|()| (stream, opening.finish())),
        Poll::Pending => Err(ConnectError::TimedOut),
    }
}

/// Connects to the first address that answers. The time-out holds for each step, not for all of them together.
fn connect_tcp(target: &Target) -> Result<TcpStream, ConnectError> {
    let mut dialer = target.dialer((target.host(), target.port()).to_socket_addrs())?;
    loop {
        let address = match dialer.next(Time::ZERO) {
            Step::Connect(address) => address,
            Step::Failed(error) => return Err(error),
            // One at a time: none is under way here.
            Step::Wait(_) => return Err(ConnectError::TimedOut),
        };
        let timeout = Some(target.timeout());
        let connected = TcpStream::connect_timeout(&address, target.timeout()).and_then(|stream| {
            stream.set_nodelay(true)?;
            // On Windows a read that takes too long fails with `TimedOut`: make that `WouldBlock`, in a stream of yours.
            stream.set_read_timeout(timeout)?;
            stream.set_write_timeout(timeout)?;
            Ok(stream)
        });
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => dialer.failed(address, error),
        }
    }
}

/// Answers each message, until somebody says "stop".
///
/// # Errors
/// If no connection is possible with these options.
pub(crate) fn bot(options: Options, login: &str, password: &str) -> Result<(), ConnectError> {
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
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, login, password] = &arguments[..] else { return Err("usage: URL LOGIN PASSWORD".into()) };
    Ok(bot(Options::from(url.as_str()), login, password)?)
}
