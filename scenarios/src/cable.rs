//! A TCP proxy on loopback that can cut and stall connections.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// Time for which the server does not notice that a half-dead connection has broken.
const HALF_DEAD: Duration = Duration::from_millis(300);

/// A proxy between clients and a server.
pub struct Cable {
    /// The address for clients.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    target: SocketAddr,
    stalled: bool,
    /// The two ends of each connection, by a number.
    open: BTreeMap<u64, [TcpStream; 2]>,
    last: u64,
    /// Set while connections break by themselves: the number of bytes below which each breaks.
    fragile: Option<usize>,
    breaks: usize,
    random: fastrand::Rng,
    /// Set while new connections are accepted and dropped at once.
    refusing: bool,
    done: bool,
}

impl Cable {
    /// Starts a proxy to a server.
    pub fn new(target: SocketAddr) -> Cable {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            target,
            stalled: false,
            open: BTreeMap::new(),
            last: 0,
            fragile: None,
            breaks: 0,
            random: fastrand::Rng::with_seed(1),
            refusing: false,
            done: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let accepting = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let mut state = accepting.state.lock().unwrap();
                if state.done {
                    return;
                }
                let (Ok(client), false) = (client, state.refusing) else { continue };
                let Ok(server) = TcpStream::connect(state.target) else { continue };
                state.last += 1;
                let number = state.last;
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    from.set_nodelay(true).unwrap();
                    let left = state.fragile.map(|bound| state.random.usize(..bound));
                    let shared = accepting.clone();
                    thread::spawn(move || shared.copy(number, from, to, left));
                }
                state.open.insert(number, [client, server]);
            }
        });
        Cable { address, shared }
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        let open = std::mem::take(&mut self.shared.state.lock().unwrap().open);
        for stream in open.into_values().flatten() {
            _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets each new connection break within so many bytes in either direction, after any of them; every fourth one is
    /// half dead for a while: its client has noticed, the server has not. `None` ends that for all connections.
    pub fn be_fragile(&self, within: Option<usize>) {
        self.shared.state.lock().unwrap().fragile = within;
    }

    /// Returns how many connections have broken by themselves.
    pub fn breaks(&self) -> usize {
        self.shared.state.lock().unwrap().breaks
    }

    /// Holds back all data from now on.
    pub fn stall(&self) {
        self.shared.state.lock().unwrap().stalled = true;
    }

    /// Delivers the data that was held back.
    pub fn resume(&self) {
        self.shared.state.lock().unwrap().stalled = false;
        self.shared.changed.notify_all();
    }

    /// Starts or stops to drop new connections at once.
    pub fn refuse(&self, refusing: bool) {
        self.shared.state.lock().unwrap().refusing = refusing;
    }

    /// Connects new clients to another server.
    pub fn retarget(&self, target: SocketAddr) {
        self.shared.state.lock().unwrap().target = target;
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.resume();
        self.cut();
        self.shared.state.lock().unwrap().done = true;
        _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    /// Copies one direction of a connection, as many bytes as are left before it breaks.
    fn copy(&self, number: u64, mut from: TcpStream, mut to: TcpStream, mut left: Option<usize>) {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let state = self.state.lock().unwrap();
            let state = self.changed.wait_while(state, |state| state.stalled).unwrap();
            left = left.filter(|_| state.fragile.is_some());
            drop(state);
            let passes = left.map_or(length, |left| left.min(length));
            if to.write_all(&buffer[..passes]).is_err() {
                break;
            }
            if passes < length {
                self.break_down(number);
                break;
            }
            left = left.map(|left| left - passes);
        }
        self.state.lock().unwrap().open.remove(&number);
        _ = from.shutdown(Shutdown::Both);
        _ = to.shutdown(Shutdown::Both);
    }

    /// A connection breaks by itself, unless it was cut before.
    fn break_down(&self, number: u64) {
        let mut state = self.state.lock().unwrap();
        let Some([client, _]) = state.open.remove(&number) else { return };
        state.breaks += 1;
        let is_half_dead = state.breaks.is_multiple_of(4);
        drop(state);
        _ = client.shutdown(Shutdown::Both);
        if is_half_dead {
            thread::sleep(HALF_DEAD);
        }
    }
}
